-- pawl.read_keys(type): keys that are in the table of a scheduled type and have no freshness get some, due at their next time; those that were only asked
-- about have their turn as well; those that are in it
-- no more, and of which the last refresh found nothing, are forgotten. Where triggers tell of new keys (pawl.track) this is done once; else
-- every ten minutes, by the timer; and in a second, while somebody makes keys of the type. Reads the whole table, and is free to choose how, whatever its caller has pinned.
-- Returns nothing. Locks: new rows by key; old ones (skip locked); the type's row.
create or replace function pawl.read_keys(p_type pawl.data_types) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = on
set enable_bitmapscan = on
set enable_hashjoin = on
set enable_mergejoin = on
as $$
begin
  if p_type.strategy <> 'scheduled' or p_type.table_name is null or p_type.is_global then
    update pawl.data_types d set read_keys_at = null where d.name = p_type.name and d.read_keys_at is not null;
    return;
  end if;
  if pg_catalog.pg_try_advisory_xact_lock(1885435758, pg_catalog.hashtext(p_type.name)) then -- as pawl.make_pairs
    execute pg_catalog.format('insert into pawl.freshness (type, key, org_id, has_data, stale_at, due_at, check_at) '
      'select $1.name, k.key, $1.org_id, true, t.at, t.at, nullif(t.at, ''infinity'') from (select distinct d.%I::text as key from %s d where d.%1$I is not null) k '
      'cross join lateral (select pawl.next_stale_at($1, k.key, null, $2, $1.ttl) as at) t where pg_catalog.length(k.key) between 1 and 500 and pg_catalog.octet_length(k.key) <= 1000 '
      'and not exists (select from pawl.freshness f where f.type = $1.name and f.key = k.key) order by k.key on conflict (type, key) do nothing',
      p_type.key_column, p_type.table_name)
    using p_type, pawl.now();
    execute pg_catalog.format('update pawl.freshness f set forget_at = $2 where (f.type, f.key) in (select x.type, x.key from pawl.freshness x '
      'where x.type = $1 and not x.has_data and x.outcome = ''empty'' and x.task_id is null and not x.is_wanted and not x.is_watched '
      'and not exists (select from %s d where d.%I::text = x.key) for no key update skip locked)', p_type.table_name, p_type.key_column)
    using p_type.name, pawl.now();
    update pawl.freshness f
    set check_at = f.due_at
    where (f.type, f.key) in (
      select x.type, x.key
      from pawl.freshness x
      where x.type = p_type.name
        and x.check_at is null
        and x.due_at < 'infinity'
      for no key update skip locked);
    update pawl.data_types d
    set read_keys_at = case when not d.is_tracked then pawl.now() + interval '10 minutes' end
    where d.name = p_type.name;
  else -- somebody makes keys of the type at this moment
    update pawl.data_types d
    set read_keys_at = pawl.clock() + interval '1 second'
    where d.name = p_type.name;
  end if;
end
$$;
comment on function pawl.read_keys(pawl.data_types) is 'learns of new keys in the table of a scheduled type';

-- The same for the timer: what fails is written down, and tried again in ten minutes; what somebody's lock on the table kept for half a second, too.
-- Returns false when it was cut off, since the time of the whole statement is over.
create or replace function pawl.try_read_keys(p_name text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $$
begin
  perform pawl.read_keys(d) from pawl.data_types d where d.name = p_name;
  return true;
exception when query_canceled or others then
  if pg_catalog.left(sqlstate, 2) in ('08', '40', '53', '57', '58') and sqlstate <> '57014' then
    raise;
  end if;
  raise warning 'data type "%": the keys of its table could not be read: %', p_name, sqlerrm;
  update pawl.data_types d
  set error = sqlerrm, error_at = pawl.now(), read_keys_at = pawl.now() + interval '10 minutes'
  where d.name = p_name;
  return sqlstate <> '57014';
end
$$;
comment on function pawl.try_read_keys(text) is 'learns of new keys of a type, or writes down why not';

-- pawl.forget_keys(limit): keys whose time to be forgotten has come, if still nobody wants them (I9). Whether somebody does is asked after the lock,
-- which keeps subscribers out (pawl.watch).
-- Returns how many. Locks: their freshness FOR UPDATE (skip locked).
create or replace function pawl.forget_keys(p_limit integer) returns integer
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
  v_types text[];
  v_keys text[];
begin
  select pg_catalog.array_agg(o.type), pg_catalog.array_agg(o.key) into v_types, v_keys
  from (
    select f.type, f.key
    from pawl.freshness f
    where f.forget_at <= pawl.now()
    order by f.forget_at
    limit p_limit
    for update skip locked
  ) o;
  if v_keys is null then
    return 0;
  end if;
  delete from pawl.freshness f
  using unnest(v_types, v_keys) as o (type, key)
  where f.type = any (array[o.type])
    and f.key = o.key
    and not f.is_wanted
    and f.task_id is null
    and not exists (select from pawl.subscriptions s where s.type = f.type and s.key = f.key offset 0);
  update pawl.freshness f
  set forget_at = null
  from unnest(v_types, v_keys) as o (type, key)
  where f.type = any (array[o.type])
    and f.key = o.key;
  return pg_catalog.cardinality(v_keys);
end
$$;
comment on function pawl.forget_keys(integer) is 'forgets keys that nobody has wanted for long; returns how many were looked at';
