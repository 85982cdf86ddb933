"""The schema comes, and comes up to date, in one way only. Guards what HOUSE.md promises of sql/."""
import gzip
import pathlib
import re
import subprocess
import threading

from program import pawl
from server import clean_environment, programs

SQL = pathlib.Path(__file__).parents[2] / "sql"


def dump(db):
    """Without the key that newer pg_dumps draw anew each time."""
    done = subprocess.run([f"{programs()}/pg_dump", "-s", db.url], check=True, text=True, capture_output=True,
                          env=clean_environment())
    return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def psql(db, script):
    subprocess.run([f"{programs()}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", db.url], input=script, check=True,
                   text=True, capture_output=True, env=clean_environment())


def applied(db):
    return db.rows("select number, name, checksum from pawl.migrations order by number")


def states(report):
    return [migration["status"] for migration in report["migrations"]]


def test_fresh_then_nothing_to_do(databases, shared_server):
    db = databases(shared_server, is_migrated=False)
    before = db.json("migrate", "status")
    assert set(states(before)) == {"pending"} and before["is_current"] is False
    first = db.json("migrate")
    assert set(states(first)) == {"applied now"}
    second = db.json("migrate")
    assert set(states(second)) == {"applied"} and second["functions_replaced"] is False
    after = db.json("migrate", "status")
    assert set(states(after)) == {"applied"} and after["is_current"] is True


def test_somebody_elses_schema_is_left_alone(databases, shared_server):
    db = databases(shared_server, is_migrated=False)
    psql(db, "create schema pawl; create table pawl.tasks (theirs integer);")
    before = dump(db)
    refused = pawl("migrate", "--db", db.url, code=5)
    assert "not Pawl's" in refused.stderr and "another database" in refused.stderr
    assert dump(db) == before


def test_all_files_of_sql_are_in_it(db):
    numbered = sorted(path.name for path in (SQL / "migrations").iterdir())
    assert [name for _, name, _ in applied(db)] == [f"migrations/{name}" for name in numbered]


def test_two_at_once_take_turns(databases, shared_server):
    db = databases(shared_server, is_migrated=False)
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(pawl("migrate", "--db", db.url, code=None).returncode))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0, 0]
    assert db.json("migrate", "status")["is_current"] is True


def test_the_script_for_psql_does_the_same(databases, shared_server, db):
    by_psql = databases(shared_server, is_migrated=False)
    script = pawl("migrate", "--sql").stdout
    psql(by_psql, script)
    psql(by_psql, script)  # and again, on what is there
    assert dump(by_psql) == dump(db)
    assert applied(by_psql) == applied(db)
    assert by_psql.json("migrate")["functions_replaced"] is False


def test_an_upgrade_equals_a_fresh_install(databases, shared_server, db):
    """As a program that had the first migration only, and no functions yet, would have left it."""
    old = databases(shared_server, is_migrated=False)
    number, name, checksum = applied(db)[0]
    psql(old, (SQL / "bootstrap.sql").read_text() + (SQL / name).read_text() +
         f"insert into pawl.migrations (number, name, checksum) values ({number}, '{name}', '{checksum}');")
    assert states(old.json("migrate", "status"))[:2] == ["applied", "pending"]
    assert states(old.json("migrate"))[:2] == ["applied", "applied now"]
    assert dump(old) == dump(db)
    assert applied(old) == applied(db)


def test_an_upgrade_of_what_people_have_equals_a_fresh_install(databases, shared_server, db):
    """The whole schema as it was, with its functions: one whose arguments have changed since is dropped by a
    migration, or two of it stay, or the new one is refused. And what was in the tables goes on."""
    for script in sorted((pathlib.Path(__file__).parent / "released").iterdir()):
        old = databases(shared_server, is_migrated=False)
        psql(old, gzip.decompress(script.read_bytes()).decode())
        psql(old, """
          create function public.work(jsonb) returns jsonb language sql as 'select $1';
          select pawl.define_kind('limited', 'sql', 'public.work', p_max_running => 3, p_start_interval_ms => 1);
          select pawl.define_kind('a "kind"', 'noop');
          select pawl.enqueue('limited', '{"n": 1}', p_key => 'k', p_priority => 3);
          select pawl.enqueue('a "kind"', p_run_at => now() + interval '1 hour');
          select pawl.create_job('a "kind"', array_fill('{}'::jsonb, array[100]));
          select pawl.create_job('limited', array_fill('{}'::jsonb, array[10]), p_limiter_key => 'kind:limited');
          select pawl.define_schedule('often', 'limited', '{}', p_every => '5 minutes');
          select pawl.define_schedule('nightly', 'a "kind"', '[]', p_cron => '0 3 * * *', p_time_zone => 'Europe/Berlin');
          select pawl.define_schedule('site', 'crawl', '{"url": "http://127.0.0.1:9/"}', p_every => '1 day', p_replace => true);
          select * from pawl.fold();""")
        before = old.rows("select id, kind, total, pending, waiting from pawl.jobs order by id")
        times = old.rows("select name, next_run_at from pawl.schedules order by name")
        old.json("migrate")
        psql(old, "drop function public.work(jsonb)")
        assert dump(old) == dump(db), script.name
        assert old.rows("select id, kind, total, pending, waiting from pawl.jobs order by id") == before
        assert old.rows("select name, next_run_at from pawl.schedules order by name") == times
        assert old.rows("select name, overlap from pawl.schedules order by name") == [
            ("nightly", "skip"), ("often", "skip"), ("site", "allow")]
        # the same job again, and the same task
        assert old.rows("select * from pawl.enqueue('limited', p_key => 'k')") == old.rows(
            "select job_id, id from pawl.tasks where key = 'k'")


def test_what_was_spent_is_still_spent_when_bytes_get_a_window(databases, shared_server, db):
    """Limiters as they were when calls and bytes had one window (before 0014), and one whose budget had been taken away."""
    old = databases(shared_server, is_migrated=False)
    script = (SQL / "bootstrap.sql").read_text()
    for number, name, checksum in applied(db)[:13]:
        script += (SQL / name).read_text()
        script += f"insert into pawl.migrations (number, name, checksum) values ({number}, '{name}', '{checksum}');"
    psql(old, script + """
      insert into pawl.limiters (key, window_ms, max_calls, max_bytes, estimated_bytes, spent_window_ms, spent_slot, spent_calls, spent_bytes)
      values ('both', 3600000, 10, 1000, 100, 3600000, floor(extract(epoch from now()) / 60), array_fill(0, array[60]) || 7, array_fill(0, array[60]) || 950);
      insert into pawl.limiters (key, window_ms) values ('left', 60000);""")
    old.json("migrate")
    assert old.rows("select a.granted from pawl.admit_tasks('both', 5) a") == [(0,)], "50 bytes are left, of which none takes 100"
    old.rows("update pawl.limiters set max_bytes = 5000 where key = 'both'")
    assert old.rows("select a.granted from pawl.admit_tasks('both', 5) a") == [(3,)], "and 3 calls"
    assert old.rows("select window_ms, is_limiting from pawl.limiters where key = 'left'") == [(None, False)]


def test_functions_that_differ_are_replaced(db):
    expected = dump(db)
    db.rows("""create or replace function pawl.now() returns timestamptz language sql stable parallel safe
      as $$ select 'epoch'::timestamptz $$""")
    db.rows("update pawl.present set checksum = 'another'")
    assert db.json("migrate")["functions_replaced"] is True
    assert dump(db) == expected


def test_a_schema_that_does_not_fit_is_refused(db):
    db.rows("insert into pawl.migrations (number, name, checksum) values (9999, 'migrations/9999_future.sql', 'x')")
    expected = dump(db)
    for words in (["migrate"], ["migrate", "status"], ["serve"], ["job", "list"]):
        refused = db.pawl(*words, code=5)
        assert "newer" in refused.stderr and "9999_future" in refused.stderr and "hint:" in refused.stderr
    assert dump(db) == expected
    db.rows("delete from pawl.migrations where number = 9999")
    db.rows("update pawl.migrations set checksum = 'x' where number = 1")
    assert re.search("migration .*0001.* was applied with another content", db.pawl("migrate", code=5).stderr)


def test_a_database_without_a_schema_is_refused(databases, shared_server):
    bare = databases(shared_server, is_migrated=False)
    for words in (["serve"], ["status"], ["job", "list"], ["enqueue", "work", "{}"]):
        assert "pawl migrate" in bare.pawl(*words, code=5).stderr
    assert bare.value("select to_regnamespace('pawl') is null")


def test_a_failure_leaves_the_database_as_it_was(databases, shared_server):
    db = databases(shared_server, is_migrated=False)
    db.rows("create schema pawl; create type pawl.job_status as enum ('mine')")
    expected = dump(db)
    assert "0001" in db.pawl("migrate", code=4).stderr
    assert dump(db) == expected


def test_a_node_goes_on_while_somebody_migrates(db, serve):
    db.kind("work")
    serve(db)
    job = db.job("work", 20_000)
    db.rows("update pawl.present set checksum = 'another'")
    db.pawl("migrate")
    db.wait_job(job)
    db.wait_folded()
    db.assert_exact()
