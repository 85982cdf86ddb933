"""What has ended in a standing job is deleted after a while, by whichever node does it. Guards I9 (history is bounded),
I1 through all of it, and I7: nothing that has not ended goes."""
import threading

from database import ProgressWatch
from waiting import until

OLD, NEW = 30_000, 2_000

END = """insert into pawl.tasks (job_id, is_key_reusable, status, created_at, finished_at)
  select %s, true, 'completed', now() - interval '1 hour', now() - interval '1 hour' from generate_series(1, %s) n"""


def kept(db, job):
    return db.value("select count(*) from pawl.tasks where job_id = %s", job)


def enqueue_all(db, numbers):
    with db.connect() as connection:
        for n in numbers:
            connection.execute("select pawl.enqueue('short', jsonb_build_object('n', %s::integer), p_limit_key => 'customer ' || %s)", (n, n % 3))


def test_pruned_while_others_work(db, effects, serve):
    db.kind("short", "sql", "app.act")
    db.kind("kept", max_attempts=3)
    assert "KEEP" in db.pawl("kind", "list").stdout
    short, other = db.rows("select pawl.standing_job('short'), pawl.standing_job('kept')")[0]
    finite = db.job("short", 5)
    db.rows("update pawl.tasks set status = 'failed', created_at = now() - interval '1 hour', finished_at = now() - interval '1 hour' where job_id = %s", finite)
    db.rows(END, short, OLD)
    db.rows(END, other, 10)
    waiting = db.value("""select count(*) from generate_series(1, 1500) n, pawl.enqueue('short', to_jsonb(n), p_run_at => now() + interval '1 day')""")
    db.rows("insert into pawl.attempts (job_id, task_id, attempt, error_class) select t.job_id, t.id, 1, 'sql' from pawl.tasks t where t.job_id = %s", short)
    db.pawl("kind", "set", "short", "--keep", "1s")
    assert {k["kind"]: k["keep_ms"] for k in db.json("kind", "list")}.items() >= {("short", 1000), ("kept", 30 * 86_400_000)}

    with ProgressWatch(db):
        node = serve(db)
        producers = [threading.Thread(target=enqueue_all, args=(db, range(1 + i * NEW, 1 + (i + 1) * NEW))) for i in range(2)]
        for producer in producers:
            producer.start()
        until(lambda: kept(db, short) < OLD + waiting - 3000, 20, "the node prunes")
        assert kept(db, short) > waiting + 3000, "it is killed in the middle"
        node.kill()
        serve(db)
        for producer in producers:
            producer.join(60)
        until(lambda: kept(db, short) == waiting, 30, lambda: f"the rest is pruned: {kept(db, short)}")
    until(lambda: db.value("select count(*) from app.effects") == 2 * NEW, 60, "what was enqueued meanwhile has been done")
    effects.assert_once(2 * NEW)
    assert kept(db, other) == 10, "its kind keeps for 30 days"
    assert kept(db, finite) == 5, "a finite job stays whole"
    until(lambda: db.value("select count(*) from pawl.attempts") == 1500, 10, "attempts go along")
    db.wait_folded()
    db.assert_exact()
    assert db.progress(short) == {"total": waiting, "waiting": waiting, "pending": 0, "running": 0, "completed": 0, "failed": 0, "cancelled": 0}
    assert not db.rows("select * from pawl.reconcile()")


def test_a_new_time_counts_at_once(db, serve):
    db.kind("later")
    job = db.value("select pawl.standing_job('later')")
    db.rows(END, job, 10)
    serve(db)
    until(lambda: db.value("select next_at > now() + interval '30 minutes' from pawl.prune_cursors where job_id = %s", job), 10, "the node has looked")
    assert kept(db, job) == 10
    db.pawl("kind", "set", "later", "--keep", "forever")
    assert db.json("kind", "list")[-1]["keep_ms"] is None
    db.pawl("kind", "set", "later", "--keep", "30m")
    until(lambda: kept(db, job) == 0, 10, "the node looks again")
    for wrong, code in ("0d", 2), ("soon", 2), ("9999999w", 3):
        assert "keep" in db.pawl("kind", "set", "later", "--keep", wrong, code=code).stderr
    db.wait_asleep()
