-- Demand that does not come from viewers: what somebody asks for, and what a key's children need of its parents. For pawl.look_at, and for those
-- who ask (request_refresh.sql, subscribe.sql).

-- The first parent of which the key's data is stale, or missing and not known to be; null: none. Locks: none.
create or replace function pawl.stale_parent(p_type pawl.data_types, p_key text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p.name
  from unnest(p_type.parents) with ordinality u (name, place)
  join pawl.data_types p on p.name = any (array[u.name])
  left join pawl.freshness f on f.type = any (array[p.name]) and f.key = case when p.is_global then '' else p_key end
  where f.stale_at is null
    or f.stale_at <= pawl.clock()
  order by u.place
  limit 1
$$;
comment on function pawl.stale_parent(pawl.data_types, text) is 'the first parent of which the key''s data is stale';

-- Keys of a type that are due need their parent's data: what of it is stale is wanted, with the priority of the best that needs it.
create or replace function pawl.want_parent(p_type pawl.data_types, p_parent text, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_parent pawl.data_types := pawl.data_type(p_parent);
  v_keys text[];
  v_priority real;
begin
  select pg_catalog.array_agg(d.key), pg_catalog.max(pawl.refresh_priority(d.viewers, d.wanted_priority)) into v_keys, v_priority
  from (
    select f.key, f.is_wanted, f.wanted_priority,
      (select pg_catalog.count(*) from (select from pawl.subscriptions s where s.type = f.type and s.key = f.key limit 1000) s) as viewers
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
    join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    offset 0
  ) d
  where d.is_wanted
    or d.viewers > 0
    or p_type.strategy = 'scheduled';
  if v_keys is not null then
    perform pawl.want_if_stale(v_parent, case when v_parent.is_global then array[''] else v_keys end, v_priority);
  end if;
end
$$;
comment on function pawl.want_parent(pawl.data_types, text, text[]) is 'keys of a type need their parent''s data';

-- pawl.want(type, keys, priority), pawl.want_if_stale(type, keys, priority): a refresh of these keys is wanted, whoever looks at them; the second only of those
-- whose data is stale. Keys that are locked are looked at later, as wanted from now.
-- Returns nothing. Locks: those of pawl.make_pairs and pawl.look_at.
create or replace function pawl.want(p_type pawl.data_types, p_keys text[], p_priority real) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_keys text[];
begin
  if not pawl.sees_the_present() then
    perform pawl.look_later(p_type.name, p_keys, true, p_priority);
    return;
  end if;
  perform pawl.make_pairs(p_type, p_keys);
  perform pawl.settle_ended(p_type, p_keys);
  with found as materialized (
    select f.type, f.key
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
    join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    order by f.key
    for no key update of f skip locked
  ), wanted as (
    update pawl.freshness f
    set is_wanted = true,
        wanted_priority = case when f.is_wanted then greatest(f.wanted_priority, p_priority) else p_priority end
    from found w
    where f.type = any (array[w.type])
      and f.key = w.key
    returning f.key
  )
  select coalesce(pg_catalog.array_agg(w.key), '{}') into v_keys from wanted w;
  perform pawl.look_later(p_type.name, array(select k.key from unnest(p_keys) k (key) where k.key not in (select u.key from unnest(v_keys) u (key))), true, p_priority);
  perform pawl.look_at(p_type, v_keys);
  -- what has just been refreshed, or is put off, waits for a moment that nodes do not know of
  perform pawl.ring_for_holder(n.check_at)
  from (
    select pg_catalog.min(f.check_at) as check_at
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(v_keys)]), v_keys) as k (type, key)
    join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    where f.task_id is null
  ) n
  where n.check_at is not null;
end
$$;
comment on function pawl.want(pawl.data_types, text[], real) is 'a refresh of these keys is wanted';

create or replace function pawl.want_if_stale(p_type pawl.data_types, p_keys text[], p_priority real) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.clock();
  v_keys text[];
begin
  if pawl.sees_the_present() then
    perform pawl.make_pairs(p_type, p_keys);
    v_keys := array(
      select f.key
      from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      where f.stale_at <= v_now
      order by f.key
      for no key update of f skip locked);
    perform pawl.read_truth(p_type, v_keys);
  end if;
  v_keys := array(
    select k.key
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
    left join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    where (f.stale_at <= v_now) is not false);
  if v_keys <> '{}' then
    perform pawl.want(p_type, v_keys, p_priority);
  end if;
end
$$;
comment on function pawl.want_if_stale(pawl.data_types, text[], real) is 'a refresh of those keys is wanted whose data is stale';
