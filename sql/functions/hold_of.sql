-- pawl.hold_of(kind): the breaker that holds jobs of a kind back now.
-- Returns its target, null when it is closed or there is none. Locks: none.
create or replace function pawl.hold_of(p_kind text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select b.target
  from pawl.kinds k
  join pawl.breakers b on b.target = k.origin
  where k.name = p_kind
    and b.state <> 'closed'
$$;
comment on function pawl.hold_of(text) is 'the breaker that holds jobs of a kind back now';
