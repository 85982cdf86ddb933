-- Freshness in trouble: tables that are gone, keys that cannot be, functions that fail, clocks and transactions that are old. What is
-- wrong with one key or one type is told, keeps no other from being refreshed, and is over when it is mended.
begin;
select * from no_plan();
select probe.node() as node \gset
set local pawl.now = '2030-01-01 12:00:00+00';
create function probe.clock(p_at text) returns void language sql as
$$ select set_config('pawl.now', ('2030-01-01 12:00:00+00'::timestamptz + p_at::interval)::text, true) $$;
create function probe.due() returns bigint language plpgsql as $$
declare
  v_next_ms bigint;
begin
  for i in 1..20 loop
    select f.next_ms into v_next_ms from pawl.refresh_due() f;
    exit when v_next_ms is distinct from 0;
  end loop;
  return v_next_ms;
end $$;
create function probe.job(p_type text) returns bigint language sql as $$ select d.job_id from pawl.data_types d where d.name = p_type $$;
create function probe.open(p_type text) returns text language sql as $$
  select coalesce(string_agg(t.key, ' ' order by t.key), '') from pawl.tasks t where t.job_id = probe.job(p_type) and t.status < 'completed'
$$;
-- all refreshes of a type that can run do, and end
create function probe.refresh(p_node integer, p_type text, p_result text default '{"outcome": "data"}', p_outcome text default 'completed') returns integer
language plpgsql as $$
begin
  perform probe.claim(p_node, probe.job(p_type));
  return (
    select pawl.finish_followed_tasks(p_node, array_agg(t.job_id), array_agg(t.id), array_agg(t.attempt), array_agg(p_outcome), array_agg(0::bigint),
      array_agg(p_result), array_agg('network'::text), array_agg('nobody answered'::text))
    from pawl.tasks t where t.job_id = probe.job(p_type) and t.status = 'running');
end $$;
create schema app;
select pawl.define_kind('provider', 'noop', p_max_attempts => 1);

-- ---- a table that is gone ----
create table app.prices (symbol text primary key, updated_at timestamptz);
select pawl.define_data_type('price', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at'), pawl.define_data_type('other', 'provider', '1 minute');
select count(s.state) from pawl.subscribe('price', array['A', 'B'], 'anna', '5 minutes') s; select count(s.state) from pawl.subscribe('other', 'A', 'bob', '1 day') s;
select probe.refresh(:node, 'price'), probe.refresh(:node, 'other');
alter table app.prices rename to renamed;
select probe.clock('2 minutes');
select is(pawl.unsubscribe('price', 'A', 'anna'), 1, 'who leaves need not be able to read');
select probe.clock('6 minutes');
select lives_ok('select probe.due()', 'nor the timer, when a holder''s time is over');
select is(probe.open('other') || (select count(*) from pawl.subscriptions where type = 'price'), 'A0', 'who sees to the others');
insert into pawl.subscriptions (type, key, holder, ttl, renewed_at) values ('price', 'N', 'carl', '1 day', pawl.now()), ('price', 'A', 'carl', '1 day', pawl.now());
insert into pawl.looks (type, key, is_wanted, priority) values ('price', 'N', false, 0), ('price', 'A', true, 7); -- subscribers who met others
select probe.due();
select is((select array_agg(f.key || ' ' || f.is_wanted || ' ' || f.check_at order by f.key) from pawl.freshness f where f.type = 'price' and f.key <> 'B'),
  array['A true 2030-01-01 12:07:00+00', 'N false 2030-01-01 12:07:00+00'], 'what could not be looked at is not forgotten, nor that somebody asked');
alter table app.renamed rename to prices;
select probe.clock('8 minutes'), probe.due();
select is((select array_agg(t.key || ' ' || t.priority order by t.key) from pawl.tasks t where t.job_id = probe.job('price') and t.status = 'pending'), array['A 67', 'N 60'],
  'and refreshed when the table is back');
insert into pawl.looks (type, key) values ('nothing', 'A'), ('nothing', 'B');
select probe.due();
select is((select count(*) from pawl.looks), 0::bigint, 'looks at a type that there is not any more are nobody''s work');

-- ---- a key that cannot be ----
create table app.orders (id bigint primary key, updated_at timestamptz);
select pawl.define_data_type('order', 'provider', '1 minute');
select count(s.state) from pawl.subscribe('order', array['1', '2', '3', 'x', '4', '5'], 'anna', '1 day') s;
select probe.refresh(:node, 'order');
select pawl.define_data_type('order', p_table => 'app.orders', p_key_column => 'id', p_time_column => 'updated_at');
select probe.clock('10 minutes'), probe.due();
select is(probe.open('order'), '1 2 3 4 5', 'a key that the column cannot have keeps no other from being refreshed');
select is((select f.check_at - pawl.now() from pawl.freshness f where f.type = 'order' and f.key = 'x'), '1 minute', 'and is looked at again in a minute');
select is((select d.error like '%"x"%' from pawl.data_types d where d.name = 'order'), true, 'the type says why');

select throws_ok($$ select pawl.subscribe('order', 'y', 'anna') $$, 'PW006', 'app.orders cannot be asked for a key of data type "order": invalid input syntax for type bigint: "y"',
  'who subscribes is told');
alter table app.orders rename id to number;
select throws_ok($$ select pawl.subscribe('order', '7', 'anna') $$, '42703', 'table app.orders has no column "id" any more, where the keys of data type "order" were', 'also when the column has another name');
alter table app.orders rename number to id;
alter table app.orders rename updated_at to changed_at;
select throws_ok($$ select pawl.subscribe('order', '7', 'anna') $$, '42703', 'table app.orders has no column "updated_at" any more, which said when a row of data type "order" was written',
  'or the one that says when');
alter table app.orders rename changed_at to updated_at;
alter table app.orders rename to old_orders;
select throws_ok($$ select pawl.subscribe('order', '7', 'anna') $$, '42P01', 'table app.orders does not exist any more, where the data of data type "order" was', 'or the table');
alter table app.old_orders rename to orders;
select pawl.define_data_type('any', 'provider', '1 minute');
select results_eq($$ select type from pawl.check_stale('AAPL') where type in ('order', 'any') $$, $$ values ('any') $$, 'who asks after a key in all types is not told of those that cannot have it');
select results_eq($$ select type from pawl.check_stale('7') where type in ('order', 'any') $$, $$ values ('any'), ('order') $$, 'but of those that can');
select is((select count(*) from pawl.freshness where type = 'order' and key = 'AAPL'), 0::bigint, 'nor does anything of it stay');
select throws_ok($$ select pawl.check_stale('AAPL', '{any,order}') $$, 'PW006', null, 'who names the type is');
select throws_ok(format('select pawl.check_stale(%L)', k), 'PW006', null, 'and who gives what is no key at all') from unnest(array[null, '', repeat('x', 501), repeat('€', 400)]) k;

-- ---- columns of all kinds ----
create domain app.ticker as text check (value = upper(value));
create type app.mood as enum ('good', 'bad');
create extension citext schema app;
create table app.all_kinds (short varchar(4), padded char(4), uuid uuid, ticker app.ticker, mood app.mood, folded app.citext, rounded numeric(4, 1), json json, "a ""b"".C" text, local timestamp, at timestamptz);
insert into app.all_kinds values ('AAPL', 'AA', '00000000-0000-0000-0000-000000000001', 'AAPL', 'good', 'Aapl', 1.2, '{}', 'k', pawl.now() at time zone 'UTC', pawl.now());
create function probe.has(p_column text, p_key text, p_time_column text default 'at') returns text language plpgsql as $$
declare
  v_type text := 'by ' || p_column;
begin
  perform pawl.define_data_type(v_type, 'provider', '1 hour', 'app.all_kinds', p_column, p_time_column);
  return (select d.has_data || ' ' || coalesce((d.written_at - pawl.now())::text, '-') from pawl.read_data(pawl.data_type(v_type), array[p_key]) d);
end $$;
select is(probe.has(c, k), e || ' 00:00:00', 'a key as ' || c || ': ' || k) from (values ('short', 'AAPL', 'true'), ('padded', 'AA', 'true'), ('uuid', '{00000000000000000000000000000001}', 'true'),
  ('ticker', 'AAPL', 'true'), ('mood', 'good', 'true'), ('folded', 'AAPL', 'true'), ('rounded', '1.20', 'true'), ('a "b".C', 'k', 'true')) v (c, k, e);
select is(probe.has(c, k), 'false -', 'not cut to what the column has room for: ' || k) from (values ('short', 'AAPLX'), ('padded', 'AAAAA'), ('rounded', '1.24')) v (c, k);
create schema aaa;
create function aaa.yes(a app.mood, b app.mood) returns boolean immutable language sql as 'select true';
create operator aaa.= (leftarg = app.mood, rightarg = app.mood, function = aaa.yes);
select is(probe.has('mood', 'bad'), 'false -', 'by what its type is indexed with, not by an = that anybody may make, and that runs what he likes');
select throws_ok($$ select probe.has('ticker', 'aapl') $$, 'PW006', null, 'what the type refuses');
select throws_ok($$ select probe.has('mood', 'sad') $$, 'PW006', null, 'or does not have');
select throws_ok($$ select probe.has('json', '{}') $$, 'PW006', null, 'what cannot be compared is refused when it is defined');
create temporary table passing (k text, at timestamptz);
select throws_ok($$ select pawl.define_data_type('passing', 'provider', '1 hour', 'pg_temp.passing', 'k', 'at') $$, 'PW006', null, 'so is what others cannot see');
select is(probe.has('uuid', '00000000-0000-0000-0000-000000000001', 'local'), 'true 00:00:00', 'a time without time zone is UTC');
update app.all_kinds set at = pawl.now() + interval '59 seconds', local = 'infinity';
select is(probe.has('short', 'AAPL'), 'true 00:00:59', 'clocks may differ a little');
select is(probe.has('uuid', '00000000-0000-0000-0000-000000000001', 'local'), 'true -', 'a time that has not come says nothing');
update app.all_kinds set at = pawl.now() + interval '2 hours';
select pawl.subscribe('by short', 'AAPL', 'anna', '1 day');
select probe.claim(:node, probe.job('by short')), probe.refresh(:node, 'by short', null);
select is((select (f.outcome, f.refreshed_at = pawl.now(), f.due_at - pawl.now())::text from pawl.freshness f where f.type = 'by short'), '(data,t,01:00:00)', 'and makes nothing fresh for longer');

-- ---- functions of users ----
create function probe.gate(p_key text) returns timestamptz language plpgsql as $$
begin
  case split_part(p_key, ' ', 1)
    when 'near' then return pawl.now() + interval '1 microsecond';
    else raise exception 'no calendar';
  end case;
  return null;
end $$;
select pawl.define_data_type('gated', 'provider', '1 minute', p_gate_function => 'probe.gate');
-- keys of a type that have data, are watched and due
create function probe.due_keys(p_type text, p_keys text[]) returns void language sql as $$
  delete from pawl.subscriptions; delete from pawl.freshness;
  insert into pawl.subscriptions (type, key, holder, ttl, renewed_at) select p_type, k, 'dora', '300 days', pawl.now() from unnest(p_keys) k;
  insert into pawl.freshness (type, key, has_data, is_watched, stale_at, due_at, check_at)
  select p_type, k, true, true, pawl.now(), pawl.now(), pawl.now() from unnest(p_keys) k
$$;
select probe.due_keys('gated', array['near']), probe.due();
select is((select (f.wait_reason, f.check_at - pawl.now())::text from pawl.freshness f), '(gate,00:00:01)', 'a gate that is always just about to open is asked once a second');
select probe.due_keys('gated', array['bad']), probe.due();
select is((select d.error from pawl.data_types d where d.name = 'gated'), 'probe.gate(text): no calendar', 'what a gate raises is told');
select is(probe.open('gated'), 'bad', 'and it is open');
-- whoever subscribes need not have the rights that a gate needs: it is asked by who owns the schema, and closed until then
create role probe_viewer;
grant usage on schema pawl to probe_viewer;
grant select, insert, update, delete on all tables in schema pawl to probe_viewer;
grant usage on all sequences in schema pawl to probe_viewer;
grant execute on all functions in schema pawl to probe_viewer;
create table app.hours (key text, closed_until timestamptz);
insert into app.hours values ('A', pawl.now() + interval '1 hour'), ('B', pawl.now() - interval '1 hour');
create function app.hours_gate(p_key text) returns timestamptz language sql as $$ select h.closed_until from app.hours h where h.key = p_key $$;
select pawl.define_data_type('hours', 'provider', '1 minute', p_gate_function => 'app.hours_gate');
select probe.due_keys('hours', array['A', 'B']);
select set_config('pawl.failed_function', '', true);
set local role probe_viewer;
select string_agg(s.state, ' ') as states from pawl.subscribe('hours', array['A', 'B'], 'a viewer', '300 days') s \gset
select set_config('pawl.locked_function', '', true);
select pawl.explain_freshness('hours', 'B') #>> '{gate,error}' as error \gset
reset role;
select is(:'states'::text, 'gate gate', 'a gate in a schema that is closed to who subscribes');
select is(:'error'::text, 'permission denied for schema app', 'which he is told who asks');
select set_config('pawl.locked_function', '', true), set_config('pawl.failed_function', '', true);
grant usage on schema app to probe_viewer;
set local role probe_viewer;
select pawl.request_refresh('hours', 'B') as state \gset
select set_config('pawl.locked_function', '', true), set_config('pawl.failed_function', '', true);
select pawl.explain_freshness('hours', 'B') #>> '{gate,error}' as error \gset
reset role;
select is(:'state'::text, 'gate', 'one that reads what he may not read');
select is(:'error'::text, 'permission denied for table hours', 'and why');
select set_config('pawl.locked_function', '', true), set_config('pawl.failed_function', '', true);
select is(probe.open('hours'), '', 'nothing of it was refreshed');
select pawl.define_data_type('closed', 'provider', '1 minute', p_table => 'app.orders', p_key_column => 'id');
set local role probe_viewer;
do $$ declare v_hint text; begin
  perform pawl.subscribe('closed', '1', 'a viewer');
exception when insufficient_privilege then
  get stacked diagnostics v_hint = pg_exception_hint;
  perform set_config('probe.refusal', sqlerrm || '; ' || v_hint, true);
end $$;
reset role;
select is(current_setting('probe.refusal'), 'role "probe_viewer" may not read app.orders, where the data of data type "closed" is: permission denied for table orders; '
  'Let its owner grant probe_viewer select on app.orders, and usage on its schema; or call a function that is security definer.', 'who may not read the table is told what he lacks');
select pawl.track('closed');
revoke usage on schema app from probe_viewer;
set local role probe_viewer;
select pawl.show_data_type('closed') ->> 'problem' as problem, (select count(*) from pawl.freshness_by_type) as types \gset
reset role;
select is(:'problem'::text, 'whether its table app.orders is tracked cannot be seen: permission denied for schema app', 'he sees how the types stand, but for what he may not see');
select cmp_ok(:types, '>', 3, 'all of them');
select probe.clock('10 minutes 2 seconds'), probe.due();
select is(probe.open('hours'), 'B', 'a node knows what is open');
create or replace function app.hours_gate(p_key text) returns timestamptz language plpgsql as $$ begin raise insufficient_privilege; end $$;
select is(pawl.gate_of(pawl.data_type('hours'), 'A'), null, 'and what he who owns the schema cannot know nobody knows');
create function probe.no_due(p_key text, p_source_at timestamptz, p_refreshed_at timestamptz) returns timestamptz language sql as $$ select (1 / 0)::text::timestamptz $$;
select pawl.define_data_type('timed', 'provider', '1 minute', p_due_function => 'probe.no_due');
select state from pawl.subscribe('timed', 'A', 'dora', '300 days');
select probe.claim(:node, probe.job('timed'));
update pawl.tasks set status = 'completed' where job_id = probe.job('timed'); -- whoever did that settled nothing
insert into pawl.looks (type, key) values ('timed', 'A');
select probe.due();
select is((select (f.outcome, f.due_at - pawl.now())::text from pawl.freshness f where f.type = 'timed'), '(data,00:01:00)', 'where a function does not say when data is stale the ttl does');
select is((select d.error from pawl.data_types d where d.name = 'timed'), 'probe.no_due(text,timestamp with time zone,timestamp with time zone): division by zero', 'and what it raises is told');
create function probe.when_due(p_key text, p_source_at timestamptz, p_refreshed_at timestamptz) returns timestamptz language sql as $$ select 'tomorrow'::timestamptz $$;
select pawl.define_data_type('gated', p_due_function => 'probe.when_due');
drop function probe.gate(text);
drop function probe.when_due(text, timestamptz, timestamptz);
select is(pawl.gate_of(pawl.data_type('gated'), '2099-01-01'), null, 'of a gate that is gone nobody knows');
select is(pawl.next_stale_at(pawl.data_type('gated'), '2099-01-01', null, pawl.now(), '1 hour'), pawl.now() + interval '1 hour', 'where the function is gone the ttl says it');

-- ---- what refreshes say ----
select probe.clock('20 minutes'), pawl.define_data_type('said', 'provider', '1 minute');
create function probe.says(p_node integer, p_result text) returns text language plpgsql as $$
begin
  perform pawl.request_refresh('said', 'A');
  perform probe.refresh(p_node, 'said', p_result);
  perform set_config('pawl.now', (pawl.now() + interval '1 hour')::text, true);
  return (select concat_ws(' ', f.outcome, f.source_at::date) from pawl.freshness f where f.type = 'said');
end $$;
select is(probe.says(:node, '{"outcome": "data", "source_at": "2099-01-01"}'), 'data', 'data of another century says nothing of its age,');
select is(probe.says(:node, '{"outcome": "data", "source_at": "2030-01-01"}'), 'data 2030-01-01', 'so that what is true is not rejected for a lifetime');
select is(probe.says(:node, '{"outcome": "unchanged", "source_at": "2029-01-01"}'), 'unchanged 2030-01-01', 'what is unchanged does not grow older');
select is(probe.says(:node, '{"outcome": null}'), 'data 2030-01-01', 'an outcome of null is none');
select is(probe.says(:node, '["outcome"]'), 'data 2030-01-01', 'as is a list');
select is(probe.says(:node, jsonb_build_object('outcome', 'rejected', 'error', repeat('x', 100000))::text), 'rejected 2030-01-01', 'an error may be long');
select is((select length(f.error) from pawl.freshness f where f.type = 'said'), 1000, 'of which the beginning is kept');
select probe.refresh(:node, 'said', '{"outcome": "data"}'); select pawl.request_refresh('said', 'A'); select probe.refresh(:node, 'said', '{"outcome": "data"}');
select set_config('pawl.now', (pawl.now() - interval '1 hour')::text, true);
select is(pawl.request_refresh('said', 'A'), 'queued', 'a clock that was set back does not keep who asks waiting for an hour');

-- ---- ends that are settled late, since somebody had the key locked ----
select pawl.define_data_type('late', 'provider', '1 minute');
create function probe.ends_unsettled(p_node integer) returns void language plpgsql as $$
begin
  perform probe.claim(p_node, probe.job('late'));
  update pawl.tasks set status = 'completed', finished_at = pawl.now(), result = '{"outcome": "data"}' where job_id = probe.job('late') and status = 'running';
  perform set_config('pawl.now', (pawl.now() + interval '5 minutes')::text, true);
end $$;
select pawl.subscribe('late', 'A', 'anna', '1 day');
select probe.ends_unsettled(:node);
insert into pawl.looks (type, key) values ('late', 'A');
select pawl.refresh_due();
select is((select (f.outcome, pawl.now() - f.refreshed_at, pawl.now() - f.stale_at, f.due_at - pawl.now())::text from pawl.freshness f where f.type = 'late'), '(data,00:05:00,00:04:00,00:00:01)',
  'data is as old as it is, and stale since then');
select set_config('pawl.now', (pawl.now() + interval '1 second')::text, true), probe.due(), probe.ends_unsettled(:node);
select is(pawl.request_refresh('late', 'A'), 'queued', 'who asks after the end asks for the next refresh');
select probe.ends_unsettled(:node);
insert into pawl.looks (type, key, is_wanted, created_at) values ('late', 'A', true, pawl.now() - interval '6 minutes');
select pawl.refresh_due();
select is((select (f.is_wanted, f.task_id is null)::text from pawl.freshness f where f.type = 'late'), '(f,t)', 'who asked before it has been served');
select pawl.unsubscribe('late', 'A', 'anna'), set_config('pawl.now', (pawl.now() + interval '1 second')::text, true), pawl.request_refresh('late', 'A'), probe.ends_unsettled(:node);
insert into pawl.looks (type, key, is_wanted, created_at) values ('late', 'A', true, pawl.now() - interval '4 minutes');
select pawl.refresh_due();
select is((select (f.is_wanted, f.task_id is not null)::text from pawl.freshness f where f.type = 'late'), '(t,t)', 'who asked after it is');

-- ---- leaving and coming again ----
select pawl.define_kind('patient', 'noop', p_max_attempts => 5), pawl.define_data_type('retried', 'patient', '1 minute');
select pawl.subscribe('retried', 'A', 'anna', '1 day');
select probe.claim(:node, probe.job('retried'));
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['retry'], array[600000::bigint], array[null::text], array['network'], array['nobody answered'])
from pawl.tasks t where t.job_id = probe.job('retried');
select pawl.unsubscribe('retried', 'A', 'anna');
select is((select s.state from pawl.subscribe('retried', 'A', 'anna', '1 day') s), 'retry', 'who leaves and comes again does not spare himself the pause after a failure');
select set_config('pawl.now', (pawl.now() + interval '1 second')::text, true), probe.due();
select is((select f.check_at - pawl.now() from pawl.freshness f where f.type = 'retried'), '9 minutes 59 seconds', 'after which he is served');

create table app.written (key text primary key, at timestamptz);
select pawl.define_data_type('written', 'patient', '1 minute', 'app.written', 'key', 'at'), pawl.track('written');
select pawl.subscribe('written', 'A', 'anna', '1 day');
select probe.claim(:node, probe.job('written'));
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['retry'], array[600000::bigint], array[null::text], array['network'], array['nobody answered'])
from pawl.tasks t where t.job_id = probe.job('written');
insert into app.written values ('A', pawl.now());
select probe.due();
select is((select (probe.open('written') || ' ' || (f.due_at - pawl.now()))::text from pawl.freshness f where f.type = 'written'), ' 00:01:00', 'a write by somebody else ends that pause');

-- ---- running refreshes again ----
select pawl.define_data_type('again', 'provider', '1 minute');
select pawl.subscribe('again', array['A', 'B'], 'anna', '1 day'), probe.refresh(:node, 'again', null, 'failed');
select pawl.retry_task(t.job_id, t.id) from pawl.tasks t where t.job_id = probe.job('again') and t.key = 'A';
select probe.refresh(:node, 'again');
select is((select (f.outcome, f.failures, f.refreshes)::text from pawl.freshness f where f.type = 'again' and f.key = 'A'), '(data,0,1)', 'a refresh that is run again by hand is its key''s');
select is(pawl.retry_failed(probe.job('again')), 1::bigint, 'so are all that have failed');
select probe.refresh(:node, 'again');
select is((select (f.outcome, f.failures, f.refreshes)::text from pawl.freshness f where f.type = 'again' and f.key = 'B'), '(data,0,1)', 'and say what has come');
select pawl.retry_task(t.job_id, t.id) from pawl.tasks t where t.job_id = probe.job('again') and t.key = 'A';
insert into pawl.looks (type, key) values ('again', 'A');
select probe.due();
select is(probe.open('again'), 'A', 'somebody needs it, though the data is fresh');
select probe.refresh(:node, 'again');
select is((select (f.is_wanted, f.refreshes)::text from pawl.freshness f where f.type = 'again' and f.key = 'A'), '(f,2)', 'once');
select pawl.request_refresh('again', 'C'), probe.refresh(:node, 'again', null, 'failed');
select set_config('pawl.now', (pawl.now() + interval '1 hour')::text, true), pawl.request_refresh('again', 'C');
select throws_ok(format('select pawl.retry_task(%s, %s)', t.job_id, t.id), 'PW003', null, 'not beside another of its key')
from pawl.tasks t where t.job_id = probe.job('again') and t.key = 'C' and t.status = 'failed';
select is(pawl.retry_failed(probe.job('again')), 0::bigint, 'nor all');
update pawl.freshness set task_id = null where type = 'again' and key = 'C';
select is(pawl.retry_failed(probe.job('again')), 0::bigint, 'nor where its key does not know of that');
select is((select f.task_id from pawl.freshness f where f.type = 'again' and f.key = 'C'), null, 'which is not taken for one that has failed');
select is((select count(*) from pawl.tasks t where t.job_id = probe.job('again') and t.key = 'C' and t.status < 'completed'), 1::bigint, 'there is one at a time');

-- ---- definitions ----
create function app.never(p_key text, p_source_at timestamptz, p_refreshed_at timestamptz) returns timestamptz language sql as $$ select 'infinity'::timestamptz $$;
select pawl.define_data_type('ever', 'provider', '1 minute', p_due_function => 'app.never');
select pawl.subscribe('ever', 'A', 'anna', '1 day'), probe.refresh(:node, 'ever'), probe.due();
select is((select f.check_at from pawl.freshness f where f.type = 'ever'), null, 'what is fresh for ever is looked at never');
select pawl.define_data_type('ever', p_due_function => '');
select is((select f.check_at - pawl.now() from pawl.freshness f where f.type = 'ever'), '1 minute', 'and in time, once it is no more');
select lives_ok($$ select pawl.define_data_type('ever', p_budget => '{"calls": 1.0, "window": "1 minute", "bytes": 1e6, "bytes_window": "1 day", "estimated_bytes": 10.00}') $$, 'numbers in JSON have many forms');
select throws_ok($$ select pawl.define_data_type('ever', p_budget => '{"running": 3000000000}') $$, 'PW006', null, 'and may be too large');
select throws_ok($$ select pawl.subscribe('ever', repeat('漢', 400), 'anna') $$, 'PW006', 'a key of data type "ever" has from 1 to 500 characters, and up to 1000 bytes, not 1200 bytes', 'as may keys');
select throws_ok($$ select pawl.subscribe('ever', 'A', repeat('漢', 400)) $$, 'PW006', 'a holder has a name of 1 to 500 characters, and up to 1000 bytes, not 1200 bytes', 'and holders');
delete from pawl.jobs where id = probe.job('ever');
select throws_ok($$ select pawl.request_refresh('ever', 'B') $$, 'PW002', null, 'somebody has deleted the job of a type''s refreshes');
select pawl.define_data_type('ever');
select is(pawl.request_refresh('ever', 'B'), 'queued', 'it has one again when it is defined again');

-- ---- many keys, and keys that are only asked about ----
select pawl.define_data_type('many', 'provider', '1 minute');
select count(*) as locks from pg_locks where locktype = 'advisory' \gset
select count(s.state) from generate_series(1, 300) i, pawl.subscribe('many', 'key ' || i, 'dora', '300 days') s;
select is((select count(*) <= :locks + 201 from pg_locks where locktype = 'advisory'), true, 'a transaction that makes many keys leaves the server room for locks');
select is((select count(*) from pawl.freshness where type = 'many'), 300::bigint, 'and makes them');
create table app.reports (name text primary key, updated_at timestamptz);
insert into app.reports values ('A', pawl.now());
select pawl.define_data_type('asked', 'provider', '1 hour', 'app.reports', 'name', 'updated_at');
select is_stale from pawl.check_stale('A', array['asked']);
select is((select f.forget_at - pawl.now() from pawl.freshness f where f.type = 'asked'), '30 days', 'one that was only asked about is forgotten after a while');
select pawl.define_data_type('planned', 'provider', p_table => 'app.reports', p_key_column => 'name', p_time_column => 'updated_at', p_cron => '0 18 * * *');
insert into app.reports values ('B', pawl.now());
select is_stale from pawl.check_stale('B', array['planned']);
update pawl.data_types set read_keys_at = pawl.now() where name = 'planned';
select probe.due();
select is((select array_agg(f.check_at = f.due_at order by f.key) from pawl.freshness f where f.type = 'planned'), array[true, true], 'and has its turn in a schedule');

-- ---- a transaction that began long ago: this one ----
reset pawl.now;
select pawl.define_data_type('quote', 'provider', '1 minute');
insert into pawl.freshness (type, key, has_data, is_watched, refreshed_at, stale_at, due_at) values ('quote', 'A', true, true, now(), now() + interval '1 microsecond', now() + interval '1 microsecond');
select is((select (s.state, s.stale_since is not null)::text from pawl.subscribe('quote', 'A', 'anna') s), '(queued,t)', 'what has become stale since it began is stale');
select is((select s.renewed_at > now() and h.seen_at > now() from pawl.subscriptions s join pawl.holders h using (holder) where s.type = 'quote'), true, 'a subscription is of the moment in which it is made');
update pawl.holders set seen_at = now();
select pawl.heartbeat('anna');
select is((select h.seen_at > now() from pawl.holders h where h.holder = 'anna'), true, 'so is a heartbeat');
update pawl.holders set seen_at = '2040-01-01' where holder = 'anna';
select pawl.heartbeat('anna');
select is((select h.seen_at from pawl.holders h where h.holder = 'anna'), '2040-01-01', 'which is never older than the one before');
select probe.refresh(:node, 'quote');
select is((select f.refreshed_at > now() and f.due_at > now() + interval '1 minute' and f.outcome_at > now() from pawl.freshness f where f.type = 'quote'), true, 'and an end: what takes longer than its time is not stale at once');
select pawl.look_later('quote', array['A'], true);
select is((select min(l.created_at) > now() from pawl.looks l), true, 'and a request');

select * from finish();
rollback;
