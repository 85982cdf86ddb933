-- pawl.list_schedules(): every schedule with its last and its next run, for pawl schedule list.
-- pawl.show_schedule(name, count): one of them, with its next runs, for pawl schedule show.
-- Returns a JSON array by name, and an object; ids are strings. The second refuses an unknown schedule (PW002), and
-- what pawl.next_runs refuses.
-- Locks: none.
create or replace function pawl.list_schedules() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.schedule), '[]')
  from (
    select s.name as schedule, s.kind, s.params, extract(epoch from s.every)::bigint as every_seconds, s.cron,
      s.time_zone, s.catch_up, s.overlap, s.replace, extract(epoch from s.jitter)::double precision as jitter_seconds,
      s.backlog_limit, s.time_member, s.is_enabled, s.next_run_at, s.last_run_at, s.last_job_id::text as last_job,
      s.last_error, s.last_skipped_at, s.last_skip_reason, s.created_at, s.updated_at
    from pawl.schedules s
  ) r
$$;
comment on function pawl.list_schedules() is 'every schedule with its last and next run, as a JSON array';

create or replace function pawl.show_schedule(p_name text, p_count integer default 5) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_runs jsonb := (select coalesce(pg_catalog.jsonb_agg(r order by r), '[]') from pawl.next_runs(p_name, p_count) r);
begin
  return (
    select s || pg_catalog.jsonb_build_object('next_runs', v_runs)
    from pg_catalog.jsonb_array_elements(pawl.list_schedules()) s
    where s ->> 'schedule' = p_name);
end
$$;
comment on function pawl.show_schedule(text, integer) is 'one schedule with its next runs, as JSON';
