-- pawl.make_adoption(adoption, table): creates the functions of an adoption, or replaces them: pawl.adopted_NAME, which reads one row and never
-- fails; with the mode trigger pawl.adoption_NAME, that of its triggers. They are made like those of other triggers on users' tables
-- (make_trigger.sql): all names have their schema, nobody else may execute them, nothing that could fail stands outside a block (I10).
-- The trigger's runs once a statement, with the rights of the schema's owner. When its one query fails, the rows are read one by one: those that cannot be
-- read stand in pawl.trigger_errors, for the trigger "adoption:NAME". When that fails, too, it stands there, and a node reads the
-- whole table. It waits for no lock longer than a tenth of a second.
-- Returns nothing. Locks: none but those of create function.
create or replace function pawl.make_adoption(p_adoption pawl.adoptions, p_table regclass) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reader text := pg_catalog.format('pawl.%I(anyelement)', 'adopted_' || p_adoption.name);
  v_function text := pg_catalog.format('pawl.%I()', 'adoption_' || p_adoption.name);
begin
  execute pg_catalog.format(
    E'create or replace function pawl.%I(p_row anyelement) returns table (type text, key text, holder text, code text, error text)\n'
      || E'language plpgsql volatile\nset search_path = pg_catalog, pg_temp\nas %L',
    'adopted_' || p_adoption.name, pg_catalog.format(E'\n#variable_conflict use_column\nbegin\n  return query %s;\n'
      || E'exception when others then\n  type := null;\n  key := null;\n  holder := null;\n  code := sqlstate;\n  error := sqlerrm;\n  return next;\nend\n',
      pawl.adoption_mapping(p_adoption.expressions, pg_catalog.format('unnest(array[p_row]) as %s', p_adoption.expressions ->> 'new'))));
  perform pawl.keep_function(v_reader, pg_catalog.format('what a row of the adoption "%s" asks for; made by pawl.adopt_subscriptions', p_adoption.name));
  if p_adoption.mode = 'trigger' then
    execute pg_catalog.format(
      E'create or replace function %s returns trigger\nlanguage plpgsql volatile security definer\nset search_path = pg_catalog, pg_temp\nset lock_timeout = ''100ms''\nas %L',
      v_function, pawl.adoption_body(p_adoption, p_table));
    perform pawl.keep_function(v_function, pg_catalog.format('trigger: subscriptions of the adoption "%s"; made by pawl.adopt_subscriptions, to be removed with pawl.drop_adoption(%L)',
      p_adoption.name, p_adoption.name));
  end if;
end
$$;
comment on function pawl.make_adoption(pawl.adoptions, regclass) is 'creates or replaces the functions of an adoption';

-- What the trigger does, as PL/pgSQL.
create or replace function pawl.adoption_body(p_adoption pawl.adoptions, p_table regclass) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions; -- only its expressions, for those who write from clauses of triggers
  v_type text;
  v_new text;
  v_old text;
  v_image text := pg_catalog.format('pg_catalog.to_jsonb(%s.*)', p_adoption.expressions ->> 'new');
  v_row text := pg_catalog.format('pg_catalog.jsonb_populate_record(null::%s, %s)', p_table, v_image);
begin
  v_definition.expressions := p_adoption.expressions;
  v_type := case when pawl.has_other_order(v_definition, p_table) then p_table::pg_catalog.text end;
  v_new := pawl.trigger_source(v_definition, 'new', 'new_rows', null);
  v_old := pawl.trigger_source(v_definition, 'new', 'old_rows', null);
  return pg_catalog.format($body$
#variable_conflict use_column
declare
  v_types text[];
  v_keys text[];
  v_holders text[];
  v_gone_types text[];
  v_gone_keys text[];
  v_gone_holders text[];
  v_state text;
  v_message text;
  r record;
begin
  begin%1$s
    return null;
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  begin
    if pawl.is_fault_of_a_row(v_state) then%2$s
      if tg_op <> 'DELETE' then
        for r in
          select v.code, v.error, count(*)::integer as rows, min(%3$s::text) as image
          from (%4$s) v
          where v.code is not null
          group by v.code, v.error
          limit 10
        loop
          perform pawl.record_trigger_error(%5$L, tg_relid, r.rows, r.code, r.error, r.image::jsonb);
        end loop;
      end if;
      return null;
    end if;
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  begin
    raise warning 'adoption "%%" leaves a statement on %% to a node: %%', %6$L, tg_table_name, v_message
      using hint = 'It stands in pawl.trigger_errors.';
    perform pawl.ask_for_sweep(%6$L);
    perform pawl.record_trigger_error(%5$L, tg_relid, 0, v_state, v_message);
  exception when others then
    raise warning 'adoption "%%" cannot write that down: %%', %6$L, sqlerrm;
  end;
  return null;
end
$body$,
    pawl.adoption_branches(p_adoption.name,
      pawl.adoption_mapping(p_adoption.expressions, pawl.trigger_source(v_definition, 'new', 'new_rows', v_type)),
      pawl.adoption_mapping(p_adoption.expressions, pawl.trigger_source(v_definition, 'new', 'old_rows', v_type))),
    pawl.adoption_branches(p_adoption.name,
      pawl.guarded_mapping(p_adoption.name, v_new, v_row), pawl.guarded_mapping(p_adoption.name, v_old, v_row)),
    'v.image', pg_catalog.format('select pawl_read.*, %s as image from %s cross join lateral pawl.%I(%s) pawl_read', v_image, v_new, 'adopted_' || p_adoption.name, v_row),
    'adoption:' || p_adoption.name, p_adoption.name);
end
$$;
comment on function pawl.adoption_body(pawl.adoptions, regclass) is 'what the trigger of an adoption does';

-- What follows from a statement: p_new and p_old are queries for the mappings of the rows that it has written and of those that were there before.
create or replace function pawl.adoption_branches(p_name text, p_new text, p_old text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format($branches$
    if tg_op = 'TRUNCATE' then
      perform pawl.ask_for_sweep(%1$L);
    elsif tg_op = 'INSERT' then
      select array_agg(s.type), array_agg(s.key), array_agg(s.holder) into v_types, v_keys, v_holders
      from (select distinct m.type, m.key, m.holder from (%2$s) m where m.reason is null limit 1001) s;
    elsif tg_op = 'DELETE' then
      select array_agg(s.type), array_agg(s.key), array_agg(s.holder) into v_gone_types, v_gone_keys, v_gone_holders
      from (select distinct m.type, m.key, m.holder from (%3$s) m where m.reason is null limit 1001) s;
    else
      with after as materialized (
        select m.type, m.key, m.holder from (%2$s) m where m.reason is null
      ), before as materialized (
        select m.type, m.key, m.holder from (%3$s) m where m.reason is null
      )
      select array_agg(s.type) filter (where s.is_new), array_agg(s.key) filter (where s.is_new), array_agg(s.holder) filter (where s.is_new),
        array_agg(s.type) filter (where not s.is_new), array_agg(s.key) filter (where not s.is_new), array_agg(s.holder) filter (where not s.is_new)
      into v_types, v_keys, v_holders, v_gone_types, v_gone_keys, v_gone_holders
      from (
        (select true as is_new, a.* from (select * from after except select * from before) a limit 1001)
        union all
        (select false, b.* from (select * from before except select * from after) b limit 1001)
      ) s;
    end if;
    if v_types is not null or v_gone_types is not null then
      perform pawl.follow_adopted(%1$L, v_types, v_keys, v_holders, v_gone_types, v_gone_keys, v_gone_holders);
    end if;$branches$,
    p_name, pawl.adoption_rows(p_name, p_new), pawl.adoption_rows(p_name, p_old))
$$;
comment on function pawl.adoption_branches(text, text, text) is 'what follows from a statement on an adopted table';

-- Which tables the triggers of an adoption stand on; is_root: the one that was adopted, not a partition of it; is_whole: all of them, and none disabled.
create or replace function pawl.find_adoption_triggers(p_name text)
returns table (table_id oid, is_root boolean, is_whole boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select t.tgrelid, pg_catalog.bool_and(t.tgnargs = 0), pg_catalog.count(*) = 4 and pg_catalog.bool_and(t.tgenabled in ('O', 'A'))
  from pg_catalog.pg_trigger t
  where t.tgfoid = pg_catalog.to_regprocedure(pg_catalog.format('pawl.%I()', 'adoption_' || p_name))
  group by t.tgrelid
$$;
comment on function pawl.find_adoption_triggers(text) is 'the tables on which an adoption''s triggers stand';

-- Puts the triggers on the table and on those partitions that lack them. Returns on how many.
-- Locks: each such table SHARE ROW EXCLUSIVE: waits for its writers.
create or replace function pawl.attach_adoption(p_adoption pawl.adoptions, p_table regclass) returns integer
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pawl.attach_triggers('adoption_' || p_adoption.name, 'pawl_' || p_adoption.name, p_table,
    pg_catalog.format('subscriptions of the adoption "%s"; made by pawl.adopt_subscriptions, to be removed with pawl.drop_adoption(%L)', p_adoption.name, p_adoption.name))
$$;
comment on function pawl.attach_adoption(pawl.adoptions, regclass) is 'puts an adoption''s triggers on its table and the partitions that lack them';
