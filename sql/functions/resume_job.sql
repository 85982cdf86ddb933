-- pawl.resume_job(job): undoes pawl.pause_job and wakes the nodes.
-- Returns true when this call resumed it. Refuses an unknown job (PW002).
-- Locks: the job's row.
create or replace function pawl.resume_job(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.jobs j
  set status = case when j.started_at is null then 'pending' else 'running' end::pawl.job_status,
      measured_at = case when j.measured_at is not null then pawl.now() end -- the pause does not make it slow
  where j.id = p_job_id
    and j.status = 'paused';
  if found then
    perform pawl.ring('work ' || p_job_id);
    return true;
  end if;
  if not exists (select from pawl.jobs j where j.id = p_job_id) then
    perform pawl.refuse_job(p_job_id);
  end if;
  return false;
end
$$;
comment on function pawl.resume_job(bigint) is 'a paused job goes on';
