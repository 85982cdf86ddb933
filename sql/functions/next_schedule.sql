-- pawl.next_schedule(schedule, after): the first time after p_after that a schedule names, without jitter. By
-- every: in steps from the run that it was set for, so that the steps stay where they are; from p_after when
-- there was none. By cron: pawl.next_cron.
-- Returns null when there is none. Refuses what pawl.next_cron refuses.
-- Locks: none.
create or replace function pawl.next_schedule(p_schedule pawl.schedules, p_after timestamptz) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last timestamptz := case when pg_catalog.isfinite(p_schedule.next_run_at) then p_schedule.next_run_at - p_schedule.next_jitter end;
begin
  if p_schedule.every is null then
    return pawl.next_cron(p_schedule.cron, p_after, p_schedule.time_zone);
  end if;
  v_last := coalesce(v_last, p_after);
  return v_last + p_schedule.every
    * (pg_catalog.floor(extract(epoch from p_after - v_last) / extract(epoch from p_schedule.every)) + 1);
end
$$;
comment on function pawl.next_schedule(pawl.schedules, timestamptz) is 'the first time after another that a schedule names';
