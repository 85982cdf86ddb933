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

-- pawl.check_data_type(type): the type with its names as PostgreSQL has them. Refuses (PW006, PW001, PW002) what does not exist, is missing or makes no
-- sense, in words. Locks: none.
create or replace function pawl.check_data_type(p_type pawl.data_types) returns pawl.data_types
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := p_type;
  v_kind pawl.kinds;
  v_form text;
  v_what text;
  v_hint text;
  v_wrong record;
begin
  if p_type.kind is null then
    raise exception 'data type "%" needs a kind: what runs its refreshes', p_type.name
      using errcode = 'PW006', hint = 'Define one with pawl.define_kind, an http function, a SQL function or the form fetch, and give its name as p_kind (pawl data-type set: --kind).';
  end if;
  select k.* into v_kind from pawl.kinds k where k.name = p_type.kind for share;
  if not found then
    perform pawl.refuse_kind(p_type.kind);
  end if;
  v_form := coalesce(v_kind.options ->> 'form', '');
  if v_kind.executor = 'crawl' then
    v_what := pg_catalog.format('kind "%s" crawls whole sites and cannot refresh a key', p_type.kind);
    v_hint := 'Give a kind of executor http, sql or external.';
  elsif p_type.strategy not in ('on_demand', 'scheduled') then
    v_what := pg_catalog.format('strategy %L is not known', p_type.strategy);
    v_hint := 'It is on_demand (what somebody looks at or asks for) or scheduled (every known key, by p_cron or p_spread).';
  elsif p_type.strategy = 'on_demand' and (p_type.cron is not null or p_type.spread is not null) then
    v_what := pg_catalog.format('data type "%s" is refreshed on demand, and has %s', p_type.name, case when p_type.cron is not null then 'p_cron' else 'p_spread' end);
    v_hint := 'Those are for p_strategy => ''scheduled'' (pawl data-type set: --strategy scheduled).';
  elsif p_type.strategy = 'on_demand' and p_type.ttl is null then
    v_what := pg_catalog.format('data type "%s" needs a time for which its data is fresh', p_type.name);
    v_hint := 'Give p_ttl (pawl data-type set: --ttl), for example ''5 minutes''.';
  elsif p_type.strategy = 'scheduled' and (p_type.cron is null) = (p_type.spread is null) then
    v_what := pg_catalog.format('data type "%s" is scheduled and needs one of p_cron and p_spread', p_type.name);
    v_hint := 'p_cron (--cron) says when all keys are due at once, for example ''0 18 * * 1-5''; p_spread (--spread), for example ''1 day'', gives each key its own time in it.';
  elsif p_type.table_name is null and (p_type.key_column is not null or p_type.time_column is not null) then
    v_what := pg_catalog.format('data type "%s" has a column and no table', p_type.name);
    v_hint := 'Give p_table (pawl data-type set: --table), for example ''public.prices''.';
  elsif p_type.table_name is null and p_type.is_tracked then
    v_what := pg_catalog.format('data type "%s" is tracked and needs its table', p_type.name);
    v_hint := pg_catalog.format('Give another one, or say first: select pawl.untrack(%L).', p_type.name);
  elsif p_type.table_name is not null and p_type.key_column is null and not p_type.is_global then
    v_what := pg_catalog.format('data type "%s" needs to know which column of %s has the key', p_type.name, p_type.table_name);
    v_hint := 'Give p_key_column (pawl data-type set: --key-column), or p_is_global => true when there is one thing of it, without a key.';
  elsif p_type.is_global and p_type.key_column is not null then
    v_what := pg_catalog.format('data type "%s" is global, and has a key column', p_type.name);
    v_hint := 'Take one of them away: p_key_column => '''', or p_is_global => false.';
  elsif v_form = 'request' then
    v_what := pg_catalog.format('kind "%s" has the form request, which a refresh does not fill in', p_type.kind);
    v_hint := 'Give a kind with the form envelope or fetch.';
  elsif v_form = 'fetch' and (p_type.fetch_path is null or p_type.save_function is null) then
    v_what := pg_catalog.format('kind "%s" has the form fetch, so data type "%s" needs %s', p_type.kind, p_type.name,
      pg_catalog.concat_ws(' and ', case when p_type.fetch_path is null then 'a path' end, case when p_type.save_function is null then 'a function that saves what comes' end));
    v_hint := 'Give p_fetch_path, for example ''/prices/{key}'', and p_save_function, (key text, status integer, headers jsonb, body jsonb) returns jsonb.';
  elsif v_form <> 'fetch' and (p_type.fetch_path is not null or p_type.save_function is not null) then
    v_what := pg_catalog.format('kind "%s" does not have the form fetch, and data type "%s" has %s', p_type.kind, p_type.name,
      case when p_type.fetch_path is not null then 'p_fetch_path' else 'p_save_function' end);
    v_hint := 'Define the kind with p_options => ''{"form": "fetch"}'', or take them away ('''').';
  elsif p_type.fetch_path is not null and (p_type.fetch_path !~ '^[/?]' or p_type.fetch_path ~ '[^!-~]|[<>"\\^`|#]' or pg_catalog.replace(p_type.fetch_path, '{key}', '') ~ '[{}]'
      or p_type.fetch_path ~ '%(?![0-9A-Fa-f]{2})' or pg_catalog.length(p_type.fetch_path) > 2000) then
    v_what := pg_catalog.format('path %L cannot be appended to a URL', p_type.fetch_path);
    v_hint := 'Write it as /prices/{key}?fields=last: it begins with / or ?, and {key} is the only placeholder; percent-encode other characters.';
  elsif pg_catalog.split_part(p_type.fetch_path, '?', 1) ~* '(/|%2f|%5c)(\.|%2e){1,2}(/|%2f|%5c|$)' then
    v_what := pg_catalog.format('path %L has . or .. as a segment, which would lead elsewhere', p_type.fetch_path);
    v_hint := 'Write the path that is meant.';
  elsif p_type.fetch_path is not null and p_type.is_global = (p_type.fetch_path like '%{key}%') then
    v_what := pg_catalog.format('path %L has %s', p_type.fetch_path, case when p_type.is_global then '{key}, and the type is global' else 'no {key}' end);
    v_hint := case when p_type.is_global then 'Leave it out.' else 'Say where the key belongs, for example ''/prices/{key}''.' end;
  end if;
  if v_what is not null then
    raise exception '%', v_what using errcode = 'PW006', hint = v_hint;
  end if;

  select c.parameter, c.value, c.allowed into v_wrong
  from (values
    ('p_ttl', p_type.ttl, interval '1 second', interval '10 years', 'from 1 second to 10 years'),
    ('p_empty_ttl', p_type.empty_ttl, '1 second', '10 years', 'from 1 second to 10 years'),
    ('p_max_age', p_type.max_age, '1 second', '10 years', 'from 1 second to 10 years'),
    ('p_retry_cap', p_type.retry_cap, '1 second', '10 days', 'from p_retry_base to 10 days'),
    ('p_retry_base', p_type.retry_base, '1 second', p_type.retry_cap, 'from 1 second to p_retry_cap, which is ' || p_type.retry_cap),
    ('p_spread', p_type.spread, '1 second', '366 days', 'from 1 second to 366 days')
  ) as c (parameter, value, least, most, allowed)
  where c.value not between c.least and c.most
  limit 1;
  if found then
    perform pawl.refuse_value(v_wrong.parameter, v_wrong.value, v_wrong.allowed);
  end if;
  v_type.ttl := pg_catalog.make_interval(secs => extract(epoch from p_type.ttl)::double precision); -- days are 24 hours
  v_type.spread := pg_catalog.make_interval(secs => extract(epoch from p_type.spread)::double precision);
  if p_type.cron is not null then
    select z.name into v_type.time_zone from pg_catalog.pg_timezone_names z where pg_catalog.lower(z.name) = pg_catalog.lower(p_type.time_zone);
    if not found then
      raise exception 'time zone % is not known', pg_catalog.quote_literal(p_type.time_zone)
        using errcode = 'PW006', hint = 'Give a name that pg_timezone_names has, for example Europe/Berlin.';
    end if;
    if pawl.next_cron(p_type.cron, pawl.now(), v_type.time_zone) is null then
      raise exception 'cron % does not come in five years', pg_catalog.quote_literal(p_type.cron)
        using errcode = 'PW006', hint = 'The fields are minute, hour, day of the month, month, day of the week.';
    end if;
  end if;
  if p_type.table_name is not null then
    v_type := pawl.check_data_table(v_type);
  end if;
  v_type.due_function := pawl.check_type_function('p_due_function', p_type.due_function, '(text,timestamp with time zone,timestamp with time zone)',
    'timestamp with time zone', '(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz');
  v_type.gate_function := pawl.check_type_function('p_gate_function', p_type.gate_function, '(text)', 'timestamp with time zone', '(key text) returns timestamptz');
  v_type.save_function := pawl.check_type_function('p_save_function', p_type.save_function, '(text,integer,jsonb,jsonb)', null,
    '(key text, status integer, headers jsonb, body jsonb) returns jsonb');
  perform pawl.check_parents(v_type);
  return v_type;
end
$$;
comment on function pawl.check_data_type(pawl.data_types) is 'refuses what a data type cannot be';

-- The table and columns of a type, as PostgreSQL has them.
create or replace function pawl.check_data_table(p_type pawl.data_types) returns pawl.data_types
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := p_type;
  v_table regclass;
  v_column record;
begin
  begin
    v_table := pg_catalog.to_regclass(p_type.table_name);
  exception when syntax_error or invalid_name or feature_not_supported then -- no name of a table at all
    null;
  end;
  if v_table is null or not exists (select from pg_catalog.pg_class c where c.oid = v_table and c.relkind in ('r', 'p', 'v', 'm', 'f')) then
    raise exception 'table % does not exist', p_type.table_name
      using errcode = 'PW006', hint = 'Give p_table with its schema, for example ''public.prices''.';
  end if;
  if (select c.relpersistence from pg_catalog.pg_class c where c.oid = v_table) = 't' then
    raise exception 'table % is temporary, and nodes cannot see it', v_table
      using errcode = 'PW006', hint = 'Give a table that is there for all sessions.';
  end if;
  if not pg_catalog.has_table_privilege(v_table, 'select') then
    raise exception 'role "%" may not read %', current_user, v_table
      using errcode = '42501', hint = pg_catalog.format('Let its owner say: grant select on %s to %I.', v_table, current_user);
  end if;
  v_type.table_name := v_table::pg_catalog.text;
  for v_column in
    select c.parameter, c.name, a.atttypid::pg_catalog.regtype as type
    from (values ('p_key_column', p_type.key_column), ('p_time_column', p_type.time_column)) as c (parameter, name)
    left join pg_catalog.pg_attribute a on a.attrelid = v_table and a.attname = c.name and a.attnum > 0 and not a.attisdropped
    where c.name is not null
  loop
    if v_column.type is null then
      raise exception 'table % has no column "%"', v_table, v_column.name
        using errcode = 'PW006', hint = pg_catalog.format('%s must be one of: %s.', v_column.parameter, (
          select pg_catalog.string_agg(a.attname, ', ' order by a.attnum)
          from pg_catalog.pg_attribute a
          where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped));
    end if;
    if v_column.parameter = 'p_time_column' and v_column.type::pg_catalog.text not in ('timestamp with time zone', 'timestamp without time zone') then
      raise exception 'column "%" of % is of the type %, not a time', v_column.name, v_table, v_column.type
        using errcode = 'PW006', hint = 'Give a column of the type timestamptz that says when the row was last written, or none.';
    end if;
  end loop;
  begin
    perform from pawl.read_data(v_type, '{}');
  exception when undefined_function then
    raise exception 'keys cannot be looked for in column "%" of %: %', p_type.key_column, v_table, sqlerrm
      using errcode = 'PW006', hint = 'Give a column whose type knows what is equal.';
  end;
  perform pawl.warn_of_rows(v_table, p_type.key_column);
  return v_type;
end
$$;
comment on function pawl.check_data_table(pawl.data_types) is 'the table and columns of a data type, as PostgreSQL has them';

-- Warns of rows of a type's table that are hidden from nodes, and of who may run what he likes with their rights, by what they call when they read it.
create or replace function pawl.warn_of_rows(p_table regclass, p_key_column text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner record;
begin
  if pg_catalog.row_security_active(p_table) then
    raise warning 'row security may hide rows of % from role "%": what it does not see counts as absent', p_table, current_user
      using hint = pg_catalog.format('alter role %I bypassrls, or connect nodes as the owner of the table.', current_user);
  end if;
  select c.relowner::pg_catalog.regrole as role, n.nspowner::pg_catalog.regrole as ours into v_owner
  from pg_catalog.pg_class c, pg_catalog.pg_namespace n
  where c.oid = p_table
    and n.nspname = 'pawl'
    and not pg_catalog.pg_has_role(c.relowner, n.nspowner, 'member')
    and (c.relkind in ('v', 'f') or c.relrowsecurity
      or exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = p_key_column and a.atttypid >= 16384));
  if found then
    raise warning 'the owner of %, %, can run what he likes with the rights of %', p_table, v_owner.role, v_owner.ours
      using hint = 'By what the view, a policy or the type of the key column calls. Give it another owner unless you trust him with that.';
  end if;
end
$$;
comment on function pawl.warn_of_rows(regclass, text) is 'warns of hidden rows of a data type''s table, and of who gets more rights than he has';

-- A function of a type, by the name that PostgreSQL has for it, with its arguments; null for null. p_returns null: anything.
create or replace function pawl.check_type_function(p_parameter text, p_function text, p_arguments text, p_returns text, p_form text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regprocedure;
begin
  if p_function is null then
    return null;
  end if;
  begin
    v_function := pg_catalog.to_regprocedure(case when p_function like '%(%' then p_function else p_function || p_arguments end);
  exception when syntax_error or invalid_name or feature_not_supported or invalid_text_representation or undefined_object then -- no name of a function at all
    null;
  end;
  if v_function is null or pg_catalog.regexp_replace(v_function::pg_catalog.text, '^[^(]*', '') <> p_arguments then
    raise exception 'function % does not exist', pg_catalog.regexp_replace(p_function, '\(.*', '') || p_arguments
      using errcode = 'PW006', hint = pg_catalog.format('%s names a function %s; name it with its schema.', p_parameter, p_form);
  end if;
  if (select p.prorettype::pg_catalog.regtype::pg_catalog.text <> p_returns or p.proretset and p_returns is not null or p.prokind <> 'f'
      from pg_catalog.pg_proc p where p.oid = v_function) then
    raise exception 'function % does not return %', v_function, coalesce(p_returns, 'anything')
      using errcode = 'PW006', hint = pg_catalog.format('%s names a function %s.', p_parameter, p_form);
  end if;
  if not pg_catalog.has_function_privilege(v_function, 'execute') then
    raise exception 'role "%" may not call %', current_user, v_function
      using errcode = '42501', hint = pg_catalog.format('Let its owner say: grant execute on function %s to %I.', v_function, current_user);
  end if;
  return v_function::pg_catalog.text;
end
$$;
comment on function pawl.check_type_function(text, text, text, text, text) is 'a function of a data type, as PostgreSQL has it';

-- Parents exist, are not the type itself by any way round, and fit its keys.
create or replace function pawl.check_parents(p_type pawl.data_types) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_way text;
begin
  foreach v_name in array p_type.parents loop
    if v_name is null then
      raise exception 'a parent of data type "%" is null', p_type.name
        using errcode = 'PW006', hint = 'Give the names of data types in p_parents, or ''{}'' for none.';
    end if;
    if v_name is distinct from p_type.name and not exists (select from pawl.data_types d where d.name = v_name) then
      perform pawl.refuse_data_type(v_name);
    end if;
    if p_type.is_global and exists (select from pawl.data_types d where d.name = v_name and not d.is_global) then
      raise exception 'data type "%" is global, and its parent "%" has keys: which one is meant?', p_type.name, v_name
        using errcode = 'PW006', hint = 'A global type can have global parents only.';
    end if;
  end loop;
  with recursive up (name, way) as (
    select u.name, pg_catalog.format('%s, %s', p_type.name, u.name) from unnest(p_type.parents) u (name)
    union
    select u.name, pg_catalog.format('%s, %s', p.way, u.name)
    from up p
    join pawl.data_types d on d.name = p.name
    cross join lateral unnest(d.parents) u (name)
    where p.name <> p_type.name
      and pg_catalog.length(p.way) < 2000
  )
  select p.way into v_way from up p where p.name = p_type.name limit 1;
  if v_way is not null then
    raise exception 'data type "%" would wait for itself', p_type.name
      using errcode = 'PW006', detail = 'The way round: ' || v_way, hint = 'Leave one of the parents out.';
  end if;
end
$$;
comment on function pawl.check_parents(pawl.data_types) is 'refuses parents that a data type cannot have';

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
