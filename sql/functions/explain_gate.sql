-- pawl.explain_gate(type, key): what pawl.gate_of makes of the gate of a key, and why.
-- Returns a JSON object: function; key; state: open, closed or unknown, null without a key; until, when it is closed; error, when the function is gone
-- or raised. Null for a type without a gate. Never raises. Locks: none, but what the function takes.
create or replace function pawl.explain_gate(p_type pawl.data_types, p_key text) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
  v_error text;
begin
  if p_type.gate_function is null then
    return null;
  end if;
  if p_key is null then
    return pg_catalog.jsonb_build_object('function', p_type.gate_function, 'key', null, 'state', null, 'until', null, 'error', null);
  end if;
  begin
    if pg_catalog.to_regprocedure(p_type.gate_function) is null then
      raise exception 'function % does not exist', p_type.gate_function;
    end if;
    execute pg_catalog.format('select %s($1)', pg_catalog.to_regprocedure(p_type.gate_function)::pg_catalog.regproc)
    into v_at
    using p_key;
  exception when others then
    v_error := sqlerrm;
  end;
  return pg_catalog.jsonb_build_object('function', p_type.gate_function, 'key', p_key,
    'state', case when v_at is null then 'unknown' when v_at > pawl.now() then 'closed' else 'open' end,
    'until', case when v_at > pawl.now() then nullif(v_at, 'infinity') end, 'error', v_error);
end
$$;
comment on function pawl.explain_gate(pawl.data_types, text) is 'what is made of the gate of a key, and why, as JSON';
