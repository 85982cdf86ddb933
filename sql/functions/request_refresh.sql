-- pawl.request_refresh(type, key, priority): the key is refreshed, now and once, whoever looks at it and however fresh it is. Asked
-- again before that has happened, it is the same request, and only its priority may rise. A gate and a parent hold for it as well, and so
-- does the pause after a failure; a second after a refresh has ended the next may begin.
-- p_priority: see pawl.refresh_priority; what somebody looks at begins at 60, so 0 is the background.
-- Returns how it stands: see pawl.freshness_state; 'looked_at_soon' while somebody else has the key locked.
-- Refuses an unknown type (PW002), and a key or a priority that cannot be (PW006). Locks: as pawl.want.
create or replace function pawl.request_refresh(p_type text, p_key text, p_priority real default 0) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := pawl.data_type(p_type);
  v_key text := pawl.check_key(v_type, p_key);
begin
  perform pawl.check_refresh_priority(p_priority);
  perform pawl.want(v_type, array[v_key], p_priority);
  return coalesce((select pawl.freshness_state(f) from pawl.freshness f where f.type = p_type and f.key = v_key), 'looked_at_soon');
end
$$;
comment on function pawl.request_refresh(text, text, real) is 'a key is refreshed, now and once';

create or replace function pawl.check_refresh_priority(p_priority real) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_priority is null or p_priority not between -1000000 and 1000000 then
    perform pawl.refuse_value('p_priority', coalesce(p_priority::text, 'null'), 'from -1000000 to 1000000');
  end if;
end
$$;
comment on function pawl.check_refresh_priority(real) is 'refuses a priority that no refresh may have';

-- pawl.check_stale(key, types, priority): what of a key is stale, in these types, or in all that have keys; what is, is refreshed, once, whoever looks.
-- Absent data is stale. What was written to a type's table counts, tracked or not. In all types means in those that could have the key: one whose
-- table's column cannot (a number) is passed over.
-- Returns a row a type: type; is_stale; stale_since, null where it is fresh; refreshed_at; state, as pawl.request_refresh.
-- Refuses an unknown type (PW002), and a key or a priority that cannot be (PW006). Locks: as pawl.want, type by type.
create or replace function pawl.check_stale(p_key text, p_types text[] default null, p_priority real default 0)
returns table (type text, is_stale boolean, stale_since timestamptz, refreshed_at timestamptz, state text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_name text;
begin
  perform pawl.check_refresh_priority(p_priority);
  if p_types is not null then
    for v_name in select distinct u.name from unnest(p_types) u (name) order by 1 loop
      return query select c.type, c.is_stale, c.stale_since, c.refreshed_at, c.state from pawl.check_stale_of(v_name, p_key, p_priority) c;
    end loop;
    return;
  end if;
  for v_name in select d.name from pawl.data_types d where not d.is_global order by d.name loop
    begin
      return query select c.type, c.is_stale, c.stale_since, c.refreshed_at, c.state from pawl.check_stale_of(v_name, p_key, p_priority) c;
    exception when sqlstate 'PW006' then
      if p_key is null or pg_catalog.length(p_key) not between 1 and 500 or pg_catalog.octet_length(p_key) > 1000 then
        raise; -- of no type
      end if;
    end;
  end loop;
end
$$;
comment on function pawl.check_stale(text, text[], real) is 'what of a key is stale; what is, is refreshed';

-- The same of one type.
create or replace function pawl.check_stale_of(p_type text, p_key text, p_priority real)
returns table (type text, is_stale boolean, stale_since timestamptz, refreshed_at timestamptz, state text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pawl.clock();
  v_type pawl.data_types := pawl.data_type(p_type);
  v_key text := pawl.check_key(v_type, case when not v_type.is_global then p_key end);
begin
  perform pawl.make_pairs(v_type, array[v_key]);
  perform from pawl.freshness f where f.type = p_type and f.key = v_key for no key update skip locked;
  if found then
    perform pawl.read_truth(v_type, array[v_key]);
  end if;
  perform pawl.want_if_stale(v_type, array[v_key], p_priority);
  return query
  select p_type, f.stale_at <= v_now, case when f.stale_at <= v_now then f.stale_at end, f.refreshed_at, pawl.freshness_state(f)
  from pawl.freshness f
  where f.type = p_type
    and f.key = v_key;
  if not found then
    return query select p_type, true, v_now, null::timestamptz, 'looked_at_soon'::text;
  end if;
end
$$;
comment on function pawl.check_stale_of(text, text, real) is 'whether a key of one data type is stale; what is, is refreshed';
