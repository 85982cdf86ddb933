-- What the function of a trigger on a user's table is made of, for pawl.make_trigger and pawl.enqueue_rows.
-- Only text is built here, from pawl.trigger_definitions; no function below locks anything. It happens with the
-- owner's rights in somebody's statement, too, so pg_temp is searched last (see enqueue_rows.sql).

-- Whether a transition table's rows must be brought into the form of the table's by their columns' names, since an
-- expression takes the row as a whole and a partition has its columns in another order: PostgreSQL would
-- make a value of the table's type of them by their places.
create or replace function pawl.has_other_order(p_definition pawl.trigger_definitions, p_table regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p_definition.expressions::text like '%.*%'
    and count(distinct c.columns) > 1
  from (
    select string_agg(quote_ident(a.attname), ',' order by a.attnum) as columns
    from (select p_table::oid as oid union select p.relid from pg_partition_tree(p_table) p) t
    join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    group by t.oid
  ) c
$$;
comment on function pawl.has_other_order(pawl.trigger_definitions, regclass) is 'an expression takes the whole row, and a partition has its columns in another order';

-- The rows that a statement reads, under the alias that the expressions use; p_type: see pawl.has_other_order, else null.
create or replace function pawl.trigger_source(
  p_definition pawl.trigger_definitions,
  p_alias text,
  p_source text,
  p_type text
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_type is null then format('%s as %s', p_source, p_definition.expressions ->> p_alias)
    else format(
      '(%1$s as pawl_%2$s cross join lateral pg_catalog.jsonb_populate_record(null::%3$s, pg_catalog.to_jsonb(pawl_%2$s.*)) as %4$s)',
      p_source, p_alias, p_type, p_definition.expressions ->> p_alias)
  end
$$;
comment on function pawl.trigger_source(pawl.trigger_definitions, text, text, text) is 'from clause of a trigger''s statement: new or old rows';

-- The from clause: p_new and p_old are the transition tables, or what stands in for them.
create or replace function pawl.trigger_from(
  p_definition pawl.trigger_definitions,
  p_type text default null,
  p_new text default 'new_rows',
  p_old text default 'old_rows'
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_definition.event = 'delete' then pawl.trigger_source(p_definition, 'old', p_old, p_type)
    when p_definition.expressions ? 'join' then format('%s left join %s on %s',
      pawl.trigger_source(p_definition, 'new', p_new, p_type), pawl.trigger_source(p_definition, 'old', p_old, p_type),
      p_definition.expressions ->> 'join')
    else pawl.trigger_source(p_definition, 'new', p_new, p_type)
  end
$$;
comment on function pawl.trigger_from(pawl.trigger_definitions, text, text, text) is 'from clause of a trigger''s statement';

-- The same over an array $1 of rows as JSON, {"new": ..., "old": ...}.
create or replace function pawl.trigger_from_images(p_definition pawl.trigger_definitions, p_table text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 'unnest($1) as pawl_row (image)' || coalesce(pg_catalog.string_agg(pg_catalog.format(
    ' cross join lateral pg_catalog.jsonb_populate_record(null::%s, nullif(pawl_row.image -> %L, ''null'')) as %s', p_table, a.alias, p_definition.expressions ->> a.alias),
    '' order by a.alias), '')
  from pg_catalog.unnest(array['new', 'old']) as a (alias)
  where p_definition.expressions ? a.alias
$$;
comment on function pawl.trigger_from_images(pawl.trigger_definitions, text) is 'from clause of a trigger''s statement over rows as JSON';

-- What the tasks will be, a row each.
-- "offset 0" keeps an expression from being evaluated once for each time its value is used.
create or replace function pawl.trigger_tasks(p_definition pawl.trigger_definitions, p_from text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('select (%s)::jsonb as payload%s%s%s%s from %s%s offset 0', e ->> 'payload',
    ', (' || (e ->> 'key') || ')::text as key',
    coalesce(', coalesce((' || (e ->> 'priority') || ')::real, 0) as priority', case when e ? 'key' then ', 0::real as priority' end),
    ', (' || (e ->> 'run_at') || ')::timestamptz as run_at',
    ', coalesce((' || (e ->> 'limit_key') || ')::text, '''') as limit_key, row_number() over () as place',
    p_from,
    ' where (' || (e ->> 'condition') || ')')
  from (values (p_definition.expressions)) d (e)
$$;
comment on function pawl.trigger_tasks(pawl.trigger_definitions, text) is 'the query for the tasks that a trigger adds';

-- The statement that adds the tasks: p_job and p_max_bytes are expressions, p_into what plpgsql writes
-- into. Of a trigger with a key it gives, as arrays, the jobs and keys of which an active task was there already and the
-- priority that was asked for, or null. With a limit key, rows go to that key's standing job, which may have
-- to be made: in the order of the limit keys, and the tasks in the order of the keys, so that two that add the same ones
-- wait for each other in one direction only.
create or replace function pawl.trigger_statement(
  p_definition pawl.trigger_definitions,
  p_from text,
  p_job text,
  p_max_bytes text,
  p_into text
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  e jsonb := p_definition.expressions;
  v_tasks text := pawl.trigger_tasks(p_definition, p_from);
  v_with text := '';
  v_source text;
  v_insert text;
  v_is_ageing boolean := exists (select from pawl.kinds k where k.name = p_definition.kind and k.aged_at is not null);
begin
  if e ? 'limit_key' then
    v_with := format(E'asked as materialized (\n    %s\n  ), places as materialized (\n'
      || E'    select k.limit_key, pawl.standing_job(%L, k.limit_key) as job_id\n'
      || E'    from (select distinct a.limit_key from asked a order by a.limit_key) k\n  )', v_tasks, p_definition.kind);
    v_source := '(select a.*, p.job_id from asked a join places p on p.limit_key = a.limit_key)';
  elsif e ? 'key' then
    v_with := format(E'asked as materialized (\n    %s\n  )', v_tasks);
    v_source := format('(select a.*, %s::bigint as job_id from asked a)', p_job);
  else
    v_source := format('(%s)', v_tasks);
  end if;
  v_insert := 'insert into pawl.tasks (job_id, is_key_reusable, payload'
    || case when e ? 'key' then ', key' else '' end
    || case when e ?| array['priority', 'key'] then ', priority' else '' end
    || case when e ? 'run_at' then ', status, run_at, wait_reason' else '' end
    || case when v_is_ageing then ', lateness' else '' end
    || format(E')\n    select %s, true, ', case when v_with = '' then p_job else 'e.job_id' end)
    || case
      when e ?| array['priority', 'run_at'] then format('pawl.check_triggered(%L, %s, e.payload, %s, %s)', p_definition.kind, p_max_bytes,
        case when e ? 'priority' then 'e.priority' else '0' end, case when e ? 'run_at' then 'e.run_at' else 'null' end)
      else format('case when pg_catalog.pg_column_size(e.payload) <= %2$s then e.payload else pawl.check_triggered(%1$L, %2$s, e.payload, 0, null) end',
        p_definition.kind, p_max_bytes)
    end
    || case when e ? 'key' then ', e.key' else '' end
    || case when e ?| array['priority', 'key'] then ', e.priority' else '' end
    || case when e ? 'run_at' then ', case when e.run_at > pawl.now() then ''waiting'' else ''pending'' end::pawl.task_status'
      || ', case when e.run_at > pawl.now() then e.run_at end, case when e.run_at > pawl.now() then ''delay'' end' else '' end
    || case when v_is_ageing then format(', (select pawl.lateness(%L))', p_definition.kind) else '' end
    || format(E'\n    from %s e', v_source)
    || case when e ? 'key' then E'\n    order by e.key, e.priority desc' when e ? 'limit_key' then E'\n    order by e.place' else '' end;
  if not e ? 'key' then
    return case when v_with = '' then '' else 'with ' || v_with || E'\n  ' end || v_insert;
  end if;
  return format(E'with %s, added as (\n    %s\n    on conflict (job_id, key) where is_key_active do nothing\n    returning job_id, key\n  )\n'
    || E'  select array_agg(e.job_id order by e.key), array_agg(e.key order by e.key), array_agg(e.priority order by e.key) %s\n'
    || '  from %s e where e.key is not null and not exists (select from added d where d.job_id = e.job_id and d.key = e.key)',
    v_with, v_insert, p_into, v_source);
end
$$;
comment on function pawl.trigger_statement(pawl.trigger_definitions, text, text, text, text) is 'the statement by which a trigger adds its tasks';
