-- pawl.list_tasks(job, status, limit): tasks of a job in the order of their ids, for pawl task list.
-- p_status null: in every state. Returns a JSON array; ids are strings. Refuses an unknown job (PW002)
-- and a status that is none (22P02).
-- Locks: none.
create or replace function pawl.list_tasks(p_job_id bigint, p_status text default null, p_limit integer default 50)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pawl.jobs j where j.id = p_job_id) then
    perform pawl.refuse_job(p_job_id);
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by t.id), '[]')
    from (
      select n.*
      from pawl.tasks n
      where n.job_id = p_job_id
        and (p_status is null or n.status = p_status::pawl.task_status)
      order by n.id
      limit p_limit
    ) t
    cross join lateral (
      select t.job_id || '/' || t.id as task, t.job_id::text as job, t.status, t.wait_reason, t.priority,
        t.attempt, t.key, t.run_at, t.created_at, t.started_at, t.finished_at, t.error, t.payload
    ) r);
end
$$;
comment on function pawl.list_tasks(bigint, text, integer) is 'tasks of a job, as a JSON array';
