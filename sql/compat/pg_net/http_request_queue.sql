-- net.http_request_queue: requests that have not ended: that wait, also to be tried again, or run. To delete one cancels it.
create or replace view net.http_request_queue as
select t.id, (t.payload ->> 'method')::net.http_method as method, t.payload ->> 'url' as url, t.payload -> 'headers' as headers,
  pg_catalog.convert_to(nullif(t.payload ->> 'body', ''), 'UTF8') as body, (t.payload ->> 'timeout_ms')::integer as timeout_milliseconds
from pawl.tasks t
where t.job_id = any (array(select s.job_id from pawl.standing_jobs s where s.kind = 'pg_net'))
  and t.status in ('waiting', 'pending', 'running');
comment on view net.http_request_queue is 'requests that have not ended';
comment on column net.http_request_queue.id is 'what net.http_post and its sisters return';
comment on column net.http_request_queue.method is 'GET, POST or DELETE';
comment on column net.http_request_queue.url is 'with its parameters';
comment on column net.http_request_queue.headers is 'names and values';
comment on column net.http_request_queue.body is 'null: none';
comment on column net.http_request_queue.timeout_milliseconds is 'that one try may take';
grant select, delete on net.http_request_queue to public;

-- Locks: the task.
create or replace function net._cancel_request() returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.cancel_task(t.job_id, t.id, 'deleted from net.http_request_queue')
  from pawl.tasks t
  where t.job_id = any (array(select s.job_id from pawl.standing_jobs s where s.kind = 'pg_net'))
    and t.id = old.id;
  return old;
end
$$;
comment on function net._cancel_request() is 'trigger: a request that is deleted from the queue is cancelled';
revoke execute on function net._cancel_request() from public;

drop trigger if exists cancel_request on net.http_request_queue;
create trigger cancel_request instead of delete on net.http_request_queue
for each row execute function net._cancel_request();
comment on trigger cancel_request on net.http_request_queue is 'cancels the request';
