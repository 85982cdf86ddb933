#!/usr/bin/python3
"""One sample of a figure of dispatch, for bench/run: prints one JSON object.

    PAWL=build/pawl bench/dispatch.py FIGURE CONTENDER --db URL --work FOLDER --tool build/bench/dispatch_tool

The database must be there and migrated, for the contender graphile by graphile-worker. What each figure means stands in README.md beside this; dispatch_tool.c
enqueues and receives, the node here is what is measured.
"""
import argparse
import functools
import json
import pathlib
import signal
import subprocess
import sys

from stage import Stage
from waiting import end_with_us, until

BURST = 20000
HANGING = 1000
KILLED_AT = (0.25, 0.6)  # of the burst's tasks, by their outcomes
DEADLINE_S = 280


class Tool:
    """dispatch_tool while it runs."""

    def __init__(self, options, *words):
        self.process = subprocess.Popen(
            [options.tool, "--db", options.db, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True, preexec_fn=functools.partial(end_with_us, signal.SIGKILL))

    def result(self):
        out, _ = self.process.communicate(timeout=DEADLINE_S)
        assert self.process.returncode == 0, f"dispatch_tool ended with {self.process.returncode}"
        return json.loads(out)


def measure_latency(stage, options, *words):
    stage.start_node()
    return Tool(options, *words).result()


class Graphile:
    """graphile-worker with a handler that sends the request, ended with the sample."""

    def __init__(self, options):
        script = pathlib.Path(__file__).parent / "peers" / "graphile.mjs"
        self.process = subprocess.Popen(["node", script, "post", "--db", options.db], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True,
                                        preexec_fn=functools.partial(end_with_us, signal.SIGKILL))
        assert self.process.stdout.readline() == "ready\n", "graphile-worker did not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def measure_graphile(_, options, *words):
    with Graphile(options):
        return Tool(options, "--graphile", *words).result()


def completed(stage):
    return stage.value("select coalesce(sum(completed), 0)::bigint from pawl.job_progress")


def measure_burst(stage, options):
    stage.start_node()
    result = Tool(options, "--burst", BURST).result()
    until(lambda: completed(stage) == BURST, DEADLINE_S, "all tasks are completed")
    return {**result, "counters_exact": stage.are_counters_exact()}


def measure_killed_burst(stage, options):
    """Two nodes are killed in the middle of it, and another takes each one's place."""
    stage.start_node()
    tool = Tool(options, "--burst", BURST)
    for part in KILLED_AT:
        until(lambda: completed(stage) >= BURST * part, DEADLINE_S, "a part of the burst is done")
        stage.node.kill()
        stage.start_node()
    result = tool.result()
    until(lambda: completed(stage) == BURST, DEADLINE_S, "all tasks are completed")
    return {**result, "counters_exact": stage.are_counters_exact()}


FIGURES = {
    ("dispatch", "pawl"): measure_latency,
    ("dispatch", "pawl_hanging"): lambda stage, options: measure_latency(stage, options, "--hanging", HANGING),
    ("dispatch", "graphile"): measure_graphile,
    ("dispatch_burst", "graphile"): lambda stage, options: measure_graphile(stage, options, "--burst", BURST),
    ("dispatch_burst", "pawl"): measure_burst,
    ("dispatch_burst", "pawl_killed"): measure_killed_burst,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("figure")
    parser.add_argument("contender")
    parser.add_argument("--db", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--tool", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Stage(options.db, options.work) as stage:
        print(json.dumps(FIGURES[options.figure, options.contender](stage, options)))


if __name__ == "__main__":
    main()
