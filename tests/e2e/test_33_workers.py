"""External workers: they claim through SQL, hear of work from the nodes, and lose what they do not look after.
Guards I1, I4, I5 and I7; the examples of examples/ are the workers of the second half.

2 s are given for what must come by a message, as in test_04_doorbell.py; a worker here never looks on its own."""
import select
import time

import psycopg
import pytest

from waiting import until

HEARD_SECONDS = 2


class Worker:
    """Claims as it hears, and never otherwise."""

    def __init__(self, db, kind, name="worker"):
        self.kind, self.name = kind, name
        self.connection = db.connect()
        self.heard = []
        self.connection.add_notify_handler(lambda message: self.heard.append(message.payload))
        self.connection.execute("listen pawl_tasks")

    def claim(self, limit=1, lease="1 minute"):
        """(job, task, attempt) of each."""
        return self.connection.execute("select job_id, task_id, attempt from pawl.claim_tasks(%s, %s, %s, %s)",
                                       (self.kind, self.name, limit, lease)).fetchall()

    def hear(self, seconds):
        """Whether its kind was named in time."""
        deadline = time.monotonic() + seconds
        while self.kind not in self.heard:
            if not select.select([self.connection.fileno()], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
            self.connection.execute("select")
        self.heard.clear()
        return True

    def drain_messages(self):
        while self.hear(0.1):
            pass

    def claim_heard(self, seconds=HEARD_SECONDS):
        """The next task, claimed each time that a message comes."""
        deadline = time.monotonic() + seconds
        while True:
            claimed = self.claim()
            if claimed:
                return claimed[0]
            left = deadline - time.monotonic()
            assert left > 0 and self.hear(left), f"{self.name} heard of no {self.kind} that it could claim"

    def finish(self, token, result=None):
        self.connection.execute("select pawl.finish_task(%s, %s, %s, %s)", (*token, result))

    def close(self):
        self.connection.close()


@pytest.fixture
def worker(db):
    made = []

    def make(kind="mail", name=None):
        made.append(Worker(db, kind, name or f"worker {len(made) + 1}"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def enqueue(db, kind="mail", **more):
    names = "".join(f", p_{key} => {value}" for key, value in more.items())
    return db.value(f"select task_id from pawl.enqueue(%s{names})", kind)


def test_workers_hear_of_work_on_every_road(db, serve, worker):
    """I5: a worker that waits is told, whatever makes a task pending; nodes are asleep, and never sweep."""
    db.kind("mail", "external", backoff_base_ms=0)
    db.kind("paced", "external", start_interval_ms=400)
    db.kind("single", "external", max_running=1)
    one = worker()
    serve(db)
    db.wait_asleep()

    def take(one, task, attempt):
        token = one.claim_heard()
        assert token[1:] == (task, attempt)
        db.wait_asleep()
        return token

    def settle():
        db.wait_asleep()
        one.drain_messages()
        assert one.claim() == []

    settle()
    task = enqueue(db)
    token = take(one, task, 1)
    one.connection.execute("select pawl.fail_task(%s, %s, %s, 'no luck')", token)  # tried again at once
    token = take(one, task, 2)
    one.connection.execute("select pawl.snooze_task(%s, %s, %s, '300 ms')", token)
    token = take(one, task, 3)
    one.finish(token)
    settle()
    db.rows("select pawl.retry_task(%s, %s)", *token[:2])
    one.finish(take(one, task, 4))
    settle()
    later = enqueue(db, run_at="now() + interval '500 ms'")
    one.finish(take(one, later, 1))
    settle()

    job = db.value("select pawl.create_job('mail', array['{}', '{}']::jsonb[], p_is_sealed => false)")
    for _ in range(2):
        one.finish(one.claim_heard())
    db.rows("select pawl.pause_job(%s)", job)
    db.rows("select pawl.add_tasks(%s, array['{}']::jsonb[])", job)
    settle()
    db.rows("select pawl.resume_job(%s)", job)
    one.finish(one.claim_heard())
    db.rows("select pawl.seal_job(%s)", job)
    db.wait_job(job)

    # a limit opens by time: the worker was refused, and is told when
    slow = worker("paced")
    for _ in range(3):
        enqueue(db, "paced")
    tokens = [slow.claim_heard() for _ in range(3)]
    starts = [start.timestamp() for start, in db.rows(
        "select started_at from pawl.tasks where id = any(%s) order by started_at", [token[1] for token in tokens])]
    assert all(after - before > 0.39 for before, after in zip(starts, starts[1:])), starts
    # and by the end of what another runs
    first, second = worker("single"), worker("single")
    enqueue(db, "single"), enqueue(db, "single")
    token = first.claim_heard()
    assert second.claim() == []
    db.wait_asleep()
    second.drain_messages()
    first.finish(token)
    second.finish(second.claim_heard())
    db.assert_exact()
    db.assert_never_swept()


def test_work_without_workers_leaves_everybody_alone(db, serve, worker):
    """A backlog that nobody takes keeps no node awake, and is announced once."""
    db.kind("mail", "external")
    listener = worker()
    serve(db), serve(db)
    db.wait_asleep(2)
    for _ in range(3):
        enqueue(db)
    assert listener.hear(HEARD_SECONDS)
    db.wait_asleep(2)
    listener.drain_messages()
    assert not listener.hear(1.5)
    assert db.value("select count(*) from pawl.nodes where is_asleep") == 2
    assert db.rows("""select from pg_stat_activity where datname = current_database() and application_name = 'pawl listen'
      and state_change > clock_timestamp() - interval '1.4 s'""") == [], "a node looks again and again for work that is not its own"
    assert db.value("select count(*) from pawl.tasks where status = 'pending'") == 3


def test_a_worker_that_vanishes_loses_its_task(db, serve, worker, effects):
    """The lease ends, the attempt counts, another worker has it; what the first one does then is undone (I4, I7)."""
    db.kind("mail", "external", max_attempts=2, backoff_base_ms=0)
    serve(db)
    gone, other = worker(name="gone"), worker(name="other")
    task = enqueue(db)
    token = gone.claim(lease="700 ms")[0]
    again = other.claim_heard()
    assert again == (token[0], task, 2)
    assert db.rows("select attempt, worker, error_class, error from pawl.attempts where task_id = %s", task) == [
        (1, "gone", "lost", "its worker was silent until its lease ended")]
    with pytest.raises(psycopg.errors.DatabaseError) as refused, gone.connection.transaction():
        gone.connection.execute("insert into app.effects (n) values (1)")
        gone.finish(token)
    assert refused.value.sqlstate == "PW008" and "replaced by attempt 2" in str(refused.value)
    with other.connection.transaction():
        other.connection.execute("insert into app.effects (n) values (1)")
        other.finish(again)
    effects.assert_once(1)

    task = enqueue(db)
    for attempt in (1, 2):
        assert until(lambda: gone.claim(lease="200 ms"), 5, "it is claimed again")[0][1:] == (task, attempt)
    db.wait_task(task, "failed", seconds=5)
    assert db.value("select error from pawl.tasks where id = %s", task) == "lost: its worker was silent until its lease ended"
    document = db.json("task", "show", f"{token[0]}/{task}")
    assert [a["error_class"] for a in document["failed_attempts"]] == ["lost", "lost"]
    db.assert_exact()


def test_a_batch_shared_by_workers(db, serve, worker):
    """A finite job of a thousand tasks and a standing one, four workers that take tens: all done, each once, exact."""
    db.kind("mail", "external")
    serve(db)
    job = db.job("mail", 1000)
    for _ in range(5):
        enqueue(db)
    workers = [worker() for _ in range(4)]
    done = []
    while True:
        batches = [one.claim(10) for one in workers]
        if not any(batches):
            break
        for one, batch in zip(workers, batches):
            done += [token[1] for token in batch]
            with one.connection.transaction():
                for token in batch:
                    one.finish(token)
        db.assert_exact()
    assert len(done) == len(set(done)) == 1005
    db.wait_job(job)
    assert db.progress(job)["completed"] == 1000
