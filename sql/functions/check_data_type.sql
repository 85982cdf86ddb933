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
    v_hint := 'Define the kind with p_options => ''{"form": "fetch"}'', or take them away: p_fetch_path => '''', p_save_function => '''' (pawl data-type set: --fetch-path "" --save-function "").';
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
      using errcode = 'PW006', hint = 'Give p_table (pawl data-type set: --table) with its schema, for example ''public.prices''.';
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
