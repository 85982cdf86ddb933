-- pawl.finish_task(job, task, attempt, result): an external worker has completed its task. In the transaction that
-- has the task's effect on this database, both happen or neither: effect exactly once (I7).
-- Returns nothing. Refuses what pawl.refuse_attempt refuses: when the task is not the worker's any more, or has
-- ended, under this very attempt too, it raises (PW008) and the effect is undone with it.
-- A successor of the kind (pawl.follow_tasks) comes with it.
-- Locks: the task; those of pawl.follow_tasks; the row of its progress.
create or replace function pawl.finish_task(p_job_id bigint, p_task_id bigint, p_attempt integer, p_result jsonb default null)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not pawl.complete_attempt(p_job_id, p_task_id, p_attempt, p_result, false) then
    perform pawl.refuse_attempt(p_job_id, p_task_id, p_attempt);
  end if;
end
$$;
comment on function pawl.finish_task(bigint, bigint, integer, jsonb) is 'an external worker has completed its task';

-- The same for whoever may say so: false when the attempt does not run under a lease, and nothing has changed. A
-- function that calls back may be earlier than its own 202 (p_is_callback): then a node still has the task.
-- The settings pin the plans, as in pawl.claim_batch.
create or replace function pawl.complete_attempt(p_job_id bigint, p_task_id bigint, p_attempt integer, p_result jsonb, p_is_callback boolean)
returns boolean
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
    and (t.node_id is null or p_is_callback)
    and t.attempt = p_attempt;
  if not found then
    return false;
  end if;
  perform pawl.follow_tasks(array[p_job_id], array[p_task_id])
  from pawl.jobs j
  where j.id = p_job_id
    and j.is_standing
    and j.on_complete is not null;
  perform pawl.release_task(p_job_id, p_task_id);
  perform pawl.settle_refreshes(array[p_job_id], array[p_task_id]);
  return true;
end
$$;
comment on function pawl.complete_attempt(bigint, bigint, integer, jsonb, boolean) is 'a leased attempt has completed its task';
