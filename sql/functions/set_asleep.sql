-- pawl.set_asleep(node, is_asleep): raises or lowers the flag that makes producers ring.
-- Returns true when the node is known. After raising it, and that is committed, a node draws a
-- transaction id (pawl.draw_transaction) and keeps looking for work until the oldest transaction is at
-- least that: only then has everybody who could have missed the flag ended (design 5.2).
-- Locks: the node's own row.
create or replace function pawl.set_asleep(p_node_id integer, p_is_asleep boolean) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.nodes n
  set is_asleep = p_is_asleep
  where n.id = p_node_id;
  return found;
end
$$;
comment on function pawl.set_asleep(integer, boolean) is 'raises or lowers the flag that makes producers ring';
