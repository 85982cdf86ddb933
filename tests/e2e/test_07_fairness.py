"""Nobody waits for somebody else's pile. Guards the fairness of design 5.3."""


FINISHED_BY_THE_END_OF = """
  select count(*) from pawl.tasks
  where job_id = any (%s)
    and finished_at <= (select max(finished_at) from pawl.tasks where job_id = %s)"""


def test_a_small_job_is_not_kept_waiting_by_a_large_one(db, serve):
    db.kind("work")
    serve(db)
    with db.connect(autocommit=False) as connection:
        large, small = (connection.execute(
            "select pawl.create_job('work', array_fill('{}'::jsonb, array[%s]))", (count,)).fetchone()[0]
            for count in (50_000, 5))
    db.wait_job(large, seconds=60)
    db.wait_job(small)
    assert db.value(FINISHED_BY_THE_END_OF, [large], small) < 25_000


def test_an_organisation_with_ten_jobs_gets_no_more_than_one_with_one(db, serve):
    db.kind("work")
    with db.connect(autocommit=False) as connection:
        def job(organisation, count):
            job_id, = connection.execute("""
              insert into pawl.jobs (kind, org_id) values ('work', %s) returning id""", (organisation,)).fetchone()
            connection.execute("""
              insert into pawl.tasks (job_id, org_id) select %s, %s from generate_series(1, %s)""",
                               (job_id, organisation, count))
            connection.execute("select pawl.seal_job(%s)", (job_id,))
            return job_id
        crowd = [job("00000000-0000-0000-0000-00000000000a", 4_000) for _ in range(10)]
        single = job("00000000-0000-0000-0000-00000000000b", 4_000)
    serve(db)
    for job in [single, *crowd]:
        db.wait_job(job, seconds=60)
    done = db.value(FINISHED_BY_THE_END_OF, crowd, single)
    assert done < 16_000, "turn by turn it is about 4,000; job by job it would be 40,000"
