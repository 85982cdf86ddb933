"""The crawler on the site farm: robots.txt, sitemaps, caches, politeness, traps, and what is told of it all."""
import collections
import re
import threading
import urllib.parse

import pytest

from farm import Farm, host_name
from waiting import until


@pytest.fixture
def farm(tmp_path, request):
    def make(**options):
        made = Farm(tmp_path / f"farm{len(list(tmp_path.iterdir()))}", **options)
        request.addfinalizer(made.stop)
        return made
    return make


def crawl(db, url, *words, **options):
    return db.json("crawl", url, "--allow-private", "--delay", 0, "--concurrency", 16, *words, **options)


def paths_of(db, job, where="role = 'page'"):
    rows = db.rows(f"select url from pawl.pages where job_id = %s and {where}", job)
    return sorted(urllib.parse.urlsplit(url)._replace(scheme="", netloc="").geturl() for url, in rows)


def page(db, job, path):
    """(status, error_class) of the one page that ends so."""
    found = db.rows("select status, error_class from pawl.pages where job_id = %s and url like %s", job, f"%{path}")
    assert len(found) == 1, f"{path}: {found}"
    return found[0]


def start_of(farm, path, host=1):
    """A crawl that sees this path alone, and what it leads to."""
    return farm.url(host, path)


# ---- finding everything ----

def test_every_page_and_no_other(db, serve, farm):
    site = farm(pages=300, orphans=20, sitemap=True)
    serve(db)
    report = crawl(db, site.url())
    expected = {url.replace(site.url(), "/") for url in site.expected(orphans=True)}
    assert set(paths_of(db, report["job"])) == expected
    asked = collections.Counter(one.path for one in site.log())
    assert asked["/robots.txt"] == 1 and set(asked.values()) == {1}, "everything once"
    in_sitemap_only = set(paths_of(db, report["job"], "source = 'sitemap'"))
    assert in_sitemap_only >= expected - {url.replace(site.url(), "/") for url in site.expected()}
    db.wait_folded()
    db.assert_exact()


def test_two_nodes_read_robots_once(db, serve, farm):
    """Each of them has pages of the host at once, before anybody knows its robots.txt, which takes a while."""
    site = farm(pages=200, latency=200)
    serve(db, slots=4)
    serve(db, slots=4)
    job, = db.value("""
      select array_agg(j) from pawl.crawl(%s, '{"allow_private": true, "sitemaps": false}', 8, 0) j,
        pawl.add_sitemap_pages(j, (select jsonb_agg(jsonb_build_object('url', %s || '/page/' || i,
          'key', pawl.url_key(%s || '/page/' || i), 'priority', 0.5, 'depth', 1, 'source', 'sitemap')) from generate_series(1, 20) i))""",
                    site.url(), *[site.url(path="")] * 2)
    db.wait_job(job)
    asked = collections.Counter(one.path for one in site.log())
    assert asked["/robots.txt"] == 1 and set(asked.values()) == {1}
    assert len(paths_of(db, job)) == 200
    assert db.value("select count(distinct node_id) from pawl.tasks where job_id = %s", job) == 2


def test_robots_forbid(db, serve, farm):
    site = farm(pages=50, robots="partial")
    serve(db)
    report = crawl(db, site.url(), "--no-sitemaps")
    asked = {one.path for one in site.log()}
    assert "/private/open/1" in asked and "/private/1" not in asked
    ignoring = crawl(db, site.url(), "--no-sitemaps", "--ignore-robots")
    assert "/private/1" in {one.path for one in site.log()}
    assert db.value("select params -> 'ignore_robots' from pawl.jobs where id = %s", ignoring["job"]) is True
    assert db.value("select sum(skipped_links) > 0 from pawl.pages where job_id = %s", report["job"])


def test_robots_that_forbid_everything(db, serve, farm):
    site = farm(pages=10, robots="closed")
    serve(db)
    db.pawl("crawl", site.url(), "--allow-private", "--delay", 0, code=None)
    job = db.value("select max(id) from pawl.jobs")
    assert db.job_status(job) == "failed"
    assert db.value("select error like %s from pawl.tasks where job_id = %s and error is not null",
                    "robots.txt forbids it: Disallow: /%", job)
    assert {one.path for one in site.log()} <= {"/robots.txt", "/sitemap.xml", "/sitemap_index.xml"}


def test_robots_that_are_broken_wait(db, serve, farm):
    site = farm(pages=10, robots="broken")
    db.rows("update pawl.kinds set backoff_base_ms = 0 where name = 'crawl'")
    serve(db)
    db.pawl("crawl", site.url(), "--allow-private", "--delay", 0, code=None)
    assert {one.path for one in site.log()} == {"/robots.txt"}, "nothing is fetched until it is known"
    assert db.value("select count(*) from pawl.attempts where error like 'robots.txt: 5%'") == 3


def test_patterns(db, serve, farm):
    site = farm(pages=100)
    serve(db)
    report = crawl(db, site.url(), "--no-sitemaps", "--exclude", "*5$", "--exclude", "/page/1")
    paths = paths_of(db, report["job"])
    assert len(paths) > 10 and not [path for path in paths if path.endswith("5") or path.startswith("/page/1")]
    only = crawl(db, site.url(), "--no-sitemaps", "--include", "/page/2")
    assert set(paths_of(db, only["job"])) - {"/"} == \
        {path for path in paths_of(db, only["job"]) if path.startswith("/page/2")} != set()


def test_thousands_of_hosts(db, serve, farm):
    """Each has a robots.txt of its own, which is fetched once; all of them share one pace."""
    site = farm(pages=1)
    serve(db)
    report = crawl(db, site.url("localhost", "/many-hosts/5000"), "--no-sitemaps", "--no-warm", "--subdomains")
    assert report["status"] == "completed"
    assert db.value("select count(*) from pawl.pages where job_id = %s and status = 200", report["job"]) == 5001
    asked = collections.Counter((one.host, one.path) for one in site.log())
    assert len(asked) == 2 * 5001 and set(asked.values()) == {1}, "of each host robots.txt and its home, once"
    alone = crawl(db, site.url("localhost", "/many-hosts/5000"), "--no-sitemaps", "--no-warm")
    assert len(paths_of(db, alone["job"])) == 1


def test_max_pages_with_sitemaps(db, serve, farm):
    site = farm(pages=400, sitemap=True)
    serve(db)
    serve(db)
    for limit in (1, 37):
        report = crawl(db, site.url(), "--max-pages", limit)
        assert len(paths_of(db, report["job"])) == limit


def test_max_pages_ends_sitemaps(db, serve, farm):
    """However many there are: those that were not begun are not read."""
    site = farm(pages=3)
    serve(db)
    site.robots(1, text="".join(f"Sitemap: {site.url(path=f'/sitemaps/{n}/all.xml')}\n" for n in range(1000, 1030)))
    report = db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--concurrency", 2, "--max-pages", 10)
    assert report["status"] == "completed" and len(paths_of(db, report["job"])) == 10
    assert len([one for one in site.log() if one.path.startswith("/sitemaps/")]) <= 4
    db.wait_folded()
    db.assert_exact()


# ---- caches ----

CACHES = "cloudflare cloudfront fastly akamai netlify vercel azure varnish nginx rfc9211".split()


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_is_warmed(db, serve, farm, name):
    site = farm(pages=6)
    serve(db)
    report = crawl(db, site.url(path=f"/cdn/{name}/1/"), "--no-sitemaps")
    rows = db.rows("select cache, warm_cache, warm_requests from pawl.pages where job_id = %s", report["job"])
    assert len(rows) == 6 and set(rows) == {("miss", "hit", 1)}
    again = crawl(db, site.url(path=f"/cdn/{name}/1/"), "--no-sitemaps")
    assert set(db.rows("select cache, warm_requests from pawl.pages where job_id = %s", again["job"])) == {("hit", 0)}


def test_what_no_cache_holds_is_asked_for_once(db, serve, farm):
    site = farm(pages=4)
    serve(db)
    for name, kind in (("cloudflare", "dynamic"), ("cloudflare", "bypass"), ("nginx", "private"), ("nginx", "no-store"),
                       ("nginx", "set-cookie")):
        report = crawl(db, site.url(path=f"/cdn/{name}/{kind}/"), "--no-sitemaps")
        rows = db.rows("select cache in ('uncacheable', 'bypass'), cache_reason is not null, warm_requests from pawl.pages"
                       " where job_id = %s", report["job"])
        assert len(rows) == 4 and set(rows) == {(True, True, 0)}, kind
    cold = crawl(db, site.url(path="/cdn/nginx/1/"), "--no-sitemaps", "--no-warm")
    assert set(db.rows("select cache, warm_requests from pawl.pages where job_id = %s", cold["job"])) == {("miss", 0)}


# ---- politeness ----

def test_a_storm_slows_one_host_and_no_other(db, serve, farm):
    site = farm(pages=12, hosts=2)
    db.rows("update pawl.kinds set backoff_base_ms = 0 where name = 'crawl'")
    serve(db)
    site.storm(1)
    jobs = [db.json("crawl", site.url(host), "--allow-private", "--no-sitemaps", "--ignore-robots", "--detach")["job"]
            for host in (1, 2)]
    db.wait_job(jobs[1])
    until(lambda: db.value("select start_interval_ms > 500 from pawl.limiters where key = %s",
                           f"host:{host_name(1)}:{site.port}"), 20, "the host in the storm is asked more slowly")
    assert db.value("select start_interval_ms from pawl.limiters where key = %s", f"host:{host_name(2)}:{site.port}") == 500
    assert 429 not in {one.status for one in site.log(2)}
    db.pawl("job", "cancel", jobs[0])


def test_retry_after_pauses_a_host_without_a_pace(db, serve, farm):
    site = farm(pages=400, latency=20)
    db.rows("update pawl.kinds set backoff_base_ms = 0 where name = 'crawl'")
    serve(db)
    job = db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--concurrency", 4, "--no-sitemaps", "--detach")["job"]
    until(lambda: len(site.log()) > 20, 10, "it is under way")
    site.storm(1, after=3)
    until(lambda: 429 in {one.status for one in site.log()}, 10, "it is refused")
    site.storm(1, is_on=False)
    db.wait_job(job)
    begins = [one.begin for one in site.log()]
    refused = max(one.end for one in site.log() if one.status == 429)
    assert min(begin for begin in begins if begin > refused) - refused > 2.5


def test_a_host_that_refuses_everything_ends_its_crawl(db, serve, farm):
    site = farm(pages=100, children=40)
    serve(db)
    site.behind(1, "/blocked/403")
    job = db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--no-sitemaps", "--ignore-robots", "--detach")["job"]
    db.rows("select pawl.add_sitemap_pages(%s, (select jsonb_agg(jsonb_build_object('url', %s::text || i, 'key', i::text,"
            " 'priority', 0.1, 'depth', 1, 'source', 'sitemap')) from generate_series(1, 60) i))", job, site.url())
    db.wait_job(job, status="failed")
    assert re.fullmatch("the first 2[0-9] pages all failed: 2[0-9] with 403 Forbidden",
                        db.value("select error from pawl.jobs where id = %s", job))
    assert len(site.log()) < 60
    db.wait_folded()
    db.assert_exact()


def test_two_nodes_never_exceed_a_hosts_limit(db, serve, farm):
    """By the server's own log: robots.txt, pages that warm a cache and all. Starts may be late by 100 ms."""
    site = farm(pages=14, behind="/cdn/nginx/1")
    serve(db)
    serve(db)
    db.json("crawl", site.url(), "--allow-private", "--delay", 0.1, "--concurrency", 3)
    begins = [one.begin for one in site.log()]
    assert len(begins) > 28
    for i, first in enumerate(begins):
        for j, second in enumerate(begins[i + 1:], 1):
            assert second - first >= j * 0.1 - 0.1, f"requests {i} and {i + j}"


# ---- bad input: every one of them ends as a failure of its page, within its limits ----

TRAPS = {
    "/gzip-bomb/10240": "too_large",
    "/endless-body/1": "timeout",
    "/slow-body/100000/100": "timeout",
    "/slow-head/100": "timeout",
    "/half-head/": "timeout",
    "/never-answers/": "timeout",
    "/header-flood/4000": "too_large",
    "/header-flood/100000": "too_large",
    "/reset/": "connect",
    "/broken-chunks/": None,  # connect or protocol: libcurl's word
    "/short-body/": None,
    "/redirect-loop/self": "fine",
    "/redirect-loop/1": "fine",
    "/redirect/30": "redirects",
    "/million-links/1000000": "fine",
    "/invalid-utf8/": "fine",
    "/wrong-charset/": "fine",
    "/wrong-charset/unknown": "fine",
    "/wrong-type/binary": "fine",
    "/wrong-type/text": "fine",
    "/challenge/cloudflare": "blocked",
}


def resident_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def test_traps(db, serve, farm):
    site = farm(pages=3)
    db.rows("update pawl.kinds set timeout_ms = 3000, max_attempts = 1 where name = 'crawl'")
    node = serve(db)
    crawl(db, site.url(), "--no-sitemaps")  # whatever a first crawl takes
    before, most, is_over = resident_kib(node.process), 0, threading.Event()

    def watch():
        nonlocal most
        while not is_over.wait(0.02):
            most = max(most, resident_kib(node.process))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        jobs = {path: db.json("crawl", site.url(path=path), "--allow-private", "--delay", 0, "--no-sitemaps",
                              "--ignore-robots", "--max-pages", 40, "--detach")["job"] for path in TRAPS}
        for path, job in jobs.items():
            until(lambda: db.value("select finished_at is not null from pawl.jobs where id = %s", job), 60, path)
    finally:
        is_over.set()
        watcher.join()
    for path, wanted in TRAPS.items():
        errors = {error for error, in db.rows("select error_class from pawl.pages where job_id = %s", jobs[path])}
        if wanted == "fine":
            assert errors == {None}, path
        elif wanted:
            assert wanted in errors, f"{path}: {errors}"
        else:
            assert len(errors) == 1 and None not in errors, f"{path}: {errors}"
    assert most - before < 40_000, "KiB more than before"
    db.wait_folded()
    db.assert_exact()


@pytest.mark.parametrize("path", ["/calendar/2026/01/", "/query?x=1", "/deep/a", "/session/"])
def test_a_trap_without_an_end_ends_by_max_pages(db, serve, farm, path):
    site = farm(pages=3)
    serve(db)
    report = crawl(db, site.url(path=path), "--no-sitemaps", "--max-pages", 150)
    assert len(paths_of(db, report["job"])) == 150


def test_bad_sitemaps(db, serve, farm):
    site = farm(pages=1000)
    node = serve(db)
    before = resident_kib(node.process)
    for path, limit in (("/self-sitemap.xml", 50), ("/huge-sitemap.xml", 2000), ("/sitemaps/120000/index.xml", 3000)):
        site.robots(1, text=f"Sitemap: {site.url(path=path)}\n")
        report = crawl(db, site.url(), "--max-pages", limit)
        assert report["status"] == "completed", path
        assert len(paths_of(db, report["job"])) <= limit
    assert resident_kib(node.process) - before < 40_000
    asked = collections.Counter(one.path for one in site.log())
    assert asked["/self-sitemap.xml"] == 1 and asked["/huge-sitemap.xml"] == 1
    assert db.value("select max(links) from pawl.pages where role = 'sitemap'") < 10_000, "who has enough reads no further"


@pytest.mark.parametrize("kind, problem", [("good", None), ("self-signed", "self-signed"), ("expired", "expired"),
                                           ("wrong-name", "no alternative|does not match")])
def test_certificates(db, launch, farm, kind, problem):
    """The node trusts the farm's authority, so only what is wrong with a certificate is in its way."""
    site = farm(pages=3, tls=kind)
    job = db.json("crawl", site.tls_url(), "--allow-private", "--delay", 0, "--no-sitemaps", "--ignore-robots",
                  "--detach")["job"]
    launch("serve", "--db", db.url, SSL_CERT_FILE=str(site.authority_path))
    db.wait_job(job, status="failed" if problem else "completed")
    rows = db.rows("select status, error_class, error, attempts from pawl.pages where job_id = %s", job)
    if problem:
        (status, error_class, error, attempts), = rows
        assert (status, error_class, attempts) == (None, "tls", 1) and re.search(problem, error), error
    else:
        assert rows == [(200, None, None, 1)] * 3


def test_private_addresses_are_refused(db, serve, farm):
    site = farm(pages=3)
    serve(db)
    for url in (site.url(), f"http://localhost:{site.port}/", "http://[::1]/", "http://169.254.169.254/latest/", "http://10.0.0.1/"):
        job = db.json("crawl", url, "--delay", 0, "--detach")["job"]
        until(lambda: db.value("select finished_at is not null from pawl.jobs where id = %s", job), 20, url)
        assert db.job_status(job) == "failed"
        assert db.value("select error like '%%refused%%' from pawl.tasks where job_id = %s", job), url
    assert not site.log()


# ---- other sites, weights, replacing ----

def test_a_redirect_to_another_site_is_told_and_not_followed(db, serve, farm):
    site = farm(pages=3, hosts=2)
    serve(db)
    report = crawl(db, site.url(path="/redirect-out/"), "--no-sitemaps", "--check-external")
    assert report["status"] == "completed"
    assert db.rows("select status, redirect_to from pawl.pages") == [(302, site.url(2, "/page/1"))]
    assert {one.host for one in site.log()} == {host_name(1)}


def test_weights_come_first(db, serve, farm, tmp_path):
    """A claim that is under way when the start page's links are written may bring the best of the others first."""
    site = farm(pages=60, children=59)
    serve(db)
    weights = tmp_path / "views.csv"
    weights.write_text("path,views\n/page/57,900\n/page/40,1000\n/page/44,5\n")
    report = db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--concurrency", 1, "--no-sitemaps", "--weights", weights)
    order = [urllib.parse.urlsplit(url).path for url, in db.rows(
        "select t.payload ->> 'url' from pawl.tasks t where job_id = %s order by started_at, id", report["job"])]
    weighed = [path for path in order if path in ("/page/40", "/page/44", "/page/57")]
    assert len(order) == 60 and order[0] == "/" and weighed == ["/page/40", "/page/57", "/page/44"]
    assert order.index("/page/57") <= 3
    assert order.index("/page/44") == 9, "behind the five of the header and the one of the footer, whose place is worth more"


def test_a_new_crawl_replaces_the_one_that_runs(db, serve, farm):
    site = farm(pages=2000, latency=20)
    serve(db)
    first = db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--detach")["job"]
    until(lambda: db.progress(first)["completed"] > 10, 10, "it is under way")
    second = db.json("crawl", site.url(), "--allow-private", "--max-pages", 5, "--replace", "--detach")["job"]
    assert db.job_status(first) == "cancelled"
    db.wait_job(second)
    db.wait_folded()
    db.assert_exact()
