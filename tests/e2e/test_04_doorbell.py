"""An idle node learns of work by bells, not by looking. Guards I5 (every road wakes).

The node's sweep comes 5 s after its start and then every 30 s; a bell is answered in milliseconds.
2 s are given, for slow machines, and at the end the sweep's own counter must say that it never found
anything. What a rescued task does is told in test_08_killed.py, with the other stories of death."""
PICKUP_SECONDS = 2


def enqueue(db, kind="work", key=None):
    return db.value("select task_id from pawl.enqueue(%s, p_key => %s)", kind, key)


def by_function(db):
    return enqueue(db)


def in_repeatable_read(db):
    with db.connect(autocommit=False) as connection:
        connection.execute("set transaction isolation level repeatable read")
        return connection.execute("select task_id from pawl.enqueue('work')").fetchone()[0]


def by_insert(db):
    return db.value("insert into pawl.tasks (job_id) values (pawl.standing_job('work')) returning id")


def delayed(db):
    return db.value("select task_id from pawl.enqueue('work', p_run_at => now() + interval '700 ms')")


def moved_forward(db):
    """A person changes a waiting task's time."""
    task = db.value("select task_id from pawl.enqueue('work', p_run_at => now() + interval '1 day')")
    db.wait_asleep()
    db.rows("update pawl.tasks set run_at = now() + interval '300 ms' where id = %s", task)
    return task


def made_pending(db):
    task = db.value("select task_id from pawl.enqueue('work', p_run_at => now() + interval '1 day')")
    db.wait_asleep()
    db.rows("update pawl.tasks set status = 'pending' where id = %s", task)
    return task


def retried_by_policy(db):
    return enqueue(db, "stumble")


def retried_by_request(db):
    job, task = db.rows("select job_id, task_id from pawl.enqueue('work')")[0]
    db.wait_task(task)
    db.wait_asleep()
    db.rows("select pawl.retry_task(%s, %s)", job, task)
    return task


def resumed(db):
    job = db.job("work", 0, is_sealed="false")
    db.rows("select pawl.pause_job(%s)", job)
    db.rows("select pawl.add_tasks(%s, array['{}']::jsonb[])", job)
    db.wait_asleep()
    task = db.value("select id from pawl.tasks where job_id = %s", job)
    assert db.task_status(task) == "pending"
    db.rows("select pawl.resume_job(%s)", job)
    return task


def held_up_by_pace(db):
    """Four starts, 300 ms apart: the last is the one that is waited for."""
    return [enqueue(db, "paced") for _ in range(4)][-1]


def held_up_by_a_limit(db):
    return [enqueue(db, "single") for _ in range(4)][-1]


def in_many_jobs_at_once(db):
    """More jobs than a bell's message names."""
    with db.connect(autocommit=False) as connection:
        for _ in range(30):
            job, = connection.execute("select pawl.create_job('work', array['{}']::jsonb[])").fetchone()
    return db.value("select id from pawl.tasks where job_id = %s", job)


ROADS = (by_function, in_repeatable_read, by_insert, delayed, moved_forward, made_pending,
         retried_by_policy, retried_by_request, resumed, held_up_by_pace, held_up_by_a_limit,
         in_many_jobs_at_once)


def test_every_road_wakes_a_sleeping_node(db, serve):
    db.rows("""
      create schema app;
      create sequence app.calls;
      create function app.stumble(p jsonb) returns void language plpgsql as
        $$ begin if nextval('app.calls') = 1 then raise exception 'stumbled'; end if; end $$;
      create function app.nap(p jsonb) returns void language sql as $$ select pg_sleep(0.2) $$""")
    db.kind("work")
    db.kind("stumble", "sql", "app.stumble", backoff_base_ms=600, backoff_cap_ms=600)
    db.kind("paced", start_interval_ms=300)
    db.kind("single", "sql", "app.nap", max_running=1)
    job = db.value("select pawl.standing_job('work')")

    # Two transactions that began before the node had its flag up, and commit long after. One has
    # inserted before; the other inserts after, but its snapshot is too old to see the flag.
    with db.connect(autocommit=False) as early, db.connect(autocommit=False) as late:
        inserted_early = early.execute("select task_id from pawl.enqueue('work')").fetchone()[0]
        late.execute("set transaction isolation level repeatable read")
        late.execute("select from pawl.nodes")
        serve(db)
        db.wait_asleep()
        assert db.task_status(inserted_early) is None
        early.commit()
        db.wait_task(inserted_early, seconds=PICKUP_SECONDS)
        db.wait_asleep()
        inserted_late = late.execute("insert into pawl.tasks (job_id) values (%s) returning id", (job,)).fetchone()[0]
        late.commit()
        db.wait_task(inserted_late, seconds=PICKUP_SECONDS)

    for road in ROADS:
        db.wait_asleep()
        task = road(db)
        try:
            db.wait_task(task, seconds=PICKUP_SECONDS)
        except AssertionError as late:
            raise AssertionError(f"{road.__name__}: {late}") from None
    db.assert_never_swept()


def test_nobody_rings_for_nobody(db, serve):
    """NOTIFY takes a cluster-wide lock at commit, so it is kept for those who sleep."""
    db.kind("work")
    with db.connect() as ear:
        ear.execute("listen pawl")
        by_insert(db)
        db.rows("notify pawl, 'that was all'")
        assert next(ear.notifies()).payload == "that was all"
        serve(db)
        db.wait_asleep()
        by_insert(db)
        assert next(ear.notifies()).payload.startswith("work ")
