-- Plans of the hot path, read off the server's log, at forty rows and at a million. A session plans once,
-- perhaps while the table is small; so the plan must be the same in both, and by index.
load 'auto_explain';
begin;
\getenv log SCRATCH_LOG
select * from no_plan();
set local auto_explain.log_nested_statements = on;
set local auto_explain.log_min_duration = 0;
select probe.node() as node \gset

-- The plan of the one statement inside p_statement that has p_mark in its text.
create function probe.plan_of(p_log text, p_statement text, p_mark text) returns text language sql volatile as
$$ select max(p) from probe.plans(p_log, p_statement) p where position(p_mark in p) > 0 $$;

create function probe.check_plans(p_log text, p_node integer, p_job bigint, p_size text) returns setof text language plpgsql as $$
declare
  v_plan text;
  v_tasks bigint[];
  v_tokens text[];
  v_call text;
  v_mark text;
begin
  v_plan := probe.plan_of(p_log, format('select pawl.claim_batch(%s, %s, 5, ''-Infinity'', 0)', p_node, p_job), 'for update skip locked');
  return next matches(v_plan, 'Index Scan using tasks_to_claim on tasks x [^\n]*\n\s+Index Cond: \(\(job_id = \$\d+\) AND \(ROW\(\(COALESCE\(lateness, .*\) - priority\), id\) > ROW\(\$\d+, \$\d+\)\)\)',
    p_size || ': claim_batch walks the claim index from the cursor on');
  return next matches(v_plan, 'Tid Scan on tasks t', p_size || ': and goes to the tasks by their place');
  return next doesnt_match(v_plan, 'Seq Scan|Sort|Bitmap|Hash|Index Scan using tasks_pkey', p_size || ': and by nothing else');

  select array_agg(t.id order by t.id) into v_tasks from pawl.tasks t where t.job_id = p_job and t.status = 'running' and t.node_id = p_node;
  v_plan := probe.plan_of(p_log, format('select probe.finish(%s, %s, %L)', p_node, p_job, v_tasks[1:2]), 'status = ''completed'', finished_at');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.task_id\)\)',
    p_size || ': finish_tasks looks each task up by primary key, in the order given');
  v_plan := probe.plan_of(p_log, format('select probe.finish(%s, %s, %L, ''failed'')', p_node, p_job, v_tasks[3:4]), 'with finished as');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.task_id\)\)',
    p_size || ': so it does for other outcomes');
  v_plan := probe.plan_of(p_log, format('select * from pawl.finish_pages(%s, ''[{"job": %s, "task": %s, "attempt": 1, "outcome": "completed", "found": [{"key": "%s", "url": "u", "priority": 1, "depth": 1}]}]'')',
    p_node, p_job, v_tasks[5], p_size), 'with ended as');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.task\)\)',
    p_size || ': and finish_pages');
  v_plan := probe.plan_of(p_log, format('select * from pawl.finish_pages(%s, ''[{"job": %s, "task": %s, "attempt": 1, "outcome": "completed", "found": [{"key": "%s", "url": "u", "priority": 1, "depth": 1}]}]'')',
    p_node, p_job, (probe.claim(p_node, p_job, 1))[1], p_size || '2'), 'jsonb_to_recordset(p_found)');
  return next matches(v_plan, 'Index (Only )?Scan using tasks_key_is_unique on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = \$\d+\) AND \(key = f.key\)\)',
    p_size || ': which looks known keys up one by one');

  v_plan := probe.plan_of(p_log, 'select count(*) from pawl.sweep(array[''noop''])', 't.is_pending');
  return next matches(v_plan, 'Index (Only )?Scan using tasks_to_claim on tasks t [^\n]*\n\s+Index Cond: \(job_id = j.id\)', p_size || ': sweep asks the claim index once a job');
  return next doesnt_match(v_plan, 'Seq Scan on tasks|Hash (Semi )?Join|Merge|Bitmap', p_size || ': and reads no tasks');

  v_plan := probe.plan_of(p_log, 'select pawl.promote_due()', 't.due_at <= v_now');
  return next matches(v_plan, 'Limit[^\n]*\n\s+->  Index Scan using tasks_due on tasks t [^\n]*\n\s+Index Cond: \(due_at <= \$\d+\)', p_size || ': promote_due walks the index of due times, and sorts nothing first');
  v_plan := probe.plan_of(p_log, 'select pawl.next_due_ms()', 'from pawl.tasks t');
  return next matches(v_plan, 'Limit.*Index (Only )?Scan using tasks_due on tasks t', p_size || ': next_due_ms probes it');
  return next matches(v_plan, 'Limit.*Index (Only )?Scan using schedules_due on schedules s', p_size || ': and that of schedules');
  insert into pawl.tasks (job_id, status, created_at, finished_at) select pawl.standing_job('plan', 'old'), 'completed', '2000-01-01', '2000-01-01' from generate_series(1, 3);
  update pawl.prune_cursors set next_at = '2000-01-01';
  v_plan := probe.plan_of(p_log, 'select pawl.prune()', 't.id > v_job.after_id');
  return next matches(v_plan, 'Limit[^\n]*\n(?:\s+->  Result[^\n]*\n\s+One-Time[^\n]*\n)?\s+->  Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = \$\d+\) AND \(id > \$\d+\)\)', p_size || ': prune walks the primary key from the cursor on, and sorts nothing first');
  insert into pawl.tasks (job_id, status, created_at, finished_at) select pawl.standing_job('plan', 'old'), 'completed', '2000-01-01', '2000-01-01' from generate_series(1, 3);
  update pawl.prune_cursors set next_at = '2000-01-01';
  v_plan := probe.plan_of(p_log, 'select pawl.prune()', 'with found as');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks x [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.id\)\)', p_size || ': what it deletes it looks up by primary key');
  return next matches(v_plan, 'Tid Scan on tasks t', p_size || ': and goes there by place');
  v_plan := probe.plan_of(p_log, 'select pawl.enqueue(''plan'', ''{}'', ''k'')', 't.key = p_key');
  return next matches(v_plan, 'Index Scan using tasks_key_is_unique on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = [^)]*\) AND \(key = ', p_size || ': enqueue looks a key up in the index of keys');

  -- the same jobs, for external workers
  update pawl.kinds set executor = 'external' where name = 'plain';
  v_plan := probe.plan_of(p_log, 'select pawl.claim_tasks(''plain'', ''w'', 1)', 'for update skip locked');
  return next matches(v_plan, 'Index Scan using tasks_to_claim on tasks x [^\n]*\n\s+Index Cond: \(job_id = ', p_size || ': claim_tasks walks the claim index');
  return next doesnt_match(v_plan, 'Seq Scan|Bitmap|Hash|Index Scan using tasks_pkey', p_size || ': and nothing else');
  return next matches(v_plan, 'Tid Scan on tasks t', p_size || ': and goes to the tasks by their place');
  v_plan := probe.plan_of(p_log, 'select pawl.claim_tasks(''plain'', ''w'', 8)', 'random()');
  return next matches(v_plan, 'Index (Only )?Scan using tasks_to_claim on tasks t [^\n]*\n\s+Index Cond: \(job_id = j.id\)', p_size || ': which it asks once a job whether it has any');
  return next doesnt_match(v_plan, 'Seq Scan on (tasks|jobs)', p_size || ': and reads no tasks');
  select array_agg(format('%s, %s, %s', t.job_id, t.id, t.attempt) order by t.id) into v_tokens
  from pawl.tasks t where t.status = 'running' and t.node_id is null;
  for v_call, v_mark in values
    (format('finish_task(%s)', v_tokens[1]), 'status = ''completed'''), (format('extend_lease(%s)', v_tokens[2]), 'set lease_until = '),
    (format('snooze_task(%s, ''1 day'')', v_tokens[3]), 'wait_reason = ''snooze'''), (format('fail_task(%s, ''x'')', v_tokens[4]), 'for update of t'),
    (format('fail_task(%s, ''x'')', v_tokens[5]), 'run_at = coalesce') loop
    v_plan := probe.plan_of(p_log, 'select pawl.' || v_call, v_mark);
    return next matches(v_plan, 'Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = [^)]*\) AND \(id = ', p_size || ': by primary key: ' || split_part(v_call, '(', 1) || ', ' || v_mark);
  end loop;
  perform set_config('pawl.now', (now() + interval '5 minutes')::text, true);
  v_plan := probe.plan_of(p_log, 'select pawl.expire_leases()', 'order by t.due_at');
  return next matches(v_plan, 'Limit[^\n]*\n\s+->  Index Scan using tasks_due on tasks t [^\n]*\n\s+Index Cond: \(due_at <= \$\d+\)', p_size || ': expire_leases walks the index of due times');
  perform pawl.claim_tasks('plain', 'w', 2), set_config('pawl.now', (now() + interval '9 minutes')::text, true);
  v_plan := probe.plan_of(p_log, 'select pawl.expire_leases()', 'with expired as');
  return next matches(v_plan, 'Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.id\)\)', p_size || ': and looks each task up by primary key');
  perform set_config('pawl.now', (now() + interval '13 minutes')::text, true);
  v_plan := probe.plan_of(p_log, 'select pawl.promote_due(), pawl.claim_tasks(''plain'', ''w'', 2), set_config(''pawl.now'', (now() + interval ''17 minutes'')::text, true), pawl.expire_leases()', 'for update of t skip locked');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks t [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.id\)\)',
    p_size || ': by which it locks them too');
  perform set_config('pawl.now', (now() + interval '20 minutes')::text, true);
  v_plan := probe.plan_of(p_log, 'select pawl.promote_due()', 'for update of x skip locked');
  return next matches(v_plan, 'Nested Loop[^\n]*\n\s+->  Function Scan on o [^\n]*\n\s+->  Index Scan using tasks_pkey on tasks x [^\n]*\n\s+Index Cond: \(\(job_id = ANY \(ARRAY\[o.job_id\]\)\) AND \(id = o.id\)\)',
    p_size || ': and so does promote_due');
  return next matches(v_plan, '->  CTE Scan on found f [^\n]*\n(?:[^\n]*\n)*?\s+->  Tid Scan on tasks t [^\n]*\n\s+TID Cond: \(ctid = f.ctid\)',
    p_size || ': which goes to each by its place, however small the table was');
  perform set_config('pawl.now', '', true);
  update pawl.tasks t set status = 'cancelled', lease_until = null where t.worker is not null and t.status in ('running', 'waiting', 'pending');
  update pawl.kinds set executor = 'noop' where name = 'plain';
end $$;

-- A statement with no road but the one that is turned off costs 1e10, for which the just-in-time compiler
-- sets to work each time: 40 ms instead of 0.2.
create function probe.check_costs(p_log text, p_statement text) returns text language sql volatile as $$
  select tap.is(count(*) filter (where p ~ 'cost=\d{10}|JIT:') || ' of ' || least(count(*), 2) || '+ plans', '0 of 2+ plans',
    'no plan costs a fortune: ' || split_part(p_statement, '(', 1))
  from probe.plans(p_log, p_statement) p
$$;

truncate pawl.tasks; -- a new file, without the dead rows of other tests
select probe.kind('plan');
select pawl.enqueue('plan', '{}', 'k');
select probe.job(40) as small \gset
analyze pawl.tasks, pawl.jobs, pawl.progress_deltas;
select probe.check_plans(:'log', :node, :small, 'forty rows');

discard plans;
select probe.check_costs(:'log', 'select pawl.enqueue(''plan'', ''{}'', ''l'')');
select probe.job(6) as costs \gset
discard plans;
select probe.check_costs(:'log', format('select pawl.claim_batch(%s, %s, 5, ''-Infinity'', 0)', :node, :costs));
select array_agg(id order by id) as ids from pawl.tasks where job_id = :costs and status = 'running' \gset
discard plans;
select probe.check_costs(:'log', format('select pawl.finish_tasks(%s, array[%s], array[%s], array[1])', :node, :costs, (:'ids'::bigint[])[1]));
discard plans;
select probe.check_costs(:'log', format('select pawl.finish_tasks(%s, array[%s], array[%s], array[1], array[''retry''], array[0], array[null], array[null], array[null])', :node, :costs, (:'ids'::bigint[])[2]));
discard plans;
select probe.check_costs(:'log', 'select pawl.promote_due()');
discard plans;
select probe.check_costs(:'log', format('select pawl.finish_pages(%s, ''[{"job": %s, "task": %s, "attempt": 1, "outcome": "completed", "found": [{"key": "a", "url": "u", "priority": 1, "depth": 1}]}]'')', :node, :costs, (:'ids'::bigint[])[3]));

insert into pawl.tasks (job_id, key) select :small, 'k' || i from generate_series(1, 1000) i; -- the job is open
select probe.job(1000000) as large \gset
select is((select count(*) from pawl.tasks where job_id = :large), 1000000::bigint, 'a million tasks');
-- the plans that were made for forty rows are still there, and still do
select probe.check_plans(:'log', :node, :large, 'a million rows, planned at forty');
analyze pawl.tasks, pawl.jobs, pawl.progress_deltas;
discard plans;
select probe.check_plans(:'log', :node, :large, 'a million rows');

-- what people look at, and what a node asks, among many jobs that have ended
insert into pawl.jobs (kind, status, is_sealed, total, completed, finished_at)
select 'plan', 'completed', true, 1, 1, now() from generate_series(1, 100000);
analyze pawl.jobs;
select matches(p, 'Index Scan Backward using jobs_pkey on jobs n', 'many jobs: list_jobs walks back from the newest') || E'\n'
  || doesnt_match(p, 'Seq Scan on jobs|Hash|Merge|JIT', 'many jobs: and reads no more than it lists')
from probe.plan_of(:'log', 'select pawl.list_jobs()', 'from pawl.jobs n') p;
select matches(p, 'Index (Only )?Scan using jobs_with_pending on jobs j_1', 'many jobs: list_work reads those that have something pending')
  || E'\n' || matches(p, 'Index Scan using (jobs_pkey|jobs_open) on jobs j', 'many jobs: and looks each up, and what the ledger names')
  || E'\n' || doesnt_match(p, 'Seq Scan on jobs', 'many jobs: and reads no other')
from probe.plan_of(:'log', 'select count(*) from pawl.list_work(array[''noop''])', 'order by j.priority desc') p;
select matches(p, 'Index Scan using jobs_open on jobs j', 'many jobs: sweep reads the open ones')
from probe.plan_of(:'log', 'select count(*) from pawl.sweep(array[''noop''])', 't.is_pending') p;
select matches(p, 'Index Scan using jobs_open on jobs j', 'many jobs: rescue looks through the open ones')
from probe.plan_of(:'log', format('select pawl.rescue_tasks(array[%s])', :node), 'from pawl.job_progress p') p;
select matches(p, 'using jobs_open on jobs j', 'many jobs: process_pending counts the open ones')
from probe.plan_of(:'log', 'select pawl.process_pending()', 'join pawl.job_progress p') p;
select doesnt_match(p, 'Nested Loop Left Join|Index Cond: \(job_id = ', 'many jobs: status reads the ledger once, not once a job')
from probe.plan_of(:'log', 'select pawl.status()', 'pg_catalog.current_database') p;

-- Blocks that a statement reads, whatever they hold; the second time, when its plans are made.
create function probe.blocks_of(p_statement text) returns bigint language plpgsql as $$
declare
  v_plan json;
begin
  execute p_statement;
  execute 'explain (analyze, buffers, format json) ' || p_statement into v_plan;
  return (v_plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (v_plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
end $$;

-- a standing job in which a million old tasks wait: a call reads as many as it looks at, wherever the walk has come to
update pawl.jobs set is_sealed = false, is_standing = true where id = :large;
update pawl.tasks set created_at = '2000-01-01' where job_id = :large and id % 100 = 0;
update pawl.prune_cursors set next_at = '2000-01-01';
select pawl.prune();
select cmp_ok(probe.blocks_of('select * from pawl.prune()'), '<', 300::bigint, 'a million that wait: prune reads a batch');
select (select after_id from pawl.prune_cursors where job_id = :large) as place \gset
select cmp_ok(:place - (select min(id) from pawl.tasks where job_id = :large), '>', 1000::bigint, 'a million that wait: and goes on behind it');

-- ten thousand keys of a kind that do nothing, and the two that do
select pawl.set_limit('plan', 'kind', p_max_running => 100), pawl.set_limit('plan', 'key', p_max_running => 1);
select count(pawl.standing_job('plan', 'key ' || i)) from generate_series(1, 10000) i;
select job_id as keyed, pawl.enqueue('plan', '{}', p_limit_key => 'key 2') from pawl.enqueue('plan', '{}', p_limit_key => 'key 1') \gset
select pawl.fold();
select cmp_ok(probe.blocks_of('select * from pawl.list_work(array[''noop''])'), '<', 100::bigint, 'many keys: a look does not read those that do nothing');
select cmp_ok(probe.blocks_of('select * from pawl.prune()'), '<', 3000::bigint, 'many keys: prune reads some of them');
select cmp_ok(probe.blocks_of('select pawl.count_running(''kind:plan'')'), '<', 100::bigint, 'many keys: nor does the count of what runs');
select cmp_ok(probe.blocks_of(format('select pawl.claim_batch(%s, %s, 10, ''-Infinity'', 0)', :node, :keyed)), '<', 1000::bigint, 'many keys: nor does a claim');
select matches(p, 'Index Scan using jobs_with_running on jobs j', 'many keys: count_running reads what has something running')
  || E'\n' || matches(p, 'Index Scan using jobs_pkey on jobs j_1', 'many keys: and what the ledger names')
  || E'\n' || doesnt_match(p, 'Seq Scan on (jobs|limiters)', 'many keys: and no others')
from probe.plan_of(:'log', 'select pawl.count_running(''kind:plan'')', 'union all') p;

-- HOT: finishing changes no indexed column, and finds room on its page
set local auto_explain.log_min_duration = -1;
select probe.job(3000) as job \gset
select probe.claim(:node, :job, 10) as ids \gset
select pg_stat_get_xact_tuples_updated('pawl.tasks'::regclass) as updated, pg_stat_get_xact_tuples_hot_updated('pawl.tasks'::regclass) as hot \gset
select probe.finish(:node, :job, :'ids');
select is(pg_stat_get_xact_tuples_updated('pawl.tasks'::regclass) - :updated, 10::bigint, 'ten updates');
select is(pg_stat_get_xact_tuples_hot_updated('pawl.tasks'::regclass) - :hot, 10::bigint, 'a finish is a HOT update');
select * from finish();
rollback;
