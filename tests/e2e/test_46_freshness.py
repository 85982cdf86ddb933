"""Freshness on every road: whatever makes data due is noticed by nodes that sleep and never sweep (I5).

A key that lives for 2 s is refreshed again when they are over. 30 s would pass until a sweep, so 10 s are given."""
import psycopg
import pytest

from waiting import until

ROADS_SECONDS = 10


@pytest.fixture
def app(db):
    """A type of a SQL function that writes down when it ran for which key."""
    db.rows("create schema app")
    db.rows("create table app.ran (key text, at timestamptz default clock_timestamp())")
    db.rows("create table app.prices (symbol text primary key, updated_at timestamptz)")
    db.rows("""create function app.refresh(p jsonb) returns jsonb language sql as $$
      insert into app.ran (key) values (p ->> 'key');
      insert into app.prices values (p ->> 'key', now()) on conflict (symbol) do update set updated_at = excluded.updated_at;
      select null::jsonb $$""")
    db.kind("refresh", "sql", "app.refresh")
    db.rows("select pawl.define_data_type('price', 'refresh', '2 seconds', 'app.prices', 'symbol', 'updated_at')")
    return db


def ran(db, key):
    return db.value("select count(*) from app.ran where key = %s", key)


def gaps(db, key):
    return [gap for gap, in db.rows("select extract(epoch from at - lag(at) over (order by at))::double precision from app.ran"
                                    " where key = %s order by at offset 1", key)]


def test_a_key_is_refreshed_each_time_that_it_is_stale(app, serve):
    """Somebody looks: at once, and again when its time is over, not before; the nodes sleep in between."""
    serve(app), serve(app)
    app.wait_asleep(2)
    assert app.rows("select state from pawl.subscribe('price', 'A', 'anna', '1 hour')") == [("queued",)]
    until(lambda: ran(app, "A") >= 4, 3 * ROADS_SECONDS, lambda: f"refreshed {ran(app, 'A')} times")
    assert min(gaps(app, "A")) >= 1.99
    assert app.value("select sum(swept) from pawl.nodes") == 0


def test_a_holder_who_is_not_heard_of_ends_demand(app, serve):
    serve(app)
    app.wait_asleep()
    app.rows("select pawl.subscribe('price', 'A', 'anna', '3 seconds')")
    until(lambda: app.value("select not is_watched and check_at is null from pawl.freshness"), ROADS_SECONDS, "demand ends")
    assert app.value("select count(*) from pawl.subscriptions") + app.value("select count(*) from pawl.holders") == 0
    count = ran(app, "A")
    assert 1 <= count <= 3
    until(lambda: app.value("select stale_at + interval '2 s' < now() from pawl.freshness"), ROADS_SECONDS, "stale for two seconds")
    assert ran(app, "A") == count


def test_what_is_asked_for_waits_for_a_moment_that_nodes_are_told_of(app):
    """It is fresh for an hour, which is when nodes would look at it next; its gate opens earlier."""
    app.rows("create function app.gate(key text) returns timestamptz language sql as $$ select now() + interval '1 minute' $$")
    app.rows("select pawl.define_data_type('news', 'refresh', '1 hour', 'app.prices', 'symbol', 'updated_at', p_gate_function => 'app.gate')")
    app.rows("insert into app.prices values ('N', now())")
    assert app.rows("select state from pawl.check_stale('N', '{news}')") == [("fresh",)]
    with psycopg.connect(app.url, autocommit=True) as ear:
        ear.execute("listen pawl")
        assert app.value("select pawl.request_refresh('news', 'N')") == "gate"
        app.rows("select pg_notify('pawl', 'that was all')")
        assert next(ear.notifies()).payload == "fresh"


def test_an_external_worker_ends_a_refresh_while_nodes_sleep(app, serve):
    app.kind("byhand", "external")
    app.rows("select pawl.define_data_type('hand', 'byhand', '2 seconds')")
    serve(app)
    app.wait_asleep()
    app.rows("select pawl.subscribe('hand', 'A', 'anna', '1 hour')")

    def claimed():
        return app.rows("select job_id, task_id, attempt from pawl.claim_tasks('byhand', 'w', 1, '1 minute')")
    for _ in range(3):
        token, = until(claimed, ROADS_SECONDS, "its refresh can be claimed")
        app.wait_asleep()
        app.rows("select pawl.finish_task(%s, %s, %s)", *token)


def test_a_key_that_somebody_has_locked_is_looked_at_later(app, serve):
    """A subscriber whose transaction stays open, and one who comes meanwhile: he waits for nobody, and is served when it is over."""
    serve(app)
    app.wait_asleep()
    with app.connect(autocommit=False) as first:
        first.execute("select pawl.subscribe('price', 'A', 'first', '1 hour')")
        app.rows("set statement_timeout = '5s'")
        assert app.rows("select state from pawl.subscribe('price', 'A', 'second', '1 hour')") == [("looked_at_soon",)]
        first.rollback()
    until(lambda: ran(app, "A") == 1, ROADS_SECONDS, "the second one is served")


def test_a_parent_comes_first(app, serve):
    app.rows("select pawl.define_data_type('profile', 'refresh', '1 day', 'app.prices', 'symbol', 'updated_at')")
    app.rows("create table app.order_of (type text, key text, at timestamptz default clock_timestamp())")
    app.rows("create function app.note(p jsonb) returns void language sql as $$ insert into app.order_of (type, key) values (p ->> 'type', p ->> 'key') $$")
    app.kind("note", "sql", "app.note")
    app.rows("select pawl.define_data_type('parent', 'note', '1 day')")
    app.rows("select pawl.define_data_type('child', 'note', '1 hour', p_parents => '{parent}')")
    serve(app)
    app.wait_asleep()
    app.rows("select pawl.subscribe('child', array['A', 'B', 'C'], 'anna', '1 hour')")
    until(lambda: app.value("select count(*) from app.order_of") == 6, ROADS_SECONDS, "all six have run")
    assert app.value("""select bool_and(p.at < c.at) from app.order_of p join app.order_of c using (key)
      where p.type = 'parent' and c.type = 'child'""")


def test_a_gate_opens_to_the_second(app, serve):
    app.rows("create table app.gate as select clock_timestamp() + interval '3 seconds' as opens_at")
    app.rows("create function app.gate(p_key text) returns timestamptz language sql as $$ select opens_at from app.gate $$")
    app.rows("select pawl.define_data_type('quote', 'refresh', '1 second', 'app.prices', 'symbol', 'updated_at', p_gate_function => 'app.gate')")
    app.rows("insert into app.prices values ('A', now() - interval '1 hour')")
    serve(app)
    app.wait_asleep()
    assert app.rows("select state from pawl.subscribe('quote', 'A', 'anna', '1 hour')") == [("gate",)]
    until(lambda: ran(app, "A") >= 1, ROADS_SECONDS, "refreshed behind the gate")
    assert app.value("select min(r.at) >= g.opens_at from app.ran r, app.gate g group by g.opens_at")


def test_a_type_that_is_broken_harms_no_other(app, serve):
    """Its table is dropped under it: its keys come again in a minute, and the type says why."""
    app.rows("create table app.gone (symbol text primary key, updated_at timestamptz)")
    app.rows("select pawl.define_data_type('broken', 'refresh', '1 second', 'app.gone', 'symbol', 'updated_at')")
    serve(app)
    app.rows("select pawl.subscribe('broken', 'A', 'anna', '1 hour')")
    app.rows("select pawl.subscribe('price', 'B', 'anna', '1 hour')")
    app.rows("drop table app.gone")
    until(lambda: app.value("select error like '%%app.gone%%' from pawl.data_types where name = 'broken'"), ROADS_SECONDS, "the type says why")
    count = ran(app, "B")
    until(lambda: ran(app, "B") > count + 1, ROADS_SECONDS, "the other goes on")
    with pytest.raises(psycopg.errors.UndefinedTable):
        app.rows("select pawl.subscribe('broken', 'C', 'anna', '1 hour')")
