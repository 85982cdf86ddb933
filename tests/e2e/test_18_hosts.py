"""A connection string with several hosts, one of which says nothing; and a server that says nothing any
more. Guards that every wait of a connection ends. Guards I7 where the database moves."""
import contextlib
import os
import signal
import socket
import time

import pytest

from database import Effects
from waiting import until


@pytest.fixture
def silent_host():
    """The port of a host that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)
        yield listener.getsockname()[1]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def stopped(pid):
    """Frozen: its kernel takes connections, and it says nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_silent_host_before_the_one_that_answers(databases, own_servers, launch, silent_host):
    server = own_servers()
    db = databases(server)
    db.kind("work")
    db.url = (f"postgresql://postgres@/{db.name}?host=127.0.0.1,{server.folder}&port={silent_host},5432"
              "&target_session_attrs=read-write&connect_timeout=1")
    node = launch("serve", "--db", db.url)
    until(lambda: db.value("select count(*) from pawl.nodes"), 20, lambda: node.said())
    db.wait_job(db.job("work", 100))
    server.stop()
    until(lambda: "no database" in node.said(), 10, "the node says that the database is away")
    server.start()
    until(lambda: "the database is back" in node.said(), 20, lambda: node.said())
    db.wait_job(db.job("work", 100))
    assert node.stop() == 0, node.said()


def test_hosts_by_name(databases, own_servers, serve):
    server = own_servers(listen_addresses="localhost", port=str(free_port()))
    db = databases(server)
    effects = Effects(db)
    db.kind("act", "sql", "app.act")
    db.url = (f"postgresql://postgres@nowhere.invalid,localhost/{db.name}?port={server.settings['port']}"
              "&connect_timeout=5")
    serve(db)
    db.wait_job(db.job("act", 20))
    effects.assert_once(20)
    assert db.value("select count(*) from pg_stat_activity where application_name like 'pawl %' "
                    "and client_addr is not null") >= 5


def test_a_node_leaves_though_the_server_does_not_take_its_cancel(databases, own_servers, serve):
    """Asked twice it leaves at once: the request to cancel what runs waits for nobody."""
    server = own_servers()
    db = databases(server)
    Effects(db)
    db.kind("slow", "sql", "app.act_slowly")
    node = serve(db)
    task = db.value("""select task_id from pawl.enqueue('slow', '{"n": 1, "seconds": 60}')""")
    db.wait_task(task, "running", seconds=10)
    with stopped(server.process.pid):
        node.terminate()
        until(lambda: "stopping" in node.said(), 10, "the first signal has come")
        start = time.monotonic()
        node.stop()
        assert time.monotonic() - start < 10, node.said()
