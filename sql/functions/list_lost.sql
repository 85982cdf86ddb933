-- pawl.list_lost(node, jobs, tasks, attempts): which tasks of a node are not its own any more: cancelled, or given to
-- another. A bell said so; this is for nodes that no bell reached, because their connection was away or leads through
-- a pooler. Asked with a heartbeat, for what has been running longer than one takes.
-- Returns them. The settings pin the plan, as in pawl.finish_tasks. Locks: none.
create or replace function pawl.list_lost(p_node_id integer, p_job_ids bigint[], p_task_ids bigint[], p_attempts integer[])
returns table (job_id bigint, task_id bigint, attempt integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  select o.job_id, o.task_id, o.attempt
  from unnest(p_job_ids, p_task_ids, p_attempts) as o (job_id, task_id, attempt)
  -- a scalar subquery, which can only be a probe of the primary key
  where (
    select true
    from pawl.tasks t
    where t.job_id = any (array[o.job_id])
      and t.id = o.task_id
      and t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = o.attempt) is null;
end
$$;
comment on function pawl.list_lost(integer, bigint[], bigint[], integer[]) is 'which tasks of a node are not its own any more';
