"""Tasks that call a SQL function. Guards I7 (effect exactly once), I3, I4 (a cancelled task's late end
changes nothing)."""
from waiting import until

IS_SLEEPING = """select count(*) from pg_stat_activity
  where datname = current_database() and application_name = 'pawl sql' and wait_event = 'PgSleep'"""


def test_every_effect_is_there_once(db, effects, serve):
    db.kind("act", "sql", "app.act")
    serve(db)
    job = db.job("act", 500)
    db.wait_job(job)
    effects.assert_once(500)


def test_what_a_function_returns_is_the_result(db, serve):
    db.rows("create function public.double(p jsonb) returns integer language sql as $$ select 2 * (p ->> 'n')::integer $$")
    db.kind("double", "sql", "public.double")
    serve(db)
    job = db.job("double", 3)
    db.wait_job(job)
    assert db.rows("select result from pawl.tasks where job_id = %s order by id", job) == [(2,), (4,), (6,)]


def test_what_a_function_says_is_logged(db, serve):
    db.rows("create function public.talk(p jsonb) returns void language plpgsql as $$ begin raise notice E'one\\ntwo'; raise warning 'three'; end $$")
    db.kind("talk", "sql", "public.talk")
    node = serve(db)
    db.wait_job(db.job("talk", 1))
    lines = [line.partition("Z ")[2] for line in node.said().splitlines() if "one" in line or "two" in line or "three" in line]
    assert lines == ["info: the database says: one two", "warning: the database says: three"], node.said()


def test_a_failing_function_is_tried_again_then_fails_for_good_then_runs_on_request(db, effects, serve):
    db.kind("fail", "sql", "app.fail", max_attempts=3, backoff_base_ms=10, backoff_cap_ms=40)
    serve(db)
    job = db.job("fail", 5)
    db.wait_job(job, "failed")
    assert db.progress(job)["failed"] == 5
    assert db.value("select count(*) from app.effects") == 0, "a failed attempt's effect is undone"
    assert db.rows("select attempt, count(*) from pawl.attempts where job_id = %s group by 1 order by 1", job) \
        == [(1, 5), (2, 5), (3, 5)]
    assert db.value("select bool_and(error_class = 'sql' and error like 'no luck with %%') from pawl.attempts")
    assert db.value("select bool_and(error like 'no luck with %%') from pawl.tasks")

    db.rows("create or replace function app.fail(p jsonb) returns void language sql as $$ select app.act(p) $$")
    first, = db.rows("select id from pawl.tasks where job_id = %s order by id limit 1", job)[0]
    db.rows("select pawl.retry_task(%s, %s)", job, first)
    db.wait_job(job)
    assert db.progress(job)["completed"] == 1 and db.progress(job)["failed"] == 4

    assert db.value("select pawl.retry_failed(%s)", job) == 4
    until(lambda: db.progress(job)["completed"] == 5, 10, "the others have run again")
    db.wait_job(job)
    effects.assert_once(5)
    db.assert_exact()


def test_a_retry_waits_for_its_time(db, effects, serve):
    db.kind("fail", "sql", "app.fail", max_attempts=2, backoff_base_ms=600_000, backoff_cap_ms=600_000)
    serve(db)
    job = db.job("fail", 1)
    until(lambda: db.progress(job)["waiting"] == 1, 10, "it waits")
    assert db.rows("select wait_reason, attempt, run_at > now() from pawl.tasks") == [("retry", 1, True)]


def test_a_function_that_takes_too_long_is_ended(db, effects, serve):
    db.kind("slow", "sql", "app.act_slowly", timeout_ms=200, max_attempts=1)
    serve(db)
    job = db.value("""select pawl.create_job('slow', array['{"n": 1, "seconds": 60}']::jsonb[])""")
    db.wait_job(job, "failed", seconds=10)
    assert db.rows("select error_class from pawl.attempts") == [("timeout",)]
    assert db.value("select count(*) from app.effects") == 0


def test_cancelling_a_job_ends_what_runs_and_undoes_it(db, effects, serve):
    db.kind("slow", "sql", "app.act_slowly")
    serve(db)
    job = db.value("""select pawl.create_job('slow', array(
      select jsonb_build_object('n', n, 'seconds', 60) from generate_series(1, 10) n))""")
    until(lambda: db.value(IS_SLEEPING) == 4, 10, "four functions run")
    assert db.value("select pawl.cancel_job(%s)", job) is True
    assert db.progress(job)["cancelled"] == 10, "at once, not when the functions end"
    until(lambda: db.value(IS_SLEEPING) == 0, 5, "nobody waits for functions of a minute")
    db.kind("act", "sql", "app.act")
    after = db.job("act", 1)
    db.wait_job(after)
    effects.assert_once(1)
    assert db.job_status(job) == "cancelled" and db.progress(job)["cancelled"] == 10
    assert db.value("select pawl.cancel_job(%s)", job) is False


def test_a_function_that_does_not_exist_any_more_fails_the_task_and_nothing_else(db, effects, serve):
    db.kind("gone", "sql", "app.act_slowly", max_attempts=1)
    db.kind("act", "sql", "app.act")
    db.rows("drop function app.act_slowly(jsonb)")
    serve(db)
    gone, other = db.job("gone", 2), db.job("act", 10)
    db.wait_job(gone, "failed")
    db.wait_job(other)
    assert db.value("select bool_and(error <> '') from pawl.attempts where job_id = %s", gone)
