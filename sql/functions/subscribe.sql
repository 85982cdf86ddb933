-- pawl.subscribe(type, key, holder, ttl): somebody (a viewer, a session, a dashboard) looks at a key of a data type, until he says otherwise
-- (pawl.unsubscribe) or was not heard of for p_ttl (pawl.heartbeat). Again: the same, from now. While anybody looks the key is
-- refreshed whenever its data is stale; where it is stale already its refresh is enqueued here, in the caller's transaction.
-- Returns one row: state, as in pawl.freshness_state, of a locked key 'looked_at_soon'; stale_since, null where it is fresh;
-- refreshed_at. With an array of keys: a row a key, in their order.
-- Refuses an unknown type (PW002), and a key, holder or time that cannot be (PW006).
-- Never waits for another holder. Locks: the holder's row and subscriptions; then as pawl.make_pairs and pawl.look_at, and each key FOR KEY SHARE:
-- so that nobody takes it for unwatched before this commits.
create or replace function pawl.subscribe(p_type text, p_key text, p_holder text, p_ttl interval default '1 minute')
returns table (state text, stale_since timestamptz, refreshed_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.state, s.stale_since, s.refreshed_at
  from pawl.subscribe(p_type, array[p_key], p_holder, p_ttl) s;
end
$$;
comment on function pawl.subscribe(text, text, text, interval) is 'somebody looks at a key of a data type';

create or replace function pawl.subscribe(p_type text, p_keys text[], p_holder text, p_ttl interval default '1 minute')
returns table (key text, state text, stale_since timestamptz, refreshed_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_type pawl.data_types := pawl.data_type(p_type);
  v_now timestamptz := pawl.clock();
  v_keys text[];
  v_each text[];
begin
  perform pawl.check_holder(p_holder);
  if p_ttl is null or p_ttl not between interval '1 second' and interval '366 days' then
    perform pawl.refuse_value('p_ttl', coalesce(p_ttl::text, 'null'), 'from 1 second to 366 days');
  end if;
  if p_keys is null then
    perform pawl.refuse_null('p_keys', 'Give an array of keys.');
  end if;
  v_keys := array(select pawl.check_key(v_type, k.key) from unnest(p_keys) with ordinality as k (key, place) order by k.place);
  v_each := array(select distinct k.key from unnest(v_keys) k (key) order by k.key);

  -- what is not in the way of its next look leaves its index alone
  insert into pawl.holders as h (holder, seen_at, check_at)
  values (p_holder, v_now, v_now + p_ttl)
  on conflict (holder) do update
    set seen_at = greatest(h.seen_at, excluded.seen_at),
        check_at = least(h.check_at, excluded.check_at);
  insert into pawl.subscriptions (type, key, holder, ttl, renewed_at)
  select p_type, k.key, p_holder, p_ttl, v_now
  from unnest(v_each) k (key)
  order by k.key
  on conflict (type, key, holder) do update
    set ttl = excluded.ttl, renewed_at = excluded.renewed_at, adoption = null;
  perform pawl.ring_for_holder(v_now + p_ttl);
  perform pawl.watch(v_type, v_each);
  return query
  select k.key, coalesce(pawl.freshness_state(f), 'looked_at_soon'), case when f.stale_at <= v_now then f.stale_at end, f.refreshed_at
  from unnest(pg_catalog.array_fill(p_type, array[pg_catalog.cardinality(v_keys)]), v_keys) with ordinality as k (type, key, place)
  left join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
  order by k.place;
end
$$;
comment on function pawl.subscribe(text, text[], text, interval) is 'somebody looks at keys of a data type';

create or replace function pawl.check_holder(p_holder text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_holder is null or pg_catalog.length(p_holder) not between 1 and 500 or pg_catalog.octet_length(p_holder) > 1000 then
    raise exception 'a holder has a name of 1 to 500 characters, and up to 1000 bytes, not %',
        coalesce(case when pg_catalog.length(p_holder) between 1 and 500 then pg_catalog.octet_length(p_holder) || ' bytes' else pg_catalog.length(p_holder)::text end, 'null')
      using errcode = 'PW006', hint = 'Give what tells one viewer from another: a session''s or a user''s id.';
  end if;
  if pg_catalog.strpos(p_holder, ':') > 0 and exists (select from pawl.adoptions a where a.name = pg_catalog.split_part(p_holder, ':', 1)) then
    raise exception 'holder % belongs to the adoption "%": its table says what he looks at', pg_catalog.quote_literal(p_holder), pg_catalog.split_part(p_holder, ':', 1)
      using errcode = 'PW006', hint = 'Give a name that does not begin with an adoption''s and a colon.';
  end if;
end
$$;
comment on function pawl.check_holder(text) is 'refuses what cannot be a holder''s name';

-- Nodes are told when a holder, or a key, is to be looked at earlier than anything else; else their timers come in time to ask again. What should have been looked
-- at already is passed over: there the index may be full of entries that are dead, for as long as somebody's snapshot is open.
create or replace function pawl.ring_for_holder(p_check_at timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  if not exists (select from pawl.holders h where h.check_at > pawl.now() and h.check_at < p_check_at offset 0)
    and not exists (select from pawl.freshness f where f.check_at > pawl.now() and f.check_at < p_check_at offset 0) then
    perform pawl.ring('fresh');
  end if;
end
$$;
comment on function pawl.ring_for_holder(timestamptz) is 'nodes are told when a holder is to be looked at earlier than anything else';

-- pawl.watch(type, keys): these keys have a subscriber, whose row the caller has just written. A key that is watched, fresh or under way
-- costs a look and no write. Outside READ COMMITTED what is read may be old, so a node looks.
-- Returns nothing. Locks: each key FOR KEY SHARE (skip locked); then as pawl.make_pairs and pawl.look_at.
create or replace function pawl.watch(p_type pawl.data_types, p_keys text[]) returns void
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
  v_types text[] := pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]);
  v_held text[];
  v_todo text[];
  v_done text[] := '{}';
begin
  if not pawl.sees_the_present() then
    perform pawl.look_later(p_type.name, p_keys);
    return;
  end if;
  for v_round in 1..2 loop
    select coalesce(pg_catalog.array_agg(h.key), '{}'),
      coalesce(pg_catalog.array_agg(h.key) filter (where not h.is_watched or h.is_many
        or (h.task_id is null and h.due_at <= v_now and h.wait_reason is null)), '{}')
    into v_held, v_todo
    from (
      select f.key, f.is_watched, f.task_id, f.due_at, f.wait_reason,
        f.task_id is not null and pawl.is_power_of_two(
          (select pg_catalog.count(*) from (select from pawl.subscriptions s where s.type = f.type and s.key = f.key limit 1000) s)) as is_many
      from unnest(v_types, p_keys) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      for key share of f skip locked
    ) h;
    exit when v_round = 2 or pg_catalog.cardinality(v_held) = pg_catalog.cardinality(p_keys);
    perform pawl.make_pairs(p_type, p_keys);
  end loop;
  if v_todo <> '{}' then
    select coalesce(pg_catalog.array_agg(d.key), '{}') into v_done
    from (
      select f.key
      from unnest(v_types[:pg_catalog.cardinality(v_todo)], v_todo) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      order by f.key
      for no key update of f skip locked
    ) d;
    perform pawl.look_at(p_type, v_done);
    perform pawl.ring('fresh')
    from unnest(v_types[:pg_catalog.cardinality(v_done)], v_done) as k (type, key)
    join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    where f.task_id is null
      and f.check_at is not null
    limit 1;
  end if;
  if pg_catalog.cardinality(v_held) < pg_catalog.cardinality(p_keys) or pg_catalog.cardinality(v_done) < pg_catalog.cardinality(v_todo) then
    perform pawl.look_later(p_type.name, array(
      select k.key
      from unnest(p_keys) k (key)
      where k.key not in (select u.key from unnest(v_held) u (key))
        or k.key in (select u.key from unnest(v_todo) u (key)) and k.key not in (select u.key from unnest(v_done) u (key))));
  end if;
end
$$;
comment on function pawl.watch(pawl.data_types, text[]) is 'keys have a subscriber';

create or replace function pawl.is_power_of_two(p_number bigint) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_number & (p_number - 1) = 0
$$;
comment on function pawl.is_power_of_two(bigint) is 'is it 1, 2, 4, 8 ...?';

-- pawl.freshness_state(row): pawl.state_of_key, with the task looked up. Null for no row.
-- Locks: none.
create or replace function pawl.freshness_state(p_freshness pawl.freshness) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
as $$
declare
  v_status pawl.task_status;
begin
  if p_freshness.type is null then
    return null;
  end if;
  if p_freshness.task_id is not null then
    select t.status into v_status
    from pawl.data_types d
    join pawl.tasks t on t.job_id = any (array[d.job_id]) and t.id = p_freshness.task_id
    where d.name = p_freshness.type;
  end if;
  return pawl.state_of_key(v_status, p_freshness.wait_reason, p_freshness.stale_at, p_freshness.due_at, p_freshness.check_at, p_freshness.is_wanted,
    p_freshness.failures);
end
$$;
comment on function pawl.freshness_state(pawl.freshness) is 'how it stands with a key: fresh, queued, running, gate, parent, retry, due, unwatched';
