-- pawl.next_stale_at(type, key, source_at, refreshed_at, ttl): when data of a key that came, or was confirmed, at p_refreshed_at is
-- stale: by the type's schedule, else its function, else p_ttl, the time that holds for this key.
-- What the function cannot say (null, an error, a lock) ttl says. Never raises. Locks: none, but as pawl.ask_function.
create or replace function pawl.next_stale_at(
  p_type pawl.data_types,
  p_key text,
  p_source_at timestamptz,
  p_refreshed_at timestamptz,
  p_ttl interval
) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_type.cron is not null then
    return coalesce(pawl.next_cron(p_type.cron, p_refreshed_at, p_type.time_zone), 'infinity');
  elsif p_type.spread is not null then
    return pawl.spread_at(p_key, p_type.spread, p_refreshed_at);
  elsif p_type.due_function is null then
    return p_refreshed_at + p_ttl;
  end if;
  return coalesce((select a.at from pawl.ask_function(p_type.due_function, p_key, p_source_at, p_refreshed_at) a), p_refreshed_at + p_ttl);
end
$$;
comment on function pawl.next_stale_at(pawl.data_types, text, timestamptz, timestamptz, interval) is 'when data of a key is stale';

-- The first moment after p_after at which a key has its turn, once in each stretch of p_spread: keys have different places in it, by
-- a hash, and always the same one.
create or replace function pawl.spread_at(p_key text, p_spread interval, p_after timestamptz) returns timestamptz
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.to_timestamp(s.place + s.length * (pg_catalog.floor((s.after - s.place) / s.length) + 1))
  from (
    select extract(epoch from p_spread)::double precision as length, extract(epoch from p_after)::double precision as after,
      extract(epoch from p_spread)::double precision * ((pg_catalog.hashtext(p_key)::bigint + 2147483648) / 4294967296.0)::double precision as place
  ) s
$$;
comment on function pawl.spread_at(text, interval, timestamptz) is 'when a key has its turn next, in a schedule that spreads keys evenly';
