-- Tracking: any write to a type's table moves the freshness of its keys, and never breaks or delays the statement (I10).
begin;
select * from no_plan();
set local search_path = probe, tap, pg_catalog;

-- what is told
set local pawl.now = '2030-01-01 00:00:00+00';
set local timezone = 'UTC';
select is(pawl.refreshed_message('price', '{A,"B \"c\""}')::jsonb, '{"type": "price", "keys": ["A", "B \"c\""], "at": "2030-01-01T00:00:00+00:00"}', 'keys that have data are named');
select is(pawl.refreshed_message('price', array_agg('k' || i))::jsonb -> 'keys' ->> 49, 'k50', 'up to 50 of them') from generate_series(1, 50) i;
select is(pawl.refreshed_message('price', array_agg('k' || i))::jsonb, '{"type": "price", "keys": null, "count": 51, "at": "2030-01-01T00:00:00+00:00"}', 'of more how many there are') from generate_series(1, 51) i;
select is(pawl.refreshed_message('price', array[repeat('é', 3400)])::jsonb ->> 'keys' is null, false, 'up to 7,000 bytes');
select is(pawl.refreshed_message('price', array[repeat('é', 3600)])::jsonb ->> 'count', '1', 'of longer ones how many there are');
select lives_ok($$ select pawl.tell_refreshed('price', '{A}') $$, 'which is told');
select lives_ok($$ select pawl.tell_refreshed(repeat('é', 100), array_agg(repeat('"', 3600))) from generate_series(1, 50) $$, 'whatever the keys are');
select lives_ok($$ select pawl.tell_refreshed('price', null), pawl.tell_refreshed('price', '{}') $$, 'no key, no word');
reset pawl.now;

select * from finish();
rollback;
