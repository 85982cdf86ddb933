-- net.http_delete(url, params, headers, timeout_milliseconds, body): sends DELETE, when the caller's transaction has
-- committed. Returns the request's id. Refuses what is no URL. Locks: as net._send.
create or replace function net.http_delete(
  url text,
  params jsonb default '{}',
  headers jsonb default '{}',
  timeout_milliseconds integer default 5000,
  body jsonb default null
) returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select net._send('DELETE', $1, $2, $3, $5::text, $4)
$$;
comment on function net.http_delete(text, jsonb, jsonb, integer, jsonb) is 'sends a DELETE request; returns its id';
