#!/usr/bin/python3
"""What pawl.on_insert costs those who write: one table twice, one with the trigger, one without.

    bench/triggers.py --db URL

Every pair stands side by side in time, first the one, then the other. Prints one JSON object: the median of the pairs'
ratios, and the medians in ms, for an insert of 1,000 rows (many), for a transaction of one row as drivers send it: begin,
the insert with parameters, commit (single), and for a row in one message, which commits by itself (message).
"""
import argparse
import json
import statistics
import time

import psycopg

ORDERS = """
  create table {table} (
    id bigint generated always as identity primary key,
    customer_id bigint not null,
    status text not null default 'new',
    total numeric(12, 2) not null,
    note text,
    created_at timestamptz not null default now()
  )"""
MANY = """
  insert into {table} (customer_id, total, note)
  select i % 1000, i * 1.5, 'a note of order ' || i from generate_series(1, 1000) i"""
SINGLE = "insert into {table} (customer_id, total, note) values (%s, %s, %s)"
VALUES = (7, 1.5, "a note of an order")
PAIRS = {"many": 100, "single": 1500, "message": 1500}
WARM_UP = 30  # plans are made and kept by then, pages of the tables are there


def write_many(connection, table):
    connection.execute(MANY.format(table=table))


def write_single(connection, table):
    with connection.transaction():
        connection.execute(SINGLE.format(table=table), VALUES)


def write_message(connection, table):
    connection.execute(SINGLE.format(table=table), VALUES)


WRITERS = {"many": write_many, "single": write_single, "message": write_message}


def measure(connection, write, table):
    start = time.perf_counter()
    write(connection, table)
    return (time.perf_counter() - start) * 1000


def compare(connection, write, pairs, table="triggered", settle=None):
    """What the writes cost on `plain`, and on the table that has triggers; `settle` is called after each, with its table, and counts for none."""
    without, with_ = [], []
    for pair in range(WARM_UP + pairs):
        for name, times in ((("plain", without), (table, with_)) if pair % 2 else ((table, with_), ("plain", without))):
            times.append(measure(connection, write, name))
            if settle:
                settle(name)
    without, with_ = without[WARM_UP:], with_[WARM_UP:]
    return {"ratio": statistics.median(w / o for o, w in zip(without, with_)),
            "without_ms": statistics.median(without), "with_ms": statistics.median(with_),
            "added_ms": statistics.median(w - o for o, w in zip(without, with_))}


def check_tasks(connection):
    """Every row has its task, or the figures mean nothing."""
    rows, tasks = connection.execute("select (select count(*) from triggered), (select count(*) from pawl.tasks)").fetchone()
    if rows != tasks or not rows:
        raise SystemExit(f"triggers: {rows} rows, {tasks} tasks")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", required=True)
    options = parser.parse_args()
    with psycopg.connect(options.db, autocommit=True, prepare_threshold=0) as connection:
        for table in ("plain", "triggered"):
            connection.execute(ORDERS.format(table=table))
            connection.execute(f"create index on {table} (customer_id)")
        connection.execute("select pawl.define_kind('fulfil', 'noop')")
        connection.execute("select pawl.on_insert('triggered', 'fulfil')")
        figures = {name: compare(connection, WRITERS[name], PAIRS[name]) for name in WRITERS}
        check_tasks(connection)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
