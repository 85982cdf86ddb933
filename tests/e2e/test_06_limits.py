"""Limits hold over all nodes together. Guards I11."""
import psycopg
import pytest

from waiting import until


def most_at_once(db):
    """From the effects' own clock: when each began and ended."""
    return db.value("""
      select max(at_once) from (
        select sum(change) over (order by at, change) as at_once
        from (select started_at as at, 1 as change from app.effects
              union all select ended_at, -1 from app.effects) changes) counted""")


def test_never_more_at_once_than_allowed(db, effects, serve):
    """A node runs four SQL functions at once, so six take two nodes of the four at least."""
    db.kind("slow", "sql", "app.act_slowly", max_running=6)
    for _ in range(4):
        serve(db)
    job = db.job("slow", 200)
    db.wait_job(job)
    effects.assert_once(200)
    assert most_at_once(db) == 6, "the limit holds, and is used"
    assert db.value("select count(distinct node_id) from pawl.tasks") > 1


def test_a_limit_that_is_raised_is_used_at_once(db, effects, serve):
    db.kind("slow", "sql", "app.act_slowly", max_running=1)
    serve(db)
    job = db.value("""select pawl.create_job('slow', array(
      select jsonb_build_object('n', n, 'seconds', 0.1) from generate_series(1, 40) n))""")
    until(lambda: db.progress(job)["completed"] >= 2, 10, "it is under way")
    assert most_at_once(db) == 1
    db.kind("slow", "sql", "app.act_slowly", max_running=4)
    db.wait_job(job)
    assert most_at_once(db) == 4


def test_starts_keep_their_distance(db, effects, serve):
    """A node's first start opens a connection, and any start is late when the machine is busy: up to
    100 ms here. The one after it then seems early. So a stretch of starts may be shorter than the pace
    says by that much, however long it is."""
    interval_ms, late_ms = 150, 100
    db.kind("paced", "sql", "app.act", start_interval_ms=interval_ms)
    serve(db)
    serve(db)
    job = db.job("paced", 20)
    db.wait_job(job)
    effects.assert_once(20)
    starts = [at for at, in db.rows(
        "select extract(epoch from started_at)::float8 * 1000 from app.effects order by 1")]
    for i, first in enumerate(starts):
        for j, second in enumerate(starts[i + 1:], 1):
            assert second - first >= j * interval_ms - late_ms, f"starts {i} and {i + j}"


def test_a_limit_that_is_missing_is_an_error_and_not_unlimited(db, effects, serve):
    db.kind("slow", "sql", "app.act", max_running=2)
    job = db.job("slow", 5)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.rows("delete from pawl.limiters")
    db.rows("set session_replication_role = replica")
    db.rows("delete from pawl.limiters")
    db.rows("set session_replication_role = origin")
    node = serve(db)
    until(lambda: 'limiter "kind:slow" does not exist' in node.said(), 10, "the node says what is missing")
    assert db.progress(job)["pending"] == 5
    db.kind("slow", "sql", "app.act", max_running=2)
    db.wait_job(job)
    effects.assert_once(5)
