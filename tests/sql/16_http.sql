-- Kinds of executor http: what define_kind takes and refuses, options changed member by member; the outcome
-- 'again', results of failed tasks; who we are; the self-test.
begin;
select * from no_plan();

-- targets
select lives_ok(format('select pawl.define_kind(''u%s'', ''http'', %L)', n, u), 'a target: ' || u)
from unnest(array['https://example.com', 'http://127.0.0.1:8080/a', 'https://[::1]:443/x?y=%20z', 'HTTPS://Example.com/a_b-c~d;e=f,g']) with ordinality as x (u, n);
select throws_ok(format('select pawl.define_kind(''bad'', ''http'', %L)', u), 'PW006', format('target %L is no URL that can be called', u), 'no target: ' || quote_literal(replace(u, E'\n', ' ')))
from unnest(array['example.com', 'ftp://example.com', 'https://', 'https://user:pw@example.com/', 'https://<project>.supabase.co/f', 'https://example.com/a b',
  'https://example.com/{id}', 'https://example.com/#x', E'https://example.com/\nX', 'https://exämple.com', 'javascript:alert(1)', '']) u;
select throws_ok('select pawl.define_kind(''bad'', ''http'')', 'PW006', 'kind "bad" needs a target: the URL to call', 'I: a kind without a target');

-- options, each with a value that it takes and some that it does not
create temporary table options (name text, good jsonb, bad jsonb[]) on commit drop;
insert into options values
  ('form', '"envelope"', array['"box"', '1']::jsonb[]),
  ('method', '"PUT"', array['"GET"', '"post"', '5']::jsonb[]),
  ('headers', '{"X-A": "b", "X-Key": {"secret": "env:KEY"}, "Content-Type": "application/cloudevents+json"}',
    array['[]', '"X: y"', '{"X A": "b"}', '{"": "b"}', '{"Host": "b"}', '{"content-length": "1"}', '{"Webhook-Id": "x"}', '{"Authorization": "x"}',
      '{"X": "a\nb"}', '{"X": 1}', '{"X": {"secret": "KEY"}}', '{"X": {"secret": "env:PGPASSWORD"}}', '{"X": {"secret": "env:A", "more": 1}}']::jsonb[]),
  ('authorization', '"env:KEY"', array['"KEY"', '"env:"', '"env:DATABASE_URL"', '"env:PGHOST"', '"env:PAWL_X"', '"env:A-B"', '"file:"', '"vault:"', '1', '{}']::jsonb[]),
  ('signing_secret', '"file:fulfil"', array['"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"', 'true', '"file:../fulfil"', '"file:a/../../fulfil"', '"file:.."']::jsonb[]),
  ('previous_signing_secret', '"vault:my key"', array['""']::jsonb[]),
  ('max_reply_bytes', '1000', array['0', '1.5', '"1000"', '1e12', 'true']::jsonb[]),
  ('max_result_bytes', '0', array['-1', '16777217']::jsonb[]),
  ('connect_timeout_ms', '1', array['0']::jsonb[]),
  ('callback_timeout_ms', '2592000000', array['999', '2592000001']::jsonb[]),
  ('heartbeat_timeout_ms', '1000', array['999']::jsonb[]),
  ('allow_private', 'true', array['"yes"', '1']::jsonb[]),
  ('breaker_failures', '1', array['0']::jsonb[]),
  ('breaker_pause_ms', '100', array['99']::jsonb[]),
  ('nonsense', null, array['1', '"x"']::jsonb[]);
select lives_ok(format('select pawl.define_kind(''o'', ''http'', ''https://example.com'', p_options => %L)', jsonb_build_object(name, good)), 'an option: ' || name)
from options where good is not null;
select throws_ok(format('select pawl.define_kind(''o'', p_options => %L)', jsonb_build_object(name, b)), 'PW006', format('option "%s" of kind "o" cannot be used', name),
  format('refused: %s %s', name, b))
from options cross join unnest(bad) b;
select is((select jsonb_object_agg(name, good) from options where good is not null), options, 'what was good is there, what was bad changed nothing')
from pawl.kinds where name = 'o';
create function probe.hint_of(p_statement text) returns text language plpgsql as $$
declare v_hint text;
begin
  execute p_statement;
  return null;
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end $$;
select matches(probe.hint_of(format('select pawl.define_kind(''o'', p_options => %L)', jsonb_build_object(name, b))), '^[A-Z].*[.]$', 'with a hint: ' || name)
from options cross join unnest(bad) b;
select unalike(probe.hint_of('select pawl.define_kind(''o'', p_options => ''{"signing_secret": "whsec_topsecret"}'')'), '%topsecret%', 'a secret that was given by mistake is not said again');
select throws_ok('select pawl.define_kind(''o'', p_options => ''[]'')', 'PW006', 'p_options is no JSON object', 'options are an object');

-- member by member
select pawl.define_kind('m', 'http', 'https://example.com', p_options => '{"method": "PUT", "headers": {"A": "1", "B": "2"}}');
select pawl.define_kind('m', p_options => '{"method": null, "headers": {"A": null, "C": "3"}, "allow_private": true}');
select is(options, '{"headers": {"B": "2", "C": "3"}, "allow_private": true}', 'a null member goes, others stay; so with headers') from pawl.kinds where name = 'm';
select pawl.define_kind('m', p_max_attempts => 3);
select is(options, '{"headers": {"B": "2", "C": "3"}, "allow_private": true}', 'no options given: they stay') from pawl.kinds where name = 'm';
select is((select k -> 'options' -> 'allow_private' from jsonb_array_elements(pawl.list_kinds()) k where k ->> 'kind' = 'm'), 'true', 'list_kinds shows them');
select throws_ok('select pawl.define_kind(''m'', ''noop'', p_options => ''{"method": "PUT"}'')', 'PW006', 'kind "m" of executor noop has no options', 'other executors have none');
select pawl.define_kind('m', 'noop');
select row_eq('select target, options from pawl.kinds where name = ''m''', row (null::text, '{}'::jsonb), 'another executor: target and options are forgotten');
select throws_ok('select pawl.define_kind(''m'', ''http'')', 'PW006', 'kind "m" needs a target: the URL to call', 'and needed anew');

-- the form "request"
select lives_ok('select pawl.define_kind(''r'', ''http'', p_options => ''{"form": "request", "headers": {"X-A": "b"}}'')', 'request: no target');
select throws_ok(format('select pawl.define_kind(''r'', p_options => %L)', o), 'PW006', 'kind "r" has the form "request" and cannot use secrets or a method', 'request: not with ' || o)
from unnest(array['{"authorization": "env:A"}', '{"signing_secret": "env:A"}', '{"headers": {"K": {"secret": "env:A"}}}', '{"method": "PUT"}']) o;
select lives_ok('select pawl.define_kind(''m'', ''http'', ''https://example.com'')', 'an envelope');
select lives_ok('select pawl.define_kind(''m'', p_options => ''{"form": "request"}'')', 'made a request');
select is(target, null, 'loses its target') from pawl.kinds where name = 'm';
select throws_ok('select pawl.define_kind(''m'', p_options => ''{"form": null}'')', 'PW006', 'kind "m" needs a target: the URL to call', 'and needs one as an envelope again');

-- list_work
select (pawl.enqueue('o')).job_id as job \gset
select row_eq(format('select target, options -> ''method'' from pawl.list_work(array[''http'']) where job_id = %s', :job), row ('https://example.com'::text, '"PUT"'::jsonb), 'list_work gives target and options');

-- 'again', and results of failed tasks
select probe.node() as node \gset
select probe.job(3) as job \gset
select probe.claim(:node, :job) as ids \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3 \gset
select is(pawl.finish_tasks(:node, array[:job, :job, :job], array[:t1, :t2, :t3], array[1, 1, 1], array['again', 'failed', 'again'], array[2000, 0, 0],
  array[null, '{"status": 404}', null], array['secret', 'status', null], array['secret env:X: missing', 'HTTP 404', null]), 3, 'again and failed');
select row_eq(format('select status::text, run_at, wait_reason, error, attempt - uncounted_attempts, finished_at from pawl.tasks where id = %s', :t1),
  row ('waiting'::text, pawl.now() + interval '2 seconds', 'secret'::text, 'secret env:X: missing'::text, 0, null::timestamptz), 'again: waits, says for what, the attempt not counted');
select is(wait_reason, 'again', 'again without a reason') from pawl.tasks where id = :t3;
select row_eq(format('select status::text, result from pawl.tasks where id = %s', :t2), row ('failed'::text, '{"status": 404}'::jsonb), 'failed: with its result');
select is((select array_agg(task_id) from pawl.attempts where job_id = :job), array[:t2]::bigint[], 'again leaves no attempts row');
select probe.progress_is(:job, '3/2/0/0/0/1/0', 'the counters');

-- who we are
select results_eq('select * from pawl.read_installation()', 'select id, encode(callback_key, ''hex'') from pawl.installation', 'read_installation');
select matches(callback_key, '^[0-9a-f]{64}$', '32 bytes') from pawl.read_installation();
select throws_ok('insert into pawl.installation (is_only) values (false)', '23514', null, 'there is one row');
delete from pawl.installation;
select is((select count(*) from pawl.read_installation()), 1::bigint, 'a deleted row is made anew');

-- test_kind
select pawl.define_kind('o', p_max_running => 1);
select pawl.test_kind('o') as test \gset
select row_eq(format('select j.kind, j.params, j.limiter_key, j.is_sealed, (select count(*) from pawl.tasks t where t.job_id = j.id) from pawl.jobs j where j.id = %s', :test),
  row ('o'::text, '{"self_test": true}'::jsonb, null::text, true, 1::bigint), 'test_kind: a job of one task that no limiter holds up');
select is(pawl.test_kind('r'), null, 'requests whose payload says where: nothing to test');
select throws_ok('select pawl.test_kind(''nobody'')', 'PW001', null, 'an unknown kind');
create function probe.fine(p jsonb) returns void language sql as '';
select pawl.define_kind('s', 'sql', 'probe.fine');
select is(pawl.test_kind('s'), null, 'sql: the function is there');
drop function probe.fine;
select throws_ok('select pawl.test_kind(''s'')', 'PW006', 'function probe.fine(jsonb) does not exist', 'sql: it is not');
select * from finish();
rollback;
