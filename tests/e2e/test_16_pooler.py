"""Behind PgBouncer in transaction mode, where each transaction may meet another server connection:
nothing that belongs to a session may be relied upon, neither prepared statements nor LISTEN."""
import functools
import shutil
import signal
import subprocess
import tempfile

import psycopg
import pytest

from database import ProgressWatch
from program import pawl
from server import as_postgres, clean_environment, give_to_postgres
from waiting import end_with_us, until
from website import free_ports

TASKS = 5000


class Pooler:
    """PgBouncer before a server, few server connections for many clients."""

    def __init__(self, server, **settings):
        self.folder = tempfile.mkdtemp(prefix="pawl_e2e.")
        self.log = f"{self.folder}/log"
        self.port, = free_ports(1)
        settings = {"listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "", "auth_type": "any",
                    "pool_mode": "transaction", "default_pool_size": 3, "max_client_conn": 100, **settings}
        with open(f"{self.folder}/pgbouncer.ini", "w") as file:
            file.write(f"[databases]\n* = host={server.folder} port={server.settings['port']} user=postgres\n[pgbouncer]\n")
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        give_to_postgres(self.folder)
        give_to_postgres(f"{self.folder}/pgbouncer.ini")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin"), f"{self.folder}/pgbouncer.ini"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), start_new_session=True,
                preexec_fn=functools.partial(end_with_us, signal.SIGKILL), **as_postgres())

    def url(self, database):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database.name}"

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def is_up(self, database):
        assert self.process.poll() is None, self.said()
        try:
            psycopg.connect(self.url(database), connect_timeout=2).close()
            return True
        except psycopg.OperationalError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


@pytest.fixture
def pooler(db):
    pooler = Pooler(db.server)
    try:
        until(lambda: pooler.is_up(db), 20, pooler.said)
        yield pooler
    finally:
        pooler.close()


def test_a_drain_through_the_pooler_is_exact(db, effects, pooler, launch):
    """I1, I4, I7: each task once, although each transaction may meet another server connection."""
    db.kind("work")
    db.kind("act", "sql", "app.act")
    jobs = [db.job("work", TASKS) for _ in range(2)]
    acts = db.job("act", 500)
    with ProgressWatch(db):
        nodes = [launch("serve", "--db", pooler.url(db)) for _ in range(2)]
        for job in jobs + [acts]:
            db.wait_job(job, seconds=60)
    effects.assert_once(500)
    assert db.value("select count(*) filter (where status = 'completed' and attempt = 1) from pawl.tasks") \
        == 2 * TASKS + 500
    assert db.value("select count(*) from pawl.attempts") == 0
    assert db.value("select sum(stale_finishes) from pawl.nodes") == 0
    assert db.rows("select * from pawl.reconcile()") == []
    assert all(node.stop() == 0 for node in nodes)
    assert db.value("select count(*) from pawl.nodes") == 0


def test_a_sleeping_node_finds_work_though_it_hears_no_bell(db, pooler, launch):
    """I5: LISTEN does not survive the pooler, so the sweep is what finds it; the node says so."""
    db.kind("work")
    node = launch("serve", "--db", pooler.url(db))
    until(lambda: "is ready" in node.said(), 20, node.said)
    assert "notifications do not reach this node" in node.said() and "session mode" in node.said()
    db.wait_asleep()
    tasks = [pawl("enqueue", "work", "{}", "--db", pooler.url(db)).stdout.split("/")[1] for _ in range(3)]
    for task in tasks:
        db.wait_task(task, seconds=45)
    assert db.value("select bool_and(status = 'completed' and attempt = 1) from pawl.tasks")
    db.assert_exact()
    assert node.stop() == 0


def test_a_cancelled_task_is_dropped_though_no_bell_is_heard(db, effects, pooler, launch):
    """With the second heartbeat after it began, instead of within the second."""
    db.kind("slow", "sql", "app.act_slowly")
    task = db.value("""select task_id from pawl.enqueue('slow', '{"n": 1, "seconds": 60}')""")
    launch("serve", "--db", pooler.url(db))
    is_sleeping = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    until(lambda: db.value(is_sleeping) == 1, 20, "it runs")
    db.rows("select pawl.cancel_task(job_id, id) from pawl.tasks")
    until(lambda: db.value(is_sleeping) == 0, 20, "its node has dropped it")
    assert db.task_status(task) == "cancelled" and db.value("select count(*) from app.effects") == 0


def test_nothing_is_said_where_bells_are_heard(db, launch):
    """Directly, and through a pooler in session mode."""
    pooler = Pooler(db.server, pool_mode="session", default_pool_size=20)
    try:
        until(lambda: pooler.is_up(db), 20, pooler.said)
        for url in (db.url, pooler.url(db)):
            node = launch("serve", "--db", url)
            until(lambda: "is ready" in node.said(), 20, node.said)
            assert "notifications" not in node.said()
            assert node.stop() == 0
    finally:
        pooler.close()
