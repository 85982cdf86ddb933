"""Functions that answer 202 and call back, over any node's API, with progress, late, twice, forged, or never.
Guards I3, I4 and I7; a real Node server is the function (tests/functions/server.mjs)."""
import http.client
import json
import re
import socket
import time
import urllib.parse

import pytest

from function import Function
from waiting import until

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def function():
    made = Function()
    yield made
    made.stop()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def node(launch, db, port):
    """A node that listens, at the address at which functions are told to call back; wait until it serves."""
    def start(*words):
        if not words:
            words = ("--listen", f"127.0.0.1:{port}", "--callback-url", f"http://127.0.0.1:{port}/")
        started = launch("serve", "--db", db.url, *words)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s and dead_at is null",
                               f"%:{started.pid}") or not started.is_running(), 20, "the node serves")
        assert started.is_running(), started.said()
        return started
    return start


def define(db, name, target, max_attempts=5, **options):
    db.rows("select pawl.define_kind(%s, 'http', %s, p_max_attempts => %s, p_backoff_base_ms => 0, p_options => %s)",
            name, target, max_attempts, json.dumps({"allow_private": True, **options}))


def enqueue(db, kind="later"):
    return db.rows("select job_id, task_id from pawl.enqueue(%s)", kind)[0]


def state(db, task):
    return db.rows("select status::text, attempt, result, error from pawl.tasks where id = %s", task)[0]


def call(url, token, message, method="POST", headers=None):
    """(status, body) of one call back. message: a document, bytes as they are, or an iterator of chunks."""
    parts = urllib.parse.urlsplit(url)
    body = message if isinstance(message, bytes) or hasattr(message, "__next__") else json.dumps(message).encode()
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request(method, parts.path, body=body, encode_chunked=hasattr(message, "__next__"),
                           headers={**JSON, **({"Authorization": f"Bearer {token}"} if token is not None else {}),
                                    **({"Transfer-Encoding": "chunked"} if hasattr(message, "__next__") else {}), **(headers or {})})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_function_works_on_and_calls_back(db, function, node):
    """202 at once, 5 s of work with progress, seen live, and the result: one attempt, and no slot is held."""
    node()
    define(db, "later", function.url("/later?ms=5000&steps=10"))
    job = db.value("select pawl.create_job('later', array['{}']::jsonb[])")
    said = db.pawl("job", "show", job, "--follow").stdout
    assert db.value("select j.finished_at - t.finished_at < '10 s' from pawl.jobs j join pawl.tasks t on t.job_id = j.id"), \
        "the job's end is not left to a sweep"
    task = db.value("select id from pawl.tasks where job_id = %s", job)
    assert state(db, task) == ("completed", 1, {"worked": 5000}, None)
    seen = [int(percent) for percent in re.findall(rf"task {job}/{task}: (\d+)% step \d+ of 10", said)]
    assert seen and all(0 < percent < 100 for percent in seen[1:]) and seen == sorted(seen), said
    assert len(set(seen)) >= 2, said
    record, = function.records("/later")
    assert record["is_answered"] and [answer["status"] for answer in record["calls"]] == [200] * 11
    envelope = json.loads(record["body"])["callback"]
    assert envelope["url"].endswith(f"/v1/callbacks/{job}/{task}/1") and "//v1" not in envelope["url"]
    assert envelope["token"] == db.value("select pawl.callback_token(%s, %s, 1)", job, task)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", envelope["deadline"])
    assert db.value("select count(*) from pawl.task_progress") == 0
    db.assert_exact()


def test_progress_is_seen_in_the_task(db, function, node):
    node()
    define(db, "later", function.url("/later?ms=3000&steps=3"))
    job, task = enqueue(db)
    until(lambda: (db.json("task", "show", f"{job}/{task}")["progress"] or {}).get("message") == "step 2 of 3", 10, "it is at step 2")
    said = db.pawl("task", "show", f"{job}/{task}").stdout
    assert "33" in said and "step 2 of 3" in said and "lease ends" in said
    assert db.json("job", "show", job)["last_report"].startswith(f"task {job}/{task}: 33% step 2")
    assert db.json("why", f"{job}/{task}")["reasons"][0]["reason"] == "lease"
    assert db.value("select node_id from pawl.tasks where id = %s", task) is None
    db.wait_task(task, seconds=10)


def test_kill_9_in_between_and_another_node_hears_it(db, function, node):
    """I7: the node that called is killed after the 202; the call back comes to another one at the same address."""
    first = node()
    define(db, "later", function.url("/later?ms=2000&steps=2"))
    job, task = enqueue(db)
    until(lambda: db.value("select lease_until is not null from pawl.tasks where id = %s", task), 10, "the function has it")
    first.kill()
    node()
    db.wait_task(task, seconds=15)
    assert state(db, task) == ("completed", 1, {"worked": 2000}, None)
    assert len(function.records("/later")) == 1
    db.assert_exact()


def test_a_call_that_is_earlier_than_the_202_counts(db, function, node):
    node()
    define(db, "later", function.url("/later?early=1"))
    job, task = enqueue(db)
    db.wait_task(task, seconds=10)
    assert state(db, task) == ("completed", 1, {"early": True}, None)
    until(lambda: db.value("select sum(stale_finishes) from pawl.nodes") == 1, 15, "the 202 was fenced")
    assert state(db, task) == ("completed", 1, {"early": True}, None)
    assert db.value("select count(*) from pawl.attempts") == 0
    db.assert_exact()


def test_a_function_that_says_it_failed(db, function, node):
    node()
    define(db, "later", function.url("/later?fail=1"))
    job, task = enqueue(db)
    db.wait_task(task, "failed", seconds=10)
    assert state(db, task) == ("failed", 1, None, "no luck")


def test_a_deadline_that_passes_and_heartbeats_that_keep_it_off(db, function, node):
    node()
    define(db, "silent", function.url("/later?silent=1"), max_attempts=2, callback_timeout_ms=1000)
    define(db, "later", function.url("/later?ms=3000&steps=10"), heartbeat_timeout_ms=1000)
    (job, silent), (_, alive) = enqueue(db, "silent"), enqueue(db)
    db.wait_task(silent, "failed", seconds=15)
    assert state(db, silent) == ("failed", 2, None, "timeout: it did not call back in time")
    assert db.rows("select attempt, error_class from pawl.attempts where task_id = %s order by 1", silent) == [(1, "timeout"), (2, "timeout")]
    db.wait_task(alive, seconds=10)
    assert state(db, alive)[:2] == ("completed", 1)
    # what it says now is too late, and it is told so
    token = db.value("select pawl.callback_token(%s, %s, 2)", job, silent)
    url = json.loads(function.records("/later")[0]["body"])["callback"]["url"]
    late = re.sub(r"callbacks/.*", f"callbacks/{job}/{silent}/2", url)
    assert call(late, token, {"status": "completed"})[0] == 410


def test_without_an_address_there_is_nobody_to_call(db, function, node):
    """A node that was given no address offers no call back: then 202 is an answer like other 2xx."""
    node("--listen", "none")
    define(db, "later", function.url("/later"))
    job, task = enqueue(db)
    db.wait_task(task, seconds=10)
    assert state(db, task)[2] == {"accepted": True}
    assert "callback" not in json.loads(function.records("/later")[0]["body"])


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "https://", "https:///x", "http://h/x?y", "http://h/#x", "http://u@h/", "http://h /"])
def test_an_address_that_is_none_is_refused(db, url):
    refused = db.pawl("serve", "--callback-url", url, code=2)
    assert "is no URL" in refused.stderr and "hint:" in refused.stderr


def test_bad_calls(db, function, node, port):
    """Forged, malformed, too large, replayed, for another attempt, after the end, after cancel."""
    node()
    define(db, "later", function.url("/later?silent=1"))
    job, task = enqueue(db)
    until(lambda: db.value("select lease_until is not null from pawl.tasks where id = %s", task), 10, "the function has it")
    mine = json.loads(function.records("/later")[0]["body"])["callback"]
    url, token = mine["url"], mine["token"]
    base = f"http://127.0.0.1:{port}"
    fine = {"status": "completed", "result": 1}

    def error(answer):
        assert answer[1]["error"]["message"]
        return answer[0]

    assert [error(call(url, forged, fine)) for forged in ("x", token[:-1], token[:-1] + ("0" if token[-1] != "0" else "1"), token * 100, "'; --")] == [403] * 5
    assert error(call(url, None, fine)) == 401
    assert error(call(url, None, fine, headers={"Authorization": f"Basic {token}"})) == 401
    assert error(call(url.replace(f"/{task}/1", f"/{task}/2"), token, fine)) == 403
    assert error(call(f"{base}/v1/callbacks/424242/1/1", token, fine)) == 403
    assert [error(call(f"{base}/v1/callbacks/{rest}", token, fine)) for rest in
            ("", "1", "1/2", "1/2/3/4", "1/2/x", "-1/2/3", "1/2/3/", "9999999999999999999/1/1", "1/1/9999999999", "1//1")] == [404] * 10
    assert [error(call(url, token, fine, method=method)) for method in ("GET", "PUT", "DELETE")] == [405] * 3
    assert error(call(f"{base}/v1/status", token, fine)) == 405
    assert [error(call(url, token, body)) for body in
            (b"", b"{", b"not json", b"{\"status\": \"completed\"}\0", b"\xff\xfe", b"{\"status\": \"completed\", \"result\": \"\\u0000\"}",
             b"[" * 100000, b"{\"status\": \"completed\", \"result\": " + b"[" * 50000 + b"]" * 50000 + b"}",
             b"null", b"[]", b"{}")] == [400] * 11
    assert [error(call(url, token, message)) for message in
            ({"status": "done"}, {"status": "running", "percent": 101}, {"status": "running", "percent": "1"},
             {"status": "failed", "retry_after_ms": -1}, {"status": "completed", "outcome": 1})] == [400] * 5
    assert error(call(url, token, {"status": "completed", "result": "x" * 70000})) == 413
    assert error(call(url, token, b" " * (1 << 20) + b"{}")) == 413
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        wire.sendall(b"POST /v1/callbacks/1/1/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n")
        assert wire.recv(12) == b"HTTP/1.1 413"  # without waiting for it
    assert error(call(url, token, iter([b" " * 65536] * 20))) == 413  # a length that nobody told
    assert state(db, task) == ("running", 1, None, None)
    assert db.value("select count(*) from pawl.task_progress") == 0

    assert call(url, token, fine) == (200, {"task": f"{job}/{task}", "attempt": 1, "status": "completed"})
    assert call(url, token, fine) == (200, {"task": f"{job}/{task}", "attempt": 1, "status": "completed"})
    assert error(call(url, token, {"status": "running", "percent": 5})) == 410
    assert error(call(url, token, {"status": "failed"})) == 410
    assert state(db, task) == ("completed", 1, 1, None)

    # a person runs it again: the old token is of no use, and the new one is another
    db.rows("select pawl.retry_task(%s, %s)", job, task)
    until(lambda: db.value("select attempt = 2 and lease_until is not null from pawl.tasks where id = %s", task), 10, "attempt 2 is under way")
    assert error(call(url, token, {"status": "failed"})) == 409
    again = json.loads(function.records("/later")[1]["body"])["callback"]
    assert again["url"].endswith("/2") and again["token"] != token
    assert db.json("task", "cancel", f"{job}/{task}")["changed"] is True
    assert error(call(again["url"], again["token"], fine)) == 410
    assert db.task_status(task) == "cancelled"
    db.assert_exact()


def test_slow_and_broken_off_calls(db, function, node, port):
    """A body that comes in drops is heard; one that ends before its length is not, though what came says that all is
    done; and whoever sends none keeps nobody else waiting."""
    node()
    define(db, "later", function.url("/later?silent=1"))
    job, task = enqueue(db)
    until(lambda: db.value("select lease_until is not null from pawl.tasks where id = %s", task), 10, "the function has it")
    mine = json.loads(function.records("/later")[0]["body"])["callback"]
    path = urllib.parse.urlsplit(mine["url"]).path

    def begin(length):
        wire = socket.create_connection(("127.0.0.1", port), 10)
        wire.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {mine['token']}\r\nContent-Length: {length}\r\n\r\n".encode())
        return wire

    silent = [begin(100) for _ in range(30)]
    fine = b'{"status": "completed", "result": "broken off"}'
    for ending in (socket.SHUT_WR, None):
        with begin(len(fine) + 1) as wire:
            wire.sendall(fine)
            if ending is not None:
                wire.shutdown(ending)
                assert not wire.recv(100).startswith(b"HTTP/1.1 200")
    drops = json.dumps({"status": "running", "percent": 40, "message": "slowly"}).encode()
    with begin(len(drops)) as wire:
        for place in range(len(drops)):
            wire.sendall(drops[place:place + 1])
            time.sleep(0.02)  # slowness is what is tested
        assert wire.recv(12) == b"HTTP/1.1 200"
    assert state(db, task) == ("running", 1, None, None)
    assert db.value("select message from pawl.task_progress") == "slowly"
    for wire in silent:
        wire.close()
    assert call(mine["url"], mine["token"], {"status": "completed", "result": "whole"})[0] == 200
    assert state(db, task) == ("completed", 1, "whole", None)


def test_calls_while_the_database_is_away_are_told_to_come_again(own_servers, databases, launch, function, port):
    """503, and the function that tries again is heard once the database is back (I7)."""
    server = own_servers()
    db = databases(server)
    launch("serve", "--db", db.url, "--listen", f"127.0.0.1:{port}", "--callback-url", f"http://127.0.0.1:{port}")
    define(db, "later", function.url("/later?silent=1"))
    job, task = enqueue(db)
    until(lambda: db.value("select lease_until is not null from pawl.tasks where id = %s", task), 20, "the function has it")
    mine = json.loads(function.records("/later")[0]["body"])["callback"]
    server.stop()
    assert call(mine["url"], mine["token"], {"status": "completed", "result": 5}) == (
        503, {"error": {"message": "the database is away", "hint": "Say it again later."}}), "and nothing of where it is"
    server.start()
    until(lambda: call(mine["url"], mine["token"], {"status": "completed", "result": 5})[0] == 200, 20, "it is heard")
    assert state(db, task) == ("completed", 1, 5, None)
