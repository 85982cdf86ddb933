-- pawl.retry_failed(job): runs every failed task of the job again, as pawl.retry_task does.
-- Returns how many. Refuses an unknown job (PW002).
-- Locks: the job's row, then its failed tasks by id.
create or replace function pawl.retry_failed(p_job_id bigint) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_count bigint;
begin
  perform from pawl.jobs j where j.id = p_job_id for no key update;
  if not found then
    raise exception 'job % does not exist', p_job_id
      using errcode = 'PW002', hint = 'pawl job list shows the jobs that exist.';
  end if;
  perform
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.status = 'failed'
  order by t.id
  for update;
  update pawl.tasks t
  set status = 'pending', uncounted_attempts = t.attempt, finished_at = null, wait_reason = null, result = null
  where t.job_id = p_job_id
    and t.status = 'failed';
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function pawl.retry_failed(bigint) is 'runs every failed task of a job again; returns how many';
