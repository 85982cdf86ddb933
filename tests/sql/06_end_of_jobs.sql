-- How jobs end and go on: fold, cancel, pause, resume, retry; reconcile (I1, I3).
begin;
select * from no_plan();
select probe.node() as node \gset
create function probe.folded() returns text language sql as
$$ select concat_ws('/', folded, ended, is_blocked) from pawl.fold() $$;

-- fold
select is(probe.folded(), '0/0/f', 'fold: nothing to do');
select probe.job(4) as job \gset
select results_eq('select folded, last_block between 0 and blocks - 1, ended, is_blocked from pawl.fold()',
  'select 1::bigint, true, 0::bigint, false', 'fold: one row, and says its block');
select row_eq(format('select total, pending, status::text, started_at from pawl.jobs where id = %s', :job),
  row (4::bigint, 4::bigint, 'pending'::text, null::timestamptz), 'counters moved; the job has not begun');
select probe.claim(:node, :job, 1) as ids \gset
select is(probe.folded(), '1/0/f', 'fold: a claim');
select row_eq(format('select pending, running, status::text, started_at from pawl.jobs where id = %s', :job),
  row (3::bigint, 1::bigint, 'running'::text, now()), 'the job runs, since now');
select probe.finish(:node, :job, :'ids');
select probe.finish(:node, :job, probe.claim(:node, :job, 2), 'failed');
select is(probe.folded(), '3/0/f', 'fold: several rows of one job');
select probe.finish(:node, :job, probe.claim(:node, :job, 1), 'retry', 0);
select is(probe.folded(), '2/0/f', 'a waiting task keeps the job open');
select pawl.promote_due();
select probe.finish(:node, :job, probe.claim(:node, :job, 1));
select is(probe.folded(), '3/1/f', 'the last task ends, and the fold ends the job');
select row_eq(format('select status::text, finished_at, error, completed, failed from pawl.jobs where id = %s', :job),
  row ('completed'::text, now(), null::text, 2::bigint, 2::bigint), 'completed: some of its tasks were');
select is(probe.folded(), '0/0/f', 'once only');
select probe.job(2) as lost \gset
select probe.finish(:node, :lost, probe.claim(:node, :lost), 'failed');
select pawl.fold();
select row_eq(format('select status::text, error from pawl.jobs where id = %s', :lost), row ('failed'::text, 'all 2 tasks failed'::text), 'failed: all of its tasks did');
select probe.job(1) as lost \gset
select probe.finish(:node, :lost, probe.claim(:node, :lost), 'failed');
select pawl.fold();
select is((select error from pawl.jobs where id = :lost), 'its only task failed', 'one task is said as one');
select probe.job(3) as lost \gset
select probe.finish(:node, :lost, probe.claim(:node, :lost, 1), 'failed');
update pawl.tasks set status = 'cancelled', finished_at = now() where job_id = :lost and status = 'pending';
select pawl.fold();
select row_eq(format('select status::text, error from pawl.jobs where id = %s', :lost),
  row ('failed'::text, '1 of 3 tasks failed, and none completed'::text), 'failed: what did not fail was cancelled');
select probe.job(1, false) as open \gset
select probe.finish(:node, :open, probe.claim(:node, :open));
select pawl.fold();
select is(probe.job_status(:open), 'running', 'a job that is not sealed stays open');
select pawl.seal_job(:open);
select is(probe.fold(), 1::bigint, 'sealed, it ends with the next fold');
select probe.kind('stand');
select * from pawl.enqueue('stand') \gset stand_
select probe.finish(:node, :stand_job_id, probe.claim(:node, :stand_job_id));
select is(probe.fold(), 0::bigint, 'a standing job never ends');

-- a sealed job whose tasks are deleted has nothing left to do (I3)
select probe.job(3) as emptied \gset
select is(probe.fold(), 0::bigint, 'three tasks are left');
delete from pawl.tasks where job_id = :emptied;
select is(probe.fold(), 1::bigint, 'deleted, all of them: the job ends');
select row_eq(format('select status::text, finished_at, error from pawl.jobs where id = %s', :emptied),
  row ('completed'::text, now(), null::text), 'completed, as an empty job that is sealed');
select probe.progress_is(:emptied, '0/0/0/0/0/0/0', 'I1: and counts nothing');
select throws_ok(format('insert into pawl.tasks (job_id) values (%s)', :emptied), 'PW003', null, 'I3: it takes no more tasks');
select probe.job(3) as emptied \gset
delete from pawl.tasks where job_id = :emptied;
select is(probe.fold(), 1::bigint, 'deleted before the first fold: it ends too');
select probe.job(3) as emptied \gset
select probe.finish(:node, :emptied, probe.claim(:node, :emptied, 1), 'failed');
delete from pawl.tasks where job_id = :emptied and status = 'pending';
select is(probe.fold(), 1::bigint, 'what was left is deleted: it ends');
select row_eq(format('select status::text, error from pawl.jobs where id = %s', :emptied), row ('failed'::text, 'its only task failed'::text), 'by what it has');
select probe.job(1, false) as unsealed \gset
delete from pawl.tasks where job_id = :unsealed;
select is(probe.fold(), 0::bigint, 'a job that is not sealed waits for more');
select pawl.seal_job(:unsealed);
select is(probe.job_status(:unsealed), 'completed', 'sealed, it is completed');
select pawl.crawl('https://emptied.test/') as crawl \gset
select (probe.claim(:node, :crawl))[1] as home \gset
delete from pawl.tasks where job_id = :crawl;
select row_eq(format($$ select finished, found from pawl.finish_pages(%s, '[{"job": %s, "task": %s, "attempt": 1, "outcome": "completed",
    "found": [{"key": "a", "url": "u", "priority": 1, "depth": 1}]}]') $$, :node, :crawl, :home), row (0, 0), 'I4: a page whose task was deleted adds none');
select is(probe.fold(), 1::bigint, 'so its crawl ends');
select probe.job(1) as fresh \gset
select is((select is_drained from pawl.jobs where id = :fresh), true, 'a new job has counted nothing yet');
select row_eq('select ended, is_blocked from pawl.fold(1000000)', row (0::bigint, true), 'I3: but its ledger rows keep it open');
select is(probe.fold(), 0::bigint, 'and folded, its counters do');
select probe.finish(:node, :fresh, probe.claim(:node, :fresh));
select is(probe.fold(), 1::bigint, 'until its task has ended');

-- the estimate: the rest at the rate so far
select probe.job(4) as job \gset
set local pawl.now = '2030-01-01 00:00:00+00';
select probe.claim(:node, :job, 1) as ids \gset
select pawl.fold();
set local pawl.now = '2030-01-01 00:00:10+00';
update pawl.nodes set heartbeat_at = pawl.now();
select probe.finish(:node, :job, :'ids');
select pawl.fold();
select is((select completes_at from pawl.estimate_jobs(array[:job])), '2030-01-01 00:00:40+00', 'three left at ten seconds each');
reset pawl.now;

-- the hint: rows under it are left alone, and a job that has some is not ended
select probe.job(1) as job \gset
select probe.finish(:node, :job, probe.claim(:node, :job));
select is((select folded || '/' || ended from pawl.fold(1000000)), '0/0', 'fold from a block: what stands before it is left');
select probe.progress_is(:job, '1/0/0/0/1/0/0', 'I1: the progress is exact all the same');
select is((select folded || '/' || ended from pawl.fold(0)), '3/1', 'fold from the start: all, and the end');

-- I3: a ledger row that came after the counters were read keeps the job open
select probe.job(1) as job \gset
select probe.finish(:node, :job, probe.claim(:node, :job));
update pawl.jobs set is_sealed = false where id = :job;
select pawl.fold();
update pawl.jobs set is_sealed = true where id = :job;
insert into pawl.tasks (job_id) values (:job);
select is((select ended || '/' || is_blocked from pawl.fold(1000000)), '0/true', 'I3: by its counters it is done, by the ledger it is not');
select is(probe.fold(), 0::bigint, 'folded, it is open');
select probe.finish(:node, :job, probe.claim(:node, :job));
select is(probe.fold(), 1::bigint, 'and ends in its time');

-- cancel
select probe.job(4) as job \gset
select probe.claim(:node, :job, 2) as ids \gset
select probe.finish(:node, :job, (:'ids'::bigint[])[1:1], 'retry', 60000);
select is(pawl.cancel_job(:job, 'no more'), true, 'cancel_job');
select row_eq(format('select status::text, error, finished_at from pawl.jobs where id = %s', :job), row ('cancelled'::text, 'no more'::text, now()), 'the job is cancelled, with its reason');
select probe.progress_is(:job, '4/0/0/0/0/0/4', 'I3: and all its tasks, waiting, pending and running');
select is((select count(*) from pawl.tasks where job_id = :job and (finished_at is null or wait_reason is not null or due_at is not null)), 0::bigint, 'which wait for nothing any more');
select is(probe.finish(:node, :job, :'ids'), 0, 'I4: a late finish changes nothing');
select is(pawl.cancel_job(:job), false, 'once only');
select pawl.fold();
select is(probe.job_status(:job), 'cancelled', 'I3: the fold leaves it');
select is(cardinality(probe.claim(:node, :job)), 0, 'nothing of it can be claimed');
select is(pawl.seal_job(:job), false, 'nor sealed');
select throws_ok('select pawl.cancel_job(424242)', 'PW002', null, 'cancel_job: an unknown job');
select throws_ok(format('select pawl.cancel_job(%s)', :stand_job_id), 'PW005', null, 'cancel_job: a standing job');

-- a share of the claims must be a number: every node divides its turns by it
select probe.job(1) as job \gset
select throws_ok(format('update pawl.jobs set priority = ''NaN'' where id = %s', :job), '23514', null, 'a job''s priority is a number');

-- pause and resume
select probe.job(2) as job \gset
select is(pawl.pause_job(:job), true, 'pause_job');
select is(pawl.pause_job(:job), false, 'once only');
select is((select count(*) from pawl.list_work(array['noop']) where job_id = :job), 0::bigint, 'a paused job is no work');
select is((select count(*) from pawl.sweep(array['noop']) where job_id = :job), 0::bigint, 'nor is it swept up');
select is(pawl.resume_job(:job), true, 'resume_job');
select is(probe.job_status(:job), 'pending', 'it goes back to where it was');
select is(pawl.resume_job(:job), false, 'once only');
select probe.claim(:node, :job, 1) as ids \gset
select pawl.fold();
select pawl.pause_job(:job);
select is(probe.finish(:node, :job, :'ids'), 1, 'what runs, ends');
select pawl.fold();
select is(probe.job_status(:job), 'paused', 'and the job stays paused');
select pawl.resume_job(:job);
select is(probe.job_status(:job), 'running', 'resumed: running');
select throws_ok('select pawl.pause_job(424242)', 'PW002', null, 'pause_job: an unknown job');
select throws_ok('select pawl.resume_job(424242)', 'PW002', null, 'resume_job: an unknown job');

-- retry
select pawl.define_kind('twice', 'noop', p_max_attempts => 2);
select probe.job(3, true, 'twice') as job \gset
select probe.claim(:node, :job) as ids \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3 \gset
select throws_ok(format('select pawl.retry_task(%s, %s)', :job, :t1), 'PW003', null, 'retry_task: not one that runs');
select throws_ok(format('select pawl.retry_task(%s, 424242)', :job), 'PW002', null, 'retry_task: not one that does not exist');
select throws_ok('select pawl.retry_failed(424242)', 'PW002', null, 'retry_failed: an unknown job');
select probe.finish(:node, :job, array[:t1, :t2], 'failed', 0, null, 'sql', 'broken');
select probe.finish(:node, :job, array[:t3], 'completed', 0, '{"r": 1}');
select is(probe.fold(), 1::bigint, 'the job ends');
select lives_ok(format('select pawl.retry_task(%s, %s)', :job, :t3), 'retry_task: one that is completed');
select row_eq(format('select status::text, finished_at, error from pawl.jobs where id = %s', :job), row ('running'::text, null::timestamptz, null::text), 'I3: its job is open again');
select row_eq(format('select status::text, result, finished_at, attempt, uncounted_attempts from pawl.tasks where id = %s', :t3),
  row ('pending'::text, null::jsonb, null::timestamptz, 1, 1), 'the task starts anew, under its next fencing token');
select is(probe.fold(), 0::bigint, 'I3: the fold does not end the job again while it runs');
select is(pawl.retry_failed(:job), 2::bigint, 'retry_failed: both');
select is(pawl.retry_failed(:job), 0::bigint, 'then none');
select probe.progress_is(:job, '3/0/3/0/0/0/0', 'I1: counted');
select probe.finish(:node, :job, probe.claim(:node, :job));
select is(probe.fold(), 1::bigint, 'and the job ends a second time');
select is((select array_agg(attempt order by id) from pawl.tasks where job_id = :job), array[2, 2, 2], 'in the second attempt');
select probe.job(1) as job \gset
select pawl.cancel_job(:job);
select id as t1 from pawl.tasks where job_id = :job \gset
select pawl.retry_task(:job, :t1);
select is(probe.job_status(:job), 'running', 'a cancelled task can be retried too, and opens its job');

-- reconcile: drift that was made behind the triggers' back is found, said and repaired
select is((select count(*) from pawl.reconcile()), 0::bigint, 'reconcile: no drift is the good answer');
select probe.job(5) as job \gset
select probe.job(5) as other \gset
set local session_replication_role = replica;
update pawl.tasks set status = 'completed' where id in (select id from pawl.tasks where job_id = :job limit 2);
delete from pawl.tasks where id in (select id from pawl.tasks where job_id = :job and status = 'pending' limit 1);
set local session_replication_role = origin;
alter table pawl.tasks disable trigger keep_ledger_insert;
insert into pawl.tasks (job_id, status) values (:other, 'failed');
alter table pawl.tasks enable trigger keep_ledger_insert;
select isnt(probe.progress(:job), probe.counted(:job), 'with the triggers off the counters drift');
select results_eq(format('select counter, recorded, counted from pawl.reconcile(%s)', :job),
  $$ values ('total', 5::bigint, 4::bigint), ('pending', 5, 2), ('completed', 0, 2) $$, 'reconcile: what was wrong, and by how much');
select probe.progress_is(:job, '4/0/2/0/2/0/0', 'I1: and it is right again');
select isnt(probe.progress(:other), probe.counted(:other), 'the other job was not asked for');
select results_eq('select job_id, counter, recorded, counted from pawl.reconcile()',
  format($$ values (%s::bigint, 'total', 5::bigint, 6::bigint), (%s, 'failed', 0, 1) $$, :other, :other), 'reconcile: all jobs');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'then none has drifted');
select pawl.fold();
select is((select count(*) from pawl.reconcile()), 0::bigint, 'nor after a fold');

select * from finish();
rollback;
