-- pawl.register_node(name, version, slots, executors): a node begins. Returns its id, which fences its claims and
-- is never used again. Called by a node when it starts, and again when it was declared dead.
-- Locks: none.
create or replace function pawl.register_node(p_name text, p_version text, p_slots integer, p_executors text[] default null)
returns integer
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into pawl.nodes (name, version, slots, executors, started_at, heartbeat_at)
  values (p_name, p_version, p_slots, p_executors, pawl.now(), pawl.now())
  returning id
$$;
comment on function pawl.register_node(text, text, integer, text[]) is 'a node begins; returns its id';
