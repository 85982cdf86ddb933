-- pawl.lateness(kind): what a task that is added now stands behind the older ones of its kind (pawl.kinds.ageing): the
-- priority that one has gained that was there when ageing was first set. Null: the kind has never aged. A new pace of
-- ageing goes on from what was gained before it, and none at all keeps it: so no change turns an order round.
-- pawl.enqueue and pawl.add_tasks, which read the kind anyway, have the expression themselves: change all three.
-- Locks: none.
create or replace function pawl.lateness(p_kind text) returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select k.aged_before + k.ageing * pg_catalog.date_part('epoch', pawl.now() - k.aged_at) / 60
  from pawl.kinds k
  where k.name = p_kind
$$;
comment on function pawl.lateness(text) is 'what a task that is added now stands behind the older ones of its kind';
