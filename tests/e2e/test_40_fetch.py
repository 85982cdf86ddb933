"""Refreshes without worker code: a kind with the form fetch asks an API, a function in SQL saves what came (docs/freshness.md).
Guards I7 (effect exactly once) through kills and a database that is away, I4, and I8 (no transaction while the API takes its time)."""
import json
import pathlib
import re
import threading

import psycopg
import pytest

from provider import Provider
from waiting import until

RESCUE_SECONDS = 60

TABLE = """
create table public.prices (symbol text primary key, price numeric not null, version integer not null default 1, headers jsonb,
  updated_at timestamptz not null default now());
create function public.save_price(key text, status integer, headers jsonb, body jsonb) returns jsonb language plpgsql as $$
begin
  if body is null then
    delete from public.prices where symbol = key and status in (404, 410);
    return null;
  end if;
  insert into public.prices as p (symbol, price, headers) values (key, (body ->> 'last')::numeric, headers)
  on conflict (symbol) do update set price = excluded.price, version = p.version + 1, updated_at = now();
  perform pg_sleep(coalesce((body ->> 'sleep')::float, 0));
  if body ? 'raise' then
    raise exception '%', body ->> 'raise';
  end if;
  return '{"outcome": "data"}';
end $$;
"""
SAVERS = "from pg_stat_activity where datname = current_database() and application_name = 'pawl save'"


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.stop()


@pytest.fixture
def node(launch):
    def start(db, *words, **environment):
        started = launch("serve", "--db", db.url, *words, **environment)
        until(lambda: db.value("select count(*) from pawl.nodes where name like %s and dead_at is null", f"%:{started.pid}"), 20,
              lambda: "the node serves: " + started.said())
        return started
    return start


def define(db, provider, max_attempts=3, timeout_ms=20000, **options):
    db.rows(TABLE)
    db.rows("""select pawl.define_kind('stocks', 'http', %s, p_options => %s, p_max_attempts => %s, p_timeout_ms => %s,
                 p_backoff_base_ms => 1, p_backoff_cap_ms => 1)""", provider.url("/v1"),
            json.dumps({"form": "fetch", "allow_private": True, **options}), max_attempts, timeout_ms)
    db.rows("""select pawl.define_data_type('price', 'stocks', '1 hour', 'public.prices', 'symbol', 'updated_at',
                 p_fetch_path => '/price/{key}', p_save_function => 'public.save_price')""")


def refresh(db, *keys):
    for key in keys:
        db.rows("select pawl.request_refresh('price', %s)", key)


def outcome(db, key):
    """How the key's last refresh ended, once none is under way."""
    rows = db.rows("select outcome, error, failures from pawl.freshness where type = 'price' and key = %s and outcome is not null and task_id is null", key)
    return rows[0] if rows else None


def settled(db, key, seconds=20):
    return until(lambda: outcome(db, key), seconds, lambda: f"{key} is settled: " + str(db.rows(
        "select t.status::text, t.error, f.* from pawl.freshness f left join pawl.tasks t on t.id = f.task_id where f.key = %s", key)))


def price(db, key):
    """price and version; how often it was written"""
    rows = db.rows("select price::float, version from public.prices where symbol = %s", key)
    return rows[0] if rows else None


def attempts(db, key):
    return db.rows("""select a.error_class, a.error from pawl.attempts a join pawl.tasks t on t.id = a.task_id
                      where t.key = %s order by a.attempt""", key)


def test_the_example_of_the_manual(db, provider, node):
    manual = (pathlib.Path(__file__).parents[2] / "docs" / "freshness.md").read_text()
    example = re.search(r"## Refreshing without worker code.*?```sql\n(.*?)```", manual, re.DOTALL).group(1)
    example = example.replace("https://api.example.com/v1", provider.url("/v1")).replace('"form": "fetch"', '"form": "fetch", "allow_private": true')
    provider.answer = lambda path: '{"last": 12.5}' if "AAPL" in path else (404, {}, '{"error": "unknown symbol"}')
    db.rows("create table public.prices (symbol text primary key, price numeric not null, updated_at timestamptz not null)")
    db.rows("set search_path = public")
    db.rows(example)
    node(db, STOCKS_KEY="k-123456")
    db.rows("insert into public.prices values ('GONE', 1, now() - interval '1 day')")
    for key in ("AAPL", "GONE"):
        db.rows("select * from pawl.subscribe('price', %s, 'a viewer', '1 minute')", key)
    assert settled(db, "AAPL") == ("data", None, 0)
    assert settled(db, "GONE") == ("empty", None, 0)
    assert db.rows("select symbol, price from public.prices") == [("AAPL", 12.5)]
    method, path, headers = next(request for request in provider.requests if "AAPL" in request[1])
    assert (method, path, headers["authorization"]) == ("GET", "/v1/price/AAPL?fields=last", "Bearer k-123456")
    assert set(headers) <= {"host", "user-agent", "accept", "accept-encoding", "authorization"}
    assert len(provider.requests) == 2


def test_a_key_stays_in_its_place(db, provider, node):
    provider.answer = lambda path: '{"last": 1}'
    define(db, provider, max_attempts=1)
    refresh(db, "OLD")
    db.rows("""update pawl.tasks set payload = jsonb_set(payload::jsonb, '{path}', '"/price/../admin"') where key = 'OLD'""")  # from before keys were refused
    node(db)
    assert settled(db, "OLD")[0] == "failed"
    assert '"path" of the payload has . or .. as a segment' in outcome(db, "OLD")[1]
    keys = {"BRK/B": "BRK%2FB", "a?b=c#d": "a%3Fb%3Dc%23d", "ü 1": "%C3%BC%201", "%2e%2e": "%252e%252e", "x@evil.example": "x%40evil.example"}
    refresh(db, *keys)
    for key, encoded in keys.items():
        assert settled(db, key)[0] == "data" and price(db, key) == (1, 1)
        assert provider.asked(f"/v1/price/{encoded}") == 1
    with pytest.raises(psycopg.Error, match="'../admin' means another place in it"):
        refresh(db, "../admin")
    assert len(provider.requests) == len(keys)


def test_what_cannot_be_used_is_rejected_and_not_asked_for_again(db, provider, node):
    bodies = {"TEXT": '{"last": "n/a"}', "NULL": '{"last": null}', "HTML": "<p>maintenance</p>", "BYTES": b'{"last": "\xff"}'}
    provider.answer = lambda path: bodies.get(path.split("/")[-1], '{"last": 3}')
    define(db, provider)
    db.rows("insert into public.prices (symbol, price) select unnest(array['TEXT', 'NULL', 'HTML', 'BYTES']), 2")
    node(db)
    refresh(db, *bodies)
    errors = {"TEXT": 'invalid input syntax for type numeric: "n/a"', "NULL": 'null value in column "price"',
              "HTML": "the reply cannot be read: it is called JSON, and is none: <p>", "BYTES": "the reply cannot be read: invalid byte sequence"}
    for key, error in errors.items():
        said, why, failures = settled(db, key)
        assert (said, failures) == ("rejected", 1) and why.startswith(error), why
        assert price(db, key) == (2, 1) and provider.asked(f"/v1/price/{key}") == 1 and attempts(db, key) == []
    due = db.value("select min(due_at - outcome_at) from pawl.freshness")
    assert due.total_seconds() >= 5, "the pause of a key that fails"


def test_a_function_that_fails_is_tried_again(db, provider, node):
    answers = ['{"last": 1, "raise": "no luck"}', '{"last": 1}']
    provider.answer = lambda path: answers.pop(0) if len(answers) > 1 else answers[0]
    define(db, provider)
    node(db)
    refresh(db, "A")
    assert settled(db, "A") == ("data", None, 0)
    assert attempts(db, "A") == [("sql", "no luck (SQLSTATE P0001)")]
    assert price(db, "A") == (1, 1), "nothing is left of the first"
    answers[:] = ['{"last": 1, "raise": "never"}']
    refresh(db, "B")
    assert settled(db, "B") == ("failed", "never (SQLSTATE P0001)", 1)
    assert provider.asked("/v1/price/B") == 3 and price(db, "B") is None


def test_the_answers_of_an_api(db, provider, node):
    """429 waits as long as the API says; 304 and 204 reach the function; 403 has failed."""
    limited = [(429, {"retry-after": "1"}, "slow down"), (503, {}, "")]

    def answer(path):
        key = path.split("/")[-1]
        if key == "LIMITED" and limited:
            return limited.pop(0)
        return {"SAME": (304, {}, ""), "NONE": (204, {}, ""), "DENIED": (403, {}, "no such key"), "GONE": (410, {}, "gone"),
                "MOVED": (302, {"location": "https://evil.example/"}, "")}.get(key, '{"last": 4}')

    provider.answer = answer
    define(db, provider)
    db.rows("insert into public.prices (symbol, price, updated_at) select unnest(array['SAME', 'GONE']), 5, now() - interval '1 day'")
    node(db)
    refresh(db, "LIMITED", "SAME", "NONE", "DENIED", "MOVED", "GONE")
    assert settled(db, "LIMITED")[0] == "data" and price(db, "LIMITED") == (4, 1)
    assert attempts(db, "LIMITED") == [("status", "HTTP 429: slow down"), ("status", "HTTP 503")]
    assert settled(db, "SAME")[0] == "unchanged" and price(db, "SAME") == (5, 1)
    assert settled(db, "NONE")[0] == "empty" and settled(db, "GONE")[0] == "empty" and price(db, "GONE") is None
    assert settled(db, "DENIED") == ("failed", "HTTP 403: no such key", 1)
    assert "redirects are not followed" in settled(db, "MOVED")[1]


def test_a_secret_that_is_said_back_is_not_saved(db, provider, node):
    provider.answer = lambda path: (200, {"content-type": "application/json", "x-echo": "Bearer k-123456", "set-cookie": "session=1"},
                                    '{"last": 1, "debug": "k-123456"}')
    define(db, provider, authorization="env:STOCKS_KEY")
    node(db, STOCKS_KEY="k-123456")
    refresh(db, "A")
    assert settled(db, "A")[0] == "data"
    headers = db.value("select headers from public.prices")
    assert headers["x-echo"] == "Bearer ********" and headers["content-type"] == "application/json" and "set-cookie" not in headers


def test_nothing_is_open_while_the_api_takes_its_time(db, provider, node):
    """And saving, which is slow here, takes turns on four connections, while the API is asked on (I8, I9)."""
    go_on, counts = threading.Event(), []
    provider.answer = lambda path: go_on.wait(20) and '{"last": 1, "sleep": 0.1}'
    define(db, provider)
    node(db, "--slots", 60) # of which one kind gets half
    keys = [f"K{n}" for n in range(20)]
    refresh(db, *keys)
    until(lambda: provider.here == 20, 20, "all are asked for at once")
    assert db.value("select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()") == 0
    assert db.value(f"select count(*) {SAVERS}") == 0
    go_on.set()

    def all_settled():
        counts.append(db.value(f"select count(*) {SAVERS} and state <> 'idle'"))
        return db.value("select count(*) = 20 from pawl.freshness where outcome = 'data'")

    until(all_settled, 20, "all are saved")
    assert 2 <= max(counts) <= 4
    assert db.value("select count(*) = 20 and bool_and(version = 1) from public.prices")
    assert len(provider.requests) == 20


def test_an_answer_waits_for_a_database_that_is_away(databases, own_servers, provider, node):
    server = own_servers()
    db = databases(server)
    go_on = threading.Event()
    provider.answer = lambda path: go_on.wait(30) and '{"last": 1}'
    define(db, provider)
    serving = node(db)
    refresh(db, "A")
    until(lambda: provider.here == 1, 20, "it is asked for")
    server.stop()
    until(lambda: "no database" in serving.said(), 10, "the node says that the database is away")
    go_on.set()
    until(lambda: provider.here == 0, 10, "it is answered")
    server.start()
    assert settled(db, "A") == ("data", None, 0)
    assert price(db, "A") == (1, 1) and len(provider.requests) == 1 and attempts(db, "A") == []


def test_a_node_that_is_killed_while_it_asks_or_saves(db, provider, node):
    sleeps = {"ASKED": 0, "SAVED": 60}
    first = threading.Event()
    provider.answer = lambda path: (path.endswith("ASKED") and not first.is_set() and first.wait(20) and "") or json.dumps(
        {"last": 1, "sleep": sleeps[path.split("/")[-1]]})
    define(db, provider)
    victim = node(db)
    refresh(db, "ASKED", "SAVED")
    until(lambda: provider.here == 1 and db.value(f"select count(*) {SAVERS} and wait_event = 'PgSleep'") == 1, 20, "one is asked for, one is saved")
    victim.kill()
    first.set()
    sleeps["SAVED"] = 0
    db.rows(f"select pg_terminate_backend(pid) {SAVERS}") # it has not noticed, and sleeps on
    node(db)
    for key in sleeps:
        assert settled(db, key, RESCUE_SECONDS) == ("data", None, 0)
        assert price(db, key) == (1, 1) and provider.asked(f"/v1/price/{key}") == 2
        assert [error_class for error_class, _ in attempts(db, key)] == ["lost"]


def test_a_cancelled_refresh_leaves_nothing(db, provider, node):
    provider.answer = lambda path: '{"last": 1, "sleep": 20}'
    define(db, provider)
    node(db)
    refresh(db, "A")
    until(lambda: db.value(f"select count(*) {SAVERS} and wait_event = 'PgSleep'"), 20, "it is being saved")
    db.rows("select pawl.cancel_task(t.job_id, t.id) from pawl.tasks t where t.key = 'A'")
    until(lambda: db.value(f"select count(*) {SAVERS} and wait_event = 'PgSleep'") == 0, 10, "which is broken off")
    assert price(db, "A") is None
    provider.answer = lambda path: '{"last": 2}'
    refresh(db, "B")
    assert settled(db, "B")[0] == "data" and price(db, "B") == (2, 1), "on another connection"


def test_what_is_no_refresh_costs_no_call(db, provider, node):
    """Neither a task that somebody enqueues by hand nor a self-test asks the API for data."""
    define(db, provider)
    node(db)
    id = db.value("""select task_id from pawl.enqueue('stocks', '{"path": "/price/A"}')""")
    db.wait_task(id, "failed")
    assert "its tasks are refreshes of a data type (pawl.define_data_type)" in db.value("select error from pawl.tasks where id = %s", id)
    assert provider.requests == []
    forged = db.value("""select task_id from pawl.enqueue('stocks', '{"type": "price", "key": "A", "path": "/price/A"}')""")
    db.wait_task(forged, "failed", seconds=10)
    assert db.rows("select attempt, error from pawl.tasks where id = %s", forged) == [
        (1, 'kind "stocks" has the form "fetch", and its tasks are refreshes of a data type (SQLSTATE PW006)')]
    assert price(db, "A") is None
    provider.requests.clear()
    provider.answer = lambda path: (404, {}, "")
    assert db.json("kind", "test", "stocks")["status"] == 404
    assert [method for method, _, _ in provider.requests] == ["OPTIONS"]
