-- pawl.set_limit(kind, scope, ...): limits of a kind. Scope 'kind': over all its tasks. Scope 'key': for the
-- tasks of each limit key (pawl.enqueue), for every key the same numbers, and each for itself; they hold beside those
-- of the kind. A null argument keeps what is there, 0 takes the limit away.
--   p_max_running         tasks at once
--   p_start_interval_ms   between two starts, p_burst of which may come at once after a pause
--   p_spacing_ms          how long a place rests after its task has ended; one place, unless p_max_running says more
--   p_max_calls, p_max_bytes   what may be spent in any stretch of time of p_window_ms: starts, and bytes in both directions;
--                         p_estimated_bytes is set aside for each task that runs, so it should be the most that one takes
-- Returns the key of the limiter that has the numbers. Refuses an unknown kind (PW001), and what is out of range
-- (PW006).
-- Locks: the limiters' rows (the kind's, then its keys'), the kind's row, then the standing jobs' rows by id, then the
-- limiters of schedules whose runs queue.
create or replace function pawl.set_limit(
  p_kind text,
  p_scope text default 'kind',
  p_max_running integer default null,
  p_start_interval_ms double precision default null,
  p_burst integer default null,
  p_spacing_ms double precision default null,
  p_window_ms double precision default null,
  p_max_calls bigint default null,
  p_max_bytes bigint default null,
  p_estimated_bytes bigint default null
) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_key text;
  v_limiter pawl.limiters; -- as it is going to be
  v_wrong record;
begin
  perform from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if p_scope is null or p_scope not in ('kind', 'key') then
    raise exception 'scope % is not known', pg_catalog.quote_nullable(p_scope)
      using errcode = 'PW006', hint = 'It is kind (all tasks of the kind together) or key (the tasks of each limit key).';
  end if;
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
    ('p_estimated_bytes', p_estimated_bytes, p_estimated_bytes >= 1, '1 or more')
  ) as c (parameter, value, is_allowed, allowed)
  where not c.is_allowed
  limit 1;
  if found then
    perform pawl.refuse_value(v_wrong.parameter, v_wrong.value, v_wrong.allowed);
  end if;

  insert into pawl.limiters (key)
  values ('kind:' || p_kind)
  on conflict (key) do nothing;
  if p_scope = 'key' then
    insert into pawl.limiters (key)
    values ('keys:' || p_kind)
    on conflict (key) do nothing;
  end if;
  v_key := case p_scope when 'kind' then 'kind:' else 'keys:' end || p_kind;
  select l.* into v_limiter from pawl.limiters l where l.key = v_key for no key update;
  v_limiter.max_running := case when p_max_running is null then v_limiter.max_running else nullif(p_max_running, 0) end;
  v_limiter.spacing_ms := coalesce(p_spacing_ms, v_limiter.spacing_ms);
  v_limiter.window_ms := coalesce(p_window_ms, v_limiter.window_ms);
  v_limiter.max_calls := case when p_max_calls is null then v_limiter.max_calls else nullif(p_max_calls, 0) end;
  v_limiter.max_bytes := case when p_max_bytes is null then v_limiter.max_bytes else nullif(p_max_bytes, 0) end;
  v_limiter.estimated_bytes := coalesce(p_estimated_bytes, v_limiter.estimated_bytes);
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
  if (v_limiter.max_calls is not null or v_limiter.max_bytes is not null) and v_limiter.window_ms is null then
    raise exception 'a budget needs a window'
      using errcode = 'PW006', hint = 'Say for how long it is: p_window_ms, for example 3600000 for an hour.';
  end if;
  if v_limiter.max_bytes is not null and v_limiter.estimated_bytes is null then
    raise exception 'a budget of bytes needs an estimate'
      using errcode = 'PW006', hint = 'Say how many bytes a task takes at most: p_estimated_bytes.';
  end if;
  if v_limiter.estimated_bytes > v_limiter.max_bytes then
    perform pawl.refuse_value('p_estimated_bytes', v_limiter.estimated_bytes, 'at most p_max_bytes, which is ' || v_limiter.max_bytes
      || ', or no task could ever start');
  end if;

  update pawl.limiters l
  set max_running = v_limiter.max_running,
      spacing_ms = v_limiter.spacing_ms,
      window_ms = v_limiter.window_ms,
      max_calls = v_limiter.max_calls,
      max_bytes = v_limiter.max_bytes,
      estimated_bytes = v_limiter.estimated_bytes,
      start_interval_ms = coalesce(p_start_interval_ms, l.start_interval_ms),
      burst = case when p_burst is null then l.burst else greatest(p_burst, 1) end,
      next_start_at = case -- as in pawl.set_limiter
        when p_start_interval_ms <> l.start_interval_ms and l.next_start_at is not null
          then least(l.next_start_at, v_now + p_start_interval_ms * interval '1 millisecond')
        else l.next_start_at
      end,
      updated_at = v_now
  where l.key = v_key;

  update pawl.kinds k
  set limiter_key = case when p_scope = 'kind' then v_key else k.limiter_key end
  where k.name = p_kind;
  perform pawl.limit_standing_jobs(p_kind);
  perform pawl.ring('kinds');
  return v_key;
end
$$;
comment on function pawl.set_limit(text, text, integer, double precision, integer, double precision, double precision, bigint, bigint, bigint)
  is 'limits of a kind, or of each limit key of a kind; null keeps what is there, 0 takes it away';

-- The standing jobs of a kind get the limiters that it has by now. Whoever calls it has written to the kind's row,
-- so that those who make standing jobs have waited, or are waited for.
create or replace function pawl.limit_standing_jobs(p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  r record;
begin
  for r in
    select s.job_id, j.limiter_key as old_key, coalesce(pawl.key_limiter(p_kind, s.limit_key), k.limiter_key) as new_key
    from pawl.standing_jobs s
    join pawl.jobs j on j.id = s.job_id
    join pawl.kinds k on k.name = s.kind
    where s.kind = p_kind
    order by s.job_id
  loop
    continue when r.old_key is not distinct from r.new_key;
    update pawl.jobs j
    set limiter_key = r.new_key
    where j.id = r.job_id;
  end loop;
  -- schedules whose runs queue have limiters of their own
  update pawl.limiters l
  set parent_key = k.limiter_key
  from pawl.schedules s
  join pawl.jobs j on j.id = s.queue_job_id
  join pawl.kinds k on k.name = j.kind
  where j.kind = p_kind
    and l.key = 'schedule:' || s.name
    and l.key = j.limiter_key
    and l.parent_key is distinct from k.limiter_key;
  perform pawl.limit_type_jobs(p_kind);
end
$$;
comment on function pawl.limit_standing_jobs(text) is 'the standing jobs of a kind get the limiters that it has by now';
