-- pawl.read_data(type, keys): what the type's table has of these keys: is there a row, and when was the newest written, by
-- the type's time column; null without one, or where that is more than a minute ahead, which cannot be. A time without time zone is UTC. One probe or two of the user's index on the key column for each key (offset 0: also where few keys are
-- asked for of a table without statistics, which would be read as a whole).
-- A key is compared as a value of the column's type, but not cut to its length, with the = that belongs to that type (pawl.equality_of).
-- Returns a row a key, in their order; none for a type without a table. Raises what reading the table raises, and says what to do where it or a column
-- is gone, or a right is missing; PW006 where a key cannot be a value of the column.
-- Locks: the table, ACCESS SHARE.
create or replace function pawl.read_data(p_type pawl.data_types, p_keys text[])
returns table (key text, has_data boolean, written_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_where text := '';
  v_at text := 'null::timestamptz';
  v_table regclass;
  v_key record;
  v_time_type text;
begin
  if p_type.table_name is null then
    return;
  end if;
  v_table := pg_catalog.to_regclass(p_type.table_name);
  if v_table is null then
    raise exception 'table % does not exist any more, where the data of data type "%" was', p_type.table_name, p_type.name
      using errcode = 'undefined_table', hint = 'Say where it is now: pawl.define_data_type with p_table (pawl data-type set: --table).';
  end if;
  if p_type.key_column is not null then
    select pg_catalog.format_type(a.atttypid, -1) as type, case when a.atttypid < 16384 then '=' else pawl.equality_of(a.atttypid) end as equality into v_key
    from pg_catalog.pg_attribute a
    where a.attrelid = v_table
      and a.attname = p_type.key_column;
    if not found then
      raise exception 'table % has no column "%" any more, where the keys of data type "%" were', p_type.table_name, p_type.key_column, p_type.name
        using errcode = 'undefined_column', hint = 'Say which has the key: pawl.define_data_type with p_key_column (pawl data-type set: --key-column).';
    end if;
    v_where := pg_catalog.format(' where d.%I %s k.key::%s', p_type.key_column, v_key.equality, v_key.type);
  end if;
  if p_type.time_column is not null then
    select pg_catalog.format_type(a.atttypid, null) into v_time_type
    from pg_catalog.pg_attribute a
    where a.attrelid = v_table
      and a.attname = p_type.time_column;
    if not found then
      raise exception 'table % has no column "%" any more, which said when a row of data type "%" was written', p_type.table_name, p_type.time_column, p_type.name
        using errcode = 'undefined_column', hint = 'Say which says so: pawl.define_data_type with p_time_column (pawl data-type set: --time-column).';
    end if;
    v_at := pg_catalog.format('(select d.%1$I%4$s from %2$s d%3$s %5$s d.%1$I is not null order by d.%1$I desc limit 1)',
      p_type.time_column, p_type.table_name, v_where, case when v_time_type like '%without%' then ' at time zone ''UTC''' else '' end,
      case when v_where = '' then 'where' else 'and' end);
  end if;
  return query execute pg_catalog.format('select k.key, t.at is not null or exists (select from %s d%s offset 0), case when t.at <= $2 then t.at end '
    'from unnest($1) k (key) cross join lateral (select %s as at offset 0) t', p_type.table_name, v_where, v_at)
  using p_keys, pawl.clock() + interval '1 minute';
exception
  when insufficient_privilege then
    raise exception 'role "%" may not read %, where the data of data type "%" is: %', current_user, p_type.table_name, p_type.name, sqlerrm
      using errcode = 'insufficient_privilege', hint = pg_catalog.format('Let its owner grant %I select on %s, and usage on its schema; or call a function that is security definer.',
        current_user, p_type.table_name);
  when data_exception or check_violation then
    if p_type.key_column is null then
      raise;
    end if;
    raise exception '% cannot be asked for a key of data type "%": %', p_type.table_name, p_type.name, sqlerrm
      using errcode = 'PW006', hint = pg_catalog.format('A key must be a value of its column "%s", of the type %s.', p_type.key_column, v_key.type);
end
$$;
comment on function pawl.read_data(pawl.data_types, text[]) is 'what the type''s table has of some keys';

-- The = of a type that somebody made, with its schema, which is in no search_path here: citext compares otherwise than the text that it could be taken for.
-- It is the one that the type is indexed with: only a superuser says which; an operator of that name anybody can make, and it would run with our rights.
-- Locks: none.
create or replace function pawl.equality_of(p_type oid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select pg_catalog.format('operator(%I.%s)', n.nspname, o.oprname)
    from pg_catalog.pg_type t
    join pg_catalog.pg_opclass c on c.opcintype = coalesce(nullif(t.typbasetype, 0), t.oid) and c.opcdefault
    join pg_catalog.pg_am m on m.oid = c.opcmethod
    join pg_catalog.pg_amop a on a.amopfamily = c.opcfamily and a.amoplefttype = c.opcintype and a.amoprighttype = c.opcintype
      and (m.amname, a.amopstrategy) in (('btree', 3), ('hash', 1))
    join pg_catalog.pg_operator o on o.oid = a.amopopr
    join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
    where t.oid = p_type
    order by m.amname
    limit 1), '=')
$$;
comment on function pawl.equality_of(oid) is 'the operator = of a type that somebody made';

-- pawl.read_truth(type, keys): what others have written to the table since it was last looked at, into the freshness of these keys,
-- which the caller has locked; nothing for a type without a table. Returns nothing.
create or replace function pawl.read_truth(p_type pawl.data_types, p_keys text[]) returns void
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
  v_have_data boolean[];
  v_written_at timestamptz[];
begin
  if p_type.table_name is null then
    return;
  end if;
  select pg_catalog.array_agg(d.key), pg_catalog.array_agg(d.has_data), pg_catalog.array_agg(d.written_at) into v_keys, v_have_data, v_written_at
  from pawl.read_data(p_type, p_keys) d;
  if v_keys is null then
    return;
  end if;
  with found as materialized (
    select f.type, f.key, d.has_data, d.written_at, n.stale_at
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(v_keys)]), v_keys, v_have_data, v_written_at)
      as d (type, key, has_data, written_at)
    join pawl.freshness f on f.type = any (array[d.type]) and f.key = d.key
    left join pawl.type_keys k on k.type = any (array[d.type]) and k.key = d.key
    cross join lateral (
      select case
        when d.has_data and d.written_at > coalesce(f.refreshed_at, '-infinity')
          then pawl.next_stale_at(p_type, f.key, f.source_at, d.written_at, coalesce(k.ttl, p_type.ttl))
      end as stale_at
    ) n
    where n.stale_at is not null
      or d.has_data <> f.has_data
  )
  update pawl.freshness f
  set has_data = d.has_data,
      refreshed_at = case when d.stale_at is not null then d.written_at else f.refreshed_at end,
      failures = case when d.stale_at > v_now then 0 else f.failures end,
      stale_at = case
        when d.stale_at is not null then d.stale_at
        when not d.has_data then least(f.stale_at, pawl.now()) -- as in pawl.make_pairs
        else f.stale_at
      end,
      due_at = case
        when d.stale_at is not null then d.stale_at
        when not d.has_data and f.failures = 0 then least(f.due_at, pawl.now())
        else f.due_at
      end
  from found d
  where f.type = any (array[d.type])
    and f.key = d.key;
end
$$;
comment on function pawl.read_truth(pawl.data_types, text[]) is 'takes what others have written to the type''s table into account';
