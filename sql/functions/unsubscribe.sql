-- pawl.unsubscribe(type, key, holder): the holder does not look at the key any more; without a key at no key of the type, and
-- without a type at nothing. When he was the last, demand ends: a refresh that has not begun is cancelled.
-- Returns how many subscriptions that were; 0 for none is no error. Refuses an unknown type (PW002).
-- Two last holders who leave at the same moment do not see each other go: then demand ends when the key is due next.
-- Locks: the holder's row (in READ COMMITTED), as pawl.subscribe, so that two of his own meet in no circle; the subscriptions; then as pawl.look_at.
create or replace function pawl.unsubscribe(p_type text, p_key text, p_holder text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_types text[];
  v_keys text[];
begin
  perform pawl.check_holder(p_holder);
  if p_type is null and p_key is not null then
    raise exception 'a key alone says nothing: of which type?'
      using errcode = 'PW006', hint = 'Give p_type too, or neither for all that the holder looks at.';
  end if;
  perform pawl.data_type(p_type) where p_type is not null;
  if pawl.sees_the_present() then -- else a heartbeat since then would fail him
    perform from pawl.holders h where h.holder = p_holder for no key update;
  end if;
  with gone as (
    delete from pawl.subscriptions s
    where s.holder = p_holder
      and (p_type is null or s.type = p_type)
      and (p_key is null or s.key = p_key)
      and s.adoption is null
    returning s.type, s.key
  )
  select pg_catalog.array_agg(g.type), pg_catalog.array_agg(g.key) into v_types, v_keys from gone g;
  if v_types is null then
    return 0;
  end if;
  perform pawl.unwatch(v_types, v_keys);
  return pg_catalog.cardinality(v_types);
end
$$;
comment on function pawl.unsubscribe(text, text, text) is 'the holder does not look any more: at a key, a type, or anything';

-- Those of these pairs (arrays in parallel) that nobody looks at any more are looked at: a refresh that has not begun is cancelled, and the timer
-- ends demand.
-- Locks: as pawl.look_at.
create or replace function pawl.unwatch(p_types text[], p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_type pawl.data_types;
  r record;
begin
  for r in
    select g.type, pg_catalog.array_agg(distinct g.key) as keys
    from unnest(p_types, p_keys) as g (type, key)
    where not exists (select from pawl.subscriptions s where s.type = g.type and s.key = g.key offset 0) -- pair by pair, whatever was planned
    group by g.type
    order by g.type
  loop
    select d.* into v_type from pawl.data_types d where d.name = r.type;
    if found then
      perform pawl.look_later(r.type, pawl.look_at(v_type, r.keys));
      perform pawl.ring('fresh');
    end if;
  end loop;
end
$$;
comment on function pawl.unwatch(text[], text[]) is 'ends demand for those of some pairs that nobody looks at any more';
