#!/usr/bin/python3
"""Every order of the steps of two sessions, for each race of races.py; called by tests/race/run.

    orders/run.py FIRST [RACE...]    TAP lines, numbered from FIRST on; no race named: all
    orders/run.py --list             the races, and how many lines each gives

Each race must hold in all its orders, and each of its variants, which leaves out one thing in the
SQL, must fail in one of them: that is how we know that the thing is needed and would be missed.

    ORDERS_ALL=1       without the bounds on switches; takes long
    ORDERS_STORIES=1   tells in which order each variant fails
"""
import os
import re
import sys

import adoption
import freshness
import gates
import races
import tracking
from explorer import Explorer, value

RACES = races.RACES + freshness.RACES + adoption.RACES + tracking.RACES


class Functions:
    """Pawl's functions as they are, and as a race needs them."""

    def __init__(self, connection):
        self.connection = connection
        rows = connection.exec_(gates.all_functions.encode())
        self.originals = [
            (rows.get_value(row, 1).decode(), rows.get_value(row, 2) == b"t", rows.get_value(row, 3).decode())
            for row in range(rows.ntuples)]

    def install(self, edits=()):
        """With gates, and with the edits (function, pattern, replacement) of a variant."""
        applied = set()
        for name, is_trigger, definition in self.originals:
            for edit in edits:
                function, pattern, replacement = edit
                if re.fullmatch(function, name) and re.search(pattern, definition):
                    definition = re.sub(pattern, replacement, definition)
                    applied.add(edit)
            value(self.connection, gates.with_gates(name, is_trigger, definition))
        return [f"{function} does not say: {pattern}" for function, pattern, _ in set(edits) - applied]


class Report:
    def __init__(self, number):
        self.number = number
        self.failed = 0

    def line(self, is_ok, text, detail=""):
        print(f"{'ok' if is_ok else 'not ok'} {self.number} - {text}", flush=True)
        self.number += 1
        if not is_ok:
            self.failed += 1
            self.comment(detail)

    def comment(self, text):
        print("\n".join("# " + line for line in text.split("\n")), flush=True)


def explore(explorer, race):
    """How many orders were run, and what was wrong with the last of them, at which it stops."""
    switches = sys.maxsize if race.switches is None or "ORDERS_ALL" in os.environ else race.switches
    count = 0
    for wrong in explorer.orders(race, switches):
        count += 1
        if wrong:
            return count, wrong
    return count, None


def check_race(explorer, functions, race, report):
    functions.install()
    count, wrong = explore(explorer, race)
    bound = "" if race.switches is None or "ORDERS_ALL" in os.environ else f" of at most {race.switches} switches"
    report.line(not wrong, f"{race.name}, every order ({count} orders{bound})", f"{race.guards}\n{wrong}")
    for what, edits in race.variants.items():
        missing = functions.install(edits)
        count, wrong = explore(explorer, race) if not missing else (0, None)
        report.line(wrong, f"{race.name}, {what}: fails as it must", "\n".join(missing) or f"all {count} orders hold")
        if wrong and "ORDERS_STORIES" in os.environ:
            report.comment(wrong)


def main(arguments):
    if arguments == ["--list"]:
        for race in RACES:
            print(race.name, 1 + len(race.variants))
        return 0
    report = Report(int(arguments[0]))
    explorer = Explorer()
    functions = Functions(explorer.control)
    for race in RACES:
        if len(arguments) == 1 or race.name in arguments[1:]:
            check_race(explorer, functions, race, report)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
