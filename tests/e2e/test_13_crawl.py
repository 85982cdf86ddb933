"""Crawls of a website. Guards I7 (every page ends once), I11 (the host's limits), design 5.10."""
import shutil

import pytest

from waiting import until
from website import Website, page

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

FILL = "words to fill a page " * 40


@pytest.fixture
def website(tmp_path):
    made = []

    def make(pages):
        made.append(Website(tmp_path / f"site{len(made)}", pages))
        return made[-1]

    yield make
    for site in made:
        site.stop()


def chain(count, folder="/p"):
    """Pages that link to each other: all of them can be reached from the first by two roads."""
    def link(form, i):
        return form % i if i < count else "/"

    return {"/index.html": page(f"{folder}/0.html"),
            **{f"{folder}/{i}.html": page(link("%d.html", i + 1), link("./%d.html#part", 2 * i + 1),
                                          link(f"../..{folder}/%d.html", 2 * i + 2), text=FILL) for i in range(count)}}


MIXED = {
    **chain(30),
    "/index.html": page("p/0.html", "#top", "mailto:somebody@example.com", "javascript:void(0)", "old.html",
                        "missing.html", "gone.html", "away.html", "note.txt", "slow/1.html",
                        "http://OTHER/external.html", "HTTP:/p/1.html"),
    "/new.html": page("missing.html", "/p/3.html", text=FILL),
    "/note.txt": '<a href="/not-a-link.html">no page, no links</a>',
    "/slow/1.html": page("/", text="x" * 60_000),
}
# The 30, the start, old, new, missing, gone, away, note and the slow one.
MIXED_PAGES = 30 + 8


def pages_of(db, job):
    return {url: (status, error) for url, status, error in
            db.rows("select url, status, error_class from pawl.pages where job_id = %s", job)}


def test_a_whole_site(db, serve, website):
    site = website(MIXED)
    serve(db)
    report = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0, "--concurrency", 8)
    assert report["status"] == "completed" and report["pages"] == MIXED_PAGES

    paths = [path for *_, path in site.requests()]
    assert len(paths) == len(set(paths)) == MIXED_PAGES, "every page once"
    assert {host for *_, host, _ in site.requests()} == {f"127.0.0.1:{site.port}"}, "and no other site"

    broken = {entry["url"]: entry for entry in report["broken"]}
    assert report["broken_count"] == 2 and set(broken) == {site.url("/missing.html"), site.url("/gone.html")}
    missing = broken[site.url("/missing.html")]
    assert missing["status"] == 404 and missing["referrer_count"] == 2
    assert set(missing["referrers"]) == {site.url("/"), site.url("/new.html")}
    assert broken[site.url("/gone.html")]["status"] == 410
    assert report["slowest"][0]["url"] == site.url("/slow/1.html") and report["slowest"][0]["total_ms"] > 300
    assert {entry["status"]: entry["pages"] for entry in report["by_status"]} == \
        {200: MIXED_PAGES - 4, 301: 1, 302: 1, 404: 1, 410: 1}

    shown = db.json("job", "show", report["job"])
    assert shown["crawl"]["broken"] == report["broken"]
    assert shown["total"] == MIXED_PAGES and shown["failed"] == 2 and shown["completed"] == MIXED_PAGES - 2
    assert db.value("select redirect_to from pawl.pages where url = %s", site.url("/old.html")) == site.url("/new.html")
    encoding, transfer, body = db.rows(
        "select encoding, transfer_bytes, body_bytes from pawl.pages where url = %s", site.url("/p/3.html"))[0]
    assert encoding == "gzip" and 0 < transfer < body
    assert body == len(open(f"{site.folder}/pages/p/3.html").read())
    db.wait_folded()
    db.assert_exact()


def test_links_to_other_sites_are_checked_when_asked_for(db, serve, website):
    site = website({"/index.html": page("http://OTHER/there.html", "http://127.0.0.1:1/nobody.html", "/in.html",
                                         "http://OTHER/heads.html", "http://OTHER/moved.html"),
                    "/in.html": page("http://OTHER/there.html")})
    db.rows("update pawl.kinds set max_attempts = 1 where name = 'crawl'")
    serve(db)
    report = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0, "--check-external")
    other = f"http://127.0.0.1:{site.other_port}"
    nobody = "http://127.0.0.1:1/nobody.html"
    assert db.rows("select url, status, error_class, redirect_to from pawl.pages where role = 'external' order by status, url") == \
        [(f"{other}/heads.html", 200, None, None), (f"{other}/there.html", 200, None, None),
         (f"{other}/moved.html", 404, "status", f"{other}/dead.html"), (nobody, None, "connect", None)]
    assert [entry["url"] for entry in report["broken"]] == [nobody, f"{other}/moved.html"]
    assert report["broken"][0]["referrers"] == report["broken"][1]["referrers"] == [site.url()]
    assert report["pages"] == 2


def test_max_pages_is_exact(db, serve, website):
    """Two nodes find links at once; neither goes over."""
    site = website(chain(60))
    serve(db)
    serve(db)
    for limit in (1, 17):
        report = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--max-pages", limit, "--delay", 0, "--concurrency", 16)
        assert report["pages"] == limit
        assert db.value("select total from pawl.job_progress where job_id = %s", report["job"]) == limit
    assert len(site.requests()) == 18


def test_a_host_is_asked_by_so_many_at_once_and_no_more(db, serve, website):
    slow = {f"/slow/{i}.html": page(text="x" * 50_000) for i in range(12)}
    site = website({"/index.html": page(*slow), **slow})
    serve(db)
    serve(db)
    report = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0, "--concurrency", 3)
    assert report["pages"] == 13
    changes = sorted([(begin, 1) for begin, *_ in site.requests()] + [(end, -1) for _, end, *_ in site.requests()])
    at_once = most = 0
    for _, change in changes:
        at_once += change
        most = max(most, at_once)
    assert most == 3


def test_a_host_is_given_pauses(db, serve, website):
    """Starts may be late by 100 ms (connections are made, machines are busy), so any stretch of them may
    be shorter than the delay says by that much."""
    site = website(chain(12))
    serve(db)
    serve(db)
    assert db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0.15)["pages"] == 13
    begins = [begin for begin, *_ in site.requests(robots=True)]
    for i, first in enumerate(begins):
        for j, second in enumerate(begins[i + 1:], 1):
            assert second - first >= j * 0.15 - 0.1, f"requests {i} and {i + j}"


def test_two_crawls_of_a_host_share_its_limits(db, serve, website):
    site = website(chain(10))
    serve(db)
    first = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0.1, "--detach")["job"]
    second = db.json("crawl", site.url("/p/5.html"), "--allow-private", "--no-sitemaps", "--detach")["job"]
    db.wait_job(first)
    db.wait_job(second)
    begins = [begin for begin, *_ in site.requests(robots=True)]
    assert len(begins) > 15
    assert begins[-1] - begins[0] >= (len(begins) - 1) * 0.1 - 0.1


def test_killed_nodes(db, serve, website):
    """Whoever takes over asks for what was in flight again, and every page ends once."""
    count = 600
    site = website(chain(count))
    job = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0, "--concurrency", 40, "--detach")["job"]
    db.rows("update pawl.limiters set start_interval_ms = 2")
    victim, other = serve(db), serve(db)
    until(lambda: db.value("select count(*) from pawl.pages") > 100, 20, "the crawl is under way")
    victim.kill()
    assert db.job_status(job) == "running"
    other.kill()
    serve(db)
    db.wait_job(job, seconds=60)
    assert len(pages_of(db, job)) == count + 1
    assert db.rows("select status::text, count(*) from pawl.tasks group by 1") == [("completed", count + 1)]
    assert {error for _, error in pages_of(db, job).values()} == {None}
    assert db.value("select count(*) = count(distinct url) from pawl.pages")
    again = len(site.requests()) - (count + 1)
    lost = db.value("select count(*) from pawl.attempts where error_class = 'lost'")
    assert 0 <= again <= lost and lost > 0
    db.wait_folded()
    db.assert_exact()


def test_a_crawl_outlasts_a_stop_of_postgresql(databases, own_servers, serve, website):
    """A page that comes while the database is away is kept and written when it is back."""
    slow = {f"/slow/{i}.html": page(text="x" * 60_000) for i in range(6)}
    site = website({"/index.html": page(*slow), **slow})
    server = own_servers()
    db = databases(server)
    node = serve(db)
    job = db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0, "--concurrency", 6, "--detach")["job"]
    until(lambda: db.progress(job)["running"] == 6, 10, "six slow pages are on their way")
    server.stop()
    until(lambda: len(site.requests()) == 7, 20, "they have come")
    server.start()
    db.wait_job(job, seconds=30)
    assert len(site.requests()) == 7, "nothing was asked for twice"
    assert len(pages_of(db, job)) == 7 and db.value("select count(*) from pawl.attempts") == 0
    assert node.is_running()


def test_a_crawl_brings_its_own_node_where_none_runs(db, website):
    site = website(chain(5))
    assert db.json("crawl", site.url(), "--allow-private", "--no-sitemaps", "--delay", 0)["pages"] == 6
    assert db.value("select count(*) from pawl.nodes") == 0
