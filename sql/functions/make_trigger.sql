-- pawl.make_trigger(definition): creates the function of a trigger on a user's table, or replaces it.
-- The function runs once a statement, with the rights of the schema's owner, since those who write to the table
-- have none here. All names in it have their schema, so its own search_path is PostgreSQL's alone. One
-- statement adds all tasks; its plan is kept for the session like that of any statement in PL/pgSQL. The id of the
-- kind's standing job and its limit stand in it as numbers (looking them up is a tenth of what a single row
-- costs); pawl.follow_kind makes it anew when they change, and while there is no such job they are looked up.
-- With isolate that statement stands in a block of its own (I10): when it fails, what it did is undone and the
-- rows are tried in groups (pawl.enqueue_rows); when that fails as a whole, that is written down; when even
-- that fails, there is a warning. Nothing that could fail stands outside these blocks: no type of
-- the user's in a declaration, no plan before the first begin. Only what cancels the statement as
-- a whole goes through.
-- Nobody else may execute the function, whatever the schema's default privileges say: it could be put on a table whose
-- columns have types with functions of one's own.
-- Returns nothing. Locks: none but those of create function.
create or replace function pawl.make_trigger(p_definition pawl.trigger_definitions, p_table text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_isolated boolean := p_definition.mode = 'isolate';
  v_job_id bigint;
  v_max_bytes integer;
  v_statement text;
  v_body text;
begin
  select s.job_id, k.max_payload_bytes into v_job_id, v_max_bytes
  from pawl.standing_jobs s
  join pawl.kinds k on k.name = s.kind
  where s.kind = p_definition.kind
    and s.org_id = '00000000-0000-0000-0000-000000000000'
    and s.limit_key = '';
  v_statement := pg_catalog.format('%s
  %s;%s',
    case when v_job_id is null then pg_catalog.format('
  v_job_id := pawl.standing_job(%1$L);
  select k.max_payload_bytes into v_max_bytes from pawl.kinds k where k.name = %1$L;', p_definition.kind) else '' end,
    pawl.trigger_statement(p_definition, pawl.trigger_from(p_definition, case when pawl.has_other_order(p_definition, p_table) then p_table end),
      coalesce(v_job_id::pg_catalog.text, 'v_job_id'), coalesce(v_max_bytes::pg_catalog.text, 'v_max_bytes'), 'into v_job_ids, v_keys, v_priorities'),
    case when p_definition.key is not null then '
  if v_keys is not null then
    perform pawl.raise_triggered(v_job_ids, v_keys, v_priorities);
  end if;' else '' end);
  if v_is_isolated then
    v_body := pg_catalog.format(E'
  begin%1$s
  return null;
  exception when others then
    null;
  end;
  declare
    v_images jsonb[];
    v_failed integer := 0;
  begin
    for v_images in
      select array_agg(i.image order by i.place)
      from (
        select jsonb_build_object(%2$s) as image, row_number() over () as place
        from %3$s
      ) i
      group by (i.place - 1) / 1000
      order by min(i.place)
    loop
      v_failed := v_failed + pawl.enqueue_rows(%4$L, tg_relid, v_images, v_failed);
    end loop;
    if v_failed > 0 then
      raise warning ''trigger "%%" left rows of %% without a task: %%'', %4$L, tg_table_name, v_failed
        using hint = ''Why, and for which rows, stands in pawl.trigger_errors.'';
    end if;
  exception when others then
    begin
      raise warning ''trigger "%%" made no tasks for a statement on %%: %%'', %4$L, tg_table_name, sqlerrm
        using hint = ''It stands in pawl.trigger_errors.'';
      perform pawl.record_trigger_error(%4$L, tg_relid, (%5$s), sqlstate, sqlerrm);
    exception when others then
      raise warning ''trigger "%%" cannot write that down: %%'', %4$L, sqlerrm;
    end;
  end;',
      v_statement,
      (select pg_catalog.string_agg(pg_catalog.format('%L, to_jsonb(%s.*)', a.alias, p_definition.expressions ->> a.alias), ', ' order by a.alias)
        from pg_catalog.unnest(array['new', 'old']) a (alias) where p_definition.expressions ? a.alias),
      pawl.trigger_from(p_definition),
      p_definition.name,
      'select count(*)::integer from ' || case p_definition.event when 'delete' then 'old_rows' else 'new_rows' end);
  else
    v_body := v_statement;
  end if;
  perform pawl.make_trigger_function('trigger_' || p_definition.name, '{}', E'#variable_conflict use_column\ndeclare\n'
      || case when v_job_id is null then E'  v_job_id bigint;\n  v_max_bytes integer;\n' else '' end
      || case when p_definition.key is not null then E'  v_job_ids bigint[];\n  v_keys text[];\n  v_priorities real[];\n' else '' end
      || 'begin' || v_body || E'\n  return null;\nend',
    pg_catalog.format('trigger: tasks of the kind "%s"; made by pawl.on_%s, to be removed with pawl.detach(%L)',
      p_definition.kind, p_definition.event, p_definition.name));
end
$$;
comment on function pawl.make_trigger(pawl.trigger_definitions, text) is 'creates or replaces the function of a trigger on a user''s table';

-- Creates the function of triggers on users' tables, or replaces it; one that is the same already is left alone, so that no session compiles it
-- anew. It runs with the rights of the schema's owner, since those who write to the table have none here. p_settings: what it sets
-- besides its search_path, as pg_proc.proconfig has it.
create or replace function pawl.make_trigger_function(p_name text, p_settings text[], p_body text, p_comment text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text := pg_catalog.format('pawl.%I()', p_name);
begin
  if not exists (
    select from pg_catalog.pg_proc p
    where p.oid = pg_catalog.to_regprocedure(v_function)
      and p.prosrc = E'\n' || p_body || E'\n'
      and p.proconfig = array['search_path=pg_catalog, pg_temp'] || p_settings
      and p.prosecdef) then
    execute pg_catalog.format(E'create or replace function %s returns trigger\nlanguage plpgsql volatile security definer\nset search_path = pg_catalog, pg_temp\n%sas %L',
      v_function, (
        select pg_catalog.string_agg(pg_catalog.format(E'set %s = %L\n', pg_catalog.split_part(s, '=', 1), pg_catalog.split_part(s, '=', 2)), '')
        from unnest(p_settings) s),
      E'\n' || p_body || E'\n');
  end if;
  perform pawl.keep_function(v_function, p_comment);
end
$$;
comment on function pawl.make_trigger_function(text, text[], text, text) is 'creates or replaces the function of triggers on users'' tables';

-- A function that was made for a table belongs to the schema's owner, and nobody else may execute it. With its comment.
create or replace function pawl.keep_function(p_function text, p_comment text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner name := (select n.nspowner::pg_catalog.regrole from pg_catalog.pg_namespace n where n.nspname = 'pawl');
  v_role text;
begin
  if (select p.proowner::pg_catalog.regrole::name from pg_catalog.pg_proc p where p.oid = p_function::pg_catalog.regprocedure) <> v_owner then
    execute pg_catalog.format('alter function %s owner to %I', p_function, v_owner);
  end if;
  for v_role in
    select distinct case a.grantee when 0 then 'public' else a.grantee::pg_catalog.regrole::pg_catalog.text end
    from pg_catalog.pg_proc p, pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
    where p.oid = p_function::pg_catalog.regprocedure
      and a.grantee <> p.proowner
  loop
    execute pg_catalog.format('revoke execute on function %s from %s cascade', p_function, v_role);
  end loop;
  execute pg_catalog.format('comment on function %s is %L', p_function, p_comment);
end
$$;
comment on function pawl.keep_function(text, text) is 'a function that was made for a table belongs to the schema''s owner alone';

-- The triggers that call a function of ours; is_root: on the table for which it was made, not on a partition of it.
create or replace function pawl.find_triggers(p_function text)
returns table (trigger_id oid, table_id oid, is_root boolean, is_enabled boolean, event text, has_old boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select t.oid, t.tgrelid, t.tgnargs = 0, t.tgenabled in ('O', 'A'),
    case
      when t.tgtype::integer & 4 > 0 then 'insert'
      when t.tgtype::integer & 8 > 0 then 'delete'
      when t.tgtype::integer & 32 > 0 then 'truncate'
      else 'update'
    end, t.tgoldtable is not null
  from pg_catalog.pg_trigger t
  where t.tgfoid = pg_catalog.to_regprocedure(pg_catalog.format('pawl.%I()', p_function))
$$;
comment on function pawl.find_triggers(text) is 'the triggers that call a function of ours';

-- Where a trigger that makes tasks stands.
create or replace function pawl.find_attached(p_name text)
returns table (table_id oid, is_root boolean, is_enabled boolean, event text, has_old boolean)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select t.table_id, t.is_root, t.is_enabled, t.event, t.has_old
  from pawl.find_triggers('trigger_' || p_name) t
$$;
comment on function pawl.find_attached(text) is 'the tables on which a trigger stands';

-- The tables on which a trigger must stand that sees every write to this one: itself, and its partitions behind it, since whoever writes to a
-- partition directly does not fire its parent's.
create or replace function pawl.trigger_tables(p_table regclass) returns table (table_id oid, place bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select c.oid, pg_catalog.row_number() over (order by c.oid <> p_table, c.oid)
  from (select p_table::pg_catalog.oid as oid union select p.relid from pg_catalog.pg_partition_tree(p_table) p) p
  join pg_catalog.pg_class c on c.oid = p.oid
  where c.relkind in ('r', 'p')
$$;
comment on function pawl.trigger_tables(regclass) is 'the tables on which a trigger must stand that sees every write to this one';

-- Puts the four triggers that see every kind of statement on the table and its partitions, where one lacks: PREFIX_insert, PREFIX_update, PREFIX_delete
-- and PREFIX_truncate, cut where that is too long. (A trigger with transition tables is for one kind alone.) They call a function of
-- ours, with the argument 'partition' where they stand on one.
-- Returns on how many tables one lacked. Locks: each such table SHARE ROW EXCLUSIVE: waits for its writers.
create or replace function pawl.attach_triggers(p_function text, p_prefix text, p_table regclass, p_comment text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tables oid[] := '{}';
  v_name name;
  r record;
begin
  for r in
    select t.table_id, e.event, e.tables
    from pawl.trigger_tables(p_table) t
    cross join (values
      (1, 'insert', ' referencing new table as new_rows'),
      (2, 'update', ' referencing old table as old_rows new table as new_rows'),
      (3, 'delete', ' referencing old table as old_rows'),
      (4, 'truncate', '')) as e (place, event, tables)
    where not exists (select from pawl.find_triggers(p_function) f where f.table_id = t.table_id and f.event = e.event)
    order by t.place, e.place
  loop
    v_name := (p_prefix || '_' || r.event)::name;
    execute pg_catalog.format('create trigger %I after %s on %s%s for each statement execute function pawl.%I(%s)',
      v_name, r.event, r.table_id::regclass, r.tables, p_function, case when r.table_id <> p_table then '''partition''' else '' end);
    execute pg_catalog.format('comment on trigger %I on %s is %L', v_name, r.table_id::regclass, p_comment);
    v_tables := v_tables || r.table_id;
  end loop;
  return (select pg_catalog.count(distinct t) from unnest(v_tables) t);
end
$$;
comment on function pawl.attach_triggers(text, text, regclass, text) is 'puts triggers for every kind of statement on a table and the partitions that lack them';

-- Puts the trigger on the table and on those partitions that have none. Returns on how many. Locks: each such table SHARE ROW EXCLUSIVE: waits for its writers.
create or replace function pawl.attach_trigger(p_definition pawl.trigger_definitions, p_table regclass) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
  v_count integer := 0;
begin
  for v_table in
    select t.table_id
    from pawl.trigger_tables(p_table) t
    where not exists (select from pawl.find_attached(p_definition.name) a where a.table_id = t.table_id)
    order by t.place
  loop
    execute pg_catalog.format('create trigger %I after %s on %s referencing%s%s for each statement execute function pawl.%I(%s)',
      'pawl_' || p_definition.name, p_definition.event, v_table,
      case when p_definition.event = 'delete' or p_definition.expressions ? 'old' then ' old table as old_rows' else '' end,
      case when p_definition.event <> 'delete' then ' new table as new_rows' else '' end,
      'trigger_' || p_definition.name, case when v_table <> p_table then '''partition''' else '' end);
    execute pg_catalog.format('comment on trigger %I on %s is %L', 'pawl_' || p_definition.name, v_table,
      pg_catalog.format('tasks of the kind "%s"; made by pawl.on_%s, to be removed with pawl.detach(%L)',
        p_definition.kind, p_definition.event, p_definition.name));
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
comment on function pawl.attach_trigger(pawl.trigger_definitions, regclass) is 'puts a trigger on its table and the partitions that lack it';
