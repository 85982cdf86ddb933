"""What the crawler's figures stand on: sites, wget, and what can be asked of a crawl.

Farm and Website are those of the stories in tests/e2e.
"""
import functools
import pathlib
import signal
import socket
import subprocess
import time

from stage import START_DEADLINE_S, Stage
from farm import Farm
from program import pawl_json
from waiting import end_with_us, until
from website import Website, free_ports

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


class CrawlStage(Stage):
    """A stage whose jobs are crawls."""

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
