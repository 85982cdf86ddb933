"""People's hands in a drain: cancel, pause, resume, delete, and plain SQL on pawl.tasks.
Guards I1, I3, I4."""
import psycopg
import pytest

from database import ProgressWatch
from waiting import until

TASKS = 4000


@pytest.fixture
def draining(db, serve):
    """A job in mid-drain: about two starts a millisecond."""
    db.kind("paced", start_interval_ms=0.5)
    db.kind("work")
    serve(db)
    with ProgressWatch(db):
        job = db.job("paced", TASKS)
        until(lambda: db.progress(job)["completed"] > 100, 10, "the drain is under way")
        yield job
        db.wait_folded()
        db.assert_exact()


def test_cancel(db, draining):
    assert db.value("select pawl.cancel_job(%s)", draining) is True
    ended = db.progress(draining)
    assert ended["waiting"] + ended["pending"] + ended["running"] == 0
    assert ended["completed"] + ended["cancelled"] == TASKS and ended["cancelled"] > 0
    db.wait_job(db.job("work", 100))
    assert db.progress(draining) == ended, "nothing moves in a job that has ended"
    assert db.job_status(draining) == "cancelled"


def test_pause_and_resume(db, draining):
    assert db.value("select pawl.pause_job(%s)", draining) is True
    until(lambda: db.progress(draining)["running"] == 0, 10, "what ran has ended")
    paused = db.progress(draining)
    assert paused["pending"] > 0
    db.wait_job(db.job("work", 100))
    assert db.progress(draining) == paused
    assert db.value("select pawl.resume_job(%s)", draining) is True
    db.wait_job(draining)
    assert db.progress(draining)["completed"] == TASKS
    assert db.value("select count(*) from pawl.tasks where job_id = %s and attempt - uncounted_attempts <> 1", draining) == 0


def test_delete(db, draining):
    db.rows("delete from pawl.jobs where id = %s", draining)
    db.wait_job(db.job("work", 100))
    for table in ("tasks", "attempts", "progress_deltas"):
        until(lambda: db.value(f"select count(*) from pawl.{table} where job_id = %s", draining) == 0, 5,
              f"nothing of it is left in pawl.{table}")


def test_plain_sql(db, draining):
    job = db.job("paced", 1, is_sealed="false")
    cancelled = deleted = 0
    for _ in range(40):
        db.rows("insert into pawl.tasks (job_id) select %s from generate_series(1, 10)", job)
        db.rows("""update pawl.tasks set priority = random()
          where job_id = %s and status = 'pending' and id %% 7 = 0""", draining)
        cancelled += len(db.rows("""update pawl.tasks set status = 'cancelled', finished_at = now()
          where job_id = %s and is_pending
            and id in (select id from pawl.tasks where job_id = %s and is_pending order by id desc limit 2)
          returning id""", draining, draining))
        deleted += len(db.rows("""delete from pawl.tasks where job_id = %s
          and id in (select id from pawl.tasks where job_id = %s and status = 'completed' limit 3)
          returning id""", draining, draining))
        with db.connect() as connection, connection.cursor() as cursor:
            with cursor.copy("copy pawl.tasks (job_id, payload) from stdin") as copy:
                for n in range(5):
                    copy.write_row((job, '{"n": %d}' % n))
    db.rows("select pawl.seal_job(%s)", job)
    db.wait_job(job)
    db.wait_job(draining)
    assert db.progress(job)["completed"] == 1 + 40 * 15
    assert db.progress(draining)["cancelled"] == cancelled > 0
    assert db.progress(draining)["total"] == TASKS - deleted


def test_deleting_what_is_still_to_do_ends_the_job(db, draining):
    db.rows("delete from pawl.tasks where job_id = %s and is_pending", draining)
    db.wait_job(draining)
    assert db.progress(draining)["total"] < TASKS


def test_a_job_that_has_ended_takes_no_tasks(db, serve):
    db.kind("work")
    serve(db)
    job = db.job("work", 3)
    db.wait_job(job)
    for sql in ("insert into pawl.tasks (job_id) values (%s)", "select pawl.add_tasks(%s, array['{}']::jsonb[])"):
        with pytest.raises(psycopg.Error, match="has ended") as refused:
            db.rows(sql, job)
        assert refused.value.sqlstate == "PW003"
    assert db.progress(job)["total"] == 3 and db.job_status(job) == "completed"
    with pytest.raises(psycopg.Error, match="does not exist"):
        db.rows("insert into pawl.tasks (job_id) values (999)")


def test_delete_the_rest_while_every_node_sleeps(db, serve):
    """Nothing is left to do: the job ends at once, long before a sleeping node's sweep (30 s)."""
    db.kind("work")
    serve(db)
    job = db.job("work", 10, is_sealed="false")
    until(lambda: db.progress(job)["completed"] == 10, 10, "ten are done")
    db.rows("select pawl.pause_job(%s)", job)
    db.rows("insert into pawl.tasks (job_id) values (%s)", job)
    db.rows("select pawl.seal_job(%s)", job)
    until(lambda: db.value("select bool_and(is_asleep) from pawl.nodes"), 10, "the node sleeps")
    until(lambda: db.value("select bool_and(clock_timestamp() - started_at > interval '6 s') from pawl.nodes"), 10,
          "its sweep after 5 s is over")
    db.rows("delete from pawl.tasks where job_id = %s and status = 'pending'", job)
    until(lambda: db.job_status(job) == "completed", 10, "the job ends")
    db.assert_exact()
