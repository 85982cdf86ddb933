-- pawl.note_missing_secret(node, kind, error): the node lacks a secret of the kind, and leaves its tasks to others until
-- it has it; a null error: it has it now. For pawl.why.
-- Returns nothing. Locks: the kind's row, as a foreign key does.
create or replace function pawl.note_missing_secret(p_node_id integer, p_kind text, p_error text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.missing_secrets s
  where (s.kind = p_kind and s.node_id = p_node_id and p_error is null)
    or not exists (select from pawl.nodes n where n.id = s.node_id); -- of nodes that are gone
  if p_error is null then
    return;
  end if;
  insert into pawl.missing_secrets as s (kind, node_id, error, since)
  select k.name, n.id, pg_catalog.left(p_error, 1000), pawl.now()
  from pawl.kinds k, pawl.nodes n
  where k.name = p_kind
    and n.id = p_node_id
  on conflict (kind, node_id) do update set error = excluded.error;
end
$$;
comment on function pawl.note_missing_secret(integer, text, text) is 'a node lacks a secret of a kind, or has it now';
