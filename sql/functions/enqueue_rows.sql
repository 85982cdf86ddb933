-- What a trigger on a user's table does for rows that its one statement could not do, and what it calls for
-- single ones. All of it runs with the rights of the schema's owner inside somebody's statement, who may have
-- put objects of the same names into a schema or among his temporary ones: hence pg_temp is searched last.

-- Refuses what no task may be, as pawl.enqueue does; returns the payload. Locks: none.
create or replace function pawl.check_triggered(
  p_kind text,
  p_max_bytes integer,
  p_payload jsonb,
  p_priority real,
  p_run_at timestamptz
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.check_task(p_kind, p_max_bytes, p_payload, p_priority, p_run_at);
  return p_payload;
end
$$;
comment on function pawl.check_triggered(text, integer, jsonb, real, timestamptz) is 'refuses what no task may be; returns the payload';

-- A trigger asked for tasks whose keys were active already: that may raise their priority, as in pawl.enqueue.
-- Locks: those tasks, in the order of the keys.
create or replace function pawl.raise_triggered(p_job_ids bigint[], p_keys text[], p_priorities real[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  for i in 1 .. cardinality(p_keys) loop
    update pawl.tasks t
    set priority = p_priorities[i]
    where t.job_id = p_job_ids[i]
      and t.key = p_keys[i]
      and t.is_key_active
      and t.status in ('waiting', 'pending')
      and t.priority < p_priorities[i];
  end loop;
end
$$;
comment on function pawl.raise_triggered(bigint[], text[], real[]) is 'raises the priority of tasks that a trigger asked for again';

-- Writes down that rows got no task; keeps about the newest 1,000 entries of each trigger. Says it to nobody:
-- the caller does, once a statement.
-- Locks: rows of pawl.trigger_errors, with skip locked.
create or replace function pawl.record_trigger_error(
  p_name text,
  p_table oid,
  p_rows integer,
  p_code text,
  p_error text,
  p_row jsonb default null
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pawl.trigger_errors (trigger_name, table_name, rows, code, error, "row")
  values (p_name, p_table::regclass::text, p_rows, p_code, p_error, left(p_row::text, 2000));
  if random() < 0.02 then
    delete from pawl.trigger_errors e
    where e.trigger_name = p_name
      and e.id in (
        select o.id
        from pawl.trigger_errors o
        where o.trigger_name = p_name
        order by o.id desc
        offset 1000
        for update skip locked);
  end if;
end
$$;
comment on function pawl.record_trigger_error(text, oid, integer, text, text, jsonb) is 'writes down that rows got no task';

-- Adds the tasks of these rows, as many as can be: what fails is halved until the row stands alone, which is
-- written down. Where the reason is no row's (a missing column, a missing kind), or after 1,000 rows
-- that failed in this statement, there is no halving; nor for a lock (a lock_timeout, a deadlock) once a row has
-- failed, or a table that is locked would be waited for with each row.
-- Returns how many failed. Locks: as pawl.enqueue.
create or replace function pawl.enqueue_images(
  p_definition pawl.trigger_definitions,
  p_statement text,
  p_table oid,
  p_job_id bigint,
  p_max_bytes integer,
  p_images jsonb[],
  p_failed integer
) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer := cardinality(p_images);
  v_job_ids bigint[];
  v_keys text[];
  v_priorities real[];
  v_state text;
  v_message text;
  v_failed integer;
begin
  begin
    if p_definition.key is null then
      execute p_statement using p_images, p_job_id, p_max_bytes;
    else
      execute p_statement into v_job_ids, v_keys, v_priorities using p_images, p_job_id, p_max_bytes;
      if v_keys is not null then
        perform pawl.raise_triggered(v_job_ids, v_keys, v_priorities);
      end if;
    end if;
    return 0;
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  if v_count = 1 or p_failed >= 1000 or v_state ~ '^(25|3F|40001|42|53|54|57|58|XX|PW00[12379])'
    or p_failed > 0 and v_state in ('40P01', '55P03') then
    perform pawl.record_trigger_error(p_definition.name, p_table, v_count, v_state, v_message, case when v_count = 1 then p_images[1] end);
    return v_count;
  end if;
  v_failed := pawl.enqueue_images(p_definition, p_statement, p_table, p_job_id, p_max_bytes, p_images[: v_count / 2], p_failed);
  return v_failed + pawl.enqueue_images(p_definition, p_statement, p_table, p_job_id, p_max_bytes, p_images[v_count / 2 + 1 :],
    p_failed + v_failed);
end
$$;
comment on function pawl.enqueue_images(pawl.trigger_definitions, text, oid, bigint, integer, jsonb[], integer)
  is 'adds the tasks of some rows, and writes down the rows for which that fails';

-- pawl.enqueue_rows(trigger, table, images, failed): the tasks of rows that are given as JSON, for the function
-- of a trigger whose one statement has failed. The table is the one that was written to, perhaps a partition,
-- whatever it is called by now.
-- Returns how many rows failed. Raises PW001 when the kind is gone. Locks: as pawl.enqueue.
create or replace function pawl.enqueue_rows(p_name text, p_table oid, p_images jsonb[], p_failed integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions;
  v_job_id bigint;
  v_max_bytes integer;
begin
  select d.* into strict v_definition from pawl.trigger_definitions d where d.name = p_name;
  v_job_id := pawl.standing_job(v_definition.kind);
  select k.max_payload_bytes into v_max_bytes from pawl.kinds k where k.name = v_definition.kind;
  return pawl.enqueue_images(v_definition,
    pawl.trigger_statement(v_definition, pawl.trigger_from_images(v_definition, p_table::regclass::text), '$2', '$3', ''),
    p_table, v_job_id, v_max_bytes, p_images, p_failed);
end
$$;
comment on function pawl.enqueue_rows(text, oid, jsonb[], integer) is 'adds the tasks of a trigger''s rows, as many as can be; returns how many failed';
