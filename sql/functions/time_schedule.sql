-- pawl.time_schedule(schedule, every, cron, ...): a schedule as pawl.define_schedule is to write it, as far as
-- its times go; its arguments are that function's, and its jitter is in the schedule already. A new schedule has nothing but a name.
-- Returns the schedule. Refuses what makes no sense, and says what would (PW006).
-- Locks: none.
create or replace function pawl.time_schedule(
  p_schedule pawl.schedules,
  p_every interval,
  p_cron text,
  p_time_zone text,
  p_is_enabled boolean,
  p_next_run_at timestamptz,
  p_has_new_jitter boolean
) returns pawl.schedules
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_schedule pawl.schedules := p_schedule;
  v_next timestamptz;
begin
  if p_every is not null and p_cron is not null then
    raise exception 'p_every and p_cron both say when'
      using errcode = 'PW006', hint = 'Give one of them; it takes the place of the other.';
  end if;
  if extract(year from p_every) <> 0 or extract(month from p_every) <> 0 then
    raise exception 'p_every is not a fixed time: %', p_every
      using errcode = 'PW006', hint = 'Months have no one length: give p_cron (pawl schedule set: --cron), for example ''0 3 1 * *''.';
  end if;
  if extract(epoch from p_every) not between 1 and 315360000 then
    perform pawl.refuse_value('p_every', p_every, 'from a second to 3650 days');
  end if;
  if pg_catalog.length(p_cron) > 1000 then
    perform pawl.refuse_value('the length of p_cron', pg_catalog.length(p_cron), '1000 or less');
  end if;
  if not pg_catalog.isfinite(p_next_run_at) then
    perform pawl.refuse_value('p_next_run_at', p_next_run_at, 'a finite time; p_is_enabled => false for never');
  end if;
  if p_every is not null or p_cron is not null then
    v_schedule.every := pg_catalog.make_interval(secs => extract(epoch from p_every)::double precision); -- days are 24 hours
    v_schedule.cron := p_cron;
  end if;
  if v_schedule.every is null and v_schedule.cron is null then
    raise exception 'schedule "%" needs a time', p_schedule.name
      using errcode = 'PW006',
        hint = 'Give p_every (pawl schedule set: --every), for example ''6 hours'', or p_cron (--cron), for example ''0 3 * * *''.';
  end if;
  v_schedule.time_zone := coalesce(p_time_zone, p_schedule.time_zone, 'UTC');
  if v_schedule.time_zone not in ('UTC', coalesce(p_schedule.time_zone, 'UTC')) then
    select z.name into v_schedule.time_zone
    from pg_catalog.pg_timezone_names z
    where pg_catalog.lower(z.name) = pg_catalog.lower(p_time_zone);
    if not found then
      raise exception 'time zone % is not known', pg_catalog.quote_literal(p_time_zone)
        using errcode = 'PW006', hint = 'Give a name that pg_timezone_names has, for example Europe/Berlin.';
    end if;
  end if;
  v_schedule.is_enabled := coalesce(p_is_enabled, p_schedule.is_enabled, true);
  if (v_schedule.every, v_schedule.cron) is distinct from (p_schedule.every, p_schedule.cron)
    or v_schedule.cron is not null and v_schedule.time_zone <> p_schedule.time_zone
    or v_schedule.is_enabled and p_schedule.next_run_at is null
  then
    v_schedule.next_run_at := null;
    v_next := pawl.next_schedule(v_schedule, v_now);
    if v_next is null then
      raise exception 'cron % does not come in five years', pg_catalog.quote_literal(v_schedule.cron)
        using errcode = 'PW006', hint = 'The fields are minute, hour, day of the month, month, day of the week.';
    end if;
  elsif v_schedule.is_enabled and not p_schedule.is_enabled and p_schedule.next_run_at <= v_now then
    v_next := pawl.next_schedule(v_schedule, v_now);
  elsif p_has_new_jitter then
    v_next := p_schedule.next_run_at - p_schedule.next_jitter;
  end if;
  if p_next_run_at is not null then
    v_schedule.next_jitter := '0';
    v_schedule.next_run_at := p_next_run_at;
  elsif v_next is not null then
    v_schedule.next_jitter := pg_catalog.random() * v_schedule.jitter;
    v_schedule.next_run_at := v_next + v_schedule.next_jitter;
  end if;
  return v_schedule;
end
$$;
comment on function pawl.time_schedule(pawl.schedules, interval, text, text, boolean, timestamptz, boolean)
  is 'a schedule with the times that pawl.define_schedule was given';
