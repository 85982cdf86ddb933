"""An outcome that the database does not take fails by itself. Guards design 5.4, I7."""
from waiting import until

TASKS = 3_000


def test_one_bad_outcome_blocks_no_other(db, serve):
    """A constraint of the user's stands in for whatever a database may object to."""
    db.rows("""alter table pawl.tasks add constraint unlucky
      check (status <> 'completed' or payload ->> 'n' not in ('13', '1300'))""")
    db.kind("work", max_attempts=3)
    node = serve(db)
    job = db.job("work", TASKS)
    db.wait_job(job)
    assert db.progress(job)["completed"] == TASKS - 2
    assert db.rows("select payload ->> 'n' from pawl.tasks where status = 'failed' order by id") == [("13",), ("1300",)]
    assert db.rows("select error_class, count(*) from pawl.attempts group by 1") == [("refused", 2)]
    assert db.value("select bool_and(error like '%%unlucky%%') from pawl.tasks where status = 'failed'")
    assert node.said().count("was refused") == 2
    db.assert_exact()


def test_a_task_whose_every_end_is_refused_blocks_no_other(db, serve):
    """Not even its failure can be written. It stays as it is; the node and the others go on."""
    db.rows("""alter table pawl.tasks add constraint stuck
      check (status not in ('completed', 'failed') or payload ->> 'n' <> '13')""")
    db.kind("work", max_attempts=3)
    node = serve(db)
    job = db.job("work", TASKS)
    until(lambda: db.progress(job)["completed"] == TASKS - 1, 20, "the others have ended")
    db.wait_job(db.job("work", 10))
    assert node.is_running(), node.said()
    assert db.progress(job)["running"] == 1
    assert node.stop() == 0
    assert db.rows("select dead_at is not null from pawl.nodes") == [(True,)], "whoever comes next rescues it"


def test_an_error_that_is_long_and_not_english(db, serve):
    """Cut where a letter ends: half of one would not be UTF-8."""
    db.rows("""create schema app;
      create function app.fail(p jsonb) returns void language plpgsql as $$
      begin raise exception '%', repeat('x', (p ->> 'n')::integer) || repeat('äöü€🦫', 2000); end $$""")
    db.kind("fail", "sql", "app.fail", max_attempts=1)
    serve(db)
    job = db.job("fail", 8)
    db.wait_job(job, "failed")
    assert db.rows("select error_class, count(*) from pawl.attempts group by 1") == [("sql", 8)]
    assert db.value("select bool_and(error like 'x%%äöü€🦫%%') from pawl.attempts")
