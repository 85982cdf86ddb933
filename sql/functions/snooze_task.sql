-- pawl.snooze_task(job, task, attempt, delay): an external worker puts its task off: it runs again after p_delay, and the
-- attempt does not count, for nothing failed. A delay of 0 gives it back.
-- Returns when it is due. Refuses what pawl.refuse_attempt refuses, and a delay that cannot be (PW006).
-- Locks: the task; the row of its progress.
create or replace function pawl.snooze_task(p_job_id bigint, p_task_id bigint, p_attempt integer, p_delay interval)
returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_run_at timestamptz := pawl.now() + p_delay;
begin
  if p_delay is null then
    perform pawl.refuse_null('p_delay', 'Say how long to wait, for example ''10 minutes''.');
  end if;
  if p_delay < interval '0' or p_delay > interval '10 years' then
    perform pawl.refuse_value('p_delay', p_delay, 'from 0 to 10 years');
  end if;
  update pawl.tasks t
  set status = 'waiting', run_at = v_run_at, wait_reason = 'snooze', lease_until = null,
      uncounted_attempts = t.uncounted_attempts + 1
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id is null
    and t.attempt = p_attempt;
  if not found then
    perform pawl.refuse_attempt(p_job_id, p_task_id, p_attempt);
  end if;
  perform pawl.release_task(p_job_id, p_task_id);
  return v_run_at;
end
$$;
comment on function pawl.snooze_task(bigint, bigint, integer, interval) is 'an external worker puts its task off, uncounted';
