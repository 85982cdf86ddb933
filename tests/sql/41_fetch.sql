-- Kinds with the form "fetch": what define_kind takes and refuses; what pawl.save_fetched hands to a data type's function, and what
-- its answer means. Guards I4 and I7.
begin;
select * from no_plan();

-- the kind
create function probe.hint_of(p_statement text) returns text language plpgsql as $$
declare v_hint text;
begin
  execute p_statement;
  return null;
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end $$;
select lives_ok($$ select pawl.define_kind('api', 'http', 'https://api.example.com/v1/', p_options => '{"form": "fetch", "headers": {"Accept": "text/csv", "X-Key": {"secret": "env:KEY"}},
  "authorization": "vault:key", "max_reply_bytes": 67108864, "connect_timeout_ms": 10, "allow_private": true, "retry_timeouts": false, "breaker_failures": 3, "breaker_pause_ms": 200}') $$,
  'a kind that fetches');
select is(origin, 'https://api.example.com:443', 'it has a breaker') from pawl.kinds where name = 'api';
select throws_ok(format('select pawl.define_kind(''api'', p_options => %L)', jsonb_build_object(o.name, o.value)), 'PW006',
    format('kind "api" has the form "fetch" and cannot use the option "%s"', o.name), 'not with ' || o.name)
from (values ('method', '"POST"'::jsonb), ('signing_secret', '"env:A"'), ('previous_signing_secret', '"env:A"'), ('callback_timeout_ms', '1000'), ('heartbeat_timeout_ms', '1000'),
  ('max_result_bytes', '10')) as o (name, value);
select is(probe.hint_of($$ select pawl.define_kind('api', p_options => '{"method": "PUT"}') $$), 'It is always GET. Take it away with p_options => ''{"method": null}''.', 'with a hint');
select throws_ok($$ select pawl.define_kind('api', p_options => '{"max_reply_bytes": 67108865}') $$, 'PW006', 'option "max_reply_bytes" of kind "api" cannot be used', 'no more than jsonb could take');
select throws_ok($$ select pawl.define_kind('api', p_target => 'https://api.example.com/v1?key=1') $$, 'PW006', 'kind "api" has the form "fetch", and its target has a query in it', 'no query in the target');
select throws_ok($$ select pawl.define_kind('none', 'http', p_options => '{"form": "fetch"}') $$, 'PW006', 'kind "none" needs a target: the URL to call', 'it needs a target');
select isnt(pawl.test_kind('api'), null, 'it can be tested');

-- a type of it
create table probe.prices (symbol text primary key, price numeric not null, headers jsonb, status integer, updated_at timestamptz not null default now());
create table probe.sums (of text primary key, total numeric, constraint total_is_known check (total is not null));
create function probe.save(key text, status integer, headers jsonb, body jsonb) returns jsonb language plpgsql as $$
begin
  if body ->> 'do' = 'raise' then
    raise exception 'no such luck';
  elsif body ->> 'do' = 'answer' then
    return body -> 'answer';
  elsif body is null and status = 404 then
    delete from probe.prices p where p.symbol = key;
    return null;
  elsif body is null then
    return null;
  end if;
  insert into probe.prices values (key, case when jsonb_typeof(body) = 'string' then body #>> '{}' else body ->> 'price' end::numeric, headers, status)
  on conflict (symbol) do update set price = excluded.price, headers = excluded.headers, status = excluded.status, updated_at = now();
  return '{"outcome": "data"}';
end $$;
select pawl.define_data_type('price', 'api', '1 minute', 'probe.prices', 'symbol', 'updated_at', p_fetch_path => '/price/{key}?x=1', p_save_function => 'probe.save');
select throws_ok(format('select pawl.define_data_type(''price'', p_fetch_path => %L)', p), 'PW006', format('path %L cannot be appended to a URL', p), 'a path that is none: ' || p)
from unnest(array['price/{key}', '/a b/{key}', '/{symbol}/{key}', '/{key}#x', '/100%/{key}', '/%zz/{key}', '/{key}%2']) p;
select throws_ok(format('select pawl.define_data_type(''price'', p_fetch_path => %L)', p), 'PW006', format('path %L has . or .. as a segment, which would lead elsewhere', p),
  'one that no request would be made of: ' || p)
from unnest(array['/../{key}', '/./{key}', '/{key}/..', '/{key}/..?x=1', '/%2e%2E/{key}', '/x%2F.%2fy/{key}', '/.%2e%5C{key}', '/{key}/.']) p;
select lives_ok(format('select pawl.define_data_type(''price'', p_fetch_path => %L)', p), 'dots that are none of these: ' || p)
from unnest(array['/...{key}', '/..{key}', '/.well-known/{key}', '/{key}.json?in=/../', '?of={key}', '/%20/{key}', '/price/{key}?x=1']) p;
select throws_ok(format('select pawl.request_refresh(''price'', %L)', k), 'PW006', format('data type "price" is fetched by a URL, and %L means another place in it', k), 'a key that no request is made of: ' || k)
from unnest(array['.', '..', 'a/../b', '../b', 'b/.', E'a\\..']) k;
select is(pawl.leads_elsewhere(k), false, 'one that stays in its place: ' || k) from unnest(array['...', 'a..', '..a/b', '.a', 'a/.b', 'BRK.A']) k;
select throws_ok($$ select pawl.define_kind('api', p_options => '{"form": null}') $$, 'PW006', 'kind "api" refreshes data type "price", which is fetched', 'its form stays while types need it');
select throws_ok($$ select pawl.define_kind('api', 'noop') $$, 'PW006', 'kind "api" refreshes data type "price", which is fetched', 'and its executor');
select lives_ok($$ select pawl.define_kind('api', p_max_attempts => 2) $$, 'all else may change');
select pawl.define_kind('envelope', 'http', 'https://example.com');
select pawl.define_data_type('profile', 'envelope', '1 minute');
select throws_ok($$ select pawl.define_kind('envelope', p_options => '{"form": "fetch"}') $$, 'PW006', 'kind "envelope" refreshes data type "profile", which is not fetched', 'no other kind gets the form');
select matches(probe.hint_of($$ select pawl.define_kind('envelope', p_options => '{"form": "fetch"}') $$), '^Define another kind with the form "fetch", .*[.]$', 'with a hint');

-- A refresh of it, up to where its answer is there: the task.
select probe.node() as node \gset
select job_id as job from pawl.data_types where name = 'price' \gset
create function probe.fetch(p_key text) returns bigint language plpgsql as $$
begin
  update pawl.freshness f set outcome_at = null, failures = 0, due_at = '-infinity' where f.type = 'price' and f.key = p_key;
  perform pawl.request_refresh('price', p_key);
  return (probe.claim((select max(id) from pawl.nodes), (select job_id from pawl.data_types where name = 'price')))[1];
end $$;
create function probe.save_body(p_key text, p_status integer, p_body bytea, p_type text default 'application/json') returns jsonb language plpgsql as $$
declare
  v_task bigint := probe.fetch(p_key);
  v_job bigint := (select job_id from pawl.data_types where name = 'price');
begin
  perform pawl.save_fetched((select max(id) from pawl.nodes), v_job, v_task, 1, p_status, jsonb_build_object('content-type', p_type), p_body, 1234);
  return (select t.result from pawl.tasks t where t.job_id = v_job and t.id = v_task and t.status = 'completed');
end $$;
create function probe.save_text(p_key text, p_status integer, p_body text, p_type text default 'application/json') returns jsonb language sql as
$$ select probe.save_body(p_key, p_status, convert_to(p_body, 'UTF8'), p_type) $$;
create function probe.freshness(p_key text) returns text language sql as
$$ select concat_ws('/', f.outcome, f.has_data, f.failures, f.task_id) from pawl.freshness f where f.type = 'price' and f.key = p_key $$;

-- what came is saved, and the task is completed, at once
select is(probe.save_text('A', 200, '{"price": 12.5}'), '{"outcome": "data"}', 'the result is what the function returned');
select row_eq('select price, status, headers from probe.prices where symbol = ''A''', row (12.5::numeric, 200, '{"content-type": "application/json"}'::jsonb), 'it was given key, status, headers and body');
select is(probe.freshness('A'), 'data/t/0', 'the key is fresh');
select row_eq('select t.payload ->> ''path'', t.payload ->> ''type'' from pawl.tasks t where t.job_id = ' || :job, row ('/price/A?x=1'::text, 'price'::text), 'the payload is what src/executors/http/fetch_request.c reads');

-- the body
select is(probe.save_text('B', 200, '7.5', 'text/plain'), '{"outcome": "data"}', 'a text is a JSON string');
select is(price, 7.5, 'of what it says') from probe.prices where symbol = 'B';
select is(pawl.read_fetched(r.status, jsonb_build_object('content-type', r.type), convert_to(r.body, 'UTF8')), r.wanted::jsonb, r.name)
from (values
  (200, 'application/json', ' {"a": 1} ', '{"a": 1}', 'JSON'),
  (200, 'application/vnd.api+json; charset=utf-8', '3', '3', 'any that is called so'),
  (200, 'TEXT/JSON', 'null', 'null', 'null too'),
  (200, 'text/plain', '{"a": 1}', '{"a": 1}', 'what looks like JSON'),
  (200, null, E'\n[1]', '[1]', 'without a type'),
  (200, 'text/plain', '11234', '"11234"', 'a number that nobody calls JSON is a text, as 01234 is'),
  (200, 'text/html', '{not JSON', '"{not JSON"', 'what only looks like it is a text'),
  (200, 'application/x-ndjson', '1' || E'\n' || '2', '"1\n2"', 'lines of JSON are a text'),
  (200, 'application/json-seq', '1', '"1"', 'so are others that only begin so'),
  (200, 'application/json', U&'\FEFF{"a": "\00e9"}', U&'{"a": "\00e9"}', 'a mark of the byte order is no part of it'),
  (200, 'application/json', '', null, 'no body'),
  (201, 'application/json', '[1]', '[1]', 'any 2xx'),
  (404, 'application/json', '{"error": "no such thing"}', null, 'what a 404 says is no data'),
  (410, 'application/json', '{}', null, '410'),
  (204, 'application/json', '{}', null, '204'),
  (304, 'application/json', '{}', null, '304')
) as r (status, type, body, wanted, name);
select is(pawl.read_fetched(200, '{}', null), null, 'none at all');

-- what cannot be read is rejected, in words
select is(probe.save_body('C', 200, '\x7b2261223a2022ff227d'), '{"outcome": "rejected", "error": "the reply cannot be read: invalid byte sequence for encoding \"UTF8\": 0xff"}', 'no UTF-8');
select is(probe.freshness('C'), 'rejected/f/1', 'the key is put off');
select is(probe.save_body('C', 200, '\x6100', 'text/plain') ->> 'outcome', 'rejected', 'a NUL');
select is(probe.save_text('C', 200, '<p>maintenance</p>'), '{"outcome": "rejected", "error": "the reply cannot be read: it is called JSON, and is none: <p>maintenance</p>"}', 'no JSON where JSON was said');
select is(probe.save_text('C', 200, '{"a": "\u0000"}') ->> 'outcome', 'rejected', 'what jsonb does not hold');
select is(probe.save_text('C', 200, '[1e1000000]') ->> 'outcome', 'rejected', 'no number that numeric holds');
select is(probe.save_text('C', 200, repeat('[', 100000)) ->> 'outcome', 'rejected', 'deeper than the server goes');

-- what the function refuses as data is rejected, and nothing of it is there
select is(probe.save_text('D', 200, '{"price": "cheap"}'), '{"outcome": "rejected", "error": "invalid input syntax for type numeric: \"cheap\""}', 'class 22');
select is(probe.save_text('D', 200, '{"prize": 1}') ->> 'error', 'null value in column "price" of relation "prices" violates not-null constraint', 'class 23');
create function probe.save_twice(key text, status integer, headers jsonb, body jsonb) returns void language plpgsql as $$
begin
  insert into probe.sums values (key, 1);
  insert into probe.sums values (key || '2', (body ->> 'n')::numeric);
end $$;
select pawl.define_data_type('price', p_save_function => 'probe.save_twice');
select is(probe.save_text('D', 200, '{}') ->> 'outcome', 'rejected', 'in the middle');
select is((select count(*) from probe.sums), 0::bigint, 'nothing of it is there');
select is(probe.save_text('D', 200, '{"n": 1}'), '{}', 'void: the table is looked at');
select is(probe.freshness('D'), 'empty/f/0', 'which has none of it');
create table probe.parents (id text primary key);
create table probe.children (id text references probe.parents deferrable initially deferred);
create function probe.save_child(key text, status integer, headers jsonb, body jsonb) returns text language sql as
$$ insert into probe.children values (key); select 'data' $$;
select pawl.define_data_type('price', p_save_function => 'probe.save_child');
select is(probe.save_text('E', 200, '{}') ->> 'outcome', 'rejected', 'what a deferred constraint refuses');
select is((select count(*) from probe.children), 0::bigint, 'is not there');
insert into probe.parents values ('E');
select is(probe.save_text('E', 200, '{}'), '{"outcome": "data"}', 'an outcome as text');
select is((select count(*) from probe.children), 1::bigint, 'is there');
select pawl.define_data_type('price', p_save_function => 'probe.save');

-- answers without data reach the function as well
insert into probe.prices (symbol, price) values ('F', 1);
select is(probe.save_text('F', 304, ''), '{"outcome": "unchanged"}', '304');
select is(probe.freshness('F'), 'unchanged/t/0', 'confirmed');
select is(probe.save_text('F', 204, ''), '{"outcome": "empty"}', '204');
select is(probe.save_text('F', 404, '{"error": "no such thing"}'), '{"outcome": "empty"}', '404');
select is((select count(*) from probe.prices where symbol = 'F'), 0::bigint, 'the function has deleted it');
select is(probe.freshness('F'), 'empty/f/0', 'there is none');
select is(probe.save_text('F', 410, ''), '{"outcome": "empty"}', '410');

-- what the function may return
select is(pawl.fetch_result(r.status, r.answer::jsonb), r.wanted::jsonb, format('%s and %s', r.status, coalesce(r.answer, 'null')))
from (values
  (200, null, '{}'), (200, 'null', '{}'), (200, '""', '{}'), (200, 'true', '{}'), (200, '3', '{}'), (200, '[1]', '{}'), (200, '{"id": 1}', '{}'),
  (200, '"data"', '{"outcome": "data"}'), (200, '"empty"', '{"outcome": "empty"}'), (404, '"unchanged"', '{"outcome": "unchanged"}'), (200, '"rejected"', '{"outcome": "rejected"}'),
  (200, '"failed"', '{}'), (404, '{}', '{"outcome": "empty"}'), (404, '""', '{"outcome": "empty"}'),
  (304, '{"source_at": "2030-01-01"}', '{"outcome": "unchanged", "source_at": "2030-01-01"}'),
  (200, '{"outcome": null, "source_at": null, "a": 1}', '{}'),
  (200, '{"outcome": "rejected", "error": "old", "n": 1}', '{"outcome": "rejected", "error": "old", "n": 1}'),
  (200, '{"outcome": "dada"}', '{"outcome": "dada"}')
) as r (status, answer, wanted);
select is(probe.save_text('G', 200, '{"do": "answer", "answer": {"outcome": "data", "source_at": "2020-01-01 00:00:00+00"}}') ->> 'outcome', 'data', 'with its source''s time');
select is(source_at, '2020-01-01 00:00:00+00', 'which is kept') from pawl.freshness where type = 'price' and key = 'G';
select is(probe.save_text('G', 200, '{"do": "answer", "answer": {"outcome": "dada"}}') ->> 'outcome', 'dada', 'an outcome that is none');
select matches((select error from pawl.freshness where type = 'price' and key = 'G'), '"dada", which is none of', 'is said to be none');

-- what it raises else is an attempt that failed: the task is as it was
select probe.fetch('H') as task \gset
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 1, 200, ''{}'', ''{"do": "raise"}'', 0)', :node, :job, :task), 'P0001', 'no such luck', 'raised by the function');
select is(probe.task_status(:job, :task), 'running', 'the task is as it was');

-- only whose task it is may end it (I4), and what was saved without is undone
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 2, 200, ''{}'', ''{"price": 1}'', 0)', :node, :job, :task), 'PW008', format('task %s/%s is not this node''s any more', :job, :task), 'another attempt');
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 1, 200, ''{}'', ''{"price": 1}'', 0)', :node + 1, :job, :task), 'PW008', null, 'another node');
create function probe.save_and_lose(key text, status integer, headers jsonb, body jsonb) returns void language sql as
$$ insert into probe.prices (symbol, price) values (key, 1); update pawl.tasks set attempt = 2 where status = 'running' $$;
select pawl.define_data_type('price', p_save_function => 'probe.save_and_lose');
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 1, 200, ''{}'', ''{}'', 0)', :node, :job, :task), 'PW008', null, 'lost meanwhile');
select is((select count(*) from probe.prices where symbol = 'H'), 0::bigint, 'nothing is there');

-- what cannot be saved at all
drop function probe.save_and_lose;
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 1, 200, ''{}'', ''{}'', 0)', :node, :job, :task), 'PW006',
  'function probe.save_and_lose(text,integer,jsonb,jsonb) does not exist, which saves what is fetched for data type "price"', 'the function is gone');
select pawl.define_data_type('price', p_save_function => 'probe.save');
select (pawl.enqueue('api', '{"type": "price", "key": "A"}')).job_id as alone \gset
select (probe.claim(:node, :alone))[1] as task_alone \gset
select throws_ok(format('select pawl.save_fetched(%s, %s, %s, 1, 200, ''{}'', ''{}'', 0)', :node, :alone, :task_alone), 'PW006',
  'kind "api" has the form "fetch", and its tasks are refreshes of a data type', 'enqueued by hand');

-- the session's search_path is the function's, and no name in it misleads ours
create function probe.path(key text, status integer, headers jsonb, body jsonb) returns jsonb language sql as
$$ select jsonb_build_object('outcome', 'unchanged', 'path', current_setting('search_path')) $$;
select pawl.define_data_type('price', p_save_function => 'probe.path');
select is(probe.save_text('I', 200, '{}') ->> 'path', current_setting('search_path'), 'search_path');
select pawl.define_data_type('price', p_save_function => 'probe.save');

-- what was sent and received counts for budgets
create table probe.ends (bytes bigint[], were_started boolean[]);
create or replace function pawl.note_ends(p_node_id integer, p_job_ids bigint[], p_claimed_at timestamptz[], p_bytes bigint[], p_were_started boolean[])
returns void language sql as 'insert into probe.ends values (p_bytes, p_were_started)';
select probe.save_text('J', 200, '{"price": 1}');
select row_eq('select * from probe.ends', row (array[1234::bigint], array[true]), 'those of the exchange, not of the result');
select * from finish();
rollback;
