-- cron.schedule(schedule, command), cron.schedule(job_name, schedule, command): schedules a job, as its caller. With
-- a name that the caller has used already, that job is changed.
-- Returns the job's id. Refuses null where something must be said, and a schedule that is none (22023).
-- Locks: as cron.job's trigger.
create or replace function cron.schedule(schedule text, command text) returns bigint
language plpgsql volatile strict
set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobid bigint;
begin
  insert into cron.job as j (schedule, command)
  values ($1, $2)
  returning j.jobid into v_jobid;
  return v_jobid;
end
$$;
comment on function cron.schedule(text, text) is 'schedule a pg_cron job';

create or replace function cron.schedule(job_name text, schedule text, command text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_jobid bigint;
begin
  if $1 is null or $2 is null or $3 is null then
    raise exception '% can not be NULL', case when $1 is null then 'job_name' when $2 is null then 'schedule' else 'command' end
      using errcode = 'null_value_not_allowed';
  end if;
  insert into cron.job as j (jobname, schedule, command)
  values ($1, $2, $3)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule,
        command = excluded.command
  returning j.jobid into v_jobid;
  return v_jobid;
end
$$;
comment on function cron.schedule(text, text, text) is 'schedule a pg_cron job';
