"""SQL as people write it for pg_cron and pg_net, unchanged, on what stands in for them. Guards I7 for both: what was
asked for while no node ran is done when one does, once."""
import json
import socket

import psycopg
import pytest

from function import Function
from program import pawl
from test_01_migrate import dump, psql
from waiting import until


@pytest.fixture
def compat(databases, shared_server):
    """A database with both of them."""
    db = databases(shared_server, is_migrated=False)
    db.pawl("migrate", "--compat", "pg_cron,pg_net")
    return db


# ---- pawl migrate --compat ----

def schemas(db):
    return [row[0] for row in db.rows("select nspname from pg_namespace where nspname in ('cron', 'net', 'pawl') order by 1")]


def test_it_comes_on_request_and_stays_up_to_date(db, databases, shared_server):
    assert schemas(db) == ["pawl"] and db.json("migrate", "status")["compat"] == []
    plain = dump(db)
    assert "applied what stands in for pg_cron" in db.pawl("migrate", "--compat", "pg_cron").stdout
    assert schemas(db) == ["cron", "pawl"]
    assert db.json("migrate", "status")["compat"] == ["pg_cron"] and db.json("migrate", "status")["is_current"] is True
    assert "stands in for pg_cron" in db.pawl("migrate", "status").stdout
    assert db.pawl("migrate").stdout == db.pawl("migrate", "--compat", "pg_cron").stdout == "nothing to do: the schema is up to date\n"
    assert [line for line in dump(db) if line not in plain], "it made something"
    with_compat = dump(db)

    # a later program brings it up to date without being asked again
    db.rows("drop function cron.unschedule(text)")
    db.rows("update pawl.present set checksum = 'another'")
    assert db.json("migrate")["compat"] == ["pg_cron"]
    assert dump(db) == with_compat

    # the script for psql does the same, asked for at once or before
    by_psql = databases(shared_server, is_migrated=False)
    psql(by_psql, pawl("migrate", "--sql", "--compat", "pg_cron").stdout)
    assert dump(by_psql) == with_compat
    by_psql.rows("drop function cron.unschedule(text)")
    psql(by_psql, pawl("migrate", "--sql").stdout)
    assert dump(by_psql) == with_compat
    without = databases(shared_server, is_migrated=False)
    psql(without, pawl("migrate", "--sql").stdout)
    assert dump(without) == plain


def test_it_takes_nobodys_place(db):
    before = dump(db)

    def refused(*parts, names="pg_cron", code=5):
        said = db.pawl("migrate", "--compat", names, code=code).stderr
        for part in parts:
            assert part in said, said
        assert [line for line in dump(db) if "theirs" not in line] == [line for line in before if "theirs" not in line]

    refused('"pgcron" is nothing', "pg_cron", names="pgcron", code=2)
    refused('"" is nothing', names="pg_cron,", code=2)
    refused('"pg_cro" is nothing', names="pg_cron,pg_cro", code=2)
    db.rows("create schema cron; create table cron.theirs (n integer)")
    before = dump(db)
    refused('schema "cron" that is not Pawl\'s', "Rename")
    db.rows("drop schema cron cascade")
    # The catalog says that it is installed: here is no such extension to install.
    with db.connect() as connection:
        connection.execute("set allow_system_table_mods = on")
        connection.execute("""insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
          select 99999, 'pg_cron', extowner, extnamespace, false, '1.6' from pg_extension where extname = 'plpgsql'""")
    said = db.pawl("migrate", "--compat", "pg_cron", code=5).stderr
    assert "the extension pg_cron (version 1.6) is installed" in said and "drop extension pg_cron" in said
    assert schemas(db) == ["pawl"]
    db.pawl("migrate")
    with db.connect() as connection:
        connection.execute("set allow_system_table_mods = on")
        connection.execute("delete from pg_extension where oid = 99999")
    db.rows("select pawl.define_kind('pg_cron', 'noop')")
    assert 'a kind "pg_cron" that does something else' in db.pawl("migrate", "--compat", "pg_cron", code=5).stderr
    assert schemas(db) == ["pawl"]


# ---- pg_cron ----

# As a migration of an application has it.
CRON_MIGRATION = """
create table public.events (id bigserial primary key, created_at timestamptz not null default now(), kind text);
create table public.ticks (at timestamptz not null default clock_timestamp(), who text not null default current_user);

create or replace function public.tick() returns void language plpgsql security definer as $fn$
begin
  insert into public.ticks (who) values ('function');
end;
$fn$;

-- remove the old version of the job, if it is there
do $$
begin
  perform cron.unschedule('delete-old-events');
exception when others then
  null;
end $$;

select cron.schedule(
  'delete-old-events',
  '30 3 * * 6', -- Saturday at 3:30am (GMT)
  $$ delete from public.events where created_at < now() - interval '1 week' $$
);
SELECT cron.schedule('tick', '1 seconds', $$SELECT public.tick();$$);
select cron.schedule('0 12 $ * *', 'CALL process_payroll()');
SELECT cron.schedule('nightly-vacuum', '0 10 * * *', 'VACUUM');
"""


def details(db, name):
    return db.rows("""select d.status, d.return_message from cron.job_run_details d join cron.job j using (jobid)
      where j.jobname = %s order by d.runid""", name)


def make_due(db, name, when="clock_timestamp()"):
    db.rows(f"""update pawl.schedules s set next_run_at = {when}, next_jitter = '0' from cron.job j
      where j.jobname = %s and s.name = 'pg_cron:' || j.jobid""", name)


def test_cron_sql_runs_unchanged(compat, serve):
    psql(compat, CRON_MIGRATION)
    psql(compat, "drop table public.events, public.ticks cascade; drop function public.tick();" + CRON_MIGRATION)
    assert compat.rows("select jobname, schedule from cron.job where active order by 1, 2") == [
        ("delete-old-events", "30 3 * * 6"), ("nightly-vacuum", "0 10 * * *"), ("tick", "1 seconds"),
        (None, "0 12 $ * *"), (None, "0 12 $ * *")], "one with a name is there once"

    serve(compat)
    until(lambda: compat.value("select count(*) from public.ticks") >= 3, 10, "every second")
    assert compat.value("select bool_and(who = 'function') from public.ticks")
    assert set(details(compat, "tick")) == {("succeeded", "1 row")}

    compat.rows("insert into public.events (created_at) values (now() - interval '8 days'), (now())")
    make_due(compat, "delete-old-events")
    until(lambda: details(compat, "delete-old-events"), 5, "it has run")
    assert details(compat, "delete-old-events") == [("succeeded", "DELETE 1")]

    compat.rows("select cron.alter_job(job_id := (select jobid from cron.job where jobname = 'tick'), schedule := '* * * * *', command := 'select 1/0')")
    before = len(details(compat, "tick"))
    make_due(compat, "tick")
    until(lambda: details(compat, "tick")[-1][0] == "failed", 5, "it has failed")
    assert details(compat, "tick")[-1] == ("failed", "ERROR:  division by zero\n")
    assert compat.value("select count(*) from pawl.tasks where status not in ('completed', 'pending', 'running')") == 0, "it is not tried again"

    assert compat.value("select cron.unschedule('tick')") is True
    compat.rows("select cron.unschedule(jobid) from cron.job")
    assert compat.json("schedule", "list") == [] and compat.value("select count(*) from cron.job") == 0
    assert compat.value("select count(*) from cron.job_run_details") >= before, "what was recorded stays"


def test_cron_jobs_run_as_who_scheduled_them(compat, serve):
    compat.rows("create table public.who (job text, who text)")
    compat.rows("create role cron_ada_%s login" % compat.name)
    ada = f"cron_ada_{compat.name}"
    compat.rows(f"grant usage on schema cron to {ada}; grant insert on public.who to {ada}")
    with psycopg.connect(compat.server.url(compat.name, user=ada), autocommit=True) as connection:
        connection.execute("select cron.schedule('mine', '1 second', $$insert into public.who values ('mine', current_user)$$)")
        connection.execute("select cron.schedule('theft', '1 second', $$reset role; insert into public.who select 'theft', current_user$$)")
        assert connection.execute("select count(*) from cron.job").fetchone() == (2,)
    serve(compat)
    until(lambda: compat.rows("select distinct job, who from public.who") == [("mine", ada)], 10, lambda: compat.rows("select status, return_message, command from cron.job_run_details limit 3"))
    until(lambda: details(compat, "theft"), 10, "the other has run, too")
    assert details(compat, "theft")[0] == ("failed", 'ERROR:  cannot set parameter "role" within security-definer function\n')
    compat.rows("delete from cron.job")
    assert compat.rows("select distinct job, who from public.who") == [("mine", ada)]

    # what one leaves in its session the next does not find: the executor takes its first connection again
    compat.rows("""select cron.schedule('listener', '0 3 * * *', $$listen something; set work_mem = '7MB'$$)""")
    make_due(compat, "listener")
    until(lambda: details(compat, "listener") == [("succeeded", "SET")], 5, "it has run")
    compat.rows("""create table public.found (what text, pid integer);
      select cron.schedule('looker', '0 3 * * *', $$insert into public.found select coalesce((select pg_listening_channels() limit 1),
        current_setting('work_mem')), pg_backend_pid()$$)""")
    make_due(compat, "looker")
    until(lambda: details(compat, "looker") == [("succeeded", "INSERT 0 1")], 5, "it has run")
    assert compat.rows("select what, pid from public.found") == compat.rows(
        "select '4MB', d.job_pid from cron.job_run_details d join cron.job j using (jobid) where j.jobname = 'listener'")
    compat.rows(f"drop owned by {ada}; drop role {ada}")


def test_no_superuser_is_needed(databases, shared_server, launch):
    """A host's role that owns the schemas, an application's that schedules, and one that the node may not be."""
    db = databases(shared_server, is_migrated=False)
    host, app, other = (f"{name}_{db.name}" for name in ("host", "app", "other"))
    db.rows(f"""create role {host} login; create role {app} login; create role {other} login; grant {app} to {host};
      grant create on database {db.name} to {host}""")
    db.rows(f"create table public.who (job text, who text); grant insert on public.who to {host}, {app}, {other}")
    url = shared_server.url(db.name, user=host)
    pawl("migrate", "--compat", "pg_cron,pg_net", "--db", url)
    pawl("migrate", "--db", url)
    node = launch("serve", "--db", url)
    for role in (host, app, other):
        with psycopg.connect(shared_server.url(db.name, user=role), autocommit=True) as connection:
            if role == host:
                connection.execute(f"grant usage on schema cron to {app}, {other}")
            connection.execute("select cron.schedule('job', '1 second', $$insert into public.who values ('job', current_user)$$)")
            connection.execute("select net.http_get('http://127.0.0.1:1/')")
    until(lambda: {row[0] for row in db.rows("select username from cron.job_run_details")} == {host, app, other}, 15, node.said)
    assert {row[0] for row in db.rows("select who from public.who")} == {host, app}
    (status, said), = db.rows("select distinct status, return_message from cron.job_run_details where username = %s", other)
    assert status == "failed" and f'role "{host}", with which the node runs, may not run commands as "{other}"' in said
    assert f"grant {other} to {host}" in said
    until(lambda: db.value("select count(*) from net._http_response where error_msg like '%%allow_private%%'") == 3, 10, "three answers")
    node.kill()
    db.rows(f"drop owned by {host}, {app}, {other} cascade; drop role {host}, {app}, {other}")


def test_cron_commands_that_refuse_a_transaction(compat, serve):
    """The guides' nightly vacuum; and a procedure that commits, which only the node's own user may have."""
    ada = f"cron_vacuum_{compat.name}"
    compat.rows(f"""create role {ada} login; grant usage on schema cron to {ada}; create schema his authorization {ada};
      create table public.steps (who text); grant insert on public.steps to {ada};
      create procedure public.walk() language plpgsql as $$
      begin
        insert into public.steps values (current_user);
        commit;
        insert into public.steps values (current_user);
        raise exception 'too far';
      end $$""")
    with psycopg.connect(compat.server.url(compat.name, user=ada), autocommit=True) as connection:
        connection.execute("create table his.things (n integer); insert into his.things select generate_series(1, 100)")
        connection.execute("select cron.schedule('his-vacuum', '0 10 * * *', 'vacuum analyze his.things;')")
        connection.execute("select cron.schedule('his-walk', '0 10 * * *', 'call public.walk()')")
        connection.execute("select cron.schedule('his-two', '0 10 * * *', 'vacuum his.things; reset role')")
        connection.execute("select cron.schedule('not-his', '0 10 * * *', 'vacuum public.steps, nothing')")
    compat.rows("select cron.schedule('nightly-vacuum', '0 10 * * *', 'VACUUM')")
    compat.rows("select cron.schedule('walk', '0 10 * * *', 'call public.walk()')")
    compat.rows("select cron.schedule('again', '0 10 * * *', 'select current_user')")
    serve(compat)
    for name in ("his-vacuum", "his-walk", "his-two", "not-his", "nightly-vacuum", "walk"):
        make_due(compat, name)
    until(lambda: compat.value("select count(*) from cron.job_run_details") == 6, 15, "all have run")
    assert details(compat, "nightly-vacuum") == [("succeeded", "VACUUM")]
    assert details(compat, "his-vacuum") == [("succeeded", "VACUUM")]
    assert compat.value("select reltuples from pg_class where oid = 'his.things'::regclass") == 100
    assert details(compat, "walk") == [("failed", "ERROR:  too far\n")]
    assert compat.rows("select who from public.steps") == [("postgres",)], "what it has committed stays"
    assert details(compat, "his-walk") == [("failed", "ERROR:  invalid transaction termination\n")]
    assert details(compat, "his-two") == [("failed", "ERROR:  cannot insert multiple commands into a prepared statement\n")]
    assert details(compat, "not-his")[0][0] == "failed" and "nothing" in details(compat, "not-his")[0][1]
    assert compat.value("select count(distinct job_pid) from cron.job_run_details") >= 4, "each on a connection of its own"
    make_due(compat, "again")
    until(lambda: details(compat, "again") == [("succeeded", "1 row")], 5, "others go on")
    assert compat.value("select count(*) from pawl.tasks where status <> 'completed'") == 0
    compat.rows(f"drop owned by {ada} cascade; drop role {ada}")


def test_cron_jobs_survive_an_outage_and_a_killed_node(compat, serve):
    """What was due while no node ran is made up for once; a run that a dead node had begun is made again, with one effect."""
    compat.rows("create table public.runs (started timestamptz default clock_timestamp())")
    compat.rows("select cron.schedule('slow', '0 3 * * *', $$insert into public.runs default values; select pg_sleep(2)$$)")
    make_due(compat, "slow", "clock_timestamp() - interval '5 days'")
    victim = serve(compat)
    until(lambda: compat.value("select count(*) from pawl.tasks where status = 'running'") == 1, 5, "it runs")
    victim.kill()
    until(lambda: compat.value("select count(*) from pg_stat_activity where application_name = 'pawl sql' and datname = current_database()") == 0
          or compat.value("select count(*) from cron.job_run_details") == 1, 10, "its session has ended")
    serve(compat)
    until(lambda: compat.value("select count(*) from pawl.tasks where status in ('waiting', 'pending', 'running')") == 0, 40, "it has ended")
    assert details(compat, "slow") == [("succeeded", "1 row")]
    assert compat.value("select count(*) from public.runs") == 1
    assert compat.value("select next_run_at > now() from pawl.schedules")


# ---- pg_net ----

@pytest.fixture
def function():
    made = Function()
    yield made
    made.stop()


@pytest.fixture
def net(compat):
    """Requests may go to this machine, which is said to the kind, as docs/compat.md has it."""
    compat.pawl("kind", "set", "pg_net", "--allow-private")
    return compat


# As the guides of a host have it: a trigger of one's own, and the one that its dashboard makes.
NET_MIGRATION = """
create table public.orders (id bigint generated always as identity primary key, item text);

create or replace function public.on_order_created()
returns trigger
language plpgsql
security definer
as $$
declare
  request_id bigint;
begin
  select net.http_post(
    url := '{url}/fulfil?ms=10',
    headers := '{{"Content-Type": "application/json", "Authorization": "Bearer anon-key"}}'::jsonb,
    body := jsonb_build_object('payload', jsonb_build_object('type', TG_OP, 'table', TG_TABLE_NAME, 'record', row_to_json(NEW))),
    timeout_milliseconds := 2000
  ) into request_id;
  return new;
end;
$$;

create trigger order_created after insert on public.orders
for each row execute function public.on_order_created();

create schema supabase_functions;
create function supabase_functions.http_request() returns trigger language plpgsql security definer set search_path = supabase_functions as $function$
  declare
    request_id bigint;
    payload jsonb;
    url text := TG_ARGV[0]::text;
    method text := TG_ARGV[1]::text;
    headers jsonb default '{{}}'::jsonb;
    params jsonb default '{{}}'::jsonb;
    timeout_ms integer default 1000;
  begin
    if TG_ARGV[2] is not null and TG_ARGV[2] <> 'null' then headers = TG_ARGV[2]::jsonb; end if;
    if TG_ARGV[3] is not null and TG_ARGV[3] <> 'null' then params = TG_ARGV[3]::jsonb; end if;
    case
      when method = 'GET' then
        select http_get into request_id from net.http_get(url, params, headers, timeout_ms);
      when method = 'POST' then
        payload = jsonb_build_object('old_record', OLD, 'record', NEW, 'type', TG_OP, 'table', TG_TABLE_NAME, 'schema', TG_TABLE_SCHEMA);
        select http_post into request_id from net.http_post(url, payload, params, headers, timeout_ms);
      else
        raise exception 'method argument %% is invalid', method;
    end case;
    return new;
  end
$function$;
create trigger hook after update on public.orders for each row
execute function supabase_functions.http_request('{url}/fulfil', 'POST', '{{"Content-Type":"application/json"}}', '{{"source":"hook"}}', '1000');
"""


def wait_answers(db, *ids, seconds=10):
    until(lambda: db.value("select count(*) from net._http_response where id = any (%s)", list(ids)) == len(ids), seconds,
          lambda: f"answers: {db.rows('select * from net._http_response')}, queue: {db.rows('select id, status, error from pawl.tasks')}")


def test_net_triggers_run_unchanged(net, function, serve):
    psql(net, NET_MIGRATION.format(url=function.url("")).replace("%%", "%"))
    serve(net)
    net.rows("insert into public.orders (item) select 'item ' || n from generate_series(1, 5) n")
    until(lambda: net.value("select count(*) from net._http_response") == 5, 10, "five answers")
    assert net.value("select bool_and(status_code = 200 and content_type = 'application/json' and not timed_out and error_msg is null) from net._http_response")
    calls = function.records()
    assert sorted(json.loads(call["body"])["payload"]["record"]["item"] for call in calls) == [f"item {n}" for n in range(1, 6)]
    assert {call["headers"]["authorization"] for call in calls} == {"Bearer anon-key"}
    assert {call["headers"]["content-type"] for call in calls} == {"application/json"}

    net.rows("update public.orders set item = 'changed' where id = 1")
    until(lambda: len(function.records()) == 6, 10, "the hook has called")
    hook = function.records()[-1]
    assert hook["query"] == "?source=hook" and json.loads(hook["body"])["old_record"] == {"id": 1, "item": "item 1"}

    # rolled back, there was no request
    psql(net, "begin; insert into public.orders (item) values ('never'); rollback;")
    # in the same session, with waiting
    id = net.value("select net.http_get(%s, params := '{\"body\": \"hello\"}')", function.url("/say"))
    assert net.rows("select (r).status::text, (r).message, ((r).response).status_code, ((r).response).body from net.http_collect_response(%s, async := false) r", id) == \
        [("SUCCESS", "ok", 200, "hello")]
    assert net.value("select headers ->> 'content-type' from net._http_response where id = %s", id) == "text/plain"
    id = net.value("select net.http_get(%s)", function.url("/say?status=404&body=gone"))
    wait_answers(net, id)
    assert net.rows("select status_code, content, error_msg from net._http_response where id = %s", id) == [(404, "gone", None)]
    id = net.value("select net.http_delete(%s)", function.url("/say?status=204"))
    wait_answers(net, id)
    assert function.records()[-1]["method"] == "DELETE"
    assert "never" not in json.dumps(function.records())


def test_net_requests_survive_an_outage_of_everything(net, function, serve):
    """Asked for while no node runs, sent while the receiver is away and a node is killed: each arrives, under one key."""
    port = function.port
    function.stop()
    psql(net, NET_MIGRATION.format(url=function.url("")).replace("%%", "%"))
    net.rows("insert into public.orders (item) select 'item ' || n from generate_series(1, 40) n")
    assert net.value("select count(*) from net.http_request_queue") == 40
    victim = serve(net)
    until(lambda: net.value("select count(*) from pawl.tasks where wait_reason = 'retry'") == 40, 10, "all are refused and wait")
    assert net.value("select count(*) from net._http_response") == 0
    assert net.value("select (net.http_collect_response(min(id))).status::text from net.http_request_queue") == "PENDING"
    victim.kill()
    back = Function(port=port)
    try:
        serve(net)
        until(lambda: net.value("select count(*) from net._http_response where status_code = 200") == 40, 60, "all have been answered")
        calls = back.records()
        assert {json.loads(call["body"])["payload"]["record"]["id"] for call in calls} == set(range(1, 41))
        assert len({call["headers"]["idempotency-key"] for call in calls}) == 40
    finally:
        back.stop()


def test_a_net_request_that_was_sent_is_not_sent_again_for_its_time(net, function, serve):
    serve(net)
    id = net.value("select net.http_post(%s, '{\"payload\": 1}', timeout_milliseconds := 300)", function.url("/fulfil?ms=1500"))
    wait_answers(net, id)
    assert net.rows("select status_code, timed_out, error_msg is not null from net._http_response where id = %s", id) == [(None, True, True)]
    assert net.value("select attempt from pawl.tasks where id = %s", id) == 1 and len(function.records()) == 1
    # on a connection that is used again, too
    ids = [net.value("select net.http_get(%s)", function.url("/say")),
           net.value("select net.http_post(%s, '{\"payload\": 1}', timeout_milliseconds := 300)", function.url("/fulfil?ms=1500"))]
    wait_answers(net, *ids)
    assert net.value("select attempt from pawl.tasks where id = %s", ids[1]) == 1
    # one that never reached anybody is tried again: its queue is full, so no connection comes about in time
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = []
    for _ in range(4):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(full.getsockname())
    id = net.value("select net.http_get(%s, timeout_milliseconds := 300)", f"http://127.0.0.1:{full.getsockname()[1]}/")
    failing = net.value("select net.http_post(%s)", function.url("/fail?times=1"))
    until(lambda: net.value("select attempt from pawl.tasks where id = %s", id) >= 2, 10, "it is tried again")
    assert net.value("select distinct error_class from pawl.attempts where task_id = %s", id) == "timeout"
    until(lambda: net.value("select attempt from pawl.tasks where id = %s", failing) >= 2, 10, "so is one that the server failed")
    net.rows("delete from net.http_request_queue where id = %s", id)
    assert net.value("select error_msg from net._http_response where id = %s", id) == "deleted from net.http_request_queue"
    # and it can be told otherwise
    net.pawl("kind", "set", "pg_net", "--option", "retry_timeouts=true")
    id = net.value("select net.http_post(%s, '{\"payload\": 1}', timeout_milliseconds := 300)", function.url("/fulfil?ms=1500"))
    until(lambda: net.value("select attempt from pawl.tasks where id = %s", id) >= 2, 10, "it is tried again")


def test_private_addresses_are_refused_unless_allowed(compat, function, serve):
    serve(compat)
    id = compat.value("select net.http_get(%s)", function.url("/say"))
    wait_answers(compat, id)
    assert "allow_private" in compat.value("select error_msg from net._http_response where id = %s", id)
    assert function.records() == []


def test_a_cron_job_that_posts(net, function, serve):
    """The guide's example of both."""
    serve(net)
    psql(net, """
      select cron.schedule(
        'invoke-function-every-second',
        '1 seconds',
        $$
        select
          net.http_post(
              url:='%s',
              headers:=jsonb_build_object('Content-Type','application/json', 'Authorization', 'Bearer ' || 'YOUR_ANON_KEY'),
              body:=concat('{"payload": "', now(), '"}')::jsonb
          ) as request_id;
        $$
      );""" % function.url("/fulfil"))
    until(lambda: len(function.records()) >= 2, 10, "it posts")
    assert set(details(net, "invoke-function-every-second")) == {("succeeded", "1 row")}
    assert function.records()[0]["headers"]["authorization"] == "Bearer YOUR_ANON_KEY"
    psql(net, "select cron.unschedule('invoke-function-every-second')")


# ---- somebody who may use them, and wants more ----

MALLORY = """
  create role {role} login;
  create schema {role} authorization {role};
  create table loot (who text, what text);
  grant insert on loot to public;
  grant usage on schema cron to {role};
  set session authorization {role};
  create function {role}.steal(p_what text) returns boolean language plpgsql as $$ begin
    if current_user <> '{role}' then insert into public.loot values (current_user, p_what); end if;
    return true;
  end $$;"""
TYPES = "".join(f"create domain pg_temp.{name} as pg_catalog.{name} check ({{role}}.steal('type {name}')); "
                for name in ("text", "jsonb", "timestamptz", "name", "oid", "uuid", "regclass", "regproc"))


def test_a_callers_types_are_not_taken_for_postgresqls(compat):
    """net.http_post and the trigger of cron.job run with their owner's rights in the caller's session."""
    role = f"mallory_{compat.value('select oid from pg_database where datname = current_database()')}"
    psql(compat, MALLORY.format(role=role) + TYPES.format(role=role) + """
      select net.http_post('http://127.0.0.1:9/', '{"a": 1}', '{"b": "c"}');
      select net.http_get('http://127.0.0.1:9/');
      select * from net._http_response, net.http_request_queue;
      select cron.schedule('mine', '* * * * *', 'select 1');
      select cron.unschedule('mine');""")
    assert compat.rows("select distinct what from loot") == []
    psql(compat, f"drop owned by {role}; drop role {role}")


def test_a_command_leaves_nothing_that_runs_with_the_nodes_rights(compat, serve):
    role = f"mallory_{compat.value('select oid from pg_database where datname = current_database()')}"
    psql(compat, MALLORY.format(role=role) + f"""
      create function {role}.unlike(a oid, b oid) returns boolean language sql
        as $$ select {role}.steal('operator <>') and not pg_catalog.oideq(a, b) $$;
      create operator {role}.<> (leftarg = oid, rightarg = oid, function = {role}.unlike);
      create function {role}.same(a name, b text) returns boolean language sql
        as $$ select {role}.steal('operator =') and a::text operator(pg_catalog.=) b $$;
      create operator {role}.= (leftarg = name, rightarg = text, function = {role}.same);
      create function {role}.take_names() returns void language plpgsql as $$
      declare
        r record;
      begin
        for r in select s.name, s.statement, s.parameter_types from pg_prepared_statements s loop
          execute pg_catalog.format('deallocate %I', r.name);
          execute pg_catalog.format('prepare %I as select {role}.steal(%L)', r.name, 'statement');
        end loop;
      end $$;
      select cron.schedule('path', '1 second', 'set search_path = {role}, pg_catalog');
      select cron.schedule('types', '1 second', $${TYPES.format(role=role)}$$);
      select cron.schedule('names', '1 second', 'select {role}.take_names()');
      alter role {role} set search_path = {role}, pg_catalog;""")
    psql(compat, "create role {0}_other; select cron.schedule('role', '1 second', 'set role {0}_other')".format(role))
    serve(compat)
    runs = "select command from cron.job_run_details where status = 'succeeded' group by 1 having count(*) > 2"
    until(lambda: len(compat.rows(runs)) == 4, 60, "each command runs again and again on the same few connections")
    assert compat.rows("select distinct what from loot") == []
    assert compat.rows("select distinct return_message from cron.job_run_details where status <> 'succeeded'") == []
    assert compat.rows("select error from pawl.attempts") == []
    psql(compat, f"drop owned by {role}; drop role {role}, {role}_other")
