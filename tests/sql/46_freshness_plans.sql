-- Plans of freshness, read off the server's log: in a session that planned when the tables were new, with few rows and no statistics, and
-- again with a hundred thousand pairs and statistics. The roads are the same: each key, subscription, holder and task by an index, for itself.
load 'auto_explain';
begin;
\getenv log SCRATCH_LOG
select * from no_plan();
set local auto_explain.log_nested_statements = on;
set local auto_explain.log_min_duration = 0;
select probe.node() as node \gset

create table probe.prices (symbol text primary key, updated_at timestamptz not null);
create index on probe.prices (updated_at);
create table probe.news (id bigint primary key, symbol text not null, updated_at timestamptz not null);
create index on probe.news (symbol, updated_at);
create function probe.open_gate(p_key text) returns timestamptz language sql as $$ select null::timestamptz $$;
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('price', 'provider', '1 day', 'probe.prices', 'symbol', 'updated_at', p_gate_function => 'probe.open_gate');
select pawl.define_data_type('news', 'provider', '1 day', 'probe.news', 'symbol', 'updated_at', p_parents => '{price}');
select pawl.define_data_type('bare', 'provider', '1 day');

select is((select array_agg(w) from probe.wrong_roads(p) w), array[e], 'such a road is seen: ' || e) from (values
  (E'Seq Scan on freshness f  (cost=0.00..1.00)', 'Seq Scan on freshness f  (cost=0.00..1.00)'),
  (E'->  Index Scan using freshness_pkey on freshness f  (cost)\n   Index Cond: (type = $1)\n', 'Index Scan using freshness_pkey on freshness f  (cost) (type = $1)'),
  (E'->  Index Scan using tasks_pkey on tasks t  (cost)\n   Filter: x', 'Index Scan using tasks_pkey on tasks t  (cost) ')) v (p, e);
select is((select count(*) from probe.wrong_roads(E'->  Index Scan using freshness_pkey on freshness f  (cost)\n   Index Cond: ((type = ANY (ARRAY[k.type])) AND (key = k.key))\n')), 0::bigint, 'and this is none');

create function probe.clock(p_at interval) returns void language sql as
$$ select set_config('pawl.now', ('2030-01-01 12:00:00+00'::timestamptz + p_at)::text, true) $$;
create function probe.keys(p_first integer, p_last integer) returns text[] language sql as $$ select array_agg('key ' || i order by i) from generate_series(p_first, p_last) i $$;
-- claims what a type has to refresh, and ends it
create function probe.refresh(p_node integer, p_type text, p_outcome text, p_result text) returns integer language plpgsql as $$
declare
  v_job bigint := (select d.job_id from pawl.data_types d where d.name = p_type);
  v_tasks bigint[] := probe.claim(p_node, v_job, 4);
begin
  return ( /* a test's */
    select sum(pawl.finish_followed_tasks(p_node, array[v_job], array[t.id], array[t.attempt], array[p_outcome], array[0::bigint], array[p_result], array['x'], array['x']))
    from pawl.tasks t
    where t.job_id = v_job
      and t.id = any (v_tasks));
end $$;

-- Everything that a session calls, once, from a given moment on. Keys 1 to 40 of each type are nobody's before.
create function probe.check_all(p_log text, p_node integer, p_at interval, p_name text) returns setof text language plpgsql as $$
declare
  v_call text;
begin
  perform probe.clock(p_at);
  foreach v_call in array array[
    'select pawl.subscribe(''price'', ''key 1'', ''viewer 1'')',
    'select pawl.subscribe(''price'', probe.keys(1, 20), ''viewer 1'', ''10 minutes'')',
    'select pawl.subscribe(''price'', probe.keys(1, 20), ''viewer 2'', ''10 minutes'')',
    'select pawl.subscribe(''bare'', probe.keys(1, 20), ''viewer 1'')',
    'select pawl.subscribe(''bare'', probe.keys(1, 20), ''viewer 2'', ''10 minutes'')', -- raises what they are worth
    'select pawl.subscribe(''bare'', probe.keys(21, 40), ''viewer 3'')',
    'select pawl.subscribe(''news'', probe.keys(1, 20), ''viewer 3'', ''10 minutes'')',
    'select pawl.heartbeat(''viewer 2'')',
    'select pawl.request_refresh(''price'', ''key 30'', 5)',
    'select pawl.check_stale(''key 31'')',
    format('select probe.refresh(%s, ''bare'', ''completed'', null)', p_node),
    format('select probe.refresh(%s, ''bare'', ''completed'', ''{"outcome": "data", "source_at": "2029-12-31"}'')', p_node),
    format('select probe.refresh(%s, ''bare'', ''failed'', null)', p_node),
    format('select probe.refresh(%s, ''price'', ''completed'', null)', p_node),
    'select pawl.unsubscribe(''price'', ''key 1'', ''viewer 1'')',
    'select pawl.unsubscribe(null, null, ''viewer 3'')', -- cancels what has not begun
    '/* a test''s */ select count(pawl.cancel_task(t.job_id, t.id)) from pawl.tasks t join pawl.data_types d on d.job_id = t.job_id where d.name = ''bare'' and t.key = ''key 12'' and t.status < ''completed''',
    'select pawl.refresh_due()',
    'insert into pawl.looks (type, key, is_wanted) select t, k, k < ''key 20'' from unnest(probe.keys(1, 40)) k, unnest(array[''price'', ''bare'']) t',
    'select pawl.refresh_due()', 'select pawl.refresh_due()',
    'select probe.clock(' || quote_literal(p_at + '2 minutes') || '), pawl.refresh_due(), pawl.refresh_due()', -- holders who are gone, refreshes that did not end
    '/* a test''s */ delete from pawl.tasks t using pawl.data_types d where d.job_id = t.job_id and t.status < ''completed''',
    'select probe.clock(' || quote_literal(p_at + '5 minutes') || '), pawl.refresh_due(), pawl.refresh_due()', -- refreshes that are gone
    'select probe.clock(' || quote_literal(p_at + '23 hours') || '), pawl.subscribe(''price'', probe.keys(1, 20), ''viewer 4'', ''3 hours''), pawl.subscribe(''news'', probe.keys(1, 20), ''viewer 4'', ''3 hours'')',
    'select probe.clock(' || quote_literal(p_at + '25 hours') || '), pawl.refresh_due(), pawl.refresh_due()', -- all that is fresh is due
    format('select probe.refresh(%s, ''price'', ''completed'', null)', p_node),
    '/* a test''s */ update pawl.freshness f set forget_at = pawl.now() where f.key in (''key 39'', ''key 40'')', 'select pawl.forget_keys(100)'] loop
    return next probe.check_roads(p_log, v_call, p_name);
  end loop;
end $$;

truncate pawl.tasks, pawl.freshness, pawl.subscriptions, pawl.holders, pawl.looks; -- new files, without the dead rows of other tests
insert into probe.prices select 'key ' || i, '2030-01-01 11:00:00+00' from generate_series(1, 40) i;
insert into probe.news select i, 'key ' || i, '2030-01-01 11:00:00+00' from generate_series(1, 40) i;
select probe.check_all(:'log', :node, '0', 'new tables');

-- what a session that planned then does with a hundred thousand pairs: it reads no more than a few blocks for each key
select probe.clock('2 days');
insert into probe.prices select 'other ' || i, '2030-01-04 00:00:00+00' from generate_series(1, 100000) i;
insert into pawl.freshness (type, key, has_data, is_watched, refreshed_at, stale_at, due_at, check_at)
select t, 'other ' || i, true, true, pawl.now(), pawl.now() + interval '10 days', pawl.now() + interval '10 days', pawl.now() + interval '10 days'
from generate_series(1, 100000) i, unnest(array['price', 'bare']) t;
insert into pawl.holders (holder, seen_at, check_at) select 'other ' || i, pawl.now(), pawl.now() + interval '10 days' from generate_series(1, 20000) i;
insert into pawl.subscriptions (type, key, holder, ttl, renewed_at)
select 'price', 'other ' || i, 'other ' || (i * 7 + j) % 20000 + 1, '10 days', pawl.now() from generate_series(1, 100000) i, generate_series(1, 4) j;
insert into pawl.tasks (job_id, key, is_key_reusable, status, finished_at)
select d.job_id, 'other ' || i, true, 'completed', pawl.now() from generate_series(1, 50000) i, pawl.data_types d;
create function probe.blocks_of(p_statement text) returns bigint language plpgsql as $$
declare
  v_plan json;
begin
  execute 'explain (analyze, buffers, format json) ' || p_statement into v_plan;
  return (v_plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (v_plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
end $$;
set local auto_explain.log_min_duration = -1;
select count(*) from (select pawl.refresh_due() from generate_series(1, 5)) d; -- what has fallen due
select cmp_ok(probe.blocks_of(s), '<', b::bigint, 'many pairs, planned when the tables were new: ' || s)
from (values
  ('select pawl.subscribe(''price'', ''key 1'', ''viewer 1'')', 300), ('select pawl.subscribe(''price'', ''other 1'', ''viewer 1'')', 150),
  ('select pawl.subscribe(''bare'', ''key 1'', ''viewer 1'')', 400), ('select pawl.heartbeat(''viewer 1'')', 30),
  ('select pawl.unsubscribe(''price'', ''other 1'', ''viewer 1'')', 150), ('select pawl.refresh_due()', 500),
  ('select probe.refresh(' || :node || ', ''bare'', ''completed'', null)', 800)) v (s, b);
set local auto_explain.log_min_duration = 0;
select probe.check_all(:'log', :node, '3 days', 'many pairs, planned when the tables were new');
analyze pawl.tasks, pawl.freshness, pawl.subscriptions, pawl.holders, pawl.looks, probe.prices, probe.news;
discard plans;
select probe.check_all(:'log', :node, '6 days', 'many pairs');

-- A look that had to read much from the beginning of an index is followed by looks that begin where it stopped, for a while.
set local auto_explain.log_min_duration = -1;
select probe.clock('9 days');
select count(*) from (select pawl.refresh_due() from generate_series(1, 5)) d; -- what has fallen due
select pawl.note_scan('keys', '-infinity', pawl.now(), 100, '1 minute');
select is(pawl.scan_from('keys'), '-infinity', 'after a look that read little the next begins at the beginning');
select pawl.note_scan('keys', '-infinity', pawl.now(), 10000, '1 minute'), pawl.note_scan('holders', '-infinity', pawl.now(), 10000, '1 minute');
select is(pawl.scan_from('keys'), pawl.now(), 'after one that read much, where it stopped');
select pawl.note_scan('keys', pawl.now(), pawl.now() + interval '1 second', 100, '1 minute');
select is(pawl.scan_from('keys'), pawl.now() + interval '1 second', 'and so on from there');
select pawl.note_scan('keys', pawl.now(), pawl.now(), 100, '1 minute');
update pawl.freshness f set check_at = pawl.now() + interval '1 day' where f.check_at < pawl.now() + interval '1 day';
update pawl.freshness f set due_at = pawl.now() - interval '2 minutes', check_at = pawl.now() - interval '2 minutes' where f.type = 'price' and f.key = 'other 7';
update pawl.freshness f set due_at = pawl.now(), check_at = pawl.now() where f.type = 'price' and f.key = 'other 8';
update pawl.holders h set check_at = pawl.now() - interval '2 minutes' where h.holder = 'other 7';
select is((select (r.looked, r.next_ms)::text from pawl.refresh_due() r), '(1,250)', 'what comes before that place is not seen, but asked for soon');
select is((select array_agg(f.key) from pawl.freshness f where f.type = 'price' and f.task_id is not null and f.key like 'other%'), array['other 8'], 'what comes after it is');
select set_config(s, split_part(current_setting(s), '|', 1)::timestamptz - interval '1 hour' || '|' || pawl.now(), false) from unnest(array['pawl.scan_keys', 'pawl.scan_holders']) s;
select is((select looked from pawl.refresh_due()), 2, 'when its time is over all is seen');
select is((select array_agg(f.key) from pawl.freshness f where f.type = 'price' and f.task_id is not null and f.key in ('other 7', 'other 8')), array['other 7', 'other 8'], 'the key');
select is((select h.check_at > pawl.now() from pawl.holders h where h.holder = 'other 7'), true, 'and the holder');
select pawl.note_scan('keys', '-infinity', pawl.now(), 0, '0'); select count(*) from (select pawl.refresh_due() from generate_series(1, 3)) d;
select is(pawl.scan_from('keys'), '-infinity', 'nothing is in the way');
update pawl.freshness f set check_at = pawl.now() - interval '1 hour' where f.type = 'bare' and f.key like 'other 1%';
update pawl.freshness f set check_at = pawl.now() + interval '1 day' where f.type = 'bare' and f.key like 'other 1%';
select pawl.refresh_due();
select is(pawl.scan_from('keys'), pawl.now(), 'what was moved on, and is still in the index, is passed once');
select * from finish();
rollback;
