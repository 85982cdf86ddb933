-- pawl.refresh_due(limit): the work that freshness makes by itself: keys that somebody else had locked (pawl.looks), holders who were not heard of, and
-- keys whose moment has come; and what is to be forgotten, or learnt of (read_keys.sql).
-- One node at a time; each type in a subtransaction of its own, so that one whose table is gone
-- or whose functions fail keeps no other from being looked at: its keys come again in a minute, and pawl.data_types.error says why.
-- What somebody has locked is left alone, and asked for again in a moment: so nothing is written for it while he sleeps on it.
-- A type whose functions are slow rests for as long as they took, so that others have their turn. The caller sets a time-out (src/store/work.c): the
-- type that is being looked at when it is over rests for five minutes, and what else there is comes with the next call, under a time-out of its own.
-- Returns one row: looked, how many were handled; next_ms, when to call again: 0: there is more now; null: nothing is due ever; sweep_ms, when to
-- call pawl.sweep_adoptions, which may take long: 0: now; null: no table is adopted.
-- Refuses a transaction outside READ COMMITTED (PW009).
-- Locks: an advisory lock (try); rows of pawl.looks, pawl.holders and pawl.freshness (skip locked), then as pawl.look_at: never waits.
create or replace function pawl.refresh_due(p_limit integer default 1000)
returns table (looked integer, next_ms bigint, sweep_ms bigint)
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
  v_now timestamptz := pawl.now();
  v_looks integer := p_limit;
  v_taken integer := 0;
  v_resting text[];
  v_is_in_time boolean := true;
  v_from timestamptz := pawl.scan_from('keys');
  v_begun timestamptz;
  v_read bigint;
  v_last timestamptz;
  v_types text[];
  v_keys text[];
  r record;
begin
  perform pawl.check_isolation();
  looked := 0;
  sweep_ms := pawl.next_sweep_ms();
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 6) then
    next_ms := greatest(pawl.next_refresh_ms(), 250);
    return next;
    return;
  end if;
  looked := pawl.expire_holders(p_limit);

  if exists (select from pawl.freshness f where f.check_at >= v_from and f.check_at <= v_now order by f.check_at offset p_limit / 2) then
    v_looks := p_limit / 10 + 1; -- what many wait for begins before what has ended is written down
  end if;
  for v_round in 1..2 loop
    v_resting := array(select d.name from pawl.data_types d where d.rests_until > pawl.clock());
    for r in
      with found as materialized ( -- what is still locked is left where it is
        select o.ctid
        from pawl.looks o
        join pawl.freshness f on f.type = any (array[o.type]) and f.key = o.key
        where o.type <> all (v_resting)
        order by o.type, o.key, o.id
        limit v_looks
        for update of o skip locked
        for no key update of f skip locked
      ), taken as (
        delete from pawl.looks l
        using found f
        where l.ctid = f.ctid -- nobody updates them
        returning l.type, l.key, l.is_wanted, l.priority, l.created_at
      ), asked as (
        select t.type, t.key, pg_catalog.max(t.priority) filter (where t.is_wanted) as priority, pg_catalog.max(t.created_at) filter (where t.is_wanted) as wanted_at
        from taken t
        group by t.type, t.key
      )
      select a.type, pg_catalog.array_agg(a.key) as keys, pg_catalog.array_agg(a.priority) as priorities, pg_catalog.array_agg(a.wanted_at) as wanted_at
      from asked a
      group by a.type
      order by a.type
    loop
      v_taken := v_taken + pg_catalog.cardinality(r.keys);
      if v_is_in_time then
        v_is_in_time := pawl.look_for(r.type, r.keys, r.priorities, r.wanted_at, false);
      else
        perform pawl.look_with_the_due(r.type, r.keys, r.priorities);
      end if;
    end loop;
    -- what is left has no row yet, or is locked: with nothing else to do that is worth reading it all
    exit when not v_is_in_time or v_round = 2 or v_taken >= v_looks / 2 or not exists (select from pawl.looks);
    perform pawl.make_looked_pairs(p_limit);
  end loop;
  looked := looked + v_taken;

  v_resting := array(select d.name from pawl.data_types d where d.rests_until > pawl.clock());
  if v_is_in_time then
    v_begun := pg_catalog.clock_timestamp();
    v_read := pawl.entries_read('pawl.freshness_to_check');
    select pg_catalog.array_agg(d.type), pg_catalog.array_agg(d.key), pg_catalog.max(d.check_at) into v_types, v_keys, v_last
    from (
      select f.type, f.key, f.check_at
      from pawl.freshness f
      where f.check_at >= v_from
        and f.check_at <= v_now
        and f.type <> all (v_resting)
      order by f.check_at
      limit p_limit
      for no key update skip locked
    ) d;
    perform pawl.note_scan('keys', v_from, case when pg_catalog.cardinality(v_keys) = p_limit then v_last else v_now end,
      pawl.entries_read('pawl.freshness_to_check') - v_read, pg_catalog.clock_timestamp() - v_begun);
  end if;
  for r in
    select d.type, pg_catalog.array_agg(d.key) as keys
    from unnest(v_types, v_keys) as d (type, key)
    group by d.type
    order by d.type
  loop
    looked := looked + pg_catalog.cardinality(r.keys);
    v_is_in_time := pawl.look_for(r.type, r.keys, null, null, true);
    exit when not v_is_in_time; -- the others stay due
  end loop;
  looked := looked + pawl.forget_keys(p_limit);
  for r in
    select d.name
    from pawl.data_types d
    where v_is_in_time
      and d.read_keys_at <= v_now
    order by d.name
    for no key update skip locked
  loop
    looked := looked + 1;
    v_is_in_time := pawl.try_read_keys(r.name);
    exit when not v_is_in_time;
  end loop;
  next_ms := pawl.next_refresh_ms();
  if next_ms = 0 and looked = 0 then
    next_ms := 250; -- what is left is locked, or rests
  elsif pawl.scan_from('keys') > '-infinity' or pawl.scan_from('holders') > '-infinity' then
    next_ms := least(next_ms, 250); -- and so may be what was passed over
  end if;
  return next;
end
$$;
comment on function pawl.refresh_due(integer) is 'the work that freshness makes by itself; returns how much there was, and when to call again';

-- Looks at keys of one type, whose freshness pawl.refresh_due has locked, as pawl.look_for_some. Where functions of users are asked for each key: at a few at
-- first, and at more as long as it is quick; when it is not the type rests, and its other keys are looked at then.
-- Returns false when the time of the whole statement is over: no function or table is to be asked any more. Locks: as pawl.look_for_some; the type's row.
create or replace function pawl.look_for(p_type text, p_keys text[], p_priorities real[], p_wanted_at timestamptz[], p_may_end boolean) returns boolean
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
  v_begun timestamptz := pg_catalog.clock_timestamp();
  v_type pawl.data_types;
  v_total integer := pg_catalog.cardinality(p_keys);
  v_from integer := 1;
  v_count integer := v_total;
  v_took interval := '0';
  v_is_in_time boolean := true;
begin
  select d.* into v_type from pawl.data_types d where d.name = p_type;
  if not found then
    return true;
  end if;
  if v_type.gate_function is not null or v_type.due_function is not null then
    v_count := 8;
  end if;
  perform pg_catalog.set_config('pawl.failed_function', '', true);
  while v_from <= v_total and v_took < interval '0.5 seconds' loop
    v_is_in_time := pawl.look_for_some(v_type, p_keys[v_from:v_from + v_count - 1], p_priorities[v_from:v_from + v_count - 1],
      p_wanted_at[v_from:v_from + v_count - 1], p_may_end);
    exit when not v_is_in_time;
    v_from := v_from + v_count;
    v_count := v_count * 4;
    v_took := pg_catalog.clock_timestamp() - v_begun;
  end loop;
  if pg_catalog.current_setting('pawl.failed_function', true) <> '' then
    perform pawl.note_type_error(p_type, pg_catalog.current_setting('pawl.failed_function'));
  end if;
  if v_is_in_time and v_from > v_total then
    return true;
  end if;
  update pawl.data_types d
  set rests_until = pawl.clock() + case when v_is_in_time then v_took else interval '5 minutes' end
  where d.name in (select x.name from pawl.data_types x where x.name = p_type for no key update skip locked);
  if p_priorities is not null then -- else they are due already
    perform pawl.look_with_the_due(p_type, p_keys[v_from:], p_priorities[v_from:]);
  end if;
  return v_is_in_time;
end
$$;
comment on function pawl.look_for(text, text[], real[], timestamptz[], boolean) is 'looks at keys of one type, as many as are quickly looked at';

-- Writes down what went wrong with a type, unless somebody has its row. Locks: as said.
create or replace function pawl.note_type_error(p_type text, p_error text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  update pawl.data_types d
  set error = p_error, error_at = pawl.clock()
  where d.name in (
    select x.name
    from pawl.data_types x
    where x.name = p_type
      and (x.error = p_error and x.error_at > pawl.clock() - interval '10 seconds') is not true
    for no key update skip locked);
end
$$;
comment on function pawl.note_type_error(text, text) is 'writes down what went wrong with a data type';

-- Leaves a look at keys (pawl.looks) to the next one at keys that are due. Returns nothing. Locks: none but on their freshness, which the caller has locked.
create or replace function pawl.look_with_the_due(p_type text, p_keys text[], p_priorities real[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  update pawl.freshness f
  set check_at = least(f.check_at, pawl.clock()),
      is_wanted = f.is_wanted or k.priority is not null,
      wanted_priority = case when f.is_wanted then greatest(f.wanted_priority, k.priority) else coalesce(k.priority, 0) end,
      demanded_at = case when f.is_watched then f.demanded_at else coalesce(f.demanded_at, pawl.clock()) end
  from unnest(pg_catalog.array_fill(p_type, array[pg_catalog.cardinality(p_keys)]), p_keys, p_priorities) as k (type, key, priority)
  where f.type = any (array[k.type])
    and f.key = k.key;
end
$$;
comment on function pawl.look_with_the_due(text, text[], real[]) is 'leaves a look at keys to the next one at keys that are due';

-- Looks at keys of one type, whose freshness pawl.refresh_due has locked; p_may_end: as for pawl.look_at. Arrays run in parallel; for whom a priority
-- is given somebody has asked, at that time: a refresh that ended after that was for him, too.
-- Where a key cannot be a value of the table's column the others are looked at without it. What could not be looked at comes again in a minute; what
-- somebody else's lock on a table kept for half a second, in five. Returns false when it was cut off, since the time of the whole statement is over.
-- Locks: as pawl.look_at; the type's row, to write down an error (skip locked).
create or replace function pawl.look_for_some(p_type pawl.data_types, p_keys text[], p_priorities real[], p_wanted_at timestamptz[], p_may_end boolean) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms' -- before anybody takes it for a deadlock
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_types text[] := pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]);
  v_half integer := pg_catalog.cardinality(p_keys) / 2;
begin
  begin
    if pg_catalog.array_remove(p_priorities, null) <> '{}' then
      perform pawl.settle_ended(p_type, p_keys);
      update pawl.freshness f
      set is_wanted = true, wanted_priority = case when f.is_wanted then greatest(f.wanted_priority, w.priority) else w.priority end,
          demanded_at = coalesce(f.demanded_at, w.wanted_at)
      from unnest(v_types, p_keys, p_priorities, p_wanted_at) as w (type, key, priority, wanted_at)
      where f.type = any (array[w.type])
        and f.key = w.key
        and w.priority is not null
        and (f.outcome_at > w.wanted_at) is not true;
    end if;
    if p_type.is_tracked then
      perform pawl.catch_up(p_type, p_keys);
    end if;
    perform pawl.look_at(p_type, p_keys, p_may_end);
    return true;
  exception when query_canceled or others then
    if pg_catalog.left(sqlstate, 2) in ('08', '40', '53', '57', '58') and sqlstate <> '57014' then
      raise;
    end if;
    if v_half = 0 or not (pg_catalog.left(sqlstate, 2) in ('22', '23') or sqlstate = 'PW006') then
      raise warning 'data type "%" could not be looked at: %', p_type.name, sqlerrm;
      perform pawl.note_type_error(p_type.name, case when sqlstate = '57014' then 'its functions or its table did not answer in time: ' else '' end || sqlerrm);
      update pawl.freshness f
      set check_at = pawl.clock() + case when sqlstate = '55P03' then interval '5 seconds' else interval '1 minute' end,
          is_wanted = f.is_wanted or k.priority is not null,
          wanted_priority = case when f.is_wanted then greatest(f.wanted_priority, k.priority) else coalesce(k.priority, 0) end,
          demanded_at = case when f.is_watched then f.demanded_at else coalesce(f.demanded_at, pawl.clock()) end
      from unnest(v_types, p_keys, p_priorities) as k (type, key, priority)
      where f.type = any (array[k.type])
        and f.key = k.key;
      return sqlstate <> '57014';
    end if;
  end;
  if not pawl.look_for_some(p_type, p_keys[:v_half], p_priorities[:v_half], p_wanted_at[:v_half], p_may_end) then
    return false;
  end if;
  return pawl.look_for_some(p_type, p_keys[v_half + 1:], p_priorities[v_half + 1:], p_wanted_at[v_half + 1:], p_may_end);
end
$$;
comment on function pawl.look_for_some(pawl.data_types, text[], real[], timestamptz[], boolean) is 'looks at keys of one type, or writes down why not';

-- Holders whose moment has come: what of theirs is over is gone, and with it the demand that it made; the next look is when the next may be.
-- Returns how many holders. Locks: the holders and their subscriptions (skip locked), then as pawl.look_at.
create or replace function pawl.expire_holders(p_limit integer) returns integer
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
  v_now timestamptz := pawl.now();
  v_from timestamptz := pawl.scan_from('holders');
  v_begun timestamptz := pg_catalog.clock_timestamp();
  v_read bigint := pawl.entries_read('pawl.holders_to_check');
  v_last timestamptz;
  v_holders text[];
  v_types text[];
  v_keys text[];
begin
  select pg_catalog.array_agg(d.holder), pg_catalog.max(d.check_at) into v_holders, v_last
  from (
    select h.holder, h.check_at
    from pawl.holders h
    where h.check_at >= v_from
      and h.check_at <= v_now
    order by h.check_at
    limit p_limit
    for update skip locked
  ) d;
  perform pawl.note_scan('holders', v_from, case when pg_catalog.cardinality(v_holders) = p_limit then v_last else v_now end,
    pawl.entries_read('pawl.holders_to_check') - v_read, pg_catalog.clock_timestamp() - v_begun);
  if v_holders is null then
    return 0;
  end if;
  with over as materialized (
    select s.type, s.key, s.holder
    from unnest(v_holders) u (holder)
    join pawl.holders h on h.holder = any (array[u.holder])
    join pawl.subscriptions s on s.holder = any (array[u.holder])
    where greatest(s.renewed_at, h.seen_at) + s.ttl <= v_now
    for update of s skip locked
  ), gone as (
    delete from pawl.subscriptions s
    using over o
    where s.type = any (array[o.type])
      and s.key = o.key
      and s.holder = o.holder
    returning s.type, s.key
  )
  select pg_catalog.array_agg(g.type), pg_catalog.array_agg(g.key) into v_types, v_keys from gone g;
  update pawl.holders h
  set check_at = greatest(n.check_at, v_now + interval '1 second') -- somebody may have locked what is over
  from (
    select u.holder, (
        select pg_catalog.min(greatest(s.renewed_at, x.seen_at) + s.ttl)
        from pawl.holders x
        join pawl.subscriptions s on s.holder = any (array[x.holder])
        where x.holder = u.holder) as check_at
    from unnest(v_holders) u (holder)
    offset 0
  ) n
  where h.holder = any (array[n.holder])
    and n.check_at is not null;
  delete from pawl.holders h
  using unnest(v_holders) u (holder)
  where h.holder = any (array[u.holder])
    and not exists (select from pawl.subscriptions s where s.holder = u.holder and s.ttl is not null offset 0);
  if v_types is not null then
    perform pawl.unwatch(v_types, v_keys);
  end if;
  return pg_catalog.cardinality(v_holders);
end
$$;
comment on function pawl.expire_holders(integer) is 'ends what holders looked at who were not heard of; returns how many holders';
