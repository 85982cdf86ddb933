-- pawl.set_adoption(search_path, table, ...): what pawl.adopt_subscriptions does.
-- Refuses a missing right (42501), and what makes no sense (PW006), in words. A node reads the whole table when this is committed.
-- Locks: the adoption's row; the table as pawl.attach_adoption, and ACCESS EXCLUSIVE where triggers are taken away.
create or replace function pawl.set_adoption(
  p_search_path text,
  p_table regclass,
  p_type text,
  p_key text,
  p_holder text,
  p_condition text,
  p_mode text,
  p_every interval,
  p_name text
) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_adoption pawl.adoptions;
  v_where text;
begin
  v_adoption.mode := pawl.adoption_mode(p_table, p_mode);
  v_adoption.table_name := p_table::pg_catalog.text;
  v_adoption.name := coalesce(p_name, (
    select pg_catalog.concat_ws('_', nullif(n.nspname, 'public'), c.relname)
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = p_table));
  if pg_catalog.octet_length(v_adoption.name) not between 1 and 45 or v_adoption.name ~ ':' then
    raise exception 'the name of an adoption has from 1 to 45 bytes and no colon: %', pg_catalog.quote_literal(v_adoption.name)
      using errcode = 'PW006', hint = 'Give a short one: p_name (pawl subscription adopt: --name).';
  end if;
  v_adoption.every := coalesce(p_every, case v_adoption.mode when 'sweep' then interval '10 seconds' else interval '10 minutes' end);
  if v_adoption.every not between interval '1 second' and interval '1 day' then
    perform pawl.refuse_value('p_every', p_every, 'from 1 second to 1 day');
  end if;
  v_adoption.search_path := p_search_path;
  v_adoption.type := p_type;
  v_adoption.key := p_key;
  v_adoption.holder := p_holder;
  v_adoption.condition := p_condition;
  v_adoption := pawl.read_adoption(v_adoption, p_table);
  perform pawl.try_adoption(v_adoption, p_table);

  insert into pawl.adoptions as a (name, table_name, mode, type, key, holder, condition, every, search_path, expressions, check_at)
  values (v_adoption.name, v_adoption.table_name, v_adoption.mode, p_type, p_key, p_holder, p_condition, v_adoption.every, p_search_path,
    v_adoption.expressions, pawl.now())
  on conflict (name) do update
    set mode = excluded.mode,
        type = excluded.type,
        key = excluded.key,
        holder = excluded.holder,
        condition = excluded.condition,
        every = excluded.every,
        search_path = excluded.search_path,
        expressions = excluded.expressions,
        check_at = excluded.check_at,
        swept_at = null,
        error = null,
        error_at = null,
        updated_at = excluded.updated_at
  returning case when pawl.adopted_table(a) is distinct from p_table then a.table_name end into v_where;
  if v_where is not null then
    raise exception 'adoption "%" is of another table: %', v_adoption.name, v_where
      using errcode = 'PW006', hint = pg_catalog.format('Give another name, or drop that one first: select pawl.drop_adoption(%L).', v_adoption.name);
  end if;
  if v_adoption.mode = 'sweep' then
    perform pawl.drop_adoption_triggers(v_adoption.name);
  end if;
  perform pawl.make_adoption(v_adoption, p_table);
  if v_adoption.mode = 'trigger' then
    perform pawl.attach_adoption(v_adoption, p_table);
  end if;
  perform pawl.ring('fresh');
  return v_adoption.name;
end
$$;
comment on function pawl.set_adoption(text, regclass, text, text, text, text, text, interval, text) is 'what pawl.adopt_subscriptions does';

-- The mode of an adoption, as asked for or as is possible. Refuses a table that cannot be adopted so (PW006; 42501 for a missing right). Locks: none.
create or replace function pawl.adoption_mode(p_table regclass, p_mode text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner name := (select n.nspowner::pg_catalog.regrole from pg_catalog.pg_namespace n where n.nspname = 'pawl');
  v_table record;
  v_what text;
begin
  if p_mode not in ('trigger', 'sweep') then
    raise exception 'mode % is not known', pg_catalog.quote_literal(p_mode)
      using errcode = 'PW006', hint = 'It is trigger (writes to the table count at once), sweep (it is only read) or null: trigger where that is allowed.';
  end if;
  select c.relkind, c.relpersistence, n.nspname into v_table
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if p_table is null or p_mode = 'trigger' or not found then
    perform pawl.check_trigger_table(p_table);
  else
    v_what := case
      when v_table.relkind not in ('r', 'p', 'v', 'm', 'f') then 'is no table'
      when v_table.relpersistence = 't' then 'is a temporary table: it is gone with its session'
      when v_table.nspname = 'pawl' then 'is one of Pawl''s own'
      when v_table.nspname in ('pg_catalog', 'information_schema') then 'is one of PostgreSQL''s own'
    end;
    if v_what is not null then
      raise exception '% %', p_table, v_what
        using errcode = 'PW006', hint = 'Adopt a table whose rows say who looks at what, or a view of it.';
    end if;
  end if;
  if not pg_catalog.has_table_privilege(v_owner, p_table, 'select') then
    raise exception 'role "%" may not read %', v_owner, p_table
      using errcode = '42501', hint = pg_catalog.format('Let its owner say: grant select on %s to %I.', p_table, v_owner);
  end if;
  if p_mode is null and v_table.relkind in ('r', 'p') and pg_catalog.has_table_privilege(p_table, 'select') and pg_catalog.has_table_privilege(p_table, 'trigger') then
    perform pawl.warn_of_owner(p_table);
    return 'trigger';
  elsif p_mode = 'trigger' then
    return p_mode;
  end if;
  perform pawl.warn_of_owner(p_table);
  return 'sweep';
end
$$;
comment on function pawl.adoption_mode(regclass, text) is 'the mode of an adoption, as asked for or as is possible';

-- The adoption with its expressions as PostgreSQL reads them, and what looking for rows by their holder needs. Refuses what is no expression,
-- or of no use (PW006). Locks: the table, ACCESS SHARE.
create or replace function pawl.read_adoption(p_adoption pawl.adoptions, p_table regclass) returns pawl.adoptions
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_adoption pawl.adoptions := p_adoption;
  v_part record;
  v_read record;
begin
  v_adoption.expressions := '{}';
  for v_part in
    select x.*
    from (values
      ('type', case when exists (select from pawl.data_types d where d.name = p_adoption.type) then pg_catalog.quote_literal(p_adoption.type) else p_adoption.type end, true,
        'Give the name of a data type, or an expression for it.'),
      ('key', coalesce(p_adoption.key, 'null'), true, null),
      ('holder', p_adoption.holder, false, 'Give an expression for what tells one viewer from another: new.user_id.'),
      ('condition', coalesce(p_adoption.condition, 'true'), false, null)
    ) as x (name, expression, allows_sets, hint)
  loop
    if v_part.expression is null then
      perform pawl.refuse_null('p_' || v_part.name, v_part.hint);
    end if;
    begin
      select r.* into v_read
      from pawl.trigger_expression(v_part.name, v_part.expression, p_table, 'insert', p_adoption.search_path, v_part.allows_sets) r;
    exception when sqlstate 'PW006' then
      if v_part.name = 'type' and p_adoption.type ~ '^[[:alpha:]_][[:alnum:]_]*$' then
        perform pawl.refuse_data_type(p_adoption.type);
      end if;
      raise;
    end;
    if v_part.name = 'condition' and v_read.type <> 'boolean'::pg_catalog.regtype then
      raise exception 'the condition is of the type %, not boolean', v_read.type
        using errcode = 'PW006', detail = pg_catalog.format('It is: %s', v_part.expression), hint = 'Write a comparison, for example new.is_open = true.';
    end if;
    if v_part.name in ('type', 'key') and v_read.type::pg_catalog.text in ('json', 'jsonb') then
      raise warning 'the % is of the type %: a text in it has its quotes, as in "AAPL"', v_part.name, v_read.type
        using hint = 'Write ->> in the place of -> for the text alone.';
    elsif v_part.name in ('type', 'key') and v_read.type::pg_catalog.text like '%[]' then
      raise warning 'the % is of the type %: all of it is one, as {AAPL,MSFT}', v_part.name, v_read.type
        using hint = 'Write unnest(...) for each of it.';
    end if;
    if v_part.name = 'holder' then
      v_adoption.expressions := v_adoption.expressions || case
        when v_read.type::pg_catalog.text in ('text', 'character varying') then '{"holder_cast": "", "names_cast": ""}'
        when v_read.type::pg_catalog.text = 'uuid' then '{"holder_cast": "", "names_cast": "::uuid[]", "name_pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}'
        when v_read.type::pg_catalog.text in ('smallint', 'integer', 'bigint') then '{"holder_cast": "", "names_cast": "::bigint[]", "name_pattern": "^-?[0-9]{1,18}$"}'
        else '{"holder_cast": "::text", "names_cast": ""}'
      end::jsonb;
    end if;
    if v_part.name <> 'condition' or p_adoption.condition is not null then
      v_adoption.expressions := v_adoption.expressions || pg_catalog.jsonb_build_object(v_part.name, v_read.expression);
    end if;
  end loop;
  v_adoption.expressions := v_adoption.expressions || pg_catalog.jsonb_build_object('new', v_read.new_alias);
  return v_adoption;
end
$$;
comment on function pawl.read_adoption(pawl.adoptions, regclass) is 'reads the expressions of an adoption';

-- The adoption's query as it is going to be, with the rights and the search_path that it is going to have: planned, and evaluated on up to 100 rows
-- that are there. What a function in it does is undone.
-- Returns nothing. Refuses what cannot run (PW006; 42501 for a missing right); where only rows fail, or give no subscription, warns.
-- Locks: the table, ACCESS SHARE.
create or replace function pawl.try_adoption(p_adoption pawl.adoptions, p_table regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set row_security = off
as $$
declare
  v_owner name := (select n.nspowner::pg_catalog.regrole from pg_catalog.pg_namespace n where n.nspname = 'pawl');
  v_query text := pawl.adoption_rows(p_adoption.name, pawl.adoption_mapping(p_adoption.expressions,
    pg_catalog.format('(select * from %s limit 100) as %s', p_table, p_adoption.expressions ->> 'new')));
  v_is_planned boolean := false;
  v_reason text;
  v_state text;
  v_message text;
begin
  begin
    if v_owner <> current_user then
      perform pg_catalog.set_config('role', v_owner, true);
    end if;
    execute 'explain ' || v_query;
    v_is_planned := true;
    execute pg_catalog.format('select m.reason from (%s) m where m.reason is not null limit 1', v_query) into v_reason;
    raise exception 'it can run' using errcode = 'PW0OK';
  exception
    when sqlstate 'PW0OK' then
      if v_reason is not null then
        raise warning 'a row that is in % now gives no subscription: %', p_table, v_reason
          using hint = 'Such rows are passed over, and counted in pawl.adoptions. A condition leaves out those that are not meant.';
      end if;
      return; -- undone
    when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  if v_is_planned and v_state !~ '^42' then
    raise warning 'a row that is in % now gives no subscription: %', p_table, v_message
      using hint = 'Such rows are passed over, and counted in pawl.adoptions. If that is not meant, adopt the table again.';
    return;
  end if;
  raise exception 'the table could not be read: %', v_message
    using errcode = case when v_state = '42501' then v_state else 'PW006' end,
      hint = case
        when v_message like '%row-level security%' then pg_catalog.format(
          'Policies would hide rows of it from "%s": alter role %I bypassrls, or let the table''s owner make a view of it, and adopt that.', v_owner, v_owner)
        when v_state = '42501' then pg_catalog.format('It is read with the rights of "%s", the owner of schema pawl, on every table and function that the expressions name.', v_owner)
        else 'Functions that are called run with an empty search_path: let them name tables with their schema, or alter function ... set search_path.'
      end;
end
$$;
comment on function pawl.try_adoption(pawl.adoptions, regclass) is 'sees whether an adoption''s query can run';
