-- A schedule that is due earlier than before, or at all: nodes look at the clock again. Also when a person
-- writes into the table. A run moves the time on, which needs no bell: each node asks for the next one anyway
-- when it has found one due.
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.ring_schedules() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.ring('due');
  return null;
end
$$;
comment on function pawl.ring_schedules() is 'trigger: a schedule is due earlier than nodes may think';

drop trigger if exists ring_new_schedule on pawl.schedules;
create trigger ring_new_schedule after insert on pawl.schedules
for each row when (new.is_enabled and new.next_run_at is not null) execute function pawl.ring_schedules();
comment on trigger ring_new_schedule on pawl.schedules is 'nodes set their timers';

drop trigger if exists ring_earlier_schedule on pawl.schedules;
create trigger ring_earlier_schedule after update on pawl.schedules
for each row when (
  new.is_enabled
  and new.next_run_at is not null
  and (not old.is_enabled or old.next_run_at is null or new.next_run_at < old.next_run_at))
execute function pawl.ring_schedules();
comment on trigger ring_earlier_schedule on pawl.schedules is 'nodes set their timers';
