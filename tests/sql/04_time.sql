-- Time: promote_due and next_due_ms, with the clock held.
begin;
select * from no_plan();
select is(pawl.now(), now(), 'pawl.now is the transaction''s time');
set local pawl.now = '2030-01-01 00:00:00+00';
select is(pawl.now(), '2030-01-01 00:00:00+00'::timestamptz, 'unless a test holds it');

select is(pawl.next_due_ms(), null, 'nothing is due, ever');
select probe.kind('late');
select * from pawl.enqueue('late', p_run_at => '2030-01-01 00:00:10+00') \gset ten_
select pawl.enqueue('late', p_run_at => '2030-01-01 00:00:20+00');
insert into pawl.tasks (job_id, status, run_at) values (:ten_job_id, 'waiting', 'infinity');
select is(pawl.next_due_ms(), 10000::bigint, 'next_due_ms: the earliest');
select is(pawl.promote_due(), 0, 'promote_due: none is due yet');
set local pawl.now = '2030-01-01 00:00:09.9995+00';
select is(pawl.next_due_ms(), 1::bigint, 'rounded up: a timer never comes too early');
set local pawl.now = '2030-01-01 00:00:10+00';
select is(pawl.next_due_ms(), 0::bigint, 'due now');
select is(pawl.promote_due(), 1, 'promote_due: that one');
select row_eq(format('select status::text, wait_reason, due_at from pawl.tasks where id = %s', :ten_task_id),
  row ('pending'::text, null::text, null::timestamptz), 'is pending and waits for nothing');
select probe.progress_is(:ten_job_id, '3/2/1/0/0/0/0', 'and counted (I1)');
select is(pawl.next_due_ms(), 10000::bigint, 'then the next');
set local pawl.now = '2030-01-02 00:00:00+00';
select is(pawl.next_due_ms(), 0::bigint, 'what is late is due at once');
select pawl.promote_due();
select is(pawl.next_due_ms(), null, 'what is put off for ever is never due');

-- as many as there are, in bulk, the earliest first
select probe.job(0, false) as job \gset
insert into pawl.tasks (job_id, status, run_at, priority)
select :job, 'waiting', '2030-01-01 00:00:00+00'::timestamptz + i * interval '1 second', i from generate_series(1, 25) i;
select probe.new_deltas();
select is(pawl.promote_due(10), 10, 'promote_due: up to the limit');
select is((select max(priority) from pawl.tasks where job_id = :job and status = 'pending'), 10::real, 'the ten that were due first');
select is(probe.new_deltas(), 1::bigint, 'in one statement a job');
select is(pawl.promote_due(10) + pawl.promote_due(10), 15, 'and so on to the end');
select is(pawl.promote_due(10), 0, 'then none');
select probe.progress_is(:job, '25/0/25/0/0/0/0', 'all are counted');

-- an external claim's end is a due time too
update pawl.tasks set status = 'running', lease_until = '2030-01-02 00:01:00+00' where job_id = :job and priority = 1;
select is(pawl.next_due_ms(), 60000::bigint, 'the end of a lease is due');
select is(pawl.promote_due(), 0, 'but is not promoted');
select * from finish();
rollback;
