"""Many websites at once: the site farm of tests/farm on loopback, what it was asked for, and how it is told
to be. tests/farm/README.md lists what its paths do."""
import collections
import functools
import json
import pathlib
import signal
import subprocess
import urllib.parse
import urllib.request

from program import PAWL
from waiting import end_with_us

FARM = pathlib.Path(PAWL).parent / "tests" / "farm" / "site_farm"

# begin and end in seconds of time.monotonic(), real_begin in those of time.time(); status 0: nothing was sent.
Request = collections.namedtuple("Request", "begin end real_begin host method path status agent bytes")


def host_name(host):
    """Of a host by number (1: the first address), or by the name that it has already."""
    return f"127.0.{(host - 1) // 250}.{(host - 1) % 250 + 1}" if isinstance(host, int) else host


class Farm:
    """Farm(folder, hosts=20, pages=1000, latency=50, sitemap=True): options as site_farm --help names them."""

    def __init__(self, folder, **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / "requests.log"
        self.authority_path = self.folder / "authority.pem"  # with tls="good"
        self.pages = options.get("pages", 100)
        words = ["--log", self.log_path]
        if "tls" in options:
            words += ["--tls-ca", self.authority_path]
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            words += [option] if value is True else [option, value]
        self.process = subprocess.Popen(
            [FARM, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=functools.partial(end_with_us, signal.SIGTERM))
        said = self.process.stdout.readline().split()
        assert said[:1] == ["ready"], f"site_farm ended with {self.process.wait(10)}"
        self.port, self.tls_port = int(said[1]), int(said[2]) if len(said) > 2 else None

    def url(self, host=1, path="/"):
        return f"http://{host_name(host)}:{self.port}{path}"

    def tls_url(self, host=1, path="/"):
        return f"https://{host_name(host)}:{self.tls_port}{path}"

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.stdout.close()
        assert self.process.wait(10) == 0, "site_farm ends well"

    def _order(self, name, is_post=True, body=b"", host=None, **query):
        if host is not None:
            query["host"] = host_name(host)
        url = self.url(path=f"/farm/{name}?{urllib.parse.urlencode(query)}")
        with urllib.request.urlopen(urllib.request.Request(url, body if is_post else None), timeout=20) as answer:
            return answer.read().decode()

    def stats(self, host=None):
        """Of all hosts that were asked for something: {"connections", "accepted", "hosts": {name: {...}}}; or of one,
        None when it was not asked."""
        stats = json.loads(self._order("stats", is_post=False))
        return stats if host is None else stats["hosts"].get(host_name(host))

    def expected(self, host=1, under="", orphans=False):
        """The URLs that a full crawl of the host must find, each once; of the tree as seen below a modifier; with
        what only the sitemap names."""
        with urllib.request.urlopen(self.url(host, f"/farm/expected?under={under}&orphans={int(orphans)}"),
                                    timeout=60) as answer:
            return answer.read().decode().splitlines()

    def reset(self):
        """Counters as at the start, and nothing that hosts were told. The log stays."""
        self._order("reset")

    def storm(self, host=1, is_on=True, status=429, after=None):
        """The host answers everything with this status, or no more so."""
        self._order("storm", host=host, on=int(is_on), status=status, **({} if after is None else {"after": after}))

    def behind(self, host=1, modifiers=""):
        """Everything of the host stands behind these, such as /rl/2 or /cdn/fastly/1; "": no more so."""
        self._order("behind", host=host, modifiers=modifiers)

    def robots(self, host=1, mode=None, text=""):
        """The host's robots.txt: one of the modes, or this text."""
        self._order("robots", host=host, body=text.encode(), **({"mode": mode} if mode else {}))

    def log(self, host=None):
        """Every request whose answer has ended, in the order of their begin; of one host."""
        self._order("flush")
        found = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            begin, real, name, method, path, status, agent, size, took = line.split("\t")
            begin = int(begin) / 1e6
            found.append(Request(begin, begin + int(took) / 1e6, int(real) / 1e6, name, method, path, int(status), agent,
                                 int(size)))
        return sorted(one for one in found if host is None or one.host == host_name(host))
