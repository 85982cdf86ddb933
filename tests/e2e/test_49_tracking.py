"""Writes to a tracked table, in transactions of their own: how they move freshness, and who hears of it."""
import json
from datetime import datetime

import pytest

from waiting import until


@pytest.fixture
def app(db):
    """Three keys: two that anna looks at, one that nobody does."""
    db.rows("create schema app")
    db.rows("create table app.prices (symbol text primary key, price numeric, updated_at timestamptz default clock_timestamp())")
    db.kind("provider")
    db.rows("insert into app.prices values ('A', 1), ('B', 1), ('C', 1)")
    db.rows("select pawl.define_data_type('price', 'provider', '1 hour', 'app.prices', 'symbol', 'updated_at')")
    db.rows("select count(*) from pawl.subscribe('price', array['A', 'B', 'C'], 'anna', '1 hour')")
    db.rows("select pawl.unsubscribe('price', 'C', 'anna')")
    db.rows("update pawl.freshness set is_watched = false, check_at = null where key = 'C'")  # as a node does later
    db.rows("select pawl.track('price')")
    return db


def write(app, *keys):
    """Returns how often that went the careful way, which locks rows first."""
    with app.connect() as connection, connection.transaction():
        connection.execute("set local track_functions = 'all'")
        connection.execute("update app.prices set price = price + 1, updated_at = clock_timestamp() where symbol = any (%s)", [list(keys)])
        (careful,) = connection.execute("select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = 'time_writes'").fetchone()
    assert app.rows("select symbol from app.prices p join pawl.freshness f on f.key = p.symbol"
                    " where symbol = any (%s) and refreshed_at < updated_at", list(keys)) == []
    return careful


@pytest.mark.parametrize("keys", ["A", "C", "AB", "AC"])
def test_who_has_let_go_of_a_row_is_in_nobodys_way(app, keys):
    """Who locks a row before he writes it, as a look or an end of a refresh does, leaves his transaction in it for good. It is over when every
    transaction has begun after it, and autovacuum may be in one."""
    with app.connect() as connection, connection.transaction():
        connection.execute("select from pawl.freshness for no key update")
        connection.execute("update pawl.freshness set refreshes = refreshes + 1")
    assert app.value("select bool_and(xmax <> 0) from pawl.freshness")
    until(lambda: write(app, *keys) == 0, 10, "each write locks rows first")
    with app.connect() as connection, connection.transaction():
        connection.execute("select from pawl.freshness for key share")
        assert write(app, *keys) == 1
    until(lambda: write(app, *keys) == 0, 10, "each write locks rows first")


def hear(listener):
    """The next message."""
    def notification():
        listener.pgconn.consume_input()
        return listener.pgconn.notifies()
    return json.loads(until(notification, 10, "nothing was told").extra)


def test_who_looks_hears_of_each_write(app):
    with app.connect() as listener:
        listener.execute("listen pawl_refreshed")
        write(app, "C")  # at which nobody looks
        write(app, "A")
        messages = [hear(listener)]
        write(app, "A", "B", "C")
        while sorted(key for message in messages[1:] for key in message["keys"]) != ["A", "B"]:  # one message, or two
            messages.append(hear(listener))
    assert messages[0]["keys"] == ["A"]
    for before, message in zip([None, *messages], messages):
        assert sorted(message) == ["at", "keys", "type"] and message["type"] == "price"
        assert before is None or datetime.fromisoformat(before["at"]) <= datetime.fromisoformat(message["at"])
