"""A database for one test, with Pawl's schema in it, and the questions that stories ask of it."""
import threading

import psycopg

from program import pawl, pawl_json
from waiting import until

# What job_progress says against what pawl.tasks holds, in one statement and so in one snapshot (I1).
PROGRESS_AGAINST_COUNT = """
select to_jsonb(p) as said, to_jsonb(c) as counted, p.running > 0 or p.pending > 0 as is_moving
from pawl.job_progress p
cross join lateral (
  select count(*) as total,
    count(*) filter (where t.status = 'waiting') as waiting,
    count(*) filter (where t.status = 'pending') as pending,
    count(*) filter (where t.status = 'running') as running,
    count(*) filter (where t.status = 'completed') as completed,
    count(*) filter (where t.status = 'failed') as failed,
    count(*) filter (where t.status = 'cancelled') as cancelled
  from pawl.tasks t
  where t.job_id = p.job_id
) c
"""
COUNTERS = ("total", "waiting", "pending", "running", "completed", "failed", "cancelled")


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.url = server.url(name)
        self._connection, self._starts = None, 0

    # ---- SQL ----

    def connect(self, **options):
        return self.server.connect(self.name, **options)

    def rows(self, sql, *values):
        """Over a connection that is kept, and made again when the server was away."""
        if self._connection is None or self._connection.closed or self._starts != self.server.starts:
            self.close()
            self._connection, self._starts = self.connect(), self.server.starts
        try:
            cursor = self._connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            self._connection.close()
            raise

    def value(self, sql, *values):
        rows = self.rows(sql, *values)
        return rows[0][0] if rows else None

    def close(self):
        if self._connection is not None:
            self._connection.close()

    # ---- pawl ----

    def pawl(self, *words, **options):
        return pawl(*words, "--db", self.url, **options)

    def json(self, *words, **options):
        return pawl_json(*words, "--db", self.url, **options)

    # ---- work ----

    def kind(self, name, executor="noop", target=None, **more):
        names = "".join(f", p_{key} => {value}" for key, value in more.items())
        self.rows(f"select pawl.define_kind(%s, %s, %s{names})", name, executor, target)

    def job(self, kind, count, first=1, **more):
        """A job of count tasks whose payloads are {"n": first} and up."""
        names = "".join(f", p_{key} => {value}" for key, value in more.items())
        return self.value(
            f"""select pawl.create_job(%s, array(
                  select jsonb_build_object('n', n)
                  from generate_series(%s::integer, %s::integer) n){names})""",
            kind, first, first + count - 1)

    def progress(self, job):
        rows = self.rows(f"select {', '.join(COUNTERS)} from pawl.job_progress where job_id = %s", job)
        return dict(zip(COUNTERS, rows[0])) if rows else None

    def job_status(self, job):
        return self.value("select status::text from pawl.jobs where id = %s", job)

    def wait_job(self, job, status="completed", seconds=30):
        until(lambda: self.job_status(job) == status, seconds,
              lambda: f"job {job} is {status}: {self.job_status(job)}, {self.progress(job)}")

    def wait_task(self, task, status="completed", seconds=2):
        until(lambda: self.task_status(task) == status, seconds,
              lambda: f"task {task} is {status}: {self.task_status(task)}")

    def task_status(self, task):
        return self.value("select status::text from pawl.tasks where id = %s", task)

    def wait_asleep(self, nodes=1, seconds=10):
        """Until so many nodes have their flag up and have stopped looking around: from then on only
        a bell wakes them."""
        until(lambda: self.value("""
          select (select count(*) from pawl.nodes where is_asleep) = %s and not exists (
            select from pg_stat_activity
            where datname = current_database() and application_name = 'pawl listen'
              and (state <> 'idle' or state_change > clock_timestamp() - interval '200 ms'))""", nodes),
            seconds, f"{nodes} nodes are asleep")

    def wait_folded(self, seconds=10):
        until(lambda: self.value("select count(*) from pawl.progress_deltas") == 0, seconds,
              "the ledger is folded")

    def assert_exact(self):
        """I1 now; the rows that were compared."""
        compared = self.rows(PROGRESS_AGAINST_COUNT)
        for said, counted, _ in compared:
            assert {c: said[c] for c in COUNTERS} == counted, f"job {said['job_id']} has drifted"
        return compared

    def assert_never_swept(self):
        """I5: no node's sweep ever found work that no bell had told of. The counter comes with the
        heartbeat, so the next one of every node is waited for."""
        since = self.value("select clock_timestamp()")
        until(lambda: self.value("select bool_and(heartbeat_at > %s) from pawl.nodes where dead_at is null", since), 15,
              "every living node has sent a heartbeat")
        assert self.value("select sum(swept) from pawl.nodes") == 0


class Effects:
    """A table app.effects and functions of the kind `sql` that write into it, one row a call."""

    def __init__(self, database):
        self.database = database
        database.rows("""
          create schema app;
          create table app.effects (n integer not null, started_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz);
          create function app.act(p jsonb) returns void language sql as
            $$ insert into app.effects (n) values ((p ->> 'n')::integer) $$;
          create function app.act_slowly(p jsonb) returns void language plpgsql as $$
          begin
            insert into app.effects (n) values ((p ->> 'n')::integer);
            perform pg_sleep(coalesce((p ->> 'seconds')::float, 0.02));
            update app.effects set ended_at = clock_timestamp() where n = (p ->> 'n')::integer;
          end $$;
          create function app.fail(p jsonb) returns void language plpgsql as $$
          begin
            insert into app.effects (n) values ((p ->> 'n')::integer);
            raise exception 'no luck with %', p ->> 'n';
          end $$""")

    def assert_once(self, count):
        """I7: count effects, each once."""
        assert self.database.rows("select count(*), count(distinct n) from app.effects") == [(count, count)]


class ProgressWatch:
    """Reads the progress of every job again and again while a story runs, and compares it with a
    count of the tasks in the same snapshot (I1). It goes on while the server is away."""

    def __init__(self, database):
        self.database = database
        self.samples = self.moving = 0
        self.drift = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        connection = None
        while not self._stop.wait(0.005):
            try:
                if connection is None or connection.closed:
                    connection = self.database.connect()
                rows = connection.execute(PROGRESS_AGAINST_COUNT).fetchall()
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                continue
            self.samples += 1
            self.moving += any(is_moving for _, _, is_moving in rows)
            for said, counted, _ in rows:
                if {c: said[c] for c in COUNTERS} != counted:
                    self.drift = f"job {said['job_id']}: said {said}, counted {counted}"
                    return
        if connection is not None:
            connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(30)
        if kind is None:
            assert self.drift is None, self.drift
            assert self.moving >= 3, f"only {self.moving} of {self.samples} samples saw work under way"
