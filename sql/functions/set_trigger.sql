-- pawl.check_trigger_table(table, event): refuses what cannot have a trigger of ours, for pawl.set_trigger (PW006;
-- 42501 without the rights that setting it needs). Warns of an owner who gets more rights by it than he has.
-- Locks: none.
create or replace function pawl.check_trigger_table(p_table regclass) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
  v_what text;
begin
  if p_table is null then
    perform pawl.refuse_null('p_table', 'Give a table, with its schema: ''public.orders''.');
  end if;
  select c.relkind, c.relpersistence, n.nspname into v_table
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if not found then
    raise exception 'table % does not exist', p_table
      using errcode = 'PW006', hint = 'Give a table, with its schema: ''public.orders''.';
  end if;
  v_what := case
    when v_table.relkind = 'v' then 'is a view: set it on the table that is written to'
    when v_table.relkind = 'm' then 'is a materialized view: set it on the table that is written to'
    when v_table.relkind = 'f' then 'is a foreign table, which has no transition tables: set it where the table is'
    when v_table.relkind not in ('r', 'p') then 'is no table'
    when v_table.relpersistence = 't' then 'is a temporary table: it is gone with its session'
    when v_table.nspname = 'pawl' then 'is one of Pawl''s own tables: to go on when a task has ended, give its kind an on_complete'
    when v_table.nspname in ('pg_catalog', 'information_schema') then 'is one of PostgreSQL''s own tables'
  end;
  if v_what is not null then
    raise exception '% %', p_table, pg_catalog.split_part(v_what, ': ', 1)
      using errcode = 'PW006', hint = coalesce(pg_catalog.upper(pg_catalog.left(nullif(pg_catalog.split_part(v_what, ': ', 2), ''), 1))
        || pg_catalog.substr(pg_catalog.split_part(v_what, ': ', 2), 2) || '.', 'Set it on an ordinary or a partitioned table.');
  end if;
  if not pg_catalog.has_table_privilege(p_table, 'select') or not pg_catalog.has_table_privilege(p_table, 'trigger') then
    raise exception 'role "%" may not set a trigger on %', current_user, p_table
      using errcode = '42501', hint = pg_catalog.format('Let its owner say: grant select, trigger on %s to %I.', p_table, current_user);
  end if;
  perform pawl.warn_of_owner(p_table);
end
$$;
comment on function pawl.check_trigger_table(regclass) is 'refuses what cannot have a trigger of ours';

-- Expressions over a table's rows are evaluated with the rights of the schema's owner: warns of a table's owner who has not got these.
create or replace function pawl.warn_of_owner(p_table regclass) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner record;
begin
  select c.relowner::pg_catalog.regrole as role, n.nspowner::pg_catalog.regrole as ours into v_owner
  from pg_catalog.pg_class c, pg_catalog.pg_namespace n
  where c.oid = p_table
    and n.nspname = 'pawl'
    and not pg_catalog.pg_has_role(c.relowner, n.nspowner, 'member');
  if found then
    raise warning 'the owner of %, %, can run what he likes with the rights of %', p_table, v_owner.role, v_owner.ours
      using hint = 'By a column of a type that he makes, whose cast is then called. Give the table another owner unless you trust him with that.';
  end if;
end
$$;
comment on function pawl.warn_of_owner(regclass) is 'warns of a table''s owner who gets more rights than he has';

-- pawl.read_trigger(definition, table): the definition with its expressions as PostgreSQL reads them.
-- Refuses what is no expression, or gives what a task cannot take (PW006).
-- Locks: the table, ACCESS SHARE.
create or replace function pawl.read_trigger(p_definition pawl.trigger_definitions, p_table regclass) returns pawl.trigger_definitions
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions := p_definition;
  v_part record;
  v_read record;
  v_join text;
  v_uses_old boolean := false;
begin
  v_definition.expressions := '{}';
  for v_part in
    select x.*
    from (values
      ('payload', p_definition.payload, array['jsonb', 'json'], 'jsonb', 'Write to_jsonb(...) or jsonb_build_object(...), or add a cast: ''{}''::jsonb.'),
      ('condition', p_definition.condition, array['boolean'], 'boolean', 'Write a comparison, for example new.total > 100.'),
      ('key', p_definition.key, null, null, null),
      ('priority', p_definition.priority,
        array['real', 'double precision', 'numeric', 'smallint', 'integer', 'bigint'], 'a number', 'Add a cast, for example (...)::real.'),
      ('run_at', p_definition.run_at, array['timestamp with time zone'], 'timestamp with time zone',
        'Write now() + interval ''1 hour'', or say whose clock it is: new.starts_at at time zone ''UTC''.'),
      ('limit_key', p_definition.limit_key, null, null, null)
    ) as x (name, expression, types, wanted, hint)
    where x.expression is not null
  loop
    select r.* into v_read
    from pawl.trigger_expression(v_part.name, v_part.expression, p_table, p_definition.event, p_definition.search_path) r;
    if v_read.type::pg_catalog.text <> all (v_part.types) then
      raise exception 'the % is of the type %, not %', v_part.name, v_read.type, v_part.wanted
        using errcode = 'PW006', detail = pg_catalog.format('It is: %s', v_part.expression), hint = v_part.hint;
    end if;
    v_definition.expressions := v_definition.expressions || pg_catalog.jsonb_build_object(v_part.name, v_read.expression);
    v_uses_old := v_uses_old or v_read.uses_old;
  end loop;
  if p_definition.event = 'update' and v_uses_old then
    select pg_catalog.string_agg(pg_catalog.format('new.%1$I = old.%1$I', a.attname), ' and ' order by a.attnum) into v_join
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::pg_catalog.int2[])
    where i.indrelid = p_table
      and i.indisprimary;
    if v_join is null then
      raise exception '% has no primary key, by which a row''s old and new values could be brought together', p_table
        using errcode = 'PW006', hint = 'Give the table a primary key, or expressions that do not mention old.';
    end if;
    select r.* into v_read
    from pawl.trigger_expression('primary key', v_join, p_table, 'update', p_definition.search_path) r;
    v_definition.expressions := v_definition.expressions
      || pg_catalog.jsonb_build_object('join', v_read.expression, 'old', v_read.old_alias);
  end if;
  v_definition.expressions := v_definition.expressions || case p_definition.event
    when 'delete' then pg_catalog.jsonb_build_object('old', v_read.old_alias)
    else pg_catalog.jsonb_build_object('new', v_read.new_alias)
  end;
  return v_definition;
end
$$;
comment on function pawl.read_trigger(pawl.trigger_definitions, regclass) is 'reads the expressions of a trigger''s definition';

-- pawl.try_trigger(definition, table): the trigger's statement as it is going to be, with the rights and the
-- search_path that it is going to have: planned, and evaluated on a row that is there, if one is. Nothing is
-- added, and what a function in it does is undone.
-- Returns nothing. Refuses what cannot run (PW006; 42501 for a missing right); when only this one row fails, warns.
-- Locks: the table, ACCESS SHARE.
create or replace function pawl.try_trigger(p_definition pawl.trigger_definitions, p_table regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner name := (select n.nspowner::pg_catalog.regrole from pg_catalog.pg_namespace n where n.nspname = 'pawl');
  v_rows text := pg_catalog.format('(select * from %s limit 1)', p_table);
  v_from text := pawl.trigger_from(p_definition, null, v_rows, v_rows);
  v_is_planned boolean := false;
  v_state text;
  v_message text;
begin
  begin
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    if v_owner <> current_user then
      perform pg_catalog.set_config('role', v_owner, true);
    end if;
    execute 'explain ' || pawl.trigger_statement(p_definition, v_from, '1', '1', '');
    v_is_planned := true;
    execute pg_catalog.format('select pawl.check_triggered(%L, k.max_payload_bytes, e.payload, %s, %s) from (%s) e, pawl.kinds k where k.name = %L',
      p_definition.kind,
      case when p_definition.priority is null then '0' else 'e.priority' end,
      case when p_definition.run_at is null then 'null' else 'e.run_at' end,
      pawl.trigger_tasks(p_definition, v_from), p_definition.kind);
    raise exception 'it can run' using errcode = 'PW0OK';
  exception
    when sqlstate 'PW0OK' then
      return; -- undone
    when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  if v_is_planned and v_state !~ '^42' then
    raise warning 'a row that is in % now would get no task: %', p_table, v_message
      using hint = 'Rows like it would stand in pawl.trigger_errors. If that is not meant, define the trigger again.';
    return;
  end if;
  raise exception 'the trigger could not run: %', v_message
    using errcode = case when v_state = '42501' then v_state else 'PW006' end,
      hint = case
        when v_state = '42501' then pg_catalog.format('It runs with the rights of "%s", the owner of schema pawl, on every table and function that it names.', v_owner)
        else 'Functions that it calls run with an empty search_path: let them name tables with their schema, or alter function ... set search_path.'
      end;
end
$$;
comment on function pawl.try_trigger(pawl.trigger_definitions, regclass) is 'sees whether a trigger''s statement can run';

-- pawl.test_trigger(name): tries out what the trigger's kind calls (pawl.test_kind); pawl.triggers then shows how that went.
-- Returns the job to wait for, or null where there is none. Refuses an unknown trigger (PW002), and what
-- pawl.test_kind refuses.
-- Locks: the definition's row, then as pawl.create_job.
create or replace function pawl.test_trigger(p_name text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text;
  v_job_id bigint;
begin
  select d.kind into v_kind from pawl.trigger_definitions d where d.name = p_name for no key update;
  if not found then
    perform pawl.refuse_trigger(p_name);
  end if;
  v_job_id := pawl.test_kind(v_kind);
  update pawl.trigger_definitions d set self_test_job_id = v_job_id where d.name = p_name;
  return v_job_id;
end
$$;
comment on function pawl.test_trigger(text) is 'tries out what a trigger''s kind calls; returns the job to wait for, or null';

-- pawl.set_trigger(search_path, event, table, kind, ...): what pawl.on_insert, pawl.on_update and pawl.on_delete do.
-- A trigger of that name is changed; without a name it is called TABLE_EVENT_KIND, with the schema before it
-- unless that is public. Where it stands already, only its function is replaced, which waits for no writer.
-- Returns the name. Refuses an unknown kind (PW001), a missing right (42501), what makes no sense (PW006), and what
-- pawl.test_kind refuses.
-- Locks: the definition's row, the kind's standing job when it is made; the table and its partitions ACCESS SHARE, and SHARE
-- ROW EXCLUSIVE where a trigger is created: that waits for transactions that have written to them, and keeps
-- writers out until the caller commits. ACCESS EXCLUSIVE where one of another event is replaced.
create or replace function pawl.set_trigger(
  p_search_path text,
  p_event text,
  p_table regclass,
  p_kind text,
  p_payload text,
  p_condition text,
  p_key text,
  p_priority text,
  p_run_at text,
  p_limit_key text,
  p_mode text,
  p_name text,
  p_self_test boolean
) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions;
  v_executor text;
  v_where text;
  v_fits boolean; -- what stands there fires on the same event, with the same transition tables
begin
  perform pawl.check_trigger_table(p_table);
  select k.executor into v_executor from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if v_executor = 'crawl' then
    raise exception 'kind "%" crawls whole sites: its tasks are pages, not rows', p_kind
      using errcode = 'PW006', hint = 'Start a crawl from a kind of your own: executor sql, with a function that calls pawl.crawl.';
  end if;
  if p_mode is null or p_mode not in ('isolate', 'strict') then
    raise exception 'mode % is not known', coalesce(pg_catalog.quote_literal(p_mode), 'null')
      using errcode = 'PW006', hint = 'It is isolate (a failure never fails the statement on the table) or strict (it does).';
  end if;
  if p_payload is null then
    perform pawl.refuse_null('p_payload', 'Leave it out for the whole row, or give ''{}''::jsonb, quoted, for a task that needs none.');
  end if;

  v_definition.table_name := p_table::pg_catalog.text;
  v_definition.name := coalesce(p_name, (
    select pg_catalog.concat_ws('_', nullif(n.nspname, 'public'), c.relname, p_event, p_kind)
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = p_table));
  if pg_catalog.octet_length(v_definition.name) not between 1 and 55 then
    raise exception 'the name of a trigger has from 1 to 55 bytes, not %', pg_catalog.octet_length(v_definition.name)
      using errcode = 'PW006', detail = pg_catalog.format('It is: %s', v_definition.name),
        hint = 'Give a short one: p_name (pawl trigger set: --name).';
  end if;
  v_definition.event := p_event;
  v_definition.kind := p_kind;
  v_definition.payload := p_payload;
  v_definition.condition := p_condition;
  v_definition.key := p_key;
  v_definition.priority := p_priority;
  v_definition.run_at := p_run_at;
  v_definition.limit_key := p_limit_key;
  v_definition.mode := p_mode;
  v_definition.search_path := p_search_path;
  v_definition := pawl.read_trigger(v_definition, p_table);
  perform pawl.try_trigger(v_definition, p_table);

  insert into pawl.trigger_definitions as d (name, table_name, event, kind, payload, condition, key, priority, run_at, limit_key, mode,
    search_path, expressions)
  values (v_definition.name, v_definition.table_name, p_event, p_kind, p_payload, p_condition, p_key, p_priority, p_run_at, p_limit_key, p_mode,
    p_search_path, v_definition.expressions)
  on conflict (name) do update
    set table_name = excluded.table_name,
        event = excluded.event,
        kind = excluded.kind,
        payload = excluded.payload,
        condition = excluded.condition,
        key = excluded.key,
        priority = excluded.priority,
        run_at = excluded.run_at,
        limit_key = excluded.limit_key,
        mode = excluded.mode,
        search_path = excluded.search_path,
        expressions = excluded.expressions,
        self_test_job_id = null,
        updated_at = excluded.updated_at;
  select a.table_id::pg_catalog.regclass::pg_catalog.text, a.event = p_event and a.has_old = (v_definition.expressions ? 'old')
  into v_where, v_fits
  from pawl.find_attached(v_definition.name) a
  where a.is_root;
  if v_where <> v_definition.table_name then
    raise exception 'trigger "%" stands on another table: %', v_definition.name, v_where
      using errcode = 'PW006', hint = pg_catalog.format('Give another name, or remove that one first: select pawl.detach(%L).', v_definition.name);
  end if;
  perform pawl.standing_job(p_kind); -- now, so that no writer of the table has to wait for another that makes it
  if not v_fits then
    perform pawl.drop_trigger(v_definition.name);
  end if;
  perform pawl.make_trigger(v_definition, v_definition.table_name);
  perform pawl.attach_trigger(v_definition, p_table);
  if p_self_test then
    perform pawl.test_trigger(v_definition.name);
  end if;
  return v_definition.name;
end
$$;
comment on function pawl.set_trigger(text, text, regclass, text, text, text, text, text, text, text, text, text, boolean)
  is 'puts a trigger on a user''s table, or changes it';
