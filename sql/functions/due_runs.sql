-- pawl.due_runs(schedule, now): which of a due schedule's times are to be run now, for pawl.run_due_schedules.
-- Mostly that is the one that it was set for. Times that have passed meanwhile are met by its catch_up: once
-- gives the newest of all, all gives each, the newest backlog_limit of them, and skip gives the newest if that
-- has come within the last minute, else none: a node that was busy for a moment has missed nothing.
-- Times of cron are found from the end, in growing spans, so that a year of missed minutes is not walked.
-- Returns one row: times, in order; next_at, the first time after now, null when there is none; is_missed, whether
-- times were left out that catch_up does not make up for. Refuses what pawl.next_schedule refuses.
-- Locks: none.
create or replace function pawl.due_runs(p_schedule pawl.schedules, p_now timestamptz)
returns table (times timestamptz[], next_at timestamptz, is_missed boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_first timestamptz := p_schedule.next_run_at - p_schedule.next_jitter;
  v_limit integer := case when p_schedule.catch_up = 'all' then p_schedule.backlog_limit else 1 end;
  v_next timestamptz := pawl.next_schedule(p_schedule, v_first);
  v_times timestamptz[] := array[v_first];
  v_span interval := v_limit * interval '1 minute';
  v_from timestamptz;
  v_at timestamptz;
  v_is_missed boolean;
begin
  if v_next <= p_now and p_schedule.every is not null then
    v_next := pawl.next_schedule(p_schedule, p_now);
    v_times := array(
      select v_next - p_schedule.every * n
      from pg_catalog.generate_series(v_limit, 1, -1) n
      where v_next - p_schedule.every * n >= v_first);
  elsif v_next <= p_now then
    v_next := pawl.next_schedule(p_schedule, p_now);
    loop
      v_from := greatest(v_first, p_now - v_span);
      v_times := case when v_from = v_first then array[v_first] else '{}' end;
      v_at := v_from;
      loop
        v_at := pawl.next_schedule(p_schedule, v_at);
        exit when v_at is null or v_at > p_now;
        v_times := v_times || v_at;
      end loop;
      exit when v_from = v_first or pg_catalog.cardinality(v_times) >= v_limit;
      v_span := v_span * 4;
    end loop;
    v_times := v_times[greatest(1, pg_catalog.cardinality(v_times) - v_limit + 1):];
  end if;
  v_is_missed := v_times[1] > v_first and p_schedule.catch_up <> 'once';
  if p_schedule.catch_up = 'skip'
    and p_now - (case when v_times[1] = v_first then p_schedule.next_run_at else v_times[1] end) > interval '1 minute'
  then
    v_times := '{}';
    v_is_missed := true;
  end if;
  return query select v_times, v_next, v_is_missed;
end
$$;
comment on function pawl.due_runs(pawl.schedules, timestamptz) is 'which times of a due schedule are to be run now';
