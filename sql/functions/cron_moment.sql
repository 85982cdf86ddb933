-- pawl.cron_moment(time, zone): the moment at which a clock on the wall first shows a time, for
-- pawl.next_cron. Of a time that exists twice, when clocks are set back, that is the first; for one that
-- does not exist, when they are set forward, it is the moment of the change, when the clock first shows a
-- later one.
-- PostgreSQL itself takes the second of two, and for a time that does not exist goes on by the clock of
-- before, so 02:30 becomes 03:30. That there is one change in a day and a night at most is taken as given.
-- Locks: none.
create or replace function pawl.cron_moment(p_time timestamp, p_time_zone text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_moment timestamptz := p_time at time zone p_time_zone;
  v_probe timestamptz := v_moment - interval '24 hours';
  v_offset interval := (v_probe at time zone p_time_zone) - (v_probe at time zone 'UTC'); -- before any change
  v_first timestamptz := (p_time - v_offset) at time zone 'UTC';
  v_gap integer := extract(epoch from (v_moment at time zone p_time_zone) - p_time); -- seconds that were skipped
  v_low integer := 0;
  v_high integer := v_gap;
  v_middle integer;
begin
  if v_first < v_moment and v_first at time zone p_time_zone = p_time then
    return v_first;
  end if;
  -- the change came after v_moment - v_gap, by v_moment at the latest
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    v_probe := v_moment - pg_catalog.make_interval(secs => v_gap - v_middle);
    if (v_probe at time zone p_time_zone) - (v_probe at time zone 'UTC') = v_offset then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_moment - pg_catalog.make_interval(secs => v_gap - v_high);
end
$$;
comment on function pawl.cron_moment(timestamp, text) is 'the moment at which a clock first shows a time, or a later one';
