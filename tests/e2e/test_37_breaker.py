"""Targets that are down, and secrets that are missing: their tasks wait, and say why (I6); others go on; one task tries
over all nodes; and once it is back all go on by themselves (I5), with their attempts."""
import json
import threading

import pytest

from receiver import Receiver, free_port
from waiting import until


@pytest.fixture
def receivers():
    made = []

    def make(*arguments, **options):
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield make
    for receiver in made:
        receiver.stop()


@pytest.fixture
def node(launch, db):
    def start(*words, **environment):
        started = launch("serve", "--db", db.url, *words, **environment)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s and dead_at is null",
                               f"%:{started.pid}"), 20, lambda: "the node serves: " + started.said())
        return started
    return start


def define(db, name, target, max_attempts=3, timeout_ms=10000, **options):
    options = {"allow_private": True, "breaker_failures": 3, "breaker_pause_ms": 200, **options}
    db.rows("select pawl.define_kind(%s, 'http', %s, p_options => %s, p_max_attempts => %s, p_timeout_ms => %s, p_backoff_base_ms => 1, "
            "p_backoff_cap_ms => 1)", name, target, json.dumps(options), max_attempts, timeout_ms)


def job(db, kind, count):
    return db.value("select pawl.create_job(%s, array_fill('{}'::jsonb, array[%s]))", kind, count)


def ended(db, job_id):
    return db.value("select status::text || ' ' || completed || ' ' || failed from pawl.job_progress where job_id = %s", job_id)


def breaker(db):
    return db.rows("select state, probes, openings from pawl.breakers")[0] if db.value("select count(*) from pawl.breakers") else None


def test_a_target_that_is_down_and_comes_back(db, node, receivers):
    node("--slots", "10")
    up, port = receivers(), free_port()
    target = f"http://127.0.0.1:{port}"
    define(db, "down", target + "/a")
    define(db, "down_too", target + "/b")
    define(db, "up", up.url())
    down, down_too = job(db, "down", 50), job(db, "down_too", 5)
    # more probes than a task has attempts
    until(lambda: (breaker(db) or (0, 0))[1] >= 4, 30, lambda: f"it is tried again and again: {breaker(db)}")
    assert db.rows("select held_by from pawl.jobs order by id") == [(target,), (target,)]

    # others go on
    other = job(db, "up", 30)
    until(lambda: ended(db, other) == "completed 30 0", 20, lambda: ended(db, other))

    # it says why, to everybody who asks
    until(lambda: breaker(db)[0] == "open", 20, "the last probe has ended")
    db.rows("update pawl.breakers set retry_at = now() + interval '1 hour'")
    why = db.json("why", str(down))
    assert why["reasons"][0]["reason"] == "breaker" and why["message"].startswith(f"its target {target} is down: "), why
    assert why["since_at"] and why["next_look_at"]
    assert db.json("job", "show", str(down_too))["held_by"]["target"] == target
    assert target in db.pawl("job", "show", str(down)).stdout
    (listed,) = db.json("breaker", "list")
    assert (listed["target"], listed["state"], listed["held_jobs"]) == (target, "open", 2)
    assert target in db.pawl("breaker", "list").stdout
    late = job(db, "down", 1)
    assert db.value("select held_by from pawl.jobs where id = %s", late) == target, "a new job is held too"

    # a person says that it is back before it is: it opens again
    db.pawl("breaker", "close", target)
    until(lambda: db.value("select opened_at > closed_at from pawl.breakers"), 20, "it opens again")

    # back: the next probe lets all go
    receivers(port=port)
    for id, count in ((down, 50), (down_too, 5), (late, 1)):
        until(lambda: ended(db, id) == f"completed {count} 0", 30, lambda: f"{ended(db, id)} {breaker(db)}")
    assert breaker(db)[0] == "closed"
    assert db.value("select max(n) from (select count(*) as n from pawl.attempts group by task_id) a") <= 2, "one each time it opened: none was lost to a probe"


def test_one_probe_over_all_nodes(db, node, receivers):
    """By the receiver's log: once the breaker is open, never two at once, and as many calls as probes."""
    pause, status = threading.Event(), [503]

    def answer(call):
        pause.wait(0.2)
        return status[0]

    receiver = receivers(answer)
    node("--slots", "8"), node("--slots", "8")
    define(db, "down", receiver.url())
    ids = [job(db, "down", 10) for _ in range(4)]
    until(lambda: breaker(db) and receiver.here == 0 and
          db.value("select count(*) from pawl.tasks where status = 'running'") == 0, 30, "it is open, and what ran has ended")
    receiver.most, calls, probes = 0, len(receiver.calls), breaker(db)[1]
    until(lambda: breaker(db)[1] >= probes + 3, 30, "three probes more")
    until(lambda: breaker(db)[0] == "open", 30, "the last one has ended")
    assert receiver.most == 1, "one at once"
    assert len(receiver.calls) - calls in (breaker(db)[1] - probes, breaker(db)[1] - probes + 1)
    assert {attempt for _, attempt in receiver.calls[calls:]} != {1}, "a probe is a task's next attempt"
    status[0] = 200
    for id in ids:
        until(lambda: ended(db, id) == "completed 10 0", 30, lambda: f"{ended(db, id)} {breaker(db)}")


def test_a_node_that_is_killed_while_it_tries(db, node, receivers):
    hanging, status = threading.Event(), [503]

    def answer(call):
        if status[0] == "hang":
            hanging.wait()
        return status[0] if status[0] != "hang" else 200

    receiver = receivers(answer)
    first = node("--slots", "4")
    define(db, "down", receiver.url(), timeout_ms=2000, breaker_pause_ms=1000)
    id = job(db, "down", 10)
    until(lambda: breaker(db) and breaker(db)[0] == "open", 20, "it is open")
    status[0] = "hang"
    until(lambda: breaker(db)[0] == "half_open" and receiver.here == 1, 20, "a probe is under way")
    first.kill()
    probes, bound = breaker(db)[1], db.value("select retry_at from pawl.breakers")
    status[0] = 200
    node("--slots", "4")
    until(lambda: breaker(db)[1] > probes, 20, "the next one comes")
    assert db.value("select now() >= %s", bound), "not before the first has had its time"
    until(lambda: breaker(db)[0] == "closed", 20, "it went well")
    until(lambda: ended(db, id) == "completed 10 0", 40, lambda: ended(db, id))
    hanging.set()


def test_a_missing_secret_is_left_to_a_node_that_has_it(db, node, receivers):
    receiver = receivers()
    poor = node()
    define(db, "keyed", receiver.url(), authorization="env:KEY_OF_37")
    id = job(db, "keyed", 20)
    said = "secret env:KEY_OF_37: there is no variable KEY_OF_37 in the environment of the node"
    until(lambda: db.json("why", str(id))["message"].startswith(said), 20, lambda: db.json("why", str(id)))
    why = db.json("why", str(id))
    assert why["reasons"][0]["reason"] == "secret" and f":{poor.pid})" in why["message"] and why["next_look_at"]
    assert db.rows("select distinct status::text, attempt from pawl.tasks") == [("pending", 0)], "nothing was claimed in vain"

    rich = node(KEY_OF_37="k-123456")
    until(lambda: ended(db, id) == "completed 20 0", 20, lambda: ended(db, id))
    assert db.value("select bool_and(n.name like %s) from pawl.tasks t join pawl.nodes n on n.id = t.node_id", f"%:{rich.pid}")
    assert db.value("select max(attempt) from pawl.tasks") == 1
    assert "k-123456" not in rich.said() + poor.said()


def test_a_missing_secret_that_appears(db, node, receivers, tmp_path):
    receiver = receivers()
    node("--secret-files", str(tmp_path))
    define(db, "keyed", receiver.url(), authorization="file:key")
    id = job(db, "keyed", 20)
    until(lambda: db.json("why", str(id))["reasons"][0]["reason"] == "secret", 20, lambda: db.json("why", str(id)))
    (tmp_path / "key").write_text("k-123456")
    until(lambda: ended(db, id) == "completed 20 0", 20, lambda: ended(db, id))
    assert db.value("select count(*) from pawl.missing_secrets") == 0
    assert db.value("select max(attempt) from pawl.tasks") == 1


def test_secrets_of_the_vault(db, node, receivers):
    """A view as Supabase has it: missing, empty, there, replaced; without a restart."""
    receiver, keys = receivers(), []
    receiver.on_headers = lambda headers: keys.append(headers["Authorization"])
    serving = node()
    define(db, "keyed", receiver.url(), authorization="vault:fulfil key")

    def why_says(id, text):
        until(lambda: text in db.json("why", str(id))["message"], 20, lambda: db.json("why", str(id)))

    id = job(db, "keyed", 2)
    why_says(id, "secret vault:fulfil key: the database has no view vault.decrypted_secrets")
    db.rows("create schema vault")
    db.rows("create table vault.secrets (name text unique, decrypted_secret text)")
    db.rows("create view vault.decrypted_secrets as select * from vault.secrets")
    why_says(id, "secret vault:fulfil key: the vault has none of that name")
    # the self-test says it, too
    tested = db.pawl("kind", "test", "keyed", code=None)
    assert tested.returncode != 0 and "the vault has none of that name" in tested.stdout + tested.stderr
    db.rows("insert into vault.secrets values ('fulfil key', 'k-first1'), ('other', 'k-other1')")
    until(lambda: ended(db, id) == "completed 2 0", 20, lambda: ended(db, id))
    assert keys == ["Bearer k-first1"] * 2 and db.value("select max(attempt) from pawl.tasks t where t.job_id = %s", id) == 1

    db.rows("update vault.secrets set decrypted_secret = 'k-second' where name = 'fulfil key'")

    def sent_last():
        last = job(db, "keyed", 1)
        until(lambda: ended(db, last) == "completed 1 0", 20, lambda: ended(db, last))
        return keys[-1]

    until(lambda: sent_last() == "Bearer k-second", 20, "the new one is sent")
    assert "k-first1" not in serving.said() and "k-second" not in serving.said()
    with db.connect() as connection:
        everything = connection.execute("select string_agg(row_to_json(t)::text, ' ') from pawl.tasks t").fetchone()[0]
    assert "k-second" not in everything and "k-first1" not in everything
