"""Whatever is wrong is said plainly, with the exit code of docs/exit-codes.md, and nothing is lost or
half done afterwards."""
import base64
import json
import random
import socket
import ssl
import subprocess
import threading

import pytest

from database import Database
from program import pawl
from waiting import until
from website import free_ports

UNCHANGED = """select (select jsonb_agg(to_jsonb(p) order by p.job_id) from pawl.job_progress p),
  (select jsonb_agg(to_jsonb(t) order by t.id) from pawl.tasks t),
  (select jsonb_agg(to_jsonb(k) order by k.name) from pawl.kinds k), (select count(*) from pawl.nodes)"""

BIG = json.dumps({"text": "x" * 1_100_000})
RANDOM = json.dumps({"text": base64.b64encode(random.Random(1).randbytes(900_000)).decode()})  # does not shrink

# Words of the command; exit code; what the message must say. {open}: a job that has not ended; {task}: a
# pending task of it.
TABLE = [
    # the command line
    ([], 0, []),
    (["frobnicate"], 2, ["unknown command", "frobnicate", "--help"]),
    (["job", "shwo", "1"], 2, ["shwo", "pawl job show"]),
    (["job", "list", "--frob"], 2, ["--frob"]),
    (["job", "list", "--limit", "many"], 2, ["--limit", "many"]),
    (["job", "list", "--limit"], 2, ["--limit"]),
    (["job", "list", "--status", "lost"], 2, ["lost", "failed"]),
    (["job", "show"], 2, ["needs an argument", "--help"]),
    (["serve", "--slots", "0"], 2, ["--slots"]),
    (["status", "--data", "/nowhere"], 2, ["--db", "--data"]),
    (["serve", "--listen", "nonsense"], 2, ["nonsense"]),
    # what arguments say
    (["job", "show", "first"], 3, ["first"]),
    (["job", "show", "999999"], 3, ["job 999999 does not exist", "pawl job list"]),
    (["job", "cancel", "999999"], 3, ["job 999999 does not exist"]),
    (["job", "retry", "999999"], 3, ["job 999999 does not exist"]),
    (["task", "list", "999999"], 3, ["job 999999 does not exist"]),
    (["task", "show", "{open}/999999"], 3, ["does not exist"]),
    (["task", "cancel", "{open}/999999"], 3, ["does not exist"]),
    (["task", "cancel", "7"], 3, ["7", "JOB/TASK"]),
    (["task", "retry", "{task}"], 3, ["has not ended", "pending"]),
    (["enqueue", "nobody", "{{}}"], 3, ['kind "nobody" does not exist', "pawl kind list"]),
    (["enqueue", "work", "{{not json"], 3, ["no JSON"]),
    (["enqueue", "work", "-", BIG], 3, ["payload", "1048576"]),
    (["enqueue", "work", "-", RANDOM], 3, ["payload", "1048576"]),
    (["enqueue", "work", "{{}}", "--run-at", "tomorrow or so"], 3, ["tomorrow or so"]),
    (["kind", "set", "bad", "--executor", "teleport"], 2, ["teleport", "noop"]),
    (["kind", "set", "bad", "--pace", "5"], 3, ['kind "bad" does not exist', "--executor"]),
    (["kind", "set", "bad", "--executor", "sql"], 3, ["target"]),
    (["kind", "set", "bad", "--executor", "http", "--target", "http://a.example/", "--authorization", "env:\udcff"], 2,
     ["--authorization", "UTF-8"]),
    (["kind", "set", "bad", "--executor", "http", "--target", "http://a.example/", "--header", "X-A: \udcff"], 2, ["--header", "UTF-8"]),
    (["kind", "set", "bad", "--executor", "http", "--target", "http://a.example/", "--option", "\udcff=1"], 2, ["--option", "UTF-8"]),
    (["kind", "set", "bad", "--executor", "sql", "--target", "no.where"], 3, ["no.where"]),
    (["kind", "set", "bad", "--executor", "sql", "--target", "no name; at all"], 3, ["name", "app.greet"]),
    (["crawl", "example.com"], 3, ["example.com", "https://"]),
    (["crawl", "ftp://example.com/"], 3, ["ftp"]),
    (["crawl", "http://"], 3, ["host"]),
    (["crawl", "https://example.com/", "--max-pages", "0"], 2, ["--max-pages"]),
    (["crawl", "https://example.com/", "--user-agent", ""], 2, ["--user-agent"]),
]


@pytest.fixture(scope="module")
def furnished(shared_server):
    """A database with a job that has ended, one that is open, and nobody who serves it."""
    with shared_server.connect() as connection:
        connection.execute("create database bad_input")
    db = Database(shared_server, "bad_input")
    db.pawl("migrate")
    db.kind("work")
    db.job("work", 0)
    db.open = db.job("work", 3)
    db.task = f"{db.open}/{db.value('select min(id) from pawl.tasks')}"
    yield db
    db.close()


@pytest.mark.parametrize("words, code, expected", TABLE, ids=[" ".join(words)[:40] for words, *_ in TABLE])
def test_table(furnished, words, code, expected):
    db = furnished
    before = db.rows(UNCHANGED)
    stdin = words[3] if "-" in words else None
    words = [word.format(open=db.open, task=db.task) for word in words if word != stdin]
    plain = db.pawl(*words, code=code, stdin=stdin)
    if code:
        assert plain.stderr.startswith("pawl: ") and plain.stdout == ""
        for part in expected:
            assert part in plain.stderr, f"{part!r} is not in: {plain.stderr}"
        error = json.loads(db.pawl(*words, "--json", code=code, stdin=stdin).stderr)["error"]
        assert error["message"] in plain.stderr.splitlines()[0]
        assert error["class"] == {2: "usage", 3: "input"}[code]
    assert db.rows(UNCHANGED) == before


# ---- databases that do not want us ----

@pytest.mark.parametrize("url", ["", "https://127.0.0.1:1/app", "postgresql://127.0.0.1:1/app?nonsense=1",
                                 "host=127.0.0.1 port"])
def test_no_connection_string(url):
    refused = pawl("status", "--db", url, code=3).stderr
    assert "no connection string" in refused and "postgresql://" in refused


def test_nobody_listens():
    refused = pawl("status", "--db", "postgresql://127.0.0.1:1/app", code=4).stderr
    assert "127.0.0.1" in refused and "refused" in refused


def test_no_such_database(shared_server):
    assert "nosuch" in pawl("status", "--db", shared_server.url("nosuch"), code=4).stderr


def test_no_private_database_runs(tmp_path):
    refused = pawl("status", "--data", tmp_path / "none", code=4).stderr
    assert "pawl up" in refused
    assert not (tmp_path / "none").exists()


def test_a_wrong_password(own_servers):
    port, = free_ports(1)
    server = own_servers(listen_addresses="127.0.0.1", port=str(port))
    with server.connect() as connection:
        connection.execute("create role ada login password 'right'")
        with open(f"{server.folder}/data/pg_hba.conf", "w") as rules:
            rules.write("local all all trust\nhost all all all scram-sha-256\n")
        connection.execute("select pg_reload_conf()")
    url = f"postgresql://ada:%s@127.0.0.1:{port}/postgres"
    until(lambda: pawl("status", "--db", url % "wrong", code=None).returncode == 4, 10, "the new rules are in force")
    refused = pawl("status", "--db", url % "wrong", code=4)
    assert "password authentication failed" in refused.stderr
    assert "wrong" not in refused.stderr and "right" not in refused.stderr, "no password is printed"
    assert "pawl migrate" in pawl("status", "--db", url % "right", code=5).stderr


def test_no_right_to_create_a_schema(databases, shared_server):
    db = databases(shared_server, is_migrated=False)
    db.rows(f"create role visitor_{db.name} login")
    url = shared_server.url(db.name, user=f"visitor_{db.name}")
    refused = pawl("migrate", "--db", url, code=4).stderr
    assert "permission denied" in refused and "grant create" in refused
    assert db.value("select to_regnamespace('pawl') is null")


def test_no_right_to_use_the_schema(db):
    db.rows(f"create role visitor_{db.name} login")
    refused = pawl("job", "list", "--db", db.server.url(db.name, user=f"visitor_{db.name}"), code=4).stderr
    assert "permission denied" in refused


class OldServer:
    """The first words of the protocol, version 3.0, as PostgreSQL 12 says them: authenticated, the
    version, a key to cancel with, ready. It knows no statement, and keeps what it is asked."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://127.0.0.1:{self.listener.getsockname()[1]}/app"
        self.asked = b""
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _message(kind, body):
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                self._greet(peer)

    def _greet(self, peer):
        while True:
            length = int.from_bytes(peer.recv(4, socket.MSG_WAITALL), "big")
            if length < 8:
                return
            if peer.recv(length - 4, socket.MSG_WAITALL)[:2] == b"\0\3":
                break
            peer.sendall(b"N")  # neither TLS nor GSS
        peer.sendall(self._message(b"R", bytes(4)) + self._message(b"S", b"server_version\x0012.9\0")
                     + self._message(b"K", bytes(8)) + self._message(b"Z", b"I"))
        while received := peer.recv(1000):
            self.asked += received

    def close(self):
        self.listener.close()


@pytest.fixture
def old_server():
    server = OldServer()
    yield server
    server.close()


OLD_TABLE = (["migrate"], ["migrate", "status"], ["serve"], ["serve", "--listen", "127.0.0.1:0"], ["status"],
             ["enqueue", "work", "{}"], ["crawl", "http://127.0.0.1:1/"])


@pytest.mark.parametrize("words", OLD_TABLE, ids=[" ".join(words) for words in OLD_TABLE])
def test_a_postgresql_that_is_too_old(old_server, words):
    refused = pawl(*words, "--db", old_server.url, code=5, timeout=20).stderr
    assert "PostgreSQL 12.9 is too old" in refused and "PostgreSQL 13 or later" in refused
    error = json.loads(pawl(*words, "--db", old_server.url, "--json", code=5, timeout=20).stderr)["error"]
    assert error["class"] == "schema" and "12.9" in error["message"] and "13" in error["hint"]
    until(lambda: old_server.asked, 10, "it has gone")
    assert old_server.asked.replace(b"X\0\0\0\4", b"") == b"", "it was asked nothing"


def test_programs_of_postgresql_that_are_too_old(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("initdb", "postgres"):
        (programs / name).write_text(f"""#!/bin/sh
[ "$1" = --version ] || touch '{tmp_path}/was_run'
echo '{name} (PostgreSQL) 12.22 (Debian 12.22-1.pgdg120+1)'
""")
        (programs / name).chmod(0o755)
    refused = pawl("up", "--data", tmp_path / "house", "--listen", "none", code=5, PAWL_PG_BINDIR=str(programs)).stderr
    assert "PostgreSQL 12 is too old" in refused and "13 or later" in refused and "--db" in refused
    assert not (tmp_path / "was_run").exists() and not (tmp_path / "house" / "pgdata").exists()


def test_no_postgresql_is_installed(tmp_path):
    refused = pawl("up", "--data", tmp_path / "house", "--listen", "none", code=6, PAWL_PG_BINDIR="/nonexistent").stderr
    assert "/nonexistent" in refused and "Install PostgreSQL" in refused
    assert not (tmp_path / "house" / "pgdata").exists()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "file" in pawl("up", "--data", tmp_path / "file", "--listen", "none", code=6).stderr


def test_a_port_in_use(db):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        refused = db.pawl("serve", "--listen", address, code=6).stderr
    assert address in refused and "in use" in refused
    assert db.value("select count(*) from pawl.nodes") == 0


# ---- sites that cannot be reached ----

@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "key", "-out", folder / "certificate"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) as secure:
                    secure.recv(1000)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()


def test_a_private_address_says_how_to_allow_it(db, serve):
    serve(db)
    refused = db.pawl("crawl", "http://127.0.0.1:1/", "--delay", 0, code=7)
    assert "127.0.0.1 is a loopback address" in refused.stderr and "--allow-private" in refused.stderr


def test_sites_that_cannot_be_reached(db, serve, self_signed):
    serve(db)
    sites = {
        "http://no-such-host.invalid/": "no-such-host.invalid",
        "http://127.0.0.1:1/": "127.0.0.1",
        self_signed: "certificate",
    }
    refused = {}

    def crawl(url):
        refused[url] = db.pawl("crawl", url, "--allow-private", "--delay", 0, code=None)

    threads = [threading.Thread(target=crawl, args=(url,)) for url in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for url, words in sites.items():
        assert refused[url].returncode == 7, refused[url]
        assert words in refused[url].stderr, refused[url].stderr
    assert db.rows("select status::text, count(*) from pawl.jobs group by 1") == [("failed", 3)]
    assert db.value("select count(*) from pawl.pages where error_class in ('dns', 'connect', 'tls')") == 3
