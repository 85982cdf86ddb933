-- pawl.on_insert(table, kind, payload, condition, ...): from now on each row that is inserted into the table, and for which
-- the condition holds, gets a task of the kind, in the transaction that wrote it.
-- Rows that come by COPY and by insert ... on conflict count; of the latter those that were inserted.
-- A failure in there never fails the statement on the table, and stands in pawl.trigger_errors; with p_mode 'strict' it
-- fails it. Given again with the same name, it is changed.
-- The expressions are SQL, read by the caller's search_path as it is now: hence no SET clause here.
-- What the kind calls is tried out, unless p_self_test is false (pawl.test_trigger).
-- Returns the trigger's name. Refuses and locks: as pawl.set_trigger.
create or replace function pawl.on_insert(
  p_table regclass,
  p_kind text,
  p_payload text default 'to_jsonb(new.*)',
  p_condition text default null,
  p_key text default null,
  p_priority text default null,
  p_run_at text default null,
  p_limit_key text default null,
  p_mode text default 'isolate',
  p_name text default null,
  p_self_test boolean default true
) returns text
language sql volatile
as $$
  select pawl.set_trigger(pg_catalog.current_setting('search_path'), 'insert', p_table, p_kind, p_payload, p_condition, p_key,
    p_priority, p_run_at, p_limit_key, p_mode, p_name, p_self_test)
$$;
comment on function pawl.on_insert(regclass, text, text, text, text, text, text, text, text, text, boolean)
  is 'each row that is inserted into a table gets a task';
