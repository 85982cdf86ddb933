-- pawl.read_data(type, keys): what the type's table has of these keys: is there a row, and when was the newest written, by
-- the type's time column; null without one. One probe or two of the user's index on the key column for each key (offset 0: also where few keys are
-- asked for of a table without statistics, which would be read as a whole).
-- Returns a row a key, in their order; none for a type without a table. Raises what reading the table raises: it is gone, a key cannot be a value of the column.
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
  v_key_type text;
  v_time_type text;
begin
  if p_type.table_name is null then
    return;
  end if;
  if p_type.key_column is not null then
    select pg_catalog.format_type(a.atttypid, a.atttypmod) into v_key_type
    from pg_catalog.pg_attribute a
    where a.attrelid = p_type.table_name::regclass
      and a.attname = p_type.key_column;
    v_where := pg_catalog.format(' where d.%I = k.key::%s', p_type.key_column, v_key_type);
  end if;
  if p_type.time_column is not null then
    select pg_catalog.format_type(a.atttypid, null) into v_time_type
    from pg_catalog.pg_attribute a
    where a.attrelid = p_type.table_name::regclass
      and a.attname = p_type.time_column;
    v_at := pg_catalog.format('(select d.%1$I%4$s from %2$s d%3$s %5$s d.%1$I is not null order by d.%1$I desc limit 1)',
      p_type.time_column, p_type.table_name, v_where, case when v_time_type like '%without%' then ' at time zone ''UTC''' else '' end,
      case when v_where = '' then 'where' else 'and' end);
  end if;
  return query execute pg_catalog.format('select k.key, t.at is not null or exists (select from %s d%s offset 0), t.at '
    'from unnest($1) k (key) cross join lateral (select %s as at offset 0) t', p_type.table_name, v_where, v_at)
  using p_keys;
end
$$;
comment on function pawl.read_data(pawl.data_types, text[]) is 'what the type''s table has of some keys';

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
