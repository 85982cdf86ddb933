-- pawl.heartbeat(node, running, started, stale, swept): the node lives. Counters are added to.
-- Returns false when the node is not known any more: it was silent for too long, its tasks have been
-- given to others, and it must register again.
-- Locks: the node's own row.
create or replace function pawl.heartbeat(
  p_node_id integer,
  p_running integer,
  p_started bigint,
  p_stale bigint,
  p_swept bigint
) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.nodes n
  set heartbeat_at = pawl.now(),
      running = p_running,
      started_tasks = n.started_tasks + p_started,
      stale_finishes = n.stale_finishes + p_stale,
      swept = n.swept + p_swept
  where n.id = p_node_id
    and n.dead_at is null;
  return found;
end
$$;
comment on function pawl.heartbeat(integer, integer, bigint, bigint, bigint) is 'the node lives; false when it was declared dead';
