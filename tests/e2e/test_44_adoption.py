"""A table that says already who looks at what, shaped like Supabase's realtime.subscription, adopted by triggers and by a sweep that only
reads it. Guards I5 (a sleeping node hears of it) and I10 (whatever fails or is locked, the statement on the table does not fail or wait)."""
import json
import pathlib
import re
import threading
import uuid

import psycopg
import pytest

from waiting import until

SECONDS = 20
SWEEP_SECONDS = 60  # of a sweep that comes every second, on a busy machine

REALTIME = """
  create schema if not exists realtime;
  create type realtime.equality_op as enum ('eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in');
  create type realtime.user_defined_filter as (column_name text, op realtime.equality_op, value text);
  create table app.prices (symbol text primary key, price numeric not null default 1, updated_at timestamptz default clock_timestamp());
  create table app.news (id bigint primary key);
  create table realtime.subscription (
    id bigint generated always as identity primary key, subscription_id uuid not null, entity regclass not null,
    filters realtime.user_defined_filter[] not null default '{}', claims jsonb not null, created_at timestamp not null default timezone('utc', now()));
  create unique index on realtime.subscription (subscription_id, entity, filters);
  do $$ begin create role viewer login; exception when duplicate_object then null; end $$;
  grant usage on schema realtime, app to viewer;
  grant insert, update, delete, select, truncate on realtime.subscription to viewer;
  create table app.ran (key text, at timestamptz default clock_timestamp());
  create function app.refresh(p jsonb) returns void language sql as $$
    insert into app.ran (key) values (p ->> 'key');
    insert into app.prices (symbol) values (p ->> 'key') on conflict (symbol) do update set updated_at = clock_timestamp() $$"""
KEY = "(select f.value from unnest(new.filters) f where f.column_name = 'symbol' and f.op::text = 'eq')"


@pytest.fixture
def realtime(db):
    db.rows("create schema app")
    db.rows(REALTIME)
    db.kind("refresh", "sql", "app.refresh")
    db.rows("select pawl.define_data_type('price', 'refresh', '1 day', 'app.prices', 'symbol', 'updated_at')")
    return db


@pytest.fixture
def viewer(realtime):
    """Somebody who may write to the table, and knows nothing of Pawl."""
    with psycopg.connect(realtime.server.url(realtime.name, "viewer"), autocommit=True) as connection:
        connection.execute("set statement_timeout = '10s'")
        yield connection


def adopt(db, mode, **more):
    words = [word for name, value in more.items() for word in (f"--{name}", value)]
    return db.pawl("subscription", "adopt", "realtime.subscription", "--type", "price", "--key", KEY, "--holder", "new.subscription_id",
                   "--condition", "new.entity = 'app.prices'::regclass", "--mode", mode, *words)


def look(viewer, symbol, entity="app.prices"):
    """A client subscribes, as realtime does it; returns what he is called."""
    name = uuid.uuid4()
    viewer.execute("""insert into realtime.subscription (subscription_id, entity, filters, claims)
                      values (%s, %s::regclass, array[('symbol', 'eq', %s)::realtime.user_defined_filter], '{"role": "authenticated"}')""", (name, entity, symbol))
    return name


def leave(viewer, name):
    viewer.execute("delete from realtime.subscription where subscription_id = %s", (name,))


def ran(db, key):
    return db.value("select count(*) from app.ran where key = %s", key)


def viewers(db, key):
    return db.value("select count(*) from pawl.subscriptions where type = 'price' and key = %s", key)


def is_watched(db, key):
    return db.value("select is_watched from pawl.freshness where type = 'price' and key = %s", key)


@pytest.mark.parametrize("mode, seconds", [("trigger", SECONDS), ("sweep", SWEEP_SECONDS)])
def test_who_looks_at_realtime(realtime, viewer, serve, mode, seconds):
    """The first viewer of stale data: it is refreshed at once. The last row deleted: demand ends. Others are others' business."""
    db = realtime
    said = adopt(db, mode, **({"every": "1s"} if mode == "sweep" else {})).stdout
    assert said == "adoption realtime_subscription: rows of realtime.subscription are subscriptions, %s\n" % {
        "trigger": "by triggers on it", "sweep": "read by sweeps"}[mode]
    assert db.value("select count(*) from pg_trigger where tgrelid = 'realtime.subscription'::regclass") == (4 if mode == "trigger" else 0)
    serve(db)
    until(lambda: db.value("select swept_at is not null from pawl.adoptions"), seconds, "the table is read")
    db.wait_asleep()
    first = look(viewer, "AAPL")
    until(lambda: ran(db, "AAPL") == 1, seconds, "the first viewer's data is refreshed")
    until(lambda: is_watched(db, "AAPL") and db.value("select refreshed_at is not null from pawl.freshness"), seconds, "and it is known")
    second, other = look(viewer, "AAPL"), look(viewer, "MSFT", "app.news")
    until(lambda: viewers(db, "AAPL") == 2, seconds, "the second viewer counts")
    assert (viewers(db, "MSFT"), ran(db, "AAPL")) == (0, 1), "a filter on another table is none, and fresh data is fresh"
    leave(viewer, first)
    leave(viewer, other)
    until(lambda: viewers(db, "AAPL") == 1, seconds, "one goes")
    assert is_watched(db, "AAPL")
    leave(viewer, second)
    until(lambda: viewers(db, "AAPL") == 0 and not is_watched(db, "AAPL"), seconds, "with the last one demand ends")
    look(viewer, "AAPL")
    until(lambda: viewers(db, "AAPL") == 1, seconds, "one comes again")
    viewer.execute("truncate realtime.subscription")
    until(lambda: viewers(db, "AAPL") == 0 and not is_watched(db, "AAPL"), seconds, "truncated, all are gone")
    adoption, = db.json("subscription", "adoptions")
    assert (adoption["mode"], adoption["ignored"], adoption["problem"], adoption["subscriptions"]) == (mode, 0, None, 0)
    db.assert_never_swept()


def test_needed_three_subscription_designs(realtime, viewer, serve):
    """One table by triggers, one by a sweep, one program that calls pawl.subscribe: one demand, which lasts as long as any of them."""
    db = realtime
    adopt(db, "trigger")
    db.rows("create table app.sessions (token text, symbol text)")
    db.pawl("subscription", "adopt", "app.sessions", "--type", "price", "--key", "new.symbol", "--holder", "new.token", "--mode", "sweep", "--every", "1s")
    serve(db)
    db.rows("select pawl.subscribe('price', 'AAPL', 'program', '1 hour')")
    db.rows("insert into app.sessions values ('token', 'AAPL')")
    first = look(viewer, "AAPL")
    until(lambda: viewers(db, "AAPL") == 3, SWEEP_SECONDS, "all three count")
    until(lambda: ran(db, "AAPL") == 1, SECONDS, "and have one refresh")
    leave(viewer, first)
    until(lambda: viewers(db, "AAPL") == 2, SECONDS, "one goes")
    db.rows("select pawl.unsubscribe(null, null, 'program')")
    assert (viewers(db, "AAPL"), is_watched(db, "AAPL")) == (1, True)
    db.rows("delete from app.sessions")
    until(lambda: viewers(db, "AAPL") == 0 and not is_watched(db, "AAPL"), SWEEP_SECONDS, "with the last one demand ends")
    assert ran(db, "AAPL") == 1


def test_nobody_waits_and_nothing_fails(realtime, viewer, serve):
    """Another writer whose transaction stays open, a type's table that is locked, a row that cannot be read: the statement goes through."""
    db = realtime
    adopt(db, "trigger")
    serve(db)
    until(lambda: db.value("select swept_at is not null from pawl.adoptions"), SECONDS, "the table is read")
    name = uuid.uuid4()
    insert = """insert into realtime.subscription (subscription_id, entity, filters, claims)
                values (%s, 'app.prices'::regclass, array[('symbol', 'eq', 'AAPL')::realtime.user_defined_filter, ('note', 'eq', %s)::realtime.user_defined_filter], '{}')"""
    with db.connect(autocommit=False) as slow:
        slow.execute(insert, (name, "one"))
        viewer.execute(insert, (name, "another, which asks for the same"))
        look(viewer, "AAPL")
        slow.rollback()
    until(lambda: viewers(db, "AAPL") == 2, SECONDS, "both are seen, whatever becomes of the first")
    until(lambda: ran(db, "AAPL") == 1, SECONDS, "and served")
    with db.connect(autocommit=False) as locker:
        locker.execute("lock table app.prices")
        look(viewer, "LOCK")
        assert viewers(db, "LOCK") == 1
        locker.rollback()
    until(lambda: ran(db, "LOCK") == 1, SECONDS, "it is refreshed when the lock is gone")
    db.rows("""select pawl.adopt_subscriptions('realtime.subscription', 'price', $$(new.claims ->> 'page')::integer$$, 'new.subscription_id',
                 p_name => 'pages', p_condition => $$new.claims ? 'page'$$)""")
    viewer.execute("""insert into realtime.subscription (subscription_id, entity, claims)
                      select gen_random_uuid(), 'app.news'::regclass, c::jsonb from unnest(array['{"page": "seven"}', '{"page": "7"}']) c""")
    until(lambda: ran(db, "7") == 1, SECONDS, "the row beside it counts")
    assert db.rows("select trigger_name, rows, code from pawl.trigger_errors") == [("adoption:pages", 1, "22P02")]
    db.rows("select pawl.ask_for_sweep('pages')")
    until(lambda: db.value("select ignored from pawl.adoptions where name = 'pages'") == 1, SECONDS, "it is counted")
    assert viewers(db, "7") == 1


def test_a_sweep_that_fails_and_comes_again(realtime, viewer, serve):
    """A table that goes away and comes back; the other one is read all the while, and what falls due is refreshed."""
    db = realtime
    adopt(db, "sweep", every="1s")
    db.rows("create table app.sessions (token text, symbol text)")
    db.rows("select pawl.adopt_subscriptions('app.sessions', 'price', 'new.symbol', 'new.token', p_mode => 'sweep', p_every => '1 second')")
    serve(db)
    look(viewer, "AAPL")
    until(lambda: viewers(db, "AAPL") == 1, SWEEP_SECONDS, "it is read")
    db.rows("alter table realtime.subscription rename to away")
    until(lambda: db.value("select error from pawl.adoptions where name = 'realtime_subscription'"), SWEEP_SECONDS, "it is missed")
    db.rows("insert into app.sessions values ('token', 'MSFT')")
    until(lambda: ran(db, "MSFT") == 1, SWEEP_SECONDS, "the other goes on")
    assert viewers(db, "AAPL") == 1
    assert "its table was dropped, or has another name" in db.pawl("subscription", "adoptions").stdout
    db.rows("alter table realtime.away rename to subscription")
    db.rows("delete from realtime.subscription")
    until(lambda: viewers(db, "AAPL") == 0, SWEEP_SECONDS, "it is read again")
    assert db.value("select error from pawl.adoptions where name = 'realtime_subscription'") is None


def test_a_sweep_that_takes_long(realtime, viewer, serve):
    """What is due waits for no table that is being read."""
    db = realtime
    db.rows("create function app.slowly(uuid) returns uuid language plpgsql as $$ begin perform pg_sleep(25); return $1; end $$")
    db.rows("select pawl.adopt_subscriptions('realtime.subscription', 'price', %s, 'app.slowly(new.subscription_id)', p_mode => 'sweep', p_every => '1 second')", KEY)
    db.rows("select pawl.define_data_type('tick', 'refresh', '1 second')")
    serve(db)
    look(viewer, "AAPL")
    sweep = "select pid, query_start from pg_stat_activity where query = 'select pawl.sweep_adoptions()' and state = 'active' and now() > query_start + interval '1 second'"
    until(lambda: db.rows(sweep), SWEEP_SECONDS, "the table is being read")
    (pid, began), = db.rows(sweep)
    db.rows("select pawl.subscribe('tick', 'MSFT', 'anna', '1 hour')")
    until(lambda: ran(db, "MSFT") >= 3, SECONDS, "it was stale twice")
    assert db.rows(sweep) == [(pid, began)], "and the same sweep goes on"
    db.rows("select pg_cancel_backend(%s)", pid)
    until(lambda: "canceling statement" in (db.value("select error from pawl.adoptions") or ""), SECONDS, "cancelled, it says so")


def test_many_who_come_and_go(realtime, serve):
    """Two nodes, eight clients that come and go at once, for the same keys: in the end there is what the table says."""
    db = realtime
    adopt(db, "trigger")
    serve(db), serve(db)
    script = """
      do $$
      declare
        n integer;
      begin
        for i in 1..150 loop
          n := 1 + random() * 4;
          if random() < 0.5 then
            insert into realtime.subscription (subscription_id, entity, filters, claims)
            select md5('who' || n)::uuid, 'app.prices'::regclass, array[('symbol', 'eq', 'S' || (1 + random() * 3)::integer)::realtime.user_defined_filter,
              ('note', 'eq', gen_random_uuid()::text)::realtime.user_defined_filter], '{}';
          elsif random() < 0.1 then
            delete from realtime.subscription where id in (select id from realtime.subscription for update skip locked);
          else
            delete from realtime.subscription where id in (
              select id from realtime.subscription where subscription_id = md5('who' || n)::uuid limit 2 for update skip locked);
          end if;
          if random() < 0.8 then
            commit;
          elsif random() < 0.3 then
            rollback;
          end if;
        end loop;
      end $$"""
    clients = [db.connect() for _ in range(8)]
    try:
        for client in clients:
            client.execute("set statement_timeout = '120s'")
        threads = [threading.Thread(target=client.execute, args=(script,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(150)
    finally:
        for client in clients:
            client.close()
    truth = f"select distinct {KEY.replace('new.', 's.')} as key, 'realtime_subscription:' || s.subscription_id as holder from realtime.subscription s"
    until(lambda: db.value("select count(*) = 0 from pawl.adoption_looks"), SECONDS, "all is looked at")
    difference = f"""(select key, holder from ({truth}) t except select key, holder from pawl.subscriptions)
                     union all (select key, holder from pawl.subscriptions except select key, holder from ({truth}) t)"""
    until(lambda: db.rows(difference) == [], SECONDS, lambda: f"the difference is {db.rows(difference)}")
    assert db.value("select found from pawl.adoptions") == 0
    assert db.rows("select trigger_name, code, error from pawl.trigger_errors") == []


def test_the_example_of_the_manual(realtime, serve):
    db = realtime
    manual = (pathlib.Path(__file__).parents[2] / "docs" / "freshness.md").read_text()
    chapter = manual[manual.index("\n## Adopting a subscriptions table\n"):manual.index("\n## In which order\n")]
    first, second = re.findall(r"```sql\n(.*?)```", chapter, re.S)
    db.rows(first)
    db.rows("create table public.prices (symbol text)")
    db.rows(second)
    serve(db)
    until(lambda: ran(db, "AAPL") == 1 and ran(db, "MSFT") == 1, SECONDS, "both are refreshed")
    until(lambda: db.value("select bool_and(swept_at is not null) from pawl.adoptions"), SECONDS, "both tables are read")
    printed = db.pawl("subscription", "adoptions").stdout
    assert re.search(r"sessions +public.sessions +trigger +price .* 2 +0 .* ok", printed), printed


def test_the_command(realtime):
    db = realtime
    for words, code, texts in (
            (["realtime.subscription", "--type", "price"], 2, ["--holder is missing", "--type price --key new.symbol --holder new.session_id"]),
            (["realtime.subscription", "--holder", "new.id"], 2, ["--type is missing"]),
            (["realtime.nothing", "--type", "price", "--holder", "new.id"], 3, ['relation "realtime.nothing" does not exist', "Name the table as SQL has it"]),
            (["realtime.subscription", "--type", "prices", "--holder", "new.id"], 3, ['data type "prices" does not exist']),
            (["realtime.subscription", "--type", "price", "--key", "new.symbol", "--holder", "new.id"], 3, ["the key cannot be used: column new.symbol does not exist"]),
            (["realtime.subscription", "--type", "price", "--holder", "new.id", "--every", "often"], 2, ["--every takes a time"]),
            (["realtime.subscription", "--type", "price", "--holder", "new.id", "--every", "2d"], 3, ["p_every is out of range"]),
            (["realtime.subscription", "--type", "price", "--holder", "new.id", "--mode", "poll"], 2, ["--mode"])):
        refused = db.pawl("subscription", "adopt", *words, code=code)
        for text in texts:
            assert text in refused.stderr, refused.stderr
    for key, warning in (("new.claims -> 'symbol'", "pawl: warning: the key is of the type jsonb: a text in it has its quotes, as in \"AAPL\"\nhint: Write ->> "),
                         ("array['A', 'B']", "pawl: warning: the key is of the type text[]: all of it is one, as {AAPL,MSFT}\nhint: Write unnest("),
                         ("new.claims ->> 'symbol'", "")):
        taken = db.pawl("subscription", "adopt", "realtime.subscription", "--type", "price", "--key", key, "--holder", "new.subscription_id", "--name", "rt")
        assert taken.stderr.startswith(warning) and bool(taken.stderr) == bool(warning), taken.stderr
    adopted = db.json("subscription", "adopt", "realtime.subscription", "--type", "price", "--key", KEY, "--holder", "new.subscription_id", "--name", "rt")
    assert (adopted["adoption"], adopted["mode"], adopted["every_seconds"], adopted["problem"]) == ("rt", "trigger", 600, None)
    assert "a node reads the table first" in db.pawl("subscription", "adoptions").stdout
    assert json.loads(db.pawl("subscription", "drop", "rt", "--json").stdout) == {"adoption": "rt", "dropped": True}
    assert 'adoption "rt" does not exist' in db.pawl("subscription", "drop", "rt", code=3).stderr
    assert db.pawl("subscription", "adoptions").stdout == ""
