"""Names that change their address: the guard looks at the address that a connection is made to, so whatever a name meant
a moment ago, no connection arrives where a stranger's URL must not lead (design 9). In a network of its own."""
import os
import shutil

import pytest

from network import OTHER_PUBLIC, PRIVATE, PUBLIC, Network
from program import Node
from waiting import until


@pytest.fixture
def network(tmp_path):
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        pytest.skip("a network with names of one's own needs root, and nsenter")
    try:
        made = Network(tmp_path)
    except OSError as error:
        pytest.skip(f"a network with names of one's own needs the right to namespaces: {error}")
    yield made
    made.stop()


@pytest.fixture
def serve_in(network, launch, db):
    """A node inside it."""
    def start():
        node = launch("serve", "--db", db.url, inside=network.inside)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s", f"%:{node.pid}") or not node.is_running(),
              20, "the node is registered")
        assert node.is_running(), node.said()
        return node
    return start


def crawl(db, url, *words):
    return db.json("crawl", url, "--delay", 0, "--concurrency", 8, *words, "--detach")["job"]


def wait(db, job):
    until(lambda: db.value("select finished_at is not null from pawl.jobs where id = %s", job), 60, db.progress(job))
    return {url: (status, error_class, error) for url, status, error_class, error in
            db.rows("select url, status, error_class, error from pawl.pages where job_id = %s and role <> 'sitemap'", job)}


def links(*urls):
    return "<!doctype html>" + "".join(f'<a href="{url}">x</a>' for url in urls)


def assert_untouched(network):
    connected = network.connected()
    assert connected.keys() <= {PUBLIC, OTHER_PUBLIC}, connected
    return connected


HOSTS = 12


def tell_of_hosts(network):
    """A site of many hosts. Each name is public when it is asked for first, as for a check, and private from then on."""
    names = [f"n{i}.home.test" for i in range(HOSTS)]
    network.tell({"home.test": [[PUBLIC]], **{name: [[PUBLIC], [PRIVATE[i % 3]]] for i, name in enumerate(names)}},
               {"home.test/": links(*(f"http://{name}/" for name in names)),
                **{f"{name}/": links("/1", "/2", "/3") for name in names},
                **{f"{name}/{i}": links("/") for name in names for i in (1, 2, 3)}})
    return names


def test_a_name_that_changes_between_check_and_connect(db, network, serve_in):
    names = tell_of_hosts(network)
    serve_in()
    pages = wait(db, crawl(db, "http://home.test/", "--subdomains"))
    assert all(network.asked()[name] for name in names)
    assert_untouched(network)
    for name in names:
        assert pages[f"http://{name}/"] == (200, None, None), "what was asked for is what was looked at"
    assert {answer for answer in pages.values()} <= {(200, None, None)} | \
        {(None, "guard", f"refused: {address} is {what}") for address, what in WHAT.items()}


WHAT = {"127.0.0.1": "a loopback address", "10.0.0.1": "a private address", "169.254.169.254": "a metadata address"}


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_changes_while_it_is_crawled(db, network, serve_in, address):
    """Another node goes on, and asks anew."""
    pages = {"victim.test/": links(*(f"/{i}" for i in range(40))), **{f"victim.test/{i}": links("/") for i in range(40)}}
    network.tell({"victim.test": [[PUBLIC]]}, pages)
    node = serve_in()
    job = db.json("crawl", "http://victim.test/", "--delay", 0.05, "--concurrency", 1, "--detach")["job"]
    until(lambda: db.progress(job)["completed"] >= 5, 20, "it is under way")
    assert node.stop() == 0
    network.tell({"victim.test": [[address]]})
    before = assert_untouched(network)
    serve_in()
    pages = wait(db, job)
    assert assert_untouched(network) == before, "nobody was connected to any more"
    refused = (None, "guard", f"refused: {address} is {WHAT[address]}")
    assert set(pages.values()) == {(200, None, None), refused} and len(pages) == 41


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_with_two_addresses(db, network, serve_in, address):
    """Where the public one does not answer, the other is not to be tried; where it does, all is well."""
    network.tell({"half.test": [[PUBLIC, address]], "late.test": [[address, PUBLIC]], "inside.test": [[address, PRIVATE[0]]]},
               {"late.test/": links("/")})
    db.rows("update pawl.kinds set max_attempts = 1 where name = 'crawl'")
    serve_in()
    for url, wanted in (("http://half.test:81/", (None, "connect")), ("http://late.test/", (200, None)), ("http://inside.test/", (None, "guard"))):
        pages = wait(db, crawl(db, url, "--ignore-robots", "--no-sitemaps"))
        assert pages[url][:2] == wanted, (url, pages)
    assert_untouched(network)


def test_whatever_leads_there(db, network, serve_in):
    """A link, a redirect, another site, robots.txt that has moved, and a sitemap."""
    inner = {name: [[PRIVATE[i % 3]]] for i, name in enumerate(("link.home.test", "redirect.home.test", "other.test", "robots.test", "maps.test"))}
    network.tell({"home.test": [[PUBLIC]], "moved.home.test": [[OTHER_PUBLIC]], **inner}, {
        "home.test/": links("http://link.home.test/", "/away", "http://other.test/", "http://moved.home.test/"),
        "home.test/away": ">http://redirect.home.test/latest/meta-data/",
        "home.test/robots.txt": "User-agent: *\nAllow: /\nSitemap: http://maps.test/sitemap.xml\n",
        "moved.home.test/robots.txt": ">http://robots.test/robots.txt",
        "moved.home.test/": links("/"),
    })
    db.rows("update pawl.kinds set max_attempts = 1 where name = 'crawl'")
    serve_in()
    job = crawl(db, "http://home.test/", "--subdomains", "--check-external")
    pages = wait(db, job)
    assert all(network.asked()[name] for name in inner), network.asked()
    assert_untouched(network)
    for url in ("http://link.home.test/", "http://redirect.home.test/latest/meta-data/", "http://other.test/", "http://moved.home.test/"):
        assert pages[url][:2] == (None, "guard"), (url, pages[url])
    assert pages["http://home.test/"][0] == 200 and pages["http://home.test/away"][0] == 301
    assert db.value("select error_class from pawl.pages where job_id = %s and role = 'sitemap'", job) == "guard"


def test_that_the_trap_would_spring(db, network, serve_in):
    """Without the guard the same crawls do arrive there; else all of the above would prove nothing."""
    names = tell_of_hosts(network)
    network.tell({name: [[PRIVATE[i % 3]]] for i, name in enumerate(names)} | {"half.test": [[PUBLIC, PRIVATE[0]]]},
               {"half.test/": links("/")})
    serve_in()
    pages = wait(db, crawl(db, "http://home.test/", "--subdomains", "--allow-private"))
    assert {answer for answer in pages.values()} == {(200, None, None)} and len(pages) == 1 + HOSTS * 4
    assert set(PRIVATE) <= network.connected().keys()
    before = network.connected()[PRIVATE[0]]
    pages = wait(db, crawl(db, "http://half.test:81/", "--ignore-robots", "--no-sitemaps", "--allow-private"))
    assert pages["http://half.test:81/"][0] == 200
    assert network.connected()[PRIVATE[0]] > before
