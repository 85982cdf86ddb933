-- pawl.heartbeat(node, running, started, stale, swept, elapsed_ms): the node lives. Counters are added to.
-- elapsed_ms: how long ago its last heartbeat was, by a clock that nobody sets. Where that is far less than what passed
-- here, the database's clock was set forward (or everything stood still): the heartbeats of the others are moved along, so
-- that nobody takes them for dead (pawl.rescue_nodes). When it is a late heartbeat that looks so, a dead node is
-- found that much later.
-- Returns false when the node is not known any more: it was silent for too long, its tasks have been
-- given to others, and it must register again.
-- Locks: the node's own row; before it, when the clock was set forward, the advisory lock of pawl.rescue_nodes (try)
-- and the others' rows.
create or replace function pawl.heartbeat(
  p_node_id integer,
  p_running integer,
  p_started bigint,
  p_stale bigint,
  p_swept bigint,
  p_elapsed_ms double precision default null
) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_ahead interval := (
    select v_now - n.heartbeat_at - p_elapsed_ms * interval '1 millisecond'
    from pawl.nodes n
    where n.id = p_node_id
      and n.dead_at is null);
begin
  if v_ahead > interval '5 seconds' and pg_catalog.pg_try_advisory_xact_lock(1885435756, 4) then
    update pawl.nodes n
    set heartbeat_at = least(v_now, n.heartbeat_at + v_ahead)
    where n.id <> p_node_id
      and n.dead_at is null;
  end if;
  update pawl.nodes n
  set heartbeat_at = v_now,
      running = p_running,
      started_tasks = n.started_tasks + p_started,
      stale_finishes = n.stale_finishes + p_stale,
      swept = n.swept + p_swept
  where n.id = p_node_id
    and n.dead_at is null;
  return found;
end
$$;
comment on function pawl.heartbeat(integer, integer, bigint, bigint, bigint, double precision) is 'the node lives; false when it was declared dead';
