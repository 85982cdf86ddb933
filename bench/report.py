#!/usr/bin/env python3
"""Turns the samples of bench/run into figures: medians, the ratio, the ratio asked, met or missed.

Samples come as lines of figure, contender, run and one JSON object, separated by tabs. The ratio of
two contenders is the median of the ratios within each run, because the samples of one run stand
next to each other in time and share the machine's mood. A verdict that some runs contradict is
marked as unsteady. What is asked stands in ASKED below and nowhere else. Exits with 1 when a figure lacks a sample it needs.
"""

import argparse
import json
import operator
import os
import platform
import statistics
import sys
from dataclasses import dataclass

COMPARISONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class Asked:
    """One row of the report. Without `base` the value itself is compared, else value / base;
    without `comparison` it is only shown.

    value and base are (contender, path of keys into its JSON); unit is only printed.
    """

    figure: str
    title: str
    value: tuple
    base: tuple
    comparison: str | None
    limit: float | None
    unit: str

    def needs_peers(self):
        return self.base is not None and self.base[0] == "graphile"


RATE, PAGES_RATE, P50, P99 = "tasks_per_second", "pages_per_second", "p50_ms", "p99_ms"
ASKED = (
    Asked("drain", "drain against graphile-worker", ("pawl", RATE), ("graphile", RATE),
          ">=", 2.5, "tasks/s"),
    Asked("drain", "drain against the bare loop", ("pawl", RATE), ("bare", "drain_" + RATE),
          ">=", 0.60, "tasks/s"),
    Asked("drain", "drain under a held snapshot against free", ("pawl_snapshot", RATE),
          ("pawl", RATE), ">=", 0.80, "tasks/s"),
    Asked("drain", "drain counters exact", ("pawl", "counters_exact"), None, "==", 1, ""),
    Asked("drain", "drain WAL a task", ("pawl", "wal_bytes_per_task"),
          ("bare", "wal_bytes_per_task"), None, None, "bytes"),
    Asked("drain", "drain client CPU a task", ("pawl", "client_cpu_us_per_task"),
          ("bare", "client_cpu_us_per_task"), None, None, "us"),
    Asked("enqueue", "enqueue", ("pawl", RATE), None, None, None, "tasks/s"),
    Asked("enqueue", "enqueue against graphile-worker", ("pawl", RATE), ("graphile", RATE),
          ">=", 2, "tasks/s"),
    Asked("triggers", "insert of 1,000 rows with on_insert", ("pawl", "many.ratio"), None,
          "<=", 3, "times"),
    Asked("triggers", "insert of 1,000 rows", ("pawl", "many.with_ms"), ("pawl", "many.without_ms"),
          None, None, "ms"),
    Asked("triggers", "commit of one row with on_insert", ("pawl", "single.ratio"), None,
          "<=", 1.3, "times"),
    Asked("triggers", "commit of one row", ("pawl", "single.with_ms"), ("pawl", "single.without_ms"),
          None, None, "ms"),
    Asked("triggers", "commit of one row, in one message", ("pawl", "message.with_ms"),
          ("pawl", "message.without_ms"), None, None, "ms"),
    Asked("tracking", "upsert of 1,000 rows, tracked, nobody looks", ("pawl", "unwatched.many.ratio"),
          None, "<=", 2, "times"),
    Asked("tracking", "upsert of 1,000 rows", ("pawl", "unwatched.many.with_ms"),
          ("pawl", "unwatched.many.without_ms"), None, None, "ms"),
    Asked("tracking", "upsert of 1,000 rows, what tracking adds", ("pawl", "unwatched.many.added_ms"),
          None, "<", 10, "ms"),
    Asked("tracking", "commit of one row, tracked, nobody looks", ("pawl", "unwatched.single.ratio"),
          None, "<=", 1.3, "times"),
    Asked("tracking", "commit of one row", ("pawl", "unwatched.single.with_ms"),
          ("pawl", "unwatched.single.without_ms"), None, None, "ms"),
    Asked("tracking", "commit of one row, in one message", ("pawl", "unwatched.message.with_ms"),
          ("pawl", "unwatched.message.without_ms"), None, None, "ms"),
    Asked("tracking", "updates of freshness that moved no index", ("pawl", "unwatched.hot"), None,
          None, None, ""),
    Asked("tracking", "upsert of 1,000 rows, tracked, all are looked at", ("pawl", "watched.many.ratio"),
          None, "<=", 2, "times"),
    Asked("tracking", "upsert of 1,000 rows", ("pawl", "watched.many.with_ms"),
          ("pawl", "watched.many.without_ms"), None, None, "ms"),
    Asked("tracking", "upsert of 1,000 rows, what tracking adds", ("pawl", "watched.many.added_ms"),
          None, "<", 10, "ms"),
    Asked("tracking", "commit of one row, tracked, all are looked at", ("pawl", "watched.single.ratio"),
          None, "<=", 1.3, "times"),
    Asked("tracking", "commit of one row", ("pawl", "watched.single.with_ms"),
          ("pawl", "watched.single.without_ms"), None, None, "ms"),
    Asked("tracking", "commit of one row, in one message", ("pawl", "watched.message.with_ms"),
          ("pawl", "watched.message.without_ms"), None, None, "ms"),
    Asked("tracking", "updates of freshness that moved no index", ("pawl", "watched.hot"), None,
          None, None, ""),
    Asked("tracking", "upsert of 1,000 rows, the same, and a session listens", ("pawl", "heard.many.ratio"),
          None, "<=", 2, "times"),
    Asked("tracking", "commit of one row, the same, and a session listens", ("pawl", "heard.single.ratio"),
          None, "<=", 1.3, "times"),
    Asked("tracking", "commit of one row", ("pawl", "heard.single.with_ms"),
          ("pawl", "heard.single.without_ms"), None, None, "ms"),
    Asked("tracking", "commit of one row, with a trigger that only tells", ("pawl", "told.single.ratio"),
          None, None, None, "times"),
    Asked("pickup", "pick-up p50 against the floor", ("pawl", P50), ("floor", P50),
          "<=", 2, "ms"),
    Asked("pickup", "pick-up p99 against the floor", ("pawl", P99), ("floor", P99),
          "<=", 4, "ms"),
    Asked("pickup", "pick-up p50 against graphile-worker", ("pawl", P50), ("graphile", P50),
          "<", 1, "ms"),
    Asked("storm", "storm with the ledger against no trigger", ("pawl", "ledger.tps"),
          ("pawl", "none.tps"), ">=", 0.75, "tps"),
    Asked("storm", "storm, a transaction in one message", ("pawl_together", "ledger.tps"),
          ("pawl_together", "none.tps"), None, None, "tps"),
    Asked("storm", "storm deadlocks with the ledger", ("pawl", "ledger.deadlocks"), None,
          "==", 0, ""),
    Asked("idle", "idle queries a second", ("pawl", "queries_per_second"), None, "<", 1, "/s"),
    Asked("idle", "idle resident memory", ("pawl", "resident_mb"), None, "<", 20, "MB"),
    Asked("idle", "idle CPU", ("pawl", "cpu_percent"), None, "<", 0.1, "%"),
    Asked("dispatch", "insert to request p50 against the floor", ("pawl", P50), ("floor", P50),
          "<=", 2.5, "ms"),
    Asked("dispatch", "insert to request p99 against the floor", ("pawl", P99), ("floor", P99),
          "<=", 5, "ms"),
    Asked("dispatch", "insert to request p50 against graphile-worker", ("pawl", P50),
          ("graphile", P50), "<", 1, "ms"),
    Asked("dispatch", "p50 beside a target that hangs, against without", ("pawl_hanging", P50),
          ("pawl", P50), "<=", 1.1, "ms"),
    Asked("dispatch_burst", "burst of 20,000 tasks to one receiver", ("pawl", "posts_per_second"),
          None, ">=", 5000, "posts/s"),
    Asked("dispatch_burst", "burst against graphile-worker", ("pawl", "posts_per_second"),
          ("graphile", "posts_per_second"), None, None, "posts/s"),
    Asked("dispatch_burst", "burst, tasks lost", ("pawl", "lost"), None, "==", 0, ""),
    Asked("dispatch_burst", "burst, requests too many", ("pawl", "repeated"), None, "==", 0, ""),
    Asked("dispatch_burst", "burst, counters exact", ("pawl", "counters_exact"), None, "==", 1, ""),
    Asked("dispatch_burst", "burst with two nodes killed, tasks lost", ("pawl_killed", "lost"), None,
          "==", 0, ""),
    Asked("dispatch_burst", "burst with two nodes killed, requests sent again",
          ("pawl_killed", "repeated"), None, None, None, ""),
    Asked("dispatch_burst", "burst with two nodes killed, counters exact",
          ("pawl_killed", "counters_exact"), None, "==", 1, ""),
    Asked("freshness", "subscribe to refresh p50 against the floor", ("pawl", P50), ("floor", P50),
          "<=", 3, "ms"),
    Asked("freshness", "subscribe to refresh p99 against the floor", ("pawl", P99), ("floor", P99),
          None, None, "ms"),
    Asked("freshness", "expiry to refresh p99", ("pawl_due", "single.p99_ms"), None, "<", 100, "ms"),
    Asked("freshness", "expiry to refresh p50", ("pawl_due", "single.p50_ms"), None, None, None,
          "ms"),
    Asked("freshness", "expiry of 1,000 keys at once to refresh p99", ("pawl_due", "batch.p99_ms"),
          None, "<", 100, "ms"),
    Asked("freshness_idle", "1,000,000 subscriptions, idle queries a second",
          ("pawl", "queries_per_second"), None, "<", 1, "/s"),
    Asked("freshness_idle", "1,000,000 subscriptions, scans of them while idle",
          ("pawl", "scans_of_subscriptions"), None, "==", 0, ""),
    Asked("freshness_idle", "1,000,000 subscriptions, entries of them read while idle",
          ("pawl", "entries_read_of_subscriptions"), None, "==", 0, ""),
    Asked("freshness_idle", "10,000 keys due at once, until the last is claimed",
          ("pawl", "due.last_ms"), None, "<", 2000, "ms"),
    Asked("freshness_idle", "10,000 keys due at once, refreshes too many",
          ("pawl", "due.repeated"), None, "==", 0, ""),
    Asked("freshness_idle", "10,000 keys due at once, scans of subscriptions",
          ("pawl", "due.scans_of_subscriptions"), None, "==", 0, ""),
    Asked("freshness_cost", "subscribe to a fresh watched key, 8 clients",
          ("pawl", "subscribes_per_second"), None, None, None, "tps"),
    Asked("freshness_cost", "heartbeat, 8 clients", ("pawl", "heartbeats_per_second"), None, None,
          None, "tps"),
    Asked("freshness_cost", "drain of 20,000 refreshes against plain tasks",
          ("pawl", "refresh.tasks_per_second"), ("pawl", "plain.tasks_per_second"), None, None,
          "tasks/s"),
    Asked("freshness_cost", "server CPU a refresh against a plain task",
          ("pawl", "refresh.server_cpu_us_per_task"), ("pawl", "plain.server_cpu_us_per_task"),
          None, None, "us"),
    Asked("freshness_cost", "WAL a refresh against a plain task",
          ("pawl", "refresh.wal_bytes_per_task"), ("pawl", "plain.wal_bytes_per_task"), None, None,
          "bytes"),
    Asked("crawl", "crawl of a tree against wget -r", ("pawl", PAGES_RATE), ("wget", PAGES_RATE),
          ">=", 4, "pages/s"),
    Asked("crawl", "crawl of a tree against wget -r into memory", ("pawl", PAGES_RATE),
          ("wget_memory", PAGES_RATE), ">=", 4, "pages/s"),
    Asked("crawl", "crawl of a tree, rows against wget's files", ("pawl", "pages"),
          ("wget", "pages"), "==", 1, "pages"),
    Asked("crawl", "crawl of a tree, pages and counters exact", ("pawl", "is_exact"), None,
          "==", 1, ""),
    Asked("crawl", "crawl of the manual against wget -r", ("pawl_manual", PAGES_RATE),
          ("wget_manual", PAGES_RATE), ">=", 4, "pages/s"),
    Asked("crawl", "crawl of the manual against wget -r into memory", ("pawl_manual", PAGES_RATE),
          ("wget_manual_memory", PAGES_RATE), ">=", 4, "pages/s"),
    Asked("crawl", "crawl of the manual, rows against wget's files", ("pawl_manual", "pages"),
          ("wget_manual", "pages"), "==", 1, "pages"),
    Asked("crawl", "crawl of the manual, pages and counters exact", ("pawl_manual", "is_exact"),
          None, "==", 1, ""),
    Asked("crawl_hosts", "crawl of 20 hosts with 50 ms", ("pawl", PAGES_RATE), None,
          ">=", 1500, "pages/s"),
    Asked("crawl_hosts", "crawl of 20 hosts, pages and counters exact", ("pawl", "is_exact"), None,
          "==", 1, ""),
    Asked("crawl_links", "rows written for known links", ("pawl", "extra_rows"), None,
          "==", 0, ""),
    Asked("crawl_links", "rows for better links beside the priorities",
          ("pawl", "extra_rows_beside_raised"), None, "==", 0, ""),
    Asked("crawl_pace", "polite crawl against what 20 hosts allow", ("pawl", "requests_per_second"),
          ("pawl", "allowed_per_second"), ">=", 0.98, "requests/s"),
    Asked("crawl_pace", "polite crawl, share of the slowest host", ("pawl", "least_share"), None,
          ">=", 0.98, ""),
    Asked("crawl_pace", "polite crawl, requests too many", ("pawl", "requests_too_many"), None,
          "==", 0, ""),
    Asked("crawl_memory", "crawl of 1,000,000 pages, peak resident memory",
          ("pawl", "peak_resident_mb"), None, "<", 150, "MB"),
    Asked("crawl_memory", "crawl of 1,000,000 pages", ("pawl", PAGES_RATE), None, None, None,
          "pages/s"),
    Asked("crawl_memory", "crawl of 1,000,000 pages, all and counters exact", ("pawl", "is_exact"),
          None, "==", 1, ""),
)



def farthest(numbers):
    return max(numbers, key=abs)


# Any one sample that is wrong makes these wrong: no median excuses a deadlock or a lost count.
WORST = {"counters_exact": min, "ledger.deadlocks": max, "is_exact": min, "extra_rows": farthest,
         "extra_rows_beside_raised": farthest, "lost": farthest, "repeated": max}


def read_samples(path):
    """{figure: {contender: {run: sample}}}"""
    samples = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            figure, contender, run, text = line.rstrip("\n").split("\t", 3)
            try:
                sample = json.loads(text)
            except ValueError:
                print(f"bench: {figure} ({contender}) printed no JSON: {text[:80]}", file=sys.stderr)
                continue
            samples.setdefault(figure, {}).setdefault(contender, {})[int(run)] = sample
    return samples


def number_at(sample, path):
    for key in path.split("."):
        sample = sample[key]
    return float(sample)


def numbers_of(samples, figure, source):
    """{run: number} of a contender; empty when a sample lacks the key."""
    contender, path = source
    try:
        found = samples.get(figure, {}).get(contender, {})
        return {run: number_at(sample, path) for run, sample in found.items()}
    except (KeyError, TypeError, ValueError):
        return {}


def summarise(numbers, path):
    return WORST.get(path, statistics.median)(numbers.values()) if numbers else None


def ratios_of(values, bases):
    return {run: values[run] / bases[run] for run in values if bases.get(run)}


def judge(samples, asked):
    values = numbers_of(samples, asked.figure, asked.value)
    bases = numbers_of(samples, asked.figure, asked.base) if asked.base else {}
    ratios = ratios_of(values, bases)
    compared_runs = ratios if asked.base else values
    row = {"figure": asked.figure, "title": asked.title, "unit": asked.unit,
           "value": summarise(values, asked.value[1]), "runs": len(values),
           "base": summarise(bases, asked.base[1]) if asked.base else None,
           "ratio": statistics.median(ratios.values()) if ratios else None,
           "range": [min(compared_runs.values()), max(compared_runs.values())]
                    if compared_runs else None,
           "comparison": asked.comparison, "asked": asked.limit}
    compared = row["ratio"] if asked.base else row["value"]
    if compared is None:
        return row | {"verdict": "not measured"}
    if not asked.comparison:
        return row | {"verdict": "-"}
    is_met, *each_is_met = (COMPARISONS[asked.comparison](number, asked.limit)
                            for number in (compared, *row["range"]))
    return row | {"verdict": "met" if is_met else "missed",
                  "is_steady": all(each == is_met for each in each_is_met)}


def shown(number):
    if number is None:
        return "-"
    if number == int(number) or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3f}"


def shown_range(row):
    return "-" if row["range"] is None else " to ".join(map(shown, row["range"]))


def print_table(rows):
    head = ("figure", "measured", "against", "unit", "ratio", "of the runs", "asked", "verdict")
    lines = [head]
    for row in rows:
        lines.append((row["title"], shown(row["value"]), shown(row["base"]), row["unit"],
                      "-" if row["ratio"] is None else f"{row['ratio']:.2f}", shown_range(row),
                      f"{row['comparison']} {row['asked']:g}" if row["comparison"] else "-",
                      row["verdict"] + ("" if row.get("is_steady", True) else " (unsteady)")))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [cell.ljust(width) if column in (0, 3, 7) else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def machine():
    return {"cores": os.cpu_count(), "system": platform.platform()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", required=True)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()

    samples = read_samples(options.samples)
    asked = [a for a in ASKED
             if a.figure in options.names and (options.peers or not a.needs_peers())]
    rows = [judge(samples, a) for a in asked]
    print_table(rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(), "figures": rows, "samples": samples}, file, indent=2)
            file.write("\n")
    return 1 if any(row["verdict"] == "not measured" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
