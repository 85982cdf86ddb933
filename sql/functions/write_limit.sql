-- pawl.write_limit(key, ...): the limits of a limiter that is there, for those who make it. A null argument keeps what is there, 0 takes
-- the limit away.
--   p_max_running         tasks at once
--   p_start_interval_ms   between two starts, p_burst of which may come at once after a pause
--   p_spacing_ms          how long a place rests after its task has ended; one place, unless p_max_running says more
--   p_max_calls           starts in any stretch of time of p_window_ms
--   p_max_bytes           bytes, in both directions, in any stretch of time of p_bytes_window_ms, or of p_window_ms where that was never
--                         given or is 0; p_estimated_bytes is set aside for each task that runs, so it should be the most that one takes
-- A budget has a window, and a window a budget: what takes the budget away takes its window too, and a window without
-- one is refused, for somebody meant to give a number and had none (I11).
-- Returns nothing. Refuses what is out of range, lacks its other half, or limits nothing (PW006), and a limiter
-- that is missing (PW007).
-- Locks: the limiter's row: waits for a claim under it.
create or replace function pawl.write_limit(
  p_key text,
  p_max_running integer default null,
  p_start_interval_ms double precision default null,
  p_burst integer default null,
  p_spacing_ms double precision default null,
  p_window_ms double precision default null,
  p_max_calls bigint default null,
  p_max_bytes bigint default null,
  p_estimated_bytes bigint default null,
  p_bytes_window_ms double precision default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_old pawl.limiters;
  v_limiter pawl.limiters; -- as it is going to be
  v_wrong record;
begin
  select c.parameter, c.value, c.allowed into v_wrong
  from (values
    ('p_max_running', p_max_running::double precision, p_max_running >= 0, '1 or more, or 0 for no limit'),
    ('p_start_interval_ms', p_start_interval_ms, p_start_interval_ms >= 0 and p_start_interval_ms < 86400000,
      'from 0, which is no pace, to less than 86400000, a day'),
    ('p_burst', p_burst, p_burst between 0 and 1000000, 'from 1 to 1000000, or 0 for none'),
    ('p_spacing_ms', p_spacing_ms, p_spacing_ms >= 0 and p_spacing_ms < 86400000, 'from 0, which is none, to less than 86400000, a day'),
    ('p_window_ms', p_window_ms, p_window_ms >= 60 and p_window_ms <= 3660000000, 'from 60 to 3660000000, some 42 days'),
    ('p_max_calls', p_max_calls, p_max_calls >= 0, '1 or more, or 0 for no limit'),
    ('p_max_bytes', p_max_bytes, p_max_bytes >= 0, '1 or more, or 0 for no limit'),
    ('p_estimated_bytes', p_estimated_bytes, p_estimated_bytes >= 1, '1 or more'),
    ('p_bytes_window_ms', p_bytes_window_ms, p_bytes_window_ms = 0 or (p_bytes_window_ms >= 60 and p_bytes_window_ms <= 3660000000),
      'from 60 to 3660000000, some 42 days, or 0 for the window of the calls')
  ) as c (parameter, value, is_allowed, allowed)
  where not c.is_allowed
  limit 1;
  if found then
    perform pawl.refuse_value(v_wrong.parameter, v_wrong.value, v_wrong.allowed);
  end if;

  select l.* into v_old from pawl.limiters l where l.key = p_key for no key update;
  if not found then
    perform pawl.check_limiter(p_key);
  end if;
  if not v_old.is_limiting and pg_catalog.num_nonnulls(p_max_running, p_start_interval_ms, p_burst, p_spacing_ms, p_window_ms, p_max_calls,
    p_max_bytes, p_estimated_bytes, p_bytes_window_ms) = 0
  then
    raise exception 'no limit is given, and none is set'
      using errcode = 'PW006', hint = 'A null keeps what is there, and here is nothing; no limit at all would be 0.';
  end if;
  v_limiter := v_old;
  v_limiter.max_running := case when p_max_running is null then v_limiter.max_running else nullif(p_max_running, 0) end;
  v_limiter.spacing_ms := coalesce(p_spacing_ms, v_limiter.spacing_ms);
  v_limiter.window_ms := coalesce(p_window_ms, v_limiter.window_ms);
  v_limiter.max_calls := case when p_max_calls is null then v_limiter.max_calls else nullif(p_max_calls, 0) end;
  v_limiter.max_bytes := case when p_max_bytes is null then v_limiter.max_bytes else nullif(p_max_bytes, 0) end;
  v_limiter.estimated_bytes := coalesce(p_estimated_bytes, v_limiter.estimated_bytes);
  v_limiter.bytes_window_ms := case when p_bytes_window_ms is null then v_limiter.bytes_window_ms else nullif(p_bytes_window_ms, 0) end;
  if v_limiter.spacing_ms > 0 and v_limiter.max_running is null then
    if p_max_running = 0 then
      raise exception 'without a number of places there is none that could rest'
        using errcode = 'PW006', hint = 'Take the spacing away too (0), or give p_max_running.';
    end if;
    v_limiter.max_running := 1;
  end if;
  if v_limiter.spacing_ms > 0 and v_limiter.max_running > 1000 then
    perform pawl.refuse_value('p_max_running', v_limiter.max_running, 'at most 1000 where places rest (p_spacing_ms)');
  end if;
  v_limiter := pawl.check_budgets(v_old, v_limiter, p_window_ms, p_max_calls, p_max_bytes, p_estimated_bytes, p_bytes_window_ms);

  update pawl.limiters l
  set max_running = v_limiter.max_running,
      spacing_ms = v_limiter.spacing_ms,
      window_ms = v_limiter.window_ms,
      max_calls = v_limiter.max_calls,
      max_bytes = v_limiter.max_bytes,
      estimated_bytes = v_limiter.estimated_bytes,
      bytes_window_ms = v_limiter.bytes_window_ms,
      start_interval_ms = coalesce(p_start_interval_ms, l.start_interval_ms),
      burst = case when p_burst is null then l.burst else greatest(p_burst, 1) end,
      next_start_at = case -- as in pawl.set_limiter
        when p_start_interval_ms <> l.start_interval_ms and l.next_start_at is not null
          then least(l.next_start_at, v_now + p_start_interval_ms * interval '1 millisecond')
        else l.next_start_at
      end,
      updated_at = v_now
  where l.key = p_key;
end
$$;
comment on function pawl.write_limit(text, integer, double precision, integer, double precision, double precision, bigint, bigint, bigint, double precision)
  is 'the limits of a limiter; null keeps what is there, 0 takes it away';

-- Of pawl.write_limit, with its arguments: each budget that a limiter is going to have has its window, and each window that was given its budget.
-- Returns the limiter without the windows that were of a budget that goes. Refuses what is not so (PW006).
-- Locks: none.
create or replace function pawl.check_budgets(
  p_old pawl.limiters,
  p_limiter pawl.limiters,
  p_window_ms double precision,
  p_max_calls bigint,
  p_max_bytes bigint,
  p_estimated_bytes bigint,
  p_bytes_window_ms double precision
) returns pawl.limiters
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_no_budget constant text := 'A null keeps what is there, and there is none: never is it taken for any number. 0 takes a limit away.';
begin
  if p_limiter.max_bytes is null then
    if p_bytes_window_ms > 0 and p_max_bytes is distinct from 0 then
      raise exception 'a window of bytes needs a budget of bytes'
        using errcode = 'PW006', hint = 'Say how many it holds: p_max_bytes (--max-bytes; in p_budget "bytes"). ' || v_no_budget;
    end if;
    if p_estimated_bytes is not null and p_max_bytes is distinct from 0 then
      raise exception 'an estimate of bytes needs a budget of bytes'
        using errcode = 'PW006', hint = 'Say how many may be spent: p_max_bytes (--max-bytes; in p_budget "bytes"). ' || v_no_budget;
    end if;
    p_limiter.bytes_window_ms := null;
  end if;
  if p_limiter.max_calls is null and (p_limiter.max_bytes is null or p_limiter.bytes_window_ms is not null) then
    if p_window_ms is not null and p_max_calls is distinct from 0 then
      raise exception 'a window needs a budget'
        using errcode = 'PW006', hint = 'Say how much it holds: p_max_calls, or p_max_bytes (--max-calls, --max-bytes; in p_budget "calls", "bytes"). ' || v_no_budget;
    end if;
    p_limiter.window_ms := null;
  end if;

  if p_limiter.max_calls is not null and p_limiter.window_ms is null then
    raise exception 'a budget needs a window'
      using errcode = 'PW006', hint = 'Say for how long it is: p_window_ms, for example 3600000 for an hour (--window; in p_budget "window": "1 hour").';
  end if;
  -- one that is new takes no window that was given for something else: 20 GB in 30 days would become 20 GB a minute
  if p_limiter.max_bytes is not null
    and (coalesce(p_limiter.bytes_window_ms, p_limiter.window_ms) is null
      or (p_old.max_bytes is null and p_window_ms is null and p_bytes_window_ms is null))
  then
    raise exception 'a budget of bytes needs a window'
      using errcode = 'PW006', hint = 'Say for how long it is: p_bytes_window_ms, for example 2592000000 for 30 days, or 0 for the window of the calls (--bytes-window; in p_budget "bytes_window": "30 days").';
  end if;
  if p_limiter.max_bytes is not null and p_limiter.estimated_bytes is null then
    raise exception 'a budget of bytes needs an estimate'
      using errcode = 'PW006', hint = 'Say how many bytes a task takes at most: p_estimated_bytes (--estimated-bytes; in p_budget "estimated_bytes").';
  end if;
  if p_limiter.estimated_bytes > p_limiter.max_bytes then
    perform pawl.refuse_value('p_estimated_bytes', p_limiter.estimated_bytes, 'at most p_max_bytes, which is ' || p_limiter.max_bytes
      || ', or no task could ever start');
  end if;
  return p_limiter;
end
$$;
comment on function pawl.check_budgets(pawl.limiters, pawl.limiters, double precision, bigint, bigint, bigint, double precision)
  is 'each budget that a limiter is going to have has its window, and each window its budget';
