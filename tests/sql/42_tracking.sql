-- Tracking: any write to a type's table moves the freshness of its keys, and never breaks or delays the statement (I10).
begin;
select * from no_plan();
set local search_path = probe, tap, pg_catalog;
set local pawl.now = '2030-01-01 12:00:00+00';
set local timezone = 'UTC';
create schema app;
create schema other;
create table app.prices (symbol text primary key, price numeric, updated_at timestamptz);
select pawl.define_kind('provider', 'noop');
select pawl.define_kind('another', 'noop');
create function probe.clock(p_at text) returns void language sql as
$$ select set_config('pawl.now', ('2030-01-01 12:00:00+00'::timestamptz + p_at::interval)::text, true) $$;
create function probe.minutes(p_at timestamptz) returns text language sql as
$$ select round((extract(epoch from p_at - '2030-01-01 12:00:00+00') / 60)::numeric, 2)::text $$;
-- what is known of a key; in minutes after twelve
create function probe.key(p_type text, p_key text) returns text language sql as $$
  select concat_ws(' ', case when f.has_data then 'data' else 'none' end, 'since ' || probe.minutes(f.refreshed_at), 'stale ' || probe.minutes(f.stale_at),
    case when f.due_at <> f.stale_at then 'due ' || probe.minutes(f.due_at) end, case when f.failures > 0 then 'failures ' || f.failures end,
    'next ' || coalesce(probe.minutes(f.check_at), 'never'))
  from pawl.freshness f where f.type = p_type and f.key = p_key
$$;
-- which keys of a type were written at this moment, and which have no data
create function probe.written(p_type text) returns text language sql as
$$ select string_agg(f.key, ' ' order by f.key) filter (where f.refreshed_at = pawl.now()) from pawl.freshness f where f.type = p_type $$;
create function probe.absent(p_type text) returns text language sql as
$$ select string_agg(f.key, ' ' order by f.key) filter (where not f.has_data) from pawl.freshness f where f.type = p_type $$;
-- looks, what was told, and what was written down since the last call; gone with it
create function probe.looks() returns text language sql as $$
  with gone as (delete from pawl.looks returning *)
  select string_agg(distinct type || ' ' || key, ', ') from gone
$$;
create function probe.failed() returns text[] language sql as $$
  with gone as (delete from pawl.trigger_errors returning *)
  select array_agg(format('%s %s %s: %s', trigger_name, rows, code, error) order by id) from gone
$$;
create table probe.told (message jsonb);
alter function pawl.tell_refreshed(text, text[]) rename to tell_refreshed_really;
create function pawl.tell_refreshed(p_type text, p_keys text[]) returns text language plpgsql as $$
declare
  v_message text := pawl.tell_refreshed_really(p_type, p_keys);
begin
  insert into probe.told values (v_message::jsonb);
  return v_message;
end $$;
alter function pawl.tell_refreshed_key(text, text, timestamptz) rename to tell_refreshed_key_really;
create function pawl.tell_refreshed_key(p_type text, p_key text, p_at timestamptz) returns void language plpgsql as $$
begin
  perform pawl.tell_refreshed_key_really(p_type, p_key, p_at);
  insert into probe.told values (jsonb_build_object('type', p_type, 'keys', array[p_key], 'at', p_at));
end $$;
create function probe.told() returns text language sql as $$
  with gone as (delete from probe.told returning *)
  select string_agg((message ->> 'type') || ' ' || coalesce(message ->> 'keys', message ->> 'count'), ', ' order by message::text) from gone
$$;
create function probe.refusal(p_statement text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  execute p_statement;
  return 'done';
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return sqlstate || ' ' || sqlerrm || case when v_hint = '' then ', WITHOUT A HINT' else '' end;
end $$;
-- a pair that somebody watches, and that is stale in an hour
create function probe.pairs(p_type text, variadic p_keys text[]) returns void language sql as $$
  insert into pawl.freshness (type, key, has_data, is_watched, refreshed_at, stale_at, due_at, check_at)
  select p_type, k, true, true, '2030-01-01 11:00:00+00', '2030-01-01 13:00:00+00', '2030-01-01 13:00:00+00', '2030-01-01 13:00:00+00' from unnest(p_keys) k
$$;

-- ---- what is told ----
select is(pawl.tell_refreshed_really('price', '{A,"B \"c\""}')::jsonb, '{"type": "price", "keys": ["A", "B \"c\""], "at": "2030-01-01T12:00:00+00:00"}', 'keys that have data are named');
select is(pawl.tell_refreshed_really('price', array_agg('k' || i))::jsonb -> 'keys' ->> 49, 'k50', 'up to 50 of them') from generate_series(1, 50) i;
select is(pawl.tell_refreshed_really('price', array_agg('k' || i))::jsonb, '{"type": "price", "keys": null, "count": 51, "at": "2030-01-01T12:00:00+00:00"}', 'of more how many there are')
from generate_series(1, 51) i;
select is(pawl.tell_refreshed_really('price', array[repeat('é', 3400)])::jsonb ->> 'keys' is null, false, 'up to 7,000 bytes');
select is(pawl.tell_refreshed_really('price', array[repeat('é', 3600)])::jsonb ->> 'count', '1', 'of longer ones how many there are');
select is(pawl.tell_refreshed_really(repeat('é', 25), array_agg(repeat('"', 3600)))::jsonb ->> 'count', '50', 'whatever the keys are') from generate_series(1, 50);
select is(pawl.tell_refreshed_really('price', k), null, 'no key, no word') from (values (null), ('{}'::text[])) v (k);

-- ---- every kind of statement ----
select pawl.define_data_type('price', 'provider', '10 minutes', p_table => 'app.prices', p_key_column => 'symbol');
select probe.pairs('price', 'A', 'B', 'C');
select pawl.track('price');
select is((select is_tracked from pawl.data_types where name = 'price'), true, 'track says so');
insert into app.prices values ('A', 1), ('X', 1);
select is(probe.key('price', 'A'), 'data since 0.00 stale 10.00 next 60.00', 'insert: fresh from now; when it is looked at stays');
select is((select count(*) from pawl.freshness), 3::bigint, 'a key that nobody looks at gets no pair');
select is(probe.looks(), 'price A', 'it is due earlier than it was going to be looked at, so it is looked at');
update pawl.freshness set check_at = '2030-01-01 12:05:00+00';
select probe.clock('1 minute');
insert into app.prices select * from (values ('B', 1), (null, 1)) v where column1 is not null;
update app.prices set price = 2 where symbol = 'A';
select is(probe.written('price'), 'A B', 'update');
select is(probe.key('price', 'A'), 'data since 1.00 stale 11.00 next 5.00', 'it is fresh from then');
select probe.clock('2 minutes');
insert into app.prices values ('A', 3), ('C', 3) on conflict (symbol) do update set price = excluded.price;
select is(probe.written('price'), 'A C', 'insert ... on conflict: what is inserted and what is updated');
select probe.clock('3 minutes');
update app.prices set price = price + 1;
select is(probe.written('price'), 'A B C', 'several rows');
update app.prices set price = 0 where symbol = 'nothing';
insert into app.prices select 'Z', 1 where false;
delete from app.prices where symbol = 'nothing';
select probe.clock('4 minutes');
merge into app.prices p using (values ('B', 1), ('Y', 1)) v (symbol, price) on p.symbol = v.symbol
when matched then update set price = v.price when not matched then insert values (v.symbol, v.price);
select is(probe.written('price'), 'B', 'merge');
select is(probe.looks(), null, 'nothing of it needs a look');
select is(probe.absent('price'), null, 'and nothing is gone');
delete from app.prices where symbol in ('B', 'X');
select is(probe.key('price', 'B'), 'none since 4.00 stale 4.00 next 5.00', 'delete: what is gone is stale, from then');
select is(probe.looks(), 'price B', 'and a node looks at it');
update pawl.freshness set is_watched = false, check_at = null where key = 'C';
delete from app.prices where symbol = 'C';
select is(probe.key('price', 'C') || coalesce(probe.looks(), ''), 'none since 3.00 stale 4.00 next never', 'unless nobody wants it');
select probe.clock('5 minutes');
insert into app.prices values ('B', 1);
select is(probe.key('price', 'B'), 'data since 5.00 stale 15.00 next 5.00', 'it comes back');
update app.prices set symbol = 'C' where symbol = 'B';
select is(probe.key('price', 'B'), 'none since 5.00 stale 5.00 next 5.00', 'a key that changes is gone');
select is(probe.key('price', 'C'), 'data since 5.00 stale 15.00 next never', 'and the other is written');
select is(probe.looks(), 'price B', 'which a node looks at');
update app.prices set symbol = case symbol when 'A' then 'C2' when 'C' then 'A2' else symbol end;
update app.prices set symbol = case symbol when 'C2' then 'C' when 'A2' then 'A' else symbol end;
select is(probe.absent('price'), 'B', 'keys that change places are all there');
select probe.looks();
select probe.clock('6 minutes');
truncate app.prices;
select is(probe.absent('price'), 'A B C', 'truncate: all are gone');
select is(probe.key('price', 'A'), 'none since 5.00 stale 6.00 next 5.00', 'from then');
select is(probe.looks(), 'price A', 'and what had data, and somebody wants, is looked at');
select is(probe.failed(), null, 'nothing failed');
savepoint undo;
insert into app.prices values ('A', 1);
rollback to undo;
select is(probe.absent('price'), 'A B C', 'rolled back, nothing has moved');
insert into app.prices select * from (values ('A', 1::numeric), ('B', 2)) v;
copy app.prices (symbol, price) from stdin;
C	3
D	4
\.
select is(probe.absent('price'), null, 'copy');
select probe.looks();

-- ---- what a write means for what was known ----
select probe.clock('7 minutes');
update pawl.freshness set failures = 3, error = 'no', outcome = 'failed', due_at = '2030-01-01 14:00:00+00', check_at = '2030-01-01 14:00:00+00' where key = 'A';
update app.prices set price = 1 where symbol = 'A';
select is(probe.key('price', 'A'), 'data since 7.00 stale 17.00 next 120.00', 'a write ends the pause after failures');
select is((select error from pawl.freshness where key = 'A'), null, 'and what the last one said');
select is(probe.looks(), 'price A', 'and a node sees when it is due now');
select is((select pawl.look_at(pawl.data_type('price'), '{A}')), '{}', 'as it looks');
update pawl.freshness set is_watched = true where key = 'A';
insert into pawl.subscriptions (type, key, holder, ttl, renewed_at) values ('price', 'A', 'x', '1 day', pawl.now());
select pawl.look_at(pawl.data_type('price'), '{A}');
select is(probe.key('price', 'A'), 'data since 7.00 stale 17.00 next 17.00', 'at that time');
update pawl.freshness set failures = 3, due_at = '2030-01-01 14:00:00+00', check_at = '2030-01-01 14:00:00+00' where key = 'B';
delete from app.prices where symbol = 'B';
select is(probe.key('price', 'B'), 'none since 6.00 stale 7.00 due 120.00 failures 3 next 120.00', 'a delete does not: its refreshes fail');
insert into app.prices values ('B', 1);
select probe.looks();
update pawl.freshness set refreshed_at = '2030-01-01 12:20:00+00' where key = 'B';
update app.prices set price = 1 where symbol = 'B';
select is(probe.key('price', 'B'), 'data since 20.00 stale 30.00 next 120.00', 'a later refresh counts');
select probe.looks();

-- a refresh that is under way
select probe.node() as node \gset
create function probe.job(p_type text) returns bigint language sql as $$ select d.job_id from pawl.data_types d where d.name = p_type $$;
select probe.clock('40 minutes');
select is((select state from pawl.subscribe('price', 'C', 'x', '1 day')), 'queued', 'somebody looks at what is stale');
select probe.looks();
update app.prices set price = 1 where symbol = 'C';
select is(probe.looks(), 'price C', 'another write makes its refresh needless');
select pawl.look_at(pawl.data_type('price'), '{C}');
select is((select array_agg(t.status::text) from pawl.tasks t where t.job_id = probe.job('price') and t.key = 'C'), '{cancelled}', 'which a node sees');
select is(pawl.freshness_state(f), 'fresh', 'it is fresh') from pawl.freshness f where key = 'C';
select probe.clock('60 minutes');
select pawl.look_at(pawl.data_type('price'), '{C}');
select probe.claim(:node, probe.job('price'));
update app.prices set price = 1 where symbol = 'C';
select is(probe.looks(), null, 'one that runs is left alone: most likely it has written');
select probe.told();
select pawl.finish_followed_tasks(:node, array[t.job_id], array[t.id], array[t.attempt], array['completed'], array[0::bigint], array[null], array[null], array[null])
from pawl.tasks t where t.job_id = probe.job('price') and t.key = 'C' and t.status = 'running';
select is((select outcome || ' ' || probe.key('price', 'C') from pawl.freshness where key = 'C'), 'data data since 60.00 stale 70.00 next 70.00', 'its end is data that came');
select is(probe.told(), null, 'which was told when it was written');
-- what waits
select probe.clock('80 minutes');
create function app.gate(key text) returns timestamptz language sql as $$ select timestamptz '2030-01-01 20:00:00+00' $$;
select pawl.define_data_type('price', p_gate_function => 'app.gate');
select pawl.look_at(pawl.data_type('price'), '{C}');
select is(pawl.freshness_state(f), 'gate', 'a key before a gate') from pawl.freshness f where key = 'C';
update app.prices set price = 1 where symbol = 'C';
select is(probe.looks(), 'price C', 'that is written is looked at');
select pawl.look_at(pawl.data_type('price'), '{C}');
select is(pawl.freshness_state(f), 'fresh', 'and waits no more') from pawl.freshness f where key = 'C';
select pawl.define_data_type('price', p_gate_function => '');

-- ---- who is told ----
select probe.told();
update pawl.freshness set is_watched = key in ('A', 'C');
update app.prices set price = 1 where symbol in ('A', 'B', 'D');
select is(probe.told(), 'price ["A"]', 'those are told of who look at it');
update app.prices set price = 1 where symbol in ('B', 'D');
update app.prices set price = 1 where symbol = 'B';
select is(probe.told(), null, 'nothing where nobody does');
update app.prices set price = 1 where symbol = 'A';
select is(probe.told(), 'price ["A"]', 'one row');
delete from app.prices where symbol = 'A';
select is(probe.told(), null, 'what is gone is no news');
insert into app.prices values ('A', 1);
select probe.pairs('price', variadic array(select 'many ' || i from generate_series(1, 60) i));
insert into app.prices select 'many ' || i, 1 from generate_series(1, 60) i;
select is(probe.told(), 'price ["A"], price 60', 'of many how many');
select probe.looks();

-- ---- HOT ----
select pg_stat_get_xact_tuples_updated('pawl.freshness'::regclass) as updated, pg_stat_get_xact_tuples_hot_updated('pawl.freshness'::regclass) as hot \gset
update app.prices set price = 2 where symbol in ('A', 'B', 'C');
update app.prices set price = 2 where symbol = 'A';
select is(pg_stat_get_xact_tuples_updated('pawl.freshness'::regclass) - :updated, 4::bigint, 'each pair is updated once a statement');
select is(pg_stat_get_xact_tuples_hot_updated('pawl.freshness'::regclass) - :hot, 4::bigint, 'and no index with it');
select probe.looks();

-- nobody looks: each pair is updated once all the same
update pawl.freshness set is_watched = false where key in ('A', 'B', 'C');
select key, check_at into temporary armed from pawl.freshness where key in ('A', 'B', 'C') and type = 'price';
update pawl.freshness set check_at = null where key in ('A', 'B', 'C');
select pg_stat_get_xact_tuples_updated('pawl.freshness'::regclass) as updated \gset
update app.prices set price = 2 where symbol in ('A', 'B', 'C');
update app.prices set price = 2 where symbol = 'A';
select is(pg_stat_get_xact_tuples_updated('pawl.freshness'::regclass) - :updated, 4::bigint, 'where nobody looks too');
select is(probe.told() || probe.looks(), null, 'which is told to nobody');
update pawl.freshness f set is_watched = f.key in ('A', 'C'), check_at = a.check_at from armed a where f.type = 'price' and f.key = a.key;

-- what was locked once, and what is locked by who writes
select probe.clock('81 minutes');
select count(*) from (select from pawl.freshness where key in ('A', 'B') for key share) f;
update app.prices set price = 2 where symbol = 'A';
update app.prices set price = 2 where symbol in ('B', 'C');
select is(probe.written('price'), 'A B C', 'a lock that is in nobody''s way');
select probe.looks(), probe.told();

-- ---- times of keys, functions, schedules ----
select pawl.set_key_ttl('price', 'A', '1 hour');
update app.prices set price = 3 where symbol in ('A', 'C');
select is(probe.key('price', 'A') || ' / ' || probe.key('price', 'C'), 'data since 81.00 stale 141.00 next 17.00 / data since 81.00 stale 91.00 next 90.00', 'a key with a time of its own');
select is((select prosrc ~ 'time_writes' from pg_proc where proname = 'track_price'), true, 'which costs the others of its type');
select pawl.set_key_ttl('price', 'A', null);
select is((select prosrc ~ 'time_writes' from pg_proc where proname = 'track_price'), false, 'as long as there is one');
select pawl.define_data_type('price', p_ttl => '20 minutes');
select probe.clock('82 minutes');
update app.prices set price = 3 where symbol in ('A', 'C');
update app.prices set price = 3 where symbol = 'B';
select is(probe.key('price', 'B') || ' / ' || probe.key('price', 'C'), 'data since 82.00 stale 102.00 next 101.00 / data since 82.00 stale 102.00 next 90.00', 'another time of the type');
create function app.close(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language plpgsql as $$
begin
  return case key when 'A' then date_trunc('day', refreshed_at) + interval '1 day' when 'B' then refreshed_at - interval '1 minute' else (1 / (length(key) - 1))::text::timestamptz end;
end $$;
select pawl.define_data_type('price', p_due_function => 'app.close');
select probe.clock('83 minutes');
select probe.looks();
update pawl.freshness set check_at = '2030-01-01 13:25:00+00' where type = 'price';
update app.prices set price = 4 where symbol in ('A', 'B', 'C');
select is(probe.key('price', 'A'), 'data since 83.00 stale 720.00 next 85.00', 'a function says when it is stale');
select is(probe.key('price', 'B'), 'data since 83.00 stale 82.00 next 85.00', 'perhaps at once');
select is(probe.key('price', 'C'), 'data since 83.00 stale 103.00 next 85.00', 'or it cannot say');
select is(probe.looks(), 'price B', 'what is stale is looked at');
select pawl.define_data_type('price', p_due_function => '');

select pawl.define_data_type('daily', 'provider', p_table => 'app.prices', p_key_column => 'symbol', p_cron => '0 18 * * *');
select pawl.track('daily');
select is((select count(*) from pawl.freshness where type = 'daily'), (select count(*) from app.prices), 'scheduled: what is in the table is known');
select is((select read_keys_at from pawl.data_types where name = 'daily'), null, 'and need not be read again');
insert into app.prices values ('NEW', 1), ('', 1), (repeat('x', 501), 1);
select is(probe.key('daily', 'NEW'), 'data since 83.00 stale 360.00 next 360.00', 'a new key is due at the next time');
select is((select count(*) from pawl.freshness where type = 'daily'), (select count(*) - 2 from app.prices), 'unless it can be none');
select probe.clock('90 minutes');
update app.prices set price = 5 where symbol = 'NEW';
select is(probe.key('daily', 'NEW'), 'data since 90.00 stale 360.00 next 360.00', 'it is known from then on');
select probe.looks();
delete from app.prices where symbol = 'NEW';
select is(probe.key('daily', 'NEW') || ' ' || probe.looks(), 'none since 90.00 stale 90.00 next 360.00 daily NEW', 'and missed, whoever looks');
update pawl.freshness set check_at = null, forget_at = '2030-01-01 13:00:00+00' where key = 'NEW';
insert into app.prices values ('NEW', 1);
select is(probe.key('daily', 'NEW') || (select forget_at is null from pawl.freshness where key = 'NEW'), 'data since 90.00 stale 360.00 next 360.00true', 'what was to be forgotten is not');
select pawl.untrack('daily');
select is((select read_keys_at from pawl.data_types where name = 'daily'), '2030-01-01 13:30:00+00', 'untracked, its table is read again');
select is(probe.failed(), null, 'nothing failed');
select pawl.drop_data_type('daily');

-- ---- what somebody else had locked: a node catches up with it, however fresh the key seems ----
select probe.looks(), probe.told();
update app.prices set price = 6 where symbol in ('A', 'C');
update pawl.freshness set is_watched = key = 'A', check_at = stale_at where type = 'price' and key in ('A', 'C');
select probe.looks(), probe.told();
select probe.clock('91 minutes');
select pawl.note_later('price', '{A,C,C,nobody}');
select is((select array_agg(key order by key) from pawl.missed_writes), '{A,C}', 'what is written of locked keys is kept, of those that are known');
set local session_replication_role = replica;
delete from app.prices where symbol = 'C';
reset session_replication_role;
select probe.clock('92 minutes');
select is((select looked > 0 from pawl.refresh_due()), true, 'a node looks at them');
select is((select probe.minutes(refreshed_at) || ' ' || probe.minutes(stale_at) from pawl.freshness where type = 'price' and key = 'A'), '91.00 111.00', 'what was written counts from then');
select is((select has_data || ' ' || probe.minutes(stale_at) from pawl.freshness where type = 'price' and key = 'C'), 'false 92.00', 'what is gone is gone');
select is((select count(*) from pawl.missed_writes), 0::bigint, 'once');
select is(probe.told(), 'price ["A"]', 'and it is told');
insert into app.prices values ('C', 1);
select pawl.note_later('price', '{A}');
select pawl.untrack('price');
select is((select count(*) from pawl.missed_writes), 0::bigint, 'nothing is left of it when it is untracked');
select pawl.track('price');
select probe.looks(), probe.told();
select probe.clock('90 minutes');

-- ---- several rows of a key; a type without keys ----
create table app.news (id bigint primary key, symbol text, title text);
select pawl.define_data_type('news', 'provider', '10 minutes', p_table => 'app.news', p_key_column => 'symbol');
select pawl.track('news');
select probe.pairs('news', 'A', 'B');
update pawl.freshness set check_at = '2030-01-01 13:31:00+00' where type = 'news';
insert into app.news select i, 'A', i from generate_series(1, 5) i;
insert into app.news values (6, 'B', 'b'), (7, null, 'nobody''s');
select is(probe.written('news'), 'A B', 'several rows of one key');
delete from app.news where id < 5;
select is(probe.absent('news'), null, 'a key that has a row left is there');
update app.news set symbol = 'B' where id = 5;
select is(probe.absent('news'), 'A', 'until the last has gone to another');
update app.news set symbol = null where symbol = 'B';
select is(probe.absent('news'), 'A B', 'or to none');
update app.news set symbol = 'A' where id = 7;
select is(probe.absent('news'), 'B', 'and come back from there');
select probe.looks();
create table app.market (is_open boolean);
select pawl.define_data_type('market', 'provider', '10 minutes', p_table => 'app.market', p_is_global => true);
select pawl.track('market');
select probe.pairs('market', '');
update pawl.freshness set check_at = '2030-01-01 13:31:00+00' where type = 'market';
insert into app.market values (true), (false);
select is(probe.key('market', ''), 'data since 90.00 stale 100.00 next 91.00', 'global: insert');
select probe.clock('91 minutes');
update app.market set is_open = true;
select is(probe.key('market', ''), 'data since 91.00 stale 101.00 next 91.00', 'update');
update app.market set is_open = false where false;
delete from app.market where is_open is null;
delete from app.market where ctid = (select min(ctid) from app.market);
select is(probe.key('market', ''), 'data since 91.00 stale 101.00 next 91.00', 'delete, of which something is left');
delete from app.market;
select is(probe.key('market', ''), 'none since 91.00 stale 91.00 next 91.00', 'and nothing');
insert into app.market values (true);
truncate app.market;
select is(probe.key('market', ''), 'none since 91.00 stale 91.00 next 91.00', 'truncate');
select probe.looks();

-- ---- names, and types of keys ----
create table app."odd %s ""table" ("the %1$I key" integer primary key, n integer);
create index on app."odd %s ""table" (n);
select pawl.define_data_type('it''s "odd" %s', 'provider', '10 minutes', p_table => 'app."odd %s ""table"', p_key_column => 'the %1$I key');
select pawl.track('it''s "odd" %s');
select probe.pairs('it''s "odd" %s', '1', '2', '3');
insert into app."odd %s ""table" values (1, 1), (2, 1);
select is(probe.written('it''s "odd" %s'), '1 2', 'names that need quotes; keys that are numbers');
delete from app."odd %s ""table" where n = 1;
select is(probe.absent('it''s "odd" %s'), '1 2', 'their deletes');
create table app.days (day date primary key);
select pawl.define_data_type(repeat('d', 50), 'provider', '10 minutes', p_table => 'app.days', p_key_column => 'day');
select pawl.track(repeat('d', 50));
select is((select array_agg(tgname::text order by tgname) from pg_trigger where tgrelid = 'app.days'::regclass),
  array['track_' || repeat('d', 50) || '_delete', 'track_' || repeat('d', 50) || '_insert', 'track_' || repeat('d', 50) || '_trunca', 'track_' || repeat('d', 50) || '_update'], 'a long name');
select probe.pairs(repeat('d', 50), '2030-01-31');
set local datestyle = 'German';
insert into app.days values ('31.01.2030');
set local datestyle = 'ISO';
select is(probe.written(repeat('d', 50)), '2030-01-31', 'a date, as it is written by ISO 8601');
create domain app.ticker as text check (value <> 'BAD');
create table app.quotes (ticker app.ticker primary key);
select pawl.define_data_type('quote', 'provider', '10 minutes', p_table => 'app.quotes', p_key_column => 'ticker');
select pawl.track('quote');
select probe.pairs('quote', 'A', 'BAD');
insert into app.quotes values ('A');
delete from app.quotes;
select is(probe.absent('quote'), 'A', 'a domain');
select probe.looks();

-- ---- partitions ----
create table app.parts (symbol text, region text, price numeric, primary key (symbol, region)) partition by list (region);
create table app.parts_a (price numeric, region text not null, symbol text not null);
alter table app.parts attach partition app.parts_a for values in ('a');
create table app.parts_b partition of app.parts for values in ('b') partition by list (symbol);
create table app.parts_b1 partition of app.parts_b default;
select pawl.define_data_type('part', 'provider', '10 minutes', p_table => 'app.parts', p_key_column => 'symbol');
select pawl.track('part');
select probe.pairs('part', 'A', 'B', 'C', 'D');
insert into app.parts values ('A', 'a', 1), ('B', 'b', 1);
select is(probe.written('part'), 'A B', 'a partitioned table');
select probe.clock('92 minutes');
insert into app.parts_a (symbol, region) values ('C', 'a');
insert into app.parts_b1 values ('D', 'b', 1);
select is(probe.written('part'), 'C D', 'a partition itself');
update app.parts set region = 'b' where symbol = 'A';
select is(probe.written('part') || coalesce(probe.absent('part'), ''), 'A C D', 'a row that moves to another partition');
delete from app.parts_b1 where symbol = 'D';
truncate app.parts_a;
select is(probe.absent('part'), 'C D', 'deletes from a partition, and what it had when it is truncated');
create table app.parts_c partition of app.parts for values in ('c');
select is(pawl.show_data_type('part') ->> 'problem', 'app.parts_c lacks a trigger: select pawl.track(''part'')', 'a partition that came later is missed');
insert into app.parts values ('C', 'c', 1);
select is(probe.absent('part'), 'D', 'not by rows that go through the table');
select pawl.track('part');
insert into app.parts_c values ('D', 'c', 1);
select is(probe.absent('part'), null, 'track puts a trigger there');
select is(pawl.show_data_type('part') ->> 'problem', null, 'and nothing is missed');
alter table app.parts detach partition app.parts_c;
select pawl.refresh_tracking();
select is((select count(*) from pg_trigger where tgrelid = 'app.parts_c'::regclass), 0::bigint, 'a partition that has left is left alone');
truncate app.parts;
select is(probe.absent('part'), 'A B C D', 'truncate of them all');
select probe.looks();

-- ---- more rows than one array takes ----
create table app.many (id integer, n integer);
create index on app.many (id);
select pawl.define_data_type('many', 'provider', '10 minutes', p_table => 'app.many', p_key_column => 'id');
select pawl.track('many');
select probe.pairs('many', '1', '11000', '20000', '30000');
insert into app.many select i, 1 from generate_series(1, 25000) i;
select is(probe.written('many'), '1 11000 20000', 'insert of many rows');
select probe.clock('93 minutes');
update app.many set n = 2;
select is(probe.written('many'), '1 11000 20000', 'update of many rows');
update app.many set id = id + 100000 where id > 10000;
select is(probe.absent('many'), '11000 20000', 'of their keys');
delete from app.many;
select is(probe.absent('many'), '1 11000 20000', 'and delete');
select probe.pairs('many', variadic array(select i::text from generate_series(40001, 61000) i));
insert into app.many select i, 1 from generate_series(40001, 61000) i;
select is((select count(*) from pawl.freshness where type = 'many' and refreshed_at = pawl.now()), 21003::bigint, 'also where all of them are watched'); -- and the three
truncate app.many;
select is((select count(*) from pawl.freshness where type = 'many' and not has_data), 21004::bigint, 'and truncate');
select pawl.define_data_type('all', 'provider', p_table => 'app.many', p_key_column => 'id', p_spread => '1 day');
select pawl.track('all');
insert into app.many select i % 15000, 1 from generate_series(1, 20000) i;
select is((select count(*) from pawl.freshness where type = 'all' and check_at is not null), 15000::bigint, 'of a scheduled type each key');
select pawl.drop_data_type('all');
select pawl.drop_data_type('many');
drop table app.many;
delete from pawl.looks;
select is(probe.failed(), null, 'nothing failed');

-- ---- I10: whatever is wrong, the statement goes through ----
delete from app.prices;
delete from pawl.freshness where key like 'many%';
select probe.told(), probe.looks();
create role probe_writer;
grant usage on schema app to probe_writer;
grant insert, update, delete, truncate, select on app.prices to probe_writer;
set local role probe_writer;
insert into app.prices values ('A', 1), ('B', 1);
update app.prices set price = 2;
delete from app.prices where symbol = 'B';
truncate app.prices;
insert into app.prices values ('A', 1);
reset role;
select is(probe.written('price') || ' ' || probe.absent('price'), 'A B B C', 'whoever writes needs no right here');
select is((select array_agg(p.proname::text) from pg_proc p where p.proname like 'track\_%' and (has_function_privilege('public', p.oid, 'execute') or not p.prosecdef)), null, 'nor could call the functions');
select is((select proconfig from pg_proc where proname = 'track_price'), '{"search_path=pg_catalog, pg_temp",lock_timeout=10ms}', 'which trust no search_path, and wait for nothing');

select probe.clock('94 minutes');
alter table app.prices rename symbol to ticker;
select lives_ok($$ insert into app.prices values ('C', 1), ('D', 1) $$, 'a key column that is gone: insert');
select lives_ok($$ update app.prices set price = 2 $$, 'update');
select lives_ok($$ delete from app.prices where ticker = 'D' $$, 'delete');
select is(probe.written('price'), null, 'move nothing');
select is(probe.failed(), '{"track:price 2 42703: column r.symbol does not exist","track:price 3 42703: column r.symbol does not exist","track:price 1 42703: column r.symbol does not exist"}', 'and are written down');
select lives_ok($$ truncate app.prices $$, 'truncate');
select is((probe.failed())[1] ~ '^track:price 0 42', true, 'is, too');
select is((select count(*) from app.prices), 0::bigint, 'they went through');
select is(probe.refusal('select pawl.track(''price'')'), 'PW006 table app.prices has no column "symbol" any more', 'it cannot be tracked so');
select pawl.define_data_type('price', p_key_column => 'ticker');
insert into app.prices values ('C', 1);
select is(probe.written('price'), 'C', 'until it knows the column');
alter table app.prices rename ticker to symbol;
select pawl.define_data_type('price', p_key_column => 'symbol');
create function app.fail() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '22012'; end $$;
create trigger fail before update on pawl.freshness for each row execute function app.fail();
update app.prices set price = 1;
update app.prices set symbol = 'A';
select is((select count(*) from app.prices where symbol = 'A' and price = 1), 1::bigint, 'whatever fails in there');
select is(probe.failed(), '{"track:price 1 22012: no","track:price 1 22012: no"}', 'is written down');
update app.prices set price = 2;
select is((pawl.show_data_type('price') ->> 'problem'), 'tracking failed: no', 'and shown');
select is((pawl.show_data_type('price') ->> 'problem_at')::timestamptz, (select failed_at from pawl.trigger_errors), 'with its time');
-- what may be over in a moment is left to a node
create or replace function app.fail() returns trigger language plpgsql as $$ begin raise exception 'later' using errcode = '40001'; end $$;
select probe.failed();
select probe.looks();
update app.prices set price = 3;
select is(probe.looks() || coalesce(probe.failed()::text, ''), 'price A', 'what another has changed meanwhile is looked at');
update app.prices set symbol = 'B';
select is(probe.looks(), 'price A, price B', 'all of it');
create or replace function app.fail() returns trigger language plpgsql as $$ begin raise exception 'later' using errcode = '55P03'; end $$;
insert into app.prices values ('C', 1), ('U', 1);
delete from app.prices where symbol = 'C';
select is(probe.looks() || coalesce(probe.failed()::text, ''), 'price C', 'so is what is locked');
drop trigger fail on pawl.freshness;
alter table pawl.trigger_errors rename to trigger_errors_away;
alter table app.prices rename symbol to ticker;
select lives_ok($$ insert into app.prices values ('E', 1) $$, 'even if it cannot be written down');
alter table app.prices rename ticker to symbol;
alter table pawl.trigger_errors_away rename to trigger_errors;

-- ---- what stands there ----
select is((select array_agg(tgname::text order by tgname) from pg_trigger where tgrelid = 'app.prices'::regclass),
  '{track_price_delete,track_price_insert,track_price_truncate,track_price_update}', 'four triggers');
select xmin as before from pg_proc where proname = 'track_price' \gset
select pawl.track('price'), pawl.refresh_tracking(), pawl.refresh_tracking('price');
select is((select count(*) from pg_trigger where tgrelid = 'app.prices'::regclass), 4::bigint, 'there are no more when it is tracked again');
select is((select xmin::text from pg_proc where proname = 'track_price'), :'before', 'and its function is not made anew');
drop trigger track_price_update on app.prices;
select is(pawl.show_data_type('price') ->> 'problem', 'app.prices lacks a trigger: select pawl.track(''price'')', 'one that somebody drops is missed');
select pawl.track('price');
alter table app.prices disable trigger track_price_update;
select is(pawl.show_data_type('price') ->> 'problem', 'trigger track_price_update on app.prices is disabled', 'or disables');
alter table app.prices enable trigger track_price_update;
select is(pawl.show_data_type('price') ->> 'problem', null, 'all is well');
alter table app.prices rename to quotations;
select is(pawl.show_data_type('price') ->> 'problem', 'its table app.prices was dropped, or renamed: pawl.define_data_type', 'a table that was renamed');
select pawl.refresh_tracking();
select is((select table_name from pawl.data_types where name = 'price'), 'app.quotations', 'is found by its triggers');
select pawl.define_data_type('price', p_table => 'app.news');
select is((select array_agg(tgrelid::regclass::text) from pg_trigger where tgfoid = 'pawl.track_price'::regproc), '{app.news,app.news,app.news,app.news}', 'another table of the type: there are its triggers');
select is((select count(*) from pg_trigger where tgrelid = 'app.quotations'::regclass), 0::bigint, 'and not on the former one');
select is((select count(*) from pg_trigger where tgrelid = 'app.news'::regclass), 8::bigint, 'two types may have one table');
select is(probe.refusal('select pawl.define_data_type(''price'', p_table => '''', p_key_column => '''')'), 'PW006 data type "price" is tracked and needs its table', 'a tracked type has a table');
insert into pawl.trigger_errors (trigger_name, table_name, rows, code, error) values ('track:price', 'x', 1, '22012', 'x'), ('track:news', 'x', 1, '22012', 'y');
select pawl.untrack('price');
select is((select is_tracked from pawl.data_types where name = 'price'), false, 'untrack');
select is((select count(*) from pg_proc where proname = 'track_price'), 0::bigint, 'takes function and triggers away');
select is((select count(*) from pg_trigger where tgrelid = 'app.news'::regclass), 4::bigint, 'and leaves others');
select is(probe.failed(), '{"track:news 1 22012: y"}', 'and what was written down');
select lives_ok('select pawl.untrack(''price'')', 'again, it is nothing');
select pawl.drop_data_type('news');
select is((select count(*) from pg_trigger where tgrelid = 'app.news'::regclass), 0::bigint, 'a type that is dropped takes its triggers along');

-- ---- what is refused ----
create view app.seen as select * from app.quotations;
select pawl.define_data_type('viewed', 'provider', '1 minute', p_table => 'app.seen', p_key_column => 'symbol');
select pawl.define_data_type('tableless', 'provider', '1 minute');
create table app.dropped (symbol text);
select pawl.define_data_type('gone', 'provider', '1 minute', p_table => 'app.dropped', p_key_column => 'symbol');
drop table app.dropped;
select is(probe.refusal(format('select pawl.track(%s)', a)), e, a) from (values
  ('null', 'PW006 p_type must not be null'),
  ('''nothing''', 'PW002 data type "nothing" does not exist'),
  ('''tableless''', 'PW006 data type "tableless" has no table'),
  ('''gone''', 'PW006 table app.dropped of data type "gone" does not exist'),
  ('''viewed''', 'PW006 app.seen is a view')) v (a, e);
select is(probe.refusal('select pawl.untrack(''nothing'')'), 'PW002 data type "nothing" does not exist', 'untrack: an unknown type');
select is(probe.refusal('select pawl.untrack(null)'), 'PW006 p_type must not be null', 'or none');
select is((select array_agg(name) from pawl.data_types where name in ('viewed', 'tableless', 'gone') and is_tracked), null, 'nothing of it is tracked');

select * from finish();
rollback;
