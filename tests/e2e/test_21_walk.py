"""A crawl finds what there is: the demo's site, and the same with a robots.txt and sitemaps, against a walk over the
files. Guards design 5.10: everything is found, nothing else, and each page's answer is the one that it gave."""
import functools
import glob
import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import psycopg
import pytest

from program import PAWL, pawl, pawl_json
from server import clean_environment
from waiting import end_with_us, until
from walk import Site, walk
from website import Website

MANUALS = sorted(glob.glob("/usr/share/doc/postgresql-doc-*/html"))
pytestmark = [
    pytest.mark.skipif(shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") is None,
                       reason="nginx is not installed"),
    pytest.mark.skipif(not MANUALS, reason="the manual of PostgreSQL, which the demo serves, is not installed"),
]
# As `sort -V` has it, which the demo asks.
MANUAL = pathlib.Path(max(MANUALS, key=lambda path: [int(n) for n in re.findall(r"\d+", path)])) if MANUALS else None
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def demo():
    """scripts/demo after its crawl: (the site's URL, the data folder)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl_e2e."))
    folder.chmod(0o711)  # as root, its servers run as users of their own
    said = folder / "said"
    with open(said, "wb") as out:
        process = subprocess.Popen(
            [ROOT / "scripts" / "demo"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            env=clean_environment(PAWL=PAWL, TMPDIR=str(folder)),
            preexec_fn=functools.partial(end_with_us, signal.SIGTERM))
    try:
        until(lambda: "Ctrl-C stops everything" in said.read_text() or process.poll() is not None, 120, said.read_text)
        assert process.poll() is None, said.read_text()
        yield re.search(r"on (http://\S+)", said.read_text())[1], re.search(r"--data (\S+)", said.read_text())[1]
    finally:
        process.terminate()
        process.wait(120)
        left = list(folder.glob("pawl-demo.*"))
        shutil.rmtree(folder)
    assert not left, "the demo leaves nothing behind"


def pages_of(report, role="page"):
    pages = {page["url"]: page["status"] for page in report if page["role"] == role}
    assert len(pages) == sum(page["role"] == role for page in report), "each URL once"
    return pages


def test_the_demo_finds_what_a_walk_over_its_files_finds(demo):
    url, data = demo
    expected = walk(Site(url, MANUAL, {
        "/": (200, None, pathlib.Path(data).parent / "site" / "start.html"),
        "/moved.html": (301, "/sql.html", None),
        "/slow.html": (200, None, MANUAL / "sql-copy.html"),
    }))
    files = {url + path.name for path in MANUAL.glob("*.html")}
    assert len(files & expected.statuses.keys()) > 1000, "a manual, not a page"
    assert not (MANUAL / "robots.txt").exists() and not expected.listed, "every page is found by links"

    def report(kind):
        return pawl_json("report", 1, "--kind", kind, "--data", data)

    assert pages_of(report("all")) == expected.statuses
    assert pages_of(report("all"), "sitemap") == {url + "sitemap.xml": 404, url + "sitemap_index.xml": 404}
    with psycopg.connect(pawl("url", "--data", data).stdout.strip()) as connection:
        assert connection.execute("select origin || '/', status, robots from pawl.crawl_hosts").fetchall() == \
            [(url, 404, None)], "robots.txt was asked for, and there is none"

    assert {page["url"]: page["status"] for page in report("broken")} == \
        {page: status for page, status in expected.statuses.items() if status >= 400}
    for page in report("broken"):
        assert {one["referrer"] for one in page["linked_from"]} == expected.referrers(page["url"])


ROBOTS = """User-agent: *
Disallow: /functions-
Disallow: /private/

Sitemap: {url}maps/index.xml
"""
ORPHAN = """<!doctype html><title>Nobody links here</title>
<a href="/old.html">moved</a> <a href="gone.html">gone</a> <a href="/private/b.html">private</a> <a href="../nowhere/">lost</a>
<a href="http://127.0.0.1:1/elsewhere.html">another site</a> <a href="sql.html#top">known</a>
"""
URLS = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>'


def entries(tag, *urls):
    return "".join(f"<{tag}><loc>{url}</loc></{tag}>" for url in urls)


@pytest.fixture
def site(tmp_path):
    """The manual with what the demo's site lacks: a robots.txt, an index of two sitemaps, and pages that no other leads to."""
    made = Website(tmp_path / "site", {
        "/index.html": (MANUAL / "index.html").read_text(encoding="utf-8"), "/orphan.html": ORPHAN,
        "/new.html": "<!doctype html><title>New</title>", "/private/a.html": "", "/private/b.html": ""})
    pages = tmp_path / "site" / "pages"
    for file in MANUAL.iterdir():
        if file.name != "index.html":
            (pages / file.name).symlink_to(file)
    url = made.url()
    (pages / "robots.txt").write_text(ROBOTS.format(url=url))
    (pages / "maps").mkdir()
    (pages / "maps" / "index.xml").write_text(INDEX.format(entries("sitemap", f"{url}maps/1.xml", f"{url}maps/2.xml.gz")))
    (pages / "maps" / "1.xml").write_text(URLS.format(
        entries("url", f"{url}orphan.html", f"{url}sql.html#here", f"{url}private/a.html", "http://127.0.0.1:1/x")))
    (pages / "maps" / "2.xml.gz").write_bytes(gzip.compress(URLS.format(
        entries("url", f"{url}functions-math.html", f"{url}not-there.html", f"{url}new.html")).encode()))
    yield made
    made.stop()


def test_robots_and_sitemaps_change_what_is_found_as_they_say(db, serve, site):
    url = site.url()
    expected = walk(Site(url, pathlib.Path(site.folder) / "pages",
                         {"/old.html": (301, "/new.html", None), "/gone.html": (410, None, None)}))
    everything = walk(Site(url, MANUAL)).statuses
    forbidden = {page for page in everything if page.startswith(url + "functions-")}
    assert len(forbidden) > 20 and not forbidden & expected.statuses.keys()
    serve(db)
    job = db.json("crawl", url, "--allow-private", "--delay", 0, "--concurrency", 16)["job"]

    pages = db.json("report", job, "--kind", "all")
    assert pages_of(pages) == expected.statuses
    assert len({path for *_, path in site.requests()}) == len(site.requests()) == len(pages), "each asked for once, no other"
    assert pages_of(pages, "sitemap") == {f"{url}maps/{name}": 200 for name in ("index.xml", "1.xml", "2.xml.gz")}
    assert {page["url"] for page in db.json("report", job, "--kind", "orphans")} == \
        {page for page in expected.listed if not expected.referrers(page)} == {url + "orphan.html", url + "not-there.html"}
    assert {page["url"] for page in db.json("report", job, "--kind", "unlisted")} == \
        {page for page in expected.statuses if expected.referrers(page)} - expected.listed
