-- pawl.list_triggers(): every trigger on a user's table, for pawl trigger list.
-- Returns a JSON array by name.
-- Locks: none.
create or replace function pawl.list_triggers() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.trigger), '[]')
  from (
    select t.name as trigger, t.table_name as "table", t.event, t.kind, t.payload, t.condition, t.key, t.priority, t.run_at, t.limit_key, t.mode,
      t.is_attached, t.problem, t.failed_rows, t.last_failed_at, t.last_error, t.self_test_job_id::text as self_test_job, t.self_test_status,
      t.self_test_error, t.created_at, t.updated_at
    from pawl.triggers t
  ) r
$$;
comment on function pawl.list_triggers() is 'every trigger on a user''s table, as a JSON array';
