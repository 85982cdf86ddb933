-- A time in seconds. Locks: none.
create or replace function pawl.seconds_of(p_interval interval) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select extract(epoch from p_interval)::double precision
$$;
comment on function pawl.seconds_of(interval) is 'a time in seconds';

-- pawl.list_data_types(): every data type, for pawl data-type list.
-- pawl.show_data_type(name): one of them, for pawl data-type show.
-- Returns a JSON array by name, and an object; times are in seconds, ids are strings. budget has the numbers of the type's limiter that are set, null
-- where there is none; keys_with_ttl is how many keys have a time of their own (pawl.set_key_ttl).
-- The second refuses an unknown type (PW002).
-- Locks: none.
create or replace function pawl.list_data_types() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.type), '[]')
  from (
    select d.name as type, d.kind, d.job_id::text as job, d.table_name as "table", d.key_column, d.time_column, d.is_global, d.is_tracked,
      pawl.seconds_of(d.ttl) as ttl_seconds, pawl.seconds_of(d.empty_ttl) as empty_ttl_seconds, pawl.seconds_of(d.max_age) as max_age_seconds,
      pawl.seconds_of(d.retry_base) as retry_base_seconds, pawl.seconds_of(d.retry_cap) as retry_cap_seconds, d.due_function, d.gate_function,
      d.strategy, d.cron, case when d.cron is not null then d.time_zone end as time_zone, pawl.seconds_of(d.spread) as spread_seconds, d.parents,
      d.fetch_path, d.save_function, l.budget,
      (select pg_catalog.count(*) from pawl.type_keys k where k.type = d.name) as keys_with_ttl,
      coalesce(d.error, p.problem) as problem, case when d.error is not null then d.error_at else p.problem_at end as problem_at, d.created_at, d.updated_at
    from pawl.data_types d
    left join lateral (
      select pg_catalog.jsonb_object_agg(m.name, m.value) as budget
      from pawl.limiters x
      cross join lateral pg_catalog.jsonb_each(pg_catalog.to_jsonb(x)) as m (name, value)
      where x.key = 'type:' || d.name
        and m.name in ('max_running', 'start_interval_ms', 'burst', 'spacing_ms', 'window_ms', 'max_calls', 'bytes_window_ms', 'max_bytes', 'estimated_bytes')
        and m.value <> 'null'
        and (m.name, m.value) not in (('start_interval_ms', '0'), ('burst', '1'), ('spacing_ms', '0'))
    ) l on true
    left join lateral pawl.tracking_problem(d) p on true
  ) r
$$;
comment on function pawl.list_data_types() is 'every data type, as a JSON array';

create or replace function pawl.show_data_type(p_type text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := pawl.data_type(p_type);
begin
  return (select t from pg_catalog.jsonb_array_elements(pawl.list_data_types()) t where t ->> 'type' = v_type.name);
end
$$;
comment on function pawl.show_data_type(text) is 'one data type, as JSON';
