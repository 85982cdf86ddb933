"""What every story stands on: a PostgreSQL, a database in it with Pawl's schema, nodes.

Everything is made by the session itself, in folders of its own, and ended by pid; two sessions side
by side do not meet. When a story fails, what its nodes and its server said is printed with it.
"""
import itertools
import os
import shutil
import tempfile

import pytest

os.environ.setdefault("PSYCOPG_WAIT_FUNC", "wait_selector")  # select() knows no more than 1,024 files, and a story opens a thousand streams

from database import Database, Effects  # noqa: E402
from program import Node  # noqa: E402
from server import Server, give_to_postgres, make_cluster  # noqa: E402
from waiting import until

logs_of_test = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for name, path in item.stash.get(logs_of_test, []):
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    report.sections.append((name, "".join(log.readlines()[-60:])))


@pytest.fixture(scope="session")
def cluster_template():
    folder = tempfile.mkdtemp(prefix="pawl_e2e.")
    give_to_postgres(folder)
    make_cluster(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shared_server(cluster_template):
    """For stories that leave the server alone."""
    server = Server(cluster_template)
    yield server
    server.destroy()


@pytest.fixture
def own_servers(cluster_template, request):
    """Makes servers for stories that stop, kill or fill them: own_servers(setting=value)."""
    servers = []

    def make(parent=None, **settings):
        servers.append(Server(cluster_template, parent, **settings))
        request.node.stash.setdefault(logs_of_test, []).append(("PostgreSQL", servers[-1].log))
        return servers[-1]

    yield make
    for server in servers:
        server.destroy()


numbers = itertools.count(1)


@pytest.fixture
def databases(request):
    """Makes databases: databases(server), migrated unless told otherwise."""
    made = []

    def make(server, is_migrated=True):
        name = f"story_{next(numbers)}"
        with server.connect() as connection:
            connection.execute(f"create database {name}")
        made.append(Database(server, name))
        if is_migrated:
            made[-1].pawl("migrate")
        return made[-1]

    yield make
    for database in made:
        database.close()


@pytest.fixture
def db(databases, shared_server):
    return databases(shared_server)


@pytest.fixture
def effects(db):
    return Effects(db)


@pytest.fixture
def launch(tmp_path, request):
    """Starts any pawl command that goes on running; ended with the test, by pid."""
    running = []

    def start(*words, **environment):
        log = str(tmp_path / f"pawl_{len(running) + 1}.log")
        running.append(Node(log, *words, **environment))
        title = "pawl " + " ".join(map(str, words))
        request.node.stash.setdefault(logs_of_test, []).append((title, log))
        return running[-1]

    yield start
    for node in running:
        if node.is_running():
            node.kill()


@pytest.fixture
def serve(launch):
    """Starts a node and waits until it serves: serve(db), serve(db, slots=10)."""
    def start(database, slots=None, is_awaited=True):
        node = launch("serve", "--db", database.url, *(["--slots", slots] if slots else []))
        if is_awaited:
            until(lambda: database.value("select count(*) from pawl.nodes where name like %s", f"%:{node.pid}")
                  or not node.is_running(), 20, "the node is registered")
            assert node.is_running(), node.said()
        return node

    return start
