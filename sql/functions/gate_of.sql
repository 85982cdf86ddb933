-- pawl.gate_of(type, key): until when refreshes of a key are closed, as the type's function says; what is past is open. Null where
-- nobody knows: the function says so, raises, or is gone; unknown is open. Null also for a type without a gate. Where what it reads is
-- locked, or the caller lacks a right for it, it is asked again in a second, by a node, and is closed until then.
-- Never raises. Locks: as pawl.ask_function.
create or replace function pawl.gate_of(p_type pawl.data_types, p_key text) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer record;
begin
  if p_type.gate_function is null then
    return null;
  end if;
  select a.at, a.is_locked into v_answer from pawl.ask_function(p_type.gate_function, p_key) a;
  return case when v_answer.is_locked then pawl.clock() + interval '1 second' else v_answer.at end;
end
$$;
comment on function pawl.gate_of(pawl.data_types, text) is 'until when refreshes of a key are closed; null: unknown';

-- pawl.ask_function(function, key, source_at, refreshed_at): what a type's function says of a key; without times it is a gate_function, with them a due_function.
-- Returns one row: at; null where it says nothing, raises or is gone: then the setting pawl.failed_function says why, for pawl.look_for; is_locked: what it reads is
-- locked by somebody. Nobody waits for him longer than a tenth of a second, and once in a transaction. So it is for who lacks a right (to subscribe he needs
-- none on what a gate reads): what he cannot know is not for him to decide, but for who owns the schema.
-- Never raises. Locks: what the function takes.
create or replace function pawl.ask_function(
  p_function text,
  p_key text,
  p_source_at timestamptz default null,
  p_refreshed_at timestamptz default null,
  out at timestamptz,
  out is_locked boolean
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_function regprocedure;
begin
  is_locked := coalesce(pg_catalog.current_setting('pawl.locked_function', true) = p_function, false);
  if is_locked then
    return;
  end if;
  v_function := pg_catalog.to_regprocedure(p_function); -- which raises where a right on the schema is missing
  if v_function is null then
    raise exception 'function % does not exist', p_function using errcode = 'undefined_function';
  elsif p_refreshed_at is null then
    execute pg_catalog.format('select %s($1)', v_function::pg_catalog.regproc) into at using p_key;
  else
    execute pg_catalog.format('select %s($1, $2, $3)', v_function::pg_catalog.regproc) into at using p_key, p_source_at, p_refreshed_at;
  end if;
exception
  when lock_not_available then
    is_locked := true;
    perform pg_catalog.set_config('pawl.locked_function', p_function, true);
  when insufficient_privilege then
    perform pg_catalog.set_config('pawl.failed_function', pg_catalog.left(pg_catalog.format('%s: %s', p_function, sqlerrm), 1000), true);
    is_locked := not pg_catalog.pg_has_role((select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'pawl'), 'member');
    if is_locked then
      perform pg_catalog.set_config('pawl.locked_function', p_function, true);
    end if;
  when others then
    perform pg_catalog.set_config('pawl.failed_function', pg_catalog.left(pg_catalog.format('%s: %s', p_function, sqlerrm), 1000), true);
end
$$;
comment on function pawl.ask_function(text, text, timestamptz, timestamptz) is 'what a data type''s function says of a key';
