-- net.http_get(url, params, headers, timeout_milliseconds): asks for a URL, when the caller's transaction has committed.
-- Returns the request's id. Refuses what is no URL. Locks: as net._send.
create or replace function net.http_get(
  url text,
  params jsonb default '{}',
  headers jsonb default '{}',
  timeout_milliseconds integer default 5000
) returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select net._send('GET', $1, $2, $3, null, $4)
$$;
comment on function net.http_get(text, jsonb, jsonb, integer) is 'sends a GET request; returns its id';
