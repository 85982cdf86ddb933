-- pawl.show_task(job, task): one task with its progress, its failed attempts and, of a crawl, its page, for
-- pawl task show.
-- Returns a JSON object; ids are strings. Refuses an unknown task (PW002).
-- Locks: none.
create or replace function pawl.show_task(p_job_id bigint, p_task_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task jsonb;
begin
  select pg_catalog.to_jsonb(r) into v_task
  from (
    select t.job_id || '/' || t.id as task, t.job_id::text as job, j.kind, t.status, t.wait_reason, t.priority,
      t.attempt, k.max_attempts, t.key, n.name as node, case when t.node_id is null then t.worker end as worker, t.lease_until, t.run_at, t.created_at, t.started_at, t.finished_at,
      t.error, t.payload, t.result,
      (select pg_catalog.jsonb_build_object('percent', g.percent, 'message', g.message, 'updated_at', g.updated_at)
       from pawl.task_progress g
       where g.job_id = t.job_id
         and g.task_id = t.id
         and g.attempt = t.attempt
         and t.status = 'running') as progress,
      (select coalesce(pg_catalog.jsonb_agg(
         (pg_catalog.to_jsonb(a) - array['job_id', 'task_id', 'org_id', 'node_id'])
           || pg_catalog.jsonb_build_object('node', m.name)
         order by a.attempt), '[]')
       from pawl.attempts a
       left join pawl.nodes m on m.id = a.node_id
       where a.job_id = t.job_id
         and a.task_id = t.id) as failed_attempts,
      (select pg_catalog.to_jsonb(p) - array['job_id', 'task_id', 'org_id', 'url_hash', 'link_hashes']
       from pawl.pages p
       where p.job_id = t.job_id
         and p.task_id = t.id) as page
    from pawl.tasks t
    join pawl.jobs j on j.id = t.job_id
    join pawl.kinds k on k.name = j.kind
    left join pawl.nodes n on n.id = t.node_id
    where t.job_id = p_job_id
      and t.id = p_task_id
  ) r;
  if v_task is null then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  return v_task;
end
$$;
comment on function pawl.show_task(bigint, bigint) is 'one task with its failed attempts and its page, as a JSON object';
