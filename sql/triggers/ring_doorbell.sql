-- The doorbell's triggers (I5): when a statement made tasks pending, or gave one a time, and a node
-- sleeps, it is woken at commit. NOTIFY takes a cluster-wide lock at commit, so nobody rings while all
-- nodes are awake. Outside READ COMMITTED the transaction's snapshot may be older than a node's flag,
-- so it always rings. The flag is read in a statement of its own, whose snapshot is younger than this
-- transaction's id: a node that falls asleep waits for every transaction that had one by then.
-- Apart from the ledger's triggers, because a distributed database leaves these out.
-- No SET clause, as in keep_ledger.sql.
-- Locks: none.
create or replace function pawl.ring_on_insert() returns trigger
language plpgsql volatile
as $$
declare
  r record;
  v_jobs text := '';
  v_count integer := 0;
  v_is_due boolean := false;
begin
  if pg_catalog.current_setting('transaction_isolation') = 'read committed'
    and not exists (select from pawl.nodes n where n.is_asleep) then
    return null;
  end if;
  for r in
    select n.job_id, pg_catalog.bool_or(n.is_pending) as has_pending, pg_catalog.bool_or(n.status = 'waiting') as has_waiting
    from new_tasks n
    group by n.job_id
  loop
    v_is_due := v_is_due or r.has_waiting;
    if r.has_pending then
      v_count := v_count + 1;
      v_jobs := case when v_count > 20 then ' *' else v_jobs || ' ' || r.job_id end;
    end if;
  end loop;
  if v_count > 0 then
    perform pawl.ring('work' || v_jobs);
  end if;
  if v_is_due then
    perform pawl.ring('due');
  end if;
  return null;
end
$$;
comment on function pawl.ring_on_insert() is 'trigger: inserted tasks wake a sleeping node';

create or replace function pawl.ring_on_update() returns trigger
language plpgsql volatile
as $$
declare
  r record;
  v_jobs text := '';
  v_count integer := 0;
  v_is_due boolean := false;
begin
  if pg_catalog.current_setting('transaction_isolation') = 'read committed'
    and not exists (select from pawl.nodes n where n.is_asleep) then
    return null;
  end if;
  for r in
    select c.job_id, pg_catalog.bool_or(c.status = 'pending') as has_pending, pg_catalog.bool_or(c.status = 'waiting') as has_waiting
    from (
      select n.job_id, n.id, n.status, n.due_at from new_tasks n where n.status in ('pending', 'waiting')
      except
      select o.job_id, o.id, o.status, o.due_at from old_tasks o where o.status in ('pending', 'waiting')
    ) c
    group by c.job_id
  loop
    v_is_due := v_is_due or r.has_waiting;
    if r.has_pending then
      v_count := v_count + 1;
      v_jobs := case when v_count > 20 then ' *' else v_jobs || ' ' || r.job_id end;
    end if;
  end loop;
  if v_count > 0 then
    perform pawl.ring('work' || v_jobs);
  end if;
  if v_is_due then
    perform pawl.ring('due');
  end if;
  return null;
end
$$;
comment on function pawl.ring_on_update() is 'trigger: tasks that became pending, or were given another time, wake a sleeping node';

drop trigger if exists ring_on_insert on pawl.tasks;
create trigger ring_on_insert after insert on pawl.tasks
referencing new table as new_tasks
for each statement execute function pawl.ring_on_insert();
comment on trigger ring_on_insert on pawl.tasks is 'wakes a sleeping node for new work';

drop trigger if exists ring_on_update on pawl.tasks;
create trigger ring_on_update after update on pawl.tasks
referencing old table as old_tasks new table as new_tasks
for each statement execute function pawl.ring_on_update();
comment on trigger ring_on_update on pawl.tasks is 'wakes a sleeping node for work that became pending';
