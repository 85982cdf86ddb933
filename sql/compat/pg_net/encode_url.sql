-- net._urlencode_string(text), net._encode_url_with_params_array(url, params): as the extension's: letters, digits and
-- -._~ stay, all other bytes of the UTF-8 become %XX (RFC 3986); parameters come behind the query, before the fragment.
-- The second refuses what is no URL with http or https. Null for null. Locks: none.
create or replace function net._urlencode_string(string varchar) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when string !~ '[^A-Za-z0-9._~-]' then string::text
    else (
      select pg_catalog.string_agg(
        case
          when b.byte between 48 and 57 or b.byte between 65 and 90 or b.byte between 97 and 122 or b.byte in (45, 46, 95, 126)
            then pg_catalog.chr(b.byte)
          else '%' || pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(b.byte), 2, '0'))
        end, '' order by n)
      from (
        select n, pg_catalog.get_byte(u.bytes, n) as byte
        from (select pg_catalog.convert_to(string, 'UTF8') as bytes) u
        cross join lateral pg_catalog.generate_series(0, pg_catalog.length(u.bytes) - 1) n
      ) b)
  end
$$;
comment on function net._urlencode_string(varchar) is 'a text as it may stand in a URL';

create or replace function net._encode_url_with_params_array(url text, params_array text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_at integer := pg_catalog.strpos(url, '#');
  v_base text := case when v_at > 0 then pg_catalog.left(url, v_at - 1) else url end;
begin
  if url is null or params_array is null then
    return null;
  end if;
  if url !~* '^https?://[^/?#[:space:]]' then
    raise exception '%', case when url ~* '^[a-z][a-z0-9+.-]*:' and url !~* '^https?:' then 'Unsupported URL scheme' else pg_catalog.format('invalid URL "%s"', url) end
      using errcode = 'invalid_parameter_value', hint = 'Write it as https://example.com/path.';
  end if;
  if pg_catalog.cardinality(params_array) = 0 then
    return url;
  end if;
  return v_base || case when pg_catalog.strpos(v_base, '?') = 0 then '?' when v_base ~ '[?&]$' then '' else '&' end
    || pg_catalog.array_to_string(params_array, '&')
    || case when v_at > 0 then pg_catalog.substr(url, v_at) else '' end;
end
$$;
comment on function net._encode_url_with_params_array(text, text[]) is 'a URL with parameters behind it';
