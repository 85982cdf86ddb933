"""The faults of the system that freshness replaces, each as it showed there, on the stock dashboard. Guards I4, I5, I6, I11."""
import random
import threading
import time

import psycopg
import pytest

from stocks import (Market, define, load, market, markets, node, open_market, overlapping, put_price, state, states, subscribe,  # noqa: F401
                    symbols, wait_fresh, wait_state, why)
from waiting import until

PATIENCE_SECONDS = 10  # of what was late by minutes


def test_no_longer_polls_every_minute(databases, own_servers, markets, node):
    """While nothing is due nothing is asked, neither the provider nor the database; when the moment comes it is there."""
    server = own_servers(log_statement="all", log_line_prefix="%a of %d: ")
    db, market = databases(server), markets()
    load(db, market)
    define(db, "profile", ttl="14 s")
    node(db), node(db)
    subscribe(db, "profile", symbols(20))
    wait_fresh(db, "profile", 20)
    due_at = db.value("select min(due_at) from pawl.freshness")
    db.wait_asleep(2)

    def said():
        with open(server.log, errors="replace") as log:
            return [line for line in log if line.startswith("pawl ") and f" of {db.name}: LOG:" in line]

    time.sleep(1)
    before, began = said(), time.monotonic()
    time.sleep(10)
    idle, seconds = said()[len(before):], time.monotonic() - began
    assert db.value("select clock_timestamp() < %s", due_at), "this machine is too slow for the story"
    assert len(idle) < 2 * seconds, f"less than one statement a second and node, heartbeats included: {idle}"
    assert len([line for line in idle if "refresh_due" in line]) <= 2, f"the sweep's: {idle}"
    assert len(market.came()) == 20
    until(lambda: len(market.came()) == 40, PATIENCE_SECONDS + 5, "each is refreshed when it is stale")
    until(lambda: db.value("select min(refreshed_at) from pawl.freshness") > due_at, 5, "that is noted")
    db.assert_never_swept()


def test_no_longer_queries_all_subscriptions_each_time(databases, own_servers, markets, node):
    """5,000 subscriptions that nothing happens to are not read, whatever happens to others."""
    db, market = databases(own_servers()), markets()
    load(db, market)
    define(db, "price", parents=[], ttl="1 hour")
    for key in symbols(500):
        put_price(db, key, "0")
    db.rows("""select pawl.subscribe('price', array(select 'S' || lpad(((h * 5 + i) % 500)::text, 3, '0') from generate_series(1, 5) i), 'holder ' || h, '1 day')
               from generate_series(1, 1000) h""")
    db.rows("analyze pawl.subscriptions")
    assert db.value("select count(*) from pawl.subscriptions") == 5000
    node(db)
    db.wait_asleep()

    def read():
        db.rows("select pg_stat_force_next_flush()")
        return db.rows("""select seq_scan, coalesce(idx_tup_fetch, 0), (select sum(idx_tup_read)::bigint from pg_stat_user_indexes x where x.relid = t.relid)
                          from pg_stat_user_tables t where relid = 'pawl.subscriptions'::regclass""")[0]

    def settled():
        before = read()
        time.sleep(1.2)
        return before == read()

    until(settled, 20, "the statistics have come")
    before = read()
    # a day's life of twenty others
    for n in range(20):
        subscribe(db, "price", [f"N{n}"], f"guest {n}", ttl="2 s" if n % 2 else "1 hour")
    until(lambda: db.value("select count(*) from pawl.freshness f where f.key like 'N%%' and f.refreshed_at is not null") == 20, 20, "they are served")
    for h in range(1, 101):
        db.rows("select pawl.heartbeat(%s)", f"holder {h}")
    for n in range(0, 20, 2):
        db.rows("select pawl.unsubscribe(null, null, %s)", f"guest {n}")
    until(lambda: db.value("select count(*) from pawl.freshness f where f.key like 'N%%' and f.is_watched") == 0, 20, "all have gone")
    until(settled, 20, "the statistics have come")
    after = read()
    assert after[0] == before[0], "it was never read from end to end"
    assert after[1] - before[1] < 1000 and after[2] - before[2] < 1000, f"{before} {after}: only what concerns these twenty"
    assert db.value("select count(*) from pawl.subscriptions") == 5000 and len(market.came("prices")) == 20


def test_no_longer_picks_jobs_up_minutes_late(db, market, node):
    """Not after its time is over, and not after somebody came: by what each refresh says of itself."""
    define(db, "profile", ttl="1 hour")
    keys = symbols(60)
    for n, key in enumerate(keys):
        db.rows("select pawl.set_key_ttl('profile', %s, %s)", key, f"{1 + n % 5} s")
    node(db), node(db)
    db.wait_asleep(2)
    subscribe(db, "profile", keys[:50])
    until(lambda: db.value("select min(refreshes) from pawl.freshness") >= 3, 30, lambda: db.rows("select key, refreshes from pawl.freshness order by 2 limit 3"))
    for key in keys[50:]:
        before = time.monotonic()
        subscribe(db, "profile", [key], f"viewer of {key}")
        until(lambda: market.came("profiles", key), PATIENCE_SECONDS, "the first viewer is served")
        assert time.monotonic() - before < PATIENCE_SECONDS
    late = db.value("select max(extract(epoch from started_at - (payload ->> 'stale_since')::timestamptz)) from pawl.tasks where started_at is not null")
    assert 0 <= late < PATIENCE_SECONDS, late
    began = {key: [call.began for call in market.came("profiles", key)] for key in keys[:50]}
    for n, key in enumerate(keys[:50]):
        gaps = [after - before for before, after in zip(began[key], began[key][1:])]
        assert all(gap > 0.99 * (1 + n % 5) for gap in gaps), f"{key}: nor too early: {gaps}"
    db.assert_never_swept()


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_no_longer_makes_duplicate_jobs_by_check_then_insert(db, market, node, isolation):
    """Sixteen have all seen that there is no job before one of them asks for it."""
    have_checked, failed = threading.Barrier(16), []

    def produce(number):
        connection = db.connect()
        try:
            for round in range(5):
                key = f"R{round}"
                for attempt in range(50):
                    try:
                        with connection.transaction():
                            connection.execute(f"set transaction isolation level {isolation}")
                            seen = connection.execute("select count(*) from pawl.tasks where key = %s", (key,)).fetchone()[0]
                            if attempt == 0:
                                have_checked.wait(30)
                                assert seen == 0
                            if number % 3 == 0:
                                connection.execute("select pawl.subscribe('profile', %s, %s)", (key, f"producer {number}"))
                            elif number % 3 == 1:
                                connection.execute("select pawl.request_refresh('profile', %s)", (key,))
                            else:
                                connection.execute("select pawl.check_stale(%s, '{profile}')", (key,))
                        break
                    except psycopg.errors.SerializationFailure:
                        pass
                else:
                    raise AssertionError(f"{number} is never let through")
                have_checked.wait(30)
        except Exception as error:
            failed.append(error)
            have_checked.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=produce, args=[number], daemon=True) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == [] and not any(thread.is_alive() for thread in threads)
    db.rows("select pawl.refresh_due()")
    assert db.rows("select key, count(*) from pawl.tasks group by 1 order by 1") == [(f"R{round}", 1) for round in range(5)]
    node(db)
    wait_fresh(db, "profile", 5)
    assert sorted(market.keys("profiles")) == [f"R{round}" for round in range(5)]
    assert db.value("select count(*) from pawl.looks") == 0
    assert db.value("select deadlocks from pg_stat_database where datname = current_database()") == 0


def test_no_longer_leaves_rows_that_are_missing(db, market, node):
    """A row that is not there is older than any: at the first look, after it was deleted, and when there was none before."""
    open_market(db)
    define(db, "price", parents=[], ttl="1 hour", empty_ttl="2 s")
    put_price(db, "KNOWN", "0")
    node(db)
    subscribe(db, "price", ["KNOWN", "NEW", "XLATER"])
    wait_state(db, "price", "NEW", "fresh")
    assert market.came("prices", "KNOWN") == []
    # somebody deletes what was fresh
    db.rows("delete from stocks.prices where symbol in ('KNOWN', 'NEW')")
    assert db.rows("select is_stale, state from pawl.check_stale('KNOWN', '{price}')") == [(True, "queued")]
    db.rows("select pawl.unsubscribe('price', 'NEW', 'a viewer')")
    until(lambda: not db.value("select is_watched from pawl.freshness where key = 'NEW'"), 20, "nobody looks")
    subscribe(db, "price", ["NEW"], "another viewer")
    until(lambda: db.value("select count(*) from stocks.prices") == 2, 20, "both are there again")
    assert market.keys("prices").count("KNOWN") == 1 and market.keys("prices").count("NEW") == 2
    # what the provider does not know yet is asked for again, but not all the time
    until(lambda: len(market.came("prices", "XLATER")) >= 2, 20, "again")
    first, second = [call.began for call in market.came("prices", "XLATER")][:2]
    assert second - first > 1.9
    market.answers["prices", "XLATER"] = (200, {"symbol": "XLATER", "price": 1, "currency": "USD", "traded_at": "2026-01-01T00:00:00Z"})
    until(lambda: db.value("select price from stocks.prices where symbol = 'XLATER'") == 1, 20, "it is there")


def test_no_longer_leaves_rows_that_somebody_deletes(db, market, node):
    """While somebody looks, the table itself tells (pawl.track): also of rows that others write, which need no call then."""
    open_market(db)
    define(db, "price", parents=[], ttl="1 hour")
    db.rows("select pawl.track('price')")
    node(db), node(db)
    keys = symbols(40)
    subscribe(db, "price", keys)
    wait_fresh(db, "price", 40)
    db.wait_asleep(2)
    db.rows("delete from stocks.prices where symbol < 'S020'")
    until(lambda: len(market.came("prices")) == 60 and db.value("select count(*) from stocks.prices") == 40, 20, lambda: states(db, "price"))
    db.rows("truncate stocks.prices")
    until(lambda: len(market.came("prices")) == 100 and db.value("select count(*) from stocks.prices") == 40, 20, lambda: states(db, "price"))
    wait_fresh(db, "price", 40)
    # somebody brings in data by himself
    db.rows("select pawl.define_data_type('price', p_ttl => '4 seconds')")
    until(lambda: db.value("select max(due_at) - clock_timestamp() < '1.5 seconds' from pawl.freshness"), 20, "it is stale soon")
    asked, brought = len(market.came()), db.value("select clock_timestamp()")
    db.rows("update stocks.prices set written_at = now()")
    assert db.value("select bool_and(refreshed_at >= %s) from pawl.freshness", brought), "fresh from then on"
    until(lambda: len(market.came()) > asked, 20, "until its time is over")
    assert db.value("select clock_timestamp() - %s > '3.9 seconds'", brought)
    assert overlapping(market.came()) == [] == db.rows("select trigger_name, code, error from pawl.trigger_errors")


def test_no_longer_refreshes_one_stale_row_among_many_for_ever(db, market, node):
    """It took any old row of a key for the key's state, and asked again at once when an answer changed nothing."""
    db.rows("""
      create table stocks.trades (id bigint generated always as identity, symbol text not null, written_at timestamptz not null);
      create index on stocks.trades (symbol, written_at);
      insert into stocks.trades (symbol, written_at) select 'S' || lpad(k::text, 3, '0'), now() - d * interval '1 day' from generate_series(0, 9) k, generate_series(0, 99) d;
      create function stocks.save_nothing(p_symbol text, p_status integer, p_headers jsonb, p_body jsonb) returns jsonb language sql as $$ select null::jsonb $$;
      create function stocks.stale_long_ago(p_symbol text, p_source_at timestamptz, p_refreshed_at timestamptz) returns timestamptz language sql as
        $$ select now() - interval '1 year' $$;
      select pawl.define_data_type('trade', 'quotes', '1 hour', p_table => 'stocks.trades', p_key_column => 'symbol', p_time_column => 'written_at',
        p_fetch_path => '/prices/{key}', p_save_function => 'stocks.save_nothing');
      select pawl.define_data_type('stuck', 'quotes', '2 seconds', p_table => 'stocks.prices', p_key_column => 'symbol', p_time_column => 'written_at',
        p_fetch_path => '/profiles/{key}', p_save_function => 'stocks.save_nothing');
      select pawl.define_data_type('long ago', 'quotes', '2 seconds', p_due_function => 'stocks.stale_long_ago',
        p_fetch_path => '/profiles/{key}', p_save_function => 'stocks.save_nothing')""")
    put_price(db, "STUCK", "1 year")
    define(db, "profile", ttl="1 s")
    node(db)
    subscribe(db, "trade", symbols(10)), subscribe(db, "stuck", ["STUCK"]), subscribe(db, "long ago", ["AGO"]), subscribe(db, "profile", ["GOOD"])
    until(lambda: len(market.came("profiles", "GOOD")) >= 6, 30, "another goes on")
    assert market.came("prices") == [], "the newest row counts, not the 99 that are older"
    for key in ("STUCK", "AGO"):
        began = [call.began for call in market.came("profiles", key)]
        assert 2 <= len(began) <= 5 and all(after - before > 1.9 for before, after in zip(began, began[1:])), f"{key}: once in its time: {began}"
    assert db.rows("select outcome, stale_at > outcome_at from pawl.freshness where key = 'STUCK'") == [("unchanged", True)]


def test_no_longer_takes_a_quota_that_is_null_for_none(db, market, node):
    """It is refused wherever it is given, and what was set before holds."""
    db.rows("create table stocks.contracts (provider text, calls bigint, bytes bigint); insert into stocks.contracts values ('quotes', null, null)")
    db.rows("select pawl.set_limit('quotes', p_window_ms => 600000, p_max_calls => 5)")
    for statement, said in [
            ("select pawl.set_limit('printer', p_window_ms => 60000, p_max_calls => c.calls) from stocks.contracts c", "budget"),
            ("select pawl.set_limit('printer', p_bytes_window_ms => 60000, p_max_bytes => c.bytes, p_estimated_bytes => 100) from stocks.contracts c", "budget"),
            ("select pawl.set_limit('printer', p_max_calls => c.calls) from stocks.contracts c", "no limit is given"),
            ("select pawl.define_data_type('price', p_budget => jsonb_build_object('calls', c.calls, 'window', '1 minute')) from stocks.contracts c", "null"),
            ("select pawl.define_data_type('price', p_budget => '{\"bytes\": null}')", "null"),
            ("update pawl.limiters l set max_calls = c.calls from stocks.contracts c where l.key = 'kind:quotes'", "budget"),
            ("update pawl.limiters l set window_ms = null where l.key = 'kind:quotes'", "budget"),
            ("insert into pawl.limiters (key, window_ms, max_calls) select 'mine', 60000, c.calls from stocks.contracts c", "budget")]:
        db.rows("select pawl.define_kind('printer', 'noop')")
        with pytest.raises(psycopg.Error) as refused:
            db.rows(statement)
        assert said in str(refused.value), f"{statement}: {refused.value}"
    db.rows("select pawl.set_limit('quotes', p_max_calls => c.calls) from stocks.contracts c")  # "as it is"
    node(db)
    subscribe(db, "profile", symbols(20))
    job = db.value("select job_id from pawl.data_types where name = 'profile'")
    until(lambda: "5 calls in 600 s" in str(db.json("why", job)), 20, lambda: db.json("why", job))
    until(lambda: states(db, "profile") == {"fresh": 5, "queued": 15}, 20, lambda: states(db, "profile"))
    assert len(market.came()) == 5
    # one that is lost all the same stops what it limits
    with db.connect() as connection:
        connection.execute("set session_replication_role = replica")  # somebody deletes it by force
        connection.execute("delete from pawl.limiters where key = 'kind:quotes'")
    time.sleep(1)
    assert len(market.came()) == 5
    until(lambda: "does not exist" in str(db.json("why", job)), 20, lambda: db.json("why", job))


def running(db):
    return db.value("select count(*) from pawl.tasks where status = 'running'")


def test_no_longer_strands_claimed_jobs_at_a_rate_limit(db, markets, node):
    """Of 175 the provider takes 50, and refuses 125: none of those stays claimed, others go on meanwhile, and all are done."""
    market = markets(calls=50, window=3)
    load(db, market)
    db.rows("select pawl.set_limit('quotes', p_max_calls => 0, p_max_bytes => 0)")  # nobody has told Pawl of it
    node(db), node(db)
    subscribe(db, "profile", symbols(175))
    until(lambda: len([call for call in market.came() if call.status == 429]) >= 125, 20, "125 are refused")
    until(lambda: running(db) == 0, 20, lambda: f"none is claimed: {running(db)} are, {sum(market.here.values())} are at the provider")
    assert len({call.key for call in market.came() if call.status == 200}) < 175
    until(lambda: db.rows("select distinct wait_reason, due_at < now() + interval '10 s' from pawl.tasks where status = 'waiting'") == [("retry", True)],
          20, "those wait to be tried again")
    task = db.rows("select job_id, id from pawl.tasks where status = 'waiting' order by due_at desc limit 1")[0]
    assert "429" in str(db.json("why", "%s/%s" % task))
    subscribe(db, "market", [""])
    wait_state(db, "market", "", "fresh")
    wait_fresh(db, "profile", 175, seconds=60)
    assert db.value("select count(*) from pawl.attempts where error_class = 'lost'") == 0 == running(db)


def test_no_longer_claims_what_a_limit_does_not_let_start(db, market, node):
    """A limit that Pawl knows: what cannot start is not claimed, so that there is nothing to be stranded."""
    db.rows("select pawl.set_limit('quotes', p_window_ms => 2000, p_max_calls => 20)")
    market.hold = lambda what, key: time.sleep(0.2)
    node(db), node(db)
    claimed = []
    subscribe(db, "profile", symbols(125))
    until(lambda: claimed.append(running(db)) or states(db, "profile") == {"fresh": 125}, 60, lambda: states(db, "profile"))
    assert max(claimed) == 20
    assert len(market.came()) == 125 and overlapping(market.came()) == []


def test_no_longer_needs_three_subscription_designs(db, market, node):
    """Rows of a table that the web server writes, a session table with JSON that nobody may put a trigger on, and calls with
    heartbeats: one demand, one refresh a key, and it ends with the last of them."""
    define(db, "price", parents=[], ttl="1 s")
    db.rows("""
      create table stocks.watch_lists (account bigint, symbol text, primary key (account, symbol));
      create table stocks.sessions (id uuid primary key, show jsonb);
      create index on stocks.watch_lists (account);
      select pawl.adopt_subscriptions('stocks.watch_lists', 'price', 'new.symbol', 'new.account');
      select pawl.adopt_subscriptions('stocks.sessions', 'price', $$jsonb_array_elements_text(show -> 'symbols')$$, 'id', p_mode => 'sweep', p_every => '1 s')""")
    node(db), node(db)
    everybody = symbols(10)
    db.rows("insert into stocks.watch_lists select a, s from generate_series(1, 5) a, unnest(%s::text[]) s", everybody)
    db.rows("insert into stocks.sessions select gen_random_uuid(), jsonb_build_object('symbols', %s::text[]) from generate_series(1, 5)", everybody)
    for viewer in range(5):
        subscribe(db, "price", everybody, f"viewer {viewer}")
    until(lambda: db.value("select count(*) from pawl.subscriptions") == 150, 20, lambda: db.json("subscription", "adoptions"))
    until(lambda: all(len(market.came("prices", key)) >= 3 for key in everybody), 30, "all are refreshed again and again")
    assert overlapping(market.came()) == []
    for key in everybody:
        began = [call.began for call in market.came("prices", key)]
        assert all(after - before > 0.99 for before, after in zip(began, began[1:])), f"{key}: once for all fifteen: {began}"
    assert db.value("select sum(viewers)::integer from pawl.freshness_by_type where type = 'price'") == 150

    def goes_on():
        asked = len(market.came("prices", "S000"))
        until(lambda: len(market.came("prices", "S000")) > asked, 20, "somebody is left")

    for leave in ("delete from stocks.watch_lists", "select pawl.unsubscribe(null, null, 'viewer ' || v) from generate_series(0, 4) v"):
        goes_on()
        db.rows(leave)
    goes_on()
    db.rows("delete from stocks.sessions")
    until(lambda: db.value("select count(*) from pawl.freshness f where f.type = 'price' and f.is_watched") == 0, 20, "nobody is left")
    until(lambda: sum(market.here.values()) == 0 == db.value("select count(*) from pawl.tasks where status < 'completed'"), 20, "what was under way has ended")
    asked = len(market.came())
    time.sleep(2.5)
    assert len(market.came()) == asked and db.value("select count(*) from pawl.subscriptions") == 0
