-- pawl.show_job(job): one job with its exact progress, its limiter and its last failures, for
-- pawl job show.
-- Returns a JSON object; ids are strings. Refuses an unknown job (PW002).
-- Locks: none.
create or replace function pawl.show_job(p_job_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job jsonb;
begin
  select pg_catalog.to_jsonb(r) into v_job
  from (
    select j.id::text as job, j.kind, j.status, j.is_standing, j.is_sealed, j.on_complete, j.params, j.priority, p.total,
      p.waiting, p.pending, p.running, p.completed, p.failed, p.cancelled, e.per_second,
      e.completes_at as estimated_completion_at, j.error, j.created_at, j.started_at, j.finished_at, k.executor,
      pawl.last_report(j.id) as last_report,
      (select pg_catalog.to_jsonb(l)
       from (
         select m.key, m.max_running, m.start_interval_ms, m.next_start_at
         from pawl.limiters m
         where m.key = j.limiter_key
       ) l) as limiter,
      (select pg_catalog.to_jsonb(h)
       from (
         select b.target, b.state, b.error, b.opened_at, b.retry_at
         from pawl.breakers b
         where b.target = j.held_by
           and b.state <> 'closed'
       ) h) as held_by,
      (select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(f)), '[]')
       from (
         select a.job_id || '/' || a.task_id as task, a.attempt, a.error_class, a.error, a.failed_at
         from pawl.attempts a
         where a.job_id = j.id
           and p.failed > 0
         order by a.task_id desc, a.attempt desc
         limit 5
       ) f) as failures
    from pawl.jobs j
    join pawl.job_progress p on p.job_id = j.id
    join pawl.kinds k on k.name = j.kind
    left join pawl.estimate_jobs(array[p_job_id]) e on e.job_id = j.id
    where j.id = p_job_id
  ) r;
  if v_job is null then
    perform pawl.refuse_job(p_job_id);
  end if;
  return v_job;
end
$$;
comment on function pawl.show_job(bigint) is 'one job with its progress, limiter and last failures, as a JSON object';
