-- pawl.try_schedule(schedule): whether a schedule can start, for pawl.define_schedule: it is fired, and that
-- is undone.
-- Returns nothing. Refuses policies that mean nothing for its kind (PW006), and what pawl.fire_schedule refuses.
-- Locks: as pawl.fire_schedule without replace, until it returns.
create or replace function pawl.try_schedule(p_schedule pawl.schedules) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
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
  if p_schedule.replace and p_schedule.overlap <> 'allow' then
    raise exception 'a crawl that is replaced never meets the one before, so the overlap % has no meaning', p_schedule.overlap
      using errcode = 'PW006', hint = 'Give p_overlap => ''allow'' (pawl schedule set: --overlap allow), or p_replace => false (--no-replace).';
  end if;
  if v_executor = 'crawl' and p_schedule.overlap = 'queue' then
    raise exception 'crawls do not queue'
      using errcode = 'PW006', hint = 'Give p_overlap => ''skip'' (pawl schedule set: --overlap skip) or ''allow'', or p_replace => true (--replace).';
  end if;
  if v_executor = 'crawl' and p_schedule.catch_up = 'all' then
    raise exception 'missed crawls are not made up for one by one'
      using errcode = 'PW006', hint = 'Give p_catch_up => ''once'' (pawl schedule set: --catch-up once): one crawl sees what all would have seen.';
  end if;
  if v_executor = 'crawl' and p_schedule.time_member is not null then
    raise exception 'a crawl has no payload that could tell its time'
      using errcode = 'PW006', hint = 'Leave p_time_member (pawl schedule set: --time-member) out.';
  end if;
  if p_schedule.time_member is not null and pg_catalog.jsonb_typeof(p_schedule.params) <> 'object' then
    raise exception 'the payload is no JSON object, so it has no member "%"', p_schedule.time_member
      using errcode = 'PW006', hint = 'Give an object as p_params (pawl schedule set: --payload).';
  end if;
  v_schedule.last_job_id := null; -- so that nothing is replaced, nor in the way
  begin
    perform pawl.fire_schedule(v_schedule, pawl.now());
    raise exception 'it can start' using errcode = 'PW0OK';
  exception
    when sqlstate 'PW0OK' then
      null; -- undone
  end;
end
$$;
comment on function pawl.try_schedule(pawl.schedules) is 'refuses a schedule that cannot start';
