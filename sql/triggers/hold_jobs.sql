-- A job that is made while its target is down is held back from the start; a kind that gets another
-- target is held for that one only.
-- One that is made in a transaction that has not ended when the breaker opens is not held: its tasks fail as the first
-- did, and the node that sees it tells pawl.open_breaker again.
create or replace function pawl.hold_new_job() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not new.params @> '{"self_test": true}' then
    new.held_by := pawl.hold_of(new.kind);
  end if;
  return new;
end
$$;
comment on function pawl.hold_new_job() is 'holds a new job back whose target is down';

create or replace trigger hold_new_job before insert on pawl.jobs
for each row when (new.finished_at is null) execute function pawl.hold_new_job();
comment on trigger hold_new_job on pawl.jobs is 'holds a new job back whose target is down';

-- Locks: its jobs by id.
create or replace function pawl.hold_changed_kind() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hold text := pawl.hold_of(new.name);
begin
  update pawl.jobs j
  set held_by = v_hold
  where j.id = any (array(
    select x.id
    from pawl.jobs x
    where x.kind = new.name
      and x.finished_at is null
      and x.held_by is distinct from v_hold
      and not x.params @> '{"self_test": true}'
    order by x.id
    for no key update));
  if found then
    perform pawl.ring('ask *');
  end if;
  return null;
end
$$;
comment on function pawl.hold_changed_kind() is 'jobs of a kind are held for the target that it has now';

create or replace trigger hold_changed_kind after update on pawl.kinds
for each row when (old.origin is distinct from new.origin)
execute function pawl.hold_changed_kind();
comment on trigger hold_changed_kind on pawl.kinds is 'jobs of a kind are held for the target that it has now';
