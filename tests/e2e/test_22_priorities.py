"""Better priorities of pages that a crawl knows already: what a page is worth is what the best of its links says, however
late that link is found. Guards design 5.10: high at once, the others gathered for a while (how long: unit test raises),
none dropped, counted by tier."""
import shutil

import pytest

from waiting import until
from website import Website, page

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

LISTED = 120
CHAIN = 8  # so deep that what is linked there is worth less than 0.5


@pytest.fixture
def site(tmp_path):
    """The sitemap lists /s/0.html and up, worth 0.1. The hub, which comes behind it, leads to some of them from its
    navigation and to some from its text; so does the end of a chain that begins at the hub."""
    pages = {f"/s/{i}.html": page() for i in range(LISTED)}
    pages["/index.html"] = page("/hub.html")
    pages["/hub.html"] = "<nav>" + page("/s/50.html", "/s/60.html", "/s/70.html", "/s/80.html") + "</nav>" + \
        page("/s/7.html", "/s/8.html", "/chain/0.html")
    for i in range(CHAIN):
        pages[f"/chain/{i}.html"] = page(f"/chain/{i + 1}.html" if i + 1 < CHAIN else "/s/9.html", "/s/7.html")
    made = Website(tmp_path / "site", pages)
    with open(f"{made.folder}/pages/sitemap.xml", "w") as out:
        out.write("<urlset>" + "".join(f"<url><loc>{made.url(f'/s/{i}.html')}</loc></url>" for i in range(LISTED)) + "</urlset>")
    yield made
    made.stop()


def start(db, site):
    return db.json("crawl", site.url(), "--allow-private", "--delay", 0.02, "--concurrency", 1, "--detach")["job"]


def raised(db, job):
    """(high, medium, low) so far."""
    rows = db.rows("select raised_high, raised_medium, raised_low from pawl.crawls where job_id = %s", job)
    return rows[0] if rows else (0, 0, 0)


def priority(db, job, path):
    return round(db.value("select priority from pawl.tasks where job_id = %s and payload ->> 'url' like %s", job, f"%{path}"), 4)


def is_visited(db, job, path):
    return db.value("select count(*) from pawl.pages where job_id = %s and url like %s", job, f"%{path}")


def test_the_best_link_counts_at_once(db, serve, site):
    """A node looks at the top again within a second: some 50 pages here."""
    node = serve(db)
    job = start(db, site)
    until(lambda: raised(db, job)[0], 20, "the hub's navigation is told")
    assert {priority(db, job, f"/s/{i}.html") for i in (50, 60, 70, 80)} == {1}
    assert raised(db, job) == (4, 0, 0), "what is worth less waits"
    db.wait_job(job)
    order = [path for *_, path in site.requests() if path.startswith("/s/")]
    assert len(order) == LISTED
    assert max(order.index(f"/s/{i}.html") for i in (50, 60, 70, 80)) < 80
    node.stop()
    shown = db.json("job", "show", job)["crawl"]["raised"]
    assert shown["high"] == 4 and sum(shown.values()) == 4 + 3 + CHAIN, \
        "each link to a page that is known already is counted: what waited, perhaps too long, and what changes nothing"


def test_what_waits_is_written_when_the_node_leaves(db, serve, site):
    node = serve(db)
    job = start(db, site)
    until(lambda: is_visited(db, job, f"/chain/{CHAIN - 1}.html"), 20, "the chain's end is reached")
    assert node.stop() == 0
    assert raised(db, job) == (4, 2, 1)
    assert priority(db, job, "/s/7.html") == priority(db, job, "/s/8.html") == 0.81
    assert priority(db, job, "/s/9.html") == round(0.9 ** (CHAIN + 2), 4)
    before = len(site.requests())
    serve(db)
    until(lambda: len(site.requests()) >= before + 8, 20, "another node goes on")
    order = [path for *_, path in site.requests()]
    assert max(order.index(f"/s/{i}.html") for i in (7, 8, 9, 50, 60, 70, 80)) < before + 8, "with the best"
    db.pawl("job", "cancel", job)
