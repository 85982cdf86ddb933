"""Work in people's hands, with real nodes: one task cancelled. Guards I1, I3, I4."""

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
