-- What people call to add work: kinds, enqueue, create_job, add_tasks, seal_job; deduplication and delay.
begin;
select * from no_plan();

create function probe.hint_of(p_statement text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  execute p_statement;
  return 'no error';
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end $$;

-- define_kind
select lives_ok($$ select pawl.define_kind('mail', 'noop') $$, 'define_kind: a kind');
select row_eq($$ select max_attempts, timeout_ms, backoff_base_ms, backoff_cap_ms, max_payload_bytes, limiter_key from pawl.kinds where name = 'mail' $$,
  row (5, 60000, 1000, 600000, 1048576, null::text), 'with the defaults of the table');
select pawl.define_kind('mail', 'noop', p_max_attempts => 2, p_timeout_ms => 7);
select pawl.define_kind('mail', 'noop', p_timeout_ms => 8);
select row_eq($$ select max_attempts, timeout_ms from pawl.kinds where name = 'mail' $$, row (2, 8), 'null keeps what is there');
select throws_ok($$ select pawl.define_kind('x', 'fax') $$, 'PW006', 'executor ''fax'' is not known', 'an unknown executor');
select throws_ok($$ select pawl.define_kind('x', p_max_running => 3) $$, 'PW001', 'kind "x" does not exist', 'no executor, and no kind to keep it of');
select matches(probe.hint_of($$ select pawl.define_kind('x') $$), 'p_executor .*noop, sql, crawl, http or external', 'the hint says what is missing');
select throws_ok($$ select pawl.define_kind('x', 'sql') $$, 'PW006', null, 'sql without a target');
select throws_ok($$ select pawl.define_kind('x', 'sql', 'probe.nothing') $$, 'PW006', 'function probe.nothing(jsonb) does not exist', 'a target that does not exist');
create function probe.work(p jsonb) returns jsonb language sql as $$ select p $$;
create function probe.wrong(p text) returns jsonb language sql as $$ select null::jsonb $$;
select throws_ok($$ select pawl.define_kind('x', 'sql', 'probe.wrong') $$, 'PW006', null, 'a target that takes something else');
select lives_ok($$ select pawl.define_kind('s', 'sql', 'probe.work') $$, 'a target that is right');
select lives_ok($$ select pawl.define_kind('s', 'sql', p_timeout_ms => 9) $$, 'a null target keeps the target');
select is((select target from pawl.kinds where name = 's'), 'probe.work', 'which is still there');
select lives_ok($$ select pawl.define_kind('s', p_max_attempts => 3) $$, 'a null executor keeps the executor');
select row_eq($$ select executor, target, max_attempts, timeout_ms from pawl.kinds where name = 's' $$, row ('sql'::text, 'probe.work'::text, 3, 9), 'and all else');
select throws_ok($$ select pawl.define_kind('s', p_target => 'probe.wrong') $$, 'PW006', null, 'whose rules hold for a new target');
select throws_ok(format('select pawl.define_kind(%L, %L%s)', n, 'noop', a), 'PW006', m, m)
from (values
  ('', '', 'the name of a kind has from 1 to 200 characters, not 0'),
  (repeat('x', 201), '', 'the name of a kind has from 1 to 200 characters, not 201'),
  (null, '', 'the name of a kind has from 1 to 200 characters, not null'),
  ('x', ', p_max_attempts => 0', 'p_max_attempts is out of range: 0'),
  ('x', ', p_max_attempts => 1001', 'p_max_attempts is out of range: 1001'),
  ('x', ', p_timeout_ms => 0', 'p_timeout_ms is out of range: 0'),
  ('x', ', p_backoff_base_ms => -1', 'p_backoff_base_ms is out of range: -1'),
  ('x', ', p_backoff_base_ms => 10, p_backoff_cap_ms => 5', 'p_backoff_cap_ms is out of range: 5'),
  ('mail', ', p_backoff_cap_ms => 999', 'p_backoff_cap_ms is out of range: 999'),
  ('x', ', p_max_payload_bytes => 0', 'p_max_payload_bytes is out of range: 0'),
  ('x', ', p_max_payload_bytes => 67108865', 'p_max_payload_bytes is out of range: 67108865'),
  ('x', ', p_max_running => 0', 'p_max_running is out of range: 0'),
  ('x', ', p_start_interval_ms => -1', 'p_start_interval_ms is out of range: -1'),
  ('x', ', p_start_interval_ms => 86400000', 'p_start_interval_ms is out of range: 86400000'),
  ('x', ', p_start_interval_ms => ''NaN''', 'p_start_interval_ms is out of range: NaN')) v (n, a, m);
select is(probe.hint_of($$ select pawl.define_kind('x', 'noop', p_max_attempts => 0) $$), 'It must be from 1 to 1000.', 'the hint says what is allowed');
select is(probe.hint_of($$ select pawl.define_kind('mail', 'noop', p_backoff_cap_ms => 999) $$), 'It must be p_backoff_base_ms or more, which is 1000.', 'also by what is there');
select is((select count(*) from pawl.kinds where name in ('', 'x')) + (select count(*) from pawl.limiters), 0::bigint, 'nothing of it is left');
select lives_ok($$ select pawl.define_kind('x', 'noop', p_backoff_base_ms => 700000) $$, 'a base over the default cap raises the cap');
select lives_ok($$ select pawl.define_kind('y', 'noop', p_backoff_cap_ms => 5) $$, 'a cap under the default base lowers the base');
select row_eq($$ select backoff_base_ms, backoff_cap_ms from pawl.kinds where name = 'y' $$, row (5, 5), 'to the cap');
select * from pawl.enqueue('mail') \gset first_
select pawl.define_kind('mail', 'noop', p_max_running => 3, p_start_interval_ms => 10);
select row_eq($$ select key, max_running, start_interval_ms from pawl.limiters where key = 'kind:mail' $$,
  row ('kind:mail'::text, 3, 10::double precision), 'a limiter comes with max_running and a pace');
select is((select limiter_key from pawl.jobs where id = :first_job_id), 'kind:mail', 'the standing job has it at once');
select pawl.define_kind('mail', 'noop', p_max_running => 4);
select row_eq($$ select max_running, start_interval_ms from pawl.limiters where key = 'kind:mail' $$,
  row (4, 10::double precision), 'null keeps the limiter''s other half');

-- enqueue
select throws_ok($$ select pawl.enqueue('none') $$, 'PW001', 'kind "none" does not exist', 'enqueue: an unknown kind');
select throws_ok($$ select pawl.standing_job('none') $$, 'PW001', null, 'standing_job: an unknown kind');
select pawl.define_kind('small', 'noop', p_max_payload_bytes => 100);
select throws_ok($$ select pawl.enqueue('small', jsonb_build_object('a', repeat('x', 100))) $$, 'PW004', null, 'enqueue: a payload over the limit');
select throws_ok($$ select pawl.create_job('small', array[jsonb_build_object('a', repeat('x', 100))]) $$, 'PW004', null, 'create_job: a payload over the limit');
select lives_ok($$ select pawl.enqueue('small', jsonb_build_object('a', repeat('x', 60))) $$, 'a payload under it');
select is((select job_id from pawl.enqueue('mail')), pawl.standing_job('mail'), 'a task goes into the kind''s standing job');
select is((select count(*) from pawl.jobs where kind = 'mail' and is_standing), 1::bigint, 'of which there is one');
select pawl.enqueue('mail');
select is((select payload from pawl.tasks order by id desc limit 1), '{}', 'no payload is an empty one');

-- what is null or no number is said so, wherever it comes in, and nothing is added
select count(*) as tasks_before from pawl.tasks \gset
select probe.job(0, false) as bad \gset
select throws_ok(format(s, :bad), 'PW006', m, format(s, 'JOB') || ': ' || m)
from (values
  ('select pawl.enqueue(null)', 'p_kind must not be null'),
  ('select pawl.standing_job(null)', 'p_kind must not be null'),
  ('select pawl.create_job(null, ''{}'')', 'p_kind must not be null'),
  ('select pawl.enqueue(''mail'', null)', 'a payload must not be null'),
  ('select pawl.enqueue(''mail'', p_priority => ''NaN'')', 'p_priority is out of range: NaN'),
  ('select pawl.enqueue(''mail'', p_priority => ''-Infinity'')', 'p_priority is out of range: -Infinity'),
  ('select pawl.enqueue(''mail'', p_run_at => ''infinity'')', 'p_run_at is out of range: infinity'),
  ('select pawl.add_tasks(%s, null)', 'p_payloads must not be null'),
  ('select pawl.add_tasks(%s, array[''{}'', null]::jsonb[])', 'a payload must not be null'),
  ('select pawl.add_tasks(%s, array[''{}''::jsonb], p_priority => ''NaN'')', 'p_priority is out of range: NaN'),
  ('select pawl.add_tasks(%s, array[''{}''::jsonb], p_run_at => ''infinity'')', 'p_run_at is out of range: infinity'),
  ('select pawl.create_job(''mail'', null)', 'p_payloads must not be null'),
  ('select pawl.create_job(''mail'', array[null]::jsonb[])', 'a payload must not be null'),
  ('select pawl.create_job(''mail'', ''{}'', p_priority => ''NaN'')', 'p_priority is out of range: NaN'),
  ('select pawl.create_job(''mail'', ''{}'', p_limiter_key => ''none'')', 'limiter "none" does not exist'),
  ('select pawl.crawl(null)', 'p_url must not be null'),
  ('select pawl.crawl(''https://e.com/'', ''[]'')', 'the parameters of a crawl are no JSON object: []'),
  ('select pawl.crawl(''https://e.com/'', p_max_running => 0)', 'p_max_running is out of range: 0'),
  ('select pawl.crawl(''https://e.com/'', p_start_interval_ms => ''NaN'')', 'p_start_interval_ms is out of range: NaN'),
  ('select pawl.add_tasks(null, ''{}'')', 'p_job_id must not be null'),
  ('select pawl.seal_job(null)', 'p_job_id must not be null'),
  ('select pawl.cancel_job(null)', 'p_job_id must not be null'),
  ('select pawl.pause_job(null)', 'p_job_id must not be null'),
  ('select pawl.resume_job(null)', 'p_job_id must not be null'),
  ('select pawl.retry_failed(null)', 'p_job_id must not be null'),
  ('select pawl.retry_task(null, 1)', 'p_job_id must not be null'),
  ('select pawl.retry_task(%s, null)', 'p_task_id must not be null'),
  ('select pawl.show_job(null)', 'p_job_id must not be null'),
  ('select pawl.list_tasks(null)', 'p_job_id must not be null'),
  ('select pawl.show_task(null, 1)', 'p_job_id must not be null'),
  ('select pawl.show_task(%s, null)', 'p_task_id must not be null'),
  ('select pawl.crawl_report(null)', 'p_job_id must not be null')) v (s, m);
select is((select count(*) from pawl.tasks), :tasks_before::bigint, 'none of that added a task');

-- delay
select task_id from pawl.enqueue('mail', p_run_at => now() + interval '1 hour') \gset later_
select row_eq(format('select status::text, wait_reason, due_at from pawl.tasks where id = %s', :later_task_id),
  row ('waiting'::text, 'delay'::text, now() + interval '1 hour'), 'run_at in the future: waiting, and says why and until when');
select task_id from pawl.enqueue('mail', p_run_at => now() - interval '1 hour') \gset past_
select row_eq(format('select status::text, wait_reason, run_at from pawl.tasks where id = %s', :past_task_id),
  row ('pending'::text, null::text, null::timestamptz), 'run_at in the past: pending');

-- deduplication in a standing job: while the task is active
insert into pawl.tasks (job_id, status, run_at, is_key_reusable, key)
select probe.job(0, false), s, now(), r, nullif('held ' || s || r || k, 'held ' || s || r)
from unnest(enum_range(null::pawl.task_status)) s, unnest(array[false, true]) r, unnest(array['', '!']) k;
select is((select array_agg(distinct status order by status) from pawl.tasks where key like 'held %' and is_key_reusable and is_key_active),
  array['waiting', 'pending', 'running']::pawl.task_status[], 'a task that has not ended holds a key that can be had again');
select is((select array_agg(distinct status order by status) from pawl.tasks where key like 'held %' and not is_key_reusable and is_key_active),
  enum_range(null::pawl.task_status), 'and of another kind of key any task');
select is((select count(*) from pawl.tasks where key is null and is_key_active), 0::bigint, 'none that has no key');
select probe.node() as node \gset
select probe.kind('dup');
select * from pawl.enqueue('dup', '{}', 'k', 1) \gset a_
select * from pawl.enqueue('dup', '{}', 'k', 5) \gset b_
select * from pawl.enqueue('dup', '{}', 'k', 3) \gset c_
select is(array[:b_task_id, :c_task_id], array[:a_task_id, :a_task_id], 'one key: one task');
select is((select priority from pawl.tasks where id = :a_task_id), 5::real, 'priority is raised, never lowered');
select is((select task_id from pawl.enqueue('dup', '{}', 'other')) = :a_task_id, false, 'another key: another task');
select isnt((select task_id from pawl.enqueue('dup')), (select task_id from pawl.enqueue('dup')), 'no key: never the same');
select probe.claim(:node, :a_job_id);
select is((select task_id from pawl.enqueue('dup', '{}', 'k', 9)), :a_task_id::bigint, 'a running task holds its key');
select is((select priority from pawl.tasks where id = :a_task_id), 5::real, 'and keeps its priority');
select probe.finish(:node, :a_job_id, array[:a_task_id], 'failed');
select task_id from pawl.enqueue('dup', '{}', 'k') \gset again_
select isnt(:again_task_id::bigint, :a_task_id::bigint, 'once it has ended the key is free');
select throws_ok(format('select pawl.retry_task(%s, %s)', :a_job_id, :a_task_id), 'PW003',
  format('key "k" of task %s/%s belongs to an active task', :a_job_id, :a_task_id), 'retry_task: not while another task has the key');
select is(pawl.retry_failed(:a_job_id), 0::bigint, 'retry_failed leaves it out');
select probe.claim(:node, :a_job_id);
select probe.finish(:node, :a_job_id, array[:again_task_id], 'failed');
select is(pawl.retry_failed(:a_job_id), 1::bigint, 'retry_failed: two failed tasks of one key: one runs again');
select is(probe.task_status(:a_job_id, :again_task_id), 'pending', 'the newer one');
select probe.progress_is(:a_job_id, '5/0/1/3/0/1/0', 'and all is counted');

-- deduplication in a finite job: for ever
select probe.job(0, false) as job \gset
select is(pawl.add_tasks(:job, array_fill('{}'::jsonb, array[4]), array['x', 'y', 'x', null]), 3::bigint, 'add_tasks: one key twice in a call is one task');
select is(pawl.add_tasks(:job, array_fill('{}'::jsonb, array[2]), array['y', 'z']), 1::bigint, 'a key that is there is left out');
select probe.finish(:node, :job, probe.claim(:node, :job));
select is(pawl.add_tasks(:job, array_fill('{}'::jsonb, array[2]), array['x', 'y']), 0::bigint, 'also when its task has ended');
select is(pawl.add_tasks(:job, '{}'), 0::bigint, 'no payloads: nothing');
select is(pawl.add_tasks(:job, array['{}'::jsonb], p_priority => 3, p_run_at => now() + interval '1 minute'), 1::bigint, 'a later task');
select row_eq(format('select status::text, wait_reason, priority from pawl.tasks where job_id = %s and priority = 3', :job),
  row ('waiting'::text, 'delay'::text, 3::real), 'waits, with its priority');
select throws_ok('select pawl.add_tasks(424242, array[''{}''::jsonb])', 'PW002', null, 'add_tasks: an unknown job');
select throws_ok(format('select pawl.add_tasks(%s, array[''{}''::jsonb], array[''a'', ''b''])', :job), 'PW006', null, 'add_tasks: keys that do not go with the payloads');

-- sealing
select is(pawl.seal_job(:job), true, 'seal_job');
select is(pawl.seal_job(:job), false, 'once only');
select throws_ok(format('select pawl.add_tasks(%s, array[''{}''::jsonb])', :job), 'PW003', null, 'add_tasks: a sealed job');
select throws_ok('select pawl.seal_job(424242)', 'PW002', null, 'seal_job: an unknown job');
select throws_ok(format('select pawl.seal_job(%s)', :a_job_id), 'PW005', null, 'seal_job: a standing job');
select is(probe.job_status(probe.job(0)), 'completed', 'a sealed job without tasks is completed from the start');
select throws_ok(format('select pawl.add_tasks(%s, array[''{}''::jsonb])', probe.job(0)), 'PW003', null, 'and takes none');

-- create_job
select throws_ok($$ select pawl.create_job('none', '{}') $$, 'PW001', null, 'create_job: an unknown kind');
select pawl.create_job('mail', array['{"n": 1}', '{"n": 2}']::jsonb[], '{"p": 1}', p_priority => 2) as made \gset
select row_eq(format('select params, priority, is_sealed, is_standing, limiter_key, status::text from pawl.jobs where id = %s', :made),
  row ('{"p": 1}'::jsonb, 2::real, true, false, 'kind:mail'::text, 'pending'::text), 'create_job: as asked, with the kind''s limiter');
select results_eq(format('select payload from pawl.tasks where job_id = %s order by id', :made),
  array['{"n": 1}', '{"n": 2}']::jsonb[], 'with the payloads, in order');

-- crawl
select throws_ok($$ select pawl.crawl('ftp://e.com/') $$, 'PW006', null, 'crawl: not http');
select throws_ok($$ select pawl.crawl('https://e.com/', '{"max_pages": 0}') $$, 'PW006', null, 'crawl: max_pages 0');
select throws_ok($$ select pawl.crawl('https://e.com/', '{"max_pages": "many"}') $$, 'PW006', null, 'crawl: max_pages that is no number');
select pawl.crawl('https://Example.com:8443/a?b', '{"max_pages": 7}', 2, 250) as crawl \gset
select row_eq(format('select limiter_key, is_sealed, params from pawl.jobs where id = %s', :crawl),
  row ('host:example.com:8443'::text, true, '{"url": "https://example.com:8443/a?b", "max_pages": 7}'::jsonb), 'crawl: a sealed job under its host''s limiter');
select row_eq($$ select max_running, start_interval_ms from pawl.limiters where key = 'host:example.com:8443' $$, row (2, 250::double precision), 'as asked');
select row_eq(format('select key, payload from pawl.tasks where job_id = %s', :crawl),
  row (pawl.url_key('https://example.com:8443/a?b'), '{"url": "https://example.com:8443/a?b", "depth": 0, "source": "start"}'::jsonb), 'with the start page as its first task');
select pawl.crawl('https://example.com:8443/');
select row_eq($$ select max_running, start_interval_ms from pawl.limiters where key = 'host:example.com:8443' $$, row (2, 250::double precision), 'a limiter that is there stays');
select is(pawl.url_key('https://example.com/'), left(encode(sha256('https://example.com/'), 'hex'), 32), 'url_key: half of the SHA-256');

select * from finish();
rollback;
