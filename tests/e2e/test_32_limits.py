"""Limits of a kind and of each of its keys, over two nodes; from the effects' own clock. Guards I5, I11."""
import json
import time

from receiver import Receiver
from waiting import until

# An effect says whose it was.
ACT = """
  create schema app;
  create table app.effects (key text not null, started_at timestamptz not null default clock_timestamp(), ended_at timestamptz);
  create function app.act(p jsonb) returns void language plpgsql as $$
  declare v_started_at timestamptz := clock_timestamp();
  begin
    perform pg_sleep((p ->> 'seconds')::float);
    insert into app.effects (key, started_at, ended_at) values (p ->> 'key', v_started_at, clock_timestamp());
  end $$"""


def enqueue(db, kind, key, count, seconds=0.02):
    db.rows("""select pawl.enqueue(%s, jsonb_build_object('key', %s::text, 'seconds', %s::float), p_limit_key => %s)
               from generate_series(1, %s)""", kind, key, seconds, key, count)


def wait_effects(db, count, seconds=30):
    until(lambda: db.value("select count(*) from app.effects") == count, seconds,
          lambda: f"{count} effects: {db.value('select count(*) from app.effects')}")


def most_at_once(db, of="select * from app.effects"):
    return db.value(f"""
      select max(at_once) from (
        select sum(change) over (order by at, change) as at_once
        from (select started_at as at, 1 as change from ({of}) e
              union all select ended_at, -1 from ({of}) e) changes) counted""")


def most_in(db, window, column, amount="1"):
    """The most of an amount that any stretch of time of so many seconds holds."""
    return db.value(f"""
      select max((select sum({amount}) from app.effects b where b.{column} >= a.{column} and b.{column} < a.{column} + %s * interval '1 second'))
      from app.effects a""", window)


def test_each_key_and_the_kind_have_their_limit(db, serve):
    """A node runs four SQL functions at once, so six take both nodes."""
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    assert "limits of act are set" in db.pawl("limit", "set", "act", "--max-running", 6).stdout
    assert "limits of each key of act" in db.pawl("limit", "set", "act", "--per-key", "--max-running", 1).stdout
    serve(db)
    serve(db)
    for key in range(30):
        enqueue(db, "act", f"key {key}", 4, seconds=0.05)
    wait_effects(db, 120)
    assert most_at_once(db) == 6, "the kind's limit holds, and is used"
    for key in range(30):
        assert most_at_once(db, f"select * from app.effects where key = 'key {key}'") == 1
    assert db.value("select count(distinct node_id) from pawl.tasks") == 2
    shown = {row["scope"]: row for row in db.json("limit", "list")}
    assert (shown["kind"]["max_running"], shown["key"]["max_running"], shown["key"]["keys"]) == (6, 1, 30)
    db.assert_never_swept()


def test_a_key_that_is_full_stops_no_other(db, serve):
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--per-key", "--max-running", 1)
    serve(db)
    enqueue(db, "act", "full", 3, seconds=4)
    until(lambda: db.value("select count(*) from pawl.tasks where status = 'running'") == 1, 10, "one of it runs")
    for key in "abcde":
        enqueue(db, "act", key, 10)
    wait_effects(db, 50, seconds=3.5)
    assert db.value("select count(*) from app.effects where key = 'full'") == 0
    full = db.value("select job_id from pawl.standing_jobs where limit_key = 'full'")
    why = db.json("why", full)
    assert "key:act:full" in str(why) and "max_running" in str(why), why


def test_many_keys_wait_for_one_place_without_a_crowd(databases, own_servers, serve):
    """A place that becomes free is asked for by one or two of the keys that wait, not by all of them."""
    db = databases(own_servers(track_functions="pl"))
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--max-running", 2)
    db.pawl("limit", "set", "act", "--per-key", "--max-running", 1)
    db.rows("""select pawl.enqueue('act', jsonb_build_object('key', k, 'seconds', 0.01), p_limit_key => 'key ' || k)
               from generate_series(1, 150) k""")
    serve(db)
    wait_effects(db, 150)
    assert most_at_once(db) == 2
    db.assert_never_swept()
    asked = until(lambda: db.value("select calls from pg_stat_user_functions where funcname = 'admit_tasks'"), 10, "statistics")
    assert asked < 150 * 5, f"{asked} questions for 150 places"


def test_a_key_over_the_command_line(db, serve):
    db.kind("none")
    db.pawl("limit", "set", "none", "--per-key", "--pace", 2, "--burst", 1)
    task = db.json("enqueue", "none", "{}", "--limit-key", "customer 12")
    assert db.value("select limit_key || ' ' || limiter_key from pawl.jobs where id = %s", int(task["job"])) \
        == "customer 12 key:none:customer 12"
    refused = db.pawl("limit", "set", "nonsense", "--max-running", 1, code=3)
    assert 'kind "nonsense" does not exist' in refused.stderr
    refused = db.pawl("limit", "set", "none", "--max-running", "-1", code=2)
    assert "--max-running" in refused.stderr
    assert "no limit is given" in db.pawl("limit", "set", "none", code=2).stderr


def test_each_of_two_places_rests_for_itself(db, serve):
    db.rows(ACT)
    db.kind("audio", "sql", "app.act")
    db.pawl("limit", "set", "audio", "--max-running", 2, "--spacing", 1)
    serve(db)
    serve(db)
    for n in range(8):
        db.rows("select pawl.enqueue('audio', %s)", json.dumps({"key": str(n), "seconds": 0.05 + n % 2 * 0.3}))
    wait_effects(db, 8)
    rests = "select started_at, ended_at + interval '1 second' as ended_at from app.effects"
    assert most_at_once(db, rests) == 2, "work and rest take a place, and both are used"
    assert most_at_once(db, "select ended_at as started_at, ended_at + interval '1 second' as ended_at from app.effects") == 2
    took = db.value("select extract(epoch from max(ended_at) - min(started_at))::float8 from app.effects")
    assert 3 < took < 6, took
    db.assert_never_swept()


def test_ten_rapid_inserts_are_called_for_one_after_the_other(db, serve):
    """An application's inserts, two nodes, and what the receiver wrote down."""
    receiver = Receiver(lambda call: time.sleep(0.1) or 200)
    try:
        db.rows("select pawl.define_kind('transcribe', 'http', %s, p_options => '{\"allow_private\": true}')", receiver.url())
        db.pawl("limit", "set", "transcribe", "--max-running", 1, "--spacing", 1)
        db.rows("create table public.recordings (id bigint generated always as identity, file text not null)")
        db.rows("select pawl.on_insert('public.recordings', 'transcribe', p_self_test => false)")
        serve(db)
        serve(db)
        db.wait_asleep(2)
        for n in range(10):
            db.rows("insert into public.recordings (file) values (%s)", f"{n}.ogg")
        until(lambda: db.value("select completed from pawl.job_progress") == 10, 30, "ten are transcribed")
    finally:
        receiver.stop()
    assert len({task for task, _ in receiver.calls}) == len(receiver.calls) == 10, "each once"
    assert receiver.most == 1, "never two at once"
    gaps = [began - ended for (_, ended), (began, _) in zip(receiver.stays, receiver.stays[1:])]
    assert len(gaps) == 9 and min(gaps) >= 1, gaps
    assert max(gaps) < 1.5, f"each starts when the place has rested, not at a later look: {gaps}"
    db.assert_never_swept()


def test_a_budget_of_calls_holds_in_any_window(db, serve):
    """Each start by its own clock, which is between its claim and its end."""
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--window", 3, "--max-calls", 20)
    serve(db)
    serve(db)
    for key in range(50):
        enqueue(db, "act", f"key {key}", 1, seconds=0.001)
    wait_effects(db, 50)
    assert most_in(db, 3, "started_at") == 20, "the budget holds, and is used"
    took = db.value("select extract(epoch from max(started_at) - min(started_at))::float8 from app.effects")
    assert 6 <= took < 8, f"three windows' worth, and each begins when it can: {took}"
    assert db.value("select count(distinct node_id) from pawl.tasks") == 2
    db.assert_never_swept()


def test_a_budget_of_bytes_holds_in_any_window_of_its_own(db, serve):
    """What goes in and what comes out, some 1000 bytes each; 10 of them in 2 s, and 4 calls in 0.6 s."""
    db.rows(ACT)
    db.rows("""
      alter table app.effects add column bytes integer;
      create function app.echo(p jsonb) returns jsonb language plpgsql as $$ begin
        perform pg_sleep(0.02);
        insert into app.effects (key, ended_at, bytes) values ('', clock_timestamp(), 2 * octet_length(p::text));
        return p;
      end $$""")
    db.kind("echo", "sql", "app.echo")
    db.pawl("limit", "set", "echo", "--window", 0.6, "--max-calls", 4, "--bytes-window", 2, "--max-bytes", 10500, "--estimated-bytes", 1100)
    shown, = db.json("limit", "list")
    assert (shown["window_ms"], shown["max_calls"], shown["bytes_window_ms"], shown["max_bytes"]) == (600, 4, 2000, 10500)
    assert "0 of 10500" in db.pawl("limit", "list").stdout and "BYTES WINDOW" in db.pawl("limit", "list").stdout
    serve(db)
    serve(db)
    for _ in range(25):
        db.rows("select pawl.enqueue('echo', jsonb_build_object('text', repeat('x', 490)))")
    wait_effects(db, 25)
    assert 6000 < most_in(db, 1.9, "ended_at", "bytes") <= 10500
    assert most_in(db, 0.5, "ended_at") == 4, "and no more calls than in theirs"
    took = db.value("select extract(epoch from max(ended_at) - min(ended_at))::float8 from app.effects")
    assert 4 <= took < 8, took
    db.assert_never_swept()


def test_what_a_killed_node_had_reserved_is_counted(db, serve):
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--max-running", 2, "--window", 60, "--max-bytes", 1000, "--estimated-bytes", 400)
    node = serve(db)
    enqueue(db, "act", "lost", 2, seconds=100)
    until(lambda: db.value("select count(*) from pawl.tasks where status = 'running'") == 2, 10, "two run")
    db.rows("update pawl.tasks set payload = payload || '{\"seconds\": 0}'")  # next time
    node.kill()
    db.rows("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pawl sql' and datname = current_database()")
    serve(db)
    until(lambda: db.value("select count(*) from pawl.attempts where error_class = 'lost'") == 2, 40, "both are rescued")
    until(lambda: db.value("select spent_bytes[61] from pawl.limiters where key = 'kind:act'") == 800, 5, "their estimates are spent")
    assert db.value("select count(*) from app.effects") == 0, "200 bytes are left, which is no task's estimate"
    why = db.json("why", db.value("select pawl.standing_job('act', 'lost')"))
    assert "budget" in str(why), why
    db.pawl("limit", "set", "act", "--max-bytes", 2000)
    wait_effects(db, 2, seconds=5)


def test_a_call_that_never_started_is_given_back(db, serve):
    """The node has claimed starts of the next second, and is told to go."""
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--window", 6000, "--max-calls", 5, "--pace", 2.5)
    node = serve(db)
    enqueue(db, "act", "a", 9, seconds=0)
    wait_effects(db, 1)
    node.terminate()
    assert node.wait() == 0
    started = db.value("select count(*) from app.effects")
    assert started < 3 <= db.value("select sum(c) from pawl.limiters, unnest(spent_calls) c"), "three were claimed"
    serve(db)
    wait_effects(db, 5, seconds=10)
    until(lambda: "budget" in str(db.json("why", db.value("select pawl.standing_job('act', 'a')"))), 5, "five, and not one less")
    assert db.value("select sum(c) from pawl.limiters, unnest(spent_calls) c") == 5


def test_an_end_elsewhere_is_heard_of(db, serve):
    """I5: the node with the place takes no more, so only a bell tells the other before it asks by itself."""
    db.rows(ACT)
    db.kind("act", "sql", "app.act")
    db.pawl("limit", "set", "act", "--max-running", 1)
    node, waits = serve(db), []
    enqueue(db, "act", "a", 1, seconds=1.5)
    for n in range(4):
        until(lambda: db.value("select count(*) from pawl.tasks where status = 'running'") == 1, 10, "it runs")
        other = serve(db)
        enqueue(db, "act", f"{n}", 1, seconds=1.5)
        until(lambda: db.value("select awaited_until > now() from pawl.limiters where key = 'kind:act'"), 5, "the other waits")
        node.terminate()
        wait_effects(db, n + 1)
        until(lambda: db.value("select count(*) from pawl.tasks where status = 'running'") == 1, 10, "the other runs its task")
        waits.append(db.value("""
          select extract(epoch from t.started_at - e.ended_at)::float8
          from pawl.tasks t, (select max(ended_at) as ended_at from app.effects) e where t.status = 'running'"""))
        node = other
    assert max(waits) < 0.3, waits
    db.assert_never_swept()
