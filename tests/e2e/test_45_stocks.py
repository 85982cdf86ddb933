"""The stock dashboard, end to end: examples/stocks with its schema, two nodes, and the provider's own log as the truth.
Guards I4, I5, I6, I7, I11."""
import json
import random
import subprocess
import threading
import time

import psycopg
import pytest

from program import PAWL
from server import clean_environment
from stocks import (EXAMPLE, close_market, define, load, market, markets, most_in_any, node, open_market, overlapping,  # noqa: F401
                    put_price, state, states, subscribe, symbols, wait_fresh, wait_state, why)
from waiting import until


class Active:
    """Looks again and again, while a story runs, at which refreshes of one (type, key) there are at once; database away or not."""

    def __init__(self, db):
        self.db, self.samples, self.busy, self.doubles = db, 0, 0, []
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True)

    def _run(self):
        connection = None
        while not self._stop.wait(0.02):
            try:
                if connection is None or connection.closed:
                    connection = self.db.connect()
                rows = connection.execute("""
                  select j.data_type, t.key, count(*)
                  from pawl.tasks t join pawl.jobs j on j.id = t.job_id
                  where t.status < 'completed' and j.data_type is not null
                  group by 1, 2""").fetchall()
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                continue
            self.samples += 1
            self.busy += bool(rows)
            self.doubles += [row for row in rows if row[2] > 1]
        if connection is not None:
            connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(30)
        if kind is None:
            assert self.doubles == [] and self.busy >= 3, f"{self.doubles}; {self.busy} of {self.samples} samples saw refreshes"


# ---- the story ----

def test_a_day_at_the_dashboard(db, market, node):
    """Viewers come, look and go; what they look at is refreshed, each key once for all of them, and nothing else."""
    node(db), node(db)
    define(db, "price", ttl="2 s")
    open_market(db)
    listener = db.connect()
    listener.execute("listen pawl_refreshed")
    heard = []
    listener.add_notify_handler(lambda message: heard.append(json.loads(message.payload)))

    def has_heard(type, key):
        listener.execute("select")
        return any(message["type"] == type and key in (message["keys"] or []) for message in heard)

    # nobody looks: nothing is asked
    assert db.value("select count(*) from pawl.tasks") == 0 and market.came() == []
    # absent data is stale, the profile comes first; five viewers cause one call each
    for viewer in "abcde":
        subscribe(db, "price", ["AAPL", "MSFT"], viewer)
    subscribe(db, "market", [""], "a")
    until(lambda: has_heard("price", "AAPL") and has_heard("price", "MSFT") and has_heard("market", ""), 20, lambda: f"word: {heard}")
    assert db.rows("select symbol, price > 0 from stocks.prices order by 1") == [("AAPL", True), ("MSFT", True)]
    assert db.rows("select is_open from stocks.market_status") == [(True,)]
    assert sorted(market.keys("profiles")) == ["AAPL", "MSFT"], "once, for all"
    # stale again, and again, as long as somebody looks
    until(lambda: market.keys("prices").count("AAPL") >= 3, 20, "it is refreshed while somebody looks")
    began = [call.began for call in market.came("prices", "AAPL")]
    assert all(after - before > 1.9 for before, after in zip(began, began[1:])), f"not before it is stale: {began}"
    # a symbol that does not exist: empty is an answer too, and is believed
    subscribe(db, "price", ["XNONE"], "a")
    until(lambda: db.rows("select type, outcome from pawl.freshness where key = 'XNONE' order by 1") == [("price", "empty"), ("profile", "empty")],
          20, lambda: db.rows("select type, outcome, error from pawl.freshness where key = 'XNONE'"))
    # they leave: the last one ends demand
    for viewer in "abcd":
        db.rows("select pawl.unsubscribe(null, null, %s)", viewer)
    asked = len(market.came("prices", "AAPL"))
    until(lambda: len(market.came("prices", "AAPL")) > asked, 20, "one is left")
    # and who says nothing any more is gone too
    subscribe(db, "price", ["AAPL", "MSFT"], "e", ttl="1 s")
    until(lambda: db.value("select count(*) from pawl.subscriptions") == 0, 20, "he is not heard of")
    until(lambda: states(db, "price") == {"unwatched": 2, "fresh": 1} and not sum(market.here.values()), 20, lambda: states(db, "price"))
    asked = len(market.came())
    assert db.rows("select is_watched, check_at from pawl.freshness where type = 'price' and key <> 'XNONE'") == [(False, None)] * 2
    time.sleep(2.5)
    assert len(market.came()) == asked and market.keys("prices").count("XNONE") == 1, "nobody looks, nothing is asked"
    assert db.value("select count(*) from pawl.tasks where status not in ('completed', 'cancelled')") == 0
    assert {call.status for call in market.came()} == {200, 404} and overlapping(market.came()) == []
    listener.close()


# ---- budgets ----

@pytest.mark.parametrize("calls, window, seconds", [(30, 3, 16), (300, 60, 75)], ids=["30 in 3 s", "300 a minute, for 75 s"])
def test_the_budget_of_calls_holds_in_any_window(db, markets, node, calls, window, seconds):
    """Over two nodes that are asked for much more. The provider counts for itself, and refuses what is too much."""
    market = markets(calls=calls, window=window, seconds=0.02)
    load(db, market)
    db.rows("select pawl.set_limit('quotes', p_window_ms => %s, p_max_calls => %s)", window * 1000, calls)
    define(db, "price", ttl=f"{max(1, window // 4)} s"), define(db, "profile", ttl=f"{max(1, window // 4)} s")
    node(db), node(db)
    subscribe(db, "price", symbols(calls), ttl="1 day")
    until(lambda: market.came(), 20, "the first call")
    end = market.came()[0].began + seconds
    until(lambda: time.monotonic() > end, seconds + 5, "a while")
    log = [call for call in market.came() if call.began < end]
    assert {call.status for call in log} == {200}, "the provider refuses none"
    assert most_in_any(window, [call.began for call in log]) == calls, "the budget holds, and is used"
    assert len(log) >= calls * (1 + seconds // (window * 1.2)), "each window's"
    assert db.value("select count(distinct node_id) from pawl.tasks where status = 'completed'") == 2
    waiting = db.value("select key from pawl.freshness where type = 'price' and task_id is not null limit 1")
    db.rows("delete from pawl.subscriptions")


def test_the_budget_of_bytes_is_set_aside_and_settled(db, market, node):
    """40,000 bytes of which 8,000 are set aside for each call: five may be under way, and many more fit when it is known
    that they took less."""
    db.rows("select pawl.set_limit('quotes', p_bytes_window_ms => 600000, p_max_bytes => 40000, p_estimated_bytes => 8000)")
    may_answer, sizes = threading.Event(), random.Random(45)
    market.hold = lambda what, key: may_answer.wait(60)
    keys = symbols(60)
    for key in keys:
        market.answers["profiles", key] = (200, {"name": key, "about": "x" * sizes.randrange(100, 4000)})
    node(db), node(db)
    subscribe(db, "profile", keys)
    until(lambda: sum(market.here.values()) == 5, 20, "five are under way")
    job = db.value("select job_id from pawl.data_types where name = 'profile'")
    until(lambda: "bytes in 600 s" in str(db.json("why", job)), 20, lambda: db.json("why", job))
    assert sum(market.here.values()) == 5 and db.value("select count(*) from pawl.tasks where status = 'running'") == 5
    may_answer.set()

    def spent():
        return db.value("select sum(b)::bigint from pawl.limiters, unnest(spent_bytes) b where key = 'kind:quotes'")

    def counted():
        return sum(call.bytes for call in market.came())

    until(lambda: spent() == counted() > 32000 and db.value("select count(*) from pawl.tasks where status = 'running'") == 0, 20,
          lambda: f"it is used, and both counted the same: {spent()} {counted()}")
    assert counted() <= 40000 and len(market.came()) > 10, "each in full, none estimated"
    assert states(db, "profile") == {"fresh": len(market.came()), "queued": 60 - len(market.came())}
    assert "bytes" in str(db.json("why", job))
    db.pawl("limit", "set", "quotes", "--max-bytes", 1000000)
    wait_fresh(db, "profile", 60)


def test_the_budget_of_bytes_holds_in_any_window(db, market, node):
    db.rows("select pawl.set_limit('quotes', p_bytes_window_ms => 2000, p_max_bytes => 40000, p_estimated_bytes => 5000)")
    define(db, "profile", ttl="1 s")
    sizes = random.Random(46)
    for key in symbols(60):
        market.answers["profiles", key] = (200, {"name": key, "about": "x" * sizes.randrange(100, 4500)})
    node(db), node(db)
    subscribe(db, "profile", symbols(60))
    until(lambda: len(market.came()) > 80, 30, lambda: len(market.came()))
    log = market.came()
    most = most_in_any(2, [call.began for call in log], [call.bytes for call in log])
    assert 25000 < most <= 40000, "the budget holds, and is used"


# ---- gates ----

def test_a_closed_gate_holds_data_back_until_it_opens(db, market, node):
    define(db, "price", parents=[])
    node(db)
    put_price(db, "OLD", "1 hour"), put_price(db, "NEW", "0")
    open_market(db, "now() + interval '3 s'")
    subscribe(db, "price", ["OLD", "NEW", "MISSING"])
    wait_state(db, "price", "MISSING", "fresh")
    assert market.keys("prices") == ["MISSING"], "missing data passes a closed gate, other data does not"
    assert state(db, "price", "OLD") == "gate" and state(db, "price", "NEW") == "fresh"
    assert db.rows("select waits_until = opens_at, wait_reason from pawl.freshness, stocks.market_calendar where key = 'OLD'") == [(True, "gate")]
    assert "gate" in str(why(db, "price", "OLD")), why(db, "price", "OLD")
    wait_state(db, "price", "OLD", "fresh")
    assert db.value("select refreshed_at >= opens_at from pawl.freshness, stocks.market_calendar where key = 'OLD'"), "not before it opens"
    assert market.keys("prices") == ["MISSING", "OLD"]


@pytest.mark.parametrize("gate", ["no calendar", "it raises", "it is gone"])
def test_a_gate_that_nobody_knows_is_open(db, market, node, gate):
    define(db, "price", parents=[])
    if gate == "it raises":
        db.rows("create or replace function stocks.closed_until(p_symbol text) returns timestamptz language plpgsql as $$ begin raise 'no luck'; end $$")
    elif gate == "it is gone":
        db.rows("drop function stocks.closed_until(text)")
    node(db)
    put_price(db, "OLD", "1 hour")
    subscribe(db, "price", ["OLD"])
    wait_state(db, "price", "OLD", "fresh")
    assert market.keys("prices") == ["OLD"]


def test_data_that_is_too_old_passes_a_closed_gate(db, market, node):
    define(db, "price", parents=[], max_age="1 hour", ttl="1 minute")
    node(db)
    put_price(db, "OLD", "2 hours"), put_price(db, "SOON", "59 minutes 57 s"), put_price(db, "NEW", "50 minutes")
    close_market(db)
    subscribe(db, "price", ["OLD", "SOON", "NEW"])
    wait_state(db, "price", "OLD", "fresh")
    wait_state(db, "price", "SOON", "fresh")
    assert state(db, "price", "NEW") == "gate"
    assert market.keys("prices") == ["OLD", "SOON"], "each when it was too old"
    assert db.value("select refreshed_at - source_at < interval '1 minute' from pawl.freshness where key = 'SOON'"), "with what the provider has"


# ---- parents ----

def test_parents_come_before_children(db, market, node):
    """Per key, in the provider's log; and a parent that fails keeps its child, and no other, waiting."""
    bad = "S007"
    market.answers["profiles", bad] = (400, {"error": "not now"})
    define(db, "profile", retry_base="1 s", retry_cap="1 s")
    node(db), node(db)
    subscribe(db, "price", symbols(40))
    until(lambda: states(db, "price") == {"fresh": 39, "parent": 1}, 20, lambda: states(db, "price"))
    for key in symbols(40):
        profile, price = market.came("profiles", key), market.came("prices", key)
        assert len(price) == (key != bad) and all(profile[0].ended < call.began for call in price), key
    assert len(market.came("profiles")) == 39 + len(market.came("profiles", bad)), "one call serves all who wait for it"
    said = str(why(db, "price", bad))
    assert "profile" in said and "parent" in said, said
    until(lambda: (db.value("select error from pawl.freshness where type = 'profile' and key = %s", bad) or "").startswith("HTTP 400"), 20, "it says so")
    until(lambda: len(market.came("profiles", bad)) >= 3, 20, "it is tried again")
    assert market.came("prices", bad) == []
    del market.answers["profiles", bad]
    wait_fresh(db, "price", 40)
    (price,) = market.came("prices", bad)
    assert market.came("profiles", bad)[-1].ended < price.began and overlapping(market.came()) == []


# ---- the provider is down ----

def test_a_provider_that_is_down_and_comes_back(db, markets, node):
    """Its breaker opens, all wait and say why, and once it is back all are refreshed: none is stranded."""
    market = markets()
    load(db, market)
    db.rows("""select pawl.define_kind('quotes', p_options =>
      '{"form": "fetch", "authorization": "env:QUOTES_KEY", "allow_private": true, "breaker_failures": 3, "breaker_pause_ms": 200}',
      p_backoff_base_ms => 100, p_backoff_cap_ms => 500)""")
    define(db, "price", ttl="2 s", retry_base="1 s", retry_cap="2 s"), define(db, "profile", retry_base="1 s", retry_cap="2 s")
    node(db), node(db)
    subscribe(db, "price", symbols(40))
    wait_fresh(db, "price", 40)
    market.is_down = True
    until(lambda: db.value("select count(*) from pawl.breakers where state = 'open'"), 20, "its breaker opens")
    until(lambda: db.value("select count(*) from pawl.freshness where type = 'price' and stale_at < now()") == 40, 20, "all are stale")
    until(lambda: db.value("select probes from pawl.breakers") >= 2, 20, "it is tried again")
    job = db.value("select job_id from pawl.data_types where name = 'price'")
    until(lambda: "is down" in str(db.json("why", job)), 20, lambda: db.json("why", job))
    waiting = db.value("select key from pawl.freshness f where type = 'price' and pawl.freshness_state(f) = 'queued' limit 1")
    assert "is down" in str(why(db, "price", waiting)), why(db, "price", waiting)
    failed = [call for call in market.came() if call.status == 503]
    assert len(failed) <= 40 + db.value("select probes from pawl.breakers"), "all at once at worst, and nobody again and again"
    # harder: nobody listens, and then somebody new
    market.stop()
    opened = db.value("select openings + probes from pawl.breakers")
    until(lambda: db.value("select openings + probes from pawl.breakers") >= opened + 1, 20, "it is tried again")
    subscribe(db, "price", symbols(10, "NEW"), "late")
    down, back = db.value("select clock_timestamp()"), markets(port=market.port)
    until(lambda: db.value("select count(*) from pawl.freshness where type = 'price' and refreshed_at > %s", down) == 50, 40,
          lambda: f"all are refreshed: {states(db, 'price')} {db.rows('select * from pawl.breakers')}")
    assert db.value("select state from pawl.breakers") == "closed"
    assert {call.key for call in back.came("prices") if call.status == 200} == {*symbols(40), *symbols(10, "NEW")}
    assert overlapping(market.came()) == [] == overlapping(back.came())


def test_a_key_that_fails_is_put_off_longer_each_time(db, market, node):
    """And no other is."""
    market.answers["profiles", "BAD"] = (400, {"error": "never"})
    define(db, "profile", ttl="1 s", retry_base="1 s", retry_cap="4 s")
    node(db)
    subscribe(db, "profile", ["BAD", "GOOD"])
    until(lambda: len(market.came("profiles", "BAD")) == 4, 30, "four calls")
    began = [call.began for call in market.came("profiles", "BAD")]
    gaps = [after - before for before, after in zip(began, began[1:])]
    assert all(gap > least for gap, least in zip(gaps, (0.5, 1, 2))), gaps
    until(lambda: state(db, "profile", "BAD") == "retry" and "HTTP 400" in str(why(db, "profile", "BAD")), 20, lambda: why(db, "profile", "BAD"))
    assert len(market.came("profiles", "GOOD")) >= 3
    del market.answers["profiles", "BAD"]
    wait_state(db, "profile", "BAD", "fresh")
    assert db.value("select failures from pawl.freshness where key = 'BAD'") == 0


# ---- many at once ----

def test_sixteen_producers_and_no_duplicate(databases, own_servers, markets, node):
    """They subscribe, leave, ask and write, several keys in a transaction in any order, for the same 50 keys."""
    db, market = databases(own_servers()), markets(seconds=0.01)
    load(db, market)
    db.rows("select pawl.set_limit('quotes', p_window_ms => 60000, p_max_calls => 1000000)")
    define(db, "price", ttl="1 s"), define(db, "profile", ttl="2 s")
    db.rows("select pawl.track('price'), pawl.track('profile')")
    node(db), node(db)
    keys, failed, done = symbols(50), [], threading.Event()
    rounds = [0] * 16

    def act(connection, number, chance):
        """One transaction."""
        isolation = chance.choice(["read committed"] * 4 + ["repeatable read", "serializable"])
        holder, written = f"producer {number}", []
        with connection.transaction():
            connection.execute(f"set transaction isolation level {isolation}")
            for key in chance.sample(keys, chance.randrange(2, 9)):
                type, what = chance.choice(["price", "profile"]), chance.randrange(6)
                if what <= 1:
                    connection.execute("select pawl.subscribe(%s, %s, %s, '5 s')", (type, key, holder))
                elif what == 2:
                    connection.execute("select pawl.unsubscribe(%s, %s, %s)", (type, key, holder))
                elif what == 3:
                    connection.execute("select pawl.request_refresh(%s, %s, %s)", (type, key, chance.randrange(100)))
                elif what == 4:
                    connection.execute("select pawl.check_stale(%s)", (key,))
                else:
                    written.append(key)
            for key in sorted(written):  # theirs: two who write one row wait for each other
                if chance.random() < 0.2:
                    connection.execute("delete from stocks.prices where symbol = %s", (key,))
                else:
                    connection.execute("""insert into stocks.prices values (%s, 1, 'USD', now() - interval '1 minute', now())
                                          on conflict (symbol) do update set written_at = excluded.written_at""", (key,))
            if chance.random() < 0.1:
                raise psycopg.Rollback

    def produce(number):
        chance = random.Random(number)
        connection = db.connect()
        try:
            while not done.is_set():
                try:
                    act(connection, number, chance)
                    rounds[number] += 1
                except psycopg.errors.SerializationFailure:
                    pass  # as whoever asks for such an isolation expects
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    producers = [threading.Thread(target=produce, args=[number], daemon=True) for number in range(16)]
    with Active(db):
        for producer in producers:
            producer.start()
        time.sleep(12)
        done.set()
        for producer in producers:
            producer.join(20)
    assert failed == [] and not any(producer.is_alive() for producer in producers), failed
    assert min(rounds) > 10, rounds
    assert db.value("select deadlocks from pg_stat_database where datname = current_database()") == 0
    assert db.rows("select trigger_name, code, error from pawl.trigger_errors limit 3") == []
    # who is left is served, and it ends
    subscribe(db, "price", keys, "the last")
    began = time.monotonic()
    until(lambda: {call.key for call in market.came("prices") if call.began > began} == set(keys), 30,
          lambda: [why(db, "price", key) for key in set(keys) - {call.key for call in market.came("prices") if call.began > began}])
    db.rows("select pawl.unsubscribe(null, null, 'the last')")
    until(lambda: db.value("select count(*) from pawl.freshness f where f.check_at is not null") == 0, 30,
          lambda: db.rows("select type, pawl.freshness_state(f), count(*) from pawl.freshness f where check_at is not null group by 1, 2"))
    assert db.value("select count(*) from pawl.tasks where status < 'completed'") == 0 == db.value("select count(*) from pawl.looks")
    assert overlapping(market.came()) == [], "no key is asked for twice at once"
    assert len(market.came()) > 200
    until(lambda: db.value("select count(*) from pawl.progress_deltas") == 0, 10, "the ledger is folded")
    db.assert_exact()


# ---- kill -9 ----

def test_a_node_that_is_killed_in_the_middle(db, markets, node):
    market, may_answer = markets(seconds=0.05), threading.Event()
    load(db, market)
    may_answer.set()
    market.hold = lambda what, key: may_answer.wait(60)
    nodes = [node(db, "--slots", "20") for _ in range(2)]
    with Active(db):
        subscribe(db, "price", symbols(120))
        until(lambda: len(market.came()) > 30, 20, "refreshes are under way")
        may_answer.clear()
        until(lambda: db.value("select count(*) from pawl.tasks t join pawl.nodes n on n.id = t.node_id where t.status = 'running' and n.name like %s",
                               f"%:{nodes[0].pid}") >= 3 and db.value("select count(*) from pawl.tasks where status = 'running'") == sum(market.here.values()),
              20, "it waits for answers")
        nodes[0].kill()
        may_answer.set()
        wait_fresh(db, "price", 120, seconds=60)
    assert db.value("select count(*) from pawl.attempts where error_class = 'lost'") >= 3
    assert overlapping(market.came()) == [], "what it had is asked for again, and not twice at once"
    assert db.value("select count(*) from stocks.prices") == 120 == db.value("select count(*) from stocks.profiles")


def test_a_postgresql_that_is_killed_in_the_middle(databases, own_servers, markets, node):
    server, market = own_servers(), markets(seconds=0.05)
    db = databases(server)
    load(db, market)
    serving = [node(db, "--slots", "20") for _ in range(2)]
    with Active(db):
        subscribe(db, "price", symbols(120))
        until(lambda: len(market.came()) > 60, 20, "refreshes are under way")
        server.kill()
        server.start()
        wait_fresh(db, "price", 120, seconds=60)
    assert overlapping(market.came()) == [] and all(one.is_running() for one in serving)
    assert db.value("select count(*) from stocks.prices") == 120 == db.value("select count(*) from stocks.profiles")


# ---- the example ----

def test_the_example_runs():
    """As its README says; shortened."""
    done = subprocess.run([EXAMPLE / "run", "20"], capture_output=True, text=True, timeout=120, env=clean_environment(PAWL=PAWL))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "" and "Ada: S001 " in done.stdout and "price XNONE (fresh)" in done.stdout, done.stdout
    assert "refused as too many: 0" in done.stdout and "the provider goes down" in done.stdout, done.stdout
