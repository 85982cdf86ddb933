-- pawl.finish_task(job, task, attempt, result): an external worker has completed its task. In the transaction that
-- has the task's effect on this database, both happen or neither: effect exactly once (I7).
-- Returns nothing. Refuses what pawl.refuse_attempt refuses: when the task is not the worker's any more, or has
-- ended, under this very attempt too, it raises (PW008) and the effect is undone with it.
-- A successor of the kind (pawl.follow_tasks) comes with it.
-- The settings pin the plans, as in pawl.claim_batch.
-- Locks: the task; those of pawl.follow_tasks; the row of its progress.
create or replace function pawl.finish_task(p_job_id bigint, p_task_id bigint, p_attempt integer, p_result jsonb default null)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  update pawl.tasks t
  set status = 'completed', finished_at = pawl.now(), lease_until = null, error = null, result = p_result
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id is null
    and t.attempt = p_attempt;
  if not found then
    perform pawl.refuse_attempt(p_job_id, p_task_id, p_attempt);
  end if;
  perform pawl.follow_tasks(array[p_job_id], array[p_task_id])
  from pawl.jobs j
  where j.id = p_job_id
    and j.is_standing
    and j.on_complete is not null;
  perform pawl.release_task(p_job_id, p_task_id);
end
$$;
comment on function pawl.finish_task(bigint, bigint, integer, jsonb) is 'an external worker has completed its task';
