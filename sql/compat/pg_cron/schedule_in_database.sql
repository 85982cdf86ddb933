-- cron.schedule_in_database(job_name, schedule, command, database, username, active): as cron.schedule with a name. Pawl
-- runs jobs in the database in which it is, so another one is refused, with the way to it. As in the extension it is
-- for those to whom the owner grants it, and another user is a superuser's to name.
-- Returns the job's id. Locks: as cron.schedule.
create or replace function cron.schedule_in_database(
  job_name text,
  schedule text,
  command text,
  database text,
  username text default null,
  active boolean default true
) returns bigint
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
  if $5 is not null then
    perform cron.check_user($5, 'must be superuser to create a job for another role');
  end if;
  insert into cron.job as j (jobname, schedule, command, database, username, active)
  values ($1, $2, $3, coalesce($4, pg_catalog.current_database()), coalesce($5, current_user), coalesce($6, true))
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule,
        command = excluded.command,
        database = excluded.database
  returning j.jobid into v_jobid;
  return v_jobid;
end
$$;
comment on function cron.schedule_in_database(text, text, text, text, text, boolean) is 'schedule a pg_cron job';
revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;
