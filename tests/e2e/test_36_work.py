"""Work in people's hands, with real nodes: one task cancelled, why something waits, when a job will have ended,
what follows on what. Guards I1, I3, I4, I6, I7."""
import datetime
import re
import socket


from database import ProgressWatch
from waiting import until

IS_SLEEPING = """select count(*) from pg_stat_activity
  where datname = current_database() and query like '%run_sql_task%' and wait_event = 'PgSleep'"""
NOTICE_SECONDS = 1  # how soon a node drops what was cancelled


def slow_tasks(db, count, seconds=60, first=1):
    return [row[0] for row in db.rows(
        """select (pawl.enqueue('slow', jsonb_build_object('n', n, 'seconds', %s::float))).task_id
           from generate_series(%s::integer, %s::integer) n""", seconds, first, first + count - 1)]


# ---- cancel_task ----

def test_a_cancelled_task_is_dropped_by_the_node_that_runs_it(db, effects, serve):
    """Two nodes, one task on each: only the one asked for ends, at once, and undone."""
    db.kind("slow", "sql", "app.act_slowly")
    serve(db)
    serve(db)
    db.wait_asleep(2)
    tasks = slow_tasks(db, 8)
    job = db.value("select pawl.standing_job('slow')")
    until(lambda: db.value(IS_SLEEPING) == 8, 10, "eight functions run, four on each node")
    with ProgressWatch(db):
        for left, task in zip(range(7, 3, -1), tasks[::2]):
            assert "is cancelled" in db.pawl("task", "cancel", f"{job}/{task}").stdout
            until(lambda: db.value(IS_SLEEPING) == left, NOTICE_SECONDS, "its node has dropped it")
    assert db.progress(job)["cancelled"] == 4 and db.progress(job)["running"] == 4
    assert {db.task_status(task) for task in tasks[1::2]} == {"running"}
    assert "had ended already" in db.pawl("task", "cancel", f"{job}/{tasks[0]}").stdout
    assert db.json("task", "cancel", f"{job}/{tasks[1]}") == {
        "task": f"{job}/{tasks[1]}", "job": str(job), "changed": True}
    db.kind("act", "sql", "app.act")
    db.wait_job(db.job("act", 4, first=100))
    assert db.value("select count(*) from app.effects") == 4, "nothing that was cancelled has an effect"
    db.assert_exact()


def test_a_cancelled_task_stays_so_though_its_end_comes_later(db, effects, serve):
    """A function that swallows the request to end: its late end finds the task cancelled, and is undone."""
    db.rows("""
      create function app.go_on(p jsonb) returns void language plpgsql as $$
      begin
        insert into app.effects (n) values (1);
        begin
          perform pg_sleep(60);
        exception when query_canceled then
          perform pg_sleep(0.2);
        end;
      end $$""")
    db.kind("stubborn", "sql", "app.go_on")
    serve(db)
    job = db.job("stubborn", 1)
    task = db.value("select id from pawl.tasks where job_id = %s", job)
    until(lambda: db.value(IS_SLEEPING) == 1, 10, "it runs")
    assert db.value("select pawl.cancel_task(%s, %s, 'enough')", job, task) is True
    db.wait_job(job)  # nothing is left of it, whatever still goes on
    until(lambda: db.value(IS_SLEEPING) == 0, 5, "the function has ended")
    assert db.rows("select status::text, error, attempt from pawl.tasks where id = %s", task) == [("cancelled", "enough", 1)]
    assert db.value("select count(*) from app.effects") == 0
    assert db.value("select count(*) from pawl.attempts where task_id = %s", task) == 0


def test_a_call_under_way_is_hung_up(db, serve):
    """A function that takes the request and says nothing: cancelled, its connection is closed within the second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        db.rows("select pawl.define_kind('silent', 'http', %s, p_options => '{\"allow_private\": true}')",
                f"http://127.0.0.1:{listener.getsockname()[1]}/")
        serve(db)
        job, task = db.rows("select * from pawl.enqueue('silent')")[0]
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            db.pawl("task", "cancel", f"{job}/{task}")
            connection.settimeout(NOTICE_SECONDS)
            while connection.recv(65536):
                pass  # the rest of the request; then the end
    assert db.task_status(task) == "cancelled"
    assert db.value("select count(*) from pawl.attempts") == 0


def test_the_last_open_task_of_a_job_that_is_cancelled_ends_the_job(db, serve):
    """One that nobody runs: a sleeping node is told all the same."""
    db.kind("work")
    serve(db)
    job = db.value("select pawl.create_job('work', '{}', p_is_sealed => false)")
    db.rows("""select pawl.add_tasks(%s, array['{}']::jsonb[], p_run_at => now() + interval '1 day'), pawl.add_tasks(%s, array['{}']::jsonb[])""",
            job, job)
    db.rows("select pawl.seal_job(%s)", job)
    until(lambda: db.progress(job)["completed"] == 1, 5, "the other has ended")
    db.wait_asleep()
    waiting = db.value("select id from pawl.tasks where job_id = %s and status = 'waiting'", job)
    db.rows("select pawl.cancel_task(%s, %s)", job, waiting)
    db.wait_job(job, seconds=NOTICE_SECONDS)


def test_cancels_in_a_drain_are_counted_exactly(db, serve):
    """Claims, ends and cancels of the same tasks: each has one end, and every cancel knows which."""
    db.kind("paced", start_interval_ms=0.5)
    serve(db)
    serve(db)
    with ProgressWatch(db):
        job = db.job("paced", 3000)
        ids = [row[0] for row in db.rows("select id from pawl.tasks where job_id = %s order by id", job)]
        until(lambda: db.progress(job)["completed"] > 50, 10, "the drain is under way")
        cancelled = sum(db.value("select pawl.cancel_task(%s, %s)", job, task) for task in ids[::3])
        db.wait_job(job)
    assert 0 < cancelled < 1000
    assert db.progress(job)["cancelled"] == cancelled and db.progress(job)["completed"] == 3000 - cancelled
    db.assert_exact()


# ---- why ----

def reasons(db, *words):
    return [reason["reason"] for reason in db.json("why", *words)["reasons"]]


def test_whatever_waits_says_why(db, effects, serve):
    """A kind of two at once, from the enqueue to the end, as a person would ask."""
    db.kind("slow", "sql", "app.act_slowly", max_running=2)
    tasks = slow_tasks(db, 4)
    job = db.value("select pawl.standing_job('slow')")
    said = db.pawl("why", f"{job}/{tasks[0]}").stdout
    assert "is pending: no node runs: start one with pawl serve" in said and "looked at next when a node starts" in said
    assert reasons(db, job) == ["no_node"]

    node = serve(db)
    until(lambda: db.value(IS_SLEEPING) == 2, 10, "two run")
    assert re.search(rf"is running: it runs, attempt 1 of 5, on node \S+:{node.pid}\n  since ", db.pawl("why", f"{job}/{tasks[0]}").stdout)
    assert reasons(db, f"{job}/{tasks[2]}") == ["max_running"]
    said = db.pawl("why", f"{job}/{tasks[3]}").stdout
    assert 'as many tasks run as may run at once under "kind:slow": 2 of 2' in said and "when one of them ends" in said
    assert re.search(rf"HELD BY JOB +KIND +RUNNING\n{job} +slow +2\n", said) and "and: one task of its job is to be claimed before it" in said

    db.pawl("job", "pause", job)
    assert reasons(db, f"{job}/{tasks[2]}") == ["paused", "max_running"]
    assert "the job is paused" in db.pawl("why", job).stdout
    db.pawl("job", "resume", job)

    db.kind("fails", "sql", "app.fail", max_attempts=2, backoff_base_ms=3600000, backoff_cap_ms=3600000)
    failing = db.json("enqueue", "fails", '{"n": 7}')["task"]
    until(lambda: db.json("why", failing)["status"] == "waiting", 10, "it has failed once")
    why = db.json("why", failing)
    assert [reason["reason"] for reason in why["reasons"]] == ["retry"] and why["reasons"][0]["error_class"] == "sql"
    assert why["message"].startswith("it waits to be tried again: attempt 1 of 2 failed: no luck with 7")
    assert "looked at next in" in db.pawl("why", failing).stdout
    shown = db.pawl("why", failing.split("/")[0]).stdout
    assert re.search(rf" 1  to be tried again +in .* +{failing} +no luck with 7", shown)

    later = db.json("enqueue", "slow", "{}", "--delay", "3600")["task"]
    assert reasons(db, later) == ["delay"]
    assert re.search(rf"{later} +waiting +delay +in 59 min ", db.pawl("task", "list", job).stdout)
    db.pawl("task", "cancel", later)
    assert re.search(rf"{later} +cancelled +- +- ", db.pawl("task", "list", job).stdout), "what it waited for is over"
    assert "\nuntil " not in db.pawl("task", "show", later).stdout
    assert "is cancelled: it was cancelled: cancelled by request" in db.pawl("why", later).stdout


def test_nothing_waits_without_a_reason(db, effects, serve):
    """I6 in the middle of everything: whatever is not running says what it waits for, and what ends that."""
    db.kind("slow", "sql", "app.act_slowly", max_running=2)
    db.kind("fails", "sql", "app.fail", backoff_base_ms=300)
    db.kind("paced", start_interval_ms=20)
    serve(db)
    serve(db)
    job = db.job("paced", 150)
    db.rows("""select pawl.enqueue('slow', '{"n": 1, "seconds": 0.2}', p_run_at => now() + n * interval '100 ms') from generate_series(-10, 10) n""")
    db.rows("""select pawl.enqueue('fails', jsonb_build_object('n', n)) from generate_series(1, 10) n""")
    seen, samples = set(), 0
    while db.job_status(job) != "completed":
        for task, status, why in db.rows("""
            select t.job_id || '/' || t.id, t.status::text, pawl.why(t.job_id, t.id)
            from pawl.tasks t where t.status in ('waiting', 'pending')"""):
            samples += 1
            assert why["status"] == status and why["message"] and why["since_at"] and why["reasons"], (task, why)
            assert why["next_look_at"] or why["until"], (task, why)
            seen.update(reason["reason"] for reason in why["reasons"])
        for why, in db.rows("select pawl.why(id) from pawl.jobs where finished_at is null"):
            assert why["message"], why
    assert seen >= {"delay", "retry", "queue", "pace"} and samples > 100, (seen, samples)


# ---- when a job will have ended ----

def seconds_until(timestamp):
    return (datetime.datetime.fromisoformat(timestamp) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def test_an_estimate_follows_what_is_measured(db, effects, serve, launch):
    """300 tasks at 40 a second, and a second job behind them under the same limiter."""
    db.kind("slow", "sql", "app.act_slowly", max_running=4)
    serve(db)
    job = db.value("""select pawl.create_job('slow', array(select jsonb_build_object('n', n, 'seconds', 0.1) from generate_series(1, 300) n))""")
    until(lambda: db.progress(job)["completed"] >= 60, 20, "it is under way")
    shown = db.json("job", "show", job)
    left = seconds_until(shown["estimated_completion_at"])
    assert 20 < shown["per_second"] <= 45, shown["per_second"]
    second = db.value("""select pawl.create_job('slow', array(select jsonb_build_object('n', n, 'seconds', 0.1) from generate_series(1, 20) n), p_priority => -4)""")
    behind = {row["job"]: row for row in db.json("job", "list")}[str(second)]
    assert behind["estimated_completion_at"], "it has not started, and is told all the same"
    assert re.search(r"ends about +in \d", db.pawl("job", "show", job).stdout) and re.search(r"pace +\d\d/s", db.pawl("job", "show", job).stdout)
    follow = launch("job", "show", job, "--follow", "--db", db.url)
    began = datetime.datetime.now()
    db.wait_job(job, seconds=60)
    took = (datetime.datetime.now() - began).total_seconds()
    assert took / 2 < left < took * 2, (left, took)
    assert "estimated_completion_at" in (ended := db.json("job", "show", job)) and ended["estimated_completion_at"] is None
    until(lambda: not follow.is_running(), 10, "the one who followed has seen the end")
    assert re.search(r"\d/s, \d+(\.\d)? s left", follow.said()), follow.said()


def test_an_estimate_of_a_job_that_stands_still_grows(db, effects, serve):
    db.kind("slow", "sql", "app.act_slowly")
    node = serve(db)
    job = db.value("""select pawl.create_job('slow', array(select jsonb_build_object('n', n, 'seconds', case when n <= 40 then 0.02 else 60 end)
      from generate_series(1, 60) n))""")
    until(lambda: db.progress(job)["completed"] == 40 and db.value(IS_SLEEPING) == 4, 10, "only slow ones are left")
    db.wait_folded()
    first = db.json("job", "show", job)
    until(lambda: db.json("job", "show", job)["per_second"] < first["per_second"] / 2, 20, "its pace falls by the look")
    assert seconds_until(db.json("job", "show", job)["estimated_completion_at"]) > seconds_until(first["estimated_completion_at"])
    db.pawl("job", "pause", job)
    assert db.json("job", "show", job)["estimated_completion_at"] is None, "a paused job has no end in sight"
    db.pawl("job", "resume", job)
    node.kill()
    until(lambda: db.json("job", "show", job)["estimated_completion_at"] is None, 20, "nor has one that nobody serves")


# ---- chains ----

def test_a_chain_goes_on_by_itself(db, effects, serve):
    """Three kinds and a job: each gets what the one before it made, and with what all began."""
    db.rows("""
      create function app.double(p jsonb) returns jsonb language sql as
      $$ select jsonb_build_object('n', 2 * coalesce(p -> 'result' ->> 'n', p ->> 'n')::integer) $$;
      create function app.keep(p jsonb) returns void language sql as
      $$ insert into app.effects (n) values ((p -> 'result' ->> 'n')::integer + (p -> 'payload' ->> 'n')::integer) $$""")
    db.kind("keep", "sql", "app.keep")
    db.kind("second", "sql", "app.double")
    db.pawl("kind", "set", "second", "--on-complete", "keep")
    db.pawl("kind", "set", "first", "--executor", "sql", "--target", "app.double", "--on-complete", "second")
    assert [row.get("on_complete") for row in db.json("kind", "list") if row["kind"] == "first"] == ["second"]
    serve(db)
    db.wait_asleep()
    db.pawl("enqueue", "first", '{"n": 5}')
    until(lambda: db.rows("select n from app.effects") == [(25,)], 5, lambda: f"2 * 2 * 5 + 5: {db.rows('select * from app.effects')}")
    assert db.rows("select t.payload -> 'chain' from pawl.tasks t join pawl.jobs j on j.id = t.job_id where j.kind = 'keep'") == [(2,)]

    db.kind("work")
    job = db.job("work", 100, on_complete="'keep'")
    db.wait_job(job)
    until(lambda: db.value("select count(*) from pawl.tasks where payload ->> 'job' = %s", str(job)) == 1, 5, "the job has a successor")


def test_every_completion_has_one_successor_through_kills(db, serve, effects):
    """I7: nodes are killed in the middle of chains, of tasks that end in the node and of such that end in SQL."""
    db.kind("end")
    db.kind("plain", max_attempts=20, start_interval_ms=1)
    db.kind("effect", "sql", "app.act", max_attempts=20)
    for kind in ("plain", "effect"):
        db.pawl("kind", "set", kind, "--on-complete", "end")
        db.rows("select pawl.add_tasks(pawl.standing_job(%s), array(select jsonb_build_object('n', n) from generate_series(1, 3000) n))", kind)
    plain, effect = (db.value("select pawl.standing_job(%s)", kind) for kind in ("plain", "effect"))
    with ProgressWatch(db):
        for _ in range(3):
            done = db.progress(plain)["completed"]
            node = serve(db)
            until(lambda: db.progress(plain)["completed"] > done + 200, 20, "the node works")
            node.kill()
        serve(db)
        until(lambda: db.progress(plain)["completed"] == db.progress(effect)["completed"] == 3000, 90, "all have completed")
        end = db.value("select pawl.standing_job('end')")
        until(lambda: db.progress(end)["completed"] == 6000, 20, lambda: f"so have their successors: {db.progress(end)}")
    assert db.value("select count(distinct payload ->> 'task') from pawl.tasks where job_id = %s", end) == 6000
    assert db.value("select count(*) from pawl.attempts where error_class = 'lost'") > 0, "some were in flight when a node was killed"
    effects.assert_once(3000)
    db.wait_folded()
    db.assert_exact()


# ---- ageing ----

def test_who_waits_gets_his_turn(db, effects, serve):
    """Better tasks come in faster than they can be done: the one of priority 0 is done all the same, in its time."""
    db.kind("slow", "sql", "app.act_slowly", max_running=1)
    db.pawl("kind", "set", "slow", "--ageing", 60)  # 1 a second
    db.rows("""select pawl.enqueue('slow', '{"n": 0, "seconds": 0.02}', p_priority => 2)""")
    low = db.value("""select task_id from pawl.enqueue('slow', '{"n": 0, "seconds": 0.02}', p_priority => 0)""")
    began = datetime.datetime.now()
    serve(db)

    def feed():
        if db.value("select count(*) from pawl.tasks where status = 'pending'") < 30:
            db.rows("""select pawl.add_tasks(pawl.standing_job('slow'), array_fill('{"n": 1, "seconds": 0.02}'::jsonb, array[30]), p_priority => 2)""")
        return db.task_status(low) == "completed"

    until(feed, 20, lambda: f"it has had its turn: {db.rows('select status, count(*) from pawl.tasks group by 1')}")
    assert (datetime.datetime.now() - began).total_seconds() > 1.5, "those that were better by less than its age went before it"
    before, after = db.rows("""
      select count(*) filter (where t.started_at < l.started_at), count(*) filter (where t.status = 'pending')
      from pawl.tasks t, pawl.tasks l where t.priority = 2 and l.id = %s""", low)[0]
    assert before > 10 and after > 0, (before, after)
