-- What a node calls: claim_batch, finish_tasks with every outcome, run_sql_task, and their fencing (I4).
begin;
select * from no_plan();
select probe.node() as node \gset
select probe.node() as other \gset

-- claim_batch
select probe.job(0, false) as job \gset
select pawl.add_tasks(:job, array_fill('{}'::jsonb, array[3]), p_priority => p) from unnest(array[0, 5, 1]) p;
select results_eq(format('select c.priority from pawl.claim_batch(%s, %s, 4, ''-Infinity'', 0) c order by -c.priority, c.task_id', :node, :job),
  array[5, 5, 5, 1]::real[], 'claim: the best first, as many as asked');
select is((select count(*) from pawl.tasks where job_id = :job and status = 'running' and node_id = :node and attempt = 1
  and started_at is not null), 4::bigint, 'they run, under this node and attempt 1');
select probe.progress_is(:job, '9/0/5/4/0/0/0', 'and are counted');
select is(cardinality(probe.claim(:other, :job, 100)), 5, 'another node gets the rest');
select is(probe.claim(:other, :job, 100), '{}', 'and then nothing');
select probe.job(5) as cursor \gset
select (probe.claim(:node, :cursor, 2))[2] as second \gset
select is((select array_agg(task_id order by task_id) from pawl.claim_batch(:node, :cursor, 2, 0, :second)),
  array[:second + 1, :second + 2]::bigint[], 'the cursor goes on behind the last one');
select is((select count(*) from pawl.claim_batch(:node, :cursor, 2, 0, :second + 3)), 0::bigint, 'past the end there is nothing');
select is(cardinality(probe.claim(:node, :cursor)), 1, 'from the top there is one more');
select is((select count(*) from pawl.claim_batch(:node, 424242, 1, '-Infinity', 0)), 0::bigint, 'a job that does not exist: no rows');
select probe.job(1) as paused \gset
select pawl.pause_job(:paused);
select is((select count(*) from pawl.claim_batch(:node, :paused, 1, '-Infinity', 0)), 0::bigint, 'a paused job: no rows');
select pawl.resume_job(:paused);
select is((select count(*) from pawl.claim_batch(:node, :paused, 0, '-Infinity', 0)), 0::bigint, 'a limit of 0: no rows');
select throws_ok(format('select pawl.claim_batch(424242, %s, 1, ''-Infinity'', 0)', :paused), 'PW008', null, 'a node that nobody knows is refused');
update pawl.nodes set dead_at = now() where id = :other;
select throws_ok(format('select pawl.claim_batch(%s, %s, 1, ''-Infinity'', 0)', :other, :paused), 'PW008',
  format('node %s was declared dead', :other), 'a node that was declared dead is refused');
update pawl.nodes set dead_at = null where id = :other;

-- finish_tasks: all completed
select is(probe.finish(:node, :paused, probe.claim(:node, :paused)), 1, 'finish: one task');
select row_eq(format('select status::text, finished_at, result from pawl.tasks where job_id = %s', :paused),
  row ('completed'::text, now(), null::jsonb), 'it is completed');
select is(pawl.finish_tasks(:node, '{}', '{}', '{}'), 0, 'an empty batch: 0');
select is(pawl.finish_tasks(:node, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'), 0, 'the same the long way');

-- finish_tasks: every outcome in one batch, over two jobs
select probe.job(4) as job \gset
select probe.job(1) as job2 \gset
select probe.claim(:node, :job) as ids \gset
select (probe.claim(:node, :job2))[1] as lone \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3, (:'ids'::bigint[])[4] as t4 \gset
select count(*) as deltas_before from pawl.progress_deltas \gset
select is(pawl.finish_tasks(:node, array[:job, :job, :job, :job, :job2], array[:t1, :t2, :t3, :t4, :lone], array[1, 1, 1, 1, 1],
  array['completed', 'failed', 'retry', 'returned', 'completed'], array[0, 0, 5000, 0, 0],
  array['{"r": 1}', null, null, null, null], array[null, 'status', 'timeout', null, null], array[null, 'got 500', 'too slow', null, null]),
  5, 'five outcomes in one batch, over two jobs');
select is((select count(*) from pawl.progress_deltas) - :deltas_before, 2::bigint, 'one ledger row a job');
select row_eq(format('select status::text, result, finished_at, error from pawl.tasks where id = %s', :t1),
  row ('completed'::text, '{"r": 1}'::jsonb, now(), null::text), 'completed: with its result');
select row_eq(format('select status::text, error, finished_at from pawl.tasks where id = %s', :t2),
  row ('failed'::text, 'got 500'::text, now()), 'failed: with its error');
select row_eq(format('select status::text, wait_reason, run_at, finished_at, error from pawl.tasks where id = %s', :t3),
  row ('waiting'::text, 'retry'::text, now() + interval '5 seconds', null::timestamptz, 'too slow'::text), 'retry: waits for its time, and says why');
select row_eq(format('select status::text, uncounted_attempts, error from pawl.tasks where id = %s', :t4),
  row ('pending'::text, 1, null::text), 'returned: pending again, the attempt not counted');
select results_eq(format('select task_id, attempt, node_id, error_class, error from pawl.attempts where job_id = %s order by task_id', :job),
  format($$ values (%s::bigint, 1, %s, 'status', 'got 500'), (%s::bigint, 1, %s, 'timeout', 'too slow') $$, :t2, :node, :t3, :node),
  'an attempts row for each that failed, and for no other');
select probe.progress_is(:job, '4/1/1/0/1/1/0', 'the job''s counters');
select probe.claim(:node, :job);
select is((select attempt - uncounted_attempts from pawl.tasks where id = :t4), 1, 'a returned task starts its first counted attempt');
select is((select attempt from pawl.tasks where id = :t4), 2, 'under a new fencing token');

-- fencing (I4)
select is(pawl.finish_tasks(:other, array[:job], array[:t4], array[2]), 0, 'I4: another node finishes nothing');
select is(pawl.finish_tasks(:node, array[:job], array[:t4], array[1]), 0, 'I4: an older attempt finishes nothing');
select is(pawl.finish_tasks(:node, array[:job], array[:t4], array[1], array['failed'], array[0], array[null], array['sql'], array['late']), 0, 'I4: nor fails it');
select is((select count(*) from pawl.attempts where task_id = :t4), 0::bigint, 'and leaves no trace');
select is(probe.task_status(:job, :t4), 'running', 'the task runs on');
select is(pawl.finish_tasks(:node, array[:job, :job], array[:t1, :t4], array[1, 2]), 1, 'I4: the stale one of two is skipped, the other ends');
select is(pawl.finish_tasks(:node, array[:job], array[:t4], array[2]), 0, 'I4: finished twice counts once');
select probe.progress_is(:job, '4/1/0/0/2/1/0', 'I4: and the counters never noticed');

-- a later success clears the error of an earlier attempt, the short way too
select pawl.promote_due() from (select set_config('pawl.now', (now() + interval '1 hour')::text, true)) held;
select probe.finish(:node, :job, probe.claim(:node, :job));
select row_eq(format('select status::text, error from pawl.tasks where id = %s', :t3), row ('completed'::text, null::text), 'a completed task has no error');
select is((select count(*) from pawl.attempts where task_id = :t3), 1::bigint, 'its failed attempt is still known');
select set_config('pawl.now', '', true);

-- bad outcomes fail the whole batch, and the caller halves it
select probe.job(1) as job \gset
select (probe.claim(:node, :job))[1] as t1 \gset
select throws_ok(format('select probe.finish(%s, %s, array[%s], ''completed'', 0, ''no json'')', :node, :job, :t1), '22P02', null, 'a result that is not JSON');
select throws_ok(format('select probe.finish(%s, %s, array[%s], ''vanished'')', :node, :job, :t1), '23502', null, 'an outcome that does not exist');
select throws_ok(format('select probe.finish(%s, %s, array[%s], ''retry'', null)', :node, :job, :t1), '23514', null, 'a retry without a delay');

-- run_sql_task
create table probe.effects (n integer);
create function probe.act(p jsonb) returns jsonb language plpgsql as $$
begin
  insert into effects values ((p ->> 'n')::integer); -- unqualified on purpose
  if p ? 'raise' then raise exception 'as told' using errcode = 'XX123'; end if;
  if p ? 'steal' then update pawl.tasks set attempt = attempt + 1 where id = (p ->> 'steal')::bigint; end if;
  return case when p ? 'quiet' then null else '{"done": true}' end;
end $$;
create function probe.say_nothing(p jsonb) returns void language sql as $$ insert into probe.effects values (-1) $$;
select pawl.define_kind('act', 'sql', 'probe.act');
select pawl.create_job('act', array['{"n": 1}', '{"n": 2, "raise": 1}', '{"n": 3}', '{"n": 4, "quiet": 1}']::jsonb[]) as job \gset
select probe.claim(:node, :job) as ids \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3, (:'ids'::bigint[])[4] as t4 \gset
select lives_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :t1), 'run_sql_task: the function runs, with the session''s search_path');
select row_eq(format('select status::text, result from pawl.tasks where id = %s', :t1), row ('completed'::text, '{"done": true}'::jsonb), 'and the task is completed with its result');
select pawl.run_sql_task(:node, :job, :t4, 1);
select row_eq(format('select status::text, result from pawl.tasks where id = %s', :t4), row ('completed'::text, null::jsonb), 'null is no result');
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :t2), 'XX123', 'as told', 'what the function raises goes through');
select is((select array_agg(n order by n) from probe.effects), array[1, 4], 'I7: and its effect is undone');
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :t1), 'PW008', null, 'a task that has ended');
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 2)', :node, :job, :t3), 'PW008', null, 'I4: another attempt');
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :other, :job, :t3), 'PW008', null, 'I4: another node');
update pawl.tasks set payload = format('{"n": 5, "steal": %s}', :t3)::jsonb where id = :t3;
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :t3), 'PW008', null, 'I4: a task that was lost while its function ran');
select is((select array_agg(n order by n) from probe.effects), array[1, 4], 'I7: its effect is undone too');
drop function probe.act(jsonb);
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :job, :t3), 'PW006', 'function probe.act(jsonb) does not exist', 'a function that is gone is an error, not a success');
select pawl.define_kind('void', 'sql', 'probe.say_nothing');
select pawl.create_job('void', array['{}'::jsonb]) as job \gset
select (probe.claim(:node, :job))[1] as t1 \gset
select pawl.run_sql_task(:node, :job, :t1, 1);
select row_eq(format('select status::text, result from pawl.tasks where id = %s', :t1), row ('completed'::text, null::jsonb), 'a function without a result gives none');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
