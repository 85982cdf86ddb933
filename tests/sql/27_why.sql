-- pawl.why: whatever is not running has a reason, since when, and when that is looked at next (I6); and how fast jobs go.
begin;
select * from no_plan();
set local pawl.now = '2030-01-01 00:00:00+00';
create function probe.at(p_seconds double precision) returns timestamptz language sql as
$$ select '2030-01-01 00:00:00+00'::timestamptz + p_seconds * interval '1 second' $$;
create function probe.clock(p_seconds double precision) returns void language sql as
$$ select set_config('pawl.now', probe.at(p_seconds)::text, true); update pawl.nodes set heartbeat_at = pawl.now() where dead_at is null $$;

-- what is said of a task or a job: the reasons, and of the first since when and until when, in seconds of the clock
create function probe.why(p_job bigint, p_task bigint default null) returns text language sql as $$
  select coalesce((select string_agg(r ->> 'reason', ' ') from jsonb_array_elements(w -> 'reasons') r), 'none')
    || ' since ' || coalesce(extract(epoch from (w ->> 'since_at')::timestamptz - probe.at(0))::double precision::text, '?')
    || ' until ' || coalesce(extract(epoch from (w ->> 'next_look_at')::timestamptz - probe.at(0))::double precision::text, w ->> 'until', '?')
  from pawl.why(p_job, p_task) w
$$;
-- every task that does not run and has not ended has a reason that ends by itself or says who ends it (I6)
create function probe.unexplained() returns bigint language sql as $$
  select count(*)
  from pawl.tasks t, pawl.why(t.job_id, t.id) w
  where t.status in ('waiting', 'pending')
    and (w -> 'reasons' = '[]' or w ->> 'message' is null or w ->> 'since_at' is null or coalesce(w ->> 'next_look_at', w ->> 'until') is null)
$$;

select throws_ok('select pawl.why(424242)', 'PW002', null, 'an unknown job');
select throws_ok('select pawl.why(424242, 1)', 'PW002', null, 'an unknown task');

-- nobody serves
select probe.job(3) as job \gset
select min(id) as t1, min(id) + 1 as t2, min(id) + 2 as t3 from pawl.tasks where job_id = :job \gset
update pawl.tasks set created_at = pawl.now() where job_id = :job;
select is(probe.why(:job, :t1), 'no_node since 0 until when a node starts', 'pending, and no node runs');
select is(probe.why(:job, :t3), 'no_node queue since 0 until when a node starts', 'and others stand before it');
select is(probe.why(:job), 'no_node since ? until when a node starts', 'so the job waits');
select is(pawl.why(:job, :t3) -> 'reasons' -> 1 ->> 'message', '2 tasks of its job are to be claimed before it', 'how many');
select pawl.register_node('probe:1', '0', 10, array['noop']) as node \gset

-- a turn, and those in front
select is(probe.why(:job, :t1), 'queue since 0 until 0.25', 'the next of its job');
select is(pawl.why(:job, :t1) ->> 'message', 'it is the next of its job, and waits for the job''s turn', 'in words');
update pawl.tasks set priority = 1 where id = :t3;
select is((pawl.why(:job, :t3) #>> '{reasons,0,ahead}') || (pawl.why(:job, :t1) #>> '{reasons,0,ahead}') || (pawl.why(:job, :t2) #>> '{reasons,0,ahead}'),
  '012', 'the better ones stand before the earlier ones');
select is(probe.why(:job), 'queue since ? until 0.25', 'the job waits for its turn');

-- nodes that cannot
update pawl.nodes set executors = array['sql', 'crawl'];
select is(probe.why(:job, :t3), 'no_executor since 0 until when such a node starts', 'no node has the executor');
update pawl.nodes set executors = null;
select is(probe.why(:job, :t3), 'queue since 0 until 0.25', 'one that does not say has them all');
update pawl.nodes set running = 10;
select is(probe.why(:job, :t3), 'slots since 0 until 0.25', 'all slots in use');
update pawl.nodes set running = 0, is_asleep = true;
select is(probe.why(:job, :t3), 'asleep since 0 until 30', 'all nodes sleep');
update pawl.nodes set is_asleep = false;
update pawl.nodes set is_asleep = false, dead_at = pawl.now();
select is(probe.why(:job, :t3), 'no_node since 0 until when a node starts', 'a dead node is none');
update pawl.nodes set dead_at = null, heartbeat_at = probe.at(-20);
select is(probe.why(:job, :t3), 'no_node since -20 until when a node starts', 'nor is one that says nothing; since then');
select probe.clock(0);

-- paused
select pawl.pause_job(:job);
select is(probe.why(:job, :t3), 'paused since 0 until when it is resumed', 'a paused job');
select is(probe.why(:job), 'paused since ? until when it is resumed', 'the job itself');
select pawl.resume_job(:job);

-- running, and its node's death
select probe.claim(:node, :job, 1);
select is(probe.why(:job, :t3), 'none since 0 until ?', 'what runs waits for nothing');
select is(pawl.why(:job, :t3) ->> 'message', 'it runs, attempt 1 of 5, on node probe:1', 'it says where');
select is((pawl.why(:job, :t3) ->> 'latest_end_at')::timestamptz, probe.at(60), 'and when it ends at the latest');
select set_config('pawl.now', probe.at(20)::text, true);
select is(probe.why(:job, :t3), 'rescue since 0 until 25', 'its node is silent');
select probe.clock(20);
update pawl.tasks set lease_until = probe.at(90) where id = :t3;
select is(probe.why(:job, :t3), 'lease since 0 until 90', 'under a lease');
update pawl.tasks set lease_until = null where id = :t3;

-- retry, with the last error and how often
select probe.finish(:node, :job, array[:t3], 'retry', 5000, null, 'timeout', 'too slow');
select is(probe.why(:job, :t3), 'retry since 20 until 25', 'to be tried again');
select is(pawl.why(:job, :t3) ->> 'message', 'it waits to be tried again: attempt 1 of 5 failed: too slow', 'after which failure');
select is(pawl.why(:job, :t3) #>> '{reasons,0,error_class}', 'timeout', 'of which class');
select is(pawl.why(:job) #>> '{waits,0,reason}' || ' ' || (pawl.why(:job) #>> '{waits,0,tasks}') || ' ' || (pawl.why(:job) #>> '{waits,0,task}'),
  'retry 1 ' || :job || '/' || :t3, 'the job counts it');
select pawl.pause_job(:job);
select is(probe.why(:job, :t3), 'retry paused since 20 until 25', 'and what will hold it back then');
select pawl.resume_job(:job);

-- how they ended
select probe.clock(26);
select pawl.promote_due() \g /dev/null
select probe.claim(:node, :job) as ids \gset
select is(pawl.why(:job, :t3) ->> 'message', 'it runs, attempt 2 of 5, on node probe:1; the last one failed: too slow', 'tried again, and why');
select probe.clock(20);
select probe.finish(:node, :job, array[:t1]);
select probe.finish(:node, :job, array[:t2], 'failed', 0, null, 'status', 'got 500');
select pawl.cancel_task(:job, :t3, 'not wanted');
select is(pawl.why(:job, :t1) ->> 'message', 'it completed at attempt 1 of 5', 'completed');
select is(pawl.why(:job, :t2) ->> 'message', 'it failed at attempt 1 of 5: got 500', 'failed');
select is(pawl.why(:job, :t3) ->> 'message', 'it was cancelled: not wanted', 'cancelled');
select is(probe.why(:job, :t2), 'none since 20 until ?', 'since when');
select is(probe.why(:job), 'fold since ? until 50', 'a job whose end nobody has counted yet');
select pawl.fold();
select is(pawl.why(:job) ->> 'message', 'it completed, though 1 of its tasks failed', 'a job that completed');
select is(probe.why(:job), 'none since 20 until ?', 'when');

-- delay; an open job; a standing one
select probe.kind('probe');
select * from pawl.enqueue('probe', p_run_at => probe.at(3600)) \gset d_
update pawl.tasks set created_at = pawl.now() where id = :d_task_id;
select is(probe.why(:d_job_id, :d_task_id), 'delay since 20 until 3600', 'a time that was asked for');
select is(probe.why(:d_job_id), 'delay since ? until 3600', 'its job has nothing else to wait for');
select pawl.cancel_task(:d_job_id, :d_task_id);
select is(pawl.why(:d_job_id) ->> 'message', 'it has nothing to do', 'a standing job that is empty');
select probe.job(0, false) as open_job \gset
select is(probe.why(:open_job), 'open since ? until when it is sealed', 'a finite one that waits for more');
select pawl.cancel_job(:open_job, 'no use');
select is(pawl.why(:open_job) ->> 'message', 'it was cancelled: no use', 'a cancelled job');

-- a reason that nobody has explained yet is said as it is
select * from pawl.enqueue('probe', p_run_at => probe.at(40)) \gset x_
update pawl.tasks set wait_reason = 'moonlight' where id = :x_task_id;
select is((pawl.why(:x_job_id, :x_task_id) ->> 'message') || ', ' || (pawl.why(:x_job_id) #>> '{waits,0,reason}'), 'it waits moonlight, moonlight', 'an unknown reason');

-- workers of one's own: no node is asked
select pawl.define_kind('outside', 'external');
select * from pawl.enqueue('outside') \gset e_
update pawl.tasks set created_at = pawl.now() where id = :e_task_id;
select is(probe.why(:e_job_id, :e_task_id), 'worker since 20 until when a worker asks for work', 'a worker is waited for');
select is(probe.why(:e_job_id), 'worker since ? until when a worker asks for work', 'by the job too');

-- one kind's share of the slots, of an executor that divides them
select pawl.define_kind('called', 'http', 'https://example.com/');
select probe.job(7, p_kind => 'called') as called \gset
select max(id) as c7 from pawl.tasks where job_id = :called \gset
update pawl.tasks set created_at = pawl.now() where job_id = :called;
select cardinality(probe.claim(:node, :called, 4));
update pawl.nodes set running = 4, is_asleep = true;
select is(probe.why(:called, :c7), 'asleep queue since 20 until 50', 'less than its half');
select cardinality(probe.claim(:node, :called, 1));
update pawl.nodes set running = 5;
select is(probe.why(:called, :c7), 'share queue since 20 until 20.25', 'half of the slots');
select is(pawl.why(:called, :c7) ->> 'message', '5 tasks of its kind run, and one kind gets no more than half of the slots that the others leave', 'in words');
select pawl.register_node('probe:poor', '0', 100, array['http']) as poor \gset
update pawl.nodes set is_asleep = true where id = :poor;
select is(probe.why(:called, :c7), 'asleep queue since 20 until 50', 'of all nodes');
insert into pawl.missing_secrets (kind, node_id, error, since) values ('called', :poor, 'none', pawl.now());
select is(probe.why(:called, :c7), 'share queue since 20 until 20.25', 'but not of one that lacks a secret');
delete from pawl.nodes where id = :poor;
delete from pawl.jobs where id = :called;
update pawl.nodes set running = 0, is_asleep = false;

-- limiters
select pawl.define_kind('limited', 'noop', p_max_running => 2);
select probe.job(3, p_kind => 'limited') as holder \gset
select probe.job(1, p_kind => 'limited') as blocked \gset
select min(id) as b1 from pawl.tasks where job_id = :blocked \gset
update pawl.tasks set created_at = pawl.now() where job_id = :blocked;
select is(probe.why(:blocked, :b1), 'queue since 20 until 20.25', 'a limiter that lets it');
select probe.claim(:node, :holder, 2);
select is(probe.why(:blocked, :b1), 'max_running since 20 until 21', 'as many as may run at once');
select is(pawl.why(:blocked, :b1) #> '{reasons,0,held_by}', jsonb_build_array(jsonb_build_object('job', :'holder', 'kind', 'limited', 'running', 2)), 'who holds it');
select pawl.define_kind('paced', 'noop', p_start_interval_ms => 4000);
select probe.job(3, p_kind => 'paced') as paced \gset
select max(id) as p3 from pawl.tasks where job_id = :paced \gset
update pawl.tasks set created_at = pawl.now() where job_id = :paced;
select is(cardinality(probe.claim(:node, :paced)), 1, 'one may start');
select is(probe.why(:paced, :p3), 'pace queue since 20 until 24', 'the next start has its time');
delete from pawl.jobs where id <> :paced and kind = 'paced';
update pawl.jobs set limiter_key = null where id = :paced;
select is(probe.why(:paced, :p3), 'queue since 20 until 20.25', 'without the limiter it does not');
select is(probe.unexplained(), 0::bigint, 'I6: every task that does not run has a reason');

-- a bounded count
select probe.job(1500) as long \gset
select is(pawl.why(:long, (select max(id) from pawl.tasks where job_id = :long)) ->> 'message', '1000 or more tasks of its job are to be claimed before it', 'no more than 1,000 are counted');

-- how fast: measured by the fold while there is something to do
create function probe.pace(p_job bigint) returns text language sql as $$
  select coalesce(round(e.per_second::numeric, 3)::text, '?') || ' '
    || coalesce(round(extract(epoch from e.completes_at - pawl.now())::numeric, 1)::text, '?')
  from pawl.estimate_jobs(array[p_job]) e
$$;
create function probe.run(p_node integer, p_job bigint, p_count integer, p_seconds integer) returns void language plpgsql as $$
declare
  v_tasks bigint[] := probe.claim(p_node, p_job, p_count);
begin
  perform pawl.fold();
  perform probe.clock(extract(epoch from pawl.now() - probe.at(0)) + p_seconds);
  perform probe.finish(p_node, p_job, v_tasks);
  perform pawl.fold();
end $$;
select pawl.cancel_job(id) from pawl.jobs where finished_at is null and not is_standing;
select pawl.fold();
select probe.clock(1000);
select probe.job(1000, p_kind => 'quick') as first \gset
select is(probe.pace(:first), '? ?', 'nothing was measured yet, of it or of others');
select probe.run(:node, :first, 10, 10);
select is(probe.pace(:first), '1.000 990.0', 'ten in ten seconds, 990 are left');
select probe.run(:node, :first, 200, 10);
select is(probe.pace(:first), '10.500 75.2', 'the first 20 s: all of them count');
select probe.run(:node, :first, 200, 10);
select is(probe.pace(:first), '13.667 43.2', 'and the first 30');
select probe.run(:node, :first, 200, 10);
select is(probe.pace(:first), '15.250 25.6', 'from then on the old counts less: 13.667 for 30 s and 20 for 10');
select probe.clock(1050);
select is(probe.pace(:first), '11.438 34.1', 'that nothing ended for 10 s counts too, at the look');
select probe.clock(1040);

select probe.job(100, p_kind => 'quick') as behind \gset
select is(probe.pace(:behind), '15.250 13.1', 'one that has not begun: its own 100, and as many of the one that it takes turns with');
update pawl.jobs set priority = -1 where id = :behind;
select is(probe.pace(:behind), '15.250 19.7', 'of half the weight: twice as many');
update pawl.jobs set limiter_key = 'kind:limited' where id = :behind;
select is(probe.pace(:behind), '15.250 6.6', 'under another limiter it has nobody before it, and the pace of the newest of its kind');
update pawl.jobs set limiter_key = null, priority = 0 where id = :behind;
select pawl.pause_job(:first);
select is(probe.pace(:first), '15.250 ?', 'a paused job has a pace and no end in sight');
select is(probe.pace(:behind), '15.250 6.6', 'and is not before anybody: the pace is that of the newest of its kind');
select probe.clock(5000);
select is(probe.pace(:first), '15.250 ?', 'the pause does not count');
select pawl.resume_job(:first);
select is(probe.pace(:first), '15.250 25.6', 'nor afterwards');
update pawl.nodes set dead_at = pawl.now();
select is(probe.pace(:first), '15.250 ?', 'nobody serves');
update pawl.nodes set dead_at = null;
select pawl.cancel_job(:first);
select is(probe.pace(:first), null, 'a job that has ended has none');
select pawl.cancel_job(:behind);
select pawl.fold();

-- a standing job: what lies between two tasks is no work
select * from pawl.enqueue('probe') \gset s_
update pawl.jobs set measured_tasks = 0, measured_seconds = 0, measured_at = null where id = :s_job_id;
select probe.run(:node, :s_job_id, 1, 4);
select probe.clock(9000);
select pawl.enqueue('probe');
select pawl.fold();
select is((select measured_tasks || ' in ' || measured_seconds from pawl.jobs where id = :s_job_id), '1 in 4', 'an hour without work does not make it slow');
select probe.run(:node, :s_job_id, 1, 8);
select is((select measured_tasks || ' in ' || measured_seconds from pawl.jobs where id = :s_job_id), '2 in 12', 'the next task does');
-- a clock that is set back between two folds takes no time away
select pawl.enqueue('probe');
select probe.run(:node, :s_job_id, 1, -3600);
select is((select measured_tasks || ' in ' || measured_seconds from pawl.jobs where id = :s_job_id), '3 in 12', 'an hour back is no time');
select probe.clock(9008);
select pawl.fold();
-- slow tasks are measured over 20 of them
select pawl.enqueue('probe') from generate_series(1, 40);
select probe.run(:node, :s_job_id, 1, 100) from generate_series(1, 40);
select is((select round(measured_tasks) || ' in ' || round(measured_seconds / 100) from pawl.jobs where id = :s_job_id), '20 in 19', 'twenty tasks of 100 s, and the quick ones before count little');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
