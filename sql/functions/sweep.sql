-- pawl.sweep(executors): the slow safety net behind the doorbell: open jobs that have a pending task
-- in truth, whatever bells and counters say. One index probe a job.
-- Returns their ids, at most 1,000.
create or replace function pawl.sweep(p_executors text[]) returns table (job_id bigint)
language sql stable
set search_path = ''
as $$
  select j.id
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.finished_at is null
    and j.status in ('pending', 'running')
    and k.executor = any (p_executors)
    and exists (select from pawl.tasks t where t.job_id = j.id and t.is_pending)
  order by j.id
  limit 1000
$$;
comment on function pawl.sweep(text[]) is 'open jobs that have a pending task in truth';
