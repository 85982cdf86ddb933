-- Functions that answer 202 and call back: callback_token, callback, the outcome "leased", and deadlines that pass.
-- Guards I1, I3, I4 and I6.
begin;
select * from no_plan();
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_kind('fn', 'http', 'https://example.com/f', p_max_attempts => 2, p_backoff_base_ms => 0,
  p_options => '{"callback_timeout_ms": 600000, "max_result_bytes": 100}');
select probe.node() as node \gset
create function probe.now(p_time text) returns text language sql as $$ select set_config('pawl.now', '2030-01-01 ' || p_time || '+00', true) $$;
-- A call back with the right token; its answer, or the code and words of the error.
create function probe.call(p_job bigint, p_task bigint, p_attempt integer, p_message jsonb, p_token text default null) returns text language plpgsql as $$
begin
  return pawl.callback(p_job, p_task, p_attempt, coalesce(p_token, pawl.callback_token(p_job, p_task, p_attempt)), p_message);
exception when others then
  return sqlstate || ' ' || sqlerrm;
end $$;
-- A task of the kind that runs here: its job and its id; leased: a function has it.
create function probe.begin(p_node integer, p_lease_ms integer default null, out job bigint, out task bigint) language plpgsql as $$
begin
  select e.job_id, e.task_id into job, task from pawl.enqueue('fn', p_priority => 1) e;
  perform probe.claim(p_node, job, 1);
  if p_lease_ms is not null then
    perform pawl.finish_tasks(p_node, array[job], array[task], array[1], array['leased'], array[p_lease_ms::bigint], array[null], array[null], array[null]);
  end if;
end $$;

-- the token: HMAC-SHA256 as RFC 4231 has it, with a key of 32 bytes (made with OpenSSL)
update pawl.installation set callback_key = decode('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
\set expected `printf 'callback\n12\n345\n1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f | sed 's/.*= //'`
select is(pawl.callback_token(12, 345, 1), :'expected', 'the token is what OpenSSL makes');
select isnt(pawl.callback_token(12, 345, 2), :'expected', 'another attempt has another');
select isnt(pawl.callback_token(1, 2345, 1), :'expected', 'and another job');

-- leased
select * from probe.begin(:node, 30000) \gset
select row_eq(format('select status::text, node_id, lease_until, due_at, finished_at from pawl.tasks where id = %s', :task),
  row ('running'::text, null::integer, '2030-01-01 00:00:30+00'::timestamptz, '2030-01-01 00:00:30+00'::timestamptz, null::timestamptz), 'leased: it runs on, under no node, for so long');
select probe.progress_is(:job, '1/0/0/1/0/0/0', 'counted as running (I1)');
select is((select count(*) from pawl.attempts), 0::bigint, 'nothing failed');
select is(pawl.finish_tasks(:node, array[:job], array[:task], array[1]), 0, 'I4: the node has it no more');
select is((select w -> 'reasons' -> 0 ->> 'reason' || ': ' || (w ->> 'message') from pawl.why(:job, :task) w), 'lease: a function that will call back has it, attempt 1 of 2, under a lease', 'why (I6)');

-- a heartbeat, with progress
select probe.now('00:00:10');
select is(probe.call(:job, :task, 1, '{"status": "running", "percent": 40, "message": "resizing"}')::jsonb,
  jsonb_build_object('task', :job || '/' || :task, 'attempt', 1, 'status', 'running', 'deadline', '2030-01-01T00:10:10+00:00'), 'running: a new deadline');
select row_eq(format('select percent, message from pawl.task_progress where task_id = %s', :task), row (40::real, 'resizing'::text), 'progress is kept');
select is(pawl.show_task(:job, :task) #>> '{progress,message}', 'resizing', 'and shown');
select pawl.define_kind('fn', p_options => '{"heartbeat_timeout_ms": 20000}');
select is(probe.call(:job, :task, 1, '{"status": "running"}')::jsonb ->> 'deadline', '2030-01-01T00:10:10+00:00', 'a heartbeat never brings the end nearer');
select is(probe.call(:job, :task, 1, '{"status": "running"}', t), 'PW011 this is not the token of attempt 1 of task ' || :job || '/' || :task, 'forged: ' || t)
from unnest(array['', 'x', repeat('0', 64), pawl.callback_token(:job, :task, 2), upper(pawl.callback_token(:job, :task, 1))]) t;
select is(probe.call(424242, 1, 1, '{"status": "running"}', 'x'), 'PW011 this is not the token of attempt 1 of task 424242/1', 'forged: nothing is told about whether a task exists');
select is(probe.call(424242, 1, 1, '{"status": "running"}'), 'PW002 task 424242/1 does not exist', 'a task that is gone');
select is(probe.call(null, null, null, '{"status": "running"}', null), 'PW011 this is not the token of attempt <NULL> of task <NULL>/<NULL>', 'nothing at all');

-- messages that are none
select is(probe.call(:job, :task, 1, m), 'PW006 ' || e, 'refused: ' || coalesce(m::text, 'null'))
from (values (null::jsonb, 'the body is no JSON object'), ('null', 'the body is no JSON object'), ('[]', 'the body is no JSON object'), ('"completed"', 'the body is no JSON object'),
  ('{}', 'status is missing'), ('{"status": "done"}', 'status is "done"'), ('{"status": 1}', 'status is 1'), ('{"status": ["completed"]}', 'status is ["completed"]'),
  ('{"status": "completed", "percent": 1}', 'there is no percent'), ('{"status": "running", "result": 1}', 'there is no result'), ('{"status": "failed", "message": "x"}', 'there is no message'),
  ('{"status": "running", "percent": 101}', 'percent is no number from 0 to 100'), ('{"status": "running", "percent": -1}', 'percent is no number from 0 to 100'),
  ('{"status": "running", "percent": "40"}', 'percent is no number from 0 to 100'), ('{"status": "running", "percent": 1e400}', 'percent is no number from 0 to 100'),
  ('{"status": "running", "message": {}}', 'message is no text'), ('{"status": "failed", "error": 5}', 'error is no text'), ('{"status": "failed", "is_final": "no"}', 'is_final is neither true nor false'),
  ('{"status": "failed", "retry_after_ms": -1}', 'retry_after_ms is no number from 0 to 2592000000'), ('{"status": "failed", "retry_after_ms": 1e30}', 'retry_after_ms is no number from 0 to 2592000000')) v (m, e);
select is(probe.call(:job, :task, 1, jsonb_build_object('status', 'completed', 'result', repeat('x', 200))), 'PW004 the result has 202 bytes, and at most 100 are kept', 'a result that is too large');
select is(probe.task_status(:job, :task), 'running', 'none of them changed anything');

-- completed, and everything that comes later
select is(probe.call(:job, :task, 1, '{"status": "completed", "result": {"n": 1}}')::jsonb, jsonb_build_object('task', :job || '/' || :task, 'attempt', 1, 'status', 'completed'), 'completed');
select row_eq(format('select status::text, result, finished_at, lease_until from pawl.tasks where id = %s', :task), row ('completed'::text, '{"n": 1}'::jsonb, pawl.now(), null::timestamptz), 'with its result');
select is((select count(*) from pawl.task_progress), 0::bigint, 'its progress is gone');
select probe.progress_is(:job, '1/0/0/0/1/0/0', 'counted (I1)');
select is(probe.call(:job, :task, 1, '{"status": "completed", "result": {"n": 2}}')::jsonb, jsonb_build_object('task', :job || '/' || :task, 'attempt', 1, 'status', 'completed'), 'duplicate: the same answer');
select is((select result from pawl.tasks where id = :task), '{"n": 1}', 'and no change');
select is(probe.call(:job, :task, 1, m), format('PW003 task %s/%s has ended: it is completed', :job, :task), 'I3: replayed after the end: ' || m::text)
from unnest(array['{"status": "running", "percent": 5}', '{"status": "failed", "error": "x"}']::jsonb[]) m;
select is((select count(*) from pawl.task_progress), 0::bigint, 'no progress comes back');

-- null is no result; none is none
select * from probe.begin(:node, 30000) \gset
select probe.call(:job, :task, 1, '{"status": "completed"}');
select row_eq(format('select status::text, result from pawl.tasks where id = %s', :task), row ('completed'::text, null::jsonb), 'completed without a result');

-- failed: the kind's policy
select * from probe.begin(:node, 30000) \gset
select is(probe.call(:job, :task, 1, '{"status": "failed", "error": "no disk", "retry_after_ms": 5000}')::jsonb, jsonb_build_object('task', :job || '/' || :task, 'attempt', 1, 'status', 'failed'), 'failed');
select row_eq(format('select status::text, wait_reason, error, run_at from pawl.tasks where id = %s', :task), row ('waiting'::text, 'retry'::text, 'no disk'::text, pawl.now() + interval '5 s'), 'is tried again when it says');
select is(probe.call(:job, :task, 1, '{"status": "failed", "error": "no disk"}')::jsonb ->> 'status', 'failed', 'duplicate: the same answer');
select is((select count(*) from pawl.attempts where task_id = :task), 1::bigint, 'and one attempt');
select is(probe.call(:job, :task, 1, '{"status": "completed"}'), format('PW008 attempt 1 of task %s/%s is over: the task is waiting', :job, :task), 'I4: it cannot complete any more');
select probe.now('00:01:00'), pawl.promote_due();
select probe.claim(:node, :job, 1);
select is(probe.call(:job, :task, 1, '{"status": "completed"}'), format('PW008 attempt 1 of task %s/%s is over: the task is at attempt 2', :job, :task), 'I4: late: another attempt runs');
select is(probe.call(:job, :task, 1, '{"status": "failed"}')::jsonb ->> 'status', 'failed', 'a duplicate of what it said is still answered the same');
select is(probe.call(:job, :task, 1, '{"status": "running", "percent": 1}'), format('PW008 attempt 1 of task %s/%s is over: the task is at attempt 2', :job, :task), 'and its heartbeats count no more');
select is(probe.call(:job, :task, 3, '{"status": "completed"}'), format('PW008 attempt 3 of task %s/%s is over: the task is at attempt 2', :job, :task), 'nor those of an attempt that has not begun');

-- before the 202 was written: a heartbeat leaves the task to the node, an end wins over it
select is(probe.call(:job, :task, 2, '{"status": "running", "percent": 1}')::jsonb -> 'deadline', 'null', 'early: no deadline yet');
select row_eq(format('select node_id, lease_until from pawl.tasks where id = %s', :task), row (:node, null::timestamptz), 'early: the node still has it');
select is(probe.call(:job, :task, 2, '{"status": "failed", "error": "early"}')::jsonb ->> 'status', 'failed', 'early: an end counts');
select is(pawl.finish_tasks(:node, array[:job], array[:task], array[2], array['leased'], array[1000], array[null], array[null], array[null]), 0, 'I4: the 202 finds it ended');
select row_eq(format('select status::text, error from pawl.tasks where id = %s', :task), row ('failed'::text, 'early'::text), 'it was its last attempt');
select * from probe.begin(:node) \gset
select is(probe.call(:job, :task, 1, '{"status": "completed", "result": 7}')::jsonb ->> 'status', 'completed', 'early: completed');
select is(pawl.finish_tasks(:node, array[:job], array[:task], array[1], array['retry'], array[0], array[null], array['network'], array['reset']), 0, 'I4: whatever became of the request');
select is((select result from pawl.tasks where id = :task), '7', 'it stays completed');

-- is_final
select * from probe.begin(:node, 30000) \gset
select probe.call(:job, :task, 1, '{"status": "failed", "error": "no such order", "is_final": true}');
select is(probe.task_status(:job, :task), 'failed', 'failed for good');
select is(probe.call(:job, :task, 1, '{"status": "completed"}'), format('PW003 task %s/%s has ended: it is failed', :job, :task), 'I3: and that is that');

-- a deadline that passes, heartbeats that stop
select * from probe.begin(:node, 30000) \gset
select probe.now('00:01:30');
select is(pawl.expire_leases(), 1, 'no call came in time');
select row_eq(format('select status::text, error from pawl.tasks where id = %s', :task), row ('waiting'::text, 'timeout: it did not call back in time'::text), 'it is tried again');
select is((select error_class from pawl.attempts where task_id = :task), 'timeout', 'the attempt is a timeout');
select is(probe.call(:job, :task, 1, '{"status": "completed"}'), format('PW008 attempt 1 of task %s/%s is over: the task is waiting', :job, :task), 'I4: too late');
select is(probe.call(:job, :task, 1, '{"status": "failed"}'), format('PW008 attempt 1 of task %s/%s is over: the task is waiting', :job, :task), 'also to fail');
select probe.now('00:02:00'), pawl.promote_due();
select probe.claim(:node, :job, 1);
select pawl.finish_tasks(:node, array[:job], array[:task], array[2], array['leased'], array[20000], array[null], array[null], array[null]);
select probe.now('00:02:19');
select is(probe.call(:job, :task, 2, '{"status": "running"}')::jsonb ->> 'deadline', '2030-01-01T00:02:39+00:00', 'a heartbeat: 20 s more');
select probe.now('00:02:39');
select is(pawl.expire_leases(), 1, 'and then silence');
select row_eq(format('select status::text, error from pawl.tasks where id = %s', :task), row ('failed'::text, 'timeout: it did not call back in time'::text), 'the last attempt fails for good');

-- cancelled
select * from probe.begin(:node, 30000) \gset
select pawl.cancel_task(:job, :task);
select is(probe.call(:job, :task, 1, m), format('PW003 task %s/%s has ended: it is cancelled', :job, :task), 'I3: after cancel: ' || m::text)
from unnest(array['{"status": "running", "percent": 5}', '{"status": "failed", "error": "x"}', '{"status": "completed"}']::jsonb[]) m;
-- retried by a person: the old token is void, a new attempt has its own
select pawl.retry_task(:job, :task);
select is(probe.call(:job, :task, 1, '{"status": "completed"}'), format('PW008 attempt 1 of task %s/%s is over: the task is pending', :job, :task), 'I4: retried: the old call counts no more');
select probe.claim(:node, :job, 1);
select is(probe.call(:job, :task, 2, '{"status": "completed"}')::jsonb ->> 'status', 'completed', 'the new one does');

-- a kind with a successor and a limit: both hear of the end when the function calls back, not when it answers 202
create function probe.follow(p_node integer, p_job bigint, p_task bigint, p_outcome text) returns integer language sql as
$$ select pawl.finish_followed_tasks(p_node, array[p_job], array[p_task], array[1], array[p_outcome], array[30000], array[null], array[null], array[null], array[100], array[true]) $$;
select pawl.define_kind('after', 'noop'), pawl.define_kind('fn', p_on_complete => 'after');
select pawl.set_limit('fn', p_max_running => 1, p_spacing_ms => 60000, p_window_ms => 3600000, p_max_calls => 100);
select pawl.enqueue('fn'), pawl.enqueue('fn');
select pawl.standing_job('fn') as job, pawl.standing_job('after') as after \gset
select (probe.claim(:node, :job, 9))[1] as task \gset
select is((select count(*) from pawl.tasks where job_id = :job and status = 'running'), 1::bigint, 'one place: one runs');
select is(probe.follow(:node, :job, :task, 'leased'), 1, 'leased');
select is((select count(*) from pawl.tasks where job_id = :after), 0::bigint, 'no successor yet');
select is((select count(*) from pawl.limiter_uses), 0::bigint, 'and no end');
select is(probe.claim(:node, :job, 9), '{}', 'I11: its place is taken as long as the function works');
select is(probe.call(:job, :task, 1, '{"status": "completed", "result": {"n": 3}}')::jsonb ->> 'status', 'completed', 'it calls back');
select is((select jsonb_agg(payload -> 'result') from pawl.tasks where job_id = :after), '[{"n": 3}]', 'the successor has the result');
select results_eq('select ends, unmeasured from pawl.limiter_uses', 'values (1, 1)', 'one end, whose bytes nobody knows');
select is((probe.call(:job, :task, 1, '{"status": "completed"}'))::jsonb ->> 'status', 'completed', 'and once more');
select is((select count(*) from pawl.tasks where job_id = :after), 1::bigint, 'one successor');
select is((select count(*) from pawl.limiter_uses), 1::bigint, 'one end');
select is(probe.claim(:node, :job, 9), '{}', 'I11: the place rests, from the call back on');
select probe.now('00:03:38');
select is(probe.claim(:node, :job, 9), '{}', 'to the last');
select probe.now('00:03:39');
select (probe.claim(:node, :job, 9))[1] as task \gset
select is(probe.call(:job, :task, 1, '{"status": "completed"}')::jsonb ->> 'status', 'completed', 'earlier than its 202');
select is(probe.follow(:node, :job, :task, 'leased'), 0, 'I4: which comes to nothing');
select is((select count(*) from pawl.tasks where job_id = :after), 2::bigint, 'one successor more');
select is((select coalesce(sum(ends), 0) from pawl.limiter_uses), 1::bigint, 'and one end: the first has been taken into account');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'reconcile agrees (I1)');
select pawl.rescue_tasks(array[:node]);
select is((select count(*) from pawl.attempts where error_class = 'lost'), 0::bigint, 'a node''s death is nothing to who calls back');

-- rights
create role probe_caller;
grant usage on schema pawl to probe_caller;
create function probe.as_caller(p_statement text) returns text language plpgsql as $$
begin
  set local role probe_caller;
  execute p_statement;
  reset role;
  return 'done';
exception when others then
  return sqlstate;
end $$;
select is(probe.as_caller(s), '42501', 'a stranger may not: ' || s)
from unnest(array['select pawl.callback_token(1, 1, 1)', 'select pawl.callback(1, 1, 1, ''x'', ''{}'')', 'select callback_key from pawl.installation', 'select * from pawl.task_progress']) s;
select * from finish();
rollback;
