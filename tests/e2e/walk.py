"""A walk over the files of a website, to hold a crawl against: which URLs there are to find, and what each answers.

It shares nothing with the crawler, not even an HTTP server: pages are read from the folder, with Python's own
html.parser, urllib.parse, urllib.robotparser and xml.etree. What the server adds to the files is told in `exact`.
"""
import collections
import functools
import gzip
import html.parser
import pathlib
import urllib.parse
import urllib.robotparser
import xml.etree.ElementTree


class Walk(collections.namedtuple("Walk", "statuses leads listed")):
    """statuses: of each URL that is to be found; leads: of each, where it leads to, whatever that is; listed: those that
    a sitemap names."""

    def referrers(self, url):
        return {source for source, targets in self.leads.items() if url in targets and url != source}


LEADS = {"a": "href", "area": "href", "iframe": "src", "frame": "src"}


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        words = (named.get("rel") or "").lower().split()
        if tag == "link" and "canonical" in words:
            self.found.add(named.get("href"))
        elif tag in LEADS and "nofollow" not in words:
            self.found.add(named.get(LEADS[tag]))


@functools.lru_cache(maxsize=None)
def references(file):
    """What stands in the links of a file."""
    reader = Reader()
    reader.feed(pathlib.Path(file).read_text(encoding="utf-8"))
    reader.close()
    return frozenset(reader.found - {None})


class Site:
    """exact: path -> (status, where it redirects to or None, the file that is sent or None)."""

    def __init__(self, url, folder, exact=None):
        self.url, self.folder, self.exact = url, pathlib.Path(folder), exact or {}

    def answer(self, path):
        """(status, target, file) of a path, as nginx answers from a folder."""
        if path in self.exact:
            return self.exact[path]
        file = self.folder / urllib.parse.unquote(path).lstrip("/")
        if file.is_dir() and not path.endswith("/"):
            return 301, path + "/", None
        if file.is_dir():
            file = file / "index.html"
            return (200, None, file) if file.is_file() else (403, None, None)
        return (200, None, file) if file.is_file() else (404, None, None)

    def holds(self, url):
        return urllib.parse.urlsplit(url)[:2] == urllib.parse.urlsplit(self.url)[:2]

    def robots(self):
        """Without a file everything is allowed (RFC 9309, 2.3.1.3)."""
        rules = urllib.robotparser.RobotFileParser()
        file = self.folder / "robots.txt"
        rules.parse(file.read_text().splitlines() if file.is_file() else [])
        return rules

    def sitemaps(self, rules):
        """The URLs that sitemaps name: those of robots.txt, or those in the usual places."""
        named = rules.site_maps() or [self.url + "sitemap.xml", self.url + "sitemap_index.xml"]
        found, todo = set(), list(named)
        while todo:
            status, _, file = self.answer(urllib.parse.urlsplit(todo.pop()).path)
            if status == 200:
                data = file.read_bytes()
                root = xml.etree.ElementTree.fromstring(gzip.decompress(data) if file.suffix == ".gz" else data)
                places = [element.text.strip() for element in root.findall(".//{*}loc")]
                (todo.extend if root.tag.endswith("sitemapindex") else found.update)(places)
        return found


def identity(base, reference):
    """The URL without its fragment, or None where it is none of the web."""
    url = urllib.parse.urldefrag(urllib.parse.urljoin(base, reference.strip())).url
    return url if urllib.parse.urlsplit(url).scheme in ("http", "https") else None


def walk(site, agent="Pawl"):
    rules = site.robots()
    listed = {identity(site.url, url) for url in site.sitemaps(rules)}
    statuses, leads, todo = {}, {}, [site.url, *listed]
    while todo:
        url = todo.pop()
        if url is None or url in statuses or not site.holds(url) or not rules.can_fetch(agent, url):
            continue
        statuses[url], target, file = site.answer(urllib.parse.urlsplit(url).path)
        is_page = file and file.suffix == ".html"
        found = [target] if target else references(file) if is_page else []
        leads[url] = {identity(url, reference) for reference in found}
        todo.extend(leads[url])
    return Walk(statuses, leads, {url for url in listed if url in statuses})
