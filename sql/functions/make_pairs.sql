-- Whether a key would leave its place in a URL, also where a server decodes %2F before it looks: no request is made of such a one.
create or replace function pawl.leads_elsewhere(p_key text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select p_key ~ '(^|[/\\])\.\.?([/\\]|$)'
$$;
comment on function pawl.leads_elsewhere(text) is 'whether a key would leave its place in a URL';

-- pawl.check_key(type, key): a key as it is kept: empty for a global type, whatever was given.
-- Refuses (PW006) what cannot be a key. Locks: none.
create or replace function pawl.check_key(p_type pawl.data_types, p_key text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_type.is_global then
    if p_key <> '' then
      raise exception 'data type "%" is global and has no keys, so not %', p_type.name, pg_catalog.quote_literal(p_key)
        using errcode = 'PW006', hint = 'Give null (on the command line: leave it out).';
    end if;
    return '';
  end if;
  if p_key is null or pg_catalog.length(p_key) not between 1 and 500 or pg_catalog.octet_length(p_key) > 1000 then
    raise exception 'a key of data type "%" has from 1 to 500 characters, and up to 1000 bytes, not %', p_type.name,
        coalesce(case when pg_catalog.length(p_key) between 1 and 500 then pg_catalog.octet_length(p_key) || ' bytes' else pg_catalog.length(p_key)::text end, 'null')
      using errcode = 'PW006', hint = 'Give the key of what is meant, for example ''AAPL''.';
  end if;
  if p_type.fetch_path is not null and pawl.leads_elsewhere(p_key) then
    raise exception 'data type "%" is fetched by a URL, and % means another place in it', p_type.name, pg_catalog.quote_literal(p_key)
      using errcode = 'PW006', hint = 'Give another key.';
  end if;
  return p_key;
end
$$;
comment on function pawl.check_key(pawl.data_types, text) is 'a key as it is kept';

-- pawl.data_type(name): the type, for those who need it. Refuses one that does not exist (PW002). Locks: none.
create or replace function pawl.data_type(p_name text) returns pawl.data_types
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types;
begin
  select d.* into v_type from pawl.data_types d where d.name = p_name;
  if not found then
    perform pawl.refuse_data_type(p_name);
  end if;
  return v_type;
end
$$;
comment on function pawl.data_type(text) is 'a data type by its name';

-- pawl.make_pairs(type, keys): rows of pawl.freshness for those keys that have none. Two who insert the same key would wait for
-- each other, perhaps in a circle: so there is an advisory lock for each key, which is tried, never waited for. The server has room for few thousands
-- of them: so a transaction takes 200; who makes more tries one for all keys of the type, and leaves out what is too much while others make some.
-- What somebody else is making at this moment is left out, too; and outside READ COMMITTED, where nobody sees what has been made since, all. A key that nobody comes to want is forgotten.
-- Returns nothing. Locks: as said, until the transaction ends.
create or replace function pawl.make_pairs(p_type pawl.data_types, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_now timestamptz := pawl.now(); -- never later than what who calls takes for now, or it would not be stale for him
  v_missing text[] := array(
    select k.key
    from (select distinct u.key from unnest(p_keys) u (key)) k
    where not exists (select from pawl.freshness f where f.type = p_type.name and f.key = k.key offset 0) -- key by key, whatever was planned
    order by k.key);
  v_locks integer; -- that this transaction has
begin
  if v_missing = '{}' or not pawl.sees_the_present() then
    return;
  end if;
  v_locks := coalesce(nullif(pg_catalog.current_setting('pawl.pair_locks', true), ''), '0');
  if v_locks + pg_catalog.cardinality(v_missing) <= 200 or not pg_catalog.pg_try_advisory_xact_lock(1885435758, pg_catalog.hashtext(p_type.name)) then
    if v_locks >= 200 or not pg_catalog.pg_try_advisory_xact_lock_shared(1885435758, pg_catalog.hashtext(p_type.name)) then
      return;
    end if;
    v_missing := v_missing[:200 - v_locks];
    perform pg_catalog.set_config('pawl.pair_locks', (v_locks + pg_catalog.cardinality(v_missing))::text, true);
    v_missing := array(
      select m.key
      from unnest(v_missing) m (key)
      where pg_catalog.pg_try_advisory_xact_lock(1885435759, pg_catalog.hashtext(p_type.name || ' ' || m.key))
      order by m.key);
  end if;
  insert into pawl.freshness (type, key, org_id, stale_at, due_at, forget_at)
  select p_type.name, m.key, p_type.org_id, v_now, v_now, case when p_type.strategy <> 'scheduled' then v_now + interval '30 days' end
  from unnest(v_missing) m (key)
  order by m.key
  on conflict (type, key) do nothing;
end
$$;
comment on function pawl.make_pairs(pawl.data_types, text[]) is 'rows of freshness for keys that have none';

-- Whether a statement sees, and may change, what was committed since the transaction began. Where it may not, freshness is a node's work: it says so
-- in pawl.looks, and fails nobody's transaction (40001) for what others do meanwhile. Locks: none.
create or replace function pawl.sees_the_present() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.current_setting('transaction_isolation') in ('read committed', 'read uncommitted')
$$;
comment on function pawl.sees_the_present() is 'whether a statement sees what was committed since the transaction began';

-- pawl.make_looked_pairs(limit): the same for keys that somebody could not make (pawl.looks), as long as nobody is making them. Looks at types that are gone
-- go with them. Returns nothing. Locks: as pawl.make_pairs.
create or replace function pawl.make_looked_pairs(p_limit integer) returns void
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
  v_now timestamptz := pawl.now(); -- never later than what who calls takes for now, or it would not be stale for him
  v_types text[];
  v_keys text[];
begin
  select pg_catalog.array_agg(m.type), pg_catalog.array_agg(m.key) into v_types, v_keys
  from (
    select o.type, o.key
    from pawl.looks o
    where case
      when exists (select from pawl.freshness f where f.type = o.type and f.key = o.key offset 0) then false -- and tries no lock
      else pg_catalog.pg_try_advisory_xact_lock_shared(1885435758, pg_catalog.hashtext(o.type))
        and pg_catalog.pg_try_advisory_xact_lock(1885435759, pg_catalog.hashtext(o.type || ' ' || o.key))
    end
    order by o.type, o.key, o.id
    limit p_limit
  ) m;
  if v_keys is null then
    return;
  end if;
  insert into pawl.freshness (type, key, org_id, stale_at, due_at)
  select distinct d.name, m.key, d.org_id, v_now, v_now
  from unnest(v_types, v_keys) as m (type, key)
  join pawl.data_types d on d.name = m.type
  order by d.name, m.key
  on conflict (type, key) do nothing;
  v_types := array(select distinct u.type from unnest(v_types) u (type) where not exists (select from pawl.data_types d where d.name = u.type offset 0));
  if v_types <> '{}' then
    delete from pawl.looks l where l.type = any (v_types);
  end if;
end
$$;
comment on function pawl.make_looked_pairs(integer) is 'rows of freshness for keys that somebody could not make';

-- pawl.look_later(type, keys, is_wanted, priority): a node looks at these keys as soon as it can: somebody has them locked.
-- Returns nothing. Locks: none.
create or replace function pawl.look_later(p_type text, p_keys text[], p_is_wanted boolean default false, p_priority real default 0) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.cardinality(p_keys) > 0 then
    insert into pawl.looks (type, key, is_wanted, priority, created_at)
    select p_type, k.key, p_is_wanted, p_priority, pawl.clock() from unnest(p_keys) k (key);
    perform pawl.ring('fresh');
  end if;
end
$$;
comment on function pawl.look_later(text, text[], boolean, real) is 'a node looks at these keys as soon as it can';
