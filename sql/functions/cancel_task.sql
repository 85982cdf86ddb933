-- pawl.cancel_task(job, task, reason): cancels one task, whether it waits, is pending or runs; of a finite job or
-- of a standing one. A node that runs it drops it, and whatever it says of it afterwards changes nothing (I3, I4).
-- Returns true when this call cancelled it, false when it had ended already. Refuses an unknown task (PW002).
-- The bell is for the node that runs it, for a job of which it was the last, and, where a limiter holds others
-- back, for those who may now start.
-- Locks: the task: waits for a claim or an outcome of it that is under way. Nothing of the job: like an
-- outcome, it only takes something away. Several in one transaction: in the order of (job, task), as
-- a batch of outcomes takes them.
create or replace function pawl.cancel_task(p_job_id bigint, p_task_id bigint, p_reason text default 'cancelled by request')
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status pawl.task_status;
  v_claimed_at timestamptz;
begin
  select t.status, t.started_at into v_status, v_claimed_at
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.id = p_task_id
  for no key update;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  if v_status not in ('waiting', 'pending', 'running') then
    return false;
  end if;
  update pawl.tasks t
  set status = 'cancelled', finished_at = pawl.now(), wait_reason = null, lease_until = null, error = p_reason
  where t.job_id = p_job_id
    and t.id = p_task_id;
  delete from pawl.task_progress g
  where g.job_id = p_job_id
    and g.task_id = p_task_id;
  perform pawl.ring('cancel ' || p_job_id || '/' || p_task_id);
  if v_status = 'running' and exists (select from pawl.jobs j where j.id = p_job_id and j.limiter_key is not null) then
    perform pawl.note_ends(null, array[p_job_id], array[v_claimed_at], null, array[true]);
    perform pawl.ring('work ' || p_job_id);
  end if;
  perform pawl.settle_refreshes(array[p_job_id], array[p_task_id]);
  return true;
end
$$;
comment on function pawl.cancel_task(bigint, bigint, text) is 'cancels one task, whether it waits, is pending or runs';
