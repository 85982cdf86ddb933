-- pawl.url_hash(url): what pawl.pages.url_hash and link_hashes hold of a normalised URL: the first 8 bytes of
-- its SHA-256, as a number.
-- Locks: none.
create or replace function pawl.url_hash(p_url text) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select ('x' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p_url, 'UTF8')), 'hex'), 16))::pg_catalog.bit(64)::bigint
$$;
comment on function pawl.url_hash(text) is 'hash of a normalised URL, as link_hashes has it';
