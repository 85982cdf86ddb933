-- Data that somebody has deleted is missing, and what is missing is stale: for who asks, and for the first who looks.
begin;
select * from no_plan();
set local search_path = probe, tap, pg_catalog;
set local pawl.now = '2030-01-01 12:00:00+00';
create schema app;
create table app.prices (symbol text primary key, updated_at timestamptz);
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('profile', 'provider', '1 day'),
  pawl.define_data_type('price', 'provider', '1 day', 'app.prices', 'symbol', 'updated_at'),
  pawl.define_data_type('quote', 'provider', '1 day', 'app.prices', 'symbol', 'updated_at', p_parents => '{profile}');
insert into app.prices select 'K' || k, pawl.now() - interval '1 hour' from generate_series(1, 4) k;
select is((select array_agg(s.state) from generate_series(1, 3) k, pawl.subscribe('price', 'K' || k, 'anna', '1 day') s), array['fresh', 'fresh', 'fresh'], 'all is there');
select is((select array_agg(s.state) from pawl.check_stale('K4', '{price,quote}') s), array['fresh', 'fresh'], 'also of what nobody looks at');
select pawl.unsubscribe('price', k, 'anna') from unnest(array['K1', 'K2']) k;
set local pawl.now = '2030-01-01 12:00:02+00';
select pawl.refresh_due();
select is((select array_agg(is_watched order by key) from pawl.freshness where type = 'price'), array[false, false, true, false], 'one is looked at');

delete from app.prices where symbol <> 'K2';
select is((select state from pawl.subscribe('price', 'K1', 'bob', '1 day')), 'queued', 'the first who looks at what was deleted');
select is((select state from pawl.subscribe('price', 'K2', 'bob', '1 day')), 'fresh', 'and at what was not');
select is((select (is_stale, state)::text from pawl.check_stale('K3', '{price}')), '(t,queued)', 'who asks for what somebody looks at');
select is((select (is_stale, state)::text from pawl.check_stale('K4', '{price}')), '(t,queued)', 'and for what nobody does');
select is((select (is_stale, state)::text from pawl.check_stale('K4', '{quote}')), '(t,parent)', 'with a parent');
select is((select array_agg(key order by key) from pawl.freshness where type = 'profile'), array['K4'], 'which is wanted for that key alone');
select is((select array_agg(t.key order by t.key) from pawl.tasks t join pawl.data_types d on d.job_id = t.job_id where d.name = 'price'), array['K1', 'K3', 'K4'], 'each once');
select is((select (is_stale, state)::text from pawl.check_stale('K2', '{price}')), '(f,fresh)', 'what is there is left alone');

-- nobody holds the clock: what is found to be missing is so for who has found it
reset pawl.now;
select pg_sleep(0.01);
select is((select (state, stale_since <= clock_timestamp())::text from pawl.subscribe('price', 'N1', 'anna')), '(queued,t)', 'a new key: who looks');
select is((select (is_stale, state, stale_since is not null)::text from pawl.check_stale('N2', '{price}')), '(t,queued,t)', 'who asks');
select is((select (is_stale, state)::text from pawl.check_stale('N3', '{quote}')), '(t,parent)', 'with a parent');
select is((select pawl.freshness_state(f) from pawl.freshness f where (f.type, f.key) = ('profile', 'N3')), 'queued', 'which is refreshed at once');
insert into app.prices values ('N4', clock_timestamp()), ('N5', clock_timestamp());
select is((select array_agg(state) from pawl.check_stale('N4', '{price}')) || (select array_agg(state) from pawl.check_stale('N5', '{price}')), array['fresh', 'fresh'], 'what is there');
delete from app.prices where symbol in ('N4', 'N5');
select is((select state from pawl.subscribe('price', 'N4', 'anna')), 'queued', 'and is deleted: who looks');
select is((select state from pawl.check_stale('N5', '{price}')), 'queued', 'who asks');

-- an end that is settled late: the row that is missing then may have been deleted since
set local pawl.now = '2030-02-01 12:00:00+00';
select pawl.define_data_type('late', 'provider', '1 hour', 'app.prices', 'symbol', 'updated_at', p_empty_ttl => '1 day');
select state from pawl.subscribe('late', array['L1', 'L2'], 'anna', '10 days');
create function probe.end_by_hand() returns void language sql as $$ -- as somebody who finds the key locked
  update pawl.tasks t set status = 'completed', finished_at = pawl.now(), started_at = pawl.now()
  from pawl.data_types d where d.name = 'late' and t.job_id = d.job_id and t.status < 'completed' $$;
create function probe.late() returns text[] language sql as
$$ select array_agg(format('%s %s %s', f.outcome, f.has_data, f.due_at - pawl.now()) order by f.key) from pawl.freshness f where f.type = 'late' $$;
select probe.end_by_hand();
set local pawl.now = '2030-02-01 12:00:31+00';
select pawl.refresh_due();
select is(probe.late(), array['empty f 00:00:01', 'empty f 00:00:01'], 'is not believed to have been missing all the time');
set local pawl.now = '2030-02-01 12:00:32+00';
select pawl.refresh_due();
select probe.end_by_hand();
set local pawl.now = '2030-02-01 12:01:10+00';
select pawl.refresh_due();
select is(probe.late(), array['empty f 23:59:22', 'empty f 23:59:22'], 'a second time it is, from the end on');

select * from finish();
rollback;
