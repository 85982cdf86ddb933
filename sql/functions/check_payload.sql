-- pawl.check_payload(kind, payload, limit): refuses a payload over the kind's limit.
-- Sizes are those of the stored binary form. Returns nothing.
create or replace function pawl.check_payload(p_kind text, p_payload jsonb, p_max_bytes integer) returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if pg_catalog.pg_column_size(p_payload) > p_max_bytes then
    raise exception 'payload of % bytes is over the limit of % bytes of kind "%"',
        pg_catalog.pg_column_size(p_payload), p_max_bytes, p_kind
      using errcode = 'PW004',
            hint = 'Store the data elsewhere and pass a reference, or raise max_payload_bytes with pawl.define_kind.';
  end if;
end
$$;
comment on function pawl.check_payload(text, jsonb, integer) is 'refuses a payload over the kind''s limit';
