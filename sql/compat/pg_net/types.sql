-- Types of the extension.
do $$
begin
  if pg_catalog.to_regtype('net.http_method') is null then
    create domain net.http_method as text
    check (value ilike 'get' or value ilike 'post' or value ilike 'delete');
  end if;
  if pg_catalog.to_regtype('net.request_status') is null then
    create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
  end if;
  if pg_catalog.to_regtype('net.http_response') is null then
    create type net.http_response as (status_code integer, headers jsonb, body text);
  end if;
  if pg_catalog.to_regtype('net.http_response_result') is null then
    create type net.http_response_result as (status net.request_status, message text, response net.http_response);
  end if;
end
$$;
comment on domain net.http_method is 'GET, POST or DELETE';
comment on type net.request_status is 'what net.http_collect_response says of a request';
comment on type net.http_response is 'an answer';
comment on type net.http_response_result is 'what net.http_collect_response returns';
