-- pawl.finish_followed_tasks(node, jobs, tasks, attempts, outcomes, ...): as pawl.finish_tasks, for tasks whose end leads to
-- more than their own row (pawl.claim_batch says is_followed): a successor (pawl.follow_tasks), in the same transaction.
-- An outcome that comes too late leads to nothing (I4): which ones take effect is seen under the rows' locks.
-- Returns how many took effect. The settings pin the plan, as in pawl.finish_tasks.
-- Locks: the tasks, in the order given; then those of pawl.follow_tasks.
create or replace function pawl.finish_followed_tasks(
  p_node_id integer,
  p_job_ids bigint[],
  p_task_ids bigint[],
  p_attempts integer[],
  p_outcomes text[],
  p_delays_ms bigint[],
  p_results text[],
  p_error_classes text[],
  p_errors text[]
) returns integer
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_jobs bigint[];
  v_tasks bigint[];
  v_finished integer;
begin
  select pg_catalog.array_agg(h.job_id), pg_catalog.array_agg(h.id) into v_jobs, v_tasks
  from (
    select t.job_id, t.id
    from unnest(p_job_ids, p_task_ids, p_attempts, p_outcomes) as o (job_id, task_id, attempt, outcome)
    join pawl.tasks t on t.job_id = any (array[o.job_id]) and t.id = o.task_id
    where t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = o.attempt
      and o.outcome = 'completed'
    for no key update of t
  ) h;
  v_finished := pawl.finish_tasks(p_node_id, p_job_ids, p_task_ids, p_attempts, p_outcomes, p_delays_ms, p_results,
    p_error_classes, p_errors);
  if v_tasks is not null then
    perform pawl.follow_tasks(v_jobs, v_tasks);
  end if;
  return v_finished;
end
$$;
comment on function pawl.finish_followed_tasks(integer, bigint[], bigint[], integer[], text[], bigint[], text[], text[], text[])
  is 'a batch of outcomes of tasks whose end leads to more; returns how many took effect';
