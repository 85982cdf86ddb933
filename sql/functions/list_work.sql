-- pawl.list_work(executors, jobs): open jobs that have pending tasks by their exact counters, with all
-- that a node needs to run them. Reads no task, and no job that has nothing pending: those are taken that
-- have by their folded counters, and those that the ledger names. p_job_ids null: all jobs. The plan is kept: to make it
-- takes longer than to run it. It is made while there are few jobs and must do for many: so the settings; a lateral join
-- with an offset, which is not turned around; and the ledger read from its first block on, which is the one way to
-- read a table through when scans are discouraged.
-- Returns at most 10,000 rows, by priority. limiter_id and parent_limiter_id: pawl.limiter_id of what it is
-- limited by, null for none.
-- Locks: none.
drop function if exists pawl.list_work(text[], bigint[]);
create or replace function pawl.list_work(p_executors text[], p_job_ids bigint[] default null)
returns table (
  job_id bigint, pending bigint, org_id uuid, kind text, executor text, target text, params jsonb,
  priority real, max_attempts integer, timeout_ms integer, backoff_base_ms integer,
  backoff_cap_ms integer, limiter_id bigint, parent_limiter_id bigint, options jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return query
  select j.id, j.pending + c.unfolded, j.org_id, j.kind, k.executor, k.target, j.params,
    j.priority, k.max_attempts, k.timeout_ms, k.backoff_base_ms, k.backoff_cap_ms,
    pawl.limiter_id(j.limiter_key),
    (select pawl.limiter_id(l.parent_key) from pawl.limiters l where l.key = j.limiter_key), k.options
  from (
    select u.id, pg_catalog.sum(u.unfolded) as unfolded
    from (
      select j.id, 0 as unfolded from pawl.jobs j where j.has_pending and j.finished_at is null
      union all
      select d.job_id, d.pending from pawl.progress_deltas d where d.ctid >= '(0,0)'
    ) u
    group by u.id
  ) c
  cross join lateral (
    select * from pawl.jobs j where j.id = c.id
    offset 0
  ) j
  join pawl.kinds k on k.name = j.kind
  where j.finished_at is null
    and j.status in ('pending', 'running')
    and j.pending + c.unfolded > 0
    and k.executor = any (p_executors)
    and (p_job_ids is null or j.id = any (p_job_ids))
  order by j.priority desc, j.id
  limit 10000;
end
$$;
comment on function pawl.list_work(text[], bigint[]) is 'open jobs with pending tasks, and what a node needs to run them';
