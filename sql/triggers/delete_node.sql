-- A node's row fences what it runs: its claims ask for it, and rescue finds its tasks by it. So a row that
-- somebody deletes stays as a tombstone, declared dead, until pawl.rescue_nodes has given away what ran
-- under it; the node, if it lives, registers anew. Only pawl.rescue_nodes and pawl.deregister_node say
-- that nothing is left (dead_horizon 0), and what they delete goes.
-- Locks: the node's row, which its deletion has locked already.
create or replace function pawl.bury_node() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.nodes n
  set dead_at = pawl.now(), is_asleep = false
  where n.id = old.id
    and n.dead_at is null;
  return null;
end
$$;
comment on function pawl.bury_node() is 'trigger: a node whose row is deleted by hand is declared dead, so that its tasks are rescued';

drop trigger if exists bury_node on pawl.nodes;
create trigger bury_node before delete on pawl.nodes
for each row when (old.dead_horizon is distinct from 0) execute function pawl.bury_node();
comment on trigger bury_node on pawl.nodes is 'a row goes only when nothing runs under it any more';

-- TRUNCATE has no rows to bury: it is for a database in which nothing runs. It holds the table's lock, so
-- no claim is under way that has not been counted.
create or replace function pawl.check_truncate_nodes() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pawl.job_progress p where p.running > 0) then
    raise exception 'nodes that run tasks cannot be truncated'
      using errcode = 'PW003', hint = 'Delete the rows instead: then their tasks are given to others.';
  end if;
  return null;
end
$$;
comment on function pawl.check_truncate_nodes() is 'trigger: refuses to truncate nodes while tasks run';

drop trigger if exists check_truncate_nodes on pawl.nodes;
create trigger check_truncate_nodes before truncate on pawl.nodes
for each statement execute function pawl.check_truncate_nodes();
comment on trigger check_truncate_nodes on pawl.nodes is 'refused while tasks run';
