#!/usr/bin/python3
"""What pawl.track costs those who write: one table of quotes twice, one of them tracked.

    bench/tracking.py --db URL

Every pair of writes stands side by side in time, on the one table and on the other; each is an upsert of rows that are there already, among
100,000, and of all of them freshness is known. First nobody looks at any (unwatched), then somebody looks at all (watched), then a session
listens as well to what is told (heard). Prints one JSON object, and in it one for each of the three: the median of the pairs' ratios, and the medians in ms, for an
upsert of 1,000 rows (many), for a transaction of one row as drivers send it: begin, the upsert with parameters, commit (single), and
for a row in one message, which commits by itself (message). And the same for a table with a trigger that does nothing but tell (told).
"""
import argparse
import json
import random
import select

import psycopg

from triggers import compare

KEYS = 100_000
QUOTES = """
  create table {table} (
    symbol text primary key,
    currency text not null,
    last numeric(14, 4) not null,
    open numeric(14, 4),
    high numeric(14, 4),
    low numeric(14, 4),
    previous_close numeric(14, 4),
    volume bigint,
    source_at timestamptz,
    updated_at timestamptz not null default now()
  )"""
INSERT = "insert into {table} (symbol, currency, last, open, high, low, previous_close, volume, source_at) "
ROWS = "select 'S' || i, 'USD', i * 1.01, i, i * 1.02, i * 0.99, i, i * 100, now() from generate_series(%s::integer, %s::integer) i"
UPSERT = """
  on conflict (symbol) do update
  set last = excluded.last, open = excluded.open, high = excluded.high, low = excluded.low, previous_close = excluded.previous_close,
      volume = excluded.volume, source_at = excluded.source_at, updated_at = excluded.updated_at"""
SINGLE = INSERT + "values (%s, 'USD', %s, 1, 2, 0.5, 1.1, 1000, now())" + UPSERT
PAIRS = {"many": 100, "single": 1500, "message": 1500}
DEADLINE_S = 10
TELLS = """
  create function tell() returns trigger language plpgsql as $$
  begin
    perform pg_notify('pawl_refreshed', tg_table_name);
    return null;
  end $$;
  create trigger tells after update on told for each statement execute function tell()"""


class Writers:
    """What writes, to the table that it is told, the same rows twice: first to the one, then to the other."""

    def __init__(self):
        self.writes = 0

    def draw(self, most):
        self.writes += 1
        return 1 + random.Random((self.writes + 1) // 2).randrange(most)

    def many(self, connection, table):
        first = self.draw(KEYS - 1000)
        connection.execute((INSERT + ROWS + UPSERT).format(table=table), (first, first + 999))

    def single(self, connection, table):
        with connection.transaction():
            self.message(connection, table)

    def message(self, connection, table):
        connection.execute(SINGLE.format(table=table), (f"S{self.draw(KEYS)}", 1.5))


def prepare(connection):
    for table in ("plain", "tracked", "told"):
        connection.execute(QUOTES.format(table=table))
        connection.execute((INSERT + ROWS).format(table=table), (1, KEYS))
    connection.execute(TELLS, prepare=False)
    connection.execute("select pawl.define_kind('provider', 'noop')")
    connection.execute("select pawl.define_data_type('quote', 'provider', '1 hour', p_table => 'public.tracked', p_key_column => 'symbol',"
                       " p_time_column => 'updated_at')")
    # as they are when nobody looks any more
    connection.execute("insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at, forget_at)"
                       " select 'quote', symbol, true, now(), now() + interval '1 hour', now() + interval '1 hour', now() + interval '30 days' from tracked")
    connection.execute("select pawl.track('quote')")


def watch(connection):
    """All are looked at, as subscribers leave them."""
    connection.execute("update pawl.freshness set is_watched = true, check_at = due_at, forget_at = null")
    connection.execute("vacuum full pawl.freshness")


def refresh(connection):
    """All are as a refresh leaves them: it locks a row before it writes it, and the row's next version keeps a trace of that."""
    with connection.transaction():
        connection.execute("select count(*) from (select from pawl.freshness for no key update) f")
        connection.execute("update pawl.freshness set refreshes = refreshes + 1")
    if not connection.execute("select bool_and(xmax <> 0) from pawl.freshness").fetchone()[0]:
        raise SystemExit("tracking: no trace of a lock")


def check_moves(connection):
    """Every key that was written has moved, or the figures mean nothing. Returns how many updates of all moved no index."""
    connection.execute("select pg_stat_force_next_flush()")
    missed, looks, errors, hot = connection.execute(
        "select (select count(*) from tracked t join pawl.freshness f on f.type = 'quote' and f.key = t.symbol"
        "        where f.refreshed_at < t.updated_at),"
        " (select count(*) from pawl.looks), (select count(*) from pawl.trigger_errors), n_tup_hot_upd::float8 / n_tup_upd"
        " from pg_stat_user_tables where relid = 'pawl.freshness'::regclass").fetchone()
    if missed or looks or errors:
        raise SystemExit(f"tracking: {missed} writes were missed, {looks} looks, {errors} errors")
    return hot


class Listener:
    """A session that hears who is told, as a server of a dashboard does. It is waited for after each statement, and so takes nothing from the next."""

    def __init__(self, url):
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("listen pawl_refreshed")

    def hear(self, table):
        """Every statement but those on the plain table is told of, or the figures mean nothing."""
        pgconn = self.connection.pgconn
        while table != "plain":
            if not select.select([pgconn.socket], [], [], DEADLINE_S)[0]:
                raise SystemExit("tracking: a statement was not told of")
            pgconn.consume_input()
            if pgconn.notifies():
                return

    def close(self):
        self.connection.close()


def measure_all(connection, settle=None):
    refresh(connection)
    connection.execute("vacuum analyze")
    connection.execute("select pg_stat_force_next_flush()")
    connection.execute("select pg_stat_reset_single_table_counters('pawl.freshness'::regclass)")
    writers = Writers()
    figures = {name: compare(connection, getattr(writers, name), pairs, "tracked", settle) for name, pairs in PAIRS.items()}
    return figures | {"hot": check_moves(connection)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", required=True)
    options = parser.parse_args()
    with psycopg.connect(options.db, autocommit=True, prepare_threshold=0) as connection:
        prepare(connection)
        figures = {"unwatched": measure_all(connection)}
        watch(connection)
        figures["watched"] = measure_all(connection)
        listener = Listener(options.db)
        figures["heard"] = measure_all(connection, listener.hear)
        figures["told"] = {"single": compare(connection, Writers().single, PAIRS["single"], "told", listener.hear)}
        listener.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
