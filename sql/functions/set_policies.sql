-- pawl.set_policies(schedule, catch_up, overlap, ...): a schedule as pawl.define_schedule is to write it, as far as
-- its policies go; its arguments are that function's. A new schedule has a name and a kind.
-- Returns the schedule. Refuses what makes no sense, and says what would (PW006).
-- Locks: none.
create or replace function pawl.set_policies(
  p_schedule pawl.schedules,
  p_catch_up text,
  p_overlap text,
  p_jitter interval,
  p_backlog_limit integer,
  p_time_member text
) returns pawl.schedules
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pawl.schedules := p_schedule;
  v_default_overlap text := case
    when exists (select from pawl.kinds k where k.name = p_schedule.kind and k.executor = 'crawl') then 'allow'
    else 'skip'
  end;
begin
  -- the constraints of pawl.schedules, in words: change both
  if p_catch_up not in ('skip', 'once', 'all') then
    perform pawl.refuse_value('p_catch_up', p_catch_up, 'skip, once or all');
  end if;
  if p_overlap not in ('skip', 'queue', 'allow') then
    perform pawl.refuse_value('p_overlap', p_overlap, 'skip, queue or allow');
  end if;
  if extract(year from p_jitter) <> 0 or extract(month from p_jitter) <> 0
    or extract(epoch from p_jitter) not between 0 and 86400
  then
    perform pawl.refuse_value('p_jitter', p_jitter, 'from 0 to 24 hours');
  end if;
  if p_backlog_limit not between 1 and 1000 then
    perform pawl.refuse_value('p_backlog_limit', p_backlog_limit, 'from 1 to 1000');
  end if;
  if pg_catalog.length(p_time_member) > 200 then
    perform pawl.refuse_value('the length of p_time_member', pg_catalog.length(p_time_member), '200 or less');
  end if;
  v_schedule.catch_up := coalesce(p_catch_up, p_schedule.catch_up, 'once');
  v_schedule.overlap := coalesce(p_overlap, p_schedule.overlap, v_default_overlap);
  v_schedule.jitter := coalesce(pg_catalog.make_interval(secs => extract(epoch from p_jitter)::double precision), p_schedule.jitter, '0');
  v_schedule.next_jitter := coalesce(p_schedule.next_jitter, '0');
  v_schedule.backlog_limit := coalesce(p_backlog_limit, p_schedule.backlog_limit, 100);
  v_schedule.time_member := nullif(coalesce(p_time_member, p_schedule.time_member), '');
  if v_schedule.catch_up = 'all' and v_schedule.overlap = 'skip' then
    raise exception 'runs that are all made up for would skip each other'
      using errcode = 'PW006', hint = 'Give p_overlap => ''queue'' (pawl schedule set: --overlap queue) or ''allow'' beside p_catch_up => ''all'' (--catch-up all).';
  end if;
  return v_schedule;
end
$$;
comment on function pawl.set_policies(pawl.schedules, text, text, interval, integer, text)
  is 'a schedule with the policies that pawl.define_schedule was given';
