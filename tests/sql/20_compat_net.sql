-- What stands in for pg_net: signatures, rights, requests and what comes of them.
begin;
select * from no_plan();
\i ../../sql/compat/pg_net/schema.sql
\i ../../sql/compat/pg_net/types.sql
\i ../../sql/compat/pg_net/kind.sql
\i ../../sql/compat/pg_net/encode_url.sql
\i ../../sql/compat/pg_net/send.sql
\i ../../sql/compat/pg_net/http_get.sql
\i ../../sql/compat/pg_net/http_post.sql
\i ../../sql/compat/pg_net/http_delete.sql
\i ../../sql/compat/pg_net/http_request_queue.sql
\i ../../sql/compat/pg_net/_http_response.sql
\i ../../sql/compat/pg_net/http_collect_response.sql
\i ../../sql/compat/pg_net/worker.sql
set local pawl.now = '2030-01-01 00:00:00+00';
create function probe.refusal(p_statement text, p_role text default 'postgres') returns text language plpgsql as $$
begin
  perform set_config('role', p_role, true);
  execute p_statement;
  perform set_config('role', 'none', true);
  return 'done';
exception when others then
  return sqlstate || ' ' || sqlerrm;
end $$;
create function probe.payload(p_id bigint) returns jsonb language sql as
$$ select t.payload #- '{headers,Idempotency-Key}' from pawl.tasks t where t.id = p_id $$;

-- the extension's own signatures (pg_net 0.14: \df net.*, \d net._http_response, \dT+ net.*)
select is((
    select array_agg(format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) order by p.proname)
    from pg_proc p
    where p.pronamespace = 'net'::regnamespace and p.proname in ('http_get', 'http_post', 'http_delete', 'http_collect_response', '_http_collect_response',
      '_await_response', '_urlencode_string', '_encode_url_with_params_array', 'check_worker_is_up', 'worker_restart')),
  array[
    '_await_response(request_id bigint) boolean',
    '_encode_url_with_params_array(url text, params_array text[]) text',
    '_http_collect_response(request_id bigint, async boolean DEFAULT true) net.http_response_result',
    '_urlencode_string(string character varying) text',
    'check_worker_is_up() void',
    'http_collect_response(request_id bigint, async boolean DEFAULT true) net.http_response_result',
    'http_delete(url text, params jsonb DEFAULT ''{}''::jsonb, headers jsonb DEFAULT ''{}''::jsonb, timeout_milliseconds integer DEFAULT 5000, body jsonb DEFAULT NULL::jsonb) bigint',
    'http_get(url text, params jsonb DEFAULT ''{}''::jsonb, headers jsonb DEFAULT ''{}''::jsonb, timeout_milliseconds integer DEFAULT 5000) bigint',
    'http_post(url text, body jsonb DEFAULT ''{}''::jsonb, params jsonb DEFAULT ''{}''::jsonb, headers jsonb DEFAULT ''{"Content-Type": "application/json"}''::jsonb, timeout_milliseconds integer DEFAULT 5000) bigint',
    'worker_restart() boolean'], 'functions as there');
select is((select array_agg(format('%s %s', attname, atttypid::regtype) order by attnum) from pg_attribute where attrelid = 'net._http_response'::regclass and attnum > 0),
  array['id bigint', 'status_code integer', 'content_type text', 'headers jsonb', 'content text', 'timed_out boolean', 'error_msg text', 'created timestamp with time zone'], '_http_response as there');
select is((select array_agg(format('%s %s', attname, atttypid::regtype) order by attnum) from pg_attribute where attrelid = 'net.http_request_queue'::regclass and attnum > 0),
  array['id bigint', 'method net.http_method', 'url text', 'headers jsonb', 'body bytea', 'timeout_milliseconds integer'], 'http_request_queue as there');
select is((select array_agg(format('%s %s', attname, atttypid::regtype) order by attrelid, attnum) from pg_attribute where attrelid in (
    select typrelid from pg_type where oid in ('net.http_response'::regtype, 'net.http_response_result'::regtype))),
  array['status_code integer', 'headers jsonb', 'body text', 'status net.request_status', 'message text', 'response net.http_response'], 'types as there');
select is(enum_range(null::net.request_status)::text, '{PENDING,SUCCESS,ERROR}', 'and states');

select is((select (executor, target, max_attempts, timeout_ms, max_payload_bytes, options)::text from pawl.kinds where name = 'pg_net'),
  '(http,,12,3600000,67108864,"{""form"": ""request"", ""retry_timeouts"": false, ""max_result_bytes"": 1048576}")', 'the kind');
select is((select keep from pawl.kinds where name = 'pg_net'), null, 'which forgets what has ended by itself');

-- URLs
select is(net._urlencode_string(s), e, coalesce(s, 'null')) from (values
  ('plain-text_1.0~', 'plain-text_1.0~'), ('a b&c=d', 'a%20b%26c%3Dd'), ('~_. -', '~_.%20-'), ('für', 'f%C3%BCr'), ('€+/?#%', '%E2%82%AC%2B%2F%3F%23%25'), ('', ''), (null, null)) v (s, e);
select is(net._encode_url_with_params_array(u, p), e, concat_ws(' ', u, p)) from (values
  ('http://a.test', '{x=1,y=2}'::text[], 'http://a.test?x=1&y=2'), ('http://a.test/p?z=0', '{x=1}', 'http://a.test/p?z=0&x=1'), ('HTTPS://a.test/p#f', '{x=1}', 'HTTPS://a.test/p?x=1#f'),
  ('http://a.test/?', '{x=1}', 'http://a.test/?x=1'), ('http://a.test/p#f', '{}', 'http://a.test/p#f'), (null, null, null)) v (u, p, e);

-- requests
select net.http_post('http://a.test/hook', '{"b": [1, 2]}', timeout_milliseconds := 2000) as post \gset
select is(probe.payload(:post), '{"method": "POST", "url": "http://a.test/hook", "headers": {"Content-Type": "application/json"}, "body": "{\"b\": [1, 2]}", "timeout_ms": 2000}', 'http_post');
select is((select payload #>> '{headers,Idempotency-Key}' ~ '^[0-9a-f-]{36}$' from pawl.tasks where id = :post), true, 'with a key, the same for all tries');
select is((select (job_id, status) from pawl.tasks where id = :post)::text, format('(%s,pending)', pawl.standing_job('pg_net')), 'a task of the kind pg_net');
select net.http_get('http://a.test/x', '{"q": "a b", "n": 1}', '{"Authorization": "Bearer k", "n": 7}') as get \gset
select is(probe.payload(:get), '{"method": "GET", "url": "http://a.test/x?n=1&q=a%20b", "headers": {"Authorization": "Bearer k", "n": "7"}, "body": null, "timeout_ms": 5000}', 'http_get');
select net.http_delete(url := 'http://a.test/x', body := '{"a": 1}') as delete \gset
select is(probe.payload(:delete), '{"method": "DELETE", "url": "http://a.test/x", "headers": {}, "body": "{\"a\": 1}", "timeout_ms": 5000}', 'http_delete');
select is(probe.payload(net.http_post('http://a.test/', headers := '{"X-A": "1", "idempotency-key": "mine"}')) -> 'headers', '{"X-A": "1", "idempotency-key": "mine", "Content-Type": "application/json"}', 'a Content-Type is added, and no key beside the caller''s');
select is((select payload -> 'headers' ? 'Idempotency-Key' from pawl.tasks where payload #>> '{headers,idempotency-key}' = 'mine'), false, 'at all');
select is(probe.payload(net.http_post('http://a.test/', null, headers := '{"content-type": "application/json"}')) - 'url' - 'timeout_ms', '{"method": "POST", "body": "", "headers": {"content-type": "application/json"}}', 'no body');
select is(probe.payload(net.http_post('http://a.test/', '{"a": 1}', null, null)) -> 'headers', '{"Content-Type": "application/json"}', 'nulls');
select is(probe.refusal('select net.' || s), e, s) from (values
  ('http_get(null)', '23502 null value in column "url" of relation "http_request_queue" violates not-null constraint'),
  ('http_post(null, ''{}'')', '23502 null value in column "url" of relation "http_request_queue" violates not-null constraint'),
  ('http_get(''localhost:6666'')', '22023 Unsupported URL scheme'), ('http_get(''ftp://a.test'')', '22023 Unsupported URL scheme'),
  ('http_get(''/malformed_url'')', '22023 invalid URL "/malformed_url"'), ('http_get('''')', '22023 invalid URL ""'), ('http_get(''http://'')', '22023 invalid URL "http://"'),
  ('http_post(''http://a.test'', headers := ''{"Content-Type": "application/text"}'')', 'P0001 Content-Type header must be "application/json"'),
  ('http_get(''http://a.test'', timeout_milliseconds := 0)', '22023 timeout_milliseconds must be a number over 0')) v (s, e);

-- the queue
select is(to_jsonb(q) #- '{headers,Idempotency-Key}', '{"id": 0, "method": "POST", "url": "http://a.test/hook", "headers": {"Content-Type": "application/json"}, "body": "\\x7b2262223a205b312c20325d7d", "timeout_milliseconds": 2000}'::jsonb || jsonb_build_object('id', :post), 'http_request_queue')
from net.http_request_queue q where id = :post;
select is((net.http_collect_response(:post)).status, 'PENDING', 'a request that has not ended');
select is((net._http_collect_response(987654))::text, '(ERROR,"request matching request_id not found",)', 'one that there is not');
delete from net.http_request_queue where id = :delete;
select is((select status::text || error from pawl.tasks where id = :delete), 'cancelleddeleted from net.http_request_queue', 'deleted, it is cancelled');
select is((select error_msg from net._http_response where id = :delete), 'deleted from net.http_request_queue', 'which is an answer');

-- answers
select probe.node() as node \gset
select pawl.standing_job('pg_net') as job \gset
select probe.claim(:node, :job) \g /dev/null
select probe.finish(:node, :job, array[:post]::bigint[], 'completed', p_result => '{"status": 201, "content_type": "text/plain", "headers": {"a": "b"}, "body": "made"}') \g /dev/null
select is(to_jsonb(r), jsonb_build_object('id', :post, 'status_code', 201, 'content_type', 'text/plain', 'headers', '{"a": "b"}'::jsonb, 'content', 'made', 'timed_out', false,
  'error_msg', null, 'created', '2030-01-01T00:00:00+00:00'), 'an answer') from net._http_response r where id = :post;
select is(net.http_collect_response(:post, async := false)::text, '(SUCCESS,ok,"(201,""{""""a"""": """"b""""}"",made)")', 'collected');
select is((net.http_collect_response(:post)).response.status_code, 201, 'by its parts');
select probe.finish(:node, :job, array[:get]::bigint[], 'failed', p_result => '{"status": 404, "headers": {}, "body": ""}', p_class => 'status', p_error => 'HTTP 404') \g /dev/null
select is((r.status_code, r.content, r.timed_out, r.error_msg)::text, '(404,,f,)', 'a status that is none of success is an answer, too') from net._http_response r where id = :get;
select is((net.http_collect_response(:get)).status, 'SUCCESS', 'as there');
select net.http_get('http://slow.test') as slow, net.http_get('http://gone.test') as gone \gset
select probe.claim(:node, :job) \g /dev/null
select probe.finish(:node, :job, array[:slow]::bigint[], 'failed', p_class => 'timeout', p_error => 'no answer within 5 s') \g /dev/null
select probe.finish(:node, :job, array[:gone]::bigint[], 'failed', p_class => 'network', p_error => 'no such host') \g /dev/null
select is((select string_agg((status_code, timed_out, error_msg)::text, ' ' order by id) from net._http_response where id in (:slow, :gone)), '(,t,"no answer within 5 s") (,f,"no such host")', 'no answer');
select is(net.http_collect_response(:gone)::text, '(ERROR,"no such host",)', 'which is an error');
select is((select count(*) from net.http_request_queue where id in (:post, :get, :delete, :slow, :gone)), 0::bigint, 'none of them is in the queue');

-- rights
create role probe_net_user;
select is(probe.refusal(s, 'probe_net_user'), 'done', 'everybody may: ' || s) from unnest(array['select net.http_get(''http://a.test'')', 'select net.http_post(''http://a.test'')',
  'select net.http_delete(''http://a.test'')', 'select * from net._http_response', 'select * from net.http_request_queue', 'select net.http_collect_response(1)', 'select net.worker_restart()',
  'delete from net.http_request_queue', format('delete from net._http_response where id = %s', :gone)]) s;
select is((select count(*) from net.http_request_queue), 0::bigint, 'the queue is empty');
select is((select count(*) from pawl.tasks where id = :gone), 0::bigint, 'what is deleted from the answers is gone');
select is(probe.refusal(s, 'probe_net_user'), e, 'nobody may: ' || s) from (values
  ('select net._send(''GET'', ''http://a.test'', null, null, null, 1)', '42501 permission denied for function _send'),
  ('select net._forget(1)', '42501 permission denied for function _forget'), ('select pawl.enqueue(''pg_net'')', '42501 permission denied for schema pawl')) v (s, e);

-- how long answers are kept
select net.http_get('http://a.test/') from generate_series(1, 16);
delete from net.http_request_queue;
select is((select count(*) from net._http_response where id = :post), 1::bigint, 'requests leave what is not old');
set local pawl.now = '2030-01-01 06:00:00+00';
select is((select count(*) from net._http_response where id = :post), 1::bigint, 'six hours');
set local pawl.now = '2030-01-01 06:00:00.001+00';
select is((select count(*) from net._http_response), 0::bigint, 'not longer');
select is((net.http_collect_response(:post)).message, 'request matching request_id not found', 'then it is not known');
set local pg_net.ttl = '1 day';
select is((select count(*) from net._http_response where id = :post), 1::bigint, 'unless pg_net.ttl says otherwise');
set local pg_net.ttl = '';
select count(*) as before from pawl.tasks where job_id = :job and finished_at is not null \gset
select cmp_ok(:before::bigint, '>', 5::bigint, 'some have ended');
insert into pawl.attempts (job_id, task_id, attempt, error_class)
select :job, t.id, n, 'network' from pawl.tasks t, generate_series(1, 12) n where t.job_id = :job and t.finished_at is not null on conflict do nothing;
set local pg_net.ttl = '1 day';
delete from net._http_response where id = :post;
set local pg_net.ttl = '';
select is((select count(*) from pawl.attempts where task_id = :post), 0::bigint, 'what failed of an answer that is deleted is gone with it');
-- with each request a task of another kind, so that the ids of requests have none between them that ends in a certain way
select pawl.define_kind('beside', 'noop');
select setval('pawl.task_ids', nextval('pawl.task_ids') / 2 * 2);
do $$ begin for n in 1..300 loop perform net.http_get('http://a.test/'); perform pawl.enqueue('beside'); end loop; end $$;
select is((select count(*) from pawl.tasks where job_id = :job and finished_at is not null), 0::bigint, 'requests take away what is old');
select is((select count(*) from pawl.attempts a where a.job_id = :job and not exists (select from pawl.tasks t where t.id = a.task_id)), 0::bigint,
  'with what failed of it');
select is((select count(*) from net.http_request_queue), 300::bigint, 'and nothing else');
select probe.progress_is(:job, '300/0/300/0/0/0/0', 'with exact counters (I1)');

-- the worker
select lives_ok('select net.check_worker_is_up()', 'a node is there');
update pawl.nodes set heartbeat_at = now() - interval '1 minute';
select throws_ok('select net.check_worker_is_up()', 'P0001', 'the pg_net background worker is not up', 'none is');

select * from finish();
rollback;
