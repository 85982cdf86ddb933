-- Pruning: tasks of standing jobs that ended long ago are deleted, a batch at a time, and nothing else is (I1, I9).
begin;
select * from no_plan();
select set_config('pawl.now', '2030-01-01 00:00:00+00', true);
create function probe.clock(p_days double precision) returns void language plpgsql as $$ begin
  perform set_config('pawl.now', (timestamptz '2030-01-01 00:00:00+00' + p_days * interval '1 day')::text, true);
end $$;
-- so many tasks with a status, added and ended so many days ago
create function probe.ended(p_job bigint, p_count integer, p_status pawl.task_status, p_added double precision, p_ended double precision)
returns bigint[] language sql as $$
  with i as (
    insert into pawl.tasks (job_id, is_key_reusable, status, created_at, finished_at, run_at)
    select p_job, true, p_status, pawl.now() - p_added * interval '1 day',
      case when p_status in ('completed', 'failed', 'cancelled') then pawl.now() - p_ended * interval '1 day' end,
      case when p_status = 'waiting' then timestamptz 'infinity' end
    from generate_series(1, p_count)
    returning id)
  select array_agg(i.id order by i.id) from i
$$;
-- calls until there is nothing more, beginning with the search for new jobs: what was pruned, in how many calls
create function probe.prune(p_limit integer default 1000) returns text language plpgsql as $$
declare
  r record;
  v_pruned bigint := 0;
  v_calls integer := 0;
begin
  update pawl.prune_cursors set next_at = pawl.now() where job_id = 0;
  loop
    select * into r from pawl.prune(p_limit);
    v_pruned := v_pruned + r.pruned;
    v_calls := v_calls + 1;
    exit when r.next_ms > 0 or v_calls = 50;
  end loop;
  return v_pruned || ' in ' || v_calls;
end $$;
create function probe.kept(p_job bigint) returns bigint language sql as $$ select count(*) from pawl.tasks t where t.job_id = p_job $$;
create function probe.keep_of(p_kind text) returns interval language sql as $$ select k.keep from pawl.kinds k where k.name = p_kind $$;

-- how long a kind keeps
select pawl.define_kind('a', 'noop');
select is(probe.keep_of('a'), interval '30 days', 'a kind keeps for 30 days');
select pawl.define_kind('a', p_keep => '7 days');
select pawl.define_kind('a', p_max_attempts => 3);
select is(probe.keep_of('a'), interval '7 days', 'or as long as it is told, until it is told otherwise');
select pawl.define_kind('a', p_keep => '0');
select is(probe.keep_of('a'), null, 'or for ever');
select is((select k ->> 'keep_ms' from jsonb_array_elements(pawl.list_kinds()) k where k ->> 'kind' = 'a'), null, 'which the list says with null');
select pawl.define_kind('new', 'noop', p_keep => '0');
select is(probe.keep_of('new'), null, 'also from the start');
select throws_ok('select pawl.define_kind(''a'', p_keep => ''999 ms'')', 'PW006', null, 'less than a second is refused');
select throws_ok('select pawl.define_kind(''a'', p_keep => ''-1 day'')', 'PW006', null, 'and what is negative');
select throws_ok('select pawl.define_kind(''a'', p_keep => ''101 years'')', 'PW006', null, 'and what no clock can tell');
select pawl.define_kind('a', p_keep => '10 days');
select is((select k ->> 'keep_ms' from jsonb_array_elements(pawl.list_kinds()) k where k ->> 'kind' = 'a'), '864000000', 'the list has milliseconds');

-- nothing to do: a node asks again after a minute
select is((select pruned || ' ' || next_ms from pawl.prune()), '0 60000', 'nothing to do: ask again in a minute');

-- what goes and what stays
select pawl.standing_job('a') as a \gset
select pawl.standing_job('a', 'customer') as keyed \gset
select probe.job(2, p_kind => 'a') as finite \gset
update pawl.tasks set status = 'completed', created_at = pawl.now() - interval '90 days', finished_at = pawl.now() - interval '90 days' where job_id = :finite;
select pawl.define_kind('ever', 'noop', p_keep => '0');
select pawl.standing_job('ever') as ever \gset
select probe.ended(:ever, 3, 'completed', 500, 500);
select probe.ended(:keyed, 3, 'completed', 20, 20);
select probe.ended(:a, 4, 'completed', 20, 11), probe.ended(:a, 3, 'failed', 20, 11), probe.ended(:a, 2, 'cancelled', 20, 11);
select probe.ended(:a, 1, 'completed', 20, 9), probe.ended(:a, 1, 'waiting', 20, 0), probe.ended(:a, 1, 'pending', 20, 0), probe.ended(:a, 1, 'running', 20, 0);
select probe.ended(:a, 1, 'completed', 9, 9);
update pawl.tasks set finished_at = null where job_id = :a and id = (select min(id) from pawl.tasks where job_id = :a); -- written by hand
insert into pawl.attempts (job_id, task_id, attempt, error_class)
select t.job_id, t.id, n, 'sql' from pawl.tasks t, generate_series(1, 2) n where t.job_id in (:a, :finite);
insert into pawl.task_progress (job_id, task_id, attempt) select t.job_id, t.id, 1 from pawl.tasks t where t.job_id in (:a, :finite);
select probe.progress_is(:a, '14/1/1/1/6/3/2', 'before');
select probe.fold();
select is(probe.prune(), '12 in 1', 'what ended longer ago than the kind keeps it goes');
select probe.progress_is(:a, '5/1/1/1/2/0/0', 'what has not ended stays, and what ended late; the counters are exact');
select probe.fold();
select probe.progress_is(:a, '5/1/1/1/2/0/0', 'also when they are folded');
select is((select count(*) from pawl.attempts where job_id = :a), 10::bigint, 'attempts go along');
select is((select count(*) from pawl.task_progress where job_id = :a), 5::bigint, 'and progress');
select is(probe.kept(:keyed), 0::bigint, 'those of a limit key are pruned too');
select is(probe.kept(:ever), 3::bigint, 'what is kept for ever stays');
select probe.progress_is(:finite, '2/0/0/0/2/0/0', 'a finite job stays whole');
select is((select count(*) from pawl.attempts where job_id = :finite), 4::bigint, 'with its attempts');
select results_eq('select * from pawl.reconcile()', 'select * from pawl.reconcile() where false', 'nothing has drifted');

-- when the next walk begins: after a tenth of the time, an hour at most
select is((select after_id || ' ' || (next_at - pawl.now()) from pawl.prune_cursors where job_id = :a), '0 01:00:00', 'the walk is over, the next one begins after an hour');
select probe.clock(1.5);
select is(probe.prune(), '2 in 1', 'a day and a half later the rest goes') ;
select probe.progress_is(:a, '3/1/1/1/0/0/0', 'but for what has not ended');
select pawl.define_kind('a', p_keep => '50 seconds');
select is((select next_at <= pawl.now() from pawl.prune_cursors where job_id = :a), true, 'a kind that keeps for another time is looked at at once');
select probe.prune();
select is((select next_ms from pawl.prune()), 5000::bigint, 'a short time is asked about sooner, and what is kept for ever is not');
select pawl.define_kind('a', p_keep => '1 second');
select probe.prune();
select is((select next_ms from pawl.prune()), 1000::bigint, 'but once a second at most');

-- batches, and the cursor
select pawl.define_kind('b', 'noop', p_keep => '1 hour');
select pawl.standing_job('b') as b \gset
select probe.prune();
update pawl.prune_cursors set next_at = 'infinity' where job_id <> :b;
select probe.ended(:b, 300, 'waiting', 2, 0), probe.ended(:b, 500, 'completed', 2, 1), 1;
select probe.clock(1.6);
select probe.ended(:b, 900, 'completed', 0, 0);
select is((select pruned || ' ' || next_ms from pawl.prune(200)), '0 0', 'a batch looks at as many as it is told: first those that stay');
select is((select pruned || ' ' || next_ms from pawl.prune(200)), '80 0', 'the next goes on behind them');
select is((select after_id from pawl.prune_cursors where job_id = :b), (select max(id) - 900 - 420 from pawl.tasks where job_id = :b), 'the cursor stands behind what it has looked at');
select probe.progress_is(:b, '1620/300/0/0/1320/0/0', 'the counters are exact in the middle');
select is(probe.prune(200), '420 in 5', 'and so on until what is young comes');
select is((select after_id || ' ' || (next_at - pawl.now()) from pawl.prune_cursors where job_id = :b), '0 00:06:00', 'there the walk is over: the young are not read');
select is(probe.prune(200), '0 in 1', 'until the next, nothing is read');
select probe.clock(1.7);
select is(probe.prune(200), '900 in 7', 'which begins anew, and takes what is not young any more');
select probe.progress_is(:b, '300/300/0/0/0/0/0', 'all but what waits');

update pawl.prune_cursors set next_at = pawl.now() where next_at = 'infinity';

-- a task that pretends to be from the future bars nobody's way
select probe.ended(:b, 1, 'completed', -5000, 0);
update pawl.tasks set id = 1 - id where job_id = :b and created_at > pawl.now();
select probe.ended(:b, 5, 'completed', 1, 1);
select probe.clock(1.8);
select is(probe.prune(), '5 in 1', 'a time in the future bars nobody''s way');

-- the job of a schedule whose runs queue, and one that is gone
select pawl.define_kind('s', 'noop', p_keep => '1 hour');
select pawl.define_schedule('nightly', 's', p_every => '1 day', p_overlap => 'queue');
select job_id as queue from pawl.run_schedule('nightly') \gset
update pawl.tasks set status = 'completed', finished_at = pawl.now(), created_at = pawl.now() where job_id = :queue;
select probe.clock(2);
select is(probe.prune(), '1 in 1', 'runs of a schedule that queue are pruned too');
select is(exists (select from pawl.prune_cursors where job_id = :keyed), true, 'a job has a cursor');
delete from pawl.jobs where id = :keyed;
select probe.clock(3);
select probe.prune();
select is(exists (select from pawl.prune_cursors where job_id = :keyed), false, 'until it is gone');
truncate pawl.prune_cursors;
select probe.ended(:b, 5, 'completed', 1, 1);
select is(probe.prune(), '5 in 1', 'cursors that somebody deletes come again');

-- many jobs: a call looks at some, and the next at others
select count(pawl.standing_job('b', 'key ' || n)) from generate_series(1, 250) n;
select probe.ended(s.job_id, 1, 'completed', 1, 1) from pawl.standing_jobs s where s.kind = 'b' and s.limit_key <> '' \g /dev/null
select probe.clock(4);
select is(probe.prune(), '250 in 4', 'of many jobs a call looks at some, the next at others');

-- how fast a job goes is not measured from what is deleted
select pawl.define_kind('pace', 'noop', p_keep => '1 hour');
select pawl.standing_job('pace') as pace \gset
select probe.node() as node \gset
select pawl.enqueue('pace') from generate_series(1, 40) \g /dev/null
select probe.ended(:pace, 500, 'completed', 3, 3);
select probe.fold();
select probe.claim(:node, :pace, 20) as ids \gset
select probe.fold();
select set_config('pawl.now', (pawl.now() + interval '10 seconds')::text, true);
select probe.finish(:node, :pace, :'ids');
select probe.prune();
select probe.fold();
select is((select measured_tasks || ' in ' || measured_seconds from pawl.jobs where id = :pace), '20 in 10', 'how fast a job goes is measured from what ends, not from what is deleted');
select probe.progress_is(:pace, '40/0/20/0/20/0/0', 'which is what is left');
select * from finish();
rollback;
