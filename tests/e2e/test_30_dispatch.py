"""Tasks that call a function over HTTP: a real Node server as the function, secrets in files, signatures that
the receivers' own library verifies, retries, and kill -9 at every step. Guards I7 (nothing lost), I4 and I8."""
import json
import re
import socket
import time

import pytest

import bad_function
from bad_function import BadFunction
from function import Function
from program import pawl, pawl_json
from waiting import until

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
RESCUE_SECONDS = 60


@pytest.fixture
def function():
    made = Function(OLD, NEW)
    yield made
    made.stop()


@pytest.fixture
def bad():
    made = BadFunction()
    yield made
    made.stop()


@pytest.fixture
def secrets(tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


@pytest.fixture
def node(launch, db, secrets):
    """Starts a node with the folder of secrets, and waits until it serves."""
    def start(*words, **environment):
        started = launch("serve", "--db", db.url, "--secret-files", secrets, *words, **environment)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s and dead_at is null",
                               f"%:{started.pid}"), 20, lambda: "the node serves: " + started.said())
        return started
    return start


def define(db, name, target, **options):
    """A kind of executor http; what is no option is an argument of define_kind."""
    arguments = {key: options.pop(key) for key in list(options) if key.startswith(("max_attempts", "timeout_ms", "backoff"))}
    options = {"allow_private": True, **options}
    named = "".join(f", p_{key} => {value}" for key, value in arguments.items())
    db.rows(f"select pawl.define_kind(%s, 'http', %s, p_options => %s{named})", name, target, json.dumps(options))


def enqueue(db, kind, payload):
    return db.value("select task_id from pawl.enqueue(%s, %s)", kind, json.dumps(payload))


def task(db, task_id):
    """status, attempt, result, error, wait_reason"""
    names = ("status", "attempt", "uncounted_attempts", "result", "error", "wait_reason")
    row = db.rows(f"select {', '.join(n + '::text' if n == 'status' else n for n in names)} from pawl.tasks where id = %s", task_id)
    return dict(zip(names, row[0]))


def why(db, task_id):
    return db.value("select pawl.why(job_id, id) from pawl.tasks where id = %s", task_id)


def test_an_insert_is_worked_on_by_a_function(db, function, secrets, node):
    (secrets / "fulfil").write_text(OLD + "\n")
    node(FULFIL_KEY="k-123456")
    define(db, "fulfil", function.url("/fulfil?ms=2000"), signing_secret="file:fulfil", authorization="env:FULFIL_KEY",
           headers={"X-Team": "orders"})
    id = enqueue(db, "fulfil", {"order": 7, "note": "für Ada"})
    db.wait_task(id, "running")
    db.wait_task(id, seconds=10)
    assert task(db, id) == {"status": "completed", "attempt": 1, "uncounted_attempts": 0, "error": None, "wait_reason": None,
                            "result": {"fulfilled": {"order": 7, "note": "für Ada"}}}
    (call,) = function.records()
    job = db.value("select job_id from pawl.tasks where id = %s", id)
    installation = db.value("select replace(id::text, '-', '') from pawl.installation")
    key = f"pawl_{installation[:12]}_{job}_{id}"
    assert (call["method"], call["path"], call["verified_by"]) == ("POST", "/fulfil", [OLD])
    assert json.loads(call["body"]) == {"job": str(job), "task": str(id), "attempt": 1, "kind": "fulfil",
                                        "payload": {"order": 7, "note": "für Ada"}, "params": {}}
    header = call["headers"]
    assert header["content-type"] == "application/json"
    assert re.fullmatch(r"pawl/\d+\.\d+\.\d+", header["user-agent"])
    assert header["authorization"] == "Bearer k-123456"
    assert header["x-team"] == "orders"
    assert header["idempotency-key"] == header["webhook-id"] == key
    assert abs(int(header["webhook-timestamp"]) - time.time()) < 30
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", header["traceparent"])


def test_what_fails_is_tried_again(db, function, secrets, node):
    node()
    define(db, "fails", function.url("/fail?times=2"), max_attempts=5, backoff_base_ms=1, backoff_cap_ms=20)
    id = enqueue(db, "fails", {"n": 1})
    db.wait_task(id)
    assert task(db, id)["status"] == "completed"
    assert db.rows("select attempt, error_class, error from pawl.attempts order by attempt") == [
        (1, "status", 'HTTP 503: {"error":"not yet"}'), (2, "status", 'HTTP 503: {"error":"not yet"}')]
    calls = function.records("/fail")
    assert len(calls) == 3
    assert len({call["headers"]["idempotency-key"] for call in calls}) == 1, "one key for all attempts"
    traces = [call["headers"]["traceparent"].split("-") for call in calls]
    assert len({trace for _, trace, _, _ in traces}) == 1 and len({span for _, _, span, _ in traces}) == 3
    assert [json.loads(call["body"])["attempt"] for call in calls] == [1, 2, 3]

    # Retry-After is longer than the backoff allows, and kept
    define(db, "asks", function.url("/fail?times=1&status=429&after=1"), max_attempts=5, backoff_base_ms=1, backoff_cap_ms=2)
    id = enqueue(db, "asks", {})
    db.wait_task(id)
    first, second = [call["at"] for call in function.records("/fail")][3:]
    assert second - first >= 900

    # The last attempt fails for good
    define(db, "hopeless", function.url("/fail?times=9"), max_attempts=2, backoff_base_ms=1, backoff_cap_ms=2)
    id = enqueue(db, "hopeless", {})
    db.wait_task(id, "failed")
    assert (task(db, id)["attempt"], task(db, id)["error"]) == (2, 'HTTP 503: {"error":"not yet"}')


@pytest.mark.parametrize("query, status, error", [
    ("status=404&body=gone", "failed", "HTTP 404: gone"),
    ("status=301&location=http://169.254.169.254/latest", "failed",
     "HTTP 301: it leads to http://169.254.169.254/latest, and redirects are not followed"),
    ("status=204", "completed", None),
])
def test_statuses_that_are_final(db, function, node, query, status, error):
    node()
    define(db, "says", function.url(f"/say?{query}"))
    id = enqueue(db, "says", {})
    db.wait_task(id, status)
    assert (task(db, id)["error"], task(db, id)["attempt"], task(db, id)["result"]) == (error, 1, None)
    assert len(function.records()) == 1


def test_replies_that_are_no_json(db, function, node):
    node()
    define(db, "text", function.url("/say?body=ready%20%C3%A4&type=text/plain"))
    define(db, "long", function.url("/say?body=0123456789&type=application/json"), max_result_bytes=4)
    define(db, "huge", function.url("/say?body=0123456789"), max_reply_bytes=5)
    ids = {kind: enqueue(db, kind, {}) for kind in ("text", "long", "huge")}
    for id in ids.values():
        db.wait_task(id)
    assert task(db, ids["text"])["result"] == {"status": 200, "content_type": "text/plain", "body": "ready ä"}
    assert task(db, ids["long"])["result"] == {"status": 200, "content_type": "application/json", "is_truncated": True,
                                               "bytes": 10, "body": "0123"}
    assert task(db, ids["huge"])["result"]["is_truncated"] is True


def test_the_payload_as_a_request(db, function, node):
    node()
    define(db, "requests", None, form="request", headers={"X-Team": "orders"})
    sent = enqueue(db, "requests", {"method": "PUT", "url": function.url("/echo"), "headers": {"X-A": "b", "Content-Type": "text/plain"},
                                    "body": "hello", "timeout_ms": 5000})
    got = enqueue(db, "requests", {"url": function.url("/say?status=404&body=none"), "body": None})
    bad = enqueue(db, "requests", {"url": "ftp://example.com"})
    db.wait_task(sent)
    db.wait_task(got, "failed")
    db.wait_task(bad, "failed")
    result = task(db, sent)["result"]
    echo = json.loads(result["body"])
    assert (result["status"], result["content_type"], result["headers"]["content-type"]) == (200, "application/json", "application/json")
    assert (echo["x-a"], echo["content-type"], echo["x-team"]) == ("b", "text/plain", "orders")
    assert "webhook-id" not in echo and "idempotency-key" not in echo
    call = function.records("/echo")[0]
    assert (call["method"], call["body"]) == ("PUT", "hello")
    assert function.records("/say")[0]["method"] == "GET"
    failed = task(db, got)
    assert (failed["error"], failed["result"]["status"], failed["result"]["body"]) == ("HTTP 404: none", 404, "none")
    assert task(db, bad)["error"] == 'the payload has no "url" that begins with http:// or https://'


def test_a_missing_secret_is_waited_for(db, function, secrets, node):
    serving = node()
    define(db, "fulfil", function.url("/fulfil"), signing_secret="file:later/fulfil", max_attempts=1)
    id = enqueue(db, "fulfil", {"n": 1})
    said = f"secret file:later/fulfil: could not read the file later/fulfil in {secrets}: No such file or directory"
    until(lambda: why(db, id)["message"].startswith(said), 10, lambda: why(db, id))
    assert (task(db, id)["status"], task(db, id)["attempt"], why(db, id)["reasons"][0]["reason"]) == ("pending", 0, "secret")
    assert db.value("select count(*) from pawl.attempts") == 0 and function.records() == []
    (secrets / "later").mkdir()
    (secrets / "later" / "fulfil").write_text(NEW)
    db.wait_task(id, seconds=20)
    assert function.records()[0]["verified_by"] == [NEW]

    # A file that a link leads out of the folder to is not there either; nor is the node's own environment.
    (secrets.parent / "outside").write_text(OLD)
    (secrets / "link").symlink_to(secrets.parent / "outside")
    define(db, "linked", function.url("/fulfil"), signing_secret="file:link")
    db.rows("update pawl.kinds set options = options || '{\"signing_secret\": \"env:PGPASSWORD\"}' where name = 'fulfil'")
    db.rows("select pawl.ring('kinds')")
    linked = enqueue(db, "linked", {})
    said = f"secret file:link: the file link is not inside {secrets}"
    until(lambda: why(db, linked)["message"].startswith(said), 10, lambda: why(db, linked))
    assert OLD not in serving.said() and NEW not in serving.said()


def test_a_secret_is_replaced_without_a_restart(db, function, secrets, node):
    node()
    (secrets / "fulfil").write_text(OLD)
    define(db, "fulfil", function.url("/fulfil"), signing_secret="file:fulfil")

    def verified_by(n):
        id = enqueue(db, "fulfil", {"n": n})
        db.wait_task(id)
        return function.records()[-1]["verified_by"]

    assert verified_by(1) == [OLD]
    # both, until receivers know the new one
    (secrets / "before").write_text(OLD)
    (secrets / "fulfil").write_text(NEW)
    define(db, "fulfil", function.url("/fulfil"), signing_secret="file:fulfil", previous_signing_secret="file:before")
    until(lambda: verified_by(2) == [OLD, NEW], 10, "both sign")
    define(db, "fulfil", function.url("/fulfil"), previous_signing_secret=None)
    until(lambda: verified_by(3) == [NEW], 10, "only the new one signs")


def test_a_secret_that_comes_back_is_not_written_down(db, function, secrets, node):
    serving = node(API_KEY="topsecret-4711")
    define(db, "echo", function.url("/echo"), authorization="env:API_KEY", headers={"X-Key": {"secret": "env:API_KEY"}})
    id = enqueue(db, "echo", {})
    db.wait_task(id)
    result = task(db, id)["result"]
    assert result["authorization"] == "Bearer " + "*" * 14 and result["x-key"] == "*" * 14
    assert function.records()[0]["headers"]["authorization"] == "Bearer topsecret-4711"
    assert "topsecret" not in serving.said()


def test_a_private_target_needs_permission(db, function, node):
    node()
    define(db, "inside", function.url("/fulfil"), allow_private=False)
    id = enqueue(db, "inside", {})
    db.wait_task(id, "failed")
    assert task(db, id)["error"] == "refused: 127.0.0.1 is a loopback address; the option allow_private of the kind allows it"
    assert function.records() == []


def test_the_command_line(db, function, node):
    nobody = pawl("kind", "set", "f", "--db", db.url, "--executor", "http", "--target", function.url("/fulfil"), "--allow-private",
                  "--header", "X-A: b", "--secret-header", "X-Key: env:API_KEY", "--max-reply", "5000", "--option", "method=PUT",
                  "--option", "max_result_bytes=9")
    assert "kind f is set" in nobody.stdout
    assert db.value("select options from pawl.kinds where name = 'f'") == {
        "allow_private": True, "headers": {"X-A": "b", "X-Key": {"secret": "env:API_KEY"}}, "max_reply_bytes": 5000,
        "method": "PUT", "max_result_bytes": 9}
    pawl("kind", "set", "f", "--db", db.url, "--header", "X-A:", "--option", "method=null")
    assert db.value("select options - 'max_reply_bytes' from pawl.kinds where name = 'f'") == {
        "allow_private": True, "headers": {"X-Key": {"secret": "env:API_KEY"}}, "max_result_bytes": 9}
    wrong = pawl("kind", "set", "f", "--db", db.url, "--option", "methods=PUT", code=3)
    assert 'option "methods" of kind "f" cannot be used' in wrong.stderr
    assert "no node runs" in pawl("kind", "test", "f", "--db", db.url, code=1).stderr
    node(API_KEY="k-123456")
    tested = pawl_json("kind", "test", "f", "--db", db.url)
    assert (tested["status"], tested["address"]) == (204, "127.0.0.1") and tested["connect_ms"] > 0
    assert function.records()[-1]["headers"]["x-key"] == "k-123456"


@pytest.mark.parametrize("target, options, code, said", [
    ("http://nowhere.invalid/", {}, 7, "the name: could not resolve host: nowhere.invalid"),
    ("http://127.0.0.1:1/", {}, 7, "the connection: could not connect to 127.0.0.1:1: Connection refused"),
    ("https://127.0.0.1:{port}/", {}, 7, "TLS: TLS handshake: "),
    ("http://127.0.0.1:{port}/nothing", {}, 1, "status: HTTP 404: there is nothing at this URL"),
    ("http://127.0.0.1:{port}/fulfil", {"authorization": "env:NOBODY"}, 1,
     "secret env:NOBODY: there is no variable NOBODY in the environment of the node"),
    ("http://127.0.0.1:{port}/fulfil", {"allow_private": False}, 1, "the guard: refused: 127.0.0.1 is a loopback address"),
])
def test_a_self_test_says_what_is_wrong(db, function, node, target, options, code, said):
    node()
    define(db, "f", target.format(port=function.port), **options)
    assert f"pawl: kind f: {said}" in pawl("kind", "test", "f", "--db", db.url, code=code).stderr
    assert db.rows("select status::text, attempt from pawl.tasks") == [("failed", 1)], "it is not tried again"


# ---- targets that are not well ----

@pytest.mark.parametrize("part, error_class, error", [
    (bad_function.hang, "timeout", r"no answer from 127.0.0.1:\d+ after \d+ ms"),
    (bad_function.hang_in_header, "timeout", r"no (whole )?answer from 127.0.0.1:\d+ after \d+ ms"),
    (bad_function.hang_behind_header, "timeout", r"no whole answer from 127.0.0.1:\d+ after \d+ ms"),
    (bad_function.trickle, "timeout", r"no whole answer from 127.0.0.1:\d+ after \d+ ms"),
    (bad_function.close_at_once, "network", "the server closed the connection without an answer"),
    (bad_function.reset_at_once, "network", "connection lost: .*reset by peer"),
    (bad_function.reset_behind_header, "network", "connection lost: .*reset by peer"),
    (bad_function.say_less, "network", "the answer is not whole: .*"),
    (bad_function.say_nonsense, "network", "what came is no HTTP: .*"),
])
def test_a_target_that_breaks_off_is_tried_again(db, bad, node, part, error_class, error):
    node()
    define(db, "bad", bad.url(part), timeout_ms=300, max_attempts=2, backoff_base_ms=1, backoff_cap_ms=1)
    id = enqueue(db, "bad", {})
    db.wait_task(id, "failed", seconds=10)
    assert (task(db, id)["attempt"], task(db, id)["result"]) == (2, None)
    assert re.fullmatch(error, task(db, id)["error"]), task(db, id)["error"]
    assert db.rows("select attempt, error_class from pawl.attempts order by attempt") == [(1, error_class), (2, error_class)]
    assert bad.count(part) == 2
    # and it is the target's fault alone
    define(db, "good", bad.url(bad_function.fulfil))
    db.wait_task(enqueue(db, "good", {}))


@pytest.mark.parametrize("part", [bad_function.announce_much, bad_function.say_much])
def test_a_reply_of_10_gb_is_cut_off(db, bad, node, part):
    serving = node()
    define(db, "huge", bad.url(part), max_result_bytes=100)
    ids = [enqueue(db, "huge", {}) for _ in range(20)]
    for id in ids:
        db.wait_task(id, seconds=20)
        result = task(db, id)["result"]
        assert (result["status"], result["is_truncated"]) == (200, True)
        assert result["body"] == "[" * (100 if part is bad_function.say_much else 0)
    assert bad.count(part) == 20
    assert bad.bytes_said < 20 * 16 * 1024 * 1024, "what the kernels' buffers take"
    with open(f"/proc/{serving.pid}/status") as status:
        peak_kb = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
    assert peak_kb < 64 * 1024


def test_kinds_whose_targets_hang_leave_slots_to_others(db, bad, node):
    node("--slots", 16)
    for kind, slots in (("first", 8), ("second", 4), ("third", 2)):
        define(db, kind, bad.url(bad_function.hang), timeout_ms=60_000)
        job = db.job(kind, 1000)
        until(lambda: db.progress(job)["running"] == slots, 10, lambda: f"{kind}: {db.progress(job)}")
    define(db, "good", bad.url(bad_function.fulfil))
    for _ in range(20):
        db.wait_task(enqueue(db, "good", {}))
    db.wait_asleep()  # nothing more can start, and a bell is heard
    assert bad.count(bad_function.hang) == 14
    db.assert_never_swept()


def test_connections_that_end_when_they_are_used_again(db, bad, node):
    """The request goes out on a new one, within the same attempt: nobody has answered it yet."""
    node("--slots", 2)
    define(db, "closing", bad.url(bad_function.fulfil_first_only))
    for n in range(10):
        id = enqueue(db, "closing", {"n": n})
        db.wait_task(id)
        assert task(db, id)["attempt"] == 1

    # one that takes the request in and says nothing costs an attempt, and only that
    define(db, "vanishing", bad.url(bad_function.fulfil_then_vanish), timeout_ms=300, backoff_base_ms=1, backoff_cap_ms=1)
    for n in range(2):
        id = enqueue(db, "vanishing", {"n": n})
        db.wait_task(id, seconds=10)
    assert task(db, id)["attempt"] == 2
    [(error_class, error)] = db.rows("select error_class, error from pawl.attempts")
    assert (error_class, re.sub(r"\d+", "N", error)) == ("timeout", "no answer from N.N.N.N:N after N ms")


def test_http_2_over_tls(db, node, tmp_path):
    function = Function(tls=tmp_path)
    try:
        node(SSL_CERT_FILE=function.certificate)
        define(db, "fulfil", function.url("/fulfil?ms=20"))
        job = db.job("fulfil", 300)
        db.wait_job(job, seconds=20)
        calls = function.records("/fulfil")
        assert len(calls) == 300 and {call["http_version"] for call in calls} == {"2.0"}
        assert len({call["headers"]["idempotency-key"] for call in calls}) == 300
        # 128 run at once; until it knows better, libcurl puts 100 of them on the first connection
        assert function.connections() - 1 <= 32
    finally:
        function.stop()


def test_a_certificate_that_nobody_vouches_for(db, node, tmp_path):
    function = Function(tls=tmp_path)
    try:
        node()
        define(db, "fulfil", function.url("/fulfil"), max_attempts=1)
        id = enqueue(db, "fulfil", {})
        db.wait_task(id, "failed")
        assert task(db, id)["error"].startswith("certificate: ")
        assert function.records() == []
    finally:
        function.stop()


def test_a_cancelled_task_drops_its_request(db, bad, node):
    node()
    define(db, "hangs", bad.url(bad_function.hang_until_dropped))
    id = enqueue(db, "hangs", {})
    until(lambda: bad.count(bad_function.hang_until_dropped), 10, "it is asked")
    db.rows("select pawl.cancel_task(job_id, id) from pawl.tasks where id = %s", id)
    assert bad.dropped.wait(5), "the connection is closed"
    assert task(db, id)["status"] == "cancelled"
    db.wait_asleep()
    assert task(db, id)["status"] == "cancelled", "final is final (I3)"


def test_a_node_that_stops_waits_for_its_requests(db, function, node):
    stopping = node()
    define(db, "fulfil", function.url("/fulfil?ms=1500"))
    id = enqueue(db, "fulfil", {"n": 1})
    until(lambda: function.records(), 10, "it is at work")
    assert stopping.stop() == 0
    assert (task(db, id)["status"], task(db, id)["attempt"]) == ("completed", 1)
    assert len(function.records()) == 1


# ---- kill -9 at every step ----

def test_a_node_killed_at_each_step_loses_nothing(databases, shared_server, launch, function, bad, tmp_path):
    """Before the request is sent (its target takes no connection in), while it is answered, and after
    the answer, before that is written (the database holds the node's outcome up)."""
    stories = []

    def begin(name, target):
        db = databases(shared_server)
        node = launch("serve", "--db", db.url)
        until(lambda: db.value("select count(*) from pawl.nodes"), 20, "the node serves")
        define(db, name, target, timeout_ms=30_000)
        id = enqueue(db, name, {"story": name})
        stories.append((db, name, id))
        return db, node, id

    def end(db, node):
        node.kill()
        launch("serve", "--db", db.url)

    # before it is sent: a full backlog, so there is no connection
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    db, node, id = begin("unsent", f"http://127.0.0.1:{full.getsockname()[1]}/fulfil")
    db.wait_task(id, "running")
    define(db, "unsent", function.url("/fulfil"))
    end(db, node)

    # after it was sent
    db, node, id = begin("sent", function.url("/fulfil?ms=1500"))
    until(lambda: [r for r in function.records() if "sent" in r["body"]], 10, "it is at work")
    end(db, node)

    # after it was answered: somebody holds the task's row
    db, node, id = begin("answered", function.url("/fulfil?ms=300"))
    db.wait_task(id, "running")
    with db.connect(autocommit=False) as holder:
        holder.execute("select from pawl.tasks where id = %s for update", (id,))
        until(lambda: [r for r in function.records() if "answered" in r["body"] and r["is_answered"]], 10, "it is answered")
        until(lambda: db.value("""select count(*) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like '%%finish_tasks%%'"""), 10, "the outcome waits")
        node.kill()
        db.rows("""select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'""")
    launch("serve", "--db", db.url)

    for db, name, id in stories:
        db.wait_task(id, seconds=RESCUE_SECONDS)
        assert task(db, id)["attempt"] == 2, name
        assert db.rows("select error_class from pawl.attempts") == [("lost",)], name
    calls = {name: [r for r in function.records() if json.loads(r["body"])["payload"]["story"] == name] for _, name, _ in stories}
    assert {name: len(records) for name, records in calls.items()} == {"unsent": 1, "sent": 2, "answered": 2}
    for name in ("sent", "answered"):
        assert len({r["headers"]["idempotency-key"] for r in calls[name]}) == 1, "called again under the same key"
    for filler in fillers:
        filler.close()
    full.close()
