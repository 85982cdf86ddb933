-- The life of a node: register, heartbeat, sleep, rescue after its death, deregister; and what it reads.
begin;
select * from no_plan();
set local pawl.now = '2030-01-01 00:00:00+00';

select pawl.register_node('host:1', '1.2', 8) as node \gset
select row_eq(format('select name, version, slots, heartbeat_at, is_asleep, dead_at from pawl.nodes where id = %s', :node),
  row ('host:1'::text, '1.2'::text, 8, pawl.now(), false, null::timestamptz), 'register_node');
select cmp_ok(pawl.register_node('host:2', '1.2', 8), '>', :node, 'ids grow and are never used again');
select pawl.deregister_node(id, true) from pawl.nodes where id > :node;
select cmp_ok(pawl.register_node('host:3', '1.2', 8), '>', :node + 1, 'not even those of nodes that are gone');
select pawl.deregister_node(id, true) from pawl.nodes where id > :node;

set local pawl.now = '2030-01-01 00:00:05+00';
select is(pawl.heartbeat(:node, 3, 10, 1, 0), true, 'heartbeat');
select is(pawl.heartbeat(:node, 2, 5, 0, 2), true, 'heartbeat again');
select row_eq(format('select heartbeat_at, running, started_tasks, stale_finishes, swept from pawl.nodes where id = %s', :node),
  row (pawl.now(), 2, 15::bigint, 1::bigint, 2::bigint), 'counters are added to');
select is(pawl.heartbeat(424242, 0, 0, 0, 0), false, 'heartbeat of a node that nobody knows');

select is(pawl.set_asleep(:node, true), true, 'set_asleep');
select is((select is_asleep from pawl.nodes where id = :node), true, 'its flag is up');
select is(pawl.set_asleep(:node, false), true, 'awake again');
select is((select is_asleep from pawl.nodes where id = :node), false, 'its flag is down');
select is(pawl.set_asleep(424242, true), false, 'a node that nobody knows cannot sleep');
select cmp_ok(pawl.draw_transaction(), '>=', pawl.oldest_transaction(), 'a drawn id is not older than the oldest transaction');
select is(pawl.draw_transaction(), pg_current_xact_id()::text::bigint, 'it is this transaction''s own');

-- a clock that jumps; what passed between two heartbeats a node knows by another
select pawl.register_node('other:1', '1.2', 8) as other \gset
set local pawl.now = '2030-01-01 00:00:10+00';
select pawl.heartbeat(:node, 0, 0, 0, 0, 5000), pawl.heartbeat(:other, 0, 0, 0, 0, 5000);
set local pawl.now = '2030-01-01 00:00:17+00';
select pawl.heartbeat(:node, 0, 0, 0, 0, 5000);
select is((select heartbeat_at from pawl.nodes where id = :other), '2030-01-01 00:00:10+00', 'a heartbeat that is late moves nobody''s');
set local pawl.now = '2030-01-01 01:00:22+00';
select is(pawl.heartbeat(:node, 0, 0, 0, 0, 5000), true, 'an hour in five seconds: the clock was set forward');
select is((select heartbeat_at from pawl.nodes where id = :other), '2030-01-01 01:00:10+00', 'the others'' heartbeats with it');
select is(pawl.heartbeat(:node, 0, 0, 0, 0, 5000), true, 'once');
select is((select heartbeat_at from pawl.nodes where id = :other), '2030-01-01 01:00:10+00', 'and no further');
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, false), 'nobody is dead');
set local pawl.now = '2030-01-01 01:00:30+00';
select pawl.heartbeat(:node, 0, 0, 0, 0, 8000);
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, true), 'but who has been silent for 20 s, by any clock');
select is((select dead_at from pawl.nodes where id = :other), pawl.now(), 'that one');
select is(pawl.heartbeat(:node, 0, 0, 0, 0, 3600000), true, 'a node that was away itself');
select is((select heartbeat_at from pawl.nodes where id = :other), '2030-01-01 01:00:10+00', 'moves nobody');
delete from pawl.nodes where id = :other;
select pawl.register_node('other:2', '1.2', 8) as other \gset
set local pawl.now = '2030-01-01 00:00:05+00';
select pawl.heartbeat(:node, 0, 0, 0, 0, 5000);
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, false), 'the clock was set back');
select is((select heartbeat_at from pawl.nodes where id = :other), pawl.now(), 'a silence counts from now on');
set local pawl.now = '2030-01-01 00:00:21+00';
select pawl.heartbeat(:node, 0, 0, 0, 0, 16000);
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, true), 'and is found when it has lasted');
select is((select dead_at from pawl.nodes where id = :other), pawl.now(), 'not an hour later');
delete from pawl.nodes where id = :other;
set local pawl.now = '2030-01-01 00:00:05+00';
select pawl.heartbeat(:node, 0, 0, 0, 0);

-- rescue
select pawl.define_kind('two', 'noop', p_max_attempts => 2);
select probe.job(4, true, 'two') as job \gset
select probe.claim(:node, :job, 3) as ids \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3 \gset
update pawl.tasks set attempt = 2 where id = :t2;
update pawl.tasks set attempt = 2, uncounted_attempts = 1 where id = :t3;
set local pawl.now = '2030-01-01 00:00:19+00';
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, false), 'after 14 s of silence: nothing');
set local pawl.now = '2030-01-01 00:00:21+00';
select row_eq('select * from pawl.rescue_nodes()', row (0::bigint, true), 'after 16 s: declared dead, call again');
select is((select dead_at from pawl.nodes where id = :node), pawl.now(), 'its row says so');
select is(pawl.heartbeat(:node, 0, 0, 0, 0), false, 'its heartbeat is refused');
select throws_ok(format('select pawl.claim_batch(%s, %s, 1, ''-Infinity'', 0)', :node, :job), 'PW008', null, 'its claims are refused');
select row_eq('select * from pawl.rescue_nodes()', row (3::bigint, false), 'the second call puts its tasks back');
select row_eq(format('select status::text, attempt, error from pawl.tasks where id = %s', :t1),
  row ('pending'::text, 1, 'lost: its node stopped without a word'::text), 'pending again, the attempt counted');
select row_eq(format('select status::text, finished_at from pawl.tasks where id = %s', :t2),
  row ('failed'::text, pawl.now()), 'over max_attempts: failed as lost');
select is(probe.task_status(:job, :t3), 'pending', 'attempts that do not count do not count');
select results_eq(format('select task_id, attempt, node_id, error_class from pawl.attempts where job_id = %s order by 1', :job),
  format($$ values (%s::bigint, 1, %s, 'lost'), (%s, 2, %s, 'lost'), (%s, 2, %s, 'lost') $$, :t1, :node, :t2, :node, :t3, :node), 'an attempts row each');
select probe.progress_is(:job, '4/0/3/0/0/1/0', 'I1: counted');
select is(probe.finish(:node, :job, :'ids'), 0, 'I4: the late finish of the dead changes nothing');
update pawl.nodes set dead_horizon = pawl.oldest_transaction() + 1 where id = :node;
select pawl.rescue_nodes();
select is((select count(*) from pawl.nodes where id = :node), 1::bigint,
  'its row stays while a transaction from before its death may still claim');
update pawl.nodes set dead_horizon = pawl.oldest_transaction() where id = :node;
select pawl.rescue_nodes();
select is((select count(*) from pawl.nodes where id = :node), 0::bigint, 'and goes once there is none');

-- a task that came in between is rescued before the row goes
select probe.node() as node \gset
update pawl.nodes set dead_at = pawl.now(), dead_horizon = pawl.oldest_transaction() where id = :node;
update pawl.tasks set status = 'running', attempt = attempt + 1, node_id = :node where id = :t1;
select is((select rescued from pawl.rescue_nodes()), 1::bigint, 'the last look finds what was claimed in between');
select is((select count(*) from pawl.nodes where id = :node), 0::bigint, 'then the row goes');

-- several at once, each at its own step
select probe.job(2) as two \gset
select probe.node() as gone \gset
select probe.node() as late \gset
select probe.claim(:gone, :two, 1);
select probe.claim(:late, :two, 1);
update pawl.nodes set dead_at = pawl.now(), dead_horizon = case id when :gone then pawl.oldest_transaction() end where id in (:gone, :late);
select is((select rescued from pawl.rescue_nodes()), 2::bigint, 'the tasks of two dead nodes in one go');
select is((select array_agg(node_id order by node_id) from pawl.attempts where job_id = :two), array[:gone, :late], 'each noted with its own');
select row_eq(format('select id, dead_horizon from pawl.nodes where id in (%s, %s)', :gone, :late), row (:late, pawl.draw_transaction()),
  'one row goes, the other has drawn its transaction id');
select pawl.deregister_node(:late, true);
select pawl.cancel_job(:two);

-- a silence of one's own choice
select probe.node() as node \gset
set local pawl.now = '2030-01-01 00:00:24+00';
select is((select is_unfinished from pawl.rescue_nodes('2 seconds')), true, 'the silence is a parameter');

-- deregister
select probe.node() as node \gset
select is(pawl.deregister_node(:node, true), true, 'deregister_node: clean');
select is((select count(*) from pawl.nodes where id = :node), 0::bigint, 'its row is gone');
select probe.node() as node \gset
select probe.claim(:node, :job, 1);
select is(pawl.deregister_node(:node, false), false, 'deregister_node: something is left');
select is((select dead_at is not null and not is_asleep from pawl.nodes where id = :node), true, 'its row stays, declared dead');
select is((select rescued from pawl.rescue_nodes()), 1::bigint, 'and what is left is rescued');

-- a row that somebody deletes: the node is declared dead, and what it runs is rescued
select probe.job(3) as held \gset
select probe.node() as node \gset
select probe.claim(:node, :held, 1) as ids \gset
update pawl.nodes set is_asleep = true where id = :node;
delete from pawl.nodes where id = :node;
select row_eq(format('select dead_at, dead_horizon, is_asleep from pawl.nodes where id = %s', :node),
  row (pawl.now(), null::bigint, false), 'a deleted row stays, declared dead, and nobody rings for it');
select is(pawl.heartbeat(:node, 0, 0, 0, 0), false, 'the node is told so and registers anew');
select throws_ok(format('select pawl.claim_batch(%s, %s, 1, ''-Infinity'', 0)', :node, :held), 'PW008', null, 'I4: it claims no more');
select is((select rescued from pawl.rescue_nodes()), 1::bigint, 'I7: its task is rescued');
select is(probe.task_status(:held, (:'ids'::bigint[])[1]), 'pending', 'and can be claimed again');
delete from pawl.nodes where id = :node;
select is((select count(*) from pawl.nodes where id = :node), 1::bigint, 'deleted again, it stays: a claim from before its death may still commit');
update pawl.nodes set dead_horizon = pawl.oldest_transaction() where id = :node;
select pawl.rescue_nodes();
select is((select count(*) from pawl.nodes where id = :node), 0::bigint, 'and goes when that has become impossible');
select probe.node() as node \gset
select probe.claim(:node, :held, 1);
select throws_ok('truncate pawl.nodes', 'PW003', 'nodes that run tasks cannot be truncated', 'nor can they be truncated away while tasks run');
select pawl.deregister_node(:node, false);
select pawl.rescue_nodes();
select lives_ok('truncate pawl.nodes', 'only when none does');
select pawl.cancel_job(:held);

-- list_ended
select is((select array_agg(job_id order by job_id) from pawl.list_ended(array[:job, :held, -1]::bigint[])), array[-1, :held]::bigint[],
  'list_ended: a job that has ended, and one that does not exist');
select is_empty('select from pawl.list_ended(array[]::bigint[])', 'none asked for: none');

-- list_work, sweep
select probe.node() as node \gset
select probe.job(2, true, 'two') as a \gset
update pawl.jobs set priority = 2, params = '{"p": 1}' where id = :a;
select row_eq(format($$ select pending, kind, executor, target, params, priority, max_attempts, timeout_ms, backoff_base_ms, backoff_cap_ms, limiter_id
    from pawl.list_work(array['noop']) where job_id = %s $$, :a),
  row (2::bigint, 'two'::text, 'noop'::text, null::text, '{"p": 1}'::jsonb, 2::real, 2, 60000, 1000, 600000, null::bigint), 'list_work: all that a node needs');
select is((select array_agg(job_id) from pawl.list_work(array['noop'])), array[:a, :job]::bigint[], 'by priority');
select pawl.fold();
select is((select pending from pawl.list_work(array['noop'], array[:a])), 2::bigint, 'folded or not, the pending are exact');
select is((select count(*) from pawl.list_work(array['noop'], array[]::bigint[])), 0::bigint, 'no jobs asked for: none');
select is((select count(*) from pawl.list_work(array['sql', 'crawl'])), 0::bigint, 'other executors: none');
select is((select array_agg(job_id order by job_id) from pawl.sweep(array['noop'])), array[:job, :a]::bigint[], 'sweep: jobs with pending tasks in truth');
select probe.claim(:node, :a);
select is((select array_agg(job_id) from pawl.list_work(array['noop'], array[:a])), null, 'nothing pending: no work');
select is((select count(*) from pawl.sweep(array['noop']) where job_id = :a), 0::bigint, 'nor in truth');
set local session_replication_role = replica;
update pawl.tasks set status = 'pending' where job_id = :a;
set local session_replication_role = origin;
select is((select count(*) from pawl.list_work(array['noop'], array[:a])), 0::bigint, 'with the triggers off the counters say nothing');
select is((select count(*) from pawl.sweep(array['noop']) where job_id = :a), 1::bigint, 'but the sweep finds it');
select pawl.reconcile();

-- has_data_types
delete from pawl.data_types;
select is(pawl.has_data_types(), false, 'has_data_types: there are none');
insert into pawl.data_types (name, kind, job_id, ttl) values ('price', 'two', :a, '1 minute');
select is(pawl.has_data_types(), true, 'there is one');

-- process_pending, status
select is(pawl.process_pending(), (select count(*) from pawl.tasks where is_pending), 'process_pending: how many wait');
select is(pawl.status() #>> '{tasks,total}', (select count(*)::text from pawl.tasks), 'status: tasks');
select is((pawl.status() #>> '{tasks,pending}')::bigint, (select count(*) from pawl.tasks where is_pending), 'status: pending tasks');
select is(jsonb_array_length(pawl.status() -> 'nodes'), (select count(*)::integer from pawl.nodes), 'status: nodes');
select is(pawl.status() #>> '{jobs,open}', (select count(*)::text from pawl.jobs where finished_at is null), 'status: open jobs');
select is((pawl.status() ->> 'time')::timestamptz, pawl.now(), 'status: the time');
select * from finish();
rollback;
