-- cron.job: a row a job. Each is a schedule of Pawl's, "pg_cron:JOBID", which the trigger keeps in step, also when
-- somebody writes into the table. Its policies are Pawl's, unless it is given others: catch-up once (the extension
-- skips), overlap queue as there.
-- Times are read by the clock of the setting cron.timezone, if the database has one, else of UTC, as there.
create table if not exists cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default coalesce(inet_server_port(), current_setting('port')::integer),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
comment on table cron.job is 'jobs, as pg_cron has them; a user sees his own';
comment on column cron.job.jobid is 'from cron.jobid_seq; the schedule is "pg_cron:JOBID"';
comment on column cron.job.schedule is 'five fields, or ''30 seconds''';
comment on column cron.job.command is 'statements, run in one transaction';
comment on column cron.job.nodename is 'has no meaning here';
comment on column cron.job.nodeport is 'has no meaning here';
comment on column cron.job.database is 'this one';
comment on column cron.job.username is 'who runs it: who scheduled it';
comment on column cron.job.active is 'it runs by itself';
comment on column cron.job.jobname is 'null: it has none';

alter table cron.job enable row level security;
drop policy if exists cron_job_policy on cron.job;
create policy cron_job_policy on cron.job using (username = current_user);
grant select, insert, update, delete on cron.job to public;

-- Locks: the schedule's row.
create or replace function cron.sync_job() returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seconds text;
begin
  if tg_op = 'DELETE' then
    delete from pawl.schedules s where s.name = 'pg_cron:' || old.jobid;
    return null;
  end if;
  if new.database <> pg_catalog.current_database() then
    raise exception 'job % is for the database "%", and Pawl runs jobs in this one only', new.jobid, new.database
      using errcode = 'feature_not_supported', hint = 'Schedule it in that database: pawl migrate --compat pg_cron, and a node, there.';
  end if;
  if tg_op = 'UPDATE' and new.jobid <> old.jobid then
    delete from pawl.schedules s where s.name = 'pg_cron:' || old.jobid;
  end if;
  v_seconds := (pg_catalog.regexp_match(new.schedule, '^\s*([1-9]|[1-5]\d)\s*seconds?\s*$', 'i'))[1];
  begin
    perform pawl.define_schedule(
      'pg_cron:' || new.jobid, 'pg_cron', pg_catalog.jsonb_build_object('jobid', new.jobid),
      p_every => pg_catalog.make_interval(secs => v_seconds::double precision),
      p_cron => case when v_seconds is null then new.schedule end,
      p_time_zone => nullif(nullif(pg_catalog.current_setting('cron.timezone', true), ''), 'GMT'),
      p_is_enabled => new.active,
      p_overlap => case when tg_op = 'INSERT' then 'queue' end);
  exception
    when sqlstate 'PW006' then
      raise exception 'invalid schedule: %', new.schedule
        using errcode = 'invalid_parameter_value', detail = sqlerrm,
          hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end;
  return null;
end
$$;
comment on function cron.sync_job() is 'trigger: a job''s schedule is as the job says';
revoke execute on function cron.sync_job() from public;

drop trigger if exists sync_job on cron.job;
create trigger sync_job after insert or update or delete on cron.job
for each row execute function cron.sync_job();
comment on trigger sync_job on cron.job is 'keeps the job''s schedule in step';

-- truncate fires no row trigger
create or replace function cron.sync_no_jobs() returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.schedules s where s.kind = 'pg_cron' and s.name like 'pg_cron:%';
  return null;
end
$$;
comment on function cron.sync_no_jobs() is 'trigger: no job has a schedule any more';
revoke execute on function cron.sync_no_jobs() from public;

drop trigger if exists sync_no_jobs on cron.job;
create trigger sync_no_jobs after truncate on cron.job
for each statement execute function cron.sync_no_jobs();
comment on trigger sync_no_jobs on cron.job is 'keeps the jobs'' schedules in step';
