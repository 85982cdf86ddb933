-- Freshness: data types, who looks at what, when a key is refreshed, and what becomes of it.
begin;
select * from no_plan();
select probe.node() as node \gset
set local pawl.now = '2030-01-01 12:00:00+00';
create function probe.clock(p_at text) returns void language sql as
$$ select set_config('pawl.now', ('2030-01-01 12:00:00+00'::timestamptz + p_at::interval)::text, true) $$;
create schema app;
create table app.prices (symbol text primary key, price numeric, updated_at timestamptz);
create table app.news (id bigint primary key, symbol text not null, updated_at timestamp);
create table app.status (is_open boolean, seen_at timestamptz);
select pawl.define_kind('provider', 'noop');

-- how it stands with a key: state, since when it is stale, failures, next look; in minutes after twelve
create function probe.key(p_type text, p_key text) returns text language sql as $$
  select concat_ws(' ', pawl.freshness_state(f),
    case when f.stale_at <= pawl.now() then 'since ' || round((extract(epoch from f.stale_at - '2030-01-01 12:00:00+00') / 60)::numeric, 2) end,
    case when f.failures > 0 then 'failures ' || f.failures end,
    'next ' || coalesce(round((extract(epoch from f.check_at - '2030-01-01 12:00:00+00') / 60)::numeric, 2)::text, 'never'))
  from pawl.freshness f where f.type = p_type and f.key = p_key
$$;
create function probe.job(p_type text) returns bigint language sql as $$ select d.job_id from pawl.data_types d where d.name = p_type $$;
-- open refreshes of a type, in the order of claims
create function probe.open(p_type text) returns text language sql as $$
  select coalesce(string_agg(t.key, ' ' order by coalesce(t.lateness, 0) - t.priority, t.id), '')
  from pawl.tasks t where t.job_id = probe.job(p_type) and t.status < 'completed'
$$;
-- one refresh runs and ends
create function probe.refresh(p_node integer, p_type text, p_key text, p_result text default null, p_outcome text default 'completed') returns text
language plpgsql as $$
declare
  v_claimed record;
  v_task record;
begin
  perform probe.claim(p_node, probe.job(p_type));
  select t.job_id, t.id, t.attempt into strict v_task
  from pawl.tasks t where t.job_id = probe.job(p_type) and t.key = p_key and t.status = 'running';
  perform pawl.finish_followed_tasks(p_node, array[v_task.job_id], array[v_task.id], array[v_task.attempt], array[p_outcome], array[0::bigint],
    array[p_result], array['network'], array[case when p_outcome = 'failed' then 'nobody answered' end]);
  return probe.key(p_type, p_key);
end $$;
create function probe.due() returns integer language plpgsql as $$
declare
  v_looked integer := 0;
  r record;
begin
  for i in 1..20 loop
    select * into r from pawl.refresh_due();
    v_looked := v_looked + r.looked;
    exit when r.next_ms is distinct from 0;
  end loop;
  return v_looked;
end $$;

-- ---- definitions ----
select throws_ok(s, c, null, w) from (values
  ($$ select pawl.define_data_type('') $$, 'PW006', 'a name'),
  ($$ select pawl.define_data_type(repeat('x', 51), 'provider', '1 minute') $$, 'PW006', 'a short name'),
  ($$ select pawl.define_data_type('x', 'nobody', '1 minute') $$, 'PW001', 'a kind that exists'),
  ($$ select pawl.define_data_type('x', 'crawl', '1 minute') $$, 'PW006', 'a kind that can refresh'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_strategy => 'sometimes') $$, 'PW006', 'a strategy'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_strategy => 'on_demand', p_cron => '* * * * *') $$, 'PW006', 'no cron on demand'),
  ($$ select pawl.define_data_type('x', 'provider', p_strategy => 'scheduled') $$, 'PW006', 'a schedule has a time'),
  ($$ select pawl.define_data_type('x', 'provider', p_cron => '* * * * *', p_spread => '1 day') $$, 'PW006', 'and one only'),
  ($$ select pawl.define_data_type('x', 'provider', p_cron => 'never') $$, 'PW006', 'a cron that is one'),
  ($$ select pawl.define_data_type('x', 'provider', p_cron => '0 1 * * *', p_time_zone => 'Nowhere') $$, 'PW006', 'a zone that is one'),
  ($$ select pawl.define_data_type('x', 'provider', '0.5 seconds') $$, 'PW006', 'a second or more'),
  ($$ select pawl.define_data_type('x', 'provider', '-1 minute') $$, 'PW006', 'no time before now'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_retry_base => '1 hour', p_retry_cap => '1 minute') $$, 'PW006', 'a base below the cap'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_key_column => 'symbol') $$, 'PW006', 'a column needs a table'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', 'app.nothing', 'symbol') $$, 'PW006', 'a table that exists'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', 'app.prices') $$, 'PW006', 'which column has the key?'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', 'app.prices', 'ticker') $$, 'PW006', 'a column that exists'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', 'app.prices', 'symbol', 'price') $$, 'PW006', 'a time that is one'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_due_function => 'app.due') $$, 'PW006', 'a function that exists'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_gate_function => 'pg_catalog.length') $$, 'PW006', 'that returns a time'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_fetch_path => '/{key}', p_save_function => 'app.save') $$, 'PW006', 'a path is for the form fetch'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_parents => '{nobody}') $$, 'PW002', 'parents that exist'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_parents => '{x}') $$, 'PW006', 'but not itself'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_budget => '[]') $$, 'PW006', 'a budget is an object'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_budget => '{"calls": null}') $$, 'PW006', 'a quota that is null is no quota: refused'),
  ($$ select pawl.define_data_type('x', 'provider', '1 minute', p_budget => '{"speed": 1}') $$, 'PW006', 'limits that exist'),
  ($$ select pawl.drop_data_type('x') $$, 'PW002', 'none of these has made anything')) v (s, c, w);
create function app.gates(key text) returns setof timestamptz language sql as $$ select now() $$;
create procedure app.gate_procedure(key text) language sql as $$ select 1 $$;
select throws_ok(format('select pawl.define_data_type(''x'', ''provider'', %s)', s), 'PW006', m, 'what is no name of anything, or in no range, is refused in words: ' || s) from (values
  ('''1 minute'', ''a.b.c.d'', ''symbol''', 'table a.b.c.d does not exist'),
  ('''1 minute'', ''elsewhere.app.prices'', ''symbol''', 'table elsewhere.app.prices does not exist'),
  ('''1 minute'', ''app.prices; drop'', ''symbol''', 'table app.prices; drop does not exist'),
  ('''1 minute'', p_gate_function => ''app gate''', 'function app gate(text) does not exist'),
  ('''1 minute'', p_gate_function => ''app.gates(''', 'function app.gates(text) does not exist'),
  ('''1 minute'', p_gate_function => ''app.gates(txet)''', 'function app.gates(text) does not exist'),
  ('''1 minute'', p_gate_function => ''app.gates''', 'function app.gates(text) does not return timestamp with time zone'),
  ('''1 minute'', p_gate_function => ''app.gate_procedure''', 'function app.gate_procedure(text) does not return timestamp with time zone'),
  ('''1 minute'', p_parents => array[null]', 'a parent of data type "x" is null'),
  ('''1 minute'', p_retry_cap => ''-1 hour''', 'p_retry_cap is out of range: -01:00:00'),
  ('p_spread => ''-1 day''', 'p_spread is out of range: -1 days')) v (s, m);
select throws_like($$ select pawl.define_data_type('x') $$, '%needs a kind%', 'errors name what is missing: the kind');
select throws_like($$ select pawl.define_data_type('x', 'provider') $$, '%a time for which%', 'the time');
select throws_like($$ select pawl.define_data_type('x', 'provider', '1 minute', 'app.prices', 'ticker') $$, '%no column "ticker"%', 'the column');
create role probe_user;
grant usage on schema pawl to probe_user;
grant execute on function pawl.subscribe(text, text, text, interval) to probe_user;
create function probe.as_user(p_statement text) returns text language plpgsql as $$
begin
  set local role probe_user;
  execute p_statement;
  reset role;
  return 'done';
exception when others then
  return sqlstate;
end $$;
select is(probe.as_user($$ select pawl.define_data_type('x', 'provider', '1 minute') $$), '42501', 'only for whoever is allowed to');

select pawl.define_data_type('price', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at', p_empty_ttl => '10 minutes', p_retry_cap => '5 minutes');
select is((select (kind, ttl::text, table_name, key_column, retry_base::text, strategy) from pawl.data_types where name = 'price')::text,
  '(provider,00:01:00,app.prices,symbol,00:00:10,on_demand)', 'defined');
select pawl.define_data_type('price', p_ttl => '2 minutes');
select is((select (ttl::text, empty_ttl::text, table_name) from pawl.data_types where name = 'price')::text, '(00:02:00,00:10:00,app.prices)', 'what is not given stays');
select pawl.define_data_type('price', p_ttl => '1 minute');
select is((select (is_standing, data_type, kind) from pawl.jobs where id = probe.job('price'))::text, '(t,price,provider)', 'with a standing job of its own');

-- ---- who looks ----
select throws_ok(s, c, null, w) from (values
  ($$ select pawl.subscribe('nothing', 'A', 'x') $$, 'PW002', 'subscribe: a type that exists'),
  ($$ select pawl.subscribe(null, 'A', 'x') $$, 'PW006', 'a type'),
  ($$ select pawl.subscribe('price', '', 'x') $$, 'PW006', 'a key'),
  ($$ select pawl.subscribe('price', null::text, 'x') $$, 'PW006', 'no null'),
  ($$ select pawl.subscribe('price', repeat('x', 501), 'x') $$, 'PW006', 'not too long'),
  ($$ select pawl.subscribe('price', 'A', '') $$, 'PW006', 'a holder'),
  ($$ select pawl.subscribe('price', 'A', null) $$, 'PW006', 'who is somebody'),
  ($$ select pawl.subscribe('price', 'A', 'x', '0') $$, 'PW006', 'for a while'),
  ($$ select pawl.subscribe('price', 'A', 'x', null) $$, 'PW006', 'that is known'),
  ($$ select pawl.unsubscribe('nothing', null, 'x') $$, 'PW002', 'unsubscribe: a type that exists'),
  ($$ select pawl.unsubscribe(null, 'A', 'x') $$, 'PW006', 'a key of no type is none'),
  ($$ select pawl.request_refresh('nothing', 'A') $$, 'PW002', 'request_refresh: a type that exists'),
  ($$ select pawl.request_refresh('price', 'A', 'NaN') $$, 'PW006', 'a priority'),
  ($$ select * from pawl.check_stale('A', array['nothing']) $$, 'PW002', 'check_stale: types that exist'),
  ($$ select pawl.set_key_ttl('price', 'A', '0') $$, 'PW006', 'set_key_ttl: a time')) v (s, c, w);

insert into app.prices values ('OLD', 1, pawl.now() - interval '1 hour'), ('NEW', 1, pawl.now() - interval '30 seconds');
select results_eq($$ select key, state, extract(epoch from stale_since - pawl.now()) / 60 from pawl.subscribe('price', array['NEW', 'OLD', 'NONE'], 'anna', '1 day') $$,
  $$ values ('NEW', 'fresh', null), ('OLD', 'queued', -59::numeric), ('NONE', 'queued', 0) $$, 'the first viewer of stale data causes a refresh at once; absent data is stale; fresh data waits');
select is(probe.key('price', 'NEW'), 'fresh next 0.50', 'what is fresh is looked at when it is due');
select is(probe.open('price'), 'OLD NONE', 'the oldest first');
select is((select payload - 'stale_since' - 'refreshed_at' from pawl.tasks where key = 'OLD'), '{"type": "price", "key": "OLD", "source_at": null}', 'the refresh knows what it is for');
select is((select state from pawl.subscribe('price', 'OLD', 'anna', '1 day')), 'queued', 'again: the same');
select is((select count(*) from pawl.tasks), 2::bigint, 'and no second refresh');
select is((select state from pawl.subscribe('price', 'NONE', 'bob', '1 day')), 'queued', 'another viewer');
select is((select priority from pawl.tasks where key = 'NONE'), 65::real, 'more viewers: worth more');
select is((select array_agg(h.holder order by h.holder) from pawl.holders h), array['anna', 'bob'], 'holders are known');

-- ---- outcomes ----
select is(probe.refresh(:node, 'price', 'OLD', '{"outcome": "data", "source_at": "2030-01-01 11:59:00+00"}'), 'fresh next 1.00', 'data: fresh for its time');
select is((select (outcome, has_data, refreshes, source_at = '2030-01-01 11:59:00+00') from pawl.freshness where key = 'OLD')::text, '(data,t,1,t)', 'and that is written down');
select is((select min(t.status::text) from pawl.tasks t where t.key = 'NONE'), 'running', 'the other runs');
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array[null::text], array[null::text], array[null::text])
from pawl.tasks t where t.key = 'NONE';
select is(probe.key('price', 'NONE'), 'fresh next 10.00', 'nothing said and no row: there is none, which is believed for its own time');
select is((select (outcome, has_data) from pawl.freshness where key = 'NONE')::text, '(empty,f)', 'empty');

select probe.clock('1 minute'), probe.due();
select is(probe.open('price'), 'NEW OLD', 'due and watched: refreshed, the oldest first');
select is(probe.refresh(:node, 'price', 'OLD', '{"outcome": "data", "source_at": "2030-01-01 11:59:00+00"}'), 'fresh next 2.00', 'the same source time:');
select is((select outcome from pawl.freshness where key = 'OLD'), 'unchanged', 'unchanged, which moves it too');
update app.prices set updated_at = pawl.now() where symbol = 'NEW';
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array['{"done": true}'], array[null::text], array[null::text])
from pawl.tasks t where t.key = 'NEW' and t.status = 'running';
select is((select outcome from pawl.freshness where key = 'NEW'), 'data', 'nothing said, and the row was written: data');

select probe.clock('2 minutes'), probe.due();
select is(probe.refresh(:node, 'price', 'OLD', '{"outcome": "data", "source_at": "2030-01-01 11:00:00+00"}') ~ '^retry since 2.* failures 1 next 2\.(0[89]|1[0-7])$', true, 'older than what is there: rejected, and put off');
select is((select (outcome, error like '%older%', failed_refreshes) from pawl.freshness where key = 'OLD')::text, '(rejected,t,1)', 'with the reason');
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['failed'], array[0::bigint], array[null::text], array['network'], array['nobody answered'])
from pawl.tasks t where t.key = 'NEW' and t.status = 'running';
select is(probe.key('price', 'NEW') ~ '^retry since 2.* failures 1 next', true, 'failed: as stale as it was, honestly, and put off');
select is((select error from pawl.freshness where key = 'NEW'), 'nobody answered', 'with the error');
select probe.clock('3 minutes'), probe.due();
select is(probe.refresh(:node, 'price', 'NEW', null, 'failed') ~ 'failures 2 next 3\.(1[6-9]|2\d|3[0-4])$', true, 'failures back off by key: longer with each');
select is(probe.refresh(:node, 'price', 'OLD', '{"outcome": "nonsense"}') ~ 'failures 2', true, 'an outcome that is none is a failure');
select is((select error like '%"nonsense"%' from pawl.freshness where key = 'OLD'), true, 'and is told');
update pawl.freshness set failures = 19 where key = 'NEW';
select probe.clock('4 minutes'), probe.due();
select is(probe.refresh(:node, 'price', 'NEW', null, 'failed') ~ 'failures 20 next ([67]\.[5-9]|[789]\.)', true, 'never longer than the cap');
select is((select due_at - pawl.now() <= '5 minutes' from pawl.freshness where key = 'NEW'), true, 'of five minutes');
select probe.clock('10 minutes'), probe.due();
select is(probe.refresh(:node, 'price', 'NEW', '{"outcome": "unchanged"}'), 'fresh next 11.00', 'one that succeeds forgets them');
select is((select bool_and(due_at >= outcome_at + interval '1 second') from pawl.freshness where outcome_at is not null), true, 'every outcome has moved next due by a second or more');

-- ---- leaving ----
select probe.clock('20 minutes');
delete from pawl.subscriptions; delete from pawl.holders; delete from pawl.freshness; update pawl.tasks set status = 'cancelled', finished_at = now() where status < 'completed';
select state from pawl.subscribe('price', 'A', 'anna', '1 hour'); select state from pawl.subscribe('price', 'A', 'bob', '1 hour');
select is(pawl.unsubscribe('price', 'A', 'anna'), 1, 'one leaves');
select is(probe.open('price'), 'A', 'the other still looks');
select is(pawl.unsubscribe('price', 'A', 'bob'), 1, 'the last one leaves');
select is(probe.open('price') || probe.key('price', 'A'), 'due since 20.00 next 20.00', 'demand ends: the refresh that had not begun is cancelled');
select probe.clock('20 minutes 1 second'), probe.due();
select is(probe.open('price') || probe.key('price', 'A'), 'unwatched since 20.00 next never', 'and nobody looks again');
select is(pawl.unsubscribe('price', 'A', 'bob'), 0, 'who does not look cannot leave, which is no error');
select state from pawl.subscribe('price', 'A', 'anna'); select probe.claim(:node, probe.job('price'));
select pawl.unsubscribe(null, null, 'anna');
select is(probe.key('price', 'A') ~ '^running', true, 'one that runs is left to end');
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array['{"outcome": "data"}'], array[null::text], array[null::text])
from pawl.tasks t where t.key = 'A' and t.status = 'running';
select probe.due(); select probe.clock('25 minutes'), probe.due();
select is(probe.key('price', 'A') || probe.open('price'), 'unwatched since 21.02 next never', 'what nobody looks at gets stale, and is left alone');

-- ---- holders ----
select probe.clock('30 minutes');
select state from pawl.subscribe('price', 'A', 'anna', '1 minute'); select state from pawl.subscribe('price', 'B', 'anna', '10 minutes'); select state from pawl.subscribe('price', 'B', 'bob', '1 minute');
select probe.refresh(:node, 'price', k, '{"outcome": "data"}') from unnest(array['A', 'B']) k;
select probe.clock('30 minutes 50 seconds');
select is(pawl.heartbeat('anna'), true, 'a heartbeat for all of them');
select is(pawl.heartbeat('nobody'), false, 'of somebody who has none');
select probe.clock('31 minutes 20 seconds'), probe.due();
select is((select array_agg(key || holder order by key, holder) from pawl.subscriptions), array['Aanna', 'Banna'], 'who was not heard of is gone, who was is not');
select probe.clock('31 minutes 51 seconds'), probe.due();
select is((select array_agg(key || holder order by key, holder) from pawl.subscriptions), array['Banna'], 'each subscription for its own time');
select is((select count(*) from pawl.holders), 1::bigint, 'holders without any are forgotten');
select probe.clock('50 minutes'), probe.due();
select is((select count(*) from pawl.subscriptions) + (select count(*) from pawl.holders), 0::bigint, 'all are gone in the end');
select is(probe.open('price'), '', 'and so is demand');
select is(pawl.heartbeat('anna'), false, 'whose heartbeat now says that he is to subscribe again');

-- ---- asking ----
select is(pawl.request_refresh('price', 'Q'), 'queued', 'asked for, looked at by nobody');
select is(pawl.request_refresh('price', 'Q', 7), 'queued', 'again: the same request');
select is((select array_agg(priority) from pawl.tasks where key = 'Q'), array[7]::real[], 'whose priority may rise');
select pawl.request_refresh('price', 'Q', 1);
select is((select array_agg(priority) from pawl.tasks where key = 'Q'), array[7]::real[], 'and does not fall');
select state from pawl.subscribe('price', 'W', 'anna', '1 hour');
select is(probe.open('price'), 'W Q', 'watched before background');
select is(probe.refresh(:node, 'price', 'Q', '{"outcome": "data"}'), 'fresh next never', 'nobody looks: not looked at again');
select is(pawl.request_refresh('price', 'Q'), 'due', 'asked for again at once: in a second');
select probe.clock('50 minutes 1 second'), probe.due();
select is(pawl.request_refresh('price', 'Q'), 'queued', 'however fresh it is');
select probe.refresh(:node, 'price', 'Q', null, 'failed');
select is(pawl.request_refresh('price', 'Q') , 'retry', 'the pause after a failure holds for it as well');
select results_eq($$ select type, is_stale, state from pawl.check_stale('C') $$, $$ values ('price', true, 'queued') $$, 'check_stale: absent data is stale, and refreshed');
select results_eq($$ select type, is_stale, state from pawl.check_stale('C', array['price'], 100) $$, $$ values ('price', true, 'queued') $$, 'again');
select is((select count(*) || ' ' || max(priority) from pawl.tasks where key = 'C'), '1 100', 'the same one');
insert into app.prices values ('D', 1, pawl.now());
select results_eq($$ select is_stale, state from pawl.check_stale('D') $$, $$ values (false, 'fresh') $$, 'data that others wrote is fresh');
select is((select count(*) from pawl.tasks where key = 'D'), 0::bigint, 'and left alone');
insert into app.prices values ('Z', 1, pawl.now() - interval '1 day');
select state from pawl.subscribe('price', 'Z', 'anna', '1 hour');
update app.prices set updated_at = pawl.now() where symbol = 'Z';
update pawl.freshness set check_at = pawl.now() where key = 'Z';
select probe.claim(:node, 0), probe.due();
select is(probe.key('price', 'Z') ~ '^queued', true, 'untracked: nobody knows of a write while its refresh is queued');

-- ---- a key's own time, global types, schedules, functions ----
select probe.clock('60 minutes');
delete from pawl.subscriptions; delete from pawl.freshness; delete from pawl.holders; update pawl.tasks set status = 'cancelled', finished_at = now() where status < 'completed';
select pawl.set_key_ttl('price', 'SLOW', '1 hour');
select state from pawl.subscribe('price', 'SLOW', 'anna', '1 day');
select is(probe.refresh(:node, 'price', 'SLOW', '{"outcome": "data"}'), 'fresh next 120.00', 'fresh for its own time');
select pawl.set_key_ttl('price', 'SLOW', '10 minutes');
select is(probe.key('price', 'SLOW'), 'fresh next 70.00', 'which may change');
select pawl.set_key_ttl('price', 'SLOW', null);
select is(probe.key('price', 'SLOW'), 'fresh next 61.00', 'and end');
select pawl.define_data_type('price', p_ttl => '30 seconds');
select is(probe.key('price', 'SLOW'), 'fresh next 60.50', 'a type that is defined anew: all its keys by the new time');
select pawl.define_data_type('price', p_ttl => '1 minute');

select pawl.define_data_type('market', 'provider', '5 minutes', 'app.status', p_is_global => true, p_time_column => 'seen_at');
select is((select state from pawl.subscribe('market', null::text, 'anna', '1 day')), 'queued', 'global: no key');
select throws_ok($$ select pawl.subscribe('market', 'A', 'anna') $$, 'PW006', null, 'and none is taken');
insert into app.status values (true, pawl.now() + interval '1 second');
select is(probe.refresh(:node, 'market', '', null), 'fresh next 65.00', 'refreshed');
select is((select outcome from pawl.freshness where type = 'market'), 'data', 'its table was written');

create function app.due(p_key text, p_source_at timestamptz, p_refreshed_at timestamptz) returns timestamptz language sql as
$$ select case p_key when 'LATE' then p_refreshed_at - interval '1 hour' when 'HOUR' then p_refreshed_at + interval '1 hour' when 'BAD' then (1 / 0)::text::timestamptz when 'NEVER' then 'infinity' end $$;
select pawl.define_data_type('report', 'provider', '2 minutes', p_due_function => 'app.due');
select state from pawl.subscribe('report', array['HOUR', 'LATE', 'BAD', 'NULL', 'NEVER'], 'anna', '1 day');
select is(probe.refresh(:node, 'report', 'HOUR', null), 'fresh next 120.00', 'a function says when it is stale');
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array[null::text], array[null::text], array[null::text])
from pawl.tasks t where t.job_id = probe.job('report') and t.status = 'running' order by t.id;
select is(probe.key('report', 'LATE'), 'fresh next 62.00', 'one that says it is stale already, after a refresh, cannot have it refreshed for ever');
select is(probe.key('report', 'BAD') || '/' || probe.key('report', 'NULL'), 'fresh next 62.00/fresh next 62.00', 'what it cannot say the ttl says');
select is(probe.key('report', 'NEVER'), 'fresh next never', 'never is never');

select pawl.define_data_type('daily', 'provider', p_table => 'app.prices', p_key_column => 'symbol', p_time_column => 'updated_at', p_cron => '0 18 * * *');
select is((select count(*) || ' ' || count(distinct check_at) || ' ' || min(check_at) from pawl.freshness where type = 'daily'), (select count(*) from app.prices) || ' 1 2030-01-01 18:00:00+00', 'scheduled by cron: every key of the table, whoever looks');
select pawl.define_data_type('daily', p_cron => '', p_spread => '1 day');
select is((select count(*) || ' ' || count(distinct due_at) || ' ' || bool_and(check_at <= due_at and due_at > pawl.now() and due_at <= pawl.now() + interval '1 day') from pawl.freshness where type = 'daily'),
  (select count(*) || ' ' || count(*) from app.prices) || ' true', 'spread: each at its own time');
select probe.clock('25 hours 30 minutes'), probe.due();
select is((select count(*) from pawl.tasks where job_id = probe.job('daily') and status = 'pending'), (select count(*) from app.prices), 'in a day all have their turn');
select is((select max(priority) from pawl.tasks where job_id = probe.job('daily')), 0::real, 'in the background');
select probe.claim(:node, probe.job('daily'));
create temporary table turns as select key, due_at from pawl.freshness where type = 'daily';
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array[null::text], array[null::text], array[null::text])
from pawl.tasks t where t.job_id = probe.job('daily') and t.status = 'running' order by t.id;
select is((select bool_and(abs(extract(epoch from f.due_at - t.due_at) / 86400 - round(extract(epoch from f.due_at - t.due_at) / 86400)) < 1e-6) from pawl.freshness f join turns t using (key) where f.type = 'daily'), true, 'always at the same time of it');

insert into app.prices values ('FRESH', 1, pawl.now());
delete from app.prices where symbol = 'OLD';
update pawl.freshness set has_data = false, outcome = 'empty', check_at = 'infinity' where type = 'daily' and key = 'OLD';
select probe.clock('25 hours 41 minutes'), probe.due();
select is((select (has_data, stale_at > pawl.now(), check_at = due_at) from pawl.freshness where type = 'daily' and key = 'FRESH')::text, '(t,t,t)', 'a key that is new in the table is learnt of');
select probe.due();
select is((select count(*) from pawl.freshness where type = 'daily' and key = 'OLD'), 0::bigint, 'one that is in it no more, and of which there is nothing, is forgotten');
select pawl.request_refresh('report', 'ONCE'), probe.refresh(:node, 'report', 'ONCE'), pawl.request_refresh('report', 'NEVER'), pawl.unsubscribe('report', 'HOUR', 'anna');
select probe.clock('54 days'), probe.due();
select is((select string_agg(key, ' ' order by key) from pawl.freshness where type = 'report'), 'NEVER', 'keys that nobody has wanted for 30 days are forgotten, and only those');
select is((select count(*) from pawl.freshness where type = 'daily') > 3, true, 'those of a schedule are not');
select pawl.define_data_type('daily', p_ttl => '1 day', p_strategy => 'on_demand');
select is((select read_keys_at from pawl.data_types where name = 'daily'), null, 'its table is not read any more');

-- ---- gates ----
select probe.clock('0');
create table app.gate (closed_until timestamptz);
insert into app.gate values ('2030-01-01 14:00:00+00');
create function app.gate(p_key text) returns timestamptz language plpgsql as $$ begin
  if p_key = 'BROKEN' then raise exception 'no calendar'; end if;
  return (select closed_until from app.gate);
end $$;
select pawl.define_data_type('quote', 'provider', '1 minute', p_gate_function => 'app.gate', p_max_age => '3 hours');
select state from pawl.subscribe('quote', array['HAS', 'BROKEN'], 'anna', '10 days');
select is(probe.open('quote'), 'BROKEN HAS', 'missing data passes a closed gate');
select probe.refresh(:node, 'quote', 'HAS', '{"outcome": "data"}');
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array[null::text], array[null::text], array[null::text])
from pawl.tasks t where t.job_id = probe.job('quote') and t.status = 'running';
select probe.clock('1 minute'), probe.due();
select is(probe.key('quote', 'HAS'), 'gate since 1.00 next 61.00', 'closed: it waits, stale, and is looked at in an hour again');
select is(probe.open('quote'), 'BROKEN', 'unknown is open');
select is((select waits_until from pawl.freshness where key = 'HAS'), '2030-01-01 14:00:00+00', 'until when is known');
select is(pawl.request_refresh('quote', 'HAS'), 'gate', 'who asks waits at it as well');
select probe.clock('61 minutes'), probe.due();
select is(probe.key('quote', 'HAS') ~ '^gate .* next 120.00$', true, 'to the minute');
select probe.clock('120 minutes'), probe.due();
select is(probe.key('quote', 'HAS') ~ '^queued', true, 'open: refreshed');
select probe.refresh(:node, 'quote', 'HAS', '{"outcome": "data"}');
update app.gate set closed_until = 'infinity';
select probe.clock('121 minutes'), probe.due();
select is(probe.key('quote', 'HAS') ~ '^gate .* next 181.00$', true, 'closed for ever is looked at every hour, too');
select probe.clock('290 minutes'), probe.due();
select is(probe.key('quote', 'HAS') ~ '^gate .* next 300.00$', true, 'but not longer than the data may be old');
select probe.clock('300 minutes'), probe.due();
select is(probe.key('quote', 'HAS') ~ '^queued', true, 'the maximum age overrides the gate');

-- ---- parents ----
select probe.clock('500 minutes');
select pawl.define_data_type('profile', 'provider', '1 day'), pawl.define_data_type('chart', 'provider', '1 minute', p_parents => '{profile,market}');
select throws_ok($$ select pawl.define_data_type('profile', p_parents => '{chart}') $$, 'PW006', null, 'no circles');
select throws_ok($$ select pawl.drop_data_type('profile') $$, 'PW003', null, 'a parent is not dropped');
select is((select state from pawl.subscribe('chart', 'A', 'anna', '1 day')), 'parent', 'it waits for its parents');
select is(probe.open('chart') || probe.open('profile') || (probe.key('market', '') ~ '^queued'), 'Atrue', 'which are refreshed first');
select is((select priority from pawl.tasks where job_id = probe.job('profile') and status = 'pending'), 60::real, 'with its priority');
select probe.refresh(:node, 'profile', 'A', null, 'failed'), probe.due();
select is(probe.key('chart', 'A') ~ '^parent', true, 'a parent that fails is no parent that has come');
select probe.clock('502 minutes'), probe.due();
select probe.refresh(:node, 'profile', 'A', '{"outcome": "data"}'), probe.due();
select is((select waits_for from pawl.freshness where type = 'chart'), 'market', 'then for the next');
select probe.refresh(:node, 'market', '', '{"outcome": "data"}'), probe.due();
select is(probe.key('chart', 'A') ~ '^queued', true, 'then it is refreshed itself');
select is(probe.refresh(:node, 'chart', 'A', '{"outcome": "data"}'), 'fresh next 503.00', 'fresh');
select probe.clock('503 minutes'), probe.due();
select is(probe.key('chart', 'A') ~ '^queued', true, 'its parents are fresh: it does not wait');

-- ---- what may happen to a refresh ----
select probe.clock('600 minutes');
select state from pawl.subscribe('price', array['C1', 'C2', 'C3', 'C4', 'C5'], 'carl', '1 day');
select pawl.cancel_task(job_id, id) from pawl.tasks where key = 'C1' and status = 'pending';
select is(probe.key('price', 'C1'), 'retry since 600.00 next 600.17', 'cancelled by somebody: put off, and no failure');
delete from pawl.tasks where key = 'C2';
update pawl.tasks set status = 'completed', result = '{"outcome": "data"}', finished_at = pawl.now() where key = 'C3' and status = 'pending';
select probe.clock('600 minutes 31 seconds'), probe.due();
select is(probe.key('price', 'C2') || (probe.open('price') ~ 'C2'), 'queued since 600.00 next 601.02true', 'deleted: another is made');
select is(probe.key('price', 'C3'), 'fresh next 601.00', 'ended by hand: settled');
select is((select count(*) from pawl.tasks where key = 'C4' and status = 'pending'), 1::bigint, 'what waits is left alone');
update pawl.freshness set stale_at = pawl.now() + interval '1 hour', due_at = pawl.now() + interval '1 hour', check_at = pawl.now() where key = 'C4';
select probe.due();
select is(probe.key('price', 'C4') || (select max(status::text) from pawl.tasks where key = 'C4'), 'fresh next 660.52cancelled', 'written by somebody else meanwhile: its refresh is not needed any more');
insert into pawl.looks (type, key, is_wanted, priority) values ('price', 'C5', false, 0), ('price', 'L', true, 3), ('gone', 'A', true, 0);
select is(probe.due() > 0, true, 'what could not be looked at');
select is(probe.key('price', 'L') ~ '^queued' and not exists (select from pawl.looks), true, 'is looked at later');

-- ---- external workers, callbacks, SQL functions, lost nodes ----
select pawl.define_kind('byhand', 'external', p_max_attempts => 1), pawl.define_data_type('hand', 'byhand', '1 minute');
select state from pawl.subscribe('hand', array['X', 'Y', 'Z'], 'carl', '1 day');
create temporary table held as select c.* from pawl.claim_tasks('byhand', 'w', 3, '1 minute') c;
select is((select count(*) from held), 3::bigint, 'external workers claim refreshes');
select pawl.finish_task(job_id, task_id, attempt, '{"outcome": "data"}') from held where payload ->> 'key' = 'X';
select pawl.fail_task(job_id, task_id, attempt, 'no') from held where payload ->> 'key' = 'Y';
select is(probe.key('hand', 'X') || (probe.key('hand', 'Y') ~ 'failures 1'), 'fresh next 601.52true', 'and end them');
select probe.clock('602 minutes'), pawl.expire_leases();
select is(probe.key('hand', 'Z') ~ 'failures 1', true, 'a lease that ends, too');
create function app.refresh(p jsonb) returns jsonb language sql as $$ insert into app.prices values (p ->> 'key', 1, pawl.now()) returning '{"outcome": "data"}'::jsonb $$;
select pawl.define_kind('insql', 'sql', 'app.refresh', p_max_attempts => 1), pawl.define_data_type('price2', 'insql', '1 minute', 'app.prices', 'symbol', 'updated_at');
select state from pawl.subscribe('price2', 'SQL', 'carl', '1 day'); select probe.claim(:node, probe.job('price2'));
select pawl.run_sql_task(:node, job_id, id, attempt) from pawl.tasks where job_id = probe.job('price2');
select is(probe.key('price2', 'SQL'), 'fresh next 603.00', 'a SQL function');
select probe.clock('603 minutes'), probe.due(); select probe.claim(:node, probe.job('price2'));
select pawl.rescue_tasks(array[:node]);
select is(probe.key('price2', 'SQL') ~ 'failures 1', true, 'a node that was lost with its last attempt');

-- ---- budgets ----
select pawl.define_kind('api', 'noop');
select pawl.define_data_type('costly', 'api', '1 hour', p_budget => '{"calls": 2, "window": "1 minute", "bytes": 1000, "bytes_window": "1 day", "estimated_bytes": 100}');
select throws_like($$ select pawl.define_data_type('costly', p_budget => '{"calls": null}') $$, '%calls: null%', 'a quota that was NULL is refused, and what was there stays');
select throws_ok($$ select pawl.define_data_type('costly', p_budget => '{"window": "soon"}') $$, 'PW006', null, 'a window is a time');
select is((select (max_calls, window_ms, max_bytes, bytes_window_ms, estimated_bytes) from pawl.limiters where key = 'type:costly')::text, '(2,60000,1000,86400000,100)', 'both budgets, each with its window');
select is((select limiter_key from pawl.jobs where id = probe.job('costly')), 'type:costly', 'its job stands under it');
select is((select parent_key from pawl.limiters where key = 'type:costly'), null, 'alone');
select pawl.set_limit('api', p_max_running => 1);
select is((select parent_key from pawl.limiters where key = 'type:costly'), 'kind:api', 'and under its kind''s, once that has one');
select state from pawl.subscribe('costly', array['A', 'B', 'C'], 'carl', '1 day');
select is(cardinality(probe.claim(:node, probe.job('costly'))), 1, 'both hold: one at once, of the kind');
select pawl.set_limit('api', p_max_running => 5);
select is(cardinality(probe.claim(:node, probe.job('costly'))) <= 1, true, 'two in a minute, of the type');
select pawl.define_data_type('costly', p_budget => '{"calls": 0}');
select is((select max_calls from pawl.limiters where key = 'type:costly'), null, 'taken away');

-- ---- order under overload ----
select pawl.define_data_type('busy', 'provider', '1 minute');
select pawl.request_refresh('busy', 'bg-old');
select probe.clock('643 minutes');
select state from pawl.subscribe('busy', 'one', 'v1', '1 day'); select count(s.state) from generate_series(1, 2) v, pawl.subscribe('busy', 'two', 'v' || v, '1 day') s;
select count(s.state) from generate_series(1, 40) v, pawl.subscribe('busy', 'many', 'v' || v, '1 day') s;
select pawl.request_refresh('busy', 'bg-new');
select is(probe.open('busy'), 'many two one bg-old bg-new', 'watched before background, more viewers first');
select probe.clock('650 minutes'); select state from pawl.subscribe('busy', 'later', 'v1', '1 day');
select is(probe.open('busy'), 'many two one later bg-old bg-new', 'of equals the oldest first');
select probe.clock('705 minutes'); select state from pawl.subscribe('busy', 'much-later', 'v1', '1 day');
select is(probe.open('busy'), 'many two one later bg-old bg-new much-later', 'and nobody waits for ever: what has waited an hour goes before who looks now');

-- ---- one that is broken harms no other ----
create table app.gone (symbol text primary key, updated_at timestamptz);
select pawl.define_data_type('broken', 'provider', '1 minute', 'app.gone', 'symbol', 'updated_at');
select state from pawl.subscribe('broken', 'A', 'carl', '1 day');
select probe.refresh(:node, 'broken', 'A', '{"outcome": "data"}');
drop table app.gone;
select probe.clock('800 minutes'), probe.due();
select is(probe.key('broken', 'A'), 'due since 706.00 next 801.00', 'its table is gone: looked at again in a minute');
select is((select error like '%app.gone%' from pawl.data_types where name = 'broken'), true, 'and the type says why');
select is(probe.open('hand') <> '' and probe.open('chart') <> '', true, 'the others were looked at');
select throws_ok($$ select pawl.subscribe('broken', 'A2', 'x') $$, '42P01', null, 'who subscribes is told');

-- ---- a type with another kind, and none ----
select pawl.define_kind('other', 'noop');
select probe.job('price') as old_job \gset
select state from pawl.subscribe('price', 'K', 'carl', '1 day');
select pawl.define_data_type('price', 'other'), probe.due();
select is(probe.job('price') <> :old_job and probe.open('price') ~ 'K', true, 'another kind: another job, and what was open is asked for again');
select is((select count(*) from pawl.tasks where job_id = :old_job and status < 'completed'), 0::bigint, 'not in both');
select pawl.drop_data_type('price');
select is((select count(*) from pawl.freshness where type = 'price') + (select count(*) from pawl.subscriptions where type = 'price'), 0::bigint, 'dropped: all of it is gone');
select is((select count(*) from pawl.tasks where job_id = :old_job and status = 'completed') > 0, true, 'what has been stays');
select pawl.define_data_type('brief', 'provider', '1 minute', p_budget => '{"running": 1, "calls": 5, "window": "1 minute", "start_interval": "1 second"}');
select state from pawl.subscribe('brief', 'A', 'carl', '1 day');
select throws_ok($$ select pawl.define_data_type('brief', p_is_global => true) $$, 'PW003', null, 'what has keys has them for good');
select pawl.drop_data_type('brief');
select pawl.define_data_type('brief', 'provider', '1 minute', p_is_global => true);
select is((select (max_running, max_calls, window_ms, start_interval_ms) from pawl.limiters where key = 'type:brief')::text, '(,,,0)', 'made anew it has not the budget of its namesake');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');

-- ---- keys in URLs ----
select is(pawl.encode_key(k), e) from (values ('AAPL', 'AAPL'), ('a b/c?d#e', 'a%20b%2Fc%3Fd%23e'), ('é€', '%C3%A9%E2%82%AC'), ('..%2f', '..%252f'), (null, null)) v (k, e);
select * from finish();
rollback;
