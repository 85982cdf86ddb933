-- pawl.encode_key(key): a key as it may stand in one segment of a URL's path, or in a query: letters, digits and -._~ stay, all
-- other bytes of the UTF-8 become %XX (RFC 3986, 2.1 and 2.3).
-- Null for null. Locks: none.
create or replace function pawl.encode_key(p_key text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_key !~ '[^A-Za-z0-9._~-]' then p_key
    else (
      select pg_catalog.string_agg(case when c.letter ~ '[A-Za-z0-9._~-]' then c.letter
        else pg_catalog.regexp_replace(pg_catalog.upper(pg_catalog.encode(pg_catalog.convert_to(c.letter, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end, '' order by c.place)
      from pg_catalog.regexp_split_to_table(p_key, '') with ordinality as c (letter, place))
  end
$$;
comment on function pawl.encode_key(text) is 'a key as it may stand in a URL';
