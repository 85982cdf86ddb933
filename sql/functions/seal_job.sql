-- pawl.seal_job(job): no more tasks from outside; the job ends when its tasks have ended. A job that
-- has none is completed at once.
-- Returns true when this call sealed it, false when it was sealed or had ended. Refuses what
-- pawl.hold_finite_job refuses.
-- Locks: the job's row FOR UPDATE: waits for transactions that are adding tasks.
create or replace function pawl.seal_job(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job pawl.jobs := pawl.hold_finite_job(p_job_id);
begin
  if v_job.is_sealed or v_job.finished_at is not null then
    return false;
  end if;
  update pawl.jobs j set is_sealed = true where j.id = p_job_id;
  if not exists (select from pawl.job_progress p where p.job_id = p_job_id and p.total > 0) then
    update pawl.jobs j
    set status = 'completed', finished_at = pawl.now()
    where j.id = p_job_id;
    perform pawl.follow_job(p_job_id);
  end if;
  perform pawl.ring('fold');
  return true;
end
$$;
comment on function pawl.seal_job(bigint) is 'the job gets no more tasks and ends when those it has have ended';
