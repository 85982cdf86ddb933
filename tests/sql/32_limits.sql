-- Limits of a kind and of each of its keys: both hold, over all (I11); bad values are refused in words.
begin;
select * from no_plan();
set local pawl.now = '2030-01-01 00:00:00+00';
select probe.node() as node \gset
create function probe.decision(p_job bigint, p_limit integer) returns text language sql as $$
  select count(c.task_id) || ' granted ' || max(c.granted) || coalesce(' ' || nullif(max(c.reason), ''), '')
    || coalesce(' by ' || max(l.key), '') || coalesce(' first ' || nullif(max(c.first_ms), 0), '')
    || coalesce(' each ' || nullif(max(c.interval_ms), 0), '') || coalesce(' retry ' || nullif(max(c.retry_ms), 0), '')
  from pawl.claim_batch((select max(id) from pawl.nodes), p_job, p_limit, '-Infinity', 0) c
  left join pawl.limiters l on pawl.limiter_id(l.key) = c.limited_by
$$;
-- A standing job with so many tasks of a key.
create function probe.keyed(p_kind text, p_key text, p_count integer) returns bigint language sql as $$
  select max(e.job_id) from generate_series(1, p_count) n cross join lateral pawl.enqueue(p_kind, to_jsonb(n), p_limit_key => p_key) e
$$;
create function probe.end_one(p_job bigint) returns integer language sql as $$
  select probe.finish((select max(id) from pawl.nodes), p_job,
    (select array_agg(id) from (select id from pawl.tasks where job_id = p_job and status = 'running' order by id limit 1) t))
$$;

-- keys
select probe.kind('mail');
select is(pawl.standing_job('mail', 'a'), (select job_id from pawl.enqueue('mail', '{}', p_limit_key => 'a')), 'a key has a standing job');
select isnt(pawl.standing_job('mail', 'a'), pawl.standing_job('mail', 'b'), 'each its own');
select is((select job_id from pawl.enqueue('mail', '{}', p_limit_key => '')), pawl.standing_job('mail'), 'an empty key is none');
select is((select array_agg(limit_key order by id) from pawl.jobs where kind = 'mail'), array['a', 'b', null], 'the job says its key');
select is((select count(*) from pawl.jobs where kind = 'mail' and limiter_key is not null), 0::bigint, 'without limits there are no limiters');
select is((select job_id from pawl.enqueue('mail', '{}', 'k', p_limit_key => 'a') e) = (select job_id from pawl.enqueue('mail', '{}', 'k', p_limit_key => 'b') e), false,
  'the key of a task is unique within the limit key');
select throws_ok($$ select pawl.enqueue('mail', '{}', p_limit_key => repeat('x', 501)) $$, 'PW006', 'a limit key has at most 500 characters, not 501', 'a key has a length');
select throws_ok($$ select pawl.enqueue('none', '{}', p_limit_key => 'a') $$, 'PW001', null, 'an unknown kind');

-- limits that are set later hold for the jobs that are there, and for new ones
select is(pawl.set_limit('mail', 'key', p_max_running => 2), 'keys:mail', 'set_limit says which limiter has the numbers');
select is((select array_agg(limiter_key order by id) from pawl.jobs where kind = 'mail'), array['key:mail:a', 'key:mail:b', null], 'each key has a limiter, what has no key none');
select is(pawl.set_limit('mail', 'kind', p_max_running => 3), 'kind:mail', 'over the whole kind');
select is((select array_agg(limiter_key order by id) from pawl.jobs where kind = 'mail'), array['key:mail:a', 'key:mail:b', 'kind:mail'], 'what has no key is under the kind''s');
select probe.keyed('mail', 'a', 9) as a, probe.keyed('mail', 'b', 9) as b, probe.keyed('mail', 'c', 9) as c, pawl.standing_job('mail') as plain \gset
select is(probe.decision(:a, 5), '2 granted 2 by key:mail:a', 'two of a key');
select is(probe.decision(:a, 5), '0 granted 0 max_running by key:mail:a retry 50', 'and then none of it');
select is(probe.decision(:b, 5), '1 granted 1 by kind:mail', 'another key gets what the kind leaves');
select is(probe.decision(:c, 5), '0 granted 0 max_running by kind:mail retry 50', 'I11: three of the kind, whatever their keys');
select is(probe.decision(:plain, 5), '0 granted 0 max_running by kind:mail retry 1000', 'I11: nor one without a key');
select is((select array_agg(limiter_id = pawl.limiter_id('key:mail:' || limit_key) and parent_limiter_id = pawl.limiter_id('kind:mail'))
    from pawl.list_work(array['noop']) w join pawl.jobs j on j.id = w.job_id where j.limit_key is not null), array[true, true, true], 'list_work: under which limiters');
select pawl.fold();
select is(probe.decision(:c, 5), '0 granted 0 max_running by kind:mail retry 1000', 'folded or not makes no difference');
select probe.end_one(:b);
select is(probe.decision(:c, 5), '1 granted 1 by kind:mail', 'one ends, one starts');
select probe.end_one(:a);
select pawl.fold();
update pawl.jobs set running = running - 5 where id = :c;
insert into pawl.progress_deltas (job_id, running) values (:c, 5);
select is(pawl.count_running('kind:mail'), 2::bigint, 'I11: counted exactly while half of it is folded');
select is(probe.decision(:plain, 5), '1 granted 1 by kind:mail', 'one more');
select pawl.set_limit('mail', 'kind', p_max_running => 0);
select is(probe.decision(:a, 5), '1 granted 1 by key:mail:a', '0 takes the limit of the kind away, that of the key stays');
select pawl.set_limit('mail', 'key', p_max_running => 4);
select is(probe.decision(:a, 5), '2 granted 2 by key:mail:a', 'another number holds for all keys at once');
select is(probe.decision(:b, 5), '4 granted 4 by key:mail:b', 'each for itself');

-- pace: both keep theirs
select probe.kind('paced');
select pawl.set_limit('paced', 'kind', p_start_interval_ms => 100), pawl.set_limit('paced', 'key', p_start_interval_ms => 400);
select probe.keyed('paced', 'a', 20) as a, probe.keyed('paced', 'b', 20) as b \gset
select is(probe.decision(:a, 9), '3 granted 3 by key:paced:a each 400', 'the key is slower: 0, 400, 800 ms');
select is(probe.decision(:b, 9), '1 granted 1 by key:paced:b first 900 each 400', 'the kind leaves the next start 100 ms behind the last');
select is(probe.decision(:a, 9), '0 granted 0 pace by key:paced:a retry 300', 'then none of either');
set local pawl.now = '2030-01-01 00:00:30+00';
select pawl.set_limit('paced', 'key', p_burst => 3);
select is(probe.decision(:a, 9), '3 granted 3 by key:paced:a each 400', 'the kind''s pace holds for the burst of a key: it does not come at once');
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'key:paced:a'), interval '0.4 seconds', 'and is not used up');
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'kind:paced'), interval '0.9 seconds', 'the kind''s next start stands behind the last');
select pawl.set_limit('paced', 'kind', p_start_interval_ms => 0);
select is(probe.decision(:b, 9), '5 granted 5 by key:paced:b first -800 each 400', 'without the kind''s the key''s burst comes at once');
update pawl.limiters set next_start_at = pawl.now() + interval '1 hour' where key = 'key:paced:b';
select is(probe.decision(:b, 9), '2 granted 2 by key:paced:b first 400 each 400', 'a slower pace of before, or a clock that was set back, holds no key up for long');
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'key:paced:b'), interval '1.2 seconds', 'and then its pace goes on');
select pawl.set_limit('paced', 'kind', p_start_interval_ms => 100);
update pawl.limiters set next_start_at = pawl.now() + interval '1 hour' where key = 'kind:paced';
set local pawl.now = '2030-01-01 00:00:40+00';
select is(probe.decision(:a, 1), '1 granted 1 first 100 each 400', 'nor a kind, which no host can ask for an hour''s pause');
select is((select next_start_at - pawl.now() from pawl.limiters where key = 'kind:paced'), interval '0.2 seconds', 'and then its pace goes on');
select pawl.set_limit('paced', 'kind', p_start_interval_ms => 0);
-- whatever is asked of whom: neither pace is ever broken
create table probe.starts (job bigint, at_ms double precision);
do $$
declare
  v_node integer := (select max(id) from pawl.nodes);
  v_jobs bigint[] := array[probe.keyed('paced', 'x', 400), probe.keyed('paced', 'y', 400), probe.keyed('paced', 'z', 400)];
  v_job bigint;
  v_ms double precision := 0;
  r record;
begin
  perform pawl.set_limit('paced', 'kind', p_start_interval_ms => 150, p_burst => 2), pawl.set_limit('paced', 'key', p_start_interval_ms => 400, p_burst => 3);
  perform setseed(0.5);
  for i in 1..300 loop
    v_ms := v_ms + (random() * 300)::integer;
    v_job := v_jobs[1 + i % 3];
    perform set_config('pawl.now', ('2031-01-01 00:00:00+00'::timestamptz + v_ms * interval '1 millisecond')::text, true);
    select count(c.task_id) as n, max(c.first_ms) as first_ms, max(c.interval_ms) as each_ms into r
    from pawl.claim_batch(v_node, v_job, 1 + (random() * 4)::integer, '-Infinity', 0) c;
    insert into probe.starts select v_job, v_ms + greatest(0, r.first_ms + (k - 1) * r.each_ms) from generate_series(1, r.n) k;
  end loop;
end $$;
select cmp_ok((select count(*) from probe.starts), '>', 200::bigint, 'I11: some hundred starts at random moments');
select is((
    select count(*) from probe.starts a join probe.starts b on b.at_ms >= a.at_ms
    where (select count(*) from probe.starts c where c.at_ms between a.at_ms and b.at_ms) > floor((b.at_ms - a.at_ms) / 150 + 1e-6) + 2),
  0::bigint, 'I11: no stretch of time holds more than the kind''s pace and burst allow');
select is((
    select count(*) from probe.starts a join probe.starts b on b.job = a.job and b.at_ms >= a.at_ms
    where (select count(*) from probe.starts c where c.job = a.job and c.at_ms between a.at_ms and b.at_ms) > floor((b.at_ms - a.at_ms) / 400 + 1e-6) + 3),
  0::bigint, 'I11: nor more than the key''s');
set local pawl.now = '2032-01-01 00:00:00+00';

-- horizon 0: for who cannot wait for a start
select is((select array[granted, retry_ms] from pawl.admit_tasks('key:paced:x', 9, 0)), array[1, 0]::double precision[], 'only what can start now');
update pawl.limiters set next_start_at = pawl.now() + interval '0.2 seconds' where key = 'key:paced:x';
select is((select array[granted, retry_ms] from pawl.admit_tasks('key:paced:x', 9, 0)), array[0, 200]::double precision[], 'else when');

-- names that look alike are different limiters
select probe.kind('x'), probe.kind('x:y'), probe.kind('x\');
select pawl.set_limit('x', 'key', 1), pawl.set_limit('x:y', 'key', 1), pawl.set_limit('x\', 'key', 1);
select array[pawl.standing_job('x', 'y:z'), pawl.standing_job('x:y', 'z'), pawl.standing_job('x', ':y:z'),
  pawl.standing_job('x\', 'y:z'), pawl.standing_job('x', '\:y:z')] as alike \gset
select is((select count(distinct limiter_key) from pawl.jobs where id = any (:'alike'::bigint[])), 5::bigint, 'I11: no two keys share a limiter by their names');

-- define_kind sets the same limits
select pawl.define_kind('x', 'noop', p_max_running => 7);
select is((select array_agg(limiter_key order by id) from pawl.jobs where kind = 'x'), array['key:x:y:z', 'key:x::y:z', 'key:x:\:y:z'], 'the keys keep theirs');
select is((select max_running from pawl.limiters where key = 'kind:x'), 7, 'under which the kind''s holds');

-- spacing: a place rests after its task has ended
set local pawl.now = '2033-01-01 00:00:00+00';
select probe.kind('audio');
select pawl.set_limit('audio', p_spacing_ms => 30000);
select is((select max_running from pawl.limiters where key = 'kind:audio'), 1, 'spacing: one place, unless said otherwise');
select probe.job(9, true, 'audio') as audio \gset
-- What nodes do: claim, and end under limits.
create function probe.end_limited(p_job bigint, p_count integer, p_outcome text default 'completed', p_bytes bigint default 0, p_was_started boolean default true)
returns integer language sql as $$
  select pawl.finish_followed_tasks((select max(id) from pawl.nodes), t.jobs, t.ids, t.attempts, array_fill(p_outcome, array[t.n]), array_fill(0::bigint, array[t.n]),
    array_fill(null::text, array[t.n]), array_fill(null::text, array[t.n]), array_fill(null::text, array[t.n]), array_fill(p_bytes, array[t.n]), array_fill(p_was_started, array[t.n]))
  from (select count(*)::integer as n, array_agg(job_id) as jobs, array_agg(id) as ids, array_agg(attempt) as attempts
    from (select * from pawl.tasks where job_id = p_job and status = 'running' order by id limit p_count) x) t
$$;
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'spacing: the first starts');
set local pawl.now = '2033-01-01 00:00:10+00';
select is(probe.decision(:audio, 9), '0 granted 0 max_running by kind:audio retry 50', 'spacing: while it runs none');
select probe.end_limited(:audio, 1);
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 30000', 'spacing: then its place rests, from its end on');
set local pawl.now = '2033-01-01 00:00:39.9+00';
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 100', 'spacing: to the last');
set local pawl.now = '2033-01-01 00:00:40+00';
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'spacing: and is free');
select probe.end_limited(:audio, 1, 'returned', null, false);
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'spacing: nothing rests after what never started');
select probe.end_limited(:audio, 1, 'returned', null, true);
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 30000', 'spacing: what was cut off has started');
set local pawl.now = '2033-01-01 00:01:10+00';
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'one more');
update pawl.nodes set dead_at = now() where id = :node;
select pawl.rescue_tasks(array[:node]);
update pawl.nodes set dead_at = null where id = :node;
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 30000', 'spacing: what a dead node ran has ended when it is rescued');
set local pawl.now = '2033-01-01 00:01:00+00';
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 30000', 'a clock that is set back: the place rests from now on, no longer');
set local pawl.now = '2033-01-01 00:01:45+00';
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'one more');
select pawl.cancel_job(:audio);
select probe.job(9, true, 'audio') as audio \gset
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 30000', 'spacing: cancelled is ended');
select pawl.set_limit('audio', p_max_running => 3, p_spacing_ms => 1000);
select is(probe.decision(:audio, 9), '2 granted 2 by kind:audio', 'spacing of three places: two are free');
set local pawl.now = '2033-01-01 00:01:46+00';
select is(probe.decision(:audio, 9), '1 granted 1 by kind:audio', 'then the third');
select probe.end_limited(:audio, 2);
select is(probe.decision(:audio, 9), '0 granted 0 spacing by kind:audio retry 1000', 'two of three have ended, and rest');
set local pawl.now = '2033-01-01 00:01:47+00';
select is(probe.decision(:audio, 9), '2 granted 2 by kind:audio', 'and are free');
select is((select count(*) from pawl.limiter_uses), 0::bigint, 'what has ended was taken into account');
-- a task of its own by the sql executor, and one of an external worker
create function probe.nothing(jsonb) returns void language sql as $$ $$;
select pawl.define_kind('quiet', 'sql', 'probe.nothing'), pawl.define_kind('outside', 'external');
select pawl.set_limit('quiet', p_spacing_ms => 5000), pawl.set_limit('outside', p_spacing_ms => 5000);
select probe.job(3, true, 'quiet') as quiet, probe.job(9, true, 'outside') as outside \gset
select (probe.claim(:node, :quiet, 1))[1] as ran \gset
select pawl.run_sql_task(:node, :quiet, :ran, 1);
select is(probe.decision(:quiet, 9), '0 granted 0 spacing by kind:quiet retry 5000', 'spacing: of sql');
select task_id as worked from pawl.claim_tasks('outside', 'w') \gset
select pawl.finish_task(:outside, :worked, 1);
select is((select count(*) from pawl.claim_tasks('outside', 'w')), 0::bigint, 'spacing: of an external worker');
set local pawl.now = '2033-01-01 00:02:00+00';
select task_id as worked from pawl.claim_tasks('outside', 'w') \gset
select pawl.fail_task(:outside, :worked, 1, 'no');
select is((select count(*) from pawl.claim_tasks('outside', 'w')), 0::bigint, 'spacing: of one that failed');
set local pawl.now = '2033-01-01 01:00:00+00';
select task_id as worked from pawl.claim_tasks('outside', 'w', 1, '1 second') \gset
set local pawl.now = '2033-01-01 01:00:02+00';
select pawl.expire_leases();
select is((select count(*) from pawl.claim_tasks('outside', 'w')), 0::bigint, 'spacing: of one whose lease has ended');
set local pawl.now = '2033-01-01 02:00:00+00';
select task_id as worked from pawl.claim_tasks('outside', 'w') \gset
select pawl.cancel_task(:outside, :worked);
select is((select count(*) from pawl.claim_tasks('outside', 'w')), 0::bigint, 'spacing: of one that was cancelled');

-- budget of calls: no stretch of a window's length holds more
select probe.kind('calls');
select pawl.set_limit('calls', p_window_ms => 60000, p_max_calls => 10);
select probe.job(500, true, 'calls') as calls \gset
set local pawl.now = '2034-01-01 00:00:00.5+00';
select is(probe.decision(:calls, 4), '4 granted 4', 'calls: four of ten');
set local pawl.now = '2034-01-01 00:00:30.5+00';
select is(probe.decision(:calls, 20), '6 granted 6 by kind:calls', 'calls: the rest');
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 30500', 'calls: none until the first are out of the window');
select probe.end_limited(:calls, 7, 'completed');
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 35500', 'calls: they count from their end, but no longer than a twelfth of the window');
select probe.end_limited(:calls, 2, 'returned', null, false);
select is(probe.decision(:calls, 20), '2 granted 2 by kind:calls', 'calls: two that never started are given back');
set local pawl.now = '2034-01-01 00:01:05.999+00';
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 1', 'calls: not a millisecond earlier');
set local pawl.now = '2034-01-01 00:01:06+00';
select is(probe.decision(:calls, 20), '4 granted 4 by kind:calls', 'calls: what was spent a window ago is free again');
select probe.end_limited(:calls, 100);
set local pawl.now = '2034-01-01 00:00:50+00';
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 41000', 'a clock that is set back gives nothing back');
set local pawl.now = '2030-01-01 00:00:00+00';
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 25000', 'and by years keeps nobody longer than a window');
update pawl.nodes set heartbeat_at = pawl.now() where id = :node;
update pawl.jobs set measured_tasks = 100, measured_seconds = 1, measured_at = pawl.now() where id = :calls;
select is((pawl.why(:calls) ->> 'estimated_completion_at')::timestamptz, (pawl.why(:calls) ->> 'next_look_at')::timestamptz,
  'however fast it went, it ends no earlier than its limit opens');
select pawl.set_limit('calls', p_window_ms => 30000);
select is(probe.decision(:calls, 20), '0 granted 0 budget by kind:calls retry 30500', 'another window: what was spent counts as spent now');
select pawl.set_limit('calls', p_max_calls => 12);
select is(probe.decision(:calls, 20), '2 granted 2 by kind:calls', 'a larger budget is there at once');
-- random claims, ends and returns: never more starts than the budget in any window
create table probe.spent (at_ms double precision, n integer);
do $$
declare
  v_job bigint := probe.job(3000, true, 'calls');
  v_ms double precision := 0;
  v_n integer;
  v_back integer;
begin
  perform pawl.set_limit('calls', p_window_ms => 10000, p_max_calls => 20), setseed(0.3);
  for i in 1..300 loop
    v_ms := v_ms + (random() * 700)::integer;
    perform set_config('pawl.now', ('2035-01-01 00:00:00+00'::timestamptz + v_ms * interval '1 millisecond')::text, true);
    select count(c.task_id) into v_n from pawl.claim_batch((select max(id) from pawl.nodes), v_job, 1 + (random() * 8)::integer, '-Infinity', 0) c;
    v_back := probe.end_limited(v_job, (random() * 1.5)::integer * (v_n > 0)::integer, 'returned', null, false);
    perform probe.end_limited(v_job, (random() * 10)::integer);
    insert into probe.spent values (v_ms, v_n - v_back);
  end loop;
end $$;
select cmp_ok((select sum(n) from probe.spent), '>', 150::bigint, 'I11: some hundred calls at random moments');
select is((select count(*) from probe.spent a where (select sum(n) from probe.spent b where b.at_ms >= a.at_ms and b.at_ms < a.at_ms + 10000) > 20), 0::bigint,
  'I11: no window holds more calls than the budget');

-- who is called counts when a call reaches him: at any moment between its claim and its end
create table probe.came (came_ms double precision);
create table probe.calls (id bigint primary key, claimed_ms double precision, came_ms double precision, ends_ms double precision);
do $$
declare
  v_job bigint := probe.job(3000, true, 'calls');
  v_node integer := (select max(id) from pawl.nodes);
  v_ended bigint[];
begin
  perform pawl.set_limit('calls', p_window_ms => 12000, p_max_calls => 20), setseed(0.4);
  for v_ms in 0 .. 150000 by 47 loop
    perform set_config('pawl.now', ('2036-01-01 00:00:00+00'::timestamptz + v_ms * interval '1 millisecond')::text, true);
    with ended as (delete from probe.calls c where c.ends_ms <= v_ms returning c.*), kept as (insert into probe.came select e.came_ms from ended e)
    select array_agg(e.id) into v_ended from ended e;
    if v_ended is not null then
      perform pawl.finish_followed_tasks(v_node, array_fill(v_job, array[cardinality(v_ended)]), v_ended, array_fill(1, array[cardinality(v_ended)]),
        array_fill('completed'::text, array[cardinality(v_ended)]), null, null, null, null);
    end if;
    insert into probe.calls
    select c.task_id, v_ms, v_ms + d.length * random(), v_ms + d.length
    from pawl.claim_batch(v_node, v_job, (random() * 6)::integer, '-Infinity', 0) c
    cross join lateral (select case when random() < 0.5 then 30 else 990 end * random() * (c.task_id is not null)::integer as length) d
    where c.task_id is not null;
  end loop;
end $$;
select cmp_ok((select count(*) from probe.came), '>', 200::bigint, 'I11: some hundred calls that take their time');
select is((select max((select count(*) from probe.came b where b.came_ms >= a.came_ms and b.came_ms < a.came_ms + 12000)) from probe.came a), 20::bigint,
  'I11: nor does who is called see more in any window');

-- budget of bytes: the estimate is set aside, what was used is counted
select probe.kind('bytes');
select pawl.set_limit('bytes', p_window_ms => 60000, p_max_bytes => 1000, p_estimated_bytes => 300);
select probe.job(99, true, 'bytes') as bytes \gset
set local pawl.now = '2036-01-01 00:00:00+00';
select is(probe.decision(:bytes, 9), '3 granted 3 by kind:bytes', 'bytes: as many as the estimate lets');
select is(probe.decision(:bytes, 9), '0 granted 0 budget by kind:bytes retry 50', 'bytes: then none; but one that ends may have taken less');
select probe.end_limited(:bytes, 2, 'completed', 50);
select is(probe.decision(:bytes, 9), '2 granted 2 by kind:bytes', 'bytes: settled with what they took: 100 and 300 set aside leave two');
set local pawl.now = '2036-01-01 00:00:59+00';
select probe.end_limited(:bytes, 3, 'failed', 250);
select is(probe.decision(:bytes, 9), '0 granted 0 budget by kind:bytes retry 61000', 'bytes: counted when they end: 850, of which the larger part must go first');
set local pawl.now = '2036-01-01 00:01:01+00';
select is(probe.decision(:bytes, 9), '0 granted 0 budget by kind:bytes retry 59000', 'bytes: the first hundred are out of the window, which leaves too little');
set local pawl.now = '2036-01-01 00:02:00+00';
select is(probe.decision(:bytes, 1), '1 granted 1', 'bytes: a window later');
select probe.end_limited(:bytes, 1, 'completed', null);
select is(probe.decision(:bytes, 9), '2 granted 2 by kind:bytes', 'bytes: of which nobody knows what it took, it is the estimate');
select probe.end_limited(:bytes, 2, 'completed', 5000);
select is(probe.decision(:bytes, 9), '0 granted 0 budget by kind:bytes retry 61000', 'bytes: one that took more than the estimate is counted in full');
-- tree: a budget of each key under one of the kind
select probe.kind('both');
select pawl.set_limit('both', 'kind', p_window_ms => 60000, p_max_calls => 5), pawl.set_limit('both', 'key', p_window_ms => 60000, p_max_calls => 3);
select probe.keyed('both', 'a', 9) as both_a, probe.keyed('both', 'b', 9) as both_b \gset
select is(probe.decision(:both_a, 9), '3 granted 3 by key:both:a', 'a key''s budget');
select is(probe.decision(:both_b, 9), '2 granted 2 by kind:both', 'and what the kind leaves');
select probe.end_limited(:both_a, 1, 'returned', null, false);
select is(probe.decision(:both_b, 9), '1 granted 1 by key:both:b', 'a call that is given back is free in both');
set local pawl.now = '2036-01-01 00:03:01+00';
select is(probe.decision(:both_a, 9), '3 granted 3 by key:both:a', 'the key''s own');

-- a node that is refused is told when something ends elsewhere
select probe.kind('told');
select pawl.set_limit('told', p_max_running => 1);
select probe.job(3, true, 'told') as told \gset
select probe.node() as other \gset
select is((select count(task_id) from pawl.claim_batch(:node, :told, 1, '-Infinity', 0)), 1::bigint, 'one node has the place');
select is((select max(retry_ms) from pawl.claim_batch(:other, :told, 1, '-Infinity', 0)), 50::double precision, 'I5: the other asks once more soon');
select is((select max(retry_ms) from pawl.claim_batch(:other, :told, 1, '-Infinity', 0)), 1000::double precision, 'I5: and then waits for a bell');
select is((select awaited_by from pawl.limiters where key = 'kind:told'), :other, 'which it is noted for');
select is((select max(retry_ms) from pawl.claim_batch(:node, :told, 1, '-Infinity', 0)), 50::double precision, 'a second one too');
select is((select awaited_by from pawl.limiters where key = 'kind:told'), 0, 'then it is for all');

-- I11: configured but missing is an error
set local session_replication_role = replica;
delete from pawl.limiters where key in ('keys:mail', 'kind:paced');
set local session_replication_role = origin;
select throws_ok(format('select pawl.claim_batch(%s, %s, 1, ''-Infinity'', 0)', :node, :a), 'PW007', 'limiter "kind:paced" does not exist', 'I11: a missing parent is an error');
select throws_ok($$ select pawl.admit_tasks('key:mail:a', 1) $$, 'PW007', 'limiter "keys:mail" does not exist', 'I11: so are missing numbers');

-- bad values, in words
select throws_ok(s, 'PW006', m, s) from (values
  ($$ select pawl.set_limit('x', 'all') $$, 'scope ''all'' is not known'),
  ($$ select pawl.set_limit('x', null) $$, 'scope NULL is not known'),
  ($$ select pawl.set_limit('x', p_max_running => -1) $$, 'p_max_running is out of range: -1'),
  ($$ select pawl.set_limit('x', p_start_interval_ms => -1) $$, 'p_start_interval_ms is out of range: -1'),
  ($$ select pawl.set_limit('x', p_start_interval_ms => 'NaN') $$, 'p_start_interval_ms is out of range: NaN'),
  ($$ select pawl.set_limit('x', p_start_interval_ms => 86400000) $$, 'p_start_interval_ms is out of range: 86400000'),
  ($$ select pawl.set_limit('x', p_burst => -1) $$, 'p_burst is out of range: -1'),
  ($$ select pawl.set_limit('x', p_spacing_ms => -1) $$, 'p_spacing_ms is out of range: -1'),
  ($$ select pawl.set_limit('x', p_spacing_ms => 'NaN') $$, 'p_spacing_ms is out of range: NaN'),
  ($$ select pawl.set_limit('x', p_spacing_ms => 100, p_max_running => 1001) $$, 'p_max_running is out of range: 1001'),
  ($$ select pawl.set_limit('x', p_spacing_ms => 100, p_max_running => 0) $$, 'without a number of places there is none that could rest'),
  ($$ select pawl.set_limit('x', p_window_ms => 1) $$, 'p_window_ms is out of range: 1'),
  ($$ select pawl.set_limit('x', p_window_ms => 'NaN') $$, 'p_window_ms is out of range: NaN'),
  ($$ select pawl.set_limit('x', p_max_calls => 5) $$, 'a budget needs a window'),
  ($$ select pawl.set_limit('x', p_window_ms => 60000, p_max_calls => -1) $$, 'p_max_calls is out of range: -1'),
  ($$ select pawl.set_limit('x', p_window_ms => 60000, p_max_bytes => 5) $$, 'a budget of bytes needs an estimate'),
  ($$ select pawl.set_limit('x', p_window_ms => 60000, p_max_bytes => 5, p_estimated_bytes => 6) $$, 'p_estimated_bytes is out of range: 6'),
  ($$ select pawl.set_limit('x', p_window_ms => 60000, p_max_bytes => 5, p_estimated_bytes => 0) $$, 'p_estimated_bytes is out of range: 0'),
  ($$ insert into pawl.limiters (key, parent_key) values ('deep', 'key:x:y:z') $$, 'limiter "deep" cannot stand under "key:x:y:z"'),
  ($$ insert into pawl.limiters (key, parent_key) values ('self', 'self') $$, 'limiter "self" cannot stand under "self"'),
  ($$ update pawl.limiters set parent_key = 'kind:mail' where key = 'kind:x' $$, 'limiter "kind:x" cannot stand under "kind:mail"')
) v (s, m);
select throws_ok($$ select pawl.set_limit('none', p_max_running => 1) $$, 'PW001', 'kind "none" does not exist', 'a kind that does not exist');
-- a transaction that began some time ago, as a worker's may
select probe.kind('aged'), set_config('pawl.now', '', true);
select pawl.set_limit('aged', 'kind', p_max_running => 1, p_spacing_ms => 60000);
select probe.job(3, true, 'aged') as aged \gset
update pawl.nodes set heartbeat_at = now();
select is(probe.decision(:aged, 1), '1 granted 1', 'one');
select probe.end_limited(:aged, 1);
select alike(probe.decision(:aged, 1), '0 granted 0 spacing by kind:aged%', 'its place rests');
select is((select rested_from[1] > now() from pawl.limiters where key = 'kind:aged'), true, 'from its end on, not from the begin of the transaction');
select pawl.set_limit('aged', 'kind', p_max_running => 0, p_spacing_ms => 0, p_start_interval_ms => 60000);
select is(probe.decision(:aged, 1), '1 granted 1 each 60000', 'another, by its pace');
select is((select next_start_at > now() + interval '1 minute' from pawl.limiters where key = 'kind:aged'), true, 'an interval behind its start');
select * from finish();
rollback;
