-- pawl.list_work(executors, jobs): open jobs that have pending tasks by their exact counters, with all
-- that a node needs to run them. Reads no task. p_job_ids null: all jobs.
-- Returns at most 10,000 rows, by priority.
-- Locks: none.
drop function if exists pawl.list_work(text[], bigint[]);
create or replace function pawl.list_work(p_executors text[], p_job_ids bigint[] default null)
returns table (
  job_id bigint, pending bigint, org_id uuid, kind text, executor text, target text, params jsonb,
  priority real, max_attempts integer, timeout_ms integer, backoff_base_ms integer,
  backoff_cap_ms integer, is_limited boolean, options jsonb
)
language sql stable
set search_path = ''
as $$
  select j.id, j.pending + coalesce(d.pending, 0), j.org_id, j.kind, k.executor, k.target, j.params,
    j.priority, k.max_attempts, k.timeout_ms, k.backoff_base_ms, k.backoff_cap_ms, j.limiter_key is not null,
    k.options
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  left join (
    select d.job_id, pg_catalog.sum(d.pending) as pending
    from pawl.progress_deltas d
    group by d.job_id
  ) d on d.job_id = j.id
  where j.finished_at is null
    and j.status in ('pending', 'running')
    and j.pending + coalesce(d.pending, 0) > 0
    and k.executor = any (p_executors)
    and (p_job_ids is null or j.id = any (p_job_ids))
  order by j.priority desc, j.id
  limit 10000
$$;
comment on function pawl.list_work(text[], bigint[]) is 'open jobs with pending tasks, and what a node needs to run them';
