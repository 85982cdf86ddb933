"""The stock dashboard of examples/stocks, in a story's hand: its schema in a database, its provider in this process, and
what a provider's log says. A story that imports the names of the fixtures has them."""
import collections
import importlib.util
import pathlib
import subprocess

import pytest

from server import clean_environment, programs
from waiting import until

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "stocks"
# not by the name provider, which is another's here
_specification = importlib.util.spec_from_file_location("stocks_provider", EXAMPLE / "provider.py")
_module = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_module)
Provider = _module.Provider

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


# ---- fixtures ----

@pytest.fixture
def markets():
    made = []

    def make(**options):
        made.append(Market(**options).start())
        return made[-1]

    yield make
    for market in made:
        market.stop()


@pytest.fixture
def market(markets, db):
    made = markets()
    load(db, made)
    return made


@pytest.fixture
def node(launch):
    def start(db, *words):
        started = launch("serve", "--db", db.url, *words, QUOTES_KEY=KEY)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s and dead_at is null", f"%:{started.pid}"),
              20, lambda: "the node serves: " + started.said())
        return started
    return start


# ---- what a story says and asks ----

def symbols(count, prefix="S"):
    return [f"{prefix}{n:03}" for n in range(count)]


def subscribe(db, type, keys, holder="a viewer", ttl="1 hour"):
    db.rows("select pawl.subscribe(%s, %s::text[], %s, %s)", type, list(keys), holder, ttl)


def define(db, type, **more):
    names = "".join(f", p_{name} => %s" for name in more)
    db.rows(f"select pawl.define_data_type(%s{names})", type, *more.values())


def states(db, type):
    return dict(db.rows("select pawl.freshness_state(f), count(*) from pawl.freshness f where f.type = %s group by 1", type))


def state(db, type, key):
    return db.value("select pawl.freshness_state(f) from pawl.freshness f where f.type = %s and f.key = %s", type, key)


def wait_state(db, type, key, wanted, seconds=20):
    until(lambda: state(db, type, key) == wanted, seconds, lambda: f"{type} {key} is {wanted}: {why(db, type, key)}")


def wait_fresh(db, type, count, seconds=30):
    until(lambda: states(db, type) == {"fresh": count}, seconds, lambda: f"{count} of {type} are fresh: {states(db, type)}")


def why(db, type, key):
    return db.value("select pawl.explain_freshness(%s, %s)", type, key)


def open_market(db, at="now()"):
    """From then on, for an hour; before then it is closed."""
    db.rows(f"delete from stocks.market_calendar; insert into stocks.market_calendar values ({at}, {at} + interval '1 hour')")


def close_market(db):
    open_market(db, "now() + interval '1 day'")


def put_price(db, key, age):
    db.rows("insert into stocks.prices values (%s, 1, 'USD', now() - %s::interval, now() - %s::interval)", key, age, age)
