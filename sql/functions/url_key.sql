-- pawl.url_key(url): deduplication key of a normalised URL: half of its SHA-256, as hexadecimal digits.
-- Locks: none.
create or replace function pawl.url_key(p_url text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_url, 'UTF8')), 'hex'), 32)
$$;
comment on function pawl.url_key(text) is 'deduplication key of a normalised URL';
