-- pawl.fail_task(job, task, attempt, error, retry_after, is_final): an attempt of an external worker has failed. By the
-- kind's policy the task is tried again, after p_retry_after or else the kind's backoff, or has failed for good:
-- when that was its last attempt, or trying again is of no use (p_is_final).
-- Returns the task's status: waiting or failed. Refuses what pawl.refuse_attempt refuses, and a time that cannot be
-- (PW006).
-- Locks: the task; the row of its progress.
create or replace function pawl.fail_task(
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_error text,
  p_retry_after interval default null,
  p_is_final boolean default false
) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_status pawl.task_status;
begin
  if p_retry_after < interval '0' or p_retry_after > interval '10 years' then
    perform pawl.refuse_value('p_retry_after', p_retry_after, 'from 0 to 10 years');
  end if;
  v_status := pawl.fail_attempt(p_job_id, p_task_id, p_attempt, 'worker', p_error, p_retry_after, p_is_final, false);
  if v_status is null then
    perform pawl.refuse_attempt(p_job_id, p_task_id, p_attempt);
  end if;
  return v_status;
end
$$;
comment on function pawl.fail_task(bigint, bigint, integer, text, interval, boolean) is 'an attempt of an external worker has failed';

-- The same for whoever may say so: null when the attempt does not run under a lease, and nothing has changed. A
-- function that calls back may be earlier than its own 202 (p_is_callback): then a node still has the task.
-- The settings pin the plans, as in pawl.claim_batch.
create or replace function pawl.fail_attempt(
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_error_class text,
  p_error text,
  p_retry_after interval,
  p_is_final boolean,
  p_is_callback boolean
) returns pawl.task_status
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_now timestamptz := pawl.now();
  v_task record;
  v_failures integer;
  v_run_at timestamptz;
begin
  select t.org_id, t.node_id, t.worker, t.started_at, t.uncounted_attempts, k.max_attempts, k.backoff_base_ms, k.backoff_cap_ms
  into v_task
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  join pawl.kinds k on k.name = j.kind
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and (t.node_id is null or p_is_callback)
    and t.attempt = p_attempt
  for update of t;
  if not found then
    return null;
  end if;
  v_failures := p_attempt - v_task.uncounted_attempts;
  if p_is_final is not true and v_failures < v_task.max_attempts then
    v_run_at := v_now + coalesce(p_retry_after,
      pawl.backoff_ms(v_task.backoff_base_ms, v_task.backoff_cap_ms, v_failures) * interval '1 millisecond');
  end if;
  update pawl.tasks t
  set status = case when v_run_at is null then 'failed' else 'waiting' end::pawl.task_status,
      finished_at = case when v_run_at is null then v_now end,
      run_at = coalesce(v_run_at, t.run_at),
      wait_reason = case when v_run_at is not null then 'retry' end,
      lease_until = null,
      error = p_error
  where t.job_id = p_job_id
    and t.id = p_task_id;
  insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, worker, started_at, failed_at, error_class, error)
  values (p_job_id, p_task_id, p_attempt, v_task.org_id, v_task.node_id, v_task.worker, v_task.started_at, v_now, p_error_class, p_error);
  perform pawl.release_task(p_job_id, p_task_id);
  if v_run_at is null then
    perform pawl.settle_refreshes(array[p_job_id], array[p_task_id]);
  end if;
  return case when v_run_at is null then 'failed' else 'waiting' end;
end
$$;
comment on function pawl.fail_attempt(bigint, bigint, integer, text, text, interval, boolean, boolean)
  is 'a leased attempt has failed: tried again by the kind''s policy, or failed for good';
