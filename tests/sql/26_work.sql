-- Work in people's hands: cancel_task, and the same key again.
begin;
select * from no_plan();
select probe.node() as node \gset

-- cancel_task: of a finite job, one task in each state
select probe.job(4, false) as job \gset
select probe.claim(:node, :job, 2) as ids \gset
select (:'ids'::bigint[])[1] as running, (:'ids'::bigint[])[2] as waiting \gset
select probe.finish(:node, :job, array[:waiting], 'retry', 60000);
select min(id) as pending, max(id) as other from pawl.tasks where job_id = :job and status = 'pending' \gset
select is(pawl.cancel_task(:job, :running, 'not this one'), true, 'cancel_task: one that runs');
select is(pawl.cancel_task(:job, :waiting), true, 'one that waits');
select is(pawl.cancel_task(:job, :pending), true, 'one that is pending');
select probe.progress_is(:job, '4/0/1/0/0/0/3', 'I1: the job''s counters');
select row_eq(format('select status::text, error, finished_at, wait_reason, due_at from pawl.tasks where id = %s', :running),
  row ('cancelled'::text, 'not this one'::text, now(), null::text, null::timestamptz), 'it says why');
select row_eq(format('select error, wait_reason, due_at from pawl.tasks where id = %s', :waiting),
  row ('cancelled by request'::text, null::text, null::timestamptz), 'and waits for nothing any more');
select is(pawl.cancel_task(:job, :running, 'again'), false, 'I3: once only');
select is((select error from pawl.tasks where id = :running), 'not this one', 'I3: and the first reason stays');
select is(probe.finish(:node, :job, array[:running]), 0, 'I4: a late end changes nothing');
select is(probe.finish(:node, :job, array[:running], 'retry', 1), 0, 'I4: nor a late failure');
select is(probe.task_status(:job, :running), 'cancelled', 'I3: it stays cancelled');
select is(probe.claim(:node, :job), array[:other]::bigint[], 'what was cancelled is not claimed');
select is(probe.finish(:node, :job, array[:other]), 1, 'the others go on');
select is(pawl.cancel_task(:job, :other), false, 'I3: a completed task stays so');
select is(probe.task_status(:job, :other), 'completed', 'I3: as it was');
select pawl.seal_job(:job);
select is(probe.fold(), 1::bigint, 'and the job ends');
select is(probe.job_status(:job), 'completed', 'completed, since a task of it is');
select pawl.retry_task(:job, :running);
select is(probe.task_status(:job, :running), 'pending', 'a cancelled task can be retried');
select throws_ok(format('select pawl.cancel_task(%s, 424242)', :job), 'PW002', null, 'an unknown task');
select throws_ok(format('select pawl.cancel_task(424242, %s)', :other), 'PW002', null, 'an unknown job');
select throws_ok(format('select pawl.cancel_task(%s, null)', :job), 'PW006', null, 'no task at all');

-- what a node asks that no bell reached
select probe.job(4) as heard \gset
select probe.claim(:node, :heard) as ids \gset
select pawl.cancel_task(:heard, (:'ids'::bigint[])[1]);
update pawl.tasks set attempt = 2 where id = (:'ids'::bigint[])[2];
update pawl.tasks set node_id = :node + 1 where id = (:'ids'::bigint[])[3];
select results_eq(format('select job_id, task_id from pawl.list_lost(%s, array_fill(%s::bigint, array[5]), %L::bigint[] || 424242::bigint, array_fill(1, array[5])) order by 2', :node, :heard, :'ids'::bigint[]),
  format('select %s::bigint, i from unnest((%L::bigint[])[1:3] || 424242::bigint) i order by 2', :heard, :'ids'), 'list_lost: cancelled, newer, another''s, gone; not its own');
delete from pawl.jobs where id = :heard;

-- of a standing job: the key is free again
select probe.kind('probe');
select * from pawl.enqueue('probe', p_key => 'k') \gset k_
select is(pawl.cancel_task(:k_job_id, :k_task_id), true, 'cancel_task: of a standing job');
select isnt((select task_id from pawl.enqueue('probe', p_key => 'k')), :k_task_id::bigint, 'gives its key back');
select probe.progress_is(:k_job_id, '2/0/1/0/0/0/1', 'and is counted');

-- the same key again: the task that is there, which gets no worse, and waits as it did
select task_id as d from pawl.enqueue('probe', '{"n": 1}', 'delayed', 1, now() + interval '1 hour') \gset
create function probe.state() returns text language sql as $$
  select t.status || ' ' || t.priority || ' ' || (t.run_at = now() + interval '1 hour') || ' ' || t.payload::text from pawl.tasks t where t.key = 'delayed'
$$;
select is((select task_id from pawl.enqueue('probe', '{"n": 2}', 'delayed', 5)), :d::bigint, 'a task that waits for its time holds its key');
select is(probe.state(), 'waiting 5 true {"n": 1}', 'it is raised, and nothing else: it waits as it did, with its own payload');
select is((select task_id from pawl.enqueue('probe', '{"n": 3}', 'delayed', 2, now())), :d::bigint, 'a lower priority');
select is((select task_id from pawl.enqueue('probe', '{"n": 3}', 'delayed', null, now() + interval '2 hours')), :d::bigint, 'none, and another time');
select is(probe.state(), 'waiting 5 true {"n": 1}', 'change nothing');
select is((select count(*) from pawl.tasks where key = 'delayed'), 1::bigint, 'and there is one task');
select pawl.promote_due() from (select set_config('pawl.now', (now() + interval '2 hours')::text, true)) held;
select set_config('pawl.now', '', true);
select (probe.claim(:node, :k_job_id, 1))[1] as best \gset
select is(:best::bigint, :d::bigint, 'due, it goes first');
select is((select task_id from pawl.enqueue('probe', '{"n": 4}', 'delayed', 9)), :d::bigint, 'while it runs it holds its key');
select is((select priority from pawl.tasks where id = :d), 5::real, 'and is not raised any more');
select probe.finish(:node, :k_job_id, array[:d], 'retry', 60000);
select is((select task_id from pawl.enqueue('probe', '{"n": 4}', 'delayed', 9)), :d::bigint, 'nor is another made while it waits to be tried again');
select is((select priority from pawl.tasks where id = :d), 9::real, 'which raises it');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
