-- pawl.list_kinds(): every kind with its limits, for pawl kind list.
-- Returns a JSON array by name.
-- Locks: none.
create or replace function pawl.list_kinds() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.kind), '[]')
  from (
    select k.name as kind, k.executor, k.target, k.max_attempts, k.timeout_ms, k.backoff_base_ms, k.backoff_cap_ms,
      k.max_payload_bytes, l.max_running, nullif(l.start_interval_ms, 0) as start_interval_ms, k.options, k.on_complete, k.ageing,
      (extract(epoch from k.keep) * 1000)::bigint as keep_ms, k.created_at, k.updated_at
    from pawl.kinds k
    left join pawl.limiters l on l.key = k.limiter_key
  ) r
$$;
comment on function pawl.list_kinds() is 'every kind with its limits, as a JSON array';
