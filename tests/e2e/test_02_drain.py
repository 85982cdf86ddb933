"""One node drains a job. Guards I1 (exact progress), I3 (final is final)."""
from database import ProgressWatch
from waiting import until

TASKS = 30_000


def test_a_job_is_drained_and_counted_exactly_all_the_while(db, serve):
    db.kind("work")
    with ProgressWatch(db) as watch:
        serve(db)
        job = db.job("work", TASKS)
        db.wait_job(job)
    assert watch.samples >= 5
    assert db.progress(job) == {"total": TASKS, "waiting": 0, "pending": 0, "running": 0,
                                "completed": TASKS, "failed": 0, "cancelled": 0}
    assert db.value("select count(*) from pawl.tasks where attempt <> 1") == 0
    db.wait_folded()
    db.assert_exact()
    assert db.rows("select * from pawl.reconcile()") == []


def test_a_job_without_tasks_is_completed_from_the_start(db):
    db.kind("work")
    assert db.job_status(db.job("work", 0)) == "completed"


def test_a_job_that_is_not_sealed_stays_open_and_ends_when_it_is(db, serve):
    db.kind("work")
    serve(db)
    job = db.job("work", 10, is_sealed="false")
    until(lambda: db.progress(job)["completed"] == 10, 10, "its tasks have ended")
    db.wait_folded()
    assert db.job_status(job) == "running"
    db.rows("select pawl.seal_job(%s)", job)
    db.wait_job(job)


def test_all_roads_into_pawl_tasks_are_counted(db, serve):
    """Function, plain insert, COPY: each is a task like any other."""
    db.kind("work")
    serve(db)
    job = db.job("work", 5, is_sealed="false")
    db.rows("select pawl.add_tasks(%s, array['{}', '{}']::jsonb[])", job)
    db.rows("insert into pawl.tasks (job_id, payload) select %s, '{}' from generate_series(1, 100)", job)
    with db.connect() as connection, connection.cursor() as cursor:
        with cursor.copy("copy pawl.tasks (job_id, payload) from stdin") as copy:
            for n in range(200):
                copy.write_row((job, '{"n": %d}' % n))
    db.rows("select pawl.seal_job(%s)", job)
    db.wait_job(job)
    assert db.progress(job)["completed"] == 307
    db.assert_exact()
