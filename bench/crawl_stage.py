"""What the crawler's figures stand on: sites, wget, and a stage with the database and a node.

Farm and Website, and whatever ends with us, are those of the stories in tests/e2e.
"""
import functools
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "e2e"))
os.environ["PATH"] += ":/usr/sbin:/sbin"  # nginx, for an ordinary user

from database import COUNTERS, PROGRESS_AGAINST_COUNT
from farm import Farm
from program import Node, pawl_json
from waiting import end_with_us, until
from website import Website, free_ports

START_DEADLINE_S = 30

# Plain files: no compression, no cache, no log, the same bytes for everybody.
MANUAL_CONFIGURATION = """
daemon off;
master_process off;
pid %(folder)s/pid;
error_log %(folder)s/error.log warn;
events { worker_connections 1024; }
http {
  types { text/html html; }
  access_log off;
  sendfile on;
  keepalive_requests 1000000;
  client_body_temp_path %(folder)s/t1; proxy_temp_path %(folder)s/t2; fastcgi_temp_path %(folder)s/t3;
  uwsgi_temp_path %(folder)s/t4; scgi_temp_path %(folder)s/t5;
  server {
    listen 127.0.0.1:%(port)d;
    root %(root)s;
  }
}
"""


class Manual:
    """The HTML manual of PostgreSQL, which the demo crawls too, served by nginx alone."""

    def __init__(self, folder):
        folders = sorted(pathlib.Path("/usr/share/doc").glob("postgresql-doc-*/html"))
        assert folders, "the manual of PostgreSQL is not installed; run: scripts/deps"
        self.root = folders[-1]
        self.port = free_ports(1)[0]
        folder.mkdir()
        (folder / "nginx.conf").write_text(
            MANUAL_CONFIGURATION % {"folder": folder, "root": self.root, "port": self.port})
        self.process = subprocess.Popen(
            ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        until(self._is_up, START_DEADLINE_S, "nginx answers")

    def _is_up(self):
        assert self.process.poll() is None, "nginx has ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        except OSError:
            return False

    def url(self, path="/index.html"):
        return f"http://127.0.0.1:{self.port}{path}"

    def expected(self):
        """By its files: every one can be reached from the first page."""
        return [self.url(f"/{path.relative_to(self.root)}") for path in self.root.rglob("*.html")]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def wget(site, folder):
    """Everything that a full wget finds: the seconds of the whole command, and the pages' URLs, sorted."""
    words = ["wget", "--quiet", "--recursive", "--level=inf", "--no-host-directories",
             "--follow-tags=a,area,iframe,frame", f"--directory-prefix={folder}", site.url()]
    begin = time.time()
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL,
                   preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
    seconds = time.time() - begin
    start = site.url()
    files = [f"/{path.relative_to(folder)}" for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    # it calls the page of / index.html
    urls = [start if start.endswith("/") and file == "/index.html" else site.url(path=file) for file in files]
    return seconds, sorted(urls)


class Stage:
    """A database that is there and migrated, one node on it at a time, a folder. Ends what it started."""

    def __init__(self, url, work):
        self.url = url
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crawl.", dir=work))
        self._database = None
        self.node = None
        self._sites = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.node and kind:
            print(self.node.said()[-2000:], file=sys.stderr)
            self.node.kill()
        elif self.node and self.node.is_running():
            self.stop_node()
        for site in self._sites:
            site.stop()

    def site(self, make, *words, **options):
        """make(folder, ...), stopped in the end."""
        self._sites.append(make(self.folder / f"site{len(self._sites)}", *words, **options))
        return self._sites[-1]

    # ---- the database ----

    def rows(self, sql, *values):
        if self._database is None:
            self._database = psycopg.connect(self.url, autocommit=True)
        return self._database.execute(sql, values or None).fetchall()

    def value(self, sql, *values):
        return self.rows(sql, *values)[0][0]

    def urls(self, job):
        """Of all pages that came."""
        return sorted(url for url, in self.rows(
            "select url from pawl.pages where job_id = %s and role = 'page' and status = 200", job))

    def count_pages(self, job):
        """As urls() does, where there are very many."""
        return self.value(
            "select count(*) from pawl.pages where job_id = %s and role = 'page' and status = 200", job)

    def links(self, job):
        """As pages were proposed, each once a page."""
        return self.value("select coalesce(sum(links), 0)::bigint from pawl.pages where job_id = %s", job)

    def raised(self, job):
        """How many known pages got a better priority."""
        return self.value("select coalesce(sum(raised_high + raised_medium + raised_low), 0)::bigint"
                          " from pawl.crawls where job_id = %s", job)

    def rows_written(self):
        """{table: rows inserted, updated and deleted so far}, but for what nodes write by the clock and by batches.
        Sessions tell the statistics what they did when they end, so no node may run."""
        until(lambda: not self.value("select count(*) from pg_stat_activity where datname = current_database()"
                                     " and application_name like 'pawl%'"), START_DEADLINE_S, "all sessions have ended")
        return dict(self.rows("""
          select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables
          where schemaname = 'pawl' and relname not in ('jobs', 'limiters', 'nodes', 'progress_deltas')"""))

    def are_counters_exact(self):
        """Of every job, in one snapshot: what its progress says against a count of its tasks (I1)."""
        return all({name: said[name] for name in COUNTERS} == counted
                   for said, counted, _ in self.rows(PROGRESS_AGAINST_COUNT))

    # ---- the node ----

    def start_node(self):
        self.node = Node(str(self.folder / "node.log"), "serve", "--db", self.url)
        until(lambda: self.value("select count(*) from pawl.nodes where dead_at is null")
              or not self.node.is_running(), START_DEADLINE_S, "the node is registered")

    def stop_node(self):
        code = self.node.stop()
        assert code == 0, f"pawl serve ended with {code}"

    def peak_resident_mb(self):
        """The kernel's VmHWM of the node."""
        with open(f"/proc/{self.node.pid}/status", encoding="utf-8") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6

    # ---- crawls ----

    def crawl(self, url, *words):
        """With its report, or, with --detach, while it goes on: the job."""
        return pawl_json("crawl", url, "--db", self.url, "--allow-private", *words, timeout=250)["job"]

    def wait_for_jobs(self, seconds):
        """Until all have ended, and well."""
        until(lambda: not self.value("select count(*) from pawl.jobs where finished_at is null"), seconds,
              "the crawls have ended")
        ended = self.rows("select id, status::text, error from pawl.jobs where status <> 'completed'")
        assert not ended, f"crawls that failed: {ended}"

    def end_of_jobs(self):
        """When the last one ended, as time.time()."""
        return self.value("select extract(epoch from max(finished_at))::float from pawl.jobs")
