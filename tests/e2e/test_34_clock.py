"""The database's clock jumps by an hour, in either direction, while nodes work. Guards I5, I7, I11."""
import pytest

from waiting import until

# Everything Pawl decides by time asks these two. That they are asked is what tests/sql/09_house.sql sees to.
CLOCK = """
  create table public.clock (ahead interval not null);
  insert into public.clock values ('0');
  create or replace function pawl.now() returns timestamptz language sql stable parallel safe as
    $$ select pg_catalog.now() + (select c.ahead from public.clock c) $$;
  create or replace function pawl.clock() returns timestamptz language sql volatile parallel safe as
    $$ select pg_catalog.clock_timestamp() + (select c.ahead from public.clock c) $$"""


@pytest.fixture
def clock(db):
    db.rows(CLOCK)
    return lambda ahead: db.rows("update public.clock set ahead = %s", ahead)


def wait_seasoned(db, nodes):
    """Until so many nodes have served for long enough to declare others dead."""
    until(lambda: db.value("select count(*) from pawl.nodes where started_at < clock_timestamp() - interval '21 seconds'") == nodes,
          40, f"{nodes} nodes have served for a while")


def test_forward(db, effects, serve, clock):
    db.kind("slow", "sql", "app.act_slowly")
    db.kind("later", "sql", "app.act")
    nodes = [serve(db) for _ in range(2)]
    wait_seasoned(db, 2)
    ids = db.rows("select id from pawl.nodes order by id")
    job = db.value("""select pawl.create_job('slow', array(
      select jsonb_build_object('n', n, 'seconds', 12) from generate_series(1, 6) n))""")
    later = db.value("""select task_id from pawl.enqueue('later', '{"n": 7}', p_run_at => pawl.now() + interval '50 minutes')""")
    until(lambda: db.value("select count(distinct node_id) from pawl.tasks where status = 'running'") == 2, 10, "both nodes are at work")
    clock("1 hour")
    db.wait_task(later, seconds=35)
    db.wait_job(job)
    assert db.rows("select id from pawl.nodes order by id") == ids, "nobody was taken for dead"
    assert db.value("select sum(stale_finishes) from pawl.nodes") == 0
    assert db.value("select count(*) from pawl.attempts") == 0
    effects.assert_once(7)
    assert all(node.is_running() for node in nodes)


def test_back(db, effects, serve, clock):
    """A node that had died before is found as soon as ever, and no pace waits for the clock to catch up."""
    clock("1 hour")
    db.kind("slow", "sql", "app.act_slowly")
    db.kind("paced", "sql", "app.act", start_interval_ms=100)
    nodes = {node.pid: node for node in (serve(db), serve(db))}
    lost = db.value("""select task_id from pawl.enqueue('slow', '{"n": 0, "seconds": 60}')""")
    until(lambda: db.value("select count(*) from pg_stat_activity where datname = current_database() "
                           "and wait_event = 'PgSleep'"), 10, "the task runs")
    db.rows("create or replace function app.act_slowly(p jsonb) returns void language sql as $$ select app.act(p) $$")
    name = db.value("select n.name from pawl.tasks t join pawl.nodes n on n.id = t.node_id where t.id = %s", lost)
    nodes[int(name.rpartition(":")[2])].kill()
    paced = db.job("paced", 40)
    until(lambda: db.progress(paced)["completed"] >= 5, 10, "some have started")
    clock("0")
    db.wait_job(paced, seconds=10)
    db.wait_task(lost, seconds=40)
    assert db.rows("select attempt, error_class from pawl.attempts") == [(1, "lost")]
    assert db.value("select count(*) from pawl.nodes where dead_at is null") == 1
