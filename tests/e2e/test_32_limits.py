"""Limits of a kind and of each of its keys, over two nodes; from the effects' own clock. Guards I5, I11."""
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
