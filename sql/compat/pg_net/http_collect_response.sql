-- net.http_collect_response(request_id, async): what came of a request; without async it waits until it has ended, which it
-- cannot in the transaction that made it. Under both names that the extension has had for it.
-- Returns SUCCESS with the answer, of whatever status; ERROR with the reason when none came, and for a request that there is
-- not; PENDING for one that has not ended, which the extension tells no better than one that there is not.
-- Locks: none.
create or replace function net._http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_response net._http_response;
begin
  loop
    select r.* into v_response from net._http_response r where r.id = $1;
    if found and v_response.status_code is not null then
      return row('SUCCESS', 'ok', row(v_response.status_code, v_response.headers, v_response.content)::net.http_response)::net.http_response_result;
    end if;
    if found then
      return row('ERROR', v_response.error_msg, null)::net.http_response_result;
    end if;
    if not exists (select from net.http_request_queue q where q.id = $1) then
      -- it may have ended between the two looks
      if not exists (select from net._http_response r where r.id = $1) then
        return row('ERROR', 'request matching request_id not found', null)::net.http_response_result;
      end if;
    elsif $2 then
      return row('PENDING', 'request is pending', null)::net.http_response_result;
    else
      perform pg_catalog.pg_sleep(0.05);
    end if;
  end loop;
end
$$;
comment on function net._http_collect_response(bigint, boolean) is 'what came of a request';

create or replace function net.http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select net._http_collect_response($1, $2)
$$;
comment on function net.http_collect_response(bigint, boolean) is 'what came of a request';

create or replace function net._await_response(request_id bigint) returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select (net._http_collect_response($1, false)) is not null
$$;
comment on function net._await_response(bigint) is 'waits until a request has ended';
