-- pawl.check_options(kind, executor, target, options): refuses options that the executor does not know or
-- cannot use, in words, for pawl.define_kind (PW006). Only http has options. What a secret is never stands in
-- an error: whoever writes one where a reference belongs would find it in the server's log.
-- Returns nothing. Locks: none.
create or replace function pawl.check_options(p_kind text, p_executor text, p_target text, p_options jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_executor = 'http' then
    perform pawl.check_http_options(p_kind, p_options);
    perform pawl.check_http_target(p_kind, p_target, p_options);
  elsif p_options <> '{}' then
    raise exception 'kind "%" of executor % has no options', p_kind, p_executor
      using errcode = 'PW006', hint = 'Only kinds of executor http have.';
  end if;
end
$$;
comment on function pawl.check_options(text, text, text, jsonb) is 'refuses options that an executor does not know or cannot use';

-- Of each option what is wrong with it, in words; null: nothing.
create or replace function pawl.check_http_option(p_name text, p_value jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_range bigint[] := case p_name
    when 'max_reply_bytes' then array[1, 1073741824]
    when 'max_result_bytes' then array[0, 16777216]
    when 'connect_timeout_ms' then array[1, 86400000]
    when 'callback_timeout_ms' then array[1000, 2592000000]
    when 'heartbeat_timeout_ms' then array[1000, 2592000000]
    when 'breaker_failures' then array[1, 1000000]
    when 'breaker_pause_ms' then array[100, 86400000]
  end;
  v_number numeric;
begin
  if v_range is not null then
    if pg_catalog.jsonb_typeof(p_value) = 'number' then
      v_number := p_value::numeric;
      if v_number = pg_catalog.trunc(v_number) and v_number between v_range[1] and v_range[2] then
        return null;
      end if;
    end if;
    return pg_catalog.format('It must be a whole number from %s to %s.', v_range[1], v_range[2]);
  end if;
  return case
    when p_name = 'form' then
      case when p_value not in ('"envelope"', '"request"', '"fetch"') then 'It must be "envelope", "request" or "fetch".' end
    when p_name = 'method' then
      case when p_value not in ('"POST"', '"PUT"', '"PATCH"') then 'It must be "POST", "PUT" or "PATCH".' end
    when p_name in ('allow_private', 'retry_timeouts') then
      case when pg_catalog.jsonb_typeof(p_value) <> 'boolean' then 'It must be true or false.' end
    when p_name = 'headers' then pawl.check_http_headers(p_value)
    when p_name in ('authorization', 'signing_secret', 'previous_signing_secret') then
      case when not pawl.is_secret_reference(p_value) then
        'It must be a reference, "env:NAME", "file:PATH" or "vault:NAME"; the secret itself is not kept here. ' || pawl.secret_names()
      end
    else 'There is no such option. There are form, method, headers, authorization, signing_secret, '
      || 'previous_signing_secret, max_reply_bytes, max_result_bytes, connect_timeout_ms, callback_timeout_ms, '
      || 'heartbeat_timeout_ms, allow_private, retry_timeouts, breaker_failures, breaker_pause_ms.'
  end;
end
$$;
comment on function pawl.check_http_option(text, jsonb) is 'what is wrong with an option of a kind of executor http, in words; null: nothing';

-- The same for headers: {name: "value" or {"secret": reference}}. Those that we write ourselves are not free.
create or replace function pawl.check_http_headers(p_headers jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_value jsonb;
begin
  if pg_catalog.jsonb_typeof(p_headers) <> 'object' then
    return 'It must be an object: {"X-Name": "value", "X-Key": {"secret": "env:KEY"}}.';
  end if;
  for v_name, v_value in select e.key, e.value from pg_catalog.jsonb_each(p_headers) e loop
    if v_name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,200}$' then
      return pg_catalog.format('The header %s has no name that can be sent: letters, digits and dashes.', pg_catalog.to_jsonb(v_name));
    end if;
    if pg_catalog.lower(v_name) in ('host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'expect',
        'te', 'trailer', 'upgrade', 'idempotency-key', 'traceparent', 'webhook-id', 'webhook-timestamp', 'webhook-signature') then
      return pg_catalog.format('The header %s is written by Pawl itself.', v_name);
    end if;
    if pg_catalog.lower(v_name) = 'authorization' then
      return 'Give Authorization as the option authorization, a reference to a secret.';
    end if;
    if pg_catalog.jsonb_typeof(v_value) = 'string' then
      if (v_value #>> '{}') ~ '[\x01-\x08\x0a-\x1f\x7f]' or pg_catalog.length(v_value #>> '{}') > 8000 then
        return pg_catalog.format('The header %s has a line break or another control character, or is too long.', v_name);
      end if;
    elsif not coalesce(pg_catalog.jsonb_typeof(v_value) = 'object' and v_value - 'secret' = '{}'
        and pawl.is_secret_reference(v_value -> 'secret'), false) then
      return pg_catalog.format('The header %s must be a text, or {"secret": "env:NAME"}, with "file:PATH" or "vault:NAME" as well. ', v_name)
        || pawl.secret_names();
    end if;
  end loop;
  return null;
end
$$;
comment on function pawl.check_http_headers(jsonb) is 'what is wrong with the headers of a kind of executor http, in words; null: nothing';

-- The names that src/executors/http/secrets.c refuses too: change both.
create or replace function pawl.is_secret_reference(p_value jsonb) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_typeof(p_value) = 'string'
    and (p_value #>> '{}') ~ '^(env:(?!PG|PAWL_|DATABASE_URL$)[A-Za-z_][A-Za-z0-9_]{0,199}|(file|vault):[^\x01-\x1f]+)$'
    and (p_value #>> '{}') !~ '^file:(.*/)?\.\.(/|$)'
    and pg_catalog.length(p_value #>> '{}') <= 1000, false)
$$;
comment on function pawl.is_secret_reference(jsonb) is 'can it be a reference to a secret?';

create or replace function pawl.secret_names() returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select 'A file is meant inside the folder that pawl serve --secret-files names (no .. leads out of it), a name of the vault in the view vault.decrypted_secrets; the variables with which programs find '
    || 'their database (PG..., PAWL_..., DATABASE_URL) are no secrets to pass on.'
$$;
comment on function pawl.secret_names() is 'how secrets may be named, for hints';

create or replace function pawl.check_http_options(p_kind text, p_options jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_value jsonb;
  v_wrong text;
begin
  for v_name, v_value in select e.key, e.value from pg_catalog.jsonb_each(p_options) e loop
    v_wrong := pawl.check_http_option(v_name, v_value);
    if v_wrong is not null then
      raise exception 'option "%" of kind "%" cannot be used', v_name, p_kind
        using errcode = 'PW006', hint = v_wrong;
    end if;
  end loop;
  if p_options ->> 'form' = 'request' and (p_options ?| array['authorization', 'signing_secret', 'previous_signing_secret', 'method']
      or pg_catalog.jsonb_path_exists(p_options, '$.headers.*.secret')) then
    raise exception 'kind "%" has the form "request" and cannot use secrets or a method', p_kind
      using errcode = 'PW006',
        hint = 'Each of its payloads says where it goes, so whoever writes a payload could have the secrets sent to himself.';
  end if;
  if p_options ->> 'form' = 'fetch' then
    perform pawl.check_fetch_options(p_kind, p_options);
  end if;
end
$$;
comment on function pawl.check_http_options(text, jsonb) is 'refuses options that a kind of executor http cannot have';

-- The form "fetch" is a GET without a body, whose answer goes to the function of a data type.
create or replace function pawl.check_fetch_options(p_kind text, p_options jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_why text;
begin
  select w.name, w.why into v_name, v_why
  from (values
    ('method', 'It is always GET.'),
    ('signing_secret', 'A GET has nothing in it to sign. For a key that the target wants there are authorization and headers.'),
    ('previous_signing_secret', 'A GET has nothing in it to sign.'),
    ('callback_timeout_ms', 'What it calls does not call back.'),
    ('heartbeat_timeout_ms', 'What it calls does not call back.'),
    ('max_result_bytes', 'Its reply goes to the data type''s function, up to max_reply_bytes of it.')
  ) as w (name, why)
  where p_options ? w.name
  limit 1;
  if found then
    raise exception 'kind "%" has the form "fetch" and cannot use the option "%"', p_kind, v_name
      using errcode = 'PW006', hint = v_why || pg_catalog.format(' Take it away with p_options => ''{"%s": null}''.', v_name);
  end if;
  if (p_options ->> 'max_reply_bytes')::bigint > 67108864 then
    raise exception 'option "max_reply_bytes" of kind "%" cannot be used', p_kind
      using errcode = 'PW006', hint = 'With the form "fetch" it must be a whole number from 1 to 67108864, which is 64 MiB.';
  end if;
end
$$;
comment on function pawl.check_fetch_options(text, jsonb) is 'refuses options that a kind with the form fetch cannot have';

create or replace function pawl.check_http_target(p_kind text, p_target text, p_options jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_options ->> 'form' = 'request' then
    if p_target is not null then
      raise exception 'kind "%" has the form "request" and no target', p_kind
        using errcode = 'PW006', hint = 'The URL stands in each payload.';
    end if;
  elsif p_target is null then
    raise exception 'kind "%" needs a target: the URL to call', p_kind
      using errcode = 'PW006', hint = 'For example https://example.com/functions/fulfil.';
  elsif p_target !~ '^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?([/?][!-~]*)?$'
      or p_target ~ '[<>"{}|\\^`#]' or pg_catalog.length(p_target) > 4000 then
    raise exception 'target % is no URL that can be called', pg_catalog.quote_literal(p_target)
      using errcode = 'PW006',
        hint = 'Write it as https://example.com/path: http or https, a host, no user name, no placeholder, other characters percent-encoded.';
  elsif p_options ->> 'form' = 'fetch' and p_target like '%?%' then
    raise exception 'kind "%" has the form "fetch", and its target has a query in it', p_kind
      using errcode = 'PW006', hint = 'What comes behind the target says the data type: p_fetch_path of pawl.define_data_type, for example ''/prices/{key}?fields=last''.';
  end if;
end
$$;
comment on function pawl.check_http_target(text, text, jsonb) is 'refuses a target that is no URL';
