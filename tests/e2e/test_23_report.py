"""pawl report: every page of a kind, as a table, CSV or JSON, held against the site that was crawled. Guards design 5.10:
no row limit, every page that leads to a broken one, percentiles, and rows that stream."""
import csv
import io
import math
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest

from farm import Farm
from program import PAWL
from server import clean_environment
from waiting import until
from walk import Site, walk
from website import Website, page

KINDS = ("broken", "slow", "redirects", "uncached", "orphans", "unlisted", "all")
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

# Names as they go wrong in files: a comma and a quote.
PAGES = {
    "/index.html": page(*(f"/list/{i}.html" for i in range(40)), "/a,b.html", "/c%22d.html", "/r/1", "/circle/1", "/lost", "/away.html"),
    **{f"/list/{i}.html": page("/missing.html", *["/gone.html"] * (i % 4 == 0)) for i in range(40)},
    "/a,b.html": page("/missing.html"),
    '/c"d.html': page("/missing.html"),
    "/end.html": page("/"),
    "/orphan.html": page("/"),
    "/sitemap.xml": "<urlset><url><loc>/missing.html</loc></url><url><loc>/orphan.html</loc></url></urlset>",
}
# 40,000 bytes at once and as many each second, counted in whole ones.
SLOW = {"/orphan.html": page("/slow/1.html", "/slow/2.html"), "/slow/1.html": page(text="x" * 55_000),
        "/slow/2.html": page(text="x" * 140_000)}
REDIRECTS = {"/r/1": "/r/2", "/r/2": "/r/3", "/r/3": "/end.html", "/lost": "/missing.html", "/circle/1": "/circle/2",
             "/circle/2": "/circle/1"}


@pytest.fixture
def crawl(db, serve, tmp_path, request):
    """Makes (the site, the job) of a site that has all that reports tell of."""
    def make(more=None):
        site = Website(tmp_path / "site", {**PAGES, **(more or {})}, REDIRECTS)
        request.addfinalizer(site.stop)
        serve(db)
        return site, db.json("crawl", site.url(), "--allow-private", "--delay", 0, "--concurrency", 8)["job"]
    return make


def report(db, job, kind, *words):
    return db.json("report", job, "--kind", kind, *words)


def of_csv(text):
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    return [dict(zip(header, line, strict=True)) for line in lines]


def flat(rows):
    """As CSV has it: one row for each page and who leads there."""
    return [{**{name: value for name, value in row.items() if name != "linked_from"}, **one}
            for row in rows for one in row.get("linked_from") or [{}]]


def is_same(written, value):
    if value is None or isinstance(value, str):
        return written == (value or "")
    return float(written) == value


@needs_nginx
def test_everyone_who_leads_to_a_broken_page(db, crawl):
    site, job = crawl()
    exact = {path: (301, target, None) for path, target in REDIRECTS.items()}
    expected = walk(Site(site.url(), pathlib.Path(site.folder) / "pages",
                         {**exact, "/gone.html": (410, None, None), "/away.html": (302, "http://elsewhere/", None)}))
    rows = report(db, job, "broken")
    assert [(row["url"], row["status"], row["error"], len(row["linked_from"])) for row in rows] == [
        (site.url("/missing.html"), 404, "404 Not Found", 44), (site.url("/gone.html"), 410, "410 Gone", 10),
        (site.url("/circle/1"), 301, "in a circle", 2)]
    for row in rows:
        via = {"link": set(), "redirect": set(), "sitemap": set()}
        for one in row["linked_from"]:
            via[one["via"]].add(one["referrer"])
        assert row["referrer_count"] == len(row["linked_from"]) == sum(map(len, via.values()))
        redirects = {source for source in expected.referrers(row["url"]) if urllib.parse.urlsplit(source).path in REDIRECTS}
        assert via["redirect"] == redirects and via["link"] == expected.referrers(row["url"]) - redirects
        assert via["sitemap"] == ({site.url("/sitemap.xml")} if row["url"] in expected.listed else set())
    broken = {url for url, status in expected.statuses.items() if status >= 400}
    assert broken == {row["url"] for row in rows if row["status"] >= 400}


@needs_nginx
def test_chains_of_redirects(db, crawl):
    site, job = crawl()

    def chain(*paths):
        return " -> ".join(path if "://" in path else site.url(path) for path in paths)

    assert [(row["chain"], row["hops"], row["ending"], row["final_status"]) for row in report(db, job, "redirects")] == [
        (chain("/r/1", "/r/2", "/r/3", "/end.html"), 3, "page", 200),
        (chain("/circle/1", "/circle/2", "/circle/1"), 2, "circle", None),
        (chain("/away.html", f"http://127.0.0.1:{site.other_port}/landed.html"), 1, "unvisited", None),
        (chain("/lost", "/missing.html"), 1, "page", 404)]


def percentile(values, share):
    """As SQL defines percentile_cont: between the two nearest, by distance."""
    place = (len(values) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


BOUNDS = (0, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)


@needs_nginx
def test_the_slowest_first_and_how_slow_the_others_are(db, crawl):
    site, job = crawl(SLOW)
    rows = report(db, job, "slow")
    times = [row["total_ms"] for row in rows]
    assert len(rows) == len(site.requests()) - 2, "every page, and no sitemap"
    assert times == sorted(times, reverse=True)
    assert [row["url"] for row in rows[:2]] == [site.url("/slow/2.html"), site.url("/slow/1.html")]
    took = {path: (end - begin) * 1000 for begin, end, *_, path in site.requests()}
    for row in rows:
        path = urllib.parse.urlsplit(row["url"])._replace(scheme="", netloc="").geturl()
        assert row["total_ms"] >= took[path] - 2, f"{path}: the server's own log, in whole milliseconds, has more"

    counts = assert_measured(db, job, times, [row["first_byte_ms"] for row in rows])
    text = db.pawl("job", "show", job).stdout
    bars = [(int(pages), len(bar)) for pages, bar in re.findall(r"^ *[<≥] *[\d.]+ m?s +(\d+) *(#*)$", text, re.M)]
    assert [pages for pages, _ in bars] == trimmed(counts), text
    assert all(bool(pages) == bool(length) for pages, length in bars) and max(bars)[1] == 40
    assert re.search(r"^TIME +P50 +P75 +P90 +P95 +P99\ntotal .*\nfirst byte ", text, re.M)


def assert_measured(db, job, total_ms, first_byte_ms):
    """The report's percentiles and histogram, against the pages' own times; the histogram's counts."""
    shown = db.json("job", "show", job)["crawl"]["times"]
    for name, values in (("total_ms", sorted(total_ms)), ("first_byte_ms", sorted(first_byte_ms))):
        for share in (50, 75, 90, 95, 99):
            assert abs(shown[name][f"p{share}"] - percentile(values, share / 100)) < 0.1, (name, share)
    counts = [sum(low <= time < high for time in total_ms) for low, high in zip(BOUNDS, (*BOUNDS[1:], math.inf))]
    assert [bar["pages"] for bar in shown["histogram"]] == counts and sum(counts) == len(total_ms)
    return counts


def trimmed(counts):
    used = [at for at, count in enumerate(counts) if count]
    return counts[used[0]:used[-1] + 1]


@needs_nginx
def test_the_formats_say_the_same(db, crawl):
    site, job = crawl()
    for kind in KINDS:
        rows = report(db, job, kind)
        assert rows, kind
        assert report(db, job, kind, "--format", "json") == rows
        lines = of_csv(db.pawl("report", job, "--kind", kind, "--format", "csv").stdout)
        assert len(lines) == len(flat(rows)), kind
        for line, row in zip(lines, flat(rows)):
            assert line.keys() == row.keys() and all(is_same(line[name], row[name]) for name in row), (line, row)
        header, *table = db.pawl("report", job, "--kind", kind).stdout.splitlines()
        assert header.isupper() and len(table) == len(lines), kind
        assert all(any(row["url"] in line for line in table) for row in rows), kind
        assert report(db, job, kind, "--limit", 1)[0]["url"] == rows[0]["url"]
    everything = {row["url"] for row in report(db, job, "all")}
    assert everything == {site.url(path) for *_, path in site.requests()}
    assert {site.url("/a,b.html"), site.url("/c%22d.html")} < everything
    raw = subprocess.run([PAWL, "report", job, "--kind", "all", "--format", "csv", "--db", db.url], capture_output=True,
                         env=clean_environment(), timeout=60).stdout
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(everything) + 1 and raw.count(f'"{site.url("/a,b.html")}"'.encode()) == 1


def test_what_no_cache_holds(db, serve, tmp_path):
    farm = Farm(tmp_path / "farm", pages=5)
    try:
        serve(db)
        for kind, reason in (("private", "Cache-Control: private"), ("set-cookie", "Set-Cookie: session")):
            job = db.json("crawl", farm.url(path=f"/cdn/nginx/{kind}/"), "--allow-private", "--no-sitemaps", "--delay", 0)["job"]
            rows = report(db, job, "uncached")
            assert sorted(row["url"] for row in rows) == sorted(farm.expected(under=f"/cdn/nginx/{kind}"))
            assert {(row["reason"], row["cache_name"], row["warm_requests"]) for row in rows} == {(reason, "unnamed", 0)}
        job = db.json("crawl", farm.url(path="/cdn/nginx/1/"), "--allow-private", "--no-sitemaps", "--delay", 0)["job"]
        assert report(db, job, "uncached") == []
        assert db.pawl("report", job, "--kind", "uncached").stdout == "no page that a cache does not hold\n"
    finally:
        farm.stop()


# ---- a large one ----

MANY = 200_000
URL_BYTES = 400


@pytest.fixture
def large(db):
    """A job of so many pages, all of them written here: what is read of it is the report's business alone."""
    job = db.value("select pawl.crawl('https://large.example/')")
    db.rows(f"""
      insert into pawl.pages (job_id, task_id, url, url_hash, status, total_ms, first_byte_ms)
      select %s, n, rpad('https://large.example/' || n || '/', {URL_BYTES}, 'x'), n, 200, n %% 5000, n %% 100
      from generate_series(1, {MANY}) n""", job)
    yield job
    db.pawl("job", "cancel", job)


def start(db, job, *words):
    return subprocess.Popen([PAWL, "report", str(job), *words, "--db", db.url], env=clean_environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def statement(db):
    return db.value("select count(*) from pg_stat_activity where datname = current_database() and state = 'active'"
                    " and query like '%%report_pages%%' and pid <> pg_backend_pid()")


def resident_kib(process):
    """0 when it has ended."""
    found = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_rows_stream(db, large, form):
    """The first ones are here while the database still reads, and none of them are kept."""
    process = start(db, large, "--kind", "all", "--format", form)
    first = process.stdout.read(100_000)
    assert b"https://large.example/1/" in first and process.poll() is None
    assert statement(db) == 1, "the pipe is full, so it waits, and the database with it"
    url, most, seen, rest = b"https://large.example/", 0, 0, first
    while rest:
        seen += rest.count(url)
        most = max(most, resident_kib(process))
        left = rest[1 - len(url):]  # where one may be cut
        chunk = process.stdout.read(1 << 20)
        rest = left + chunk if chunk else b""
    assert process.wait(20) == 0 and process.stderr.read() == b""
    assert seen == MANY
    assert most < 40_000, f"KiB, of {MANY * URL_BYTES >> 10} KiB of rows"


def test_who_has_seen_enough(db, large):
    """As head does: the statement ends with it, and nobody complains."""
    process = start(db, large, "--kind", "all", "--format", "csv")
    assert process.stdout.readline().startswith(b"task,url,")
    process.stdout.close()
    assert process.wait(20) == 0 and process.stderr.read() == b""
    until(lambda: statement(db) == 0, 10, "the statement is over")


def test_there_is_no_row_limit_and_no_page_without_its_place(db, large):
    rows = of_csv(db.pawl("report", large, "--kind", "slow", "--format", "csv").stdout)
    times = [float(row["total_ms"]) for row in rows]
    assert len(rows) == len({row["url"] for row in rows}) == MANY
    assert times == sorted((n % 5000 for n in range(MANY)), reverse=True)
    assert_measured(db, large, times, [float(row["first_byte_ms"]) for row in rows])


def test_reports_that_cannot_be(db):
    db.kind("nothing")
    assert "is no crawl" in db.pawl("report", db.job("nothing", 1), code=3).stderr
    assert db.pawl("report", 99, code=3).stdout == ""
    db.pawl("report", 1, "--kind", "ugly", code=2)
    db.pawl("report", 1, "--format", "csv", "--json", code=2)
