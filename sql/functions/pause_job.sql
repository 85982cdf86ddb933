-- pawl.pause_job(job): nothing of the job is started until pawl.resume_job; what runs, ends.
-- Returns true when this call paused it. Refuses an unknown job (PW002).
-- Locks: the job's row.
create or replace function pawl.pause_job(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.jobs j
  set status = 'paused'
  where j.id = p_job_id
    and j.status in ('pending', 'running');
  if found then
    return true;
  end if;
  if not exists (select from pawl.jobs j where j.id = p_job_id) then
    perform pawl.refuse_job(p_job_id);
  end if;
  return false;
end
$$;
comment on function pawl.pause_job(bigint) is 'nothing of the job is started until it is resumed';
