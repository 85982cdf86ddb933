-- Work in people's hands: cancel_task.
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

-- of a standing job: the key is free again
select probe.kind('probe');
select * from pawl.enqueue('probe', p_key => 'k') \gset k_
select is(pawl.cancel_task(:k_job_id, :k_task_id), true, 'cancel_task: of a standing job');
select isnt((select task_id from pawl.enqueue('probe', p_key => 'k')), :k_task_id::bigint, 'gives its key back');
select probe.progress_is(:k_job_id, '2/0/1/0/0/0/1', 'and is counted');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
