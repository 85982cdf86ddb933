"""Several nodes share a drain; one of them leaves in the middle. Guards I2, I4, I7."""
import pytest

from database import ProgressWatch
from waiting import until


@pytest.mark.parametrize("count", [2, 4])
def test_nodes_share_a_job_and_one_leaves_in_good_order(db, serve, count):
    db.kind("work")
    db.kind("paced", start_interval_ms=0.25)
    nodes = [serve(db) for _ in range(count)]
    with ProgressWatch(db):
        jobs = [db.job("work", 5_000) for _ in range(4)] + [db.job("paced", 6_000)]
        until(lambda: db.progress(jobs[-1])["completed"] > 1_000, 20, "the drain is under way")
        leaver = nodes[0]
        assert leaver.stop() == 0, leaver.said()
        assert db.value("select count(*) from pawl.nodes where name like %s", f"%:{leaver.pid}") == 0
        assert db.value("select count(*) from pawl.nodes") == count - 1
        assert db.progress(jobs[-1])["completed"] < 6_000, "it left in the middle"
        for job in jobs:
            db.wait_job(job, seconds=60)
    assert db.value("select count(*) from pawl.tasks where status = 'completed'") == 26_000
    # Once each: what the leaver gave back without having started it is not a try.
    assert db.value("select count(*) from pawl.tasks where attempt - uncounted_attempts <> 1") == 0
    assert db.value("select count(*) from pawl.attempts") == 0
    assert db.value("select count(distinct node_id) from pawl.tasks") == count
    assert db.value("select sum(stale_finishes) from pawl.nodes") == 0


def test_a_node_that_leaves_waits_for_what_runs(db, effects, serve):
    db.kind("slow", "sql", "app.act_slowly")
    node = serve(db)
    job = db.value("""select pawl.create_job('slow', array(
      select jsonb_build_object('n', n, 'seconds', 1) from generate_series(1, 8) n))""")
    until(lambda: db.progress(job)["running"] == 4, 10, "four are running")
    assert node.stop() == 0
    assert db.progress(job)["running"] == 0
    assert db.value("select bool_and(attempt - uncounted_attempts = 1) from pawl.tasks where status = 'completed'")
    effects.assert_once(db.progress(job)["completed"])
    assert db.progress(job)["completed"] >= 4
    serve(db)
    db.wait_job(job)
    effects.assert_once(8)
