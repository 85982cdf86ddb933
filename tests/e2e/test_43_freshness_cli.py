"""What people type and see of freshness: data types are made, shown and dropped, and each key says how it stands,
why, and what happens next (I6), with a node that refreshes."""
import json

import pytest

from program import pawl
from waiting import until

SECONDS = 20


@pytest.fixture
def stocks(db):
    """A table of prices, and a SQL function that refreshes them; of BAD it knows none, and of NONE nothing comes."""
    db.rows("""
      create schema app;
      create table app.prices (symbol text primary key, price numeric not null default 1, updated_at timestamptz default clock_timestamp());
      create table app.gate (closed_until timestamptz);
      create function app.refresh(p jsonb) returns jsonb language plpgsql as $$
      begin
        if p ->> 'key' = 'BAD' then
          raise exception 'the provider knows no %', p ->> 'key';
        elsif p ->> 'key' <> 'NONE' then
          insert into app.prices (symbol) values (p ->> 'key')
          on conflict (symbol) do update set price = app.prices.price + 1, updated_at = clock_timestamp();
        end if;
        return null;
      end $$;
      create function app.market(key text) returns timestamptz language sql as $$ select closed_until from app.gate $$;
      create function app.noon(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz
        language sql as $$ select date_trunc('day', refreshed_at) + interval '36 hours' $$;
      insert into app.prices values ('OLD', 1, now() - interval '1 hour'), ('NEW', 1, now())""")
    db.kind("provider", "sql", "app.refresh", max_attempts=1)
    db.pawl("data-type", "set", "price", "--kind", "provider", "--ttl", "5m", "--table", "app.prices",
            "--key-column", "symbol", "--time-column", "updated_at", "--retry-base", "1h", "--retry-cap", "1h")
    return db


def subscribe(db, *keys, kind="price", holder="anna"):
    db.rows("select pawl.subscribe(%s, %s::text[], %s, '1 hour')", kind, list(keys), holder)


def state(db, key, kind="price"):
    return db.json("freshness", "show", kind, key)["state"]


def until_state(db, key, expected, kind="price"):
    until(lambda: state(db, key, kind) == expected, SECONDS, lambda: f"{key} is {expected}: {db.pawl('freshness', 'show', kind, key).stdout}")


def test_data_types(stocks):
    """Set, changed, shown, listed and dropped; every option arrives."""
    db = stocks
    said = db.pawl("data-type", "set", "profile", "--kind", "provider", "--ttl", "1d", "--parent", "price", "--empty-ttl", "6h",
                   "--max-age", "2d", "--retry-base", "5s", "--retry-cap", "10m", "--gate-function", "app.market",
                   "--max-running", 5, "--pace", 2, "--max-calls", 300, "--window", "1m", "--budget",
                   '{"bytes": 20000000000, "bytes_window": "30 days", "estimated_bytes": 1000}').stdout
    assert said == "data type profile: stale after 1 d, refreshed by kind provider\n"
    shown = db.json("data-type", "show", "profile")
    assert {name: shown[name] for name in ("type", "kind", "ttl_seconds", "empty_ttl_seconds", "max_age_seconds", "retry_base_seconds",
                                           "retry_cap_seconds", "gate_function", "parents", "strategy", "is_global")} == {
        "type": "profile", "kind": "provider", "ttl_seconds": 86400, "empty_ttl_seconds": 21600, "max_age_seconds": 172800,
        "retry_base_seconds": 5, "retry_cap_seconds": 600, "gate_function": "app.market(text)", "parents": ["price"],
        "strategy": "on_demand", "is_global": False}
    assert shown["budget"] == {"max_running": 5, "start_interval_ms": 500, "max_calls": 300, "window_ms": 60000, "max_bytes": 20000000000,
                               "bytes_window_ms": 2592000000, "estimated_bytes": 1000}
    for line in ("fresh for            1 d", "parents              price", "5 at once, 2.0/s, 300 calls in 1 min, 19 GiB in 30 d"):
        assert line in db.pawl("data-type", "show", "profile").stdout

    changed = db.json("data-type", "set", "profile", "--parent", "", "--max-age", "0s", "--gate-function", "", "--max-calls", 0, "--due-function", "app.noon")
    assert (changed["parents"], changed["max_age_seconds"], changed["gate_function"], changed["ttl_seconds"]) == ([], None, None, 86400)
    assert "max_calls" not in changed["budget"] and changed["budget"]["max_bytes"] == 20000000000
    changed = db.json("data-type", "set", "profile", "--max-bytes", 5000000, "--bytes-window", "7d", "--estimated-bytes", 2000, "--budget", '{"bytes": 1}')
    assert {name: changed["budget"][name] for name in ("max_bytes", "bytes_window_ms", "estimated_bytes")} == {
        "max_bytes": 5000000, "bytes_window_ms": 604800000, "estimated_bytes": 2000}
    said = db.pawl("data-type", "set", "digest", "--kind", "provider", "--cron", "0 18 * * 1-5", "--time-zone", "europe/berlin", "--global").stdout
    assert said == "data type digest: stale at 0 18 * * 1-5 Europe/Berlin, refreshed by kind provider\n"
    db.pawl("data-type", "set", "pages", "--kind", "provider", "--strategy", "scheduled", "--spread", "1d")
    table = db.pawl("data-type", "list").stdout
    assert [line.split()[0] for line in table.splitlines()] == ["TYPE", "digest", "pages", "price", "profile"]
    assert "once in 1 d" in table and "after 5 min" in table and "when app.noon(text," in table
    assert [row["type"] for row in db.json("data-type", "list")] == ["digest", "pages", "price", "profile"]

    assert db.pawl("data-type", "drop", "profile").stdout == "data type profile is dropped; its data stays\n"
    assert db.json("data-type", "drop", "pages") == {"type": "pages", "dropped": True}
    assert [row["type"] for row in db.json("data-type", "list")] == ["digest", "price"]


# Words behind "pawl"; exit code; what the message says.
BAD = [
    (["data-type", "set", "x"], 3, ['data type "x" needs a kind', "--kind"]),
    (["data-type", "set", "x", "--kind", "provider"], 3, ["needs a time for which its data is fresh", "--ttl"]),
    (["data-type", "set", "x", "--kind", "nobody", "--ttl", "1m"], 3, ['kind "nobody" does not exist']),
    (["data-type", "set", "", "--kind", "provider", "--ttl", "1m"], 3, ["the name of a data type"]),
    (["data-type", "set", "price", "--ttl", "soon"], 2, ["--ttl takes a time as 30s, 90m, 6h, 2d or 1w, not \"soon\""]),
    (["data-type", "set", "price", "--empty-ttl", "-5m"], 2, ["--empty-ttl takes a time"]),
    (["data-type", "set", "price", "--max-age", "1"], 2, ["--max-age takes a time"]),
    (["data-type", "set", "price", "--retry-base", "x"], 2, ["--retry-base takes a time"]),
    (["data-type", "set", "price", "--retry-cap", "x"], 2, ["--retry-cap takes a time"]),
    (["data-type", "set", "price", "--retry-base", "2h"], 3, ["p_retry_base is out of range", "p_retry_cap"]),
    (["data-type", "set", "price", "--spread", "x"], 2, ["--spread takes a time"]),
    (["data-type", "set", "price", "--table", "app.nothing"], 3, ["table app.nothing does not exist", "--table", "public.prices"]),
    (["data-type", "set", "price", "--key-column", "ticker"], 3, ['no column "ticker"', "symbol, price, updated_at"]),
    (["data-type", "set", "price", "--time-column", "price"], 3, ['column "price"', "not a time"]),
    (["data-type", "set", "price", "--global"], 3, ["is global, and has a key column"]),
    (["data-type", "set", "price", "--global", "--no-global"], 2, ["--global and --no-global contradict each other"]),
    (["data-type", "set", "price", "--due-function", "app.nothing"], 3, ["function app.nothing(text,timestamp with time zone,timestamp with time zone) does not exist"]),
    (["data-type", "set", "price", "--gate-function", "app.nothing"], 3, ["function app.nothing(text) does not exist", "(key text) returns timestamptz"]),
    (["data-type", "set", "price", "--strategy", "often"], 2, ["--strategy takes no \"often\"", "on_demand scheduled"]),
    (["data-type", "set", "price", "--strategy", "scheduled"], 3, ["needs one of p_cron and p_spread"]),
    (["data-type", "set", "price", "--strategy", "scheduled", "--cron", "often"], 3, ["often"]),
    (["data-type", "set", "price", "--strategy", "scheduled", "--cron", "0 1 * * *", "--time-zone", "Nowhere"], 3, ["time zone 'Nowhere' is not known"]),
    (["data-type", "set", "price", "--parent", "nobody"], 3, ['data type "nobody" does not exist']),
    (["data-type", "set", "price", "--parent", "price"], 3, ["would wait for itself"]),
    (["data-type", "set", "price", "--parent", "\udcff"], 2, ["--parent takes text in UTF-8"]),
    (["data-type", "set", "price", "--fetch-path", "/{key}"], 3, ["does not have the form fetch", "--fetch-path \"\" --save-function \"\""]),
    (["data-type", "set", "price", "--save-function", "app.save"], 3, ["does not have the form fetch"]),
    (["data-type", "set", "price", "--max-running", "some"], 2, ["--max-running takes a whole number"]),
    (["data-type", "set", "price", "--pace", "fast"], 2, ["--pace takes a number"]),
    (["data-type", "set", "price", "--max-calls", "5"], 3, ["window"]),
    (["data-type", "set", "price", "--window", "5"], 2, ["--window takes a time"]),
    (["data-type", "set", "price", "--max-bytes", "5", "--window", "1m"], 3, ["estimated"]),
    (["data-type", "set", "price", "--bytes-window", "5"], 2, ["--bytes-window takes a time"]),
    (["data-type", "set", "price", "--estimated-bytes", "0"], 2, ["--estimated-bytes takes a number between 1"]),
    (["data-type", "set", "price", "--budget", "[1]"], 2, ["--budget takes a JSON object", "window"]),
    (["data-type", "set", "price", "--budget", "{calls"], 2, ["--budget is no JSON"]),
    (["data-type", "set", "price", "--budget", '{"calls": null}'], 3, ["calls: null", "Null is no limit that anybody could keep"]),
    (["data-type", "show", "nothing"], 3, ['data type "nothing" does not exist', "pawl data-type list"]),
    (["data-type", "drop", "nothing"], 3, ['data type "nothing" does not exist']),
    (["data-type", "track", "nothing"], 3, ['data type "nothing" does not exist']),
    (["data-type", "track", "bare"], 3, ['data type "bare" has no table', "--table"]),
    (["data-type", "untrack", "nothing"], 3, ['data type "nothing" does not exist']),
    (["data-type", "set-ttl", "price", "OLD"], 2, ["needs an argument: TTL"]),
    (["data-type", "set-ttl", "price", "OLD", "long"], 2, ["TTL is a time as 30s, 90m, 6h, 2d or 1w, or default, not \"long\""]),
    (["data-type", "set-ttl", "price", "OLD", "0s"], 3, ["p_ttl is out of range"]),
    (["data-type", "set-ttl", "nothing", "OLD", "1m"], 3, ['data type "nothing" does not exist']),
    (["data-tpye", "list"], 2, ["Did you mean: pawl data-type"]),
    (["freshness", "status", "nothing"], 3, ['data type "nothing" does not exist']),
    (["freshness", "show", "price"], 3, ["a key of data type", "from 1 to 500 characters"]),
    (["freshness", "show", "nothing", "OLD"], 3, ['data type "nothing" does not exist']),
    (["freshness", "list", "nothing"], 3, ['data type "nothing" does not exist']),
    (["freshness", "list", "price", "--state", "late"], 2, ["--state takes no \"late\"", "unwatched"]),
    (["freshness", "list", "price", "--limit", "0"], 2, ["--limit takes a number between 1"]),
    (["freshness", "request", "price"], 3, ["a key of data type"]),
    (["freshness", "request", "price", "OLD", "--priority", "high"], 2, ["--priority takes a number"]),
    (["freshness", "check", "OLD", "price", "nothing"], 3, ['data type "nothing" does not exist']),
    (["freshness", "check"], 2, ["needs an argument: KEY"]),
    (["freshness", "check", "OLD", "\udcff"], 2, ["TYPE takes text in UTF-8"]),
    (["freshness"], 2, ['"freshness" needs a verb']),
]


def test_bad_input(stocks):
    """Said in words, as docs/exit-codes.md has it, and nothing has changed."""
    unchanged = "select (select jsonb_agg(to_jsonb(d)) from pawl.data_types d), (select count(*) from pawl.freshness), (select count(*) from pawl.limiters)"
    stocks.pawl("data-type", "set", "bare", "--kind", "provider", "--ttl", "1m")
    before = stocks.rows(unchanged)
    for words, code, parts in BAD:
        refused = stocks.pawl(*words, code=code)
        assert refused.stderr.startswith("pawl: ") and refused.stdout == "", words
        for part in parts:
            assert part in refused.stderr, f"{words}: {part!r} is not in: {refused.stderr}"
        error = json.loads(stocks.pawl(*words, "--json", code=code).stderr)["error"]
        assert error["class"] == {2: "usage", 3: "input"}[code], words
        assert stocks.rows(unchanged) == before, words


def test_a_key_says_how_it_stands(stocks, serve):
    """From unknown over queued to fresh, retry and unwatched; the list, the status and the key say the same."""
    db = stocks
    said = db.pawl("freshness", "show", "price", "OLD").stdout
    assert said.startswith("price OLD (unknown): nobody has asked for it yet; app.prices has a row of it\n"), said
    subscribe(db, "OLD", "NEW", "NONE", "BAD")
    assert state(db, "NEW") == "fresh"
    said = db.pawl("freshness", "show", "price", "OLD").stdout
    for part in ("price OLD (queued): its refresh waits: no node runs: start one with pawl serve", "looked at next when a node starts",
                 "since 55 min ago: it is fresh for 5 min after a refresh", "1 viewer (anna)", "5 min, as its type says", "app.prices has a row, written 1 h ago"):
        assert part in said, said
    task = db.json("freshness", "show", "price", "OLD")["task"]
    assert "\n  refreshes price OLD\n" in db.pawl("why", task).stdout
    assert [(row["key"], row["state"]) for row in db.json("freshness", "list", "price")] == [
        ("OLD", "queued"), ("BAD", "queued"), ("NONE", "queued"), ("NEW", "fresh")]
    assert [row["key"] for row in db.json("freshness", "list", "price", "--state", "queued", "--limit", 2)] == ["OLD", "BAD"]

    serve(db)
    until_state(db, "OLD", "fresh")
    until_state(db, "NONE", "fresh")
    until_state(db, "BAD", "retry")
    said = db.pawl("freshness", "show", "price", "BAD").stdout
    assert "price BAD (retry): its refresh is put off, since the last one failed\n" in said, said
    assert "app.prices has no row of it; the last refresh failed: the provider knows no BAD" in said, said
    status, = db.json("freshness", "status", "price")
    assert {name: status[name] for name in ("keys", "watched", "viewers", "fresh", "due", "in_retry", "refreshed", "failed", "late", "last_error_key")} == {
        "keys": 4, "watched": 4, "viewers": 4, "fresh": 3, "due": 1, "in_retry": 1, "refreshed": 2, "failed": 1, "late": 0, "last_error_key": "BAD"}
    said = db.pawl("freshness", "status").stdout
    assert said.splitlines()[0].split()[:5] == ["TYPE", "KEYS", "VIEWERS", "FRESH", "DUE"]
    assert "price: last error, of BAD, " in said and "the provider knows no BAD" in said
    db.rows("select pawl.unsubscribe('price', 'BAD', 'anna')")
    until_state(db, "BAD", "unwatched")
    assert "price BAD (unwatched): nobody wants it" in db.pawl("freshness", "show", "price", "BAD").stdout


def test_request_check_and_times(stocks, serve):
    """Asked for by hand, whoever looks; and a key with a time of its own."""
    db = stocks
    db.pawl("data-type", "set", "digest", "--kind", "provider", "--cron", "0 0 1 1 *", "--global")
    said = db.pawl("freshness", "request", "price", "NEW", "--priority", 7).stdout
    assert said == "refresh of price NEW: queued\n"
    shown = db.json("freshness", "show", "price", "NEW")
    assert (shown["is_wanted"], shown["wanted_priority"], shown["viewers"]) == (True, 7, 0)
    assert "wanted by" in db.pawl("freshness", "show", "price", "NEW").stdout
    assert db.json("freshness", "request", "digest") == {"type": "digest", "key": "", "state": "queued"}
    assert db.pawl("freshness", "show", "digest").stdout.startswith("digest (queued): its refresh waits: ")
    checked = db.json("freshness", "check", "OLD")
    assert [(row["type"], row["is_stale"], row["state"]) for row in checked] == [("price", True, "queued")]
    checked = db.json("freshness", "check", "NEW", "price", "digest")
    assert [(row["type"], row["is_stale"]) for row in checked] == [("digest", True), ("price", False)]
    assert db.pawl("freshness", "check", "NEW").stdout.splitlines()[0].split() == ["TYPE", "STALE", "SINCE", "REFRESHED", "STATE"]
    serve(db)
    until(lambda: db.rows("select symbol, price::integer from app.prices where symbol in ('NEW', 'OLD') order by 1") == [("NEW", 2), ("OLD", 2)], SECONDS,
          "both are refreshed, once")
    assert db.json("data-type", "set-ttl", "price", "NEW", "10m") == {"type": "price", "key": "NEW", "ttl_seconds": 600}
    assert "10 min, as its key says" in db.pawl("freshness", "show", "price", "NEW").stdout
    assert db.pawl("data-type", "set-ttl", "price", "NEW", "default").stdout == "price NEW is fresh for as long as its type says\n"
    assert "5 min, as its type says" in db.pawl("freshness", "show", "price", "NEW").stdout


def test_what_holds_refreshes_back(stocks, serve):
    """A budget that is spent, a gate that is closed or broken, a parent, a breaker, and a table that is gone: status says each."""
    db = stocks
    db.pawl("data-type", "set", "price", "--max-calls", 1, "--window", "1h")
    serve(db)
    subscribe(db, "OLD", "NONE")
    until(lambda: db.json("freshness", "status", "price")[0]["limits"][0]["reasons"], SECONDS, "the budget is spent")
    until(lambda: [row["state"] for row in db.json("freshness", "list", "price")] == ["queued", "fresh"], SECONDS, "one was refreshed")
    limit = db.json("freshness", "status", "price")[0]["limits"][0]
    assert (limit["limiter"], limit["spent_calls"], limit["max_calls"], limit["reasons"][0]["reason"]) == ("type:price", 1, 1, "budget")
    assert "price: limit type:price: 0 running, 1 of 1 calls in 1 h; the budget of \"type:price\" is spent" in db.pawl("freshness", "status").stdout
    waiting = db.json("freshness", "list", "price", "--state", "queued")[0]["key"]
    assert f"price {waiting} (queued): its refresh waits: the budget of" in db.pawl("freshness", "show", "price", waiting).stdout

    db.pawl("data-type", "set", "news", "--kind", "provider", "--ttl", "1h", "--parent", "price", "--gate-function", "app.market")
    db.rows("insert into app.gate values (now() + interval '3 hours')")
    db.rows("insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at) "
            "select t, 'OLD', true, now() - interval '2 hours', now() - interval '1 hour', now() - interval '1 hour' from unnest(array['news']) t")
    db.rows("update pawl.freshness set stale_at = now() + interval '1 hour', due_at = now() + interval '1 hour' where type = 'price' and key = 'OLD'")
    subscribe(db, "OLD", waiting if waiting != "OLD" else "NONE", kind="news")
    until_state(db, "OLD", "gate", "news")
    said = db.pawl("freshness", "show", "news", "OLD").stdout
    assert "news OLD (gate): its gate app.market(text) is closed\n" in said and "closed, opens in 2 h" in said, said
    assert "news: gate app.market(text) of OLD is closed, opens in 2 h" in db.pawl("freshness", "status", "news").stdout
    db.rows("alter table app.gate rename to gates")
    assert ', which counts as open: relation "app.gate" does not exist' in db.pawl("freshness", "status", "news").stdout
    subscribe(db, "CHILD", kind="news")
    until_state(db, "CHILD", "parent", "news")
    assert "news CHILD (parent): it waits for its parent price\n" in db.pawl("freshness", "show", "news", "CHILD").stdout

    db.kind("web", "http", "https://data.example/v1")
    db.pawl("data-type", "set", "quote", "--kind", "web", "--ttl", "1h")
    db.rows("insert into pawl.breakers (target, state, error, opened_at, retry_at) "
            "values ('https://data.example:443', 'open', 'connection refused', now(), now() + interval '5 minutes')")
    assert "quote: breaker of https://data.example:443 is open, since now: connection refused; tried next in 4 min" in db.pawl("freshness", "status").stdout

    db.rows("alter table app.prices rename to elsewhere")
    db.rows("update pawl.freshness set task_id = null, due_at = now(), check_at = now() where type = 'price'; select pawl.ring('fresh')")
    until(lambda: db.json("data-type", "show", "price")["problem"], SECONDS, "the type says what is wrong")
    said = db.pawl("freshness", "status", "price").stdout
    assert 'price: problem, ' in said and 'table app.prices does not exist any more, where the data of data type "price" was' in said, said
    assert "cannot be read: " in db.pawl("freshness", "show", "price", "OLD").stdout


def test_tracking(stocks):
    """Triggers on the table, put there and taken off; nobody serves, and a write is known at once."""
    db = stocks
    assert db.pawl("data-type", "track", "price").stdout == \
        "data type price is tracked: every write to app.prices moves the freshness of its keys\n"
    assert db.json("data-type", "show", "price")["is_tracked"] is True
    subscribe(db, "OLD")
    db.rows("update app.prices set updated_at = clock_timestamp() where symbol = 'OLD'")
    assert db.value("select stale_at > now() from pawl.freshness where key = 'OLD'")
    assert db.pawl("data-type", "untrack", "price").stdout == \
        "data type price is not tracked: its table is looked at when a key is due\n"
    assert db.value("select count(*) from pg_trigger where tgrelid = 'app.prices'::regclass") == 0
    assert db.json("data-type", "track", "price")["is_tracked"] is True
    assert db.json("data-type", "untrack", "price")["is_tracked"] is False


def test_nothing_is_defined(db):
    assert db.pawl("freshness", "status").stdout == "no data type is defined: pawl data-type set makes one\n"
    assert db.json("freshness", "status") == [] and db.json("data-type", "list") == []


def test_help_names_them(db):
    listed = pawl("--help").stdout
    for line in ("data-type set-ttl TYPE KEY TTL  let one key", "freshness show TYPE [KEY]    say why", "freshness check KEY [TYPE...]  say what"):
        assert line in listed
    assert "its budget: limits over all its refreshes" in pawl("data-type", "set", "--help").stdout
