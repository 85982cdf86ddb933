-- pawl.drop_schedule(name): a schedule is no more; what it has started goes on.
-- Returns nothing. Refuses an unknown schedule (PW002).
-- Locks: the schedule's row: waits for a run that is being started.
create or replace function pawl.drop_schedule(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.schedules s where s.name = p_name;
  if not found then
    perform pawl.refuse_schedule(p_name);
  end if;
end
$$;
comment on function pawl.drop_schedule(text) is 'deletes a schedule; what it has started goes on';
