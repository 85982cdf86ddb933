-- pawl.trigger_expression(what, expression, table, event, search_path, allows_sets): reads an expression over the rows of a
-- table as PostgreSQL reads it, for pawl.set_trigger and pawl.set_adoption, and writes it down again with the schema of every name
-- that is not PostgreSQL's own. So it means later, in a function that runs with its owner's rights and trusts
-- no search_path, what it meant when it was given.
-- It must be one expression: it is parsed between square brackets and between round ones, and only what is
-- balanced in itself can be right in both; and in a condition, where neither an aggregate nor a set may stand, or
-- with p_allows_sets as a column, where a set may.
-- Returns one row: the expression's text, its type, the aliases of new and old in the text, and whether it
-- mentions old beside new. Refuses what cannot be read, and says why (PW006; 42501 for a missing right).
-- Locks: the table, ACCESS SHARE. What it creates to have the expression read is undone.
create or replace function pawl.trigger_expression(
  p_what text,
  p_expression text,
  p_table regclass,
  p_event text,
  p_search_path text,
  p_allows_sets boolean default false
) returns table (expression text, type regtype, new_alias text, old_alias text, uses_old boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_mark text := pg_catalog.md5(pg_catalog.random()::pg_catalog.text);
  v_view text;
  v_from text := case when p_event = 'delete' then ' as old' else ' as new' end;
  v_try text := case when p_allows_sets then E'explain select array[%2$s\n] from %1$s' else E'explain select from %1$s where array[%2$s\n] is null' end;
  v_definition text;
  v_state text;
  v_message text;
begin
  if pg_catalog.btrim(p_expression, E' \t\r\n') = '' then
    raise exception 'the % is empty', p_what
      using errcode = 'PW006', hint = 'Give an SQL expression over the row, for example new.total > 100, or null for none.';
  end if;
  v_from := p_table::pg_catalog.text || v_from;
  uses_old := false;
  begin
    perform pg_catalog.set_config('search_path', p_search_path, true);
    begin
      execute pg_catalog.format(v_try, v_from, p_expression);
    exception when undefined_table or undefined_column then
      if p_event <> 'update' then
        raise;
      end if;
      uses_old := true;
      v_from := pg_catalog.format('%s cross join %s as old', v_from, p_table);
      execute pg_catalog.format(v_try, v_from, p_expression);
    end;
    v_view := pg_catalog.format('pawl.%I', 'trigger_expression_' || pg_catalog.pg_backend_pid());
    execute pg_catalog.format(
      E'create view %1$s as select %2$L::pg_catalog.text as a, (%3$s\n) as value, %2$L::pg_catalog.text as b, %4$s.* is null as n, %2$L::pg_catalog.text as c, %5$s.* is null as o from %6$s',
      v_view, v_mark, p_expression, case p_event when 'delete' then 'old' else 'new' end,
      case when uses_old or p_event = 'delete' then 'old' else 'new' end,
      case when uses_old then v_from else v_from || ' cross join (values (1)) as pawl_row (n)' end);
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    v_definition := pg_catalog.pg_get_viewdef(v_view::pg_catalog.regclass);
    select a.atttypid into type
    from pg_catalog.pg_attribute a
    where a.attrelid = v_view::pg_catalog.regclass
      and a.attname = 'value';
    while (select t.typtype = 'd' from pg_catalog.pg_type t where t.oid = type) loop
      select t.typbasetype into type from pg_catalog.pg_type t where t.oid = type;
    end loop;
    raise exception 'it can be read' using errcode = 'PW0OK';
  exception
    when sqlstate 'PW0OK' then
      null; -- undone
    when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
      raise exception 'the % cannot be used: %', p_what,
          -- the bracket is ours
          case when v_state = '42601' and v_message like '%"]"' and pg_catalog.strpos(p_expression, ']') = 0 then 'it breaks off' else v_message end
        using errcode = case when v_state = '42501' then v_state else 'PW006' end,
          detail = pg_catalog.format('It is: %s', p_expression),
          hint = case
            when v_state = '42501' then pg_catalog.format('Grant "%s" what it lacks.', current_user)
            when v_state = '42601' then 'Give one SQL expression, without a semicolon; a subselect stands in parentheses.'
            when v_state in ('42P01', '42703') then pg_catalog.format(
              'The row is called %s; write a column as %s.total and name any other table in a subselect.',
              case p_event when 'insert' then 'new' when 'update' then 'new, and before the update old' else 'old' end,
              case p_event when 'delete' then 'old' else 'new' end)
            when v_state = '42883' then 'Names are looked up by the search_path of the session that calls this; add a schema, or a cast.'
            when v_state in ('0A000', '42803', '42P20') and p_allows_sets then 'It is evaluated for each row by itself: no aggregates; put them into a subselect in parentheses.'
            when v_state in ('0A000', '42803', '42P20') then 'It is evaluated for each row by itself: no sets, no aggregates; put them into a subselect in parentheses.'
            else 'Give one SQL expression over the row.'
          end;
  end;

  v_mark := pg_catalog.quote_literal(v_mark) || '::text AS ';
  expression := pg_catalog.substring(v_definition, v_mark || 'a,\s+(.*) AS value,\s+' || v_mark || 'b,');
  new_alias := pg_catalog.substring(v_definition, v_mark || 'b,\s+\(*(\S+)\.\* IS NULL\)* AS n,');
  old_alias := pg_catalog.substring(v_definition, v_mark || 'c,\s+\(*(\S+)\.\* IS NULL\)* AS o\s');
  return next;
end
$$;
comment on function pawl.trigger_expression(text, text, regclass, text, text, boolean) is 'reads an expression over the rows of a table, and gives it back with every name''s schema';
