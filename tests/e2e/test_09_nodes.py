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


def test_a_row_that_is_deleted_by_hand(db, effects, serve):
    """What runs under it is rescued as from a dead node; a node that lives registers anew (I7)."""
    db.kind("slow", "sql", "app.act_slowly")
    victim = serve(db)
    task = db.value("""select task_id from pawl.enqueue('slow', '{"n": 1, "seconds": 60}')""")
    until(lambda: db.value("select count(*) from pg_stat_activity where datname = current_database() "
                           "and wait_event = 'PgSleep'"), 10, "the task runs")
    db.rows("create or replace function app.act_slowly(p jsonb) returns void language sql as $$ select app.act(p) $$")
    node = serve(db)
    victim.kill()
    db.rows("delete from pawl.nodes where name like %s", f"%:{victim.pid}")
    db.wait_task(task, seconds=40)  # 15 s until a young node rescues, and its beat
    assert db.rows("select attempt, error_class from pawl.attempts") == [(1, "lost")]
    assert db.value("select count(*) from app.effects") == 1

    db.rows("delete from pawl.nodes where name like %s", f"%:{node.pid}")
    until(lambda: "was declared dead" in node.said(), 15, lambda: node.said())
    db.wait_job(db.job("slow", 10, first=2))
    effects.assert_once(11)


@pytest.mark.parametrize("most", [4096, 300])
def test_a_node_makes_room_for_its_connections(db, launch, most):
    node = launch("serve", "--db", db.url, "--slots", 500, inside=lambda *command: ["prlimit", f"--nofile=100:{most}", *command])
    until(lambda: "is ready" in node.said() or not node.is_running(), 20, "the node is ready")
    with open(f"/proc/{node.pid}/limits") as limits:
        allowed, = (int(line.split()[3]) for line in limits if line.startswith("Max open files"))
    assert allowed == min(2000, most)
    assert ("may have 300 files open, and 500 slots may need 2000" in node.said()) == (most == 300), node.said()
