-- pawl.last_report(job): what a running task of the job has said last of how far it is, in a line, for the line of
-- pawl job show --follow: "task 7/12: 40% resizing". Returns null when none has said anything.
-- Locks: none.
create or replace function pawl.last_report(p_job_id bigint) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 'task ' || g.job_id || '/' || g.task_id || ':'
    || coalesce(' ' || pg_catalog.round(g.percent::numeric) || '%', '')
    || coalesce(' ' || pg_catalog.regexp_replace(pg_catalog.left(g.message, 100), '[[:cntrl:]]+', ' ', 'g'), '')
  from pawl.task_progress g
  join pawl.tasks t on t.job_id = g.job_id and t.id = g.task_id
  where g.job_id = p_job_id
    and t.job_id = p_job_id
    and t.status = 'running'
    and t.attempt = g.attempt
  order by g.updated_at desc, g.task_id desc
  limit 1
$$;
comment on function pawl.last_report(bigint) is 'what a running task of a job has said last of how far it is';
