"""The site farm itself: that its hosts behave, and misbehave, as the stories of crawls count on."""
import gzip
import http.client
import json
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib

import pytest

from farm import FARM, Farm
from waiting import until


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    made = Farm(tmp_path_factory.mktemp("farm"), hosts=3, pages=40, children=4, orphans=3, sitemap=True, robots="partial")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def fresh(farm):
    farm.reset()


def ask(farm, path, host="127.0.0.1", method="GET", **headers):
    """(status, fields, body) of one answer on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=20)
    fields = {"Host": f"{host}:{farm.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, headers=fields)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def raw(farm, path, method="GET", version="1.1", timeout=20):
    """A socket on which this was asked."""
    connection = socket.create_connection(("127.0.0.1", farm.port), timeout)
    connection.sendall(f"{method} {path} HTTP/{version}\r\nHost: 127.0.0.1\r\nUser-Agent: raw\r\n\r\n".encode())
    return connection


def read_all(connection):
    found = b""
    while piece := connection.recv(1 << 16):
        found += piece
    return found


def links(body):
    return re.findall(r'href="([^"]*)"', body.decode("utf-8", "replace"))


def found_from(farm, start):
    """The paths that somebody finds who follows all links, fragments and private pages aside."""
    waiting, seen = [start], {start}
    while waiting:
        for link in links(ask(farm, waiting.pop(), "127.0.0.2")[2]):
            path = link.split("#")[0]
            if path not in seen and path != "/private/1":
                seen.add(path)
                waiting.append(path)
    return seen


@pytest.mark.parametrize("under", ["", "/cdn/fastly/1", "/latency/1/rl/100000"])
def test_the_tree_is_what_is_expected(farm, under):
    site = f"http://127.0.0.2:{farm.port}"
    expected = farm.expected(2, under)
    private = 0 if under else 1  # robots.txt allows one of them, and speaks of the root
    assert {site + path for path in found_from(farm, under + "/")} == set(expected) and len(expected) == 40 + private
    assert len(farm.expected(2, under, orphans=True)) == 40 + private + 3
    assert ask(farm, under + "/page/42")[0] == 200 and ask(farm, under + "/page/43")[0] == 404


def test_links_stand_in_their_places(farm):
    body = ask(farm, "/page/2")[2].decode()
    header, nav, content, footer = (links(re.search(f"<{name}>(.*?)</{name}>", body, re.S)[1].encode())
                                    for name in ("header", "nav", "main", "footer"))
    assert header == ["/"] and nav == ["/page/1", "/page/2", "/page/3", "/page/4"]
    assert content == ["/", "/page/9", "/page/10", "/page/11", "/page/12", "/page/3"]
    assert footer == ["/page/39", "/#top"]
    last = re.search("<main>(.*?)</main>", ask(farm, "/page/9")[2].decode(), re.S)[1]
    assert links(last.encode()) == ["/page/2", "/page/37", "/page/38", "/page/39", "/page/10"]


def test_sitemaps(farm):
    def locations(body):
        return re.findall(r"<loc>([^<]*)</loc>", body.decode())

    index = locations(ask(farm, "/sitemap.xml")[2])
    assert index == [f"http://127.0.0.1:{farm.port}/sitemaps/43/1.xml.gz"]
    part = locations(gzip.decompress(ask(farm, "/sitemaps/43/1.xml.gz")[2]))
    assert len(part) == 43 and part == [url for url in farm.expected(orphans=True) if "private" not in url]
    assert len(locations(ask(farm, "/sitemaps/120000/index.xml")[2])) == 3
    assert len(locations(gzip.decompress(ask(farm, "/sitemaps/120000/3.xml.gz")[2]))) == 20000
    assert len(locations(ask(farm, "/sitemaps/51000/all.xml")[2])) == 51000
    assert ask(farm, "/sitemaps/120000/4.xml.gz")[0] == ask(farm, "/sitemaps/120000/0.xml.gz")[0] == 404
    assert locations(ask(farm, "/self-sitemap.xml")[2])[0] == f"http://127.0.0.1:{farm.port}/self-sitemap.xml"
    with raw(farm, "/huge-sitemap.xml") as connection:
        assert all(connection.recv(1 << 16) for _ in range(200))


def test_robots(farm):
    assert "Disallow: /private/" in ask(farm, "/robots.txt")[2].decode()
    assert f"Sitemap: http://127.0.0.1:{farm.port}/sitemap.xml" in ask(farm, "/robots.txt")[2].decode()
    for mode, status, text in (("none", 404, "no"), ("open", 200, "Disallow:\n"), ("closed", 200, "Disallow: /\n"),
                               ("delay", 200, "Crawl-delay: 1"), ("broken", 503, ""), ("redirect", 302, "")):
        farm.robots(1, mode)
        assert ask(farm, "/robots.txt")[0] == status and text in ask(farm, "/robots.txt")[2].decode(), mode
    assert len(farm.expected()) == 40, "no private page to be found any more"
    farm.robots(1, "huge")
    huge = ask(farm, "/robots.txt")[2]
    assert len(huge) > 5_000_000 and huge.endswith(b"Disallow: /\n") and huge == ask(farm, "/robots-5mb")[2]
    farm.robots(1, text="User-agent: me\n")
    assert ask(farm, "/robots.txt")[2] == b"User-agent: me\n"
    assert "private" in ask(farm, "/robots.txt", "127.0.0.2")[2].decode(), "other hosts keep theirs"
    with pytest.raises(urllib.error.HTTPError):
        farm.robots(1, "sleepy")


def test_hosts_are_counted_each_for_itself(farm):
    for _ in range(3):
        ask(farm, "/latency/20/", "shop.farm.test")
    ask(farm, "/page/999999", "127.0.0.3", User_Agent="tab\there")
    one = farm.stats("shop.farm.test")
    assert one["requests"] == one["max_in_1s"] == 3 and one["max_at_once"] == 1 and one["by_status"] == {"200": 3}
    assert 20_000 <= one["min_gap_us"] < 1_000_000 and farm.stats(3)["by_status"] == {"404": 1}
    assert farm.stats(1) is None, "orders are not counted"
    begun = time.monotonic()
    threads = [threading.Thread(target=ask, args=(farm, "/latency/300/", "b.test")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert farm.stats("b.test")["max_at_once"] == 5 and time.monotonic() - begun < 1.5, "not in turn"
    logged = farm.log("b.test")
    assert len(logged) == 5 and all(one.begin >= begun and 0.3 <= one.end - one.begin < 1.5 for one in logged)
    last = farm.log(3)[-1]
    assert (last.method, last.path, last.status, last.agent) == ("GET", "/page/999999", 404, "tab?here")
    assert abs(last.real_begin - time.time()) < 60 and last.bytes > 50
    farm.reset()
    assert farm.stats()["hosts"] == {}


def test_the_window_of_a_second_slides(farm):
    connection = http.client.HTTPConnection("127.0.0.1", farm.port)
    for pause in (0, 0.6, 0.6, 0):
        time.sleep(pause)  # time is what is measured
        connection.request("GET", "/page/1?window")
        connection.getresponse().read()
    connection.close()
    begins = [round(one.begin * 1e6) for one in farm.log() if one.path == "/page/1?window"]
    in_second = max(sum(end - 1_000_000 < begin <= end for begin in begins) for end in begins)
    one = farm.stats(1)
    assert one["requests"] == 4 and one["max_in_1s"] == in_second < 4
    assert one["min_gap_us"] == min(late - early for early, late in zip(begins, begins[1:]))


def test_limits_of_the_rate(farm):
    def statuses(path, count):
        return [ask(farm, path)[0] for _ in range(count)]

    assert statuses("/rl/3/page/1", 5) == [200, 200, 200, 429, 429]
    assert statuses("/rate-limited/", 3) == [200, 200, 429]
    assert ask(farm, "/rl/3/page/1", "127.0.0.2")[0] == 200, "each host for itself"
    until(lambda: ask(farm, "/rl/3/page/1")[0] == 200, 5, "the second is over")
    assert "Retry-After" not in ask(farm, "/rl/0.1/after/7/")[1], "only who is refused is told when"
    status, fields, _ = ask(farm, "/rl/0.1/after/7/")
    assert status == 429 and fields["Retry-After"] == "7"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", ask(farm, "/rl/0.1/after-date/7/")[1]["Retry-After"])
    farm.behind(2, "/rl/0.1/after/3")
    assert ask(farm, "/page/5", "127.0.0.2")[0] == 200
    status, fields, _ = ask(farm, "/page/6", "127.0.0.2")
    assert status == 429 and fields["Retry-After"] == "3"
    farm.behind(2)
    assert ask(farm, "/page/6", "127.0.0.2")[0] == 200


def test_storms(farm):
    farm.storm(2, after=9)
    status, fields, _ = ask(farm, "/page/1", "127.0.0.2")
    assert status == 429 and fields["Retry-After"] == "9" and ask(farm, "/page/1")[0] == 200
    farm.storm(2, status=503)
    assert ask(farm, "/robots.txt", "127.0.0.2")[0] == 503
    farm.storm(2, is_on=False)
    assert ask(farm, "/page/1", "127.0.0.2")[0] == 200


CACHES = {  # the field that tells, in the states MISS, HIT, EXPIRED, BYPASS
    "cloudflare": ("CF-Cache-Status", "MISS", "HIT", "EXPIRED", "BYPASS"),
    "cloudfront": ("X-Cache", "Miss from cloudfront", "Hit from cloudfront", "RefreshHit from cloudfront",
                   "Miss from cloudfront"),
    "fastly": ("X-Cache", "MISS, MISS", "MISS, HIT", "HIT, MISS", "MISS, MISS"),
    "akamai": ("X-Cache", "TCP_MISS", "TCP_MEM_HIT", "TCP_REFRESH_MISS", "TCP_MISS"),
    "netlify": ("Cache-Status", '"Netlify Edge"; fwd=miss', '"Netlify Edge"; hit', '"Netlify Edge"; fwd=stale',
                '"Netlify Edge"; fwd=bypass'),
    "vercel": ("X-Vercel-Cache", "MISS", "HIT", "STALE", "BYPASS"),
    "azure": ("X-Cache", "TCP_MISS", "TCP_HIT", "REVALIDATED_HIT", "PRIVATE_NOSTORE"),
    "varnish": ("X-Varnish", "32770", "32773 32771", "32776", "32782"),
    "nginx": ("X-Cache-Status", "MISS", "HIT", "EXPIRED", "BYPASS"),
    "rfc9211": ("Cache-Status", "Inner; fwd=uri-miss, Outer; fwd=uri-miss; stored",
                "Inner; fwd=uri-miss, Outer; hit; ttl=276", "Inner; hit; ttl=5, Outer; fwd=stale",
                "Inner; fwd=bypass, Outer; fwd=bypass; detail"),
}


@pytest.mark.parametrize("name", CACHES)
def test_caches(farm, name):
    field, miss, hit, expired, bypass = CACHES[name]

    def states(kind, count, **headers):
        return [ask(farm, f"/cdn/{name}/{kind}/page/1", **headers)[1][field] for _ in range(count)]

    def are(said, *wanted):
        return len(said) == len(wanted) and all(one.startswith(begin) for one, begin in zip(said, wanted))

    assert are(states(2, 4), miss, miss, hit, hit)
    assert are(states(2, 1, Accept_Encoding="gzip"), miss), "another variant"
    assert are(states(0, 1), hit) and are(states("expired/1", 2), expired, hit)
    assert are(states("bypass", 3), bypass, bypass, bypass) and are(states("private", 2), miss, miss)
    assert ask(farm, f"/cdn/{name}/0/page/1")[1]["Age"] == "24"
    assert "private" in ask(farm, f"/cdn/{name}/private/")[1]["Cache-Control"]
    assert "session=" in ask(farm, f"/cdn/{name}/set-cookie/")[1]["Set-Cookie"]
    if name in ("cloudflare", "azure"):
        assert are(states("dynamic", 2), *["DYNAMIC" if name == "cloudflare" else "CONFIG_NOCACHE"] * 2)


def test_redirects(farm):
    assert ask(farm, "/redirect/3")[1]["Location"] == "/redirect/2" and ask(farm, "/redirect/1")[0] == 301
    assert ask(farm, "/redirect/0")[0] == 200
    assert ask(farm, "/redirect-loop/1")[1]["Location"] == "/redirect-loop/2"
    assert ask(farm, "/redirect-loop/2")[1]["Location"] == "/redirect-loop/1"
    assert ask(farm, "/redirect-out/")[1]["Location"] == f"http://127.0.0.2:{farm.port}/page/1"
    assert ask(farm, "/redirect-to/http://10.0.0.1/x")[1]["Location"] == "http://10.0.0.1/x"


def test_traps(farm):
    assert links(ask(farm, "/calendar/2023/12/")[2]) == ["/calendar/2024/01/", "/calendar/2023/11/"]
    assert links(ask(farm, "/query?x=4")[2]) == ["/query?x=5", "/query?x=4&amp;y=5"]
    assert links(ask(farm, "/deep/a/")[2]) == ["/deep/a/a"] and links(ask(farm, "/deep/a/a")[2]) == ["/deep/a/a/a"]
    assert links(ask(farm, "/session/")[2]) != links(ask(farm, "/session/")[2])


def test_statuses_and_walls(farm):
    assert ask(farm, "/status/418/page/1")[0] == 418 and ask(farm, "/blocked/403")[0] == 403
    assert ask(farm, "/status/204/")[2] == b""
    status, fields, body = ask(farm, "/challenge/cloudflare")
    assert status == 403 and fields["CF-Mitigated"] == "challenge" and b"Just a moment" in body
    for name in ("akamai", "aws-waf", "cloudflare-block", "cloudfront", "datadome", "imperva", "perimeterx", "sucuri",
                 "vercel"):
        assert ask(farm, f"/challenge/{name}")[0] in (202, 403, 429)


def test_what_is_slow(farm):
    begun = time.monotonic()
    assert ask(farm, "/slow-body/5/60")[2] == b"xxxxx" and time.monotonic() - begun >= 4 * 0.06
    with raw(farm, "/endless-body/5") as connection:
        assert all(connection.recv(1 << 16) for _ in range(10))
    with raw(farm, "/slow-head/5") as connection:
        found = b""
        while found.count(b"X-Slow: head\r\n") < 5:
            found += connection.recv(1 << 16)
        assert found.startswith(b"HTTP/1.1 200 OK\r\n") and b"\r\n\r\n" not in found
    for path, said in (("/never-answers/", b""), ("/half-head/", b"HTTP/1.1 200 OK\r\nContent-Ty")):
        with raw(farm, path) as connection:
            assert not said or connection.recv(1 << 16) == said
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            assert farm.stats(1)["at_once"] >= 1
    until(lambda: farm.stats(1)["at_once"] == 0, 5, "who hung up is forgotten")
    assert {one.path: one.status for one in farm.log()}["/never-answers/"] == 0


def test_what_is_huge(farm):
    status, fields, body = ask(farm, "/gzip-bomb/50")
    assert status == 200 and fields["Content-Encoding"] == "gzip" and len(body) < 60_000
    assert gzip.decompress(body) == bytes(50 << 20)
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=20)
    connection.request("GET", "/gzip-bomb/10240")
    answer, unpacker, unpacked = connection.getresponse(), zlib.decompressobj(31), 0
    while unpacked < 200 << 20:
        unpacked += len(unpacker.decompress(answer.read(4096)))
    connection.close()
    million = ask(farm, "/million-links/100000")[2]
    assert len(links(million)) == len(set(links(million))) == 100000
    hosts = links(ask(farm, "/many-hosts/3", host="localhost")[2])
    assert hosts == [f"//h{i}.localhost:{farm.port}/" for i in range(3)]
    big = ask(farm, "/big-page/3")[2]
    assert 3 << 20 < len(big) < (3 << 20) + 200 and links(big) == ["/page/1"]
    with raw(farm, "/header-flood/5000") as connection:
        found = b""
        while b"\r\n\r\n" not in found:
            found += connection.recv(1 << 16)
        assert found.count(b"X-Flood-") == 5000


def test_gzip_as_servers_do_it(farm):
    plain = ask(farm, "/gzip/page/1")
    packed = ask(farm, "/gzip/page/1", Accept_Encoding="gzip, br")
    assert "Content-Encoding" not in plain[1] and packed[1]["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2] and len(packed[2]) < len(plain[2])
    assert len(gzip.decompress(ask(farm, "/gzip/big-page/1", Accept_Encoding="gzip")[2])) > 1 << 20


def test_what_is_broken(farm):
    with pytest.raises(UnicodeDecodeError):
        ask(farm, "/invalid-utf8/")[2].decode()
    status, fields, body = ask(farm, "/wrong-charset/")
    assert "utf-8" in fields["Content-Type"] and b"Caf\xe9" in body
    assert ask(farm, "/wrong-charset/unknown")[1]["Content-Type"] == "text/html; charset=x-farm-9"
    assert ask(farm, "/wrong-type/binary")[2].startswith(b"\x89PNG")
    assert ask(farm, "/wrong-type/text")[1]["Content-Type"] == "text/plain"
    assert ask(farm, "/wrong-type/none")[1]["Content-Type"] is None
    for path in ("/short-body/", "/broken-chunks/"):
        with pytest.raises(http.client.IncompleteRead):
            ask(farm, path)
    with raw(farm, "/reset/") as connection, pytest.raises(ConnectionResetError):
        read_all(connection)
        connection.recv(1)
    assert ask(farm, "/echo/", User_Agent="me")[2].startswith(b"GET /echo/ HTTP/1.1\r\n")


def test_requests_one_after_the_other(farm):
    with raw(farm, "/latency/30/page/1") as connection:
        connection.sendall(b"HEAD /page/2 HTTP/1.1\r\nHost: x\r\n\r\n" * 2 +
                           b"GET /big-page/1 HTTP/1.0\r\n\r\n")
        found = read_all(connection)
    assert found.count(b"HTTP/1.1 200 OK\r\n") == 4 and found.count(b"Page 1<") == 1 and b"Page 2<" not in found
    assert b"chunked" not in found and len(found) > 1 << 20, "HTTP/1.0 knows no chunks"
    with raw(farm, "/page/1", version="2.0") as connection:
        assert read_all(connection) == b"", "no such HTTP"


def test_two_thousand_connections(farm):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 < hard < 4096:
        pytest.skip(f"no more than {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    connections = [raw(farm, "/latency/500/page/3") for _ in range(2000)]
    assert all(b"200 OK" in connection.recv(1 << 16) for connection in connections)
    assert farm.stats()["connections"] >= 2000
    for connection in connections:
        connection.close()
    until(lambda: farm.stats()["connections"] < 50, 10, "they are gone")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("kind, problem", [("good", None), ("expired", "expired"), ("wrong-name", "mismatch"),
                                           ("self-signed", "self.signed")])
def test_certificates(tmp_path, kind, problem):
    farm = Farm(tmp_path, hosts=2, tls=kind)
    context = ssl.create_default_context(cafile=farm.authority_path)

    def fetch(path):
        with urllib.request.urlopen(farm.tls_url(2, path), context=context, timeout=10) as answer:
            return answer.read()

    if problem:
        with pytest.raises(urllib.error.URLError, match=problem):
            fetch("/page/1")
    else:
        assert b"Page 1<" in fetch("/page/1") and len(fetch("/big-page/2")) > 2 << 20
        assert b"https://127.0.0.2" in fetch("/farm/expected")
    farm.stop()


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_ends_with_its_parent(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys, time\n"
         "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
         "print(child.pid, child.stdout.readline().decode(), flush=True)\ntime.sleep(60)",
         FARM, "--log", tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    pid, _, port = parent.stdout.readline().split()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/page/1", timeout=10).close()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not is_listening(int(port)), 10, f"site_farm {pid} is gone")
    assert "/page/1\t200" in (tmp_path / "log").read_text(), "and has written its log"
    parent.stdout.close()


def test_refuses_what_it_does_not_know():
    for words, code in ((["--ports", "1"], 2), (["--port", "x"], 2), (["--hosts"], 2), (["--robots", "sleepy"], 1),
                        (["--tls", "great"], 1)):
        assert subprocess.run([FARM, *words], capture_output=True, timeout=10).returncode == code
    assert b"--latency" in subprocess.run([FARM, "--help"], capture_output=True, timeout=10).stdout


def test_stats_are_json_whatever_the_host_is_called(farm):
    ask(farm, "/", 'quo"te')
    assert json.dumps(farm.stats()).count('quo') == 1
