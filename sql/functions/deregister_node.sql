-- pawl.deregister_node(node): a node has drained and goes. What it could not give back is put back by
-- pawl.rescue_nodes, for which its row stays, declared dead.
-- Returns true when nothing of it was left running.
-- Locks: the node's own row.
create or replace function pawl.deregister_node(p_node_id integer, p_is_clean boolean) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.nodes n
  set dead_at = pawl.now(), is_asleep = false, dead_horizon = case when p_is_clean then 0 end
  where n.id = p_node_id;
  delete from pawl.nodes n
  where n.id = p_node_id
    and n.dead_horizon = 0;
  perform pawl.ring('work *');
  return p_is_clean;
end
$$;
comment on function pawl.deregister_node(integer, boolean) is 'a node has drained and goes';
