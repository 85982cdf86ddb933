-- cron.alter_job(job_id, ...): changes the caller's job; what is null stays. As in the extension it is for those to
-- whom the owner grants it.
-- Returns nothing. Refuses a job that the caller has not; another database, since Pawl runs jobs in its own; another
-- user, unless a superuser asks.
-- Locks: the job's row, the schedule's.
create or replace function cron.alter_job(
  job_id bigint,
  schedule text default null,
  command text default null,
  database text default null,
  username text default null,
  active boolean default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if $1 is null then
    raise exception 'job_id can not be NULL' using errcode = 'null_value_not_allowed';
  end if;
  if $5 is not null then
    perform cron.check_user($5, 'must be superuser to alter username');
  end if;
  if coalesce($2, $3, $4, $5, $6::text) is null then
    raise exception 'no updates specified'
      using errcode = 'invalid_parameter_value', hint = 'You must specify at least one job attribute to change when calling alter_job';
  end if;
  update cron.job j
  set schedule = coalesce($2, j.schedule),
      command = coalesce($3, j.command),
      database = coalesce($4, j.database),
      username = coalesce($5, j.username),
      active = coalesce($6, j.active)
  where j.jobid = $1
    and (j.username = current_user or cron.is_superuser());
  if not found then
    raise exception 'Job % does not exist or you don''t own it', $1
      using errcode = 'no_data_found', hint = 'select * from cron.job shows your jobs.';
  end if;
end
$$;
comment on function cron.alter_job(bigint, text, text, text, text, boolean)
  is 'Alter the job identified by job_id. Any option left as NULL will not be modified.';
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;
