-- pawl.finish_tasks(node, jobs, tasks, attempts, outcomes, ...): a batch of outcomes, in one statement.
-- Arrays run in parallel, sorted by (job, task): that is the order of the row locks. p_outcomes null
-- means that all are completed without a result, the common case. Else each is 'completed', 'failed',
-- 'retry' (waits p_delays_ms, then runs again), 'again' (the same, but nothing failed: the attempt is not counted,
-- and the error's class is what the task waits for), 'leased' (a function will call back: it runs on under no node, for
-- p_delays_ms) or 'returned' (never started, or cut off: pending again, the
-- attempt not counted). A result that is not JSON makes the whole call fail: the caller halves the batch.
-- Returns how many took effect. An outcome of a task that is not running under this node and attempt
-- changes nothing (I4); the rest of the batch does.
-- Plans are made once a session, perhaps while the table is small, and must do for a large one: so the
-- settings, and the array of one job, leave the planner no road but the primary key, task by task.
-- Locks: the tasks, in the order given.
create or replace function pawl.finish_tasks(
  p_node_id integer,
  p_job_ids bigint[],
  p_task_ids bigint[],
  p_attempts integer[],
  p_outcomes text[] default null,
  p_delays_ms bigint[] default null,
  p_results text[] default null,
  p_error_classes text[] default null,
  p_errors text[] default null
) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.now();
  v_finished integer;
begin
  if p_outcomes is null then
    update pawl.tasks t
    set status = 'completed', finished_at = v_now, error = null
    from unnest(p_job_ids, p_task_ids, p_attempts) as o (job_id, task_id, attempt)
    where t.job_id = any (array[o.job_id])
      and t.id = o.task_id
      and t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = o.attempt;
    get diagnostics v_finished = row_count;
    return v_finished;
  end if;

  with finished as (
    update pawl.tasks t
    set status = case o.outcome
          when 'completed' then 'completed'
          when 'failed' then 'failed'
          when 'retry' then 'waiting'
          when 'again' then 'waiting'
          when 'leased' then 'running'
          when 'returned' then 'pending'
        end::pawl.task_status,
        node_id = case when o.outcome <> 'leased' then t.node_id end,
        lease_until = case when o.outcome = 'leased' then v_now + o.delay_ms * interval '1 millisecond' end,
        finished_at = case when o.outcome in ('completed', 'failed') then v_now end,
        run_at = case when o.outcome in ('retry', 'again') then v_now + o.delay_ms * interval '1 millisecond' else t.run_at end,
        wait_reason = case o.outcome when 'retry' then 'retry' when 'again' then coalesce(o.error_class, 'again') end,
        uncounted_attempts = t.uncounted_attempts + (o.outcome in ('returned', 'again'))::integer,
        result = o.result::jsonb,
        error = case when o.outcome = 'returned' then t.error else o.error end
    from unnest(p_job_ids, p_task_ids, p_attempts, p_outcomes, p_delays_ms, p_results, p_error_classes, p_errors)
      as o (job_id, task_id, attempt, outcome, delay_ms, result, error_class, error)
    where t.job_id = any (array[o.job_id])
      and t.id = o.task_id
      and t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = o.attempt
    returning t.job_id, t.id, t.attempt, t.org_id, t.started_at, o.outcome, o.error_class, o.error
  ), recorded as (
    insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, started_at, failed_at, error_class, error)
    select f.job_id, f.id, f.attempt, f.org_id, p_node_id, f.started_at, v_now, coalesce(f.error_class, 'executor'), f.error
    from finished f
    where f.outcome in ('failed', 'retry')
  )
  select pg_catalog.count(*) into v_finished from finished;
  return v_finished;
end
$$;
comment on function pawl.finish_tasks(integer, bigint[], bigint[], integer[], text[], bigint[], text[], text[], text[])
  is 'a batch of outcomes; returns how many took effect';
