-- pawl.define_kind(name, executor, target, ...): creates a kind, or changes it; a null argument keeps
-- what is there, or takes the table's default. p_max_running and p_start_interval_ms make a limiter
-- "kind:NAME" that holds over all nodes, and which the kind's jobs get when they are created; the
-- standing job gets it at once.
-- Locks: the limiter's row, the kind's row, then the standing job's row.
create or replace function pawl.define_kind(
  p_name text,
  p_executor text,
  p_target text default null,
  p_max_attempts integer default null,
  p_timeout_ms integer default null,
  p_backoff_base_ms integer default null,
  p_backoff_cap_ms integer default null,
  p_max_payload_bytes integer default null,
  p_max_running integer default null,
  p_start_interval_ms double precision default null
) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  v_limiter text;
  v_function regproc;
  v_target text := p_target;
begin
  if p_executor not in ('noop', 'sql', 'crawl') or p_executor is null then
    raise exception 'executor % is not known', coalesce(pg_catalog.quote_literal(p_executor), 'null')
      using errcode = 'PW006', hint = 'It is one of noop, sql, crawl.';
  end if;
  if p_executor = 'sql' then
    if v_target is null then
      select k.target into v_target from pawl.kinds k where k.name = p_name;
    end if;
    if v_target is null then
      raise exception 'kind "%" needs a target: the function to call', p_name
        using errcode = 'PW006', hint = 'Write a function of one jsonb argument and give its name.';
    end if;
    v_function := pg_catalog.to_regprocedure(v_target || '(jsonb)')::regproc;
    if v_function is null then
      raise exception 'function %(jsonb) does not exist', v_target
        using errcode = 'PW006', hint = 'Write a function of one jsonb argument; name it with its schema.';
    end if;
  end if;

  if p_max_running is not null or p_start_interval_ms is not null then
    v_limiter := 'kind:' || p_name;
    insert into pawl.limiters as l (key, max_running, start_interval_ms)
    values (v_limiter, p_max_running, coalesce(p_start_interval_ms, 0))
    on conflict (key) do update
      set max_running = coalesce(p_max_running, l.max_running),
          start_interval_ms = coalesce(p_start_interval_ms, l.start_interval_ms),
          updated_at = excluded.updated_at;
  end if;

  insert into pawl.kinds as k (name, executor, target, max_attempts, timeout_ms, backoff_base_ms,
    backoff_cap_ms, max_payload_bytes, limiter_key)
  values (p_name, p_executor, v_target, coalesce(p_max_attempts, 5), coalesce(p_timeout_ms, 60000),
    coalesce(p_backoff_base_ms, 1000),
    coalesce(p_backoff_cap_ms, greatest(600000, p_backoff_base_ms)),
    coalesce(p_max_payload_bytes, 1048576), v_limiter)
  on conflict (name) do update
    set executor = excluded.executor,
        target = coalesce(p_target, k.target),
        max_attempts = coalesce(p_max_attempts, k.max_attempts),
        timeout_ms = coalesce(p_timeout_ms, k.timeout_ms),
        backoff_base_ms = coalesce(p_backoff_base_ms, k.backoff_base_ms),
        backoff_cap_ms = coalesce(p_backoff_cap_ms, greatest(k.backoff_cap_ms, p_backoff_base_ms)),
        max_payload_bytes = coalesce(p_max_payload_bytes, k.max_payload_bytes),
        limiter_key = coalesce(v_limiter, k.limiter_key),
        updated_at = excluded.updated_at;

  if v_limiter is not null then
    update pawl.jobs j
    set limiter_key = v_limiter
    from pawl.standing_jobs s
    where s.kind = p_name
      and j.id = s.job_id
      and j.limiter_key is distinct from v_limiter;
  end if;
  perform pawl.ring('kinds');
end
$$;
comment on function pawl.define_kind(text, text, text, integer, integer, integer, integer, integer, integer, double precision)
  is 'creates or changes a kind; null keeps what is there';
