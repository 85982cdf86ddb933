-- net._http_response: what came of requests that have ended, as long as the setting pg_net.ttl says. With an answer, of
-- whatever status, it has a status_code; without one an error_msg. A request that was tried several times has its last
-- answer. Rows may be deleted.
create or replace view net._http_response as
select t.id, (t.result ->> 'status')::integer as status_code, t.result ->> 'content_type' as content_type,
  t.result -> 'headers' as headers, nullif(t.result ->> 'body', '') as content,
  t.result is null and coalesce(a.error_class = 'timeout', false) as timed_out,
  case when t.result is null then t.error end as error_msg, t.finished_at as created
from pawl.tasks t
left join pawl.attempts a on a.job_id = t.job_id and a.task_id = t.id and a.attempt = t.attempt
where t.job_id = any (array(select s.job_id from pawl.standing_jobs s where s.kind = 'pg_net'))
  and t.status in ('completed', 'failed', 'cancelled')
  and t.finished_at >= (select net._kept_since()); -- once a query
comment on view net._http_response is 'what came of requests';
comment on column net._http_response.id is 'the request''s';
comment on column net._http_response.status_code is 'of the answer; null: none came';
comment on column net._http_response.content_type is 'of the answer';
comment on column net._http_response.headers is 'of the answer';
comment on column net._http_response.content is 'the answer''s body; null: it had none';
comment on column net._http_response.timed_out is 'no answer came in time';
comment on column net._http_response.error_msg is 'why no answer came';
comment on column net._http_response.created is 'when it had ended';
grant select, delete on net._http_response to public;

-- Locks: the task.
create or replace function net._delete_response() returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
begin
  delete from pawl.tasks t
  where t.job_id = any (array(select s.job_id from pawl.standing_jobs s where s.kind = 'pg_net'))
    and t.id = old.id
    and t.finished_at is not null
  returning t.job_id into v_job_id;
  delete from pawl.attempts a
  where a.job_id = v_job_id
    and a.task_id = old.id;
  return case when v_job_id is not null then old end;
end
$$;
comment on function net._delete_response() is 'trigger: an answer that is deleted is gone, with its request';
revoke execute on function net._delete_response() from public;

drop trigger if exists delete_response on net._http_response;
create trigger delete_response instead of delete on net._http_response
for each row execute function net._delete_response();
comment on trigger delete_response on net._http_response is 'forgets the request and its answer';
