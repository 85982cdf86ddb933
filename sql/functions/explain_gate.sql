-- pawl.explain_gate(type, key): what pawl.gate_of makes of the gate of a key, and why.
-- Returns a JSON object: function; key; state: open, closed or unknown, null without a key; until, when it is closed; error, when the function is gone
-- or raised, or what it reads is locked. Null for a type without a gate. Never raises. Locks: as pawl.ask_function.
create or replace function pawl.explain_gate(p_type pawl.data_types, p_key text) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer record;
  v_until timestamptz;
  v_error text;
  v_failed text := pg_catalog.current_setting('pawl.failed_function', true);
begin
  if p_type.gate_function is null then
    return null;
  end if;
  if p_key is not null then
    perform pg_catalog.set_config('pawl.failed_function', '', true);
    select a.at, a.is_locked into v_answer from pawl.ask_function(p_type.gate_function, p_key) a;
    v_until := case when v_answer.is_locked then pawl.clock() + interval '1 second' else v_answer.at end;
    v_error := coalesce(
      pg_catalog.substr(nullif(pg_catalog.current_setting('pawl.failed_function'), ''), pg_catalog.length(p_type.gate_function) + 3), -- behind "app.gate(text): "
      case when v_answer.is_locked then 'what it reads is locked by somebody' end);
    perform pg_catalog.set_config('pawl.failed_function', coalesce(v_failed, ''), true); -- somebody else's
  end if;
  return pg_catalog.jsonb_build_object('function', p_type.gate_function, 'key', p_key,
    'state', case when p_key is null then null when v_until is null then 'unknown' when v_until > pawl.now() then 'closed' else 'open' end,
    'until', case when v_until > pawl.now() then nullif(v_until, 'infinity') end, 'error', v_error);
end
$$;
comment on function pawl.explain_gate(pawl.data_types, text) is 'what is made of the gate of a key, and why, as JSON';
