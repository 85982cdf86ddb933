-- pawl.list_schedules(): every schedule with its last and its next run, for pawl schedule list.
-- Returns a JSON array by name; ids are strings.
-- Locks: none.
create or replace function pawl.list_schedules() returns jsonb
language sql stable
set search_path = ''
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.schedule), '[]')
  from (
    select s.name as schedule, s.kind, s.params, extract(epoch from s.every)::bigint as every_seconds, s.cron,
      s.time_zone, s.replace, s.is_enabled, s.next_run_at, s.last_run_at, s.last_job_id::text as last_job,
      s.last_error, s.created_at, s.updated_at
    from pawl.schedules s
  ) r
$$;
comment on function pawl.list_schedules() is 'every schedule with its last and next run, as a JSON array';
