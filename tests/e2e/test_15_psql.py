"""Somebody with psql and no manual sees sense."""
import subprocess

import psycopg
import pytest

from database import COUNTERS
from server import clean_environment, programs


def psql(db, command):
    return subprocess.run([f"{programs()}/psql", "-X", db.url, "-c", command], check=True, text=True,
                          capture_output=True, env=clean_environment()).stdout


def test_everything_has_a_comment(db):
    assert db.rows("""
      select c.oid::regclass::text, c.relkind from pg_class c
      where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'v', 'm', 'S', 'p')
        and obj_description(c.oid, 'pg_class') is null""") == []
    assert db.rows("""
      select p.oid::regprocedure::text from pg_proc p
      where p.pronamespace = 'pawl'::regnamespace and obj_description(p.oid, 'pg_proc') is null""") == []
    assert db.rows("""
      select t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'pawl'::regnamespace and not t.tgisinternal
        and obj_description(t.oid, 'pg_trigger') is null""") == []
    assert db.rows("""
      select t.typname from pg_type t
      where t.typnamespace = 'pawl'::regnamespace and t.typtype = 'e' and obj_description(t.oid, 'pg_type') is null""") == []


def test_a_table_describes_itself(db):
    described = psql(db, r"\d+ pawl.tasks")
    for words in ("deduplication key within the job", "tasks_to_claim", "keep_ledger_insert"):
        assert words in described, words
    tables = psql(db, r"\dt+ pawl.*")
    assert "unit of execution" in tables and "what runs a task" in tables


def test_progress_reads_from_left_to_right(db):
    columns = db.rows("""
      select attname::text from pg_attribute
      where attrelid = 'pawl.job_progress'::regclass and attnum > 0 order by attnum""")
    assert columns == [("job_id",), ("status",), *((name,) for name in COUNTERS)]


def test_errors_say_what_to_do(db):


    for sql in ("select pawl.enqueue('nobody')", "select pawl.cancel_job(7)", "select pawl.retry_task(7, 8)",
                "select pawl.define_kind('x', 'teleport')", "select pawl.define_kind('x', 'sql', 'nowhere.at_all')"):
        with pytest.raises(psycopg.Error) as refused:
            db.rows(sql)
        assert refused.value.sqlstate.startswith("PW")
        assert refused.value.diag.message_hint, sql


def test_pinned_plans_are_not_compiled(db):
    """A function that discourages a kind of plan makes it cost ten thousand million; PostgreSQL then
    compiles such a plan at every call, for 60 ms, unless it is told not to."""
    pinned = db.rows("""
      select p.oid::regprocedure::text, 'jit=off' = any (p.proconfig) from pg_proc p
      where p.pronamespace = 'pawl'::regnamespace and array_to_string(p.proconfig, ' ') like '%%enable_%%=off%%'""")
    assert pinned and all(is_off for _, is_off in pinned), pinned
