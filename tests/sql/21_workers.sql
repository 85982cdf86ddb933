-- External workers: claim_tasks, extend_lease, finish_task, fail_task, snooze_task, expire_leases, and what tells
-- them of work. Guards I1, I3, I4, I6, I7 and I11.
begin;
select * from no_plan();
select pawl.define_kind('mail', 'external', p_max_attempts => 3, p_backoff_base_ms => 1000, p_backoff_cap_ms => 4000);
select probe.kind('nodes');
set local pawl.now = '2030-01-01 00:00:00+00';

-- A claim as text: "job/task attempt, ...", tasks counted from the first of their job.
create function probe.take(p_limit integer default 1, p_kind text default 'mail', p_lease interval default '1 minute') returns text language sql as $$
  select coalesce(string_agg(c.job_id || '/' || c.task_id || ' ' || c.attempt, ', '), 'none')
  from pawl.claim_tasks(p_kind, 'w1', p_limit, p_lease) c
$$;
create function probe.now(p_time text) returns text language sql as $$ select set_config('pawl.now', '2030-01-01 ' || p_time || '+00', true) $$;
-- What an error says: its code and its message.
create function probe.error_of(p_statement text) returns text language plpgsql as $$
begin
  execute p_statement;
  return 'no error';
exception when others then
  return sqlstate || ' ' || sqlerrm;
end $$;

-- claim_tasks
select is(probe.take(), 'none', 'claim: nothing there');
select pawl.standing_job('mail') as job \gset
select pawl.enqueue('mail', '{"n": 1}', p_priority => 1);
select pawl.enqueue('mail', '{"n": 2}', p_priority => 3);
select pawl.enqueue('mail', '{"n": 3}', p_priority => 2);
select results_eq($$ select job_id, attempt, payload ->> 'n', lease_until from pawl.claim_tasks('mail', 'w1', 2, '90 seconds') $$,
  format($$ values (%s::bigint, 1, '2', '2030-01-01 00:01:30+00'::timestamptz), (%1$s::bigint, 1, '3', '2030-01-01 00:01:30+00'::timestamptz) $$, :job),
  'claim: the best first, with payload, attempt and the end of the lease');
select is((select count(*) from pawl.tasks where job_id = :job and status = 'running' and node_id is null and worker = 'w1'
  and started_at = pawl.now() and due_at = lease_until), 2::bigint, 'they run under the worker, and the lease is their due time');
select probe.progress_is(:job, '3/0/1/2/0/0/0', 'and are counted (I1)');
select is((select count(*) from pawl.claim_tasks('mail', 'w2', 10)), 1::bigint, 'another worker gets the rest');
select is(probe.take(10), 'none', 'then there is none');
select is(pawl.next_due_ms(), 60000::bigint, 'the earliest end of a lease is due');

-- refused
select is(probe.error_of($$ select pawl.claim_tasks('nothing', 'w') $$), 'PW001 kind "nothing" does not exist', 'an unknown kind');
select is(probe.error_of($$ select pawl.claim_tasks(null, 'w') $$), 'PW006 p_kind must not be null', 'no kind');
select is(probe.error_of($$ select pawl.claim_tasks('nodes', 'w') $$), 'PW006 kind "nodes" is run by nodes: its executor is noop', 'a kind that nodes run');
select matches(probe.error_of(format('select pawl.claim_tasks(%L, %s, %s, %s)', 'mail', w, l, i)), '^PW006', format('refused: worker %s, limit %s, lease %s', w, l, i))
from (values ('null', '1', $$'1 minute'$$), ($$''$$, '1', $$'1 minute'$$), ($$'w'$$, '0', $$'1 minute'$$), ($$'w'$$, '10001', $$'1 minute'$$),
  ($$'w'$$, 'null', $$'1 minute'$$), ($$'w'$$, '1', 'null'), ($$'w'$$, '1', $$'0'$$), ($$'w'$$, '1', $$'-1 second'$$), ($$'w'$$, '1', $$'31 days'$$)) v (w, l, i);

-- extend_lease
select probe.now('00:00:30');
select id as t1 from pawl.tasks where job_id = :job and payload ->> 'n' = '1' \gset
select id as t2 from pawl.tasks where job_id = :job and payload ->> 'n' = '2' \gset
select id as t3 from pawl.tasks where job_id = :job and payload ->> 'n' = '3' \gset
select is(pawl.extend_lease(:job, :t1, 1, '5 minutes'), '2030-01-01 00:05:30+00'::timestamptz, 'extend: so long from now');
select is((select due_at from pawl.tasks where id = :t1), '2030-01-01 00:05:30+00'::timestamptz, 'and is due then');
select is((select count(*) from pawl.task_progress), 0::bigint, 'no progress was said');
select pawl.extend_lease(:job, :t1, 1, '5 minutes', 12.5, 'reading');
select pawl.extend_lease(:job, :t1, 1, '5 minutes', 50);
select row_eq(format('select attempt, percent, message from pawl.task_progress where job_id = %s and task_id = %s', :job, :t1),
  row (1, 50::real, 'reading'::text), 'progress: what is not said stays');
select is(pawl.show_task(:job, :t1) #> '{progress,percent}', '50', 'show_task has it');
select is(pawl.show_task(:job, :t1) ->> 'worker', 'w2', 'and the worker');
select is(probe.error_of(format('select pawl.extend_lease(%s, %s, 1, ''1 minute'', %s)', :job, :t1, p)), 'PW006 p_percent is out of range: ' || v, 'percent ' || v)
from (values ('-0.5', '-0.5'), ('100.5', '100.5'), ($$'NaN'$$, 'NaN'), ($$'Infinity'$$, 'Infinity')) x (p, v);
select is(probe.error_of(format('select pawl.extend_lease(%s, %s, 1, ''0'')', :job, :t1)), 'PW006 p_lease is out of range: 00:00:00', 'a lease that is none');
select is(length((select message from pawl.task_progress where task_id = :t1)), 7, 'nothing of it stayed');
select pawl.extend_lease(:job, :t1, 1, '5 minutes', 60, repeat('x', 5000));
select is(length((select message from pawl.task_progress where task_id = :t1)), 1000, 'a long message is cut');

-- finish_task
select lives_ok(format('select pawl.finish_task(%s, %s, 1, ''{"sent": true}'')', :job, :t1), 'finish');
select row_eq(format('select status::text, result, finished_at, lease_until, due_at, worker from pawl.tasks where id = %s', :t1),
  row ('completed'::text, '{"sent": true}'::jsonb, pawl.now(), null::timestamptz, null::timestamptz, 'w2'::text), 'completed: with its result, and due no more');
select is((select count(*) from pawl.task_progress), 0::bigint, 'its progress is gone');
select probe.progress_is(:job, '3/0/0/2/1/0/0', 'counted (I1)');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :job, :t1)), format('PW008 task %s/%s has ended: it is completed', :job, :t1),
  'I4: twice: an effect in the same transaction must not happen twice');
select is(probe.error_of(format('select pawl.extend_lease(%s, %s, 1)', :job, :t1)), format('PW008 task %s/%s has ended: it is completed', :job, :t1), 'nor is its lease extended');
select is(probe.error_of(format('select pawl.fail_task(%s, %s, 1, ''x'')', :job, :t1)), format('PW008 task %s/%s has ended: it is completed', :job, :t1), 'nor does it fail');
select is(probe.error_of(format('select pawl.snooze_task(%s, %s, 1, ''1 s'')', :job, :t1)), format('PW008 task %s/%s has ended: it is completed', :job, :t1), 'nor is it put off');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 2)', :job, :t2)), format('PW008 attempt 2 of task %s/%s has not begun', :job, :t2), 'I4: an attempt to come');
select is(probe.error_of(format('select pawl.finish_task(%s, 424242, 1)', :job)), format('PW002 task %s/424242 does not exist', :job), 'a task that does not exist');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, null)', :job, :t2)), 'PW006 p_attempt must not be null', 'no attempt');
select is(probe.error_of(format('select pawl.finish_task(null, %s, 1)', :t2)), 'PW006 p_job_id must not be null', 'no job');
select probe.node() as node \gset
select probe.job(1) as theirs \gset
select (probe.claim(:node, :theirs))[1] as their_task \gset
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :theirs, :their_task)), format('PW008 task %s/%s is run by node %s', :theirs, :their_task, :node),
  'I4: a task that a node runs');
select is(pawl.finish_tasks(:node, array[:job], array[:t2], array[1]), 0, 'I4: a node finishes no task of a worker');

-- fail_task: the kind's policy
select is(pawl.fail_task(:job, :t2, 1, 'no route', '10 seconds'), 'waiting', 'fail: tried again');
select row_eq(format('select status::text, wait_reason, run_at, error, lease_until from pawl.tasks where id = %s', :t2),
  row ('waiting'::text, 'retry'::text, '2030-01-01 00:00:40+00'::timestamptz, 'no route'::text, null::timestamptz), 'after the time that was asked for (I6)');
select row_eq(format('select attempt, worker, node_id, error_class, error, started_at, failed_at from pawl.attempts where task_id = %s', :t2),
  row (1, 'w1'::text, null::integer, 'worker'::text, 'no route'::text, '2030-01-01 00:00:00+00'::timestamptz, pawl.now()), 'the attempt is recorded, with its worker');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :job, :t2)), format('PW008 attempt 1 of task %s/%s has ended: the task is waiting', :job, :t2), 'I4: its token is void');
select probe.now('00:00:40');
select is(pawl.promote_due(), 1, 'its time comes');
select is(probe.take(1), format('%s/%s 2', :job, :t2), 'attempt 2');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :job, :t2)), format('PW008 attempt 1 of task %s/%s was replaced by attempt 2', :job, :t2), 'I4: the first one finishes nothing');
select pawl.fail_task(:job, :t2, 2, 'again');
select is((select run_at between pawl.now() and pawl.now() + interval '2 seconds' from pawl.tasks where id = :t2), true, 'else after the kind''s backoff');
select probe.now('00:01:00');
select pawl.promote_due();
select probe.take(1);
select is(pawl.fail_task(:job, :t2, 3, 'at last', '1 hour'), 'failed', 'the last attempt fails for good');
select row_eq(format('select status::text, finished_at, error, wait_reason from pawl.tasks where id = %s', :t2), row ('failed'::text, pawl.now(), 'at last'::text, null::text), 'failed');
select is(pawl.fail_task(:job, :t3, 1, 'no such address', p_is_final => true), 'failed', 'fail: of no use to try again');
select probe.progress_is(:job, '3/0/0/0/1/2/0', 'counted (I1)');
select is(probe.error_of(format('select pawl.fail_task(%s, %s, 1, ''x'', ''-1 s'')', :job, :t3)), 'PW006 p_retry_after is out of range: -00:00:01', 'a time that is gone');
select is((select bool_and(b between 0 and least(4000, 1000 * 2 ^ (f - 1))) and max(b) > 2500 from generate_series(1, 100) f, lateral (select pawl.backoff_ms(1000, 4000, f) as b) x), true,
  'backoff: a random part of the doubled base, up to the cap');
select is(pawl.backoff_ms(0, 0, 1), 0::bigint, 'none is none');

-- retry by a person
select pawl.retry_task(:job, :t3);
select is(probe.take(1), format('%s/%s 2', :job, :t3), 'a retried task is claimed again');
select is((select attempt - uncounted_attempts from pawl.tasks where id = :t3), 1, 'with a fresh count');
select is(probe.error_of(format('select pawl.retry_task(%s, %s)', :job, :t3)), format('PW003 task %s/%s has not ended: it is running', :job, :t3), 'while it runs it cannot be retried');

-- snooze_task
select is(pawl.snooze_task(:job, :t3, 2, '10 minutes'), '2030-01-01 00:11:00+00'::timestamptz, 'snooze: until then');
select row_eq(format('select status::text, wait_reason, attempt - uncounted_attempts, lease_until from pawl.tasks where id = %s', :t3),
  row ('waiting'::text, 'snooze'::text, 0, null::timestamptz), 'it waits, says why (I6), and the attempt does not count');
select is((select count(*) from pawl.attempts where task_id = :t3), 1::bigint, 'nothing failed');
select is(probe.error_of(format('select pawl.snooze_task(%s, %s, 2, %s)', :job, :t3, d)), 'PW006 ' || e, 'snooze for ' || d)
from (values ('null', 'p_delay must not be null'), ($$'-1 s'$$, 'p_delay is out of range: -00:00:01'), ($$'11 years'$$, 'p_delay is out of range: 11 years')) v (d, e);

-- expire_leases: attempts count, then it is lost
select probe.now('01:00:00');
select * from pawl.enqueue('mail', '{"n": 4}') \gset lost_
select probe.take(1);
select pawl.extend_lease(:job, :lost_task_id, 1, '1 minute', 10, 'begun');
select probe.now('01:00:59.999');
select is(pawl.expire_leases(), 0, 'expire: none has ended');
select probe.now('01:01:00');
select is(pawl.promote_due(), 1, '(the one that was put off)');
select is(pawl.expire_leases(), 1, 'expire: that one');
select row_eq(format('select status::text, wait_reason, error, lease_until, run_at between pawl.now() and pawl.now() + interval ''1 second'' from pawl.tasks where id = %s', :lost_task_id),
  row ('waiting'::text, 'retry'::text, 'lost: its worker was silent until its lease ended'::text, null::timestamptz, true), 'waits for its backoff');
select row_eq(format('select attempt, worker, error_class, error from pawl.attempts where task_id = %s', :lost_task_id),
  row (1, 'w1'::text, 'lost'::text, 'its worker was silent until its lease ended'::text), 'the attempt counts');
select is((select count(*) from pawl.task_progress), 0::bigint, 'its progress is gone');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :job, :lost_task_id)), format('PW008 attempt 1 of task %s/%s has ended: the task is waiting', :job, :lost_task_id), 'I4: too late');
select probe.now('01:01:02');
select pawl.promote_due();
select is(probe.take(10), format('%s/%s 3, %s/%s 2', :job, :t3, :job, :lost_task_id), 'both run again');
select pawl.finish_task(:job, :t3, 3);
select probe.now('01:10:00');
select lives_ok(format('select pawl.extend_lease(%s, %s, 2)', :job, :lost_task_id), 'a lease that has ended, which nobody has noticed, is as good as any');
select probe.now('01:11:00');
select pawl.expire_leases(), probe.now('01:12:00'), pawl.promote_due();
select probe.take(1);
select probe.now('01:13:00');
select is(pawl.expire_leases(), 1, 'the last attempt');
select row_eq(format('select status::text, error, finished_at from pawl.tasks where id = %s', :lost_task_id),
  row ('failed'::text, 'lost: its worker was silent until its lease ended'::text, pawl.now()), 'is lost for good');
select is(pawl.next_due_ms(), null, 'nothing is due any more');
select probe.progress_is(:job, '4/0/0/0/2/2/0', 'counted (I1)');
-- many at once, over two jobs, and a node's task in between
select pawl.create_job('mail', array_fill('{}'::jsonb, array[30])) as finite \gset
select pawl.enqueue('mail') from generate_series(1, 5);
select is((select count(*) from pawl.claim_tasks('mail', 'w1', 100)), 35::bigint, 'claim: out of a standing and a finite job');
select probe.now('01:20:00');
select probe.new_deltas();
select is(pawl.expire_leases(10) || ' ' || pawl.expire_leases(10) || ' ' || pawl.expire_leases(), '10 10 15', 'expire: up to the limit, then the rest');
select cmp_ok(probe.new_deltas(), '<=', 5::bigint, 'one ledger row a job and call');
select is((select count(distinct run_at) > 10 from pawl.tasks where job_id = :finite), true, 'each with a backoff of its own');
select probe.progress_is(:finite, '30/30/0/0/0/0/0', 'counted (I1)');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'reconcile agrees');
-- a lease that was left behind on what a node runs
select probe.now('01:30:00');
select probe.job(1) as left_behind \gset
update pawl.tasks set lease_until = '2030-01-01 01:25:00+00' where job_id = :left_behind;
select probe.claim(:node, :left_behind);
select pawl.promote_due();
select is(pawl.next_due_ms(), 0::bigint, 'a lease that was left behind is due');
select is(pawl.expire_leases(), 0, 'expire: takes nothing from a node');
select is((select status::text || coalesce(lease_until::text, '') from pawl.tasks where job_id = :left_behind), 'running', 'and takes the lease away');
select is(pawl.next_due_ms(), null, 'so that it is due no more');

-- a clock that jumps back makes leases longer, never a task run twice; forward, they end, and fencing holds
select is((select count(*) from pawl.claim_tasks('mail', 'w1', 1)), 1::bigint, '(a lease that ends at 01:31)');
select probe.now('01:00:00');
select is(pawl.expire_leases(), 0, 'a clock that went back ends nothing');

-- cancel and pause
select pawl.create_job('mail', array_fill('{}'::jsonb, array[2])) as doomed \gset
update pawl.tasks set status = 'cancelled', finished_at = now(), lease_until = null where job_id = :finite;
update pawl.tasks set status = 'cancelled', finished_at = now(), lease_until = null where job_id = :job and status in ('pending', 'waiting', 'running');
select count(*) from pawl.claim_tasks('mail', 'w1', 1) \gset
select id as doomed_task from pawl.tasks where job_id = :doomed and status = 'running' \gset
select pawl.extend_lease(:doomed, :doomed_task, 1, '1 minute', 5);
select is(pawl.cancel_job(:doomed), true, 'cancel a job with a leased task');
select is(probe.error_of(format('select pawl.%s', s)), format('PW008 task %s/%s has ended: it is cancelled', :doomed, :doomed_task), 'I3, I4: after cancel: ' || s)
from unnest(array[format('finish_task(%s, %s, 1)', :doomed, :doomed_task), format('extend_lease(%s, %s, 1)', :doomed, :doomed_task),
  format('fail_task(%s, %s, 1, ''x'')', :doomed, :doomed_task), format('snooze_task(%s, %s, 1, ''1 s'')', :doomed, :doomed_task)]) s;
select is((select count(*) from pawl.tasks where job_id = :doomed and (status <> 'cancelled' or lease_until is not null)), 0::bigint, 'cancelled, and without a lease');
select is((select count(*) from pawl.task_progress), 0::bigint, 'nor progress');
select probe.progress_is(:doomed, '2/0/0/0/0/0/2', 'counted (I1)');
select pawl.enqueue('mail') as cancelled \gset
select job_id as c_job, task_id as c_task from pawl.claim_tasks('mail', 'w1', 1) \gset
select pawl.extend_lease(:c_job, :c_task, 1, '1 minute', 5);
select is(pawl.cancel_task(:c_job, :c_task), true, 'cancel one leased task');
select row_eq(format('select status::text, lease_until, (select count(*) from pawl.task_progress) from pawl.tasks where id = %s', :c_task),
  row ('cancelled'::text, null::timestamptz, 0::bigint), 'it is, without a lease or progress');
select is(probe.error_of(format('select pawl.finish_task(%s, %s, 1)', :c_job, :c_task)), format('PW008 task %s/%s has ended: it is cancelled', :c_job, :c_task), 'I4: its worker finishes nothing');
select pawl.create_job('mail', array_fill('{}'::jsonb, array[2])) as paused \gset
select pawl.pause_job(:paused);
select is(probe.take(10), 'none', 'a paused job gives nothing');
select pawl.resume_job(:paused);
select is((select count(*) from pawl.claim_tasks('mail', 'w1', 1)), 1::bigint, 'until it is resumed');
select pawl.pause_job(:paused);
select lives_ok(format('select pawl.finish_task(%s, (select id from pawl.tasks where job_id = %1$s and status = ''running''), 1)', :paused), 'what runs of it may end');
select pawl.resume_job(:paused);

-- a finite job ends with its last task
select lives_ok(format('select pawl.finish_task(job_id, task_id, attempt) from pawl.claim_tasks(''mail'', ''w1'', 1)'), 'claimed and finished');
select probe.fold();
select is(probe.job_status(:paused), 'completed', 'I3: the job ends');

-- a dead node's rescue leaves workers alone
select pawl.create_job('mail', array_fill('{}'::jsonb, array[1])) as kept \gset
select count(*) from pawl.claim_tasks('mail', 'w1', 1) \gset
select pawl.rescue_tasks(array[:node]);
select is((select status::text || ' ' || worker from pawl.tasks where job_id = :kept), 'running w1', 'rescue takes nothing from a worker');
select pawl.finish_task(:kept, (select id from pawl.tasks where job_id = :kept), 1);

-- everybody's turn: a large job and a small one of one weight get equal chances
select pawl.create_job('mail', array_fill('{}'::jsonb, array[2000])) as large \gset
select pawl.create_job('mail', array_fill('{}'::jsonb, array[200])) as small \gset
select cmp_ok((select count(*) filter (where c.job_id = :small) from generate_series(1, 200) i, lateral (select * from pawl.claim_tasks('mail', 'w' || i, 1)) c), '>', 50::bigint,
  'a small job is not starved by a large one');
update pawl.jobs set priority = 4 where id = :large;
select cmp_ok((select count(*) filter (where c.job_id = :small) from generate_series(1, 50) i, lateral (select * from pawl.claim_tasks('mail', 'w' || i, 1)) c), '<', 20::bigint,
  'priority is a job''s share');
delete from pawl.jobs where id in (:large, :small);

-- limits (I11)
select pawl.define_kind('one', 'external', p_max_running => 2);
select pawl.enqueue('one') from generate_series(1, 3);
select is((select count(*) from pawl.claim_tasks('one', 'w', 10)), 2::bigint, 'I11: as many as the limit has room for');
select is((select count(*) from pawl.claim_tasks('one', 'v', 10)), 0::bigint, 'I11: then none');
select pawl.finish_task(t.job_id, t.id, 1) from pawl.tasks t where t.worker = 'w' and t.status = 'running' and t.job_id = pawl.standing_job('one') limit 1;
select is((select count(*) from pawl.claim_tasks('one', 'v', 10)), 1::bigint, 'I11: until one ends');
select pawl.define_kind('paced', 'external', p_start_interval_ms => 1000);
select pawl.enqueue('paced') from generate_series(1, 4);
select is((select count(*) from pawl.claim_tasks('paced', 'w', 10)), 1::bigint, 'pace: only what may start now');
select is((select count(*) from pawl.claim_tasks('paced', 'w', 10)), 0::bigint, 'pace: the next one later');
select is((select workers_wake_at from pawl.limiters where key = 'kind:paced'), pawl.now() + interval '1 second', 'when, is noted for who wakes the workers');
select results_eq($$ select kind, pending, wake_ms from pawl.list_external_work() where kind = 'paced' $$, $$ values ('paced', 3::bigint, 1000::bigint) $$, 'and listed');
set local pawl.now = '2030-01-01 01:00:01+00';
select is((select count(*) from pawl.claim_tasks('paced', 'w', 10)), 1::bigint, 'then it may');
select pawl.define_kind('bursty', 'external');
select pawl.set_limit('bursty', p_start_interval_ms => 1000, p_burst => 3);
select pawl.enqueue('bursty') from generate_series(1, 5);
select is((select count(*) from pawl.claim_tasks('bursty', 'w', 10)), 3::bigint, 'pace: with what its burst allows');
select is((select count(*) from pawl.claim_tasks('bursty', 'w', 10)), 0::bigint, 'pace: then none');
delete from pawl.jobs where kind = 'bursty';
delete from pawl.kinds where name = 'bursty';

-- what a node is told for workers
select results_eq($$ select kind, pending, active from pawl.list_external_work() $$,
  $$ values ('mail', 0::bigint, 0::bigint), ('one', 0, 2), ('paced', 2, 4) $$, 'list_external_work: each kind of external workers, no other');
select mark as mark_before, active as active_before from pawl.list_external_work() where kind = 'paced' \gset
set local pawl.now = '2030-01-01 01:00:05+00';
select pawl.claim_tasks('paced', 'w', 1);
select is((select active from pawl.list_external_work() where kind = 'paced'), :active_before::bigint, 'a claim makes no task more');
select pawl.enqueue('paced');
select isnt((select mark from pawl.list_external_work() where kind = 'paced'), :'mark_before', 'a new one changes the mark');
select is(probe.error_of('select pawl.wake_workers(array[''a'', ''b''])'), 'no error', 'wake_workers');

-- a deleted job takes its tasks' progress along
select pawl.enqueue('mail') as enqueued \gset
select pawl.extend_lease(c.job_id, c.task_id, c.attempt, '1 minute', 1) from pawl.claim_tasks('mail', 'w') c;
select is((select count(*) from pawl.task_progress), 1::bigint, 'progress');
delete from pawl.jobs where id = :job;
select is((select count(*) from pawl.task_progress), 0::bigint, 'goes with the job');

-- rights: those that docs/workers.md names are enough, and without them nothing works
create role probe_worker;
create function probe.as_worker(p_statement text) returns text language plpgsql as $$
begin
  set local role probe_worker;
  execute p_statement;
  reset role;
  return 'done';
exception when others then
  return sqlstate;
end $$;
select pawl.enqueue('mail') from generate_series(1, 4);
select is(probe.as_worker(format('select pawl.%s', s)), '42501', 'a stranger may not: ' || s)
from unnest(array['claim_tasks(''mail'', ''w'')', 'extend_lease(1, 1, 1)', 'finish_task(1, 1, 1)', 'fail_task(1, 1, 1, ''x'')', 'snooze_task(1, 1, 1, ''1 s'')', 'expire_leases()']) s;
\set rights `sed -n '/^-- rights of a worker/,/^-- end/p' ../../docs/workers.md | sed 's/my_worker/probe_worker/g'`
:rights
select is(probe.as_worker(s), 'done', 'a worker may: ' || s)
from unnest(array[
  'select pawl.finish_task(job_id, task_id, attempt) from pawl.claim_tasks(''mail'', ''w'')',
  'select pawl.extend_lease(job_id, task_id, attempt, ''1 minute'', 1, ''x'') from pawl.claim_tasks(''mail'', ''w'')',
  'select pawl.fail_task(job_id, task_id, attempt, ''x'') from pawl.claim_tasks(''mail'', ''w'')',
  'select pawl.snooze_task(job_id, task_id, attempt, ''1 s'') from pawl.claim_tasks(''mail'', ''w'')',
  'select pawl.claim_tasks(''paced'', ''w'')', 'select pawl.claim_tasks(''paced'', ''w'')']) s;
select is(probe.as_worker(s), '42501', 'but not: ' || s)
from unnest(array['select pawl.cancel_job(1)', 'select pawl.define_kind(''x'', ''noop'')', 'delete from pawl.tasks']) s;

-- in a transaction that began some time ago, as this one
select set_config('pawl.now', '', true);
select probe.kind('aged');
select pawl.define_kind('aged', 'external');
select job_id as aged_job, task_id as aged_task from pawl.enqueue('aged') \gset
select is((select lease_until > now() + interval '1 minute' from pawl.claim_tasks('aged', 'w', 1, '1 minute')), true, 'a lease counts from the claim, not from the begin of the transaction');
select is((select pawl.extend_lease(:aged_job, :aged_task, 1, '2 minutes') > now() + interval '2 minutes'), true, 'and so when it is extended');
select * from finish();
rollback;
