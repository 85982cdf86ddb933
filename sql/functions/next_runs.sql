-- pawl.next_runs(name, count): when a schedule runs next, p_count times: the first with its jitter, which has been
-- drawn, the others without. None when it is paused, or has no time.
-- Returns the times, in order. Refuses an unknown schedule (PW002), and a count out of range (PW006).
-- Locks: none.
create or replace function pawl.next_runs(p_name text, p_count integer default 5) returns setof timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pawl.schedules;
  v_time timestamptz;
begin
  if p_count is null or p_count not between 1 and 1000 then
    perform pawl.refuse_value('p_count', p_count, 'from 1 to 1000');
  end if;
  select s.* into v_schedule from pawl.schedules s where s.name = p_name;
  if not found then
    perform pawl.refuse_schedule(p_name);
  end if;
  if not v_schedule.is_enabled or not pg_catalog.isfinite(coalesce(v_schedule.next_run_at, 'infinity')) then
    return;
  end if;
  return next v_schedule.next_run_at;
  v_time := v_schedule.next_run_at;
  for n in 2..p_count loop
    -- what is missed until now comes with the first
    v_time := pawl.next_schedule(v_schedule, greatest(v_time, case when n = 2 then pawl.now() end));
    exit when v_time is null;
    return next v_time;
  end loop;
end
$$;
comment on function pawl.next_runs(text, integer) is 'when a schedule runs next, as many times as asked for';
