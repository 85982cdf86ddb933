"""Who holds a lock holds up no node: freshness passes over what somebody has locked in an open transaction, and sees to it when he is done.
And what others do meanwhile fails no transaction that sees only what was there when it began.

The waits that must not be would last until that transaction ends, which it does not; 10 s are given."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from waiting import until

PATIENCE = "set statement_timeout = '10s'"


@pytest.fixture
def app(db):
    db.rows(PATIENCE)
    db.rows("create schema app")
    db.rows("create table app.prices (symbol text primary key, updated_at timestamptz)")
    db.kind("provider")
    db.rows("select pawl.define_data_type('price', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at')")
    return db


@pytest.fixture
def somebody(app):
    """Another session, in a transaction that is undone in the end."""
    with app.connect() as connection:
        connection.execute(PATIENCE + "; begin")
        yield connection
        connection.execute("rollback")


def run_refreshes(app):
    """Those that can run do; returns what names them."""
    node = app.value("select pawl.register_node('test', '0', 10)")
    job = app.value("select job_id from pawl.data_types where name = 'price'")
    claimed = app.rows("select task_id, attempt from pawl.claim_batch(%s, %s, 100, '-Infinity', 0) where task_id is not null", node, job)
    return [(node, job, *task) for task in claimed]


def finish(app, node, job, task, attempt, outcome="completed", result=None):
    return app.value("""select pawl.finish_followed_tasks(%s, array[%s]::bigint[], array[%s]::bigint[], array[%s]::integer[], array[%s], array[0]::bigint[],
      array[%s], array['network'], array['nobody answered'])""", node, job, task, attempt, outcome, result)


def make_due(app):
    app.rows("update pawl.freshness set stale_at = now(), due_at = now(), check_at = now()")


def test_a_table_that_is_altered(app, somebody):
    """A migration has the type's table locked: outcomes are written all the same, and nodes go on with other types."""
    app.rows("select pawl.define_data_type('other', 'provider', '1 minute')")
    app.rows("select pawl.subscribe('price', 'A', 'anna', '1 hour')")
    (refresh,) = run_refreshes(app)
    somebody.execute("alter table app.prices add column price numeric")
    app.rows("insert into pawl.looks (type, key, is_wanted) values ('other', 'B', true)")
    assert finish(app, *refresh) == 1  # and says nothing of what came, so that the table is asked
    app.rows("select pawl.refresh_due()")
    assert app.rows("select key from pawl.tasks where status = 'pending'") == [("B",)]
    assert app.rows("select outcome, check_at <= clock_timestamp() + interval '5 seconds' from pawl.freshness where key = 'A'") == [(None, True)]
    somebody.execute("rollback")
    app.rows("update pawl.freshness set check_at = now() where key = 'A'")
    app.rows("select pawl.refresh_due()")
    assert app.value("select outcome from pawl.freshness where key = 'A'") == "empty"


def test_what_a_gate_reads(app, somebody):
    """It is closed while nobody can tell, and asked again in a second; one key waits for all of them."""
    app.rows("create table app.hours (closed_until timestamptz)")
    app.rows("create function app.gate(key text) returns timestamptz language sql as 'select max(closed_until) from app.hours'")
    app.rows("select pawl.define_data_type('price', p_gate_function => 'app.gate')")
    app.rows("insert into app.prices select 'key ' || i, now() from generate_series(1, 200) i")
    app.rows("select count(*) from pawl.subscribe('price', array(select 'key ' || i from generate_series(1, 200) i), 'anna', '1 hour')")
    make_due(app)
    app.rows("update app.prices set updated_at = '2000-01-01'")
    somebody.execute("lock table app.hours")
    while app.value("select looked from pawl.refresh_due()"):
        pass
    assert app.rows("select distinct wait_reason, check_at <= now() + interval '1 second' from pawl.freshness") == [("gate", True)]


def test_keys_that_somebody_makes(app, somebody):
    """New keys of his are in the way of no others, however many these are, nor of a schedule that learns of its keys."""
    somebody.execute("select pawl.subscribe('price', 'HIS', 'bob')")
    app.rows("select count(*) from pawl.subscribe('price', array(select 'key ' || i from generate_series(1, 300) i), 'anna', '1 hour')")
    while app.value("select looked from pawl.refresh_due()"):
        pass
    assert app.value("select count(*) from pawl.freshness where task_id is not null") == 300
    app.rows("insert into app.prices values ('A', now())")
    app.rows("select pawl.define_data_type('daily', 'provider', p_table => 'app.prices', p_key_column => 'symbol', p_cron => '0 18 * * *')")
    app.rows("insert into app.prices values ('B', now())")
    somebody.execute("select pawl.request_refresh('daily', 'HIS')")
    app.rows("update pawl.data_types set read_keys_at = now() where name = 'daily'")
    app.rows("select pawl.refresh_due()")
    assert app.value("select read_keys_at <= clock_timestamp() + interval '1 second' from pawl.data_types where name = 'daily'")
    somebody.execute("rollback")
    app.rows("update pawl.data_types set read_keys_at = now() where name = 'daily'")
    app.rows("select pawl.refresh_due()")
    assert app.rows("select key from pawl.freshness where type = 'daily' order by 1") == [("A",), ("B",)]


@pytest.mark.parametrize("level", ("repeatable read", "serializable"))
def test_a_transaction_that_sees_the_past(app, somebody, level):
    """It looks, leaves, asks and ends a refresh while others change all that it would have to change; a node does it."""
    app.kind("byhand", "external")
    app.rows("select pawl.define_data_type('hand', 'byhand', '1 minute')")
    app.rows("select pawl.subscribe('hand', 'H', 'anna', '1 hour'), pawl.subscribe('price', array['A', 'B'], 'anna', '1 hour')")
    task = app.rows("select job_id, task_id, attempt from pawl.claim_tasks('byhand', 'worker', 1, '1 hour')")[0]
    somebody.execute(f"rollback; begin isolation level {level}; select from pawl.freshness")
    app.rows("update pawl.freshness set is_watched = is_watched")
    app.rows("select pawl.subscribe('price', 'NEW', 'carl', '1 hour')")
    app.rows("select pawl.heartbeat('anna')")
    somebody.execute("select pawl.finish_task(%s, %s, %s, '{\"outcome\": \"data\"}')", task)
    assert somebody.execute("select state from pawl.subscribe('price', array['A', 'NEW'], 'bob', '1 hour')").fetchall() == [("queued",), ("looked_at_soon",)]
    somebody.execute("select pawl.unsubscribe('price', 'B', 'anna'), pawl.request_refresh('price', 'ASKED', 3), (pawl.check_stale('STALE', array['price'])).state")
    somebody.execute("commit")
    while app.value("select looked from pawl.refresh_due()"):
        pass
    assert app.value("select outcome from pawl.freshness where key = 'H'") == "data"
    assert app.rows("select t.key, t.priority from pawl.tasks t where t.status = 'pending' order by 1") == [
        ("A", 65), ("ASKED", 3), ("NEW", 65), ("STALE", 0)]


def test_a_type_that_is_defined_while_somebody_has_a_key(app, somebody):
    """It waits for him, and nobody waits for it: the other keys are free meanwhile."""
    app.rows("select pawl.subscribe('price', array['A', 'B', 'Z'], 'anna', '1 hour')")
    somebody.execute("select from pawl.freshness where key = 'Z' for no key update")
    with app.connect() as definer, app.connect() as other:
        definer.execute("set statement_timeout = '10s'")
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(definer.execute, "select pawl.define_data_type('price', p_ttl => '1 hour')")
            until(lambda: app.value("select wait_event = 'PgSleep' from pg_stat_activity where pid = %s", definer.info.backend_pid), 10, "it waits")
            until(lambda: len(other.execute("select from pawl.freshness for no key update skip locked").fetchall()) == 2, 10, "the others are free")
            assert not done.done()
            somebody.execute("rollback")
            done.result()
    assert app.value("select ttl from pawl.data_types where name = 'price'").total_seconds() == 3600


def test_a_type_that_is_dropped_while_somebody_makes_keys(app, somebody):
    """He has one, and makes another: neither waits for the other for ever."""
    app.rows("select pawl.subscribe('price', 'A', 'anna', '1 hour')")
    somebody.execute("select pawl.subscribe('price', 'A', 'bob')")
    with app.connect() as dropper:
        dropper.execute("set statement_timeout = '10s'")
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(dropper.execute, "select pawl.drop_data_type('price')")
            until(lambda: app.value("select wait_event_type in ('Lock', 'Timeout') from pg_stat_activity where pid = %s", dropper.info.backend_pid), 10, "it waits")
            somebody.execute("select pawl.subscribe('price', 'B', 'bob')")
            somebody.execute("commit; begin")
            done.result()
    assert app.rows("select name from pawl.data_types") == []
