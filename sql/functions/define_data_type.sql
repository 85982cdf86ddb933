-- pawl.define_data_type(name, kind, ttl, table, ...): creates a data type, or changes it; a null argument keeps what is there, or takes the
-- table's default; '' (of times '0', of parents '{}') takes it away. For whoever owns the schema.
--   p_kind           what runs its refreshes: each is a task with type, key, stale_since, refreshed_at and source_at in its payload
--   p_ttl            how long data is fresh; a scheduled type needs none
--   p_table, p_key_column, p_time_column   where the data is, so that what is missing, and what others write, is seen
--   p_is_global      there is one thing of it, without a key
--   p_empty_ttl      how long "there is none" is believed
--   p_max_age        data older than this passes a closed gate
--   p_retry_base, p_retry_cap   pauses of a key whose refreshes fail
--   p_due_function, p_gate_function   when data is stale, until when refreshes are closed (pawl.data_types says how they are called)
--   p_strategy       on_demand, or scheduled by p_cron (in p_time_zone) or p_spread
--   p_parents        types that must be fresh first
--   p_fetch_path, p_save_function   for a kind with the form fetch
--   p_budget         limits over all its refreshes, beside those of the kind: {"running", "calls", "window", "bytes", "bytes_window", "estimated_bytes",
--                    "start_interval"}, as pawl.set_limit has them, with times as intervals; merged into what is there, 0 takes one away
-- Returns nothing. Refuses what does not exist or makes no sense, and says what is missing (PW001, PW002, PW006); and keys for what was global
-- until now, or none any more (PW003).
-- Locks: an advisory lock; the type's row, its kind's FOR SHARE; the limiter; when times change, the freshness of its keys: waits for those who have
-- some, for half a minute, without a lock on the others (PW003).
create or replace function pawl.define_data_type(
  p_name text,
  p_kind text default null,
  p_ttl interval default null,
  p_table text default null,
  p_key_column text default null,
  p_time_column text default null,
  p_is_global boolean default null,
  p_empty_ttl interval default null,
  p_max_age interval default null,
  p_retry_base interval default null,
  p_retry_cap interval default null,
  p_due_function text default null,
  p_gate_function text default null,
  p_strategy text default null,
  p_cron text default null,
  p_time_zone text default null,
  p_spread interval default null,
  p_parents text[] default null,
  p_fetch_path text default null,
  p_save_function text default null,
  p_budget jsonb default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old pawl.data_types;
  v_type pawl.data_types; -- as it is going to be
  v_begun timestamptz := pg_catalog.clock_timestamp();
begin
  if p_name is null or pg_catalog.octet_length(p_name) not between 1 and 50 then
    raise exception 'the name of a data type has from 1 to 50 bytes, not %', coalesce(pg_catalog.octet_length(p_name)::text, 'null')
      using errcode = 'PW006', hint = 'Give a short name, for example price.';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(1885435756, 8); -- one at a time: none becomes its parent's parent
  select d.* into v_old from pawl.data_types d where d.name = p_name for no key update;
  v_type := v_old;
  v_type.name := p_name;
  v_type.kind := coalesce(p_kind, v_old.kind);
  v_type.ttl := case when p_ttl is null then v_old.ttl else nullif(p_ttl, '0') end;
  v_type.table_name := case when p_table is null then v_old.table_name else nullif(p_table, '') end;
  v_type.key_column := case when p_key_column is null then v_old.key_column else nullif(p_key_column, '') end;
  v_type.time_column := case when p_time_column is null then v_old.time_column else nullif(p_time_column, '') end;
  v_type.is_global := coalesce(p_is_global, v_old.is_global, false);
  v_type.is_tracked := coalesce(v_old.is_tracked, false);
  v_type.empty_ttl := case when p_empty_ttl is null then v_old.empty_ttl else nullif(p_empty_ttl, '0') end;
  v_type.max_age := case when p_max_age is null then v_old.max_age else nullif(p_max_age, '0') end;
  v_type.retry_base := coalesce(p_retry_base, v_old.retry_base, least('10 seconds', p_retry_cap));
  v_type.retry_cap := coalesce(p_retry_cap, v_old.retry_cap, greatest('1 hour', p_retry_base));
  v_type.due_function := case when p_due_function is null then v_old.due_function else nullif(p_due_function, '') end;
  v_type.gate_function := case when p_gate_function is null then v_old.gate_function else nullif(p_gate_function, '') end;
  v_type.strategy := coalesce(p_strategy, v_old.strategy, case when coalesce(p_cron, '') <> '' or p_spread <> '0' then 'scheduled' else 'on_demand' end);
  v_type.cron := case when p_cron is null then v_old.cron else nullif(p_cron, '') end;
  v_type.time_zone := coalesce(p_time_zone, v_old.time_zone, 'UTC');
  v_type.spread := case when p_spread is null then v_old.spread else nullif(p_spread, '0') end;
  if v_type.strategy = 'on_demand' and p_strategy is not null then
    v_type.cron := nullif(p_cron, '');
    v_type.spread := nullif(p_spread, '0');
  end if;
  v_type.parents := coalesce(p_parents, v_old.parents, '{}');
  v_type.fetch_path := case when p_fetch_path is null then v_old.fetch_path else nullif(p_fetch_path, '') end;
  v_type.save_function := case when p_save_function is null then v_old.save_function else nullif(p_save_function, '') end;
  v_type := pawl.check_data_type(v_type);
  if v_type.is_global <> v_old.is_global and exists (select from pawl.freshness f where f.type = p_name) then
    raise exception 'data type "%" has % by now', p_name, case when v_old.is_global then 'been refreshed without keys' else 'keys' end
      using errcode = 'PW003', hint = pg_catalog.format('Give another name, or drop it first: pawl.drop_data_type(%L).', p_name);
  end if;

  while not pawl.try_define_data_type(v_type, v_old, p_budget) loop
    perform pawl.wait_for_users(p_name, v_begun);
  end loop;
end
$$;
comment on function pawl.define_data_type(text, text, interval, text, text, text, boolean, interval, interval, interval, interval, text, text, text, text, text, interval, text[], text, text, jsonb)
  is 'creates or changes a data type; null keeps what is there';

-- Writes a type down as it is going to be. Keys of it may be locked by somebody whose transaction is open: then nothing is done, so that whoever else
-- needs them does not wait behind this. Returns whether it is done.
create or replace function pawl.try_define_data_type(p_type pawl.data_types, p_old pawl.data_types, p_budget jsonb) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '300ms' -- long before anybody takes it for a deadlock
as $$
declare
  v_type pawl.data_types := p_type;
begin
  v_type.job_id := pawl.type_job(p_type, p_old, p_budget);
  insert into pawl.data_types as d (name, kind, job_id, ttl, table_name, key_column, time_column, is_global, is_tracked, empty_ttl, max_age, retry_base,
    retry_cap, due_function, gate_function, strategy, cron, time_zone, spread, parents, fetch_path, save_function)
  values (p_type.name, v_type.kind, v_type.job_id, v_type.ttl, v_type.table_name, v_type.key_column, v_type.time_column, v_type.is_global,
    v_type.is_tracked, v_type.empty_ttl, v_type.max_age, v_type.retry_base, v_type.retry_cap, v_type.due_function, v_type.gate_function,
    v_type.strategy, v_type.cron, v_type.time_zone, v_type.spread, v_type.parents, v_type.fetch_path, v_type.save_function)
  on conflict (name) do update
    set kind = excluded.kind, job_id = excluded.job_id, ttl = excluded.ttl, table_name = excluded.table_name, key_column = excluded.key_column,
        time_column = excluded.time_column, is_global = excluded.is_global, empty_ttl = excluded.empty_ttl, max_age = excluded.max_age,
        retry_base = excluded.retry_base, retry_cap = excluded.retry_cap, due_function = excluded.due_function,
        gate_function = excluded.gate_function, strategy = excluded.strategy, cron = excluded.cron, time_zone = excluded.time_zone,
        spread = excluded.spread, parents = excluded.parents, fetch_path = excluded.fetch_path, save_function = excluded.save_function,
        error = null, error_at = null, rests_until = null, updated_at = excluded.updated_at;
  select d.* into v_type from pawl.data_types d where d.name = p_type.name;
  if v_type.is_tracked then
    perform pawl.refresh_tracking(p_type.name);
  end if;
  perform pawl.time_keys(v_type, p_old);
  if p_old.name is null then
    perform pawl.ask_for_sweep(a.name) from pawl.adoptions a; -- rows may have asked for it already
  end if;
  perform pawl.ring('fresh');
  return true;
exception when lock_not_available then
  return false;
end
$$;
comment on function pawl.try_define_data_type(pawl.data_types, pawl.data_types, jsonb) is 'writes a data type down, unless somebody has its keys locked';

-- Waits a moment, with none of them locked, for who has keys of a type locked; refuses to (PW003) when half a minute is over. Who else defines types waits too.
create or replace function pawl.wait_for_users(p_name text, p_since timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.clock_timestamp() > p_since + interval '30 seconds' then
    raise exception 'somebody''s open transaction has keys of data type "%" locked, or its table', p_name
      using errcode = 'PW003', hint = 'End it, and try again; pg_stat_activity shows it, perhaps as idle in transaction.';
  end if;
  perform pg_catalog.pg_sleep(0.3);
end
$$;
comment on function pawl.wait_for_users(text, timestamptz) is 'waits a moment for who has keys of a data type locked';

-- The standing job of a type's refreshes, made on first use, and again when it gets another kind: then what is open in the old one is
-- cancelled. With a budget it has a limiter of its own, "type:NAME", under the kind's.
create or replace function pawl.type_job(p_type pawl.data_types, p_old pawl.data_types, p_budget jsonb) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint := p_old.job_id;
  v_limiter text := 'type:' || p_type.name;
begin
  if p_old.name is null and exists (select from pawl.limiters l where l.key = v_limiter) then -- of one with this name that was dropped
    perform pawl.set_type_budget(p_type.name, '{"running": 0, "calls": 0, "bytes": 0, "start_interval": "0"}');
  end if;
  if p_budget is not null then
    perform pawl.set_type_budget(p_type.name, p_budget);
  end if;
  if p_old.kind is distinct from p_type.kind or not exists (select from pawl.jobs j where j.id = v_job_id) then -- somebody may have deleted it
    if v_job_id is not null then
      update pawl.jobs j set data_type = null where j.id = v_job_id;
      perform pawl.cancel_open_tasks(v_job_id);
      update pawl.freshness f
      set task_id = null, check_at = pawl.now()
      where f.type = p_type.name
        and f.task_id is not null;
    end if;
    insert into pawl.jobs (kind, limiter_key, on_complete, is_standing, data_type)
    select k.name, coalesce((select l.key from pawl.limiters l where l.key = v_limiter), k.limiter_key), k.on_complete, true, p_type.name
    from pawl.kinds k
    where k.name = p_type.kind
    returning id into v_job_id;
  end if;
  perform pawl.limit_type_jobs(p_type.kind);
  return v_job_id;
end
$$;
comment on function pawl.type_job(pawl.data_types, pawl.data_types, jsonb) is 'the standing job of a data type''s refreshes';

-- The jobs of types get the limiters that they have by now, and these the kind's as parent, for those who change either.
create or replace function pawl.limit_type_jobs(p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.limiters l
  set parent_key = k.limiter_key
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.kind = p_kind
    and j.data_type is not null
    and l.key = 'type:' || j.data_type
    and l.parent_key is distinct from k.limiter_key;
  update pawl.jobs j
  set limiter_key = coalesce((select l.key from pawl.limiters l where l.key = 'type:' || j.data_type), k.limiter_key)
  from pawl.kinds k
  where k.name = j.kind
    and j.kind = p_kind
    and j.data_type is not null
    and j.limiter_key is distinct from coalesce((select l.key from pawl.limiters l where l.key = 'type:' || j.data_type), k.limiter_key);
end
$$;
comment on function pawl.limit_type_jobs(text) is 'the jobs of data types get the limiters that they have by now';

-- Keys of a type whose times have changed are due by the new ones; a type that is scheduled from now gets a row for each key of its table.
create or replace function pawl.time_keys(p_type pawl.data_types, p_old pawl.data_types) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
begin
  if p_old.name is not null and (p_type.ttl, p_type.due_function, p_type.strategy, p_type.cron, p_type.spread, p_type.time_zone, p_type.table_name)
      is distinct from (p_old.ttl, p_old.due_function, p_old.strategy, p_old.cron, p_old.spread, p_old.time_zone, p_old.table_name) then
    perform from pawl.freshness f where f.type = p_type.name order by f.key for no key update;
    update pawl.freshness f
    set stale_at = n.stale_at, due_at = n.stale_at,
        check_at = case when f.check_at is not null or f.is_watched then nullif(least(f.check_at, n.stale_at), 'infinity') end -- it may have been fresh for ever
    from (
      select x.key, pawl.next_stale_at(p_type, x.key, x.source_at, coalesce(x.refreshed_at, v_now), coalesce(k.ttl, p_type.ttl)) as stale_at
      from pawl.freshness x
      left join pawl.type_keys k on k.type = x.type and k.key = x.key
      where x.type = p_type.name
        and (x.refreshed_at is not null or x.has_data and p_type.strategy = 'scheduled')
        and x.failures = 0
        and x.outcome is distinct from 'empty'
    ) n
    where f.type = p_type.name
      and f.key = n.key;
  end if;
  perform pawl.read_keys(p_type);
  if p_type.strategy = 'scheduled' then
    if p_type.is_global then
      perform pawl.make_pairs(p_type, array['']);
    end if;
    update pawl.freshness f
    set check_at = nullif(f.due_at, 'infinity'), forget_at = null
    where f.type = p_type.name
      and f.check_at is null;
  end if;
end
$$;
comment on function pawl.time_keys(pawl.data_types, pawl.data_types) is 'keys of a data type whose times have changed are due by the new ones';
