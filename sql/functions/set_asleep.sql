-- pawl.set_asleep(node, is_asleep): raises or lowers the flag that makes producers ring.
-- Returns true when the node is known. After raising it a node must look for work once more, and keep
-- looking until pawl.horizon() has passed what it was at that moment (design 5.2).
-- Locks: the node's own row.
create or replace function pawl.set_asleep(p_node_id integer, p_is_asleep boolean) returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  update pawl.nodes n
  set is_asleep = p_is_asleep
  where n.id = p_node_id;
  return found;
end
$$;
comment on function pawl.set_asleep(integer, boolean) is 'raises or lowers the flag that makes producers ring';
