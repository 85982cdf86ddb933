"""External workers: they claim through SQL, hear of work from the nodes, and lose what they do not look after.
Guards I1, I4, I5 and I7; the examples of examples/ are the workers of the second half.

2 s are given for what must come by a message, as in test_04_doorbell.py; a worker here never looks on its own."""
import functools
import json
import pathlib
import select
import signal
import subprocess
import time

import psycopg
import pytest

from server import clean_environment
from waiting import end_with_us, until

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
    assert second.hear(HEARD_SECONDS)
    second.finish(second.claim()[0])
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
    db.wait_asleep()
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


# ---- the examples ----

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_a_busy_limit_is_not_waited_for_with_each_key(db):
    """A worker that claims inside a transaction of its own holds the limit of the kind until it ends."""
    db.kind("mail", "external", max_running=100)
    db.rows("select pawl.set_limit('mail', 'key', p_max_running => 1)")
    for key in range(60):
        db.rows(f"select * from pawl.enqueue('mail', p_limit_key => 'key {key}')")
    with db.connect() as slow, db.connect() as other:
        with slow.transaction():
            claim = "select count(*) from pawl.claim_tasks('mail', 'worker', 5)"
            assert slow.execute(claim).fetchone() == (5,)
            other.execute("set statement_timeout = '3s'")  # a tenth of a second with each would be 6
            assert other.execute(claim).fetchone() == (0,)
        assert other.execute(claim).fetchone() == (5,)


def test_a_job_ends_with_its_last_task(db, serve, worker):
    """Nobody wrote of it to a node, which sleeps: it is told, and does not find out by its sweep."""
    serve(db)
    db.kind("mail", "external", max_attempts=1)
    one = worker("mail")
    for end in ("select pawl.finish_task(%s, %s, %s)", "select pawl.fail_task(%s, %s, %s, 'no')"):
        job = db.value("select pawl.create_job('mail', array['{}', '{}']::jsonb[])")
        tokens = one.claim(limit=2)
        for token in tokens:
            db.wait_asleep()
            one.connection.execute(end, token)
        db.wait_job(job, "completed" if "finish" in end else "failed", seconds=10)


def command_of(language):
    if language == "python":
        return ["/usr/bin/python3", EXAMPLES / "python" / "worker.py"]
    if not (EXAMPLES / "node" / "node_modules" / "pg").exists():
        subprocess.run([EXAMPLES / "node" / "install"], check=True, stdout=subprocess.DEVNULL)
    return ["node", EXAMPLES / "node" / "worker.mjs"]


class Example:
    """One of the workers that people copy, as they would start it."""

    def __init__(self, language, db, lease_seconds):
        self.process = subprocess.Popen(
            command_of(language), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=clean_environment(DATABASE_URL=db.url, LEASE_SECONDS=str(lease_seconds)), start_new_session=True,
            preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        assert "works" in self.process.stdout.readline()

    def stop(self, number=signal.SIGTERM):
        """Its exit code, and all that it said."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture(params=["python", "node"])
def example(db, serve, request):
    """Starts one more of them: example(), example(lease_seconds=1)."""
    made = []

    def make(lease_seconds=30):
        made.append(Example(request.param, db, lease_seconds))
        return made[-1]

    db.kind("thumbnail", "external", max_attempts=2, backoff_base_ms=0)
    db.rows("create table thumbnails (image integer primary key, bytes integer not null)")
    serve(db)
    yield make
    for one in made:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


def draw(db, image, **more):
    return db.value("select task_id from pawl.enqueue('thumbnail', %s)", json.dumps({"image": image, **more}))


def test_an_example_does_what_its_tasks_say(db, example):
    one = example()
    db.wait_asleep()
    done = [draw(db, image) for image in range(1, 11)]
    hopeless, early, faulty = draw(db, -1), draw(db, 0), draw(db, "x")
    for task in done:
        db.wait_task(task, seconds=5)
    assert db.rows("select image, bytes from thumbnails order by image") == [(i, 100 * i) for i in range(1, 11)]
    assert db.value("select result from pawl.tasks where id = %s", done[0]) == {"bytes": 100}
    db.wait_task(hopeless, "failed", seconds=5)
    assert db.rows("select attempt, error from pawl.tasks where id = %s", hopeless) == [(1, "there is no image -1")]
    db.wait_task(faulty, "failed", seconds=10)  # heard of again by the node's message: it looks every 30 s only
    assert db.value("select attempt from pawl.tasks where id = %s", faulty) == 2
    assert db.rows("select status::text, wait_reason, attempt - uncounted_attempts from pawl.tasks where id = %s", early) == [
        ("waiting", "snooze", 0)]
    db.assert_exact()
    db.wait_asleep()
    db.wait_task(draw(db, 11), seconds=HEARD_SECONDS)
    code, said = one.stop()
    assert code == 0 and "stops" in said, said


def test_an_example_looks_after_a_long_task_and_ends_behind_it(db, example):
    one = example(lease_seconds=0.9)
    task, other = draw(db, 1, seconds=6, steps=6), None
    job = db.value("select pawl.standing_job('thumbnail')")
    seen = until(lambda: db.json("task", "show", f"{job}/{task}")["progress"], 10, "it says how far it is")
    assert seen["message"].endswith("of 6") and 0 <= seen["percent"] < 100
    until(lambda: db.value("select percent from pawl.task_progress where task_id = %s", task) > 40, 10, "it gets on")
    one.process.send_signal(signal.SIGTERM)
    other = draw(db, 2)
    code, said = one.stop()
    assert code == 0 and "stops" in said, said
    assert db.rows("select status::text, attempt from pawl.tasks where id = %s", task) == [("completed", 1)]
    assert db.rows("select image from thumbnails") == [(1,)]
    assert db.task_status(other) == "pending"


def test_an_example_that_is_killed_is_replaced(db, example):
    """kill -9 in the middle: another worker has the task when the lease has ended, and the effect is there once."""
    one = example(lease_seconds=1)
    task = draw(db, 1, seconds=2)
    until(lambda: db.task_status(task) == "running", 5, "it runs")
    one.stop(signal.SIGKILL)
    example(lease_seconds=1)
    db.wait_task(task, seconds=15)
    assert db.rows("select attempt, (select count(*) from thumbnails) from pawl.tasks where id = %s", task) == [(2, 1)]
    assert db.rows("select attempt, error_class from pawl.attempts where task_id = %s", task) == [(1, "lost")]
