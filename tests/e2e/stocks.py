"""The stock dashboard of examples/stocks, in a story's hand: its schema in a database, its provider in this process, and
what a provider's log says."""
import collections
import pathlib
import subprocess
import sys

from server import clean_environment, programs

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "stocks"
sys.path.insert(0, str(EXAMPLE))
from provider import Provider  # noqa: E402

KEY = "k-of-the-tests"
NO_LIMIT = 10 ** 9


class Market(Provider):
    """hold: called with (what, key) while the caller waits; answers: (what, key) -> (status, document), instead of what the
    provider says. here: what is being answered at this moment."""

    def __init__(self, **options):
        super().__init__(**{"key": KEY, "calls": NO_LIMIT, "seconds": 0.0, **options})
        self.hold, self.answers, self.here = lambda what, key: None, {}, collections.Counter()

    def answer(self, what, key):
        with self.lock:
            self.here[what, key] += 1
        try:
            self.hold(what, key)
            return self.answers.get((what, key)) or super().answer(what, key)
        finally:
            with self.lock:
                self.here[what, key] -= 1

    def came(self, what=None, key=None):
        """In the order in which they came."""
        with self.lock:
            calls = list(self.calls)
        return sorted(c for c in calls if what in (None, c.what) and key in (None, c.key))

    def keys(self, what):
        return [call.key for call in self.came(what)]


def load(db, market):
    """The example's schema, as its README says."""
    subprocess.run([f"{programs()}/psql", "-X", "-q", "-d", db.url, "-v", f"provider={market.url}", "-f", EXAMPLE / "schema.sql"],
                   check=True, stdout=subprocess.DEVNULL, env=clean_environment())


def most_in_any(seconds, times, amounts=None):
    """The most that any stretch of time of so many seconds holds: each call is the first of one."""
    times = sorted(zip(times, amounts or [1] * len(times)))
    most = inside = begin = 0
    for at, amount in times:
        inside += amount
        while times[begin][0] <= at - seconds:
            inside -= times[begin][1]
            begin += 1
        most = max(most, inside)
    return most


def overlapping(calls):
    """Pairs of calls for one key of which the second began before the first had its answer."""
    last, pairs = {}, []
    for call in sorted(calls):
        before = last.get((call.what, call.key))
        if before and call.began < before.ended:
            pairs.append((before, call))
        last[call.what, call.key] = max(before or call, call, key=lambda c: c.ended)
    return pairs
