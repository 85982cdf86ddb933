-- pawl.sweep(executors): the slow safety net behind the doorbell: open jobs that have a pending task
-- in truth, whatever bells and counters say. One probe of the claim index a job: the order asked for,
-- which only that index has, and the settings see to it. Any other road reads tasks, of which there may be
-- millions, pending or long ended.
-- Returns their ids, at most 1,000. Locks: none.
create or replace function pawl.sweep(p_executors text[]) returns table (job_id bigint)
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
  select j.id
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.finished_at is null
    and j.status in ('pending', 'running')
    and k.executor = any (p_executors)
    and (select true from pawl.tasks t where t.job_id = j.id and t.is_pending order by coalesce(t.lateness, 0) - t.priority, t.id limit 1)
  order by j.id
  limit 1000
$$;
comment on function pawl.sweep(text[]) is 'open jobs that have a pending task in truth';
