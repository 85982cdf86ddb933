-- pawl.tracking_problem(type): what keeps the triggers of a tracked type from working, or what they could not do last, and when that was. A row of nulls:
-- nothing. Never raises for want of a right.
-- Locks: none.
create or replace function pawl.tracking_problem(p_type pawl.data_types, out problem text, out problem_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
begin
  if not p_type.is_tracked then
    return;
  end if;
  v_table := pg_catalog.to_regclass(p_type.table_name);
  if v_table is null then
    problem := pg_catalog.format('its table %s was dropped, or renamed: pawl.define_data_type', p_type.table_name);
    return;
  end if;
  select pg_catalog.format('%s lacks a trigger: select pawl.track(%L)', pg_catalog.min(t.table_id::pg_catalog.regclass::pg_catalog.text), p_type.name) into problem
  from pawl.trigger_tables(v_table) t
  where (select pg_catalog.count(*) from pawl.find_triggers('track_' || p_type.name) f where f.table_id = t.table_id) < 4
  having pg_catalog.count(*) > 0;
  if problem is not null then
    return;
  end if;
  select pg_catalog.format('trigger %s on %s is disabled', g.tgname, g.tgrelid::pg_catalog.regclass) into problem
  from pawl.find_triggers('track_' || p_type.name) t
  join pg_catalog.pg_trigger g on g.oid = t.trigger_id
  where not t.is_enabled
  order by g.tgrelid, g.tgname
  limit 1;
  if problem is not null then
    return;
  end if;
  select 'tracking failed: ' || e.error, e.failed_at into problem, problem_at
  from pawl.trigger_errors e
  where e.trigger_name = 'track:' || p_type.name
  order by e.id desc
  limit 1;
exception when insufficient_privilege then -- who looks at all types need not have rights on the table of each
  problem := pg_catalog.format('whether its table %s is tracked cannot be seen: %s', p_type.table_name, sqlerrm);
end
$$;
comment on function pawl.tracking_problem(pawl.data_types) is 'what keeps the triggers of a tracked data type from working, or failed last';
