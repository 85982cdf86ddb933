-- Limiters: max_running and pace are exact, a missing one is an error (I11).
begin;
select * from no_plan();
set local pawl.now = '2030-01-01 00:00:00+00';
select probe.node() as node \gset
create function probe.decision(p_node integer, p_job bigint, p_limit integer) returns text language sql as $$
  select count(c.task_id) || ' first ' || max(c.first_ms) || ' each ' || max(c.interval_ms)
    || coalesce(' retry ' || nullif(max(c.retry_ms), 0), '') || coalesce(' ' || max(c.reason), '')
  from pawl.claim_batch(p_node, p_job, p_limit, '-Infinity', 0) c
$$;

-- max_running, over two jobs
select pawl.define_kind('three', 'noop', p_max_running => 3);
select probe.job(10, true, 'three') as a \gset
select probe.job(10, true, 'three') as b \gset
select is(probe.decision(:node, :a, 2), '2 first 0 each 0', 'max_running: two of three');
select is(probe.decision(:node, :b, 5), '1 first 0 each 0', 'the other job gets the one that is left');
select is(probe.decision(:node, :b, 5), '0 first 0 each 0 retry 50 max_running', 'then none, and it says why');
select pawl.fold();
select is(probe.decision(:node, :a, 5), '0 first 0 each 0 retry 1000 max_running', 'folded or not makes no difference');
select probe.finish(:node, :a, (select array_agg(id) from pawl.tasks where job_id = :a and status = 'running'));
select is(probe.decision(:node, :b, 5), '2 first 0 each 0', 'as many as have ended');
select is((select sum(running) from pawl.job_progress where job_id in (:a, :b)), 3::numeric, 'three run');
select pawl.define_kind('three', 'noop', p_max_running => 1);
select is(probe.decision(:node, :b, 5), '0 first 0 each 0 retry 1000 max_running', 'a limit that was lowered below what runs lets nothing start');
select pawl.cancel_job(:b);
select is(probe.decision(:node, :a, 5), '1 first 0 each 0', 'cancelled tasks run no more');

-- pace: GCRA, starts within the next second, each with its time
select pawl.define_kind('pace', 'noop', p_start_interval_ms => 400);
select probe.job(20, true, 'pace') as job \gset
select is(probe.decision(:node, :job, 10), '3 first 0 each 400', 'pace: now, 400 ms, 800 ms');
select is((select next_start_at from pawl.limiters where key = 'kind:pace'), '2030-01-01 00:00:01.2+00'::timestamptz, 'the fourth at 1200 ms');
select is(probe.decision(:node, :job, 10), '0 first 0 each 0 retry 300 pace', 'none now: look again shortly before it comes within the second');
set local pawl.now = '2030-01-01 00:00:00.3+00';
select is(probe.decision(:node, :job, 10), '1 first 900 each 400', 'it starts in 900 ms');
set local pawl.now = '2030-01-01 00:00:01+00';
select is(probe.decision(:node, :job, 1), '1 first 600 each 400', 'asked for one: one');
select is(probe.decision(:node, :job, 10), '1 first 1000 each 400', 'the next starts behind it');
set local pawl.now = '2030-01-01 00:01:00+00';
select is(probe.decision(:node, :job, 10), '3 first 0 each 400', 'a pause saves nothing up without a burst');

-- without a pace: what a host asks for (Retry-After) holds all the same
select pawl.define_kind('pause', 'noop', p_max_running => 100);
select probe.job(20, true, 'pause') as paused \gset
update pawl.limiters set next_start_at = pawl.now() + interval '5 seconds' where key = 'kind:pause';
select is(probe.decision(:node, :paused, 10), '0 first 0 each 0 retry 4100 pace', 'a pause: nothing starts');
update pawl.limiters set next_start_at = pawl.now() + interval '0.5 seconds' where key = 'kind:pause';
select is(probe.decision(:node, :paused, 10), '10 first 500 each 0', 'all start when it ends');
update pawl.limiters set next_start_at = pawl.now() - interval '5 seconds' where key = 'kind:pause';
select is(probe.decision(:node, :paused, 5), '5 first 0 each 0', 'at once when it is over');

-- setting the pace: the same again moves nothing, another one holds from the next start on
select next_start_at from pawl.limiters where key = 'kind:pace' \gset old_
select is((:'old_next_start_at'::timestamptz - pawl.now()), interval '1.2 seconds', 'the next start is due in 1.2 s');
select pawl.define_kind('pace', 'noop', p_start_interval_ms => 400);
select is((select next_start_at from pawl.limiters where key = 'kind:pace'), :'old_next_start_at'::timestamptz, 'I11: the same pace again lets nothing start earlier');
select pawl.define_kind('pace', 'noop', p_start_interval_ms => 100);
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'kind:pace'), interval '0.1 seconds', 'a faster one does not wait for the slower');
select pawl.define_kind('pace', 'noop', p_start_interval_ms => 400);
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'kind:pace'), interval '0.1 seconds', 'a slower one holds from the next start on');

-- burst
update pawl.limiters set burst = 3, next_start_at = null where key = 'kind:pace';
select is(probe.decision(:node, :job, 20), '5 first -800 each 400', 'burst 3: three at once, then 400 ms, 800 ms');
set local pawl.now = '2030-01-01 00:01:01.2+00';
select is(probe.decision(:node, :job, 20), '3 first 0 each 400', 'used up, it is the plain pace');
set local pawl.now = '2030-01-01 01:00:00+00';
select probe.job(20, true, 'pace') as job \gset
select is(probe.decision(:node, :job, 20), '5 first -800 each 400', 'and comes back after a pause');
-- Whatever is asked and when: no stretch of time holds more starts than its length / interval + burst.
create table probe.starts (at_ms double precision);
do $$
declare
  v_job bigint := probe.job(2000, true, 'pace');
  v_node integer := probe.node();
  v_ms double precision := 0;
  r record;
begin
  update pawl.limiters set next_start_at = null where key = 'kind:pace';
  perform setseed(0.5);
  for i in 1..300 loop
    v_ms := v_ms + (random() * 700)::integer;
    perform set_config('pawl.now', ('2031-01-01 00:00:00+00'::timestamptz + v_ms * interval '1 millisecond')::text, true);
    select count(c.task_id) as n, max(c.first_ms) as first_ms, max(c.interval_ms) as each_ms into r
    from pawl.claim_batch(v_node, v_job, 1 + (random() * 4)::integer, '-Infinity', 0) c;
    insert into probe.starts
    select v_ms + greatest(0, r.first_ms + (k - 1) * r.each_ms) from generate_series(1, r.n) k;
  end loop;
end $$;
select cmp_ok((select count(*) from probe.starts), '>', 200::bigint, 'I11: some hundred starts at random moments');
select is((
    select count(*) from probe.starts a join probe.starts b on b.at_ms >= a.at_ms
    where (select count(*) from probe.starts c where c.at_ms between a.at_ms and b.at_ms) > floor((b.at_ms - a.at_ms) / 400 + 1e-6) + 3),
  0::bigint, 'I11: no stretch of time holds more than the pace and its burst allow');
set local pawl.now = '2030-01-01 02:00:00+00';

-- both at once
select pawl.define_kind('both', 'noop', p_max_running => 2, p_start_interval_ms => 400);
select probe.job(20, true, 'both') as job \gset
select is(probe.decision(:node, :job, 20), '2 first 0 each 400', 'max_running and pace: the smaller one');
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'kind:both'), interval '0.8 seconds', 'only what was taken moves the pace');

-- a limiter that finds nothing to claim keeps its pace
select probe.job(0, false, 'pace') as empty \gset
update pawl.limiters set next_start_at = null where key = 'kind:pace';
select is(probe.decision(:node, :empty, 5), '0 first -800 each 400', 'nothing to claim: granted, but nothing taken');
select is((select next_start_at from pawl.limiters where key = 'kind:pace'), null, 'and the pace does not move');

-- I11: configured but missing is an error, never "unlimited"
select throws_ok($$ delete from pawl.limiters where key = 'kind:pace' $$, '23503', null, 'a limiter in use cannot be deleted');
set local session_replication_role = replica;
delete from pawl.limiters where key = 'kind:pace';
set local session_replication_role = origin;
select throws_ok(format('select pawl.claim_batch(%s, %s, 1, ''-Infinity'', 0)', :node, :empty), 'PW007', 'limiter "kind:pace" does not exist',
  'I11: a missing limiter is an error');
select throws_ok($$ select pawl.admit_tasks('none', 1) $$, 'PW007', null, 'I11: asked directly too');

-- nonsense is refused by the table
select throws_ok($$ insert into pawl.limiters (key, max_running) values ('n', 0) $$, '23514', null, 'max_running 0');
select throws_ok($$ insert into pawl.limiters (key, start_interval_ms) values ('n', -1) $$, '23514', null, 'a negative pace');
select throws_ok($$ insert into pawl.limiters (key, start_interval_ms) values ('n', 'NaN') $$, '23514', null, 'a pace that is no number');
select throws_ok($$ insert into pawl.limiters (key, burst) values ('n', 0) $$, '23514', null, 'burst 0');
select * from finish();
rollback;
