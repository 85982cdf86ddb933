-- What the triggers of pawl.track say: keys of a type were written, or deleted, and this has not failed and waited for nobody. All of it runs in
-- somebody's statement on his own table (I10), with the rights of the schema's owner. Each function returns how many pairs it moved; that is
-- for nobody, but PL/pgSQL evaluates an assignment without the executor that a perform needs.
--
-- A write moves what is not indexed (check_at stays, and the timer finds that the pair is not due), so that it is a HOT update. Whether somebody
-- has a row locked is read off the row itself: xmax is 0, or a transaction from before all that are under way; who locks a row and then writes it,
-- as most of ours do, leaves his own in its next version. So one pass does what else were two, a lock that skips what is locked and the update;
-- it is what makes 1,000 rows cost less than writing them. What may be locked goes the careful way (pawl.time_writes). Between reading
-- xmax and writing the row there are some microseconds, and where several lock a row together xmax is no transaction and says nothing: then
-- somebody is waited for, by the triggers' lock_timeout for ten milliseconds, and a node does the rest.

-- pawl.note_write(type, key, ttl), pawl.note_writes(type, keys, ttl): keys of a type that is stale p_ttl after each write were written: one; several,
-- which may be the same. Pairs that do not exist are passed over: nobody looks at them.
-- Locks: the pairs.
-- The settings leave the planner only the road by index, and that a key comes with its type from the array: one by one (see pawl.look_at).
create or replace function pawl.note_write(p_type text, p_key text, p_ttl interval) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_now timestamptz := pawl.clock();
  v_is_told boolean;
  v_is_more boolean;
  v_nothing text;
begin
  update pawl.freshness f
  set has_data = true,
      refreshed_at = greatest(f.refreshed_at, v_now),
      failures = 0,
      error = null,
      stale_at = greatest(f.refreshed_at, v_now) + p_ttl,
      due_at = greatest(f.refreshed_at, v_now) + p_ttl
  where f.type = p_type
    and f.key = p_key
    and (f.xmax = 0 or age(f.xmax) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)) -- of the oldest transaction under way
  returning f.is_watched, f.task_id is not null or f.wait_reason is not null or (f.check_at > f.due_at) is true
  into v_is_told, v_is_more;
  if v_is_told then
    v_nothing := pawl.tell_refreshed_key(p_type, p_key, v_now);
  end if;
  if v_is_more is not false then
    if v_is_more then
      perform pawl.look_at_writes(p_type, array[p_key]);
    elsif exists (select from pawl.freshness f where f.type = p_type and f.key = p_key) then
      return pawl.time_writes(p_type, array[p_key]);
    else
      return 0;
    end if;
  end if;
  return 1;
end
$$;
comment on function pawl.note_write(text, text, interval) is 'a key of a type was written, whose data is fresh for some time';

create or replace function pawl.note_writes(p_type text, p_keys text[], p_ttl interval) returns integer
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
  v_age integer := age(pg_snapshot_xmin(pg_current_snapshot())::xid); -- as above; that of 0 is more than any
  v_count integer;
  v_told text[];
  v_looked_at text[];
  v_rest text[];
begin
  with moved as (
    update pawl.freshness f
    set has_data = true,
        refreshed_at = greatest(f.refreshed_at, v_now),
        failures = 0,
        error = null,
        stale_at = greatest(f.refreshed_at, v_now) + p_ttl,
        due_at = greatest(f.refreshed_at, v_now) + p_ttl
    from (select p_type as type, u.key from unnest(p_keys) u (key) offset 0) k
    where f.type = k.type
      and f.key = k.key
      and age(f.xmax) > v_age
    returning f.key, f.is_watched, f.task_id is not null or f.wait_reason is not null or f.check_at > f.due_at as is_looked_at
  )
  select count(*), array_agg(m.key) filter (where m.is_watched), array_agg(m.key) filter (where m.is_looked_at)
  into v_count, v_told, v_looked_at
  from moved m;
  if v_count < cardinality(p_keys) then
    v_rest := array(
      select f.key
      from (select p_type as type, u.key from unnest(p_keys) u (key) offset 0) k
      join pawl.freshness f on f.type = k.type and f.key = k.key
      where age(f.xmax) <= v_age);
    if v_rest <> '{}' then
      v_count := v_count + pawl.time_writes(p_type, v_rest);
    end if;
  end if;
  if v_told is not null then
    perform pawl.tell_refreshed(p_type, v_told);
  end if;
  if v_looked_at is not null then
    perform pawl.look_at_writes(p_type, v_looked_at);
  end if;
  return v_count;
end
$$;
comment on function pawl.note_writes(text, text[], interval) is 'keys of a type were written, whose data is fresh for some time';

-- pawl.time_writes(type, keys, written at): the same for any type: its schedule or its function says when the data is stale, or the key's own time. Of a
-- scheduled type every key gets a pair. What somebody has locked, or is just making, a node catches up with as soon as it can. The times, one for each
-- key, are for that; null: now.
-- Locks: pairs that are missing as pawl.make_pairs; the pairs, by key (skip locked).
create or replace function pawl.time_writes(p_type text, p_keys text[], p_written_at timestamptz[] default null) returns integer
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
  v_type pawl.data_types;
  v_now timestamptz := pawl.clock();
  v_is_plain boolean;
  v_is_scheduled boolean;
  v_keys text[] := p_keys;
  v_moved text[];
  v_told text[];
  v_looked_at text[];
  v_is_new boolean;
begin
  select d.* into v_type from pawl.data_types d where d.name = p_type;
  if not found then
    return 0;
  end if;
  v_is_scheduled := v_type.strategy = 'scheduled';
  v_is_plain := not v_is_scheduled and v_type.due_function is null;
  if v_is_scheduled then
    v_keys := array(select case when v_type.is_global or length(u.key) between 1 and 500 and octet_length(u.key) <= 1000 then u.key end from unnest(p_keys) u (key)); -- null can be none
    perform pawl.make_pairs(v_type, array(select distinct u.key from unnest(v_keys) u (key) where u.key is not null));
  end if;

  with held as materialized (
    select f.type, f.key, f.source_at, greatest(f.refreshed_at, coalesce(k.written_at, v_now)) as refreshed_at, f.check_at, f.is_watched,
      f.task_id is not null or f.wait_reason is not null as is_looked_at
    from (select distinct p_type as type, u.key, u.written_at from unnest(v_keys, p_written_at) as u (key, written_at) offset 0) k
    join pawl.freshness f on f.type = k.type and f.key = k.key
    order by f.key
    for no key update of f skip locked
  ), timed as materialized (
    select h.*,
      case
        when v_is_plain then h.refreshed_at + coalesce(x.ttl, v_type.ttl)
        else pawl.next_stale_at(v_type, h.key, h.source_at, h.refreshed_at, coalesce(x.ttl, v_type.ttl))
      end as stale_at
    from held h
    left join lateral (select t.ttl from pawl.type_keys t where t.type = h.type and t.key = h.key offset 0) x on true
    offset 0
  ), moved as (
    update pawl.freshness f
    set has_data = true,
        refreshed_at = t.refreshed_at,
        failures = case when t.stale_at > v_now then 0 else f.failures end,
        error = null,
        stale_at = t.stale_at,
        due_at = t.stale_at,
        check_at = case when v_is_scheduled and f.check_at is null then nullif(t.stale_at, 'infinity') else f.check_at end,
        forget_at = case when v_is_scheduled then null else f.forget_at end
    from timed t
    where f.type = t.type
      and f.key = t.key
  )
  select coalesce(array_agg(t.key), '{}'), array_agg(t.key) filter (where t.is_watched),
    array_agg(t.key) filter (where t.is_looked_at or t.check_at > t.stale_at), bool_or(v_is_scheduled and t.check_at is null)
  into v_moved, v_told, v_looked_at, v_is_new
  from timed t;

  if v_told is not null then
    perform pawl.tell_refreshed(p_type, v_told);
  end if;
  if v_looked_at is not null then
    perform pawl.look_at_writes(p_type, v_looked_at);
  end if;
  if cardinality(v_moved) < cardinality(v_keys) then
    perform pawl.note_later(p_type, array(select u.key from unnest(v_keys) u (key) where u.key not in (select m.key from unnest(v_moved) m (key))));
  end if;
  if v_is_new then
    perform pawl.ring('fresh');
  end if;
  return cardinality(v_moved);
end
$$;
comment on function pawl.time_writes(text, text[], timestamptz[]) is 'keys of a type were written, whose data is stale when the type says it';

-- pawl.note_changes(type, written, deleted): rows were updated that had other keys before.
create or replace function pawl.note_changes(p_type text, p_written text[], p_deleted text[]) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  return pawl.time_writes(p_type, p_written)
    + pawl.note_deletes(p_type, array(select d.key from unnest(p_deleted) d (key) except select w.key from unnest(p_written) w (key)));
end
$$;
comment on function pawl.note_changes(text, text[], text[]) is 'rows were updated that had other keys before';

-- pawl.look_at_writes(type, keys): a node looks at these keys, whose data has come without their refresh: that may not be needed any more, unless
-- it runs, and most likely has written; they do not wait any more; or they are due earlier than they were going to be looked at.
create or replace function pawl.look_at_writes(p_type text, p_keys text[]) returns void
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
  v_job_id bigint := (select d.job_id from pawl.data_types d where d.name = p_type);
begin
  perform pawl.look_later(p_type, array(
    select f.key
    from (select p_type as type, u.key from unnest(p_keys) u (key) offset 0) k
    join pawl.freshness f on f.type = k.type and f.key = k.key
    left join lateral (select t.status from pawl.tasks t where t.job_id = v_job_id and t.id = f.task_id offset 0) t on true
    where t.status is null
      or t.status < 'running'));
end
$$;
comment on function pawl.look_at_writes(text, text[]) is 'a node looks at keys whose data has come without their refresh';

-- pawl.note_later(type, keys): something was written of these keys, or deleted, and cannot be noted now: a node catches up with it as soon as it can.
create or replace function pawl.note_later(p_type text, p_keys text[]) returns integer
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
  v_is_scheduled boolean := (select d.strategy = 'scheduled' from pawl.data_types d where d.name = p_type);
  v_keys text[] := array(
    select k.key
    from (select distinct p_type as type, u.key from unnest(p_keys) u (key) offset 0) k
    where v_is_scheduled
      or exists (select from pawl.freshness f where f.type = k.type and f.key = k.key offset 0));
begin
  if v_keys <> '{}' then
    insert into pawl.missed_writes (type, key, written_at) select p_type, k.key, pawl.clock() from unnest(v_keys) k (key);
    perform pawl.look_later(p_type, v_keys);
  end if;
  return 0;
end
$$;
comment on function pawl.note_later(text, text[]) is 'something was written of keys, and a node catches up with it as soon as it can';

-- pawl.catch_up(type, keys): for pawl.refresh_due, which has locked the freshness of these keys: what of them was written while somebody else had
-- it locked moves it now, as the table is now. Returns nothing. Raises what reading the type's table raises.
-- Locks: the rows of pawl.missed_writes (skip locked).
create or replace function pawl.catch_up(p_type pawl.data_types, p_keys text[]) returns void
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
  v_written_at timestamptz[];
  v_there text[];
  v_there_at timestamptz[];
begin
  with found as materialized (
    select w.ctid -- nobody updates them
    from (select p_type.name as type, u.key from unnest(p_keys) u (key) offset 0) k
    join pawl.missed_writes w on w.type = k.type and w.key = k.key
    for update of w skip locked
  ), gone as (
    delete from pawl.missed_writes w
    using found f
    where w.ctid = f.ctid
    returning w.key, w.written_at
  ), missed as (
    select g.key, max(g.written_at) as written_at from gone g group by g.key
  )
  select array_agg(m.key), array_agg(m.written_at) into v_keys, v_written_at from missed m;
  if v_keys is null then
    return;
  end if;
  select coalesce(array_agg(d.key), '{}'), array_agg(coalesce(d.written_at, w.written_at)) into v_there, v_there_at
  from pawl.read_data(p_type, v_keys) d
  join unnest(v_keys, v_written_at) as w (key, written_at) on w.key = d.key
  where d.has_data;
  if v_there <> '{}' then
    perform pawl.time_writes(p_type.name, v_there, v_there_at);
  end if;
  perform pawl.note_deletes(p_type.name, array(select u.key from unnest(v_keys) u (key) where u.key not in (select t.key from unnest(v_there) t (key))));
end
$$;
comment on function pawl.catch_up(pawl.data_types, text[]) is 'what was written while somebody else had the keys locked';

-- pawl.note_deletes(type, keys): rows of these keys were deleted. Those that have no row any more in the type's table have no data: that is stale,
-- from now, and a node looks at what somebody wants of them, and catches up with what somebody has locked.
-- Locks: the table, ACCESS SHARE; the pairs, by key (skip locked).
create or replace function pawl.note_deletes(p_type text, p_keys text[]) returns integer
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
  v_type pawl.data_types;
  v_now timestamptz := pawl.now(); -- as in pawl.make_pairs
  v_keys text[] := array(
    select k.key
    from (select distinct p_type as type, u.key from unnest(p_keys) u (key) offset 0) k
    where exists (select from pawl.freshness f where f.type = k.type and f.key = k.key offset 0));
  v_moved text[];
  v_looked_at text[];
begin
  if v_keys = '{}' then
    return 0;
  end if;
  select d.* into v_type from pawl.data_types d where d.name = p_type;
  v_keys := array(select d.key from pawl.read_data(v_type, v_keys) d where not d.has_data);
  with held as materialized (
    select f.type, f.key
    from (select p_type as type, u.key from unnest(v_keys) u (key) offset 0) k
    join pawl.freshness f on f.type = k.type and f.key = k.key
    order by f.key
    for no key update of f skip locked
  ), moved as (
    update pawl.freshness f
    set has_data = false,
        stale_at = least(f.stale_at, v_now),
        due_at = case when f.failures = 0 then least(f.due_at, v_now) else f.due_at end
    from held h
    where f.type = h.type
      and f.key = h.key
    returning f.key, f.is_watched or f.check_at is not null or v_type.strategy = 'scheduled' as is_looked_at
  )
  select coalesce(array_agg(m.key), '{}'), coalesce(array_agg(m.key) filter (where m.is_looked_at), '{}')
  into v_moved, v_looked_at
  from moved m;
  perform pawl.look_later(p_type, v_looked_at);
  if cardinality(v_moved) < cardinality(v_keys) then
    perform pawl.note_later(p_type, array(select u.key from unnest(v_keys) u (key) where u.key not in (select m.key from unnest(v_moved) m (key))));
  end if;
  return cardinality(v_moved);
end
$$;
comment on function pawl.note_deletes(text, text[]) is 'rows of keys were deleted';

-- pawl.note_truncate(type): the same of every key that has had data, by thousands.
create or replace function pawl.note_truncate(p_type text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_keys text[] := array['']; -- of a global type
  v_count integer := 0;
begin
  loop
    v_count := v_count + pawl.note_deletes(p_type, v_keys);
    v_keys := array(
      select f.key
      from pawl.freshness f
      where f.type = p_type
        and f.key > v_keys[cardinality(v_keys)]
        and f.has_data
      order by f.key
      limit 10000);
    exit when v_keys = '{}';
  end loop;
  return v_count;
end
$$;
comment on function pawl.note_truncate(text) is 'a type''s table, or a partition of it, was truncated';
