"""Functions and tables of users that take their time: freshness waits for them, and nothing else does (I6)."""
import json

import pytest

from provider import Provider
from waiting import until


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.stop()


def function(db, name, arguments, body):
    db.rows(f"create function public.{name}({arguments}) returns timestamptz language plpgsql as $$ begin {body} return null; end $$")


def is_looked_at(db):
    return db.value("select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pawl freshness' and state = 'active'")


@pytest.mark.parametrize("what", ["function", "table"])
def test_outcomes_do_not_wait_for_what_says_when_data_is_stale(db, serve, provider, what):
    """Neither those of other kinds nor the refresh's own: a node writes them all over one connection."""
    provider.answer = lambda path: json.dumps({"outcome": "data"} if what == "function" else {})
    db.rows("create table public.a (k text primary key, at timestamptz)")
    function(db, "due", "key text, source_at timestamptz, refreshed_at timestamptz", "perform pg_sleep(600);")
    db.rows("select pawl.define_kind('calls', 'http', %s, p_options => '{\"allow_private\": true}')", provider.url("/refresh"))
    db.rows("select pawl.define_data_type('a', 'calls', '1 hour', 'public.a', 'k', 'at', p_due_function => %s)", "public.due" if what == "function" else "")
    db.kind("quick", "noop")
    db.rows("select pawl.request_refresh('a', '1')")
    with db.connect(autocommit=False) as somebody:
        if what == "table":
            somebody.execute("lock table public.a in access exclusive mode")
        serve(db)
        refresh = db.value("select task_id from pawl.freshness")
        db.wait_task(refresh, "completed", seconds=20)
        until(lambda: is_looked_at(db), 20, "its end is looked at, for as long as it takes")
        task = db.value("select task_id from pawl.enqueue('quick')")
        db.wait_task(task, "completed", seconds=20)
        assert db.value("select outcome is null from pawl.freshness")
        somebody.rollback()
    if what == "table":
        until(lambda: db.value("select outcome from pawl.freshness") == "empty", 60, "it is settled when the table can be read")


def test_a_gate_that_hangs_holds_up_no_other_type(db, serve):
    """It is cut off, and asked again later; the others are refreshed meanwhile."""
    for name in "ab":
        db.rows(f"create table public.{name} (k text primary key, at timestamptz)")
        db.rows(f"insert into public.{name} values ('1', now() - interval '1 day')")
    function(db, "hangs", "key text", "perform pg_sleep(600);")
    db.rows("create function public.refresh(p jsonb) returns jsonb language sql as $$ select '{\"outcome\": \"data\"}'::jsonb $$")
    db.kind("refreshes", "sql", "public.refresh")
    db.rows("select pawl.define_data_type('a', 'refreshes', '1 hour', 'public.a', 'k', 'at', p_gate_function => 'public.hangs')")
    db.rows("select pawl.define_data_type('b', 'refreshes', '1 hour', 'public.b', 'k', 'at')")
    serve(db)
    db.rows("insert into pawl.looks (type, key, is_wanted, priority) values ('a', '1', true, 0)")
    until(lambda: is_looked_at(db), 40, "the gate is asked")
    db.rows("insert into pawl.looks (type, key, is_wanted, priority) values ('b', '1', true, 0)")
    until(lambda: db.value("select outcome from pawl.freshness where type = 'b'") == "data", 60, "the other type is refreshed")
    said = db.value("select problem from pawl.freshness_by_type where type = 'a'")
    assert "did not answer in time" in said, said
    assert db.value("select outcome is null from pawl.freshness where type = 'a'")
