-- Freshness and functions of users that take their time: they hold up no node, and no data type but their own.
begin;
select * from no_plan();
select probe.node() as node \gset
set local pawl.now = '2030-01-01 12:00:00+00';
create schema app;
create table app.calls (what text);
create table app.prices (symbol text primary key, updated_at timestamptz);
create function app.due(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language plpgsql as $$
begin
  insert into app.calls values ('due ' || key);
  return refreshed_at + interval '1 hour';
end $$;
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('told', 'provider', '1 minute', p_due_function => 'app.due');
select pawl.define_data_type('read', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at');
select pawl.define_data_type('plain', 'provider', '1 minute');
create function probe.outcomes() returns text language sql as $$
  select string_agg(concat_ws(' ', f.type, f.key, coalesce(f.outcome, '-')), ', ' order by f.type, f.key) from pawl.freshness f
$$;
-- one refresh ends as those that a node ends
create function probe.ends(p_node integer, p_type text, p_key text, p_result text, p_outcome text default 'completed') returns void language plpgsql as $$
declare
  v_job bigint := (select d.job_id from pawl.data_types d where d.name = p_type);
  v_task record;
begin
  perform pawl.request_refresh(p_type, p_key);
  perform probe.claim(p_node, v_job);
  select t.id, t.attempt into strict v_task from pawl.tasks t where t.job_id = v_job and t.key = p_key and t.status = 'running';
  perform pawl.finish_followed_tasks(p_node, array[v_job], array[v_task.id], array[v_task.attempt], array[p_outcome], array[0::bigint],
    array[p_result], array['network'], array['nobody answered'], array[0::bigint], array[true], false);
end $$;

-- ---- ends of a node ----
select probe.ends(:node, 'told', 'A', '{"outcome": "data"}'), probe.ends(:node, 'told', 'B', null), probe.ends(:node, 'told', 'C', '{"outcome": "empty"}'),
  probe.ends(:node, 'told', 'D', null, 'failed'), probe.ends(:node, 'read', 'A', null), probe.ends(:node, 'read', 'B', '{"outcome": "unchanged"}'),
  probe.ends(:node, 'plain', 'A', null);
select is(probe.outcomes(), 'plain A data, read A -, read B unchanged, told A -, told B -, told C empty, told D failed',
  'what needs neither the function nor the table is settled');
select is((select count(*) from app.calls), 0::bigint, 'and neither was asked');
select is((select string_agg(concat_ws(' ', l.type, l.key), ', ' order by l.type, l.key) from pawl.looks l), 'read A, told A, told B', 'the others are left to a node');
select pawl.refresh_due();
select is(probe.outcomes(), 'plain A data, read A empty, read B unchanged, told A data, told B data, told C empty, told D failed', 'which settles them');
select is((select array_agg(c.what order by c.what) from app.calls c), array['due A', 'due B'], 'with the function');
select is((select count(*) from pawl.looks), 0::bigint, 'and is done');

-- ---- gates ----
create function app.gate(key text) returns timestamptz language plpgsql as $$
begin
  perform pg_sleep(case when key ~ 'hang' then 600 when key ~ 'slow' then 0.1 else 0 end);
  return null;
end $$;
-- how many keys of each type are to be refreshed
create function probe.open() returns text language sql as $$
  select coalesce(string_agg(concat_ws(' ', o.data_type, o.n), ', ' order by o.data_type), '')
  from (select j.data_type, count(*) as n from pawl.tasks t join pawl.jobs j on j.id = t.job_id where t.status < 'completed' group by j.data_type) o
$$;
select pawl.define_data_type('gated', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at', p_gate_function => 'app.gate');
select pawl.define_data_type('zone', 'provider', '1 minute');
create function probe.asks(p_type text, variadic p_keys text[]) returns void language sql as $$
  insert into pawl.looks (type, key, is_wanted, priority) select p_type, k, true, 0 from unnest(p_keys) k
$$;
create function probe.clock(p_at text) returns text language sql as
$$ select set_config('pawl.now', ('2030-01-01 12:00:00+00'::timestamptz + p_at::interval)::text, true) $$;
insert into app.prices select 'slow' || n, '2029-01-01' from generate_series(1, 20) n;
insert into app.prices values ('hang', '2029-01-01'), ('quick', '2029-01-01');
update pawl.tasks set status = 'cancelled' where status < 'completed'; -- what failed
select probe.asks('gated', variadic array(select p.symbol from app.prices p where p.symbol ~ 'slow')), probe.asks('zone', 'A');
select is((select (r.looked, r.next_ms)::text from pawl.refresh_due() r), '(21,0)', 'there is more');
select is(probe.open(), 'gated 8, zone 1', 'as many as take half a second; and the type behind it');
select is((select (r.looked, r.next_ms)::text from pawl.refresh_due() r), '(0,250)', 'it rests,');
select probe.asks('zone', 'B');
select pawl.refresh_due();
select is(probe.open(), 'gated 8, zone 2', 'and others have their turn');
select probe.clock('2 seconds');
select pawl.refresh_due();
select is(probe.open(), 'gated 16, zone 2', 'then it goes on');
select probe.clock('4 seconds');
select pawl.refresh_due();
select is(probe.open(), 'gated 20, zone 2', 'until all are looked at');
select probe.clock('6 seconds');
select probe.asks('gated', 'hang', 'quick'), probe.asks('zone', 'C');
set local statement_timeout = '1s';
select is((select (r.looked, r.next_ms)::text from pawl.refresh_due() r), '(3,0)', 'what does not answer is cut off,');
select is((select concat_ws(' ', d.error, d.rests_until) from pawl.data_types d where d.name = 'gated'),
  'its functions or its table did not answer in time: canceling statement due to statement timeout 2030-01-01 12:05:06+00', 'which is written down');
select pawl.refresh_due();
select is(probe.open(), 'gated 20, zone 3', 'and the others come with the next call');
set local statement_timeout = 0;
create or replace function app.gate(key text) returns timestamptz language sql return null::timestamptz;
select probe.clock('5 minutes 5 seconds');
select pawl.refresh_due();
select is(probe.open(), 'gated 20, zone 3', 'it rests for five minutes');
select probe.clock('5 minutes 7 seconds');
select pawl.refresh_due();
select is(probe.open(), 'gated 22, zone 3', 'and nothing was forgotten that somebody asked for');
update pawl.data_types set rests_until = 'infinity' where name = 'gated';
select pawl.define_data_type('gated', p_gate_function => '');
select is((select d.rests_until is null and d.error is null from pawl.data_types d where d.name = 'gated'), true, 'a type that is changed rests no more');

-- ---- keys of a table ----
create function app.slowly() returns setof app.prices language plpgsql as $$ begin perform pg_sleep(600); end $$;
create view app.hangs as select * from app.slowly();
select pawl.define_data_type('listed', 'provider', p_spread => '1 day', p_strategy => 'scheduled', p_table => 'app.prices', p_key_column => 'symbol');
update pawl.data_types set table_name = 'app.hangs', read_keys_at = pawl.now() where name = 'listed';
select probe.asks('zone', 'D');
set local statement_timeout = '1s';
select lives_ok('select pawl.refresh_due()', 'a table that is not read in time');
set local statement_timeout = 0;
select is(probe.open() ~ 'zone 4', true, 'undoes nothing of the rest');
select is((select (d.error ~ 'statement timeout', d.read_keys_at - pawl.now())::text from pawl.data_types d where d.name = 'listed'), '(t,00:10:00)', 'and is read again later');

select * from finish();
rollback;
