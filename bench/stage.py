"""What a figure stands on that needs a node: a database and `pawl serve`. Whatever ends with us is that of the
stories in tests/e2e."""
import os
import pathlib
import sys
import tempfile

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "e2e"))
os.environ["PATH"] += ":/usr/sbin:/sbin"  # nginx, for an ordinary user

from database import COUNTERS, PROGRESS_AGAINST_COUNT
from program import Node
from waiting import until

START_DEADLINE_S = 30


class Stage:
    """A database that is there and migrated, one node on it at a time, a folder. Ends what it started."""

    def __init__(self, url, work):
        self.url = url
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stage.", dir=work))
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

    def run(self, sql, *values):
        """Without an answer; without values it may be several statements."""
        if self._database is None:
            self._database = psycopg.connect(self.url, autocommit=True)
        return self._database.execute(sql, values or None)

    def rows(self, sql, *values):
        return self.run(sql, *values).fetchall()

    def value(self, sql, *values):
        return self.rows(sql, *values)[0][0]

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
