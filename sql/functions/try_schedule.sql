-- pawl.try_schedule(schedule): whether a schedule can start, for pawl.define_schedule: it is fired, and that
-- is undone.
-- Returns nothing. Refuses to replace what is no crawl (PW006), and what pawl.fire_schedule refuses.
-- Locks: as pawl.fire_schedule without replace, until it returns.
create or replace function pawl.try_schedule(p_schedule pawl.schedules) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  v_executor text;
  v_schedule pawl.schedules := p_schedule;
begin
  select k.executor into v_executor from pawl.kinds k where k.name = p_schedule.kind;
  if p_schedule.replace and v_executor <> 'crawl' then
    raise exception 'only a crawl can be replaced, and kind "%" has the executor %', p_schedule.kind, v_executor
      using errcode = 'PW006',
        hint = 'Give p_replace => false (pawl schedule set: --no-replace): while a task of it is open, no second one is added.';
  end if;
  v_schedule.last_job_id := null; -- so that nothing is replaced
  begin
    perform pawl.fire_schedule(v_schedule);
    raise exception 'it can start' using errcode = 'PW0OK';
  exception
    when sqlstate 'PW0OK' then
      null; -- undone
  end;
end
$$;
comment on function pawl.try_schedule(pawl.schedules) is 'refuses a schedule that cannot start';
