-- pawl.join_adopted(adoption, types, keys, holders): rows of an adopted table ask for these subscriptions (arrays in parallel, without
-- duplicates, up to about 1,000). What is there already is held FOR KEY SHARE until the transaction ends, so that no node takes it for
-- left before the row is committed. What is not there is made, and its key watched: the first viewer of stale data has it
-- refreshed at once. Two who make the same one would wait for each other; so each first tries a lock of the adoption, of which
-- there are 128, by holder. What somebody else has at this moment a node sees to as soon as it can (pawl.adoption_looks).
-- Where a type's own functions decide, or parents, they do so in a node, not in the caller's statement; so does what cannot be looked at.
-- The laterals keep the plan from beginning with all subscriptions of the adoption.
-- For READ COMMITTED only. Returns how many are left to a node. Never waits but for a lock on a type's table, as long as lock_timeout says.
-- Locks: as said; then as pawl.watch.
create or replace function pawl.join_adopted(p_adoption text, p_types text[], p_keys text[], p_holders text[]) returns integer
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
  v_held integer[];
  v_there integer[];
  v_free integer[];
  v_left integer[];
  v_types text[];
  v_keys text[];
  v_type pawl.data_types;
  r record;
begin
  v_there := array(
    select a.place
    from unnest(p_types, p_keys, p_holders) with ordinality as a (type, key, holder, place)
    cross join lateral (
      select from pawl.subscriptions s where s.type = a.type and s.key = a.key and s.holder = a.holder and s.adoption = p_adoption offset 0
    ) s);
  if v_there <> '{}' then
    v_held := array(
      select a.place
      from unnest(p_types, p_keys, p_holders) with ordinality as a (type, key, holder, place)
      cross join lateral (
        select from pawl.subscriptions s where s.type = a.type and s.key = a.key and s.holder = a.holder and s.adoption = p_adoption for key share skip locked
      ) s);
  end if;
  if cardinality(v_there) < cardinality(p_types) then
    v_free := array(
      select a.place
      from unnest(p_holders) with ordinality as a (holder, place)
      where a.place <> all (v_there)
        and pg_try_advisory_xact_lock(1885435760, hashtext(p_adoption || ' ' || (hashtext(a.holder) & 127))));
    with made as (
      insert into pawl.subscriptions (type, key, holder, adoption, renewed_at)
      select p_types[f.place], p_keys[f.place], p_holders[f.place], p_adoption, pawl.now()
      from unnest(v_free) f (place)
      order by p_types[f.place], p_keys[f.place], p_holders[f.place]
      on conflict (type, key, holder) do update
        set adoption = excluded.adoption, ttl = null, renewed_at = excluded.renewed_at
      returning type, key
    )
    select array_agg(m.type), array_agg(m.key) into v_types, v_keys from made m;
  end if;
  v_left := array(
    select a.place from generate_subscripts(p_types, 1) as a (place) where (a.place = any (v_held) or a.place = any (v_free)) is not true);
  if v_left <> '{}' then
    perform pawl.look_at_adopted(p_adoption, array_agg(p_types[a.place]), array_agg(p_keys[a.place]), array_agg(p_holders[a.place]))
    from unnest(v_left) as a (place);
  end if;

  for r in
    select u.type, array_agg(distinct u.key) as keys
    from unnest(v_types, v_keys) as u (type, key)
    group by u.type
    order by u.type
  loop
    select d.* into v_type from pawl.data_types d where d.name = r.type;
    continue when not found;
    if v_type.gate_function is null and v_type.due_function is null and v_type.parents = '{}' then
      begin
        perform pawl.watch(v_type, r.keys);
        continue;
      exception when others then
        null; -- a node meets the same, and says so in pawl.data_types
      end;
    end if;
    perform pawl.look_later(r.type, r.keys);
  end loop;
  return cardinality(v_left);
end
$$;
comment on function pawl.join_adopted(text, text[], text[], text[]) is 'rows of an adopted table ask for subscriptions';

-- The same for as many as there are.
create or replace function pawl.join_many_adopted(p_adoption text, p_types text[], p_keys text[], p_holders text[]) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left integer := 0;
begin
  for i in 0 .. coalesce(cardinality(p_types), 0) - 1 by 1000 loop
    v_left := v_left + pawl.join_adopted(p_adoption, p_types[i + 1 : i + 1000], p_keys[i + 1 : i + 1000], p_holders[i + 1 : i + 1000]);
  end loop;
  return v_left;
end
$$;
comment on function pawl.join_many_adopted(text, text[], text[], text[]) is 'rows of an adopted table ask for subscriptions, as many as there are';

-- pawl.follow_adopted(adoption, types, keys, holders, gone types, gone keys, gone holders): a statement on an adopted table has added rows that ask for
-- the first, and taken away rows that asked for the others; null: none. For the table's triggers, which give no more than
-- 1,001 of each: more than 1,000 are a node's work, which reads the whole table then. So is what goes in any case: whether another row
-- asks for it is seen in the table, once this is committed.
-- Returns nothing. Locks: as pawl.join_adopted.
create or replace function pawl.follow_adopted(
  p_adoption text,
  p_types text[],
  p_keys text[],
  p_holders text[],
  p_gone_types text[],
  p_gone_keys text[],
  p_gone_holders text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_types) > 1000 or cardinality(p_gone_types) > 1000 then
    perform pawl.ask_for_sweep(p_adoption);
    return;
  end if;
  if p_gone_types is not null then
    perform pawl.look_at_adopted(p_adoption, p_gone_types, p_gone_keys, p_gone_holders);
  end if;
  if p_types is null then
    return;
  elsif current_setting('transaction_isolation') = 'read committed' then
    perform pawl.join_adopted(p_adoption, p_types, p_keys, p_holders);
  else -- what it sees may be old
    perform pawl.look_at_adopted(p_adoption, p_types, p_keys, p_holders);
  end if;
end
$$;
comment on function pawl.follow_adopted(text, text[], text[], text[], text[], text[], text[]) is 'a statement on an adopted table has added and taken away rows';

-- A node sees soon whether rows ask for these subscriptions. Locks: none.
create or replace function pawl.look_at_adopted(p_adoption text, p_types text[], p_keys text[], p_holders text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pawl.adoption_looks (adoption, type, key, holder)
  select p_adoption, a.type, a.key, a.holder from unnest(p_types, p_keys, p_holders) as a (type, key, holder);
  perform pawl.ring('fresh');
end
$$;
comment on function pawl.look_at_adopted(text, text[], text[], text[]) is 'a node sees soon whether rows ask for these subscriptions';

-- A node reads the whole table soon. Locks: none.
create or replace function pawl.ask_for_sweep(p_adoption text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pawl.adoption_looks (adoption) values (p_adoption);
  perform pawl.ring('fresh');
end
$$;
comment on function pawl.ask_for_sweep(text) is 'a node reads a whole adopted table soon';
