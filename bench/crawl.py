#!/usr/bin/python3
"""One sample of a figure of the crawler, for bench/run: prints one JSON object.

    PAWL=build/pawl bench/crawl.py FIGURE CONTENDER --db URL --work FOLDER

For Pawl the database must be there and migrated. What each figure means stands in README.md beside this, what
they stand on in crawl_stage.py.
"""
import argparse
import collections
import json
import signal
import sys
import tempfile
import time

from crawl_stage import CrawlStage, Farm, Manual, Website, wget

UNPACED = ("--delay", 0, "--concurrency", 128)
CRAWL_DEADLINE_S = 250

TREE_PAGES = 8000

HOSTS = 20
LATENCY_MS = 50
HOST_PAGES = 2000

PACED_PAGES = 57        # with robots.txt and two guessed sitemaps 60 requests
PACED_INTERVAL_S = 0.5  # of a host that nobody has set a pace for
PACED_BURST = 1
LATE_S = 0.05           # so late a request may be when the next one is not

LINKED_PAGES = 300
BETTER_PAGES = 10

MANY_PAGES = 1000000
MANY_DEADLINE_S = 1500


def rate(pages, seconds):
    return {"pages": pages, "seconds": seconds, "pages_per_second": pages / seconds}


def exactness(stage, has_all_pages):
    are_counters_exact = stage.are_counters_exact()
    return {"pages_exact": has_all_pages, "counters_exact": are_counters_exact,
            "is_exact": has_all_pages and are_counters_exact}


# ---- crawl: one site without latency, against wget ----

def make_tree(stage):
    return stage.site(Farm, pages=TREE_PAGES)


def make_manual(stage):
    return stage.site(Manual)


def crawl_site(stage, make_site):
    """From the start of the command until the job has ended; the command itself then still writes its report."""
    site = make_site(stage)
    stage.start_node()
    begin = time.time()
    job = stage.crawl(site.url(), *UNPACED)
    command_seconds = time.time() - begin
    urls = stage.urls(job)
    return {**rate(len(urls), stage.end_of_jobs() - begin), "command_seconds": command_seconds,
            **exactness(stage, urls == sorted(site.expected()))}


def wget_site(stage, make_site):
    """Into a folder beside PostgreSQL's data. The files stay until all is over: for minutes after many were deleted ext4
    makes new ones slowly, and the next turn would pay for that."""
    site = make_site(stage)
    seconds, urls = wget(site, stage.folder / "wget")
    return {**rate(len(urls), seconds), "pages_exact": urls == sorted(site.expected())}


def wget_into_memory(stage, make_site):
    site = make_site(stage)
    with tempfile.TemporaryDirectory(prefix="pawl-bench.", dir="/dev/shm") as folder:
        seconds, urls = wget(site, folder)
    return {**rate(len(urls), seconds), "pages_exact": urls == sorted(site.expected())}


# ---- crawl_hosts, crawl_pace: many hosts at once ----

def crawl_hosts(stage, pages, *words):
    """Every host of a farm, each with a crawl of its own: the farm, and the rate from the first crawl's start until the
    last one's end."""
    farm = stage.site(Farm, hosts=HOSTS, pages=pages, latency=LATENCY_MS)
    stage.start_node()
    begin = time.time()
    jobs = [stage.crawl(farm.url(host), "--detach", *words) for host in range(1, HOSTS + 1)]
    stage.wait_for_jobs(CRAWL_DEADLINE_S)
    seconds = stage.end_of_jobs() - begin
    has_all = all(stage.urls(job) == sorted(farm.expected(host)) for host, job in enumerate(jobs, 1))
    return farm, {**rate(HOSTS * pages, seconds), **exactness(stage, has_all)}


def measure_hosts(stage):
    return crawl_hosts(stage, HOST_PAGES, *UNPACED)[1]


def allowed_in(seconds):
    """How many requests the limit allows in a window that begins with one."""
    return seconds / PACED_INTERVAL_S + PACED_BURST


def windows(begins):
    """(requests, seconds) of every window from one request to another, and of each alone."""
    return ((last - first + 1, begins[last] - begins[first])
            for first in range(len(begins)) for last in range(first, len(begins)))


def requests_too_many(begins):
    """In any window, more than are allowed in one that is LATE_S longer."""
    return max(count - int(allowed_in(seconds + LATE_S)) for count, seconds in windows(begins))


def most_early_ms(begins):
    return max((count - allowed_in(seconds)) * PACED_INTERVAL_S * 1000 for count, seconds in windows(begins))


def measure_pace(stage):
    """By the farm's log: from each host's first request to its last."""
    farm, sample = crawl_hosts(stage, PACED_PAGES)
    hosts = collections.defaultdict(list)
    for request in farm.log():
        hosts[request.host].append(request.begin)
    wholes = [(len(begins), begins[-1] - begins[0]) for begins in hosts.values()]
    return {**sample, "hosts": len(hosts), "window_seconds": min(seconds for _, seconds in wholes),
            "requests_per_second": sum(count / seconds for count, seconds in wholes),
            "allowed_per_second": sum(allowed_in(seconds) / seconds for _, seconds in wholes),
            "least_share": min(count / allowed_in(seconds) for count, seconds in wholes),
            "requests_too_many": max(map(requests_too_many, hosts.values())),
            "most_early_ms": max(map(most_early_ms, hosts.values()))}


# ---- crawl_links: what known links write ----

def path_of(number):
    return f"/p/{number}.html" if number else "/"


def write_page(links, header=()):
    anchors = ["".join(f'<a href="{path_of(number)}">x</a>\n' for number in numbers) for numbers in (header, links)]
    return "<!doctype html><title>page</title><header>{}</header><main>{}</main>".format(*anchors)


def write_site(links_of, header=()):
    """The pages of a Website: links_of(n) are the numbers that page n links to; header those that all but the start
    page have in the header as well."""
    return {path_of(number) if number else "/index.html": write_page(links_of(number), header if number else ())
            for number in range(LINKED_PAGES)}


def children(number):
    return range(number * 10 + 1, min(number * 10 + 11, LINKED_PAGES))


def all_pages(number):
    return range(LINKED_PAGES)


def rows_of_crawl(stage, pages):
    """What one crawl has written, all its nodes' sessions ended."""
    site = stage.site(Website, pages)
    before = collections.Counter(stage.rows_written())
    stage.start_node()
    job = stage.crawl(site.url(), "--ignore-robots", "--no-sitemaps", *UNPACED)
    stage.stop_node()
    assert len(stage.urls(job)) == LINKED_PAGES, f"{len(stage.urls(job))} pages of {LINKED_PAGES}"
    rows = collections.Counter(stage.rows_written())
    rows.subtract(before)
    statistics = rows.pop("crawls", 0)
    return {"rows": sum(rows.values()), "statistics_rows": statistics, "raised": stage.raised(job),
            "known_links": stage.links(job) - (LINKED_PAGES - 1)}


def measure_links(stage):
    """The same pages three times: with links to new pages alone; each with links to all; and some of these better."""
    tree = rows_of_crawl(stage, write_site(children))
    known = rows_of_crawl(stage, write_site(all_pages))
    better = rows_of_crawl(stage, write_site(all_pages, header=range(LINKED_PAGES - BETTER_PAGES, LINKED_PAGES)))
    assert tree["known_links"] == 0 and better["raised"] > 0, [tree, known, better]
    return {"tree": tree, "known": known, "better": better,
            "extra_rows": known["rows"] - tree["rows"],
            "extra_rows_beside_raised": better["rows"] - tree["rows"] - min(better["raised"], BETTER_PAGES)}


# ---- crawl_memory: one job of many pages ----

def measure_memory(stage):
    farm = stage.site(Farm, pages=MANY_PAGES, sitemap=True)
    stage.start_node()
    begin = time.time()
    job = stage.crawl(farm.url(), "--detach", *UNPACED)
    stage.wait_for_jobs(MANY_DEADLINE_S)
    peak_mb = stage.peak_resident_mb()
    pages = stage.count_pages(job)
    return {**rate(pages, stage.end_of_jobs() - begin), "peak_resident_mb": peak_mb,
            **exactness(stage, pages == MANY_PAGES)}


FIGURES = {
    ("crawl", "pawl"): lambda stage: crawl_site(stage, make_tree),
    ("crawl", "wget"): lambda stage: wget_site(stage, make_tree),
    ("crawl", "wget_memory"): lambda stage: wget_into_memory(stage, make_tree),
    ("crawl", "pawl_manual"): lambda stage: crawl_site(stage, make_manual),
    ("crawl", "wget_manual"): lambda stage: wget_site(stage, make_manual),
    ("crawl", "wget_manual_memory"): lambda stage: wget_into_memory(stage, make_manual),
    ("crawl_hosts", "pawl"): measure_hosts,
    ("crawl_pace", "pawl"): measure_pace,
    ("crawl_links", "pawl"): measure_links,
    ("crawl_memory", "pawl"): measure_memory,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("figure")
    parser.add_argument("contender")
    parser.add_argument("--db", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with CrawlStage(options.db, options.work) as stage:
        print(json.dumps(FIGURES[options.figure, options.contender](stage)))


if __name__ == "__main__":
    main()
