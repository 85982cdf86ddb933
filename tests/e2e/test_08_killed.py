"""kill -9 of nodes and of PostgreSQL, in mid-drain. Guards I7 (nothing lost, effect exactly once),
I1 through all of it, I5 (what is rescued wakes) and I4.

A node is dead after 15 s of silence, so the stories of dead nodes share that time: they run beside
each other, in databases of their own."""
from database import Effects, ProgressWatch
from waiting import until

NOOP_TASKS, SQL_TASKS = 16_000, 1_000
RESCUE_SECONDS = 60  # 15 s of silence, 15 s until a young node rescues, and a beat for each step


def more_than(db, job, count):
    return lambda: db.progress(job)["completed"] > count


def test_killed_nodes(databases, shared_server, serve):
    drained, idle = databases(shared_server), databases(shared_server)
    effects = Effects(drained)
    Effects(idle)

    # Idle: of two nodes the one that runs a long task is killed; the other sleeps.
    idle.kind("slow", "sql", "app.act_slowly")
    victim = serve(idle)
    task = idle.value("""select task_id from pawl.enqueue('slow', '{"n": 1, "seconds": 60}')""")
    idle.wait_task(task, "running")
    serve(idle)
    idle.rows("create or replace function app.act_slowly(p jsonb) returns void language sql as $$ select app.act(p) $$")
    idle.wait_asleep(2)
    victim.kill()

    # Drained: one node after the other is killed in mid-drain.
    drained.kind("paced", start_interval_ms=0.5)
    drained.kind("act", "sql", "app.act_slowly", max_attempts=20)
    with ProgressWatch(drained):
        noop = drained.job("paced", NOOP_TASKS)
        sql = drained.value("""select pawl.create_job('act', array(
          select jsonb_build_object('n', n, 'seconds', 0.03) from generate_series(1, %s) n))""", SQL_TASKS)
        for _ in range(4):
            done = drained.progress(noop)["completed"], drained.progress(sql)["completed"]
            node = serve(drained)
            until(lambda: more_than(drained, noop, done[0] + 200)() and more_than(drained, sql, done[1] + 20)(),
                  20, lambda: f"the node drains: {drained.progress(noop)}, {drained.progress(sql)}")
            assert drained.progress(noop)["completed"] < NOOP_TASKS
            node.kill()
        serve(drained)
        drained.wait_job(noop, seconds=RESCUE_SECONDS)
        drained.wait_job(sql, seconds=RESCUE_SECONDS)
    assert drained.progress(noop)["completed"] == NOOP_TASKS
    effects.assert_once(SQL_TASKS)
    drained.wait_folded()
    drained.assert_exact()
    lost = drained.value("select count(*) from pawl.attempts where error_class = 'lost'")
    assert lost > 0, "some were in flight when a node was killed"
    assert drained.value("select count(*) from pawl.attempts") == lost

    idle.wait_task(task, seconds=RESCUE_SECONDS)
    assert idle.rows("select attempt, error_class from pawl.attempts") == [(1, "lost")]
    assert idle.value("select count(*) from app.effects") == 1
    idle.assert_never_swept()

    # The victim's backend has not noticed and sleeps on. Rows of dead nodes stay while any transaction
    # is that old, since it might be a claim of theirs.
    idle.rows("""select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'""")
    for db in (idle, drained):
        until(lambda: db.value("select count(*) from pawl.nodes") == 1, 20, "the dead nodes' rows have gone")


def test_a_killed_postmaster(databases, own_servers, serve):
    server = own_servers()
    db = databases(server)
    effects = Effects(db)
    db.kind("paced", start_interval_ms=0.5)
    db.kind("work")
    db.kind("act", "sql", "app.act_slowly", max_attempts=20, backoff_base_ms=10, backoff_cap_ms=50)
    nodes = [serve(db), serve(db)]
    with ProgressWatch(db):
        noop, unlimited = db.job("paced", NOOP_TASKS), db.job("work", 4 * NOOP_TASKS)
        sql = db.job("act", SQL_TASKS)
        for _ in range(4):
            done = db.progress(noop)["completed"], db.progress(sql)["completed"]
            until(lambda: more_than(db, noop, done[0] + 100)() and more_than(db, sql, done[1] + 20)(), 20,
                  lambda: f"the nodes drain: {db.progress(noop)}, {db.progress(sql)}")
            assert db.progress(noop)["completed"] < NOOP_TASKS
            server.kill()
            server.start()
        for job in (noop, unlimited, sql):
            db.wait_job(job, seconds=60)
    assert db.progress(noop)["completed"] == NOOP_TASKS
    assert db.progress(unlimited)["completed"] == 4 * NOOP_TASKS
    effects.assert_once(SQL_TASKS)
    db.wait_folded()
    db.assert_exact()
    assert all(node.is_running() for node in nodes), "no manual step"
