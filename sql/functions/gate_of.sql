-- pawl.gate_of(type, key): until when refreshes of a key are closed, as the type's function says; what is past is open. Null where
-- nobody knows: the function says so, raises, or is gone; unknown is open. Null also for a type without a gate.
-- Never raises. Locks: none, but what the function takes.
create or replace function pawl.gate_of(p_type pawl.data_types, p_key text) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
begin
  if p_type.gate_function is null then
    return null;
  end if;
  execute pg_catalog.format('select %s($1)', pg_catalog.to_regprocedure(p_type.gate_function)::pg_catalog.regproc)
  into v_at
  using p_key;
  return v_at;
exception when others then
  return null;
end
$$;
comment on function pawl.gate_of(pawl.data_types, text) is 'until when refreshes of a key are closed; null: unknown';
