"""pawl up: a database of its own, started, kept alive and stopped with the program."""
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import psycopg
import pytest

from program import pawl, pawl_json
from server import clean_environment, programs
from waiting import until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def is_alive(pid):
    """A process that has ended may wait for somebody to read its exit code."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class House:
    """A data folder and what runs on it."""

    def __init__(self, folder, launch):
        self.folder, self.launch, self.port = str(folder), launch, free_port()

    def up(self):
        before = self.port
        node = self.launch("up", "--data", self.folder, "--listen", f"127.0.0.1:{before}")
        until(lambda: "is ready" in node.said() or not node.is_running(), 60, node.said)
        assert node.is_running(), node.said()
        return node

    def postmaster(self):
        with open(f"{self.folder}/pgdata/postmaster.pid") as file:
            return int(file.readline())

    def url(self):
        return pawl("url", "--data", self.folder).stdout.strip()

    def value(self, sql):
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchone()[0] if cursor.description else None

    def end(self):
        """Whatever a failed test left behind."""
        try:
            pid = self.postmaster()
            os.kill(pid, signal.SIGQUIT)
            until(lambda: not is_alive(pid), 20, "the private PostgreSQL has ended")
        except (FileNotFoundError, ProcessLookupError):
            pass


@pytest.fixture
def house(tmp_path, launch):
    house = House(tmp_path / "house", launch)
    yield house
    house.end()


def test_up_answers_and_stops_all_it_started(house):
    node = house.up()
    postmaster = house.postmaster()
    done = subprocess.run([f"{programs()}/psql", "-X", "-At", house.url(), "-c", "select count(*) from pawl.jobs"],
                          check=True, text=True, capture_output=True, env=clean_environment())
    assert done.stdout == "0\n"
    assert get(house.port, "/livez")[0] == 200
    assert get(house.port, "/readyz")[0] == 200
    status, document = get(house.port, "/v1/status")
    assert status == 200 and len(document["nodes"]) == 1 and document["tasks"]["total"] == 0
    assert get(house.port, "/nowhere")[0] == 404
    assert pawl_json("status", "--data", house.folder)["nodes"][0]["is_alive"] is True

    assert node.stop() == 0
    assert not is_alive(postmaster)
    with pytest.raises(urllib.error.URLError):
        get(house.port, "/livez")
    assert pawl("url", "--data", house.folder, code=4).stderr

    house.up()  # and what was there is there again
    assert house.value("select count(*) from pawl.migrations") > 0


def test_a_second_up_is_refused(house, launch, tmp_path):
    first = house.up()
    second = pawl("up", "--data", house.folder, "--listen", f"127.0.0.1:{free_port()}", code=6)
    assert house.folder in second.stderr and str(first.pid) in second.stderr
    assert f"kill {first.pid}" in second.stderr and f"pawl serve --data {house.folder}" in second.stderr
    other = House(tmp_path / "other", launch)
    other.port = house.port
    try:
        third = pawl("up", "--data", other.folder, "--listen", f"127.0.0.1:{house.port}", code=6)
        assert f"127.0.0.1:{house.port}" in third.stderr and "in use" in third.stderr
        with pytest.raises(FileNotFoundError):
            other.postmaster()  # nothing is left behind
    finally:
        other.end()
    assert get(house.port, "/readyz")[0] == 200, "the first one does not care"


def test_a_database_that_is_still_being_set_up_is_called_that(house):
    """A pawl up that has got only so far, played by the test: it holds the folder's lock."""
    node = house.up()
    node.kill()
    server = house.url().replace("///pawl?", "///postgres?")

    def refusal(code):
        return pawl("status", "--data", house.folder, code=code, timeout=20).stderr

    with psycopg.connect(server, autocommit=True) as connection, open(f"{house.folder}/pawl.lock") as lock:
        connection.execute("drop database pawl with (force)")
        assert "does not exist" in refusal(4), "nobody is at work on it"
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "still being set up" in refusal(4) and "Try again in a moment" in refusal(4)
        connection.execute("create database pawl")
        assert "still being set up" in refusal(4)
        entry = f"{house.folder}/socket/.s.PGSQL.5432"
        os.rename(entry, f"{entry}.later")
        assert "Try again in a moment" in refusal(4)
        os.rename(f"{entry}.later", entry)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert "pawl migrate" in refusal(5)
        fcntl.flock(lock, fcntl.LOCK_EX)
        house.end()
        assert "is not running" in refusal(4) and "Try again in a moment" in refusal(4)
    assert f"pawl up --data {house.folder}" in refusal(4)


def test_a_folder_of_somebody_else_is_left_alone(house):
    foreign = pathlib.Path(house.folder)
    (foreign / "apt").mkdir(parents=True)
    for code, *words in ((6, "up", "--listen", "none"), (6, "crawl", "http://127.0.0.1:1/"), (4, "status"), (4, "url")):
        refused = pawl(*words, "--data", foreign, code=code, timeout=20).stderr
        assert str(foreign) in refused
        if code == 6:
            assert "not pawl's" in refused and '"apt"' in refused and "--data" in refused
        assert [entry.name for entry in foreign.rglob("*")] == ["apt"], f"pawl {words[0]} left something behind"


def test_a_log_in_the_folder_is_no_stranger(tmp_path, launch):
    """As in: pawl up --data "$D" >"$D/log" """
    house = House(tmp_path, launch)  # where launch() writes its logs
    try:
        node = house.up()
        assert (tmp_path / "pawl_1.log").read_text() == node.said() and node.stop() == 0
        house.up()
    finally:
        house.end()


def test_postgresql_outlives_a_killed_up_and_is_adopted(house):
    node = house.up()
    postmaster = house.postmaster()
    pawl("kind", "set", "work", "--executor", "noop", "--data", house.folder)
    node.kill()
    assert is_alive(postmaster)
    pawl("enqueue", "work", "{}", "--data", house.folder)
    node = house.up()
    assert house.postmaster() == postmaster
    until(lambda: house.value("select bool_and(status = 'completed') from pawl.tasks"), 10, "the task has run")
    assert node.stop() == 0
    assert not is_alive(postmaster), "whoever adopts it stops it"


def test_a_killed_postgresql_is_started_again(house):
    node = house.up()
    pawl("kind", "set", "work", "--executor", "noop", "--data", house.folder)
    postmaster = house.postmaster()
    house.value("select pawl.create_job('work', array(select '{}'::jsonb from generate_series(1, 50000)))")
    until(lambda: house.value("select sum(completed) from pawl.job_progress") > 1000, 10, "the drain is under way")
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: get(house.port, "/livez")[0] == 200, 5, "it lives")

    def is_ended():
        try:
            return house.value("select bool_and(status = 'completed') and count(*) = 1 from pawl.jobs")
        except (psycopg.OperationalError, AssertionError):
            return False

    until(is_ended, 60, "the job has ended")
    assert house.postmaster() != postmaster and node.is_running()
    until(lambda: get(house.port, "/readyz")[0] == 200, 10, "it is ready again")
    assert house.value("select count(*) from pawl.reconcile()") == 0
    assert node.stop() == 0


def test_readiness_says_that_the_database_is_away(own_servers, databases, launch):
    server = own_servers()
    db = databases(server)
    port = free_port()
    node = launch("serve", "--db", db.url, "--listen", f"127.0.0.1:{port}")
    until(lambda: "is ready" in node.said(), 20, node.said)
    assert get(port, "/readyz")[0] == 200
    server.stop()
    until(lambda: get(port, "/readyz")[0] == 503, 10, "it is not ready")
    status, document = get(port, "/v1/status")
    assert status == 503 and document["error"]["message"]
    assert get(port, "/livez")[0] == 200
    server.start()
    until(lambda: get(port, "/readyz")[0] == 200, 20, "it is ready again")
