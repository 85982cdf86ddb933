-- What of one of a limiter's spent_ columns is still in its window. What has ended since the last admission is not in it yet.
create or replace function pawl.spent(p_spent bigint[], p_slot bigint, p_window_ms double precision) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.sum(s.amount), 0)::bigint
  from unnest(p_spent) with ordinality as s (amount, place)
  where p_slot - 61 + s.place > pg_catalog.floor(extract(epoch from pawl.now()) * 1000 / (p_window_ms / 60)) - 61
$$;
comment on function pawl.spent(bigint[], bigint, double precision) is 'what a limiter has spent in its window';

-- pawl.list_limits(): the limits of kinds, and of their keys: what is set, and what is used of it now. For pawl limit
-- list.
-- Returns a JSON array by kind, what holds for the whole kind first; one entry for all keys of a kind, with how many
-- keys there are. bytes_window_ms is there where there is a budget of bytes, also when it is that of the calls. Limiters of hosts, which crawls make, are not in it.
-- Locks: none.
create or replace function pawl.list_limits() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.kind, r.scope desc), '[]')
  from (
    select k.name as kind, 'kind' as scope, l.key as limiter, l.max_running, nullif(l.start_interval_ms, 0) as start_interval_ms,
      nullif(l.burst, 1) as burst, null::bigint as keys, pawl.count_running(l.key) as running,
      nullif(l.spacing_ms, 0) as spacing_ms, l.window_ms, l.max_calls,
      case when l.max_bytes is not null then coalesce(l.bytes_window_ms, l.window_ms) end as bytes_window_ms, l.max_bytes, l.estimated_bytes,
      case when l.max_calls is not null then pawl.spent(l.spent_calls, l.spent_slot, l.spent_window_ms) end as spent_calls,
      case when l.max_bytes is not null then pawl.spent(l.spent_bytes, l.spent_bytes_slot, l.spent_bytes_window_ms) end as spent_bytes
    from pawl.kinds k
    join pawl.limiters l on l.key = 'kind:' || k.name
    where l.is_limiting
    union all
    select k.name, 'key', l.key, l.max_running, nullif(l.start_interval_ms, 0), nullif(l.burst, 1),
      (select pg_catalog.count(*) from pawl.limiters m where m.rules_key = l.key), null,
      nullif(l.spacing_ms, 0), l.window_ms, l.max_calls,
      case when l.max_bytes is not null then coalesce(l.bytes_window_ms, l.window_ms) end, l.max_bytes, l.estimated_bytes, null, null
    from pawl.kinds k
    join pawl.limiters l on l.key = 'keys:' || k.name
  ) r
$$;
comment on function pawl.list_limits() is 'the limits of kinds and of their keys, as a JSON array';
