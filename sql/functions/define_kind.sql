-- pawl.define_kind(name, executor, target, ...): creates a kind, or changes it; a null argument keeps
-- what is there, or takes the table's default; a new kind needs an executor. p_max_running and
-- p_start_interval_ms make a limiter "kind:NAME" that holds over all nodes, and which the kind's jobs
-- get when they are created; standing jobs get it at once. pawl.set_limit sets these and other limits. p_options is
-- merged into the options that are there (pawl.merge_options); target and options of another executor are forgotten.
-- p_on_complete: kind of which a task is enqueued for each that completes (pawl.follow_tasks), '' for none any more.
-- p_ageing: priority that a waiting task gains in a minute; a crawl, which orders its pages itself, has none.
-- p_keep: how long ended tasks of the kind's standing jobs are kept (pawl.prune), 0 for ever.
-- Returns nothing. Refuses what is not allowed, and says what is (PW006); without an executor, a kind
-- that does not exist (PW001).
-- Locks: the limiter's row, the kind's row, then the standing jobs' rows, with p_keep how far pruning
-- has come with each, then as pawl.standing_job for p_on_complete.
drop function if exists pawl.define_kind(text, text, text, integer, integer, integer, integer, integer, integer, double precision);
create or replace function pawl.define_kind(
  p_name text,
  p_executor text default null,
  p_target text default null,
  p_max_attempts integer default null,
  p_timeout_ms integer default null,
  p_backoff_base_ms integer default null,
  p_backoff_cap_ms integer default null,
  p_max_payload_bytes integer default null,
  p_max_running integer default null,
  p_start_interval_ms double precision default null,
  p_options jsonb default null,
  p_on_complete text default null,
  p_ageing real default null,
  p_keep interval default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind pawl.kinds; -- as it is going to be
  v_limiter text;
  v_wrong record;
begin
  if p_name is null or pg_catalog.length(p_name) not between 1 and 200 then
    raise exception 'the name of a kind has from 1 to 200 characters, not %', coalesce(pg_catalog.length(p_name)::text, 'null')
      using errcode = 'PW006', hint = 'Give a short name, for example mail.';
  end if;
  if p_executor not in ('noop', 'sql', 'crawl', 'http', 'external') then
    raise exception 'executor % is not known', pg_catalog.quote_literal(p_executor)
      using errcode = 'PW006', hint = 'It is one of noop, sql, crawl, http, external.';
  end if;
  select k.* into v_kind from pawl.kinds k where k.name = p_name;
  if not found and p_executor is null then
    raise exception 'kind "%" does not exist', p_name
      using errcode = 'PW001',
        hint = 'To create it, say what runs its tasks: p_executor (pawl kind set: --executor) noop, sql, crawl, http or external.';
  end if;
  if pg_catalog.jsonb_typeof(p_options) <> 'object' then
    raise exception 'p_options is no JSON object'
      using errcode = 'PW006', hint = 'Give the options by name, for example {"allow_private": true}.';
  end if;
  if p_executor <> v_kind.executor then
    v_kind.options := null;
    v_kind.target := null;
  end if;
  v_kind.options := pawl.merge_options(v_kind.options, p_options);
  if v_kind.options ->> 'form' = 'request' then
    v_kind.target := null;
  end if;
  v_kind.executor := coalesce(p_executor, v_kind.executor);
  v_kind.target := coalesce(p_target, v_kind.target);
  v_kind.max_attempts := coalesce(p_max_attempts, v_kind.max_attempts, 5);
  v_kind.timeout_ms := coalesce(p_timeout_ms, v_kind.timeout_ms, 60000);
  v_kind.backoff_base_ms := coalesce(p_backoff_base_ms, v_kind.backoff_base_ms, least(1000, p_backoff_cap_ms));
  v_kind.backoff_cap_ms := coalesce(p_backoff_cap_ms, greatest(coalesce(v_kind.backoff_cap_ms, 600000), p_backoff_base_ms));
  v_kind.max_payload_bytes := coalesce(p_max_payload_bytes, v_kind.max_payload_bytes, 1048576);

  -- the constraints of pawl.kinds, in words: change both
  select c.parameter, c.value, c.allowed into v_wrong
  from (values
    ('p_max_attempts', v_kind.max_attempts, v_kind.max_attempts between 1 and 1000, 'from 1 to 1000'),
    ('p_timeout_ms', v_kind.timeout_ms, v_kind.timeout_ms > 0, '1 or more'),
    ('p_backoff_base_ms', v_kind.backoff_base_ms, v_kind.backoff_base_ms >= 0, '0 or more'),
    ('p_backoff_cap_ms', v_kind.backoff_cap_ms, v_kind.backoff_cap_ms >= v_kind.backoff_base_ms,
      'p_backoff_base_ms or more, which is ' || v_kind.backoff_base_ms),
    ('p_max_payload_bytes', v_kind.max_payload_bytes, v_kind.max_payload_bytes between 1 and 67108864,
      'from 1 to 67108864, which is 64 MiB')
  ) as c (parameter, value, is_allowed, allowed)
  where not c.is_allowed
  limit 1;
  if found then
    perform pawl.refuse_value(v_wrong.parameter, v_wrong.value, v_wrong.allowed);
  end if;
  if p_ageing not between 0 and 1000000 then
    perform pawl.refuse_value('p_ageing', p_ageing, 'from 0 to 1000000');
  end if;
  if p_keep <> interval '0' and p_keep not between interval '1 second' and interval '100 years' then
    perform pawl.refuse_value('p_keep', p_keep, 'from 1 second to 100 years, or 0 for ever');
  end if;
  if v_kind.executor = 'crawl' and p_ageing > 0 then
    perform pawl.refuse_value('p_ageing', p_ageing, '0 for a crawl, which orders its pages itself');
  end if;

  perform pawl.check_options(p_name, v_kind.executor, v_kind.target, v_kind.options);
  if v_kind.executor = 'sql' then
    if v_kind.target is null then
      raise exception 'kind "%" needs a target: the function to call', p_name
        using errcode = 'PW006', hint = 'Write a function of one jsonb argument and give its name.';
    end if;
    if pg_catalog.to_regprocedure(v_kind.target || '(jsonb)') is null then
      raise exception 'function %(jsonb) does not exist', v_kind.target
        using errcode = 'PW006', hint = 'Write a function of one jsonb argument; name it with its schema.';
    end if;
  end if;

  if p_on_complete not in ('', p_name) and not exists (select from pawl.kinds k where k.name = p_on_complete) then
    perform pawl.refuse_kind(p_on_complete);
  end if;

  if p_max_running is not null or p_start_interval_ms is not null then
    v_limiter := 'kind:' || p_name;
    perform pawl.set_limiter(v_limiter, p_max_running, p_start_interval_ms);
  end if;

  insert into pawl.kinds as k (name, executor, target, max_attempts, timeout_ms, backoff_base_ms,
    backoff_cap_ms, max_payload_bytes, limiter_key, options, on_complete, ageing, aged_at, keep)
  values (p_name, v_kind.executor, v_kind.target, v_kind.max_attempts, v_kind.timeout_ms, v_kind.backoff_base_ms,
    v_kind.backoff_cap_ms, v_kind.max_payload_bytes, v_limiter, v_kind.options, nullif(p_on_complete, ''), coalesce(p_ageing, 0),
    case when p_ageing > 0 then pawl.now() end, nullif(coalesce(p_keep, interval '30 days'), interval '0'))
  on conflict (name) do update
    set executor = coalesce(p_executor, k.executor),
        target = case
          when k.executor = excluded.executor and excluded.target is not null then coalesce(p_target, k.target)
          else excluded.target
        end,
        max_attempts = coalesce(p_max_attempts, k.max_attempts),
        timeout_ms = coalesce(p_timeout_ms, k.timeout_ms),
        backoff_base_ms = coalesce(p_backoff_base_ms, k.backoff_base_ms),
        backoff_cap_ms = coalesce(p_backoff_cap_ms, greatest(k.backoff_cap_ms, p_backoff_base_ms)),
        max_payload_bytes = coalesce(p_max_payload_bytes, k.max_payload_bytes),
        limiter_key = coalesce(v_limiter, k.limiter_key),
        options = pawl.merge_options(case when k.executor = excluded.executor then k.options end, p_options),
        on_complete = case when p_on_complete is null then k.on_complete else excluded.on_complete end,
        aged_before = case
          when p_ageing <> k.ageing and k.aged_at is not null
            then k.aged_before + k.ageing * pg_catalog.date_part('epoch', pawl.now() - k.aged_at) / 60
          else k.aged_before
        end,
        aged_at = case when p_ageing <> k.ageing then pawl.now() else k.aged_at end,
        ageing = coalesce(p_ageing, k.ageing),
        keep = case when p_keep is null then k.keep else excluded.keep end,
        updated_at = excluded.updated_at;

  perform pawl.check_form_of_types(p_name);
  if v_limiter is not null then
    perform pawl.limit_standing_jobs(p_name);
  end if;
  if p_on_complete is not null then
    update pawl.jobs j
    set on_complete = nullif(p_on_complete, '')
    where j.kind = p_name
      and j.is_standing
      and j.on_complete is distinct from nullif(p_on_complete, '');
    if p_on_complete <> '' then
      perform pawl.standing_job(p_on_complete); -- so that no outcome has to wait for another transaction that makes it
    end if;
  end if;
  if p_keep is not null then -- not only when the walks that are under way have ended
    update pawl.prune_cursors c
    set after_id = 0, next_at = pawl.now()
    from pawl.jobs j
    where j.kind = p_name
      and j.is_standing
      and c.job_id = j.id;
  end if;
  perform pawl.ring('kinds');
end
$$;
comment on function pawl.define_kind(text, text, text, integer, integer, integer, integer, integer, integer, double precision, jsonb, text, real, interval)
  is 'creates or changes a kind; null keeps what is there';

-- Data types are fetched by kinds with the form "fetch", and by no others: else their refreshes would be sent to the same URL as something
-- else, or come to nothing. Called with the kind's row locked, which who defines a type holds FOR SHARE. Refuses (PW006). Locks: none.
create or replace function pawl.check_form_of_types(p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type record;
begin
  select d.name, d.fetch_path is not null as is_fetched
  into v_type
  from pawl.kinds k
  join pawl.data_types d on d.kind = k.name
  where k.name = p_kind
    and (d.fetch_path is not null) <> (k.executor = 'http' and coalesce(k.options ->> 'form', '') = 'fetch')
  order by d.name
  limit 1;
  if found then
    raise exception 'kind "%" refreshes data type "%", which % fetched', p_kind, v_type.name, case when v_type.is_fetched then 'is' else 'is not' end
      using errcode = 'PW006',
        hint = pg_catalog.format('Define another kind %s the form "fetch", and give its types to it with pawl.define_data_type.', case when v_type.is_fetched then 'without' else 'with' end);
  end if;
end
$$;
comment on function pawl.check_form_of_types(text) is 'refuses a form of a kind that its data types do not fit';
