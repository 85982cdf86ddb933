-- pawl.list_jobs(status, limit): the newest jobs with their exact progress, for pawl job list.
-- p_status null: in every state. Returns a JSON array, newest first, empty when there is none; ids are
-- strings. Refuses a status that is none (22P02).
-- The planner does not know that p_limit is small: so the settings leave it only the road of taking those
-- jobs first, and then of each what the ledger has.
-- Locks: none.
create or replace function pawl.list_jobs(p_status text default null, p_limit integer default 50) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  with listed as materialized (
    select n.*
    from pawl.jobs n
    where p_status is null or n.status = p_status::pawl.job_status
    order by n.id desc
    limit p_limit
  ), estimates as materialized (
    select pg_catalog.jsonb_object_agg(e.job_id, pg_catalog.to_jsonb(e)) as of_job
    from pawl.estimate_jobs(array(select o.id from listed o where o.finished_at is null)) e
  )
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.job::bigint desc), '[]')
  from (
    select j.id::text as job, j.kind, j.status, j.is_standing, j.params ->> 'url' as url, p.total,
      p.waiting + p.pending + p.running as open, p.waiting, p.pending, p.running, p.completed, p.failed,
      p.cancelled, (e.of_job -> j.id::text ->> 'per_second')::double precision as per_second,
      e.of_job -> j.id::text ->> 'completes_at' as estimated_completion_at, j.error, j.created_at, j.started_at, j.finished_at
    from listed j
    join pawl.job_progress p on p.job_id = j.id
    cross join estimates e
  ) r
$$;
comment on function pawl.list_jobs(text, integer) is 'the newest jobs with their progress, as a JSON array';
