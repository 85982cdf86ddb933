-- pawl.seal_job(job): no more tasks from outside; the job ends when its tasks have ended. A job that
-- has none is completed at once.
-- Returns true when this call sealed it, false when it was sealed. Refuses an unknown job (PW002) and
-- a standing one (PW005).
-- Locks: the job's row FOR UPDATE: waits for transactions that are adding tasks.
create or replace function pawl.seal_job(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  v_job record;
begin
  select j.is_sealed, j.is_standing, j.finished_at into v_job
  from pawl.jobs j
  where j.id = p_job_id
  for update;
  if not found then
    raise exception 'job % does not exist', p_job_id
      using errcode = 'PW002', hint = 'pawl job list shows the jobs that exist.';
  end if;
  if v_job.is_standing then
    raise exception 'job % is a standing job: it never ends', p_job_id
      using errcode = 'PW005', hint = 'Only finite jobs (pawl.create_job) are sealed.';
  end if;
  if v_job.is_sealed or v_job.finished_at is not null then
    return false;
  end if;
  update pawl.jobs j set is_sealed = true where j.id = p_job_id;
  if not exists (select from pawl.job_progress p where p.job_id = p_job_id and p.total > 0) then
    update pawl.jobs j
    set status = 'completed', finished_at = pawl.now()
    where j.id = p_job_id;
  end if;
  perform pawl.ring('fold');
  return true;
end
$$;
comment on function pawl.seal_job(bigint) is 'the job gets no more tasks and ends when those it has have ended';
