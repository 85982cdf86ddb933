-- pawl.sweep_adoptions(limit): the work that adopted tables make by themselves, at the times that pawl.refresh_due names (sweep_ms): subscriptions that triggers have left to a node
-- (pawl.adoption_looks), then one table, if one is due to be read as a whole: that of which this is longest so. One node at a time. What
-- fails is that adoption's own: pawl.adoptions.error says why, it is tried again after its pause, or a minute if that is less, and the others go on. That is also
-- what becomes of a table that is locked for longer than a second, of one of which row level security would hide rows, and of a read that is
-- cancelled, as nodes do after 30 s.
-- Returns how much was done; 0 when there was nothing, or another node is at it.
-- Refuses a transaction outside READ COMMITTED (PW009).
-- Locks: an advisory lock (try); rows of pawl.adoption_looks and pawl.adoptions (skip locked); the adopted table ACCESS SHARE; subscriptions
-- (skip locked); then as pawl.join_adopted and pawl.unwatch.
create or replace function pawl.sweep_adoptions(p_limit integer default 1000) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
set row_security = off
set jit = off
as $$
declare
  v_done integer;
  v_adoption pawl.adoptions;
begin
  perform pawl.check_isolation();
  if not pg_try_advisory_xact_lock(1885435756, 7) then
    return 0;
  end if;
  v_done := pawl.settle_adopted(p_limit);
  select a.* into v_adoption
  from pawl.adoptions a
  where a.check_at <= pawl.now()
    or exists (select from pawl.adoption_looks l where l.adoption = a.name and l.type is null)
  order by a.check_at
  limit 1
  for no key update skip locked;
  if found then
    delete from pawl.adoption_looks l where l.adoption = v_adoption.name and l.type is null;
    perform pawl.sweep_adoption(v_adoption, found, 10 * p_limit);
    v_done := v_done + 1;
  end if;
  return v_done;
end
$$;
comment on function pawl.sweep_adoptions(integer) is 'the work that adopted tables make by themselves; returns how much there was';

-- Reads a whole table, and makes pawl.subscriptions equal to what its rows ask for: up to p_limit come and as many go, and if there are more it is
-- asked for again. p_is_asked: somebody did so, or the table has just been adopted; else what a sweep finds is what triggers have missed. What a trigger has left is seen once more behind a lock (pawl.recheck_adopted), since its table is
-- written to meanwhile by those who make subscriptions themselves. A table that takes long is read the less often: no more than a tenth
-- of the time goes into it. The caller has the adoption's row.
create or replace function pawl.sweep_adoption(p_adoption pawl.adoptions, p_is_asked boolean, p_limit integer) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started timestamptz := clock_timestamp();
  v_table regclass := pawl.adopted_table(p_adoption);
  v_is_guarded boolean := false;
  v_moved integer;
  v_state text;
  v_error text;
  v_ignored bigint;
  v_reason text;
  r record;
begin
  loop
    begin
      if v_table is null then
        raise exception 'table % does not exist', p_adoption.table_name using errcode = '42P01';
      end if;
      select c.* into r from pawl.compare_adopted(p_adoption, v_table, v_is_guarded, p_limit) c;
      v_ignored := r.ignored;
      v_reason := r.reason;
      perform pawl.join_many_adopted(p_adoption.name, r.types, r.keys, r.holders);
      if r.gone_types is not null and p_adoption.mode = 'trigger' then
        perform pawl.recheck_adopted(p_adoption, r.gone_types, r.gone_keys, r.gone_holders);
      elsif r.gone_types is not null then
        perform pawl.leave_adopted(p_adoption.name, r.gone_types, r.gone_keys, r.gone_holders);
      end if;
      v_moved := coalesce(cardinality(r.types), 0) + coalesce(cardinality(r.gone_types), 0);
      if cardinality(r.types) >= p_limit or cardinality(r.gone_types) >= p_limit then
        perform pawl.ask_for_sweep(p_adoption.name);
      end if;
      v_error := null;
      exit;
    exception when query_canceled or others then
      get stacked diagnostics v_state = returned_sqlstate, v_error = message_text;
      exit when v_is_guarded or not pawl.is_fault_of_a_row(v_state);
      v_is_guarded := true;
    end;
  end loop;

  update pawl.adoptions a
  set check_at = pawl.now() + greatest(case when v_error is null then a.every else least(a.every, interval '1 minute') end, 10 * (clock_timestamp() - v_started)),
      swept_at = case when v_error is null then pawl.now() else a.swept_at end,
      sweep_ms = case when v_error is null then extract(epoch from clock_timestamp() - v_started) * 1000 else a.sweep_ms end,
      ignored = case when v_error is null then v_ignored else a.ignored end,
      ignored_reason = case when v_error is null then v_reason else a.ignored_reason end,
      found = a.found + case when a.mode = 'trigger' and not p_is_asked and a.swept_at is not null and v_error is null then v_moved else 0 end,
      error = v_error,
      error_at = case when v_error is not null then pawl.now() end
  where a.name = p_adoption.name;
end
$$;
comment on function pawl.sweep_adoption(pawl.adoptions, boolean, integer) is 'makes subscriptions equal to what the rows of a table ask for';

-- The table of an adoption: that on which its triggers stand, whatever it is called by now, else the one of that name; null: it is gone. Locks: none.
create or replace function pawl.adopted_table(p_adoption pawl.adoptions) returns regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select t.table_id from pawl.find_adoption_triggers(p_adoption.name) t where t.is_root limit 1), pg_catalog.to_regclass(p_adoption.table_name)::pg_catalog.oid)
$$;
comment on function pawl.adopted_table(pawl.adoptions) is 'the table of an adoption; null: it is gone';

-- pawl.compare_adopted(adoption, table, is_guarded, limit): what the rows of a table ask for, beside what there is: in one statement, which reads the
-- table and the adoption's subscriptions once each, with no more memory than work_mem gives it (a full join hashes or sorts, whatever the
-- estimates are); of what comes and goes up to p_limit, by type, key and holder, null for none. is_guarded: row by row.
-- Raises what reading raises. Locks: the table, ACCESS SHARE.
create or replace function pawl.compare_adopted(p_adoption pawl.adoptions, p_table regclass, p_is_guarded boolean, p_limit integer)
returns table (ignored bigint, reason text, types text[], keys text[], holders text[], gone_types text[], gone_keys text[], gone_holders text[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query execute format($sql$
    with differ as materialized (
      select m.type collate "C" as type, m.key collate "C" as key, m.holder collate "C" as holder, m.reason,
        s.type collate "C" as gone_type, s.key collate "C" as gone_key, s.holder collate "C" as gone_holder
      from (%1$s) m
      full join (select s.type, s.key, s.holder from pawl.subscriptions s where s.adoption = %2$L) s
        on s.type = m.type and s.key = m.key and s.holder = m.holder
      where m.type is null
        or s.type is null
    ), come as materialized (
      select distinct d.type, d.key, d.holder from differ d where d.type is not null order by 1, 2, 3 limit %3$s
    ), gone as materialized (
      select d.gone_type, d.gone_key, d.gone_holder from differ d where d.gone_type is not null order by 1, 2, 3 limit %3$s
    )
    select (select count(*) from differ d where d.reason is not null),
      (select d.reason from differ d where d.reason is not null group by d.reason order by count(*) desc, d.reason limit 1),
      c.*, g.*
    from (select array_agg(type), array_agg(key), array_agg(holder) from (select * from come order by 1, 2, 3) o) c,
      (select array_agg(gone_type), array_agg(gone_key), array_agg(gone_holder) from (select * from gone order by 1, 2, 3) o) g $sql$,
    pawl.adoption_rows(p_adoption.name, pawl.adopted_mapping(p_adoption, p_table, p_is_guarded)), p_adoption.name, p_limit);
end
$$;
comment on function pawl.compare_adopted(pawl.adoptions, regclass, boolean, integer) is 'what the rows of a table ask for, beside what there is';

-- The query for what the table's rows say, one by one when it is guarded; else of those for which p_where holds.
create or replace function pawl.adopted_mapping(p_adoption pawl.adoptions, p_table regclass, p_is_guarded boolean, p_where text default null) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_is_guarded then pawl.guarded_mapping(p_adoption.name, f.source, p_adoption.expressions ->> 'new')
    else pawl.adoption_mapping(p_adoption.expressions, f.source, p_where)
  end
  from (values (format('%s as %s', p_table, p_adoption.expressions ->> 'new'))) f (source)
$$;
comment on function pawl.adopted_mapping(pawl.adoptions, regclass, boolean, text) is 'query for what the rows of an adopted table say';

-- What triggers have left to a node, up to so many; returns how much of it was done. Rows of adoptions that are gone go, too.
create or replace function pawl.settle_adopted(p_limit integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_adoption pawl.adoptions;
  v_done integer := 0;
  r record;
begin
  for r in
    with taken as (
      delete from pawl.adoption_looks l
      where (l.adoption, l.id) in (
        select o.adoption, o.id
        from pawl.adoption_looks o
        where o.type is not null
          or not exists (select from pawl.adoptions a where a.name = o.adoption)
        order by o.adoption, o.id
        limit p_limit
        for update skip locked)
      returning l.adoption, l.type, l.key, l.holder
    ), asked as (
      select distinct t.adoption, t.type, t.key, t.holder from taken t where t.type is not null
    )
    select a.adoption, array_agg(a.type order by a.type, a.key, a.holder) as types, array_agg(a.key order by a.type, a.key, a.holder) as keys,
      array_agg(a.holder order by a.type, a.key, a.holder) as holders
    from asked a
    group by a.adoption
    order by a.adoption
  loop
    select a.* into v_adoption from pawl.adoptions a where a.name = r.adoption;
    continue when not found;
    begin
      v_done := v_done + cardinality(r.types) - pawl.recheck_adopted(v_adoption, r.types, r.keys, r.holders);
    exception when query_canceled or others then
      perform pawl.ask_for_sweep(r.adoption); -- which says why, if it is no better then
    end;
  end loop;
  return v_done;
end
$$;
comment on function pawl.settle_adopted(integer) is 'what triggers on adopted tables have left to a node; returns how much was done';

-- pawl.recheck_adopted(adoption, types, keys, holders): sees in the table whether a row asks for these subscriptions (arrays in parallel, without
-- duplicates), and makes or ends them. A statement that adds such a row holds the subscription FOR KEY SHARE until it is committed, or says here
-- that it could not: so those that are there are locked first, and the table is read after that, in a snapshot that is younger. What
-- somebody holds is asked again. Rows are looked for by their holder: an index on what the holder is read from serves here.
-- Returns how many are asked again. Raises what reading the table raises. Locks: the subscriptions (skip locked); then as pawl.join_adopted and pawl.unwatch.
create or replace function pawl.recheck_adopted(p_adoption pawl.adoptions, p_types text[], p_keys text[], p_holders text[]) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass := pawl.adopted_table(p_adoption);
  v_names text[] := pawl.holder_names(p_adoption, p_holders);
  v_is_guarded boolean := false;
  v_state text;
  v_held integer[];
  v_there integer[];
  v_live integer[];
  v_left integer;
  v_again integer[];
begin
  if v_table is null then
    raise exception 'table % does not exist', p_adoption.table_name using errcode = '42P01';
  end if;
  v_held := array(
    select a.place
    from unnest(p_types, p_keys, p_holders) with ordinality as a (type, key, holder, place)
    cross join lateral (
      select from pawl.subscriptions s where s.type = a.type and s.key = a.key and s.holder = a.holder and s.adoption = p_adoption.name for update skip locked
    ) s);
  loop
    begin
      execute format('select coalesce(array_agg(distinct a.place), ''{}'') from (%s) m join unnest($1, $2, $3) with ordinality as a (type, key, holder, place)'
          || ' on a.type = m.type and a.key = m.key and a.holder = m.holder where m.reason is null',
        pawl.adoption_rows(p_adoption.name, pawl.adopted_mapping(p_adoption, v_table, v_is_guarded,
          case when v_names is not null then format('(%s)%s = any ($4%s)', p_adoption.expressions ->> 'holder', p_adoption.expressions ->> 'holder_cast', p_adoption.expressions ->> 'names_cast') end)))
      into v_live
      using p_types, p_keys, p_holders, v_names;
      exit;
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate;
      if v_is_guarded or not pawl.is_fault_of_a_row(v_state) then
        raise;
      end if;
      v_is_guarded := true;
    end;
  end loop;
  v_there := array(
    select a.place
    from unnest(p_types, p_keys, p_holders) with ordinality as a (type, key, holder, place)
    cross join lateral (
      select from pawl.subscriptions s where s.type = a.type and s.key = a.key and s.holder = a.holder and s.adoption = p_adoption.name offset 0
    ) s);

  perform pawl.leave_adopted(p_adoption.name, array_agg(p_types[a.place]), array_agg(p_keys[a.place]), array_agg(p_holders[a.place]))
  from (select unnest(v_held) except select unnest(v_live)) as a (place)
  having count(*) > 0;
  select pawl.join_many_adopted(p_adoption.name, array_agg(p_types[a.place]), array_agg(p_keys[a.place]), array_agg(p_holders[a.place])) into v_left
  from (select unnest(v_live) except select unnest(v_there)) as a (place)
  having count(*) > 0;
  v_again := array(select unnest(v_there) except (select unnest(v_held) union all select unnest(v_live)));
  perform pawl.look_at_adopted(p_adoption.name, array_agg(p_types[a.place]), array_agg(p_keys[a.place]), array_agg(p_holders[a.place]))
  from unnest(v_again) as a (place)
  having count(*) > 0;
  return coalesce(v_left, 0) + cardinality(v_again);
end
$$;
comment on function pawl.recheck_adopted(pawl.adoptions, text[], text[], text[]) is 'sees in the table whether a row asks for these subscriptions; returns how many are asked again';

-- What holders of an adoption are called by its expression, without the adoption's name; null: of one that was cut nobody knows. Those that the
-- expression's type cannot have, since it was another one when they came, are left out.
create or replace function pawl.holder_names(p_adoption pawl.adoptions, p_holders text[]) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when bool_and(length(h.holder) < 500) then
      coalesce(array_agg(distinct h.name) filter (where h.name ~ coalesce(p_adoption.expressions ->> 'name_pattern', '')), '{}')
    end
  from (select u.holder, substr(u.holder, length(p_adoption.name) + 2) as name from unnest(p_holders) u (holder)) h
$$;
comment on function pawl.holder_names(pawl.adoptions, text[]) is 'what holders of an adoption are called by its expression';

-- No row of an adopted table asks for these subscriptions (arrays in parallel) any more: they are gone, and with them the demand of those keys that
-- nobody else looks at. Locks: the subscriptions; then as pawl.unwatch.
create or replace function pawl.leave_adopted(p_adoption text, p_types text[], p_keys text[], p_holders text[]) returns void
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
  delete from pawl.subscriptions s
  where s.ctid = any (array(
    select g.ctid
    from unnest(p_types, p_keys, p_holders) as a (type, key, holder)
    cross join lateral (
      select s.ctid from pawl.subscriptions s where s.type = a.type and s.key = a.key and s.holder = a.holder and s.adoption = p_adoption for update skip locked
    ) g));
  begin
    perform pawl.unwatch(p_types, p_keys);
    return;
  exception when others then
    null; -- a node meets the same when it looks, and says so in pawl.data_types
  end;
  perform pawl.look_later(a.type, array_agg(distinct a.key))
  from unnest(p_types, p_keys) as a (type, key)
  group by a.type;
end
$$;
comment on function pawl.leave_adopted(text, text[], text[], text[]) is 'no row of an adopted table asks for these subscriptions any more';
