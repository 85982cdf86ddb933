-- pawl.check_task(kind, limit, payload, priority, run_at): refuses what no task may be, for pawl.enqueue and
-- pawl.add_tasks: a payload that is null (PW006) or over the kind's limit (PW004; sizes are those of the
-- stored binary form), a priority or a time that is not finite (PW006).
-- Returns nothing. Locks: none.
create or replace function pawl.check_task(
  p_kind text,
  p_max_payload_bytes integer,
  p_payload jsonb,
  p_priority real,
  p_run_at timestamptz
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_payload is null then
    perform pawl.refuse_null('a payload', 'Give ''{}'' for a task that needs none.');
  end if;
  if pg_catalog.pg_column_size(p_payload) > p_max_payload_bytes then
    raise exception 'payload of % bytes is over the limit of % bytes of kind "%"',
        pg_catalog.pg_column_size(p_payload), p_max_payload_bytes, p_kind
      using errcode = 'PW004',
            hint = 'Store the data elsewhere and pass a reference, or raise max_payload_bytes with pawl.define_kind.';
  end if;
  if p_priority in ('NaN', 'Infinity', '-Infinity') then
    perform pawl.refuse_value('p_priority', p_priority, 'a finite number');
  end if;
  if not pg_catalog.isfinite(p_run_at) then
    perform pawl.refuse_value('p_run_at', p_run_at, 'a finite time, or null to run the task at once');
  end if;
end
$$;
comment on function pawl.check_task(text, integer, jsonb, real, timestamptz) is 'refuses a payload, priority or time that no task may have';
