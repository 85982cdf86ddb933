-- What stands in for pg_cron: signatures, rights, what becomes of jobs, schedules and runs.
begin;
select * from no_plan();
\set QUIET on
\i ../../sql/compat/pg_cron/schema.sql
\i ../../sql/compat/pg_cron/job.sql
\i ../../sql/compat/pg_cron/job_run_details.sql
\i ../../sql/compat/pg_cron/check_user.sql
\i ../../sql/compat/pg_cron/schedule.sql
\i ../../sql/compat/pg_cron/schedule_in_database.sql
\i ../../sql/compat/pg_cron/alter_job.sql
\i ../../sql/compat/pg_cron/unschedule.sql
\i ../../sql/compat/pg_cron/run_command.sql
\i ../../sql/compat/pg_cron/kind.sql
set local time zone 'UTC';
set local pawl.now = '2030-01-01 00:00:00+00';

create function probe.refusal(p_statement text, p_role text default 'postgres') returns text language plpgsql as $$
begin
  perform set_config('role', p_role, true);
  execute p_statement;
  perform set_config('role', 'none', true);
  return 'done';
exception when others then
  return sqlstate || ' ' || sqlerrm;
end $$;
create function probe.schedule(p_jobid bigint) returns text language sql as $$
  select concat_ws(' | ', s.kind, s.params, s.every, s.cron, s.time_zone, s.is_enabled, s.overlap, s.catch_up, s.next_run_at)
  from pawl.schedules s where s.name = 'pg_cron:' || p_jobid
$$;
-- A run, as a task has it; what job_run_details then says of it.
create function probe.run(p_jobid bigint) returns text language plpgsql as $$
declare
  v_result jsonb := cron.run_command(jsonb_build_object('jobid', p_jobid));
begin
  return (select concat_ws(' | ', d.status, d.return_message) from cron.job_run_details d where d.runid = (v_result ->> 'runid')::bigint);
end $$;

-- the extension's own signatures (pg_cron 1.6: \df cron.*, \d cron.job, \d cron.job_run_details)
select is((
    select array_agg(format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) order by p.proname, p.pronargs)
    from pg_proc p
    where p.pronamespace = 'cron'::regnamespace and p.proname in ('schedule', 'unschedule', 'alter_job', 'schedule_in_database')),
  array[
    'alter_job(job_id bigint, schedule text DEFAULT NULL::text, command text DEFAULT NULL::text, database text DEFAULT NULL::text, username text DEFAULT NULL::text, active boolean DEFAULT NULL::boolean) void',
    'schedule(schedule text, command text) bigint',
    'schedule(job_name text, schedule text, command text) bigint',
    'schedule_in_database(job_name text, schedule text, command text, database text, username text DEFAULT NULL::text, active boolean DEFAULT true) bigint',
    'unschedule(job_id bigint) boolean',
    'unschedule(job_name text) boolean'], 'functions as there') ;
select is((select array_agg(format('%s %s', attname, atttypid::regtype) order by attnum) from pg_attribute where attrelid = 'cron.job'::regclass and attnum > 0),
  array['jobid bigint', 'schedule text', 'command text', 'nodename text', 'nodeport integer', 'database text', 'username text', 'active boolean', 'jobname text'], 'cron.job as there');
select is((select array_agg(format('%s %s', attname, atttypid::regtype) order by attnum) from pg_attribute where attrelid = 'cron.job_run_details'::regclass and attnum > 0),
  array['jobid bigint', 'runid bigint', 'job_pid integer', 'database text', 'username text', 'command text', 'status text', 'return_message text',
    'start_time timestamp with time zone', 'end_time timestamp with time zone'], 'cron.job_run_details as there');

-- scheduling
select cron.schedule('0 10 * * *', 'select 1') as first \gset
select is(probe.schedule(:first), format('pg_cron | {"jobid": %s} | 0 10 * * * | UTC | t | queue | once | 2030-01-01 10:00:00+00', :first), 'a job is a schedule');
select is(to_jsonb(j) - 'jobid' - 'nodeport', jsonb_build_object('schedule', '0 10 * * *', 'command', 'select 1', 'nodename', 'localhost', 'database', current_database(),
    'username', current_user, 'active', true, 'jobname', null), 'with all columns') from cron.job j where jobid = :first;
select cron.schedule('nightly', '30 seconds', 'select 2') as named \gset
select is(probe.schedule(:named), format('pg_cron | {"jobid": %s} | 00:00:30 | UTC | t | queue | once | 2030-01-01 00:00:30+00', :named), 'seconds');
select is(cron.schedule('nightly', '*/5 * * * *', 'select 3'), :named::bigint, 'the same name again changes the job');
select is(probe.schedule(:named), format('pg_cron | {"jobid": %s} | */5 * * * * | UTC | t | queue | once | 2030-01-01 00:05:00+00', :named), 'and its schedule');
select is((select command from cron.job where jobid = :named), 'select 3', 'and its command');
select is(probe.refusal(s), e, s) from (values
  ('select cron.schedule(''every day'', ''select 1'')', '22023 invalid schedule: every day'),
  ('select cron.schedule(''60 seconds'', ''select 1'')', '22023 invalid schedule: 60 seconds'),
  ('select cron.schedule(''0 seconds'', ''select 1'')', '22023 invalid schedule: 0 seconds'),
  ('select cron.schedule(''30 minutes'', ''select 1'')', '22023 invalid schedule: 30 minutes'),
  ('select cron.schedule(null, ''* * * * *'', ''select 1'')', '22004 job_name can not be NULL'),
  ('select cron.schedule(''x'', null, ''select 1'')', '22004 schedule can not be NULL'),
  ('select cron.schedule(''x'', ''* * * * *'', null)', '22004 command can not be NULL'),
  ('select cron.unschedule(''nobody'')', 'P0002 could not find valid entry for job ''nobody'''),
  ('select cron.unschedule(987654)', 'P0002 could not find valid entry for job 987654'),
  ('select cron.alter_job(987654, active := false)', 'P0002 Job 987654 does not exist or you don''t own it'),
  ('select cron.alter_job(null)', '22004 job_id can not be NULL'),
  ('select cron.alter_job(1)', '22023 no updates specified'),
  ('select cron.schedule_in_database(''x'', ''* * * * *'', ''select 1'', ''elsewhere'')', '0A000 job 13 is for the database "elsewhere", and Pawl runs jobs in this one only'),
  ('select cron.schedule_in_database(''x'', ''* * * * *'', ''select 1'', current_database(), ''nobody'')', '42704 role "nobody" does not exist')) v (s, e)
where e not like '0A000%';
select alike(probe.refusal('select cron.schedule_in_database(''x'', ''* * * * *'', ''select 1'', ''elsewhere'')'), '0A000 job % is for the database "elsewhere", and Pawl runs jobs in this one only', 'another database is refused');
select is((select cron.schedule('x' || s, s, 'select 1') is not null), true, s) from unnest(array['1 second', ' 59  Seconds ', '0 12 $ * *', '@daily', '5 4 * * sun']) s;
select is(cron.schedule(null, 'select 1'), null, 'strict, as there');
select is(cron.schedule_in_database('here', '* * * * *', 'select 1', current_database(), active := false) is not null, true, 'this database by name');
select is((select probe.schedule(jobid) like '%| f | queue%' from cron.job where jobname = 'here'), true, 'not active: its schedule is paused');

-- changing
select cron.alter_job(:named, active := false);
select is(probe.schedule(:named), format('pg_cron | {"jobid": %s} | */5 * * * * | UTC | f | queue | once | 2030-01-01 00:05:00+00', :named), 'alter_job: paused');
select cron.alter_job(job_id := :named, schedule := '0 * * * *', command := 'select 4', active := true);
select is(probe.schedule(:named) || (select command from cron.job where jobid = :named),
  format('pg_cron | {"jobid": %s} | 0 * * * * | UTC | t | queue | once | 2030-01-01 01:00:00+00select 4', :named), 'all of it');
select pawl.define_schedule('pg_cron:' || :named, p_overlap => 'skip', p_catch_up => 'skip');
update cron.job set active = false where jobid = :named;
select is(probe.schedule(:named), format('pg_cron | {"jobid": %s} | 0 * * * * | UTC | f | skip | skip | 2030-01-01 01:00:00+00', :named), 'written into the table, and policies that were given stay');
set local cron.timezone = 'Europe/Berlin';
select cron.schedule('berlin', '0 3 * * *', 'select 1') as berlin \gset
select is(probe.schedule(:berlin), format('pg_cron | {"jobid": %s} | 0 3 * * * | Europe/Berlin | t | queue | once | 2030-01-01 02:00:00+00', :berlin), 'cron.timezone');
set local cron.timezone = '';
select is(cron.unschedule('berlin'), true, 'unschedule by name');
select is(cron.unschedule(:first), true, 'and by id');
select is(count(*), 0::bigint, 'the schedules are gone') from pawl.schedules where name in ('pg_cron:' || :berlin, 'pg_cron:' || :first);
select cron.unschedule(jobid) from cron.job where jobname like 'x%';
select is((select count(*) from pawl.schedules), (select count(*) from cron.job), 'as many schedules as jobs');
truncate cron.job;
select is((select count(*) from pawl.schedules), 0::bigint, 'truncated: none');

-- a run
create schema app;
create table app.log (who text, what text);
select cron.schedule('run', '* * * * *', $$insert into app.log values (current_user, 'a'), (current_user, 'b')$$) as run \gset
select is(probe.run(:run), 'succeeded | INSERT 0 2', 'it runs');
select is(to_jsonb(d) - 'runid' - 'start_time' - 'end_time' - 'return_message', jsonb_build_object('jobid', :run, 'job_pid', pg_backend_pid(), 'database', current_database(),
    'username', current_user, 'command', $$insert into app.log values (current_user, 'a'), (current_user, 'b')$$, 'status', 'succeeded'), 'and is recorded')
from cron.job_run_details d where jobid = :run and end_time >= start_time;
create function probe.command(p_command text) returns text language plpgsql as $$
begin
  return probe.run(cron.schedule('probe', '* * * * *', p_command));
end $$;
select is(probe.command(c), e, c) from (values
  ('select 1', 'succeeded | 1 row'),
  ('select 1 where false', 'succeeded | 0 rows'),
  ('select generate_series(1, 3);', 'succeeded | 3 rows'),
  ('update app.log set what = ''; insert''', 'succeeded | UPDATE 2'),
  ('-- clean up; now
    delete from app.log where what = ''c''; ', 'succeeded | DELETE 0'),
  ('insert into app.log values (''me'', ''c''); select what from app.log; /* ; */', 'succeeded | 3 rows'),
  ('create table app.made (n integer); insert into app.made select generate_series(1, 5)', 'succeeded | INSERT 0 5'),
  ('do $do$ begin insert into app.made values (6); end $do$', 'succeeded | DO'),
  ('with gone as (delete from app.made returning *) select count(*) from gone', 'succeeded | 1 row'),
  ('values (1), (2)', 'succeeded | 2 rows'),
  ('', 'succeeded | '),
  ('select 1/0', E'failed | ERROR:  division by zero\n'),
  ('insert into app.made values (7); select nothing from app.made', E'failed | ERROR:  column "nothing" does not exist\n'),
  ('do $$ begin raise exception ''no'' using detail = ''It is late.'', hint = ''Sleep.''; end $$', E'failed | ERROR:  no\nDETAIL:  It is late.\nHINT:  Sleep.\n'),
  ('commit', E'failed | ERROR:  EXECUTE of transaction commands is not implemented\n')) v (c, e);
select is((select count(*) from app.made), 0::bigint, 'what failed has no effect');
select is(cron.run_command('{"jobid": 987654}'), null, 'a job that is no more');
create procedure app.work() language sql as $$ insert into app.log values (current_user, 'called') $$;
select is(probe.command('call app.work()'), 'succeeded | CALL', 'a procedure');

-- what a command leaves behind
select probe.command($$ set search_path = app; set work_mem = '5MB'; create temp table mine as select 1; select pg_advisory_lock(7); declare c cursor with hold for select 1; listen x $$) as left \gset
select is(:'left'::text, 'succeeded | LISTEN', 'a command may do that');
select is(current_setting('work_mem') = '5MB' or current_setting('search_path') = 'app' or to_regclass('pg_temp.mine') is not null
  or exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = 7)
  or exists (select from pg_cursors where name = 'c') or exists (select from pg_listening_channels()), false, 'and leaves nothing to the next');
set local pawl.now = '2030-01-01 00:00:00+00';
set search_path = probe, tap, pg_catalog;
set client_min_messages = error;

-- as its user
create role probe_cron_user login;
create role probe_cron_other;
select is(probe.refusal(s, 'probe_cron_user'), '42501 permission denied for schema cron', 'not without usage: ' || s)
from unnest(array['select cron.schedule(''* * * * *'', ''select 1'')', 'select * from cron.job']) s;
grant usage on schema cron to probe_cron_user, probe_cron_other;
grant usage on schema app to probe_cron_user;
grant select, insert on app.log to probe_cron_user;
set local role probe_cron_user;
select cron.schedule('mine', '* * * * *', $$insert into app.log values (current_user, 'mine')$$) as mine \gset
select cron.schedule('escape', '* * * * *', $$reset role; delete from app.log$$) as escape \gset
select cron.schedule('escape2', '* * * * *', $$set role postgres$$) as escape2 \gset
select cron.schedule('escape3', '* * * * *', $$set session authorization default; delete from app.log$$) as escape3 \gset
select cron.schedule('denied', '* * * * *', $$delete from app.log$$) as denied \gset
reset role;
select is((select username from cron.job where jobid = :mine), 'probe_cron_user', 'a job is its caller''s');
delete from app.log;
select is(probe.run(:mine), 'succeeded | INSERT 0 1', 'it runs');
select is((select array_agg(who) from app.log), '{probe_cron_user}', 'as him');
select is(probe.run(:denied), E'failed | ERROR:  permission denied for table log\n', 'with his rights');
select is(probe.run(:escape), E'failed | ERROR:  cannot set parameter "role" within security-definer function\n', 'and with no others: reset role');
select is(probe.run(:escape2), E'failed | ERROR:  cannot set parameter "role" within security-definer function\n', 'set role');
select alike(probe.run(:escape3), 'failed | ERROR: % "session_authorization" within security-definer function%', 'set session authorization');
select is((select count(*) from app.log), 1::bigint, 'none of which had an effect');
-- put off until the end of the transaction, it would run with the node's rights
grant create on schema app to probe_cron_user;
set local role probe_cron_user;
create table app.trap (n integer);
create function app.spring() returns trigger language plpgsql as $$ begin insert into app.log values (current_user, 'sprung'); return null; end $$;
create constraint trigger spring after insert on app.trap deferrable initially deferred for each row execute function app.spring();
create function app.peek() returns text language plpgsql as $$ begin insert into app.log values (current_user, 'peeked'); return 'x'; end $$;
select cron.schedule('trap', '* * * * *', $$insert into app.trap values (1); declare t cursor with hold for select app.peek()$$) as trap \gset
reset role;
set constraints all deferred; -- as at the beginning of a transaction
select is(probe.run(:trap), 'succeeded | DECLARE', 'a trap is set');
select is((select count(*) from app.log where what = 'sprung'), 1::bigint, 'it is sprung at once');
set constraints all immediate;
select is((select array_agg(distinct who) from app.log), '{probe_cron_user}', 'and catches nobody else');
select is((select count(*) from pg_cursors where name = 't'), 0::bigint, 'no cursor is left to be read later');
select is((select count(*) from pg_proc where proname = 'pawl_run_as'), 0::bigint, 'nor a function');

-- by itself only what was looked at: the command may be another by now
update cron.job set command = 'do $do$ begin reset role; end $do$' where jobid = :mine;
select is((select count(*) from cron.run_command_alone(jsonb_build_object('jobid', :mine))), 0::bigint, 'another''s command does not run by itself');
update cron.job set command = ' Vacuum app.log' where jobid = :mine;
select is(r, row ('probe_cron_user'::text, ' Vacuum app.log'::text), 'unless it is one in which nothing can be said') from cron.run_command_alone(jsonb_build_object('jobid', :mine)) r;
select is((
    select array_agg(p.proname) from pg_proc p
    where p.pronamespace = 'cron'::regnamespace and p.proname <> 'run_command' and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)),
  null, 'names are looked up in pg_catalog, and pg_temp behind it');

-- rights on rows
select is(probe.refusal(s, 'probe_cron_other'), e, 'another: ' || s) from (values
  (format('select cron.unschedule(%s)', :mine), format('P0002 could not find valid entry for job %s', :mine)),
  ('select cron.unschedule(''mine'')', 'P0002 could not find valid entry for job ''mine'''),
  ('insert into cron.job (schedule, command, username) values (''* * * * *'', ''select 1'', ''postgres'')', '42501 new row violates row-level security policy for table "job"'),
  ('update cron.job set username = ''postgres''', 'done'),
  (format('select cron.alter_job(%s, active := false)', :mine), '42501 permission denied for function alter_job'),
  ('select cron.schedule_in_database(''x'', ''* * * * *'', ''select 1'', current_database())', '42501 permission denied for function schedule_in_database'),
  ('select cron.run_command(''{"jobid": 1}'')', '42501 permission denied for function run_command'),
  ('select cron.run_as(''postgres'', ''select 1'', ''public'')', '42501 permission denied for function run_as'),
  ('truncate cron.job', '42501 permission denied for table job'),
  ('insert into cron.job_run_details default values', '42501 permission denied for table job_run_details')) v (s, e);
grant execute on function cron.alter_job(bigint, text, text, text, text, boolean), cron.schedule_in_database(text, text, text, text, text, boolean) to probe_cron_user;
select is(probe.refusal(s, 'probe_cron_user'), e, 'one who was granted it: ' || s) from (values
  (format('select cron.alter_job(%s, username := ''postgres'')', :mine), '42501 must be superuser to alter username'),
  ('select cron.schedule_in_database(''x'', ''* * * * *'', ''select 1'', current_database(), ''postgres'')', '42501 must be superuser to create a job for another role'),
  (format('update cron.job set username = ''postgres'' where jobid = %s', :mine), '42501 new row violates row-level security policy for table "job"'),
  (format('select cron.alter_job(%s, active := false)', :mine), 'done')) v (s, e);
set local role probe_cron_other;
select (select count(*) from cron.job) + (select count(*) from cron.job_run_details) as seen \gset
set local role probe_cron_user;
select (select array_agg(distinct username) from cron.job) as own_jobs, (select count(*) > 3 and bool_and(username = 'probe_cron_user') from cron.job_run_details) as own_runs \gset
delete from cron.job_run_details;
select count(*) as left_over from cron.job_run_details \gset
reset role;
select is(:seen::bigint, 0::bigint, 'another sees none of them');
select is(:'own_jobs'::text, '{probe_cron_user}', 'he sees his own');
select is(:'own_runs'::boolean, true, 'and his runs');
select is(:left_over::bigint, 0::bigint, 'which he may delete');
select is((select count(*) > 5 from cron.job_run_details), true, 'others'' stay');
select cron.alter_job(:mine, username := 'probe_cron_user', active := true);

-- a node without the right to be that user
create role probe_cron_node;
grant usage on schema cron to probe_cron_node;
grant execute on all functions in schema cron to probe_cron_node;
grant select on cron.job to probe_cron_node;
select is(probe.refusal('select cron.run_as(''probe_cron_user'', ''select 1'', ''public'')', 'probe_cron_node'),
  '42501 role "probe_cron_node", with which the node runs, may not run commands as "probe_cron_user": must be member of role "probe_cron_user"', 'says so');
grant probe_cron_user to probe_cron_node;
select is(probe.refusal('select cron.run_as(''probe_cron_user'', ''select current_user'', ''public'')', 'probe_cron_node'), 'done', 'as a member of it it may');

-- his own search_path
alter role probe_cron_user set search_path = app;
set local role probe_cron_user;
select cron.schedule('path', '* * * * *', $$insert into log values (current_user, 'path')$$) as path \gset
reset role;
select is(probe.run(:path), 'succeeded | INSERT 0 1', 'a command sees the search_path of its user');

-- as many runs as are kept
insert into cron.job_run_details (jobid, username) select :run, 'x' from generate_series(1, 1005);
select is(probe.run(:run), 'succeeded | INSERT 0 2', 'another run');
select is((select count(*) from cron.job_run_details where jobid = :run), 1000::bigint, 'of each job the newest 1,000 are kept');
select is((select max(runid) from cron.job_run_details), (select last_value from cron.runid_seq), 'with the last');

-- through a schedule and a task
delete from cron.job where jobid <> :run;
delete from app.log;
set local pawl.now = '2030-01-01 00:01:00+00';
select is(r, row (1, 0), 'due: a task is added') from pawl.run_due_schedules() r;
select probe.node() as node \gset
select last_job_id as job from pawl.schedules where name = 'pg_cron:' || :run \gset
select (probe.claim(:node, :job))[1] as task \gset
select lives_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :task), 'which a node runs');
select is((select status::text || (result ->> 'status') from pawl.tasks where id = :task), 'completedsucceeded', 'and completes');
select is((select count(*) from app.log), 2::bigint, 'with its effect');

-- refused
select throws_ok($$ select pawl.check_compat('plpgsql', 'x') $$, '3F000', 'the extension plpgsql (version 1.0) is installed in this database', 'an extension that is there');
select throws_ok($$ select pawl.check_compat('pg_other', 'app') $$, '3F000', 'this database has a schema "app" that is not Pawl''s', 'a schema that is somebody else''s');
create schema empty;
select lives_ok($$ select pawl.check_compat('pg_other', 'empty') $$, 'an empty one is nobody''s');
select lives_ok($$ select pawl.check_compat('pg_other', 'nowhere') $$, 'nor is one that there is not');
select * from finish();
rollback;
