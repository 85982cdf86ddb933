-- cron.unschedule(job_id), cron.unschedule(job_name): the caller's job is no more; a run that is under way goes on.
-- Returns true. Refuses what the caller has not.
-- Locks: the job's row, the schedule's.
create or replace function cron.unschedule(job_id bigint) returns boolean
language plpgsql volatile strict
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from cron.job j where j.jobid = $1;
  if not found then
    raise exception 'could not find valid entry for job %', $1
      using errcode = 'no_data_found', hint = 'select * from cron.job shows your jobs.';
  end if;
  return true;
end
$$;
comment on function cron.unschedule(bigint) is 'unschedule a pg_cron job';

create or replace function cron.unschedule(job_name text) returns boolean
language plpgsql volatile strict
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from cron.job j where j.jobname = $1 and j.username = current_user;
  if not found then
    raise exception 'could not find valid entry for job ''%''', $1
      using errcode = 'no_data_found', hint = 'select * from cron.job shows your jobs.';
  end if;
  return true;
end
$$;
comment on function cron.unschedule(text) is 'unschedule a pg_cron job';
