#!/usr/bin/python3
"""One sample of a figure of freshness, for bench/run: prints one JSON object.

    PAWL=build/pawl bench/freshness.py FIGURE CONTENDER --db URL --work FOLDER --tool build/bench/dispatch_tool
      --pgbench PATH --log FILE

The database must be there and migrated; the log is its server's. What each figure means stands in README.md beside this. All that is measured
is made by what people call (pawl.define_data_type, pawl.subscribe, pawl.set_key_ttl) and by rows of a table of theirs: no row
of Pawl's is written by hand.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import psycopg

import dispatch
from stage import Stage
from waiting import until

DEADLINE_S = 280
TICKS, TICK_MS = 300, 60  # keys that fall due one after another, so far apart
BATCH = 1000
PAIRS, HOLDERS, KEYS_OF_A_HOLDER = 100_000, 100_000, 10
SESSIONS = 4  # that subscribe side by side, before anything is measured
DUE_AT_ONCE = 10_000
DUE_IN_S = 10
SETTLE_S = 15  # a node that has just started looks round for a while; its last statistics come after 10 s
WINDOW_S = 60
DRAIN = 20_000
CLIENTS, RATE_S, RATE_PAIRS, RATE_HOLDERS = 8, 10, 1000, 1000

# Data of yesterday that is fresh for two days: whoever subscribes finds it fresh.
DATA = """
create table {name} (key text primary key, written_at timestamptz not null);
insert into {name} select 'key ' || i, now() - interval '1 day' from generate_series(1, {keys}) i;
analyze {name};
select pawl.define_kind('{name}', '{executor}', {target});
select pawl.define_data_type('{name}', '{name}', p_ttl => '2 days', p_table => 'public.{name}', p_key_column => 'key', p_time_column => 'written_at');
"""
WATCH = """
select count(*)
from pawl.subscribe(%s, array(select 'key ' || i from generate_series(%s::bigint, %s::bigint) i), %s, '1 day') s
where s.state = 'fresh'"""
FALL_DUE = """
select count(pawl.set_key_ttl('{name}', d.key, %s::timestamptz + (i - 1) * %s * interval '1 ms' - d.written_at))
from generate_series(1, %s::bigint) i
join {name} d on d.key = 'key ' || i"""
# A refresh that writes down when it began. It says nothing of what came, and writes no data.
STARTS = """
create table starts (key text, stale_since timestamptz, started_at timestamptz);
create function note_start(p_payload jsonb) returns void language sql as $$
  insert into starts values (p_payload ->> 'key', (p_payload ->> 'stale_since')::timestamptz, clock_timestamp())
$$;
"""
CLAIMS = """
select t.key, (t.payload ->> 'stale_since')::timestamptz as stale_since, t.started_at
from pawl.tasks t
join pawl.data_types d on d.job_id = t.job_id
where d.name = '{name}' and t.started_at is not null"""
LATENESS = """
select jsonb_build_object('refreshes', count(*), 'keys', count(distinct s.key), 'p50_ms', percentile_disc(0.5) within group (order by s.ms),
  'p99_ms', percentile_disc(0.99) within group (order by s.ms), 'last_ms', max(s.ms), 'first_ms', min(s.ms))
from (select x.key, extract(epoch from x.started_at - x.stale_since)::double precision * 1000 as ms from ({starts}) x) s"""


def define(stage, name, keys, executor="noop", target="null"):
    stage.run(DATA.format(name=name, keys=keys, executor=executor, target=target))


def watch(stage, name, keys):
    """One holder looks at all of them."""
    fresh = stage.value(WATCH, name, 1, keys, "viewer")
    assert fresh == keys, f"{fresh} of {keys} keys are fresh"


def fall_due(stage, name, keys, in_s, step_ms):
    """The first of the keys is stale in_s from now, each other step_ms after the one before."""
    start = stage.value("select now() + %s * interval '1 s'", in_s)
    stage.run(FALL_DUE.format(name=name), start, step_ms, keys)
    assert stage.value("select now() < %s", start), "keys were due before all was ready"


def lateness(stage, starts, keys):
    """Of refreshes, from the moment at which their data was stale until they began."""
    until(lambda: stage.value(f"select count(*) from ({starts}) s") >= keys, DEADLINE_S, "all refreshes have begun")
    found = stage.value(LATENESS.format(starts=starts))
    assert found["refreshes"] == found["keys"] == keys, found
    return found


def measure_subscribe(stage, options):
    return dispatch.measure_latency(stage, options, "--subscribe")


def measure_due(stage, _):
    """One after another, by a function that says when it began; then many at once, of a kind that does nothing, by their claims."""
    stage.run(STARTS)
    define(stage, "ticks", TICKS, "sql", "'public.note_start'")
    watch(stage, "ticks", TICKS)
    define(stage, "batch", BATCH)
    watch(stage, "batch", BATCH)
    stage.start_node()
    fall_due(stage, "ticks", TICKS, 2, TICK_MS)
    single = lateness(stage, "table starts", TICKS)
    fall_due(stage, "batch", BATCH, 3, 0)
    return {"single": single, "batch": lateness(stage, CLAIMS.format(name="batch"), BATCH)}


def subscribe_all(options):
    """Every holder looks at some keys, every key has as many holders as the others: holder h at h, h + 1000, h + 2000, ..."""
    def subscribe(first):
        with psycopg.connect(options.db, autocommit=True) as database:
            for holder in range(first, HOLDERS, SESSIONS):
                keys = [f"key {(holder + i * (PAIRS // KEYS_OF_A_HOLDER)) % PAIRS + 1}" for i in range(KEYS_OF_A_HOLDER)]
                database.execute("select count(*) from pawl.subscribe('price', %s::text[], %s, '1 day')", (keys, f"viewer {holder}"))

    sessions = [threading.Thread(target=subscribe, args=(first,)) for first in range(SESSIONS)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()


class Statements:
    """Those that the server runs in this database, by its log; for sessions that begin from now on."""

    def __init__(self, stage, options):
        self.log = options.log
        name = stage.value("select current_database()")
        stage.run(f"alter database {name} set log_statement = 'all'")
        self.pattern = re.compile(rf" {name} LOG:  (statement|execute [^:]*): ".encode())

    def count(self):
        with open(self.log, "rb") as lines:
            return sum(1 for line in lines if self.pattern.search(line))


def reads_of_subscriptions(stage):
    return stage.rows("""
      select t.seq_scan::float8, (select sum(i.idx_tup_read)::float8 from pg_stat_user_indexes i where i.relid = t.relid)
      from pg_stat_user_tables t where t.relid = 'pawl.subscriptions'::regclass""")[0]


def measure_idle(stage, options):
    define(stage, "price", PAIRS)
    began = time.monotonic()
    subscribe_all(options)
    figures = {"subscribe_seconds": time.monotonic() - began, "subscriptions": stage.value("select count(*) from pawl.subscriptions"),
               "fresh_watched_pairs": stage.value("select count(*) from pawl.freshness where is_watched and stale_at > now()")}
    assert figures["subscriptions"] == HOLDERS * KEYS_OF_A_HOLDER and figures["fresh_watched_pairs"] == PAIRS, figures
    statements = Statements(stage, options)
    stage.start_node()
    time.sleep(SETTLE_S)
    reads, said = reads_of_subscriptions(stage), statements.count()
    time.sleep(WINDOW_S)
    figures["queries_per_second"] = (statements.count() - said) / WINDOW_S
    later = reads_of_subscriptions(stage)
    figures |= {"scans_of_subscriptions": later[0] - reads[0], "entries_read_of_subscriptions": later[1] - reads[1]}
    fall_due(stage, "price", DUE_AT_ONCE, DUE_IN_S, 0)
    figures["due"] = lateness(stage, CLAIMS.format(name="price"), DUE_AT_ONCE)
    until(lambda: stage.value("select count(*) from pawl.freshness where refreshes = 1") == DUE_AT_ONCE, DEADLINE_S, "all are settled")
    figures["due"]["repeated"] = stage.value("select count(*) - count(distinct key) from pawl.tasks")
    time.sleep(SETTLE_S)
    figures["due"]["scans_of_subscriptions"] = reads_of_subscriptions(stage)[0] - later[0]
    return figures


def rate(stage, options, name, statement):
    """Transactions a second of so many clients that do nothing else."""
    script = stage.folder / name
    script.write_text(statement)
    done = subprocess.run([options.pgbench, "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2", f"--time={RATE_S}", f"--file={script}",
                           options.db], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S)
    found = re.search(r"tps = ([\d.]+) ", done.stdout)
    assert done.returncode == 0 and found, done.stderr[-2000:]
    return float(found[1])


class Drain:
    """All that is pending, run by a node that starts with it, what that takes of time, of the server's processors and of its WAL."""

    def __init__(self, stage, job):
        self.stage, self.job = stage, job

    def server_cpu_s(self):
        """Of the sessions that are open, and of those that have ended by then nothing: so the node is still there."""
        seconds = 0
        for pid, in self.stage.rows("select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"):
            with open(f"/proc/{pid}/stat", encoding="ascii") as fields:
                user, system = fields.read().rpartition(")")[2].split()[11:13]
            seconds += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        return seconds

    def measure(self):
        wal = self.stage.value("select pg_current_wal_insert_lsn()")
        self.stage.start_node()
        until(lambda: self.stage.value("select completed from pawl.job_progress where job_id = %s", self.job) == DRAIN, DEADLINE_S, "all tasks have run")
        cpu_s = self.server_cpu_s()
        wal_bytes = self.stage.value("select pg_current_wal_insert_lsn() - %s::pg_lsn", wal)
        seconds = self.stage.value("select extract(epoch from max(finished_at) - min(started_at))::float8 from pawl.tasks where job_id = %s", self.job)
        self.stage.stop_node()
        return {"tasks_per_second": DRAIN / seconds, "server_cpu_us_per_task": cpu_s / DRAIN * 1e6, "wal_bytes_per_task": float(wal_bytes) / DRAIN}


def measure_cost(stage, options):
    define(stage, "price", RATE_PAIRS)
    watch(stage, "price", RATE_PAIRS)
    stage.run("select count(*) from generate_series(1, %s::bigint) i, pawl.subscribe('price', 'key 1', 'beating ' || i, '1 day') s", RATE_HOLDERS)
    figures = {
        "subscribes_per_second": rate(stage, options, "subscribe", f"""\\set key random(1, {RATE_PAIRS})
\\set viewer random(1, 1000000000)
select pawl.subscribe('price', 'key ' || :key, 'viewer ' || :viewer, '1 day');
"""),
        "heartbeats_per_second": rate(stage, options, "heartbeat", f"""\\set viewer random(1, {RATE_HOLDERS})
select pawl.heartbeat('beating ' || :viewer);
""")}
    stage.run("vacuum analyze")
    stage.run("checkpoint")
    stage.run("select pawl.define_kind('plain', 'noop')")
    job = stage.value("select pawl.standing_job('plain')")
    stage.run("select pawl.add_tasks(%s, array(select jsonb_build_object('type', 'bare', 'key', 'key ' || i) from generate_series(1, %s::bigint) i))", job, DRAIN)
    figures["plain"] = Drain(stage, job).measure()
    stage.run("checkpoint")
    stage.run("select pawl.define_kind('bare', 'noop')")
    stage.run("select pawl.define_data_type('bare', 'bare', p_ttl => '1 day')")
    stage.run("select count(*) from pawl.subscribe('bare', array(select 'key ' || i from generate_series(1, %s::bigint) i), 'viewer', '1 day')", DRAIN)
    figures["refresh"] = Drain(stage, stage.value("select job_id from pawl.data_types where name = 'bare'")).measure()
    return figures


FIGURES = {
    ("freshness", "pawl"): measure_subscribe,
    ("freshness", "pawl_due"): measure_due,
    ("freshness_idle", "pawl"): measure_idle,
    ("freshness_cost", "pawl"): measure_cost,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("figure")
    parser.add_argument("contender")
    for option in ("db", "work", "tool", "pgbench", "log"):
        parser.add_argument(f"--{option}", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Stage(options.db, options.work) as stage:
        print(json.dumps(FIGURES[options.figure, options.contender](stage, options)))


if __name__ == "__main__":
    main()
