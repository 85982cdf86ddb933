-- Two budgets with two windows: 10 calls a minute and 6000 bytes in 10 minutes, each exact at its own edges (I11); and
-- a budget that is null, missing or unreadable is an error, never "unlimited".
begin;
select * from no_plan();
set local pawl.now = '2034-01-01 00:00:00.5+00';
select probe.node() as node \gset
create function probe.decision(p_job bigint, p_limit integer default 20) returns text language sql as $$
  select count(c.task_id) || coalesce(' ' || nullif(max(c.reason), ''), '') || coalesce(' by ' || max(l.key), '')
    || coalesce(' each ' || nullif(max(c.interval_ms), 0), '') || coalesce(' retry ' || nullif(max(c.retry_ms), 0), '')
  from pawl.claim_batch((select max(id) from pawl.nodes), p_job, p_limit, '-Infinity', 0) c
  left join pawl.limiters l on pawl.limiter_id(l.key) = c.limited_by
$$;
create function probe.end_limited(p_job bigint, p_count integer, p_bytes bigint, p_was_started boolean default true)
returns integer language sql as $$
  select pawl.finish_followed_tasks((select max(id) from pawl.nodes), t.jobs, t.ids, t.attempts,
    array_fill(case when p_was_started then 'completed' else 'returned' end, array[t.n]), array_fill(0::bigint, array[t.n]),
    array_fill(null::text, array[t.n]), array_fill(null::text, array[t.n]), array_fill(null::text, array[t.n]),
    array_fill(p_bytes, array[t.n]), array_fill(p_was_started, array[t.n]))
  from (select count(*)::integer as n, array_agg(job_id) as jobs, array_agg(id) as ids, array_agg(attempt) as attempts
    from (select * from pawl.tasks where job_id = p_job and status = 'running' order by id limit p_count) x) t
$$;
create function probe.sum(p_spent bigint[]) returns bigint language sql as $$ select sum(s)::bigint from unnest(p_spent) s $$;

-- both at once
select probe.kind('api');
select pawl.set_limit('api', p_window_ms => 60000, p_max_calls => 10, p_max_bytes => 6000, p_estimated_bytes => 500, p_bytes_window_ms => 600000);
select probe.job(900, true, 'api') as api \gset
select is(probe.decision(:api), '10 by kind:api', 'ten calls; twelve would fit into the bytes');
select is(probe.decision(:api), '0 budget by kind:api retry 60500', 'the calls say no: until their first slot is out of their window');
select probe.end_limited(:api, 10, 300);
select is(probe.decision(:api), '0 budget by kind:api retry 60500', 'that they end changes nothing for the calls; their 3000 bytes are counted');
set local pawl.now = '2034-01-01 00:01:00.999+00';
select is(probe.decision(:api), '0 budget by kind:api retry 1', 'the calls'' edge: not a millisecond earlier');
set local pawl.now = '2034-01-01 00:01:01+00';
select is(probe.decision(:api), '6 by kind:api', 'ten calls are free again, and 3000 bytes still spent: six');
select is(probe.decision(:api), '0 budget by kind:api retry 50', 'the bytes say no: until a task ends that may have taken less');
select probe.end_limited(:api, 6, 500);
set local pawl.now = '2034-01-01 00:01:02+00';
select is(probe.decision(:api), '0 budget by kind:api retry 548000', 'four calls are left and no byte: until the first slot is out of the window of bytes');
select is((select array_agg(array[o.facts ->> 'max_bytes', o.facts ->> 'bytes_window_ms', o.next_look_at::text]) from pawl.list_obstacles(:api) o where o.reason = 'budget'),
  array[array['6000', '600000', '2034-01-01 00:10:10+00'::timestamptz::text]], 'why: the bytes alone, with their window');
select alike((select o.message from pawl.list_obstacles(:api) o where o.reason = 'budget'), '%: 6000 bytes in 600 s', 'in words');
select is((select l from jsonb_array_elements(pawl.list_limits()) l where l ->> 'kind' = 'api')
  @> '{"window_ms": 60000, "max_calls": 10, "spent_calls": 6, "bytes_window_ms": 600000, "max_bytes": 6000, "spent_bytes": 6000}', true, 'both windows in the list');
set local pawl.now = '2034-01-01 00:10:09.999+00';
select is((select array[l ->> 'spent_calls', l ->> 'spent_bytes'] from jsonb_array_elements(pawl.list_limits()) l where l ->> 'kind' = 'api'), array['0', '6000'],
  'the list counts each in its window');
select is(probe.decision(:api), '0 budget by kind:api retry 1', 'the bytes'' edge: not a millisecond earlier, and with ten calls to spend');
set local pawl.now = '2034-01-01 00:10:10+00';
select is(probe.decision(:api), '6 by kind:api', 'then 3000 bytes are free again');
select probe.end_limited(:api, 6, 0);
select is(probe.decision(:api), '4 by kind:api', 'which took none: the calls are the fewer now');
select is(probe.decision(:api), '0 budget by kind:api retry 61000', 'and they say until when');
select is((select array_agg(array[o.facts ->> 'max_calls', o.facts ->> 'window_ms', o.next_look_at::text]) from pawl.list_obstacles(:api) o where o.reason = 'budget'),
  array[array['10', '60000', '2034-01-01 00:11:11+00'::timestamptz::text]], 'why: the calls alone, with their window');
select probe.end_limited(:api, 3, null, false);
select is(probe.decision(:api), '3 by kind:api', 'three that never started are given back');
select probe.end_limited(:api, 4, 1500);
select is(probe.decision(:api), '0 budget by kind:api retry 61000', 'both say no: the calls are asked first');
select is((select count(*) from pawl.list_obstacles(:api) o where o.reason = 'budget'), 2::bigint, 'why: both');
set local pawl.now = '2034-01-01 00:11:11+00';
select is(probe.decision(:api), '0 budget by kind:api retry 549000', 'the bytes when the calls are free: 6000 that were counted at 10:10');

-- one window is changed, the other goes on
select probe.kind('change');
select pawl.set_limit('change', p_window_ms => 60000, p_max_calls => 10, p_max_bytes => 6000, p_estimated_bytes => 500, p_bytes_window_ms => 600000);
select probe.job(900, true, 'change') as change \gset
set local pawl.now = '2035-01-01 00:00:00+00';
select is(probe.decision(:change, 8), '8', 'eight calls');
select probe.end_limited(:change, 8, 600);
select is(probe.decision(:change, 2), '2', 'and two, which run');
set local pawl.now = '2035-01-01 00:00:30+00';
select pawl.set_limit('change', p_bytes_window_ms => 120000);
select is(probe.decision(:change), '0 budget by kind:change retry 31000', 'another window of bytes: the calls open when they would have');
select is((select array[spent_calls[31], probe.sum(spent_calls), spent_bytes[61], probe.sum(spent_bytes)] from pawl.limiters where key = 'kind:change'),
  array[10, 10, 4800, 4800]::bigint[], 'the calls stay in their slot, the bytes count as spent now');
set local pawl.now = '2035-01-01 00:01:01+00';
select pawl.set_limit('change', p_window_ms => 600000);
select is(probe.decision(:change), '0 budget by kind:change retry 609000', 'another window of calls: they count as spent now');
select is((select array[spent_bytes[46], probe.sum(spent_bytes)] from pawl.limiters where key = 'kind:change'), array[4800, 4800]::bigint[], 'and the bytes stay in their slot');
select pawl.set_limit('change', p_max_calls => 100);
select is(probe.decision(:change), '0 budget by kind:change retry 50', 'a larger budget of calls is there at once, and the bytes say no: 4800 and 1000 set aside');
select probe.end_limited(:change, 2, 500);
select is(probe.decision(:change), '0 budget by kind:change retry 91000', 'their own window since it was set');
set local pawl.now = '2035-01-01 00:02:32+00';
select is(probe.decision(:change), '10 by kind:change', 'their edge');
select probe.end_limited(:change, 10, 500);
select pawl.set_limit('change', p_bytes_window_ms => 0);
select is(probe.decision(:change), '0 budget by kind:change retry 608000', '0: the window of the calls is theirs too, and all counts as spent now');
select is((select array[spent_slot = spent_bytes_slot, spent_window_ms = 600000, spent_bytes_window_ms = 600000] from pawl.limiters where key = 'kind:change'),
  array[true, true, true], 'they go on together');
select pawl.set_limit('change', p_window_ms => 60000);
select is(probe.decision(:change), '0 budget by kind:change retry 61000', 'and change together');
select is((select l ->> 'bytes_window_ms' from jsonb_array_elements(pawl.list_limits()) l where l ->> 'kind' = 'change'), '60000', 'as the list says');

-- a clock that is set back, by more than the one window and less than the other
select probe.kind('back');
select pawl.set_limit('back', p_window_ms => 60000, p_max_calls => 10, p_max_bytes => 6000, p_estimated_bytes => 500, p_bytes_window_ms => 3600000);
select probe.job(900, true, 'back') as back \gset
set local pawl.now = '2036-01-01 12:00:00+00';
select is(probe.decision(:back), '10 by kind:back', 'ten calls');
select probe.end_limited(:back, 10, 300);
set local pawl.now = '2036-01-01 11:50:00+00';
select is(probe.decision(:back), '0 budget by kind:back retry 61000', 'the calls keep nobody longer than their window');
set local pawl.now = '2036-01-01 11:51:01+00';
select is(probe.decision(:back), '6 by kind:back', 'the bytes give nothing back');
select probe.end_limited(:back, 6, 500);
select is(probe.decision(:back), '0 budget by kind:back retry 4199000', 'their newest slot goes on until the clock has caught up: 12:01, and an hour');
set local pawl.now = '2036-01-01 10:00:00+00';
select is(probe.decision(:back), '0 budget by kind:back retry 3660000', 'nor do they keep anybody longer than theirs');

-- starts are given out no further ahead than the slot of the calls, however short that of the bytes is
select probe.kind('paced'), probe.kind('slow');
select pawl.set_limit('paced', p_start_interval_ms => 100, p_window_ms => 600000, p_max_calls => 900, p_max_bytes => 600000, p_estimated_bytes => 1, p_bytes_window_ms => 6000);
select pawl.set_limit('slow', p_start_interval_ms => 100, p_max_bytes => 600000, p_estimated_bytes => 1, p_bytes_window_ms => 6000);
select probe.job(900, true, 'paced') as paced, probe.job(900, true, 'slow') as slow \gset
set local pawl.now = '2037-01-01 00:00:00+00';
select is(probe.decision(:paced), '11 by kind:paced each 100', 'a slot of the calls is 10 s here: the starts of a second');
select is(probe.decision(:slow), '11 by kind:slow each 100', 'as without a budget of calls');
select pawl.set_limit('paced', p_window_ms => 6000, p_bytes_window_ms => 600000);
set local pawl.now = '2037-01-01 00:01:00+00';
select is(probe.decision(:paced), '2 by kind:paced each 100', 'and is 100 ms here');

-- a claim under either waits for the disk, and under none does not
select probe.kind('none');
select pawl.set_limit('none', p_max_running => 1);
select is((select array_agg(a.is_durable order by k) from unnest(array['api', 'none', 'slow']) k cross join lateral pawl.admit_tasks('kind:' || k, 1) a),
  array[true, false, true], 'a claim under two windows waits for the disk, under one of bytes alone too, without a budget not');

-- a tree: calls of each key, bytes of all
select probe.kind('tree');
select pawl.set_limit('tree', 'kind', p_max_bytes => 2000, p_estimated_bytes => 500, p_bytes_window_ms => 3600000), pawl.set_limit('tree', 'key', p_window_ms => 60000, p_max_calls => 3);
select max(e.job_id) as tree_a from generate_series(1, 9) n cross join lateral pawl.enqueue('tree', to_jsonb(n), p_limit_key => 'a') e \gset
select max(e.job_id) as tree_b from generate_series(1, 9) n cross join lateral pawl.enqueue('tree', to_jsonb(n), p_limit_key => 'b') e \gset
select is(probe.decision(:tree_a), '3 by key:tree:a', 'calls of the key');
select is(probe.decision(:tree_b), '1 by kind:tree', 'bytes of the kind');
select probe.end_limited(:tree_a, 3, 500), probe.end_limited(:tree_b, 1, 500);
set local pawl.now = '2037-01-01 00:03:00+00';
select is(probe.decision(:tree_a), '0 budget by kind:tree retry 3660000', 'counted in the kind''s window, not in the key''s');

-- whatever comes when: neither budget is exceeded in any stretch of its own window
create table probe.spent (at_ms double precision, calls integer, bytes integer);
do $$
declare
  v_job bigint;
  v_ms double precision := 0;
  v_n integer;
  v_back integer;
  v_bytes integer;
begin
  perform probe.kind('random'), setseed(0.7);
  perform pawl.set_limit('random', p_window_ms => 3000, p_max_calls => 12, p_max_bytes => 4000, p_estimated_bytes => 200, p_bytes_window_ms => 9600);
  v_job := probe.job(3000, true, 'random');
  for i in 1..400 loop
    v_ms := v_ms + (random() * 400)::integer;
    perform set_config('pawl.now', ('2038-01-01 00:00:00+00'::timestamptz + v_ms * interval '1 millisecond')::text, true);
    select count(c.task_id) into v_n from pawl.claim_batch((select max(id) from pawl.nodes), v_job, 1 + (random() * 8)::integer, '-Infinity', 0) c;
    v_back := probe.end_limited(v_job, (random() * 1.5)::integer * (v_n > 0)::integer, null, false);
    v_bytes := 1 + (random() * 199)::integer;
    insert into probe.spent values (v_ms, v_n - v_back, v_bytes * probe.end_limited(v_job, (random() * 10)::integer, v_bytes));
  end loop;
end $$;
select cmp_ok((select sum(calls) from probe.spent), '>', 200::bigint, 'I11: some hundred calls at random moments');
select cmp_ok((select max(n) from (select sum(bytes) over (order by at_ms range between current row and 9599 following) as n from probe.spent) s), '>', 3000::bigint,
  'I11: and the bytes of a window are mostly used');
select is((select max(n) from (select sum(calls) over (order by at_ms range between current row and 2999 following) as n from probe.spent) s), 12::bigint,
  'I11: no window of calls holds more than theirs');
select cmp_ok((select max(n) from (select sum(bytes) over (order by at_ms range between current row and 9599 following) as n from probe.spent) s), '<=', 4000::bigint,
  'I11: no window of bytes holds more than theirs');

-- a quota that was null, and therefore unlimited: the fault of the system before
set local pawl.now = '2039-01-01 00:00:00+00';
select probe.kind('quota');
create table probe.provider (calls bigint, bytes bigint);
insert into probe.provider values (null, null);
select throws_ok(s, 'PW006', m, 'a quota that is null is refused, never unlimited: ' || s) from (values
  ('select pawl.set_limit(''quota'', p_max_calls => p.calls) from probe.provider p', 'no limit is given, and none is set'),
  ('select pawl.set_limit(''quota'', p_window_ms => 60000, p_max_calls => p.calls) from probe.provider p', 'a window needs a budget'),
  ('select pawl.set_limit(''quota'', ''key'', p_window_ms => 60000, p_max_calls => p.calls) from probe.provider p', 'a window needs a budget'),
  ('select pawl.set_limit(''quota'', p_bytes_window_ms => 600000, p_max_bytes => p.bytes) from probe.provider p', 'a window of bytes needs a budget of bytes'),
  ('select pawl.set_limit(''quota'', p_window_ms => 60000, p_max_bytes => p.bytes, p_estimated_bytes => 5) from probe.provider p', 'an estimate of bytes needs a budget of bytes'),
  ('select pawl.set_limit(''quota'', p_window_ms => 60000, p_max_calls => 5, p_max_bytes => p.bytes, p_estimated_bytes => 5) from probe.provider p', 'an estimate of bytes needs a budget of bytes'),
  ('select pawl.set_limit(''quota'', p_window_ms => 60000, p_max_calls => 5, p_max_bytes => p.bytes, p_bytes_window_ms => 600000) from probe.provider p', 'a window of bytes needs a budget of bytes'),
  ('select pawl.set_limit(''quota'', p_window_ms => 60000, p_max_calls => p.calls, p_max_bytes => 50, p_estimated_bytes => 5, p_bytes_window_ms => 600000) from probe.provider p',
    'a window needs a budget')
) v (s, m);
select pawl.set_limit('quota', p_window_ms => 60000, p_max_calls => 5, p_max_bytes => 5000, p_estimated_bytes => 500, p_bytes_window_ms => 600000);
select probe.job(900, true, 'quota') as quota \gset
select lives_ok('select pawl.set_limit(''quota'', p_max_calls => p.calls, p_max_bytes => p.bytes) from probe.provider p', 'a null keeps the budgets that are there');
select is(probe.decision(:quota), '5 by kind:quota', 'which still hold');
-- nor by hand
select throws_ok(s, '23514', null, 'a quota that is null is refused, never unlimited: ' || s) from unnest(array[
  'update pawl.limiters l set max_calls = p.calls from probe.provider p where l.key = ''kind:quota''',
  'update pawl.limiters l set max_bytes = p.bytes from probe.provider p where l.key = ''kind:quota''',
  'update pawl.limiters set window_ms = null where key = ''kind:quota''',
  'insert into pawl.limiters (key, window_ms, max_calls) select ''own'', 60000, p.calls from probe.provider p',
  'insert into pawl.limiters (key, window_ms, max_bytes, estimated_bytes) select ''own'', 60000, p.bytes, 5 from probe.provider p',
  'insert into pawl.limiters (key, bytes_window_ms, max_bytes, estimated_bytes) select ''own'', 60000, p.bytes, 5 from probe.provider p',
  'insert into pawl.limiters (key, max_bytes, estimated_bytes) values (''own'', 50, 5)',
  'insert into pawl.limiters (key, bytes_window_ms, max_bytes) values (''own'', 60000, 50)',
  'insert into pawl.limiters (key, bytes_window_ms, max_calls) values (''own'', 60000, 50)',
  'insert into pawl.limiters (key, bytes_window_ms, max_bytes, estimated_bytes) values (''own'', ''NaN'', 50, 5)']) s;
-- nor of a data type
select throws_ok(format('select pawl.set_type_budget(''price'', %L)', s), 'PW006', m, 'a quota that is null is refused, never unlimited: ' || s) from (values
  ('{"window": "1 minute", "calls": null}', 'the budget of data type "price" has calls: null'),
  ('{"window": "1 minute"}', 'a window needs a budget'),
  ('{"bytes_window": "30 days", "estimated_bytes": 2000}', 'a window of bytes needs a budget of bytes'),
  ('{}', 'no limit is given, and none is set')) v (s, m);
select throws_ok(format('select pawl.set_type_budget(''price'', %L)', s), 'PW006', 'the budget of data type "price" has ' || m, 'nor what is out of range: ' || s) from (values
  ('{"running": 99999999999}', 'running: 99999999999'),
  ('{"calls": -1, "window": "1 minute"}', 'calls: -1'),
  ('{"calls": 300, "window": "-1 minute"}', 'window: "-1 minute"'),
  ('{"calls": 300, "window": "0"}', 'window: "0"'),
  ('{"calls": 300, "window": "100 days"}', 'window: "100 days"'),
  ('{"bytes": 300, "bytes_window": "0.01 s", "estimated_bytes": 20}', 'bytes_window: "0.01 s"'),
  ('{"start_interval": "1 day"}', 'start_interval: "1 day"'),
  ('{"start_interval": "-1 s"}', 'start_interval: "-1 s"')) v (s, m);
select pawl.set_type_budget('price', '{"calls": 300, "window": "1 minute", "bytes": 20000000000, "bytes_window": "30 days", "estimated_bytes": 2000}');
select is((select array[max_calls, window_ms, max_bytes, bytes_window_ms, estimated_bytes] from pawl.limiters where key = 'type:price'),
  array[300, 60000, 20000000000, 2592000000, 2000]::double precision[], '300 calls a minute and 20 GB in 30 days');
select throws_ok('select pawl.write_limit(''no such'', 1)', 'PW007', 'limiter "no such" does not exist', 'a limit is not written into nothing');
-- what was spent is not readable
create function probe.damage(p_change text) returns void language plpgsql as $$ begin
  execute format('update pawl.limiters set %s where key = ''kind:quota''', p_change);
end $$;
select throws_ok(format('select probe.damage(%L), probe.decision(%s)', s, :quota), 'PW007', m, 'I11: what was spent is not readable, which is an error and never "nothing": ' || s)
from (values
  ('spent_calls = null', 'what was spent of the calls of limiter "kind:quota" is not readable'),
  ('spent_calls = ''{}''', 'what was spent of the calls of limiter "kind:quota" is not readable'),
  ('spent_calls[60] = null', 'what was spent of the calls of limiter "kind:quota" is not readable'),
  ('spent_slot = null', 'what was spent of the calls of limiter "kind:quota" is not readable'),
  ('max_calls = 50, spent_bytes = null', 'what was spent of the bytes of limiter "kind:quota" is not readable'),
  ('max_calls = 50, spent_bytes[7] = null', 'what was spent of the bytes of limiter "kind:quota" is not readable'),
  ('max_calls = 50, spent_bytes_slot = null', 'what was spent of the bytes of limiter "kind:quota" is not readable')) v (s, m);
select probe.damage('spent_calls = null');
select alike((select o.message from pawl.list_obstacles(:quota) o where o.reason = 'limiter'), 'what was spent under its limiter "kind:quota" is not readable%', 'why says so');
update pawl.limiters set spent_calls = null, spent_window_ms = null where key = 'kind:quota';
select is(probe.decision(:quota), '5 by kind:quota', 'as the hint has it: counted from nothing');
select is((select count(*) from pawl.list_obstacles(:quota) o where o.reason = 'limiter'), 0::bigint, 'and why says nothing of it');

-- 0 takes a budget away, and its window with it
select pawl.set_limit('quota', p_max_bytes => 0);
select is((select array[window_ms, bytes_window_ms, max_calls, max_bytes] from pawl.limiters where key = 'kind:quota'), array[60000, null, 5, null]::double precision[], 'no bytes');
select throws_ok('select pawl.set_limit(''quota'', p_max_bytes => 5000)', 'PW006', 'a budget of bytes needs a window', '20 GB in 30 days do not become 20 GB a minute, unasked');
select pawl.set_limit('quota', p_max_bytes => 5000, p_bytes_window_ms => 0);
select is((select array[window_ms, bytes_window_ms, max_bytes] from pawl.limiters where key = 'kind:quota'), array[60000, null, 5000]::double precision[], 'asked, they may');
select pawl.set_limit('quota', p_max_calls => 0);
select is((select array[window_ms, max_calls, max_bytes] from pawl.limiters where key = 'kind:quota'), array[60000, null, 5000]::double precision[], 'a window that the bytes have too stays');
select pawl.set_limit('quota', p_bytes_window_ms => 600000);
select is((select array[window_ms, bytes_window_ms] from pawl.limiters where key = 'kind:quota'), array[null, 600000]::double precision[], 'and goes when they have their own');
select pawl.set_limit('quota', p_max_bytes => 0, p_bytes_window_ms => 600000);
select is((select array[window_ms, bytes_window_ms] from pawl.limiters where key = 'kind:quota'), array[null, null]::double precision[], '0 is meant');
select is(probe.decision(:quota), '20', 'and then there is no limit');

-- bad values, in words
select throws_ok(s, 'PW006', m, s) from (values
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => 59) $$, 'p_bytes_window_ms is out of range: 59'),
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => -1) $$, 'p_bytes_window_ms is out of range: -1'),
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => 'NaN') $$, 'p_bytes_window_ms is out of range: NaN'),
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => 3660000001) $$, 'p_bytes_window_ms is out of range: 3660000001'),
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => 600000, p_max_calls => 5) $$, 'a window of bytes needs a budget of bytes'),
  ($$ select pawl.set_limit('quota', p_bytes_window_ms => 0, p_max_bytes => 5, p_estimated_bytes => 5) $$, 'a budget of bytes needs a window'),
  ($$ select pawl.set_limit('none', p_bytes_window_ms => 600000, p_max_bytes => 5) $$, 'a budget of bytes needs an estimate'),
  ($$ select pawl.set_limit('none', p_bytes_window_ms => 600000, p_max_bytes => 5, p_estimated_bytes => 6) $$, 'p_estimated_bytes is out of range: 6')
) v (s, m);
select is((select count(*) from pg_proc where pronamespace = 'pawl'::regnamespace and proname = 'set_limit'), 1::bigint, 'there is one pawl.set_limit');
select * from finish();
rollback;
