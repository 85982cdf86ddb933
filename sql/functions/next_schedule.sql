-- pawl.next_schedule(schedule, now): when a schedule runs next, after p_now. By every: in steps from the run
-- that it was set for, so that the steps stay where they are, and those that were missed count once; from
-- p_now when there was none. By cron: pawl.next_cron.
-- Returns null when it never does. Refuses what pawl.next_cron refuses.
-- Locks: none.
create or replace function pawl.next_schedule(p_schedule pawl.schedules, p_now timestamptz) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
declare
  v_last timestamptz := case when pg_catalog.isfinite(p_schedule.next_run_at) then p_schedule.next_run_at end;
begin
  if p_schedule.every is null then
    return pawl.next_cron(p_schedule.cron, p_now, p_schedule.time_zone);
  end if;
  v_last := coalesce(v_last, p_now);
  return v_last + p_schedule.every
    * (pg_catalog.floor(extract(epoch from p_now - v_last) / extract(epoch from p_schedule.every)) + 1);
end
$$;
comment on function pawl.next_schedule(pawl.schedules, timestamptz) is 'when a schedule runs next';
