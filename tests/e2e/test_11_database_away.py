"""PostgreSQL stops, or its disk is full, while tasks run. Guards I7: outcomes are kept and written,
the node comes back by itself."""
import os
import shutil
import subprocess

import psycopg
import pytest

from database import Effects
from waiting import until


def begin(databases, server, serve, tasks=40_000):
    db = databases(server)
    effects = Effects(db)
    db.kind("work")
    db.kind("paced", start_interval_ms=0.2)
    db.kind("act", "sql", "app.act", max_attempts=50, backoff_base_ms=10, backoff_cap_ms=200)
    node = serve(db)
    jobs = [db.job("paced", tasks // 2), db.job("work", tasks), db.job("act", 2_000)]
    until(lambda: db.progress(jobs[0])["completed"] > 500, 20, "the drain is under way")
    return db, effects, node, jobs


def assert_all_ended(db, effects, node, jobs):
    for job in jobs:
        db.wait_job(job, seconds=60)
    assert db.value("select bool_and(status = 'completed') from pawl.tasks")
    effects.assert_once(2_000)
    db.wait_folded()
    db.assert_exact()
    assert node.is_running()


def test_postgresql_stops_and_starts(databases, own_servers, serve):
    server = own_servers()
    db, effects, node, jobs = begin(databases, server, serve)
    server.stop()
    until(lambda: "no database" in node.said(), 10, "the node says that the database is away")
    server.start()
    until(lambda: "the database is back" in node.said(), 15, "and that it is back")
    assert_all_ended(db, effects, node, jobs)


def test_a_node_that_starts_before_its_database_says_so(databases, own_servers, serve):
    server = own_servers()
    db = databases(server)
    db.kind("work")
    job = db.job("work", 10)
    server.stop()
    node = serve(db, is_awaited=False)
    assert node.wait() == 4 and "hint" in node.said(), "it says so and ends with the code for it"
    server.start()
    serve(db)
    db.wait_job(job)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 160 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("a small disk needs root and the right to mount")
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and parent != parent.parent and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)  # pytest's folders are closed to others
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """All of it, to the last page."""
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        for size in (1 << 20, 4096):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                pass


def test_a_full_disk(databases, own_servers, serve, small_disk):
    server = own_servers(small_disk, max_wal_size="64MB", wal_recycle="off")
    db, effects, node, jobs = begin(databases, server, serve)

    def is_in_trouble():
        """A refused write, or a server that could not write its log and went down."""
        with open(server.log, errors="replace") as log:
            return "No space left on device" in log.read()

    enough = False
    while not enough:
        fill(small_disk)
        try:
            jobs.append(db.job("work", 20_000))
        except psycopg.Error:
            pass
        enough = is_in_trouble()
    os.remove(small_disk / "ballast")
    if server.process.poll() is not None:
        server.start()

    def is_back():
        try:
            return db.value("select true")
        except psycopg.Error:
            if server.process.poll() is not None:
                server.start()
            return False

    until(is_back, 30, "the server is back")
    assert_all_ended(db, effects, node, jobs)
