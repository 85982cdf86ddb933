-- net.http_post(url, body, params, headers, timeout_milliseconds): posts JSON, when the caller's transaction has committed.
-- Returns the request's id. Refuses what is no URL, and another Content-Type, as there. Locks: as net._send.
create or replace function net.http_post(
  url text,
  body jsonb default '{}',
  params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}',
  timeout_milliseconds integer default 5000
) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_headers jsonb := coalesce($4, '{}');
  v_content_type text;
begin
  select h.value into v_content_type
  from pg_catalog.jsonb_each_text(v_headers) h
  where pg_catalog.lower(h.key) = 'content-type'
  limit 1;
  if v_content_type is null then
    v_headers := v_headers || '{"Content-Type": "application/json"}';
  elsif v_content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return net._send('POST', $1, $3, v_headers, coalesce($2::text, ''), $5);
end
$$;
comment on function net.http_post(text, jsonb, jsonb, jsonb, integer) is 'sends a POST request with JSON; returns its id';
