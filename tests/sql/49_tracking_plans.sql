-- Plans of tracking, read off the server's log: in a session that planned with ten pairs and no statistics, and again with a hundred
-- thousand and statistics. The roads are the same: each key by an index, for itself.
load 'auto_explain';
begin;
\getenv log SCRATCH_LOG
select * from no_plan();
set local auto_explain.log_nested_statements = on;
set local auto_explain.log_min_duration = 0;
set local pawl.now = '2030-01-01 12:00:00+00';

create table probe.quotes (symbol text primary key, n integer);
create function probe.due(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language plpgsql as
$$ begin return refreshed_at + interval '1 day'; end $$;
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('quote', 'provider', '1 day', 'probe.quotes', 'symbol');
select pawl.define_data_type('timed', 'provider', '1 day', 'probe.quotes', 'symbol', p_due_function => 'probe.due');
select pawl.define_data_type('sheet', 'provider', null, 'probe.quotes', 'symbol', p_spread => '1 day');

create function probe.check_all(p_log text, p_name text) returns setof text language plpgsql as $$
declare
  v_call text;
begin
  foreach v_call in array array[
    'insert into probe.quotes select ''key '' || i, 1 from generate_series(1, 20) i on conflict (symbol) do update set n = 2', 'update probe.quotes set n = 3 where symbol = ''key 1''',
    'update probe.quotes set n = 3 where symbol in (''key 1'', ''key 15'')',
    'select from pawl.freshness f where f.type in (''quote'', ''timed'') and f.key in (''key 1'', ''key 2'', ''key 3'') for key share', -- what has been locked
    'update probe.quotes set n = 4 where symbol in (''key 1'', ''key 2'', ''key 15'')', 'update probe.quotes set n = 5 where symbol = ''key 3''',
    'update probe.quotes set symbol = ''another '' || symbol where symbol in (''key 4'', ''key 5'')',
    'delete from probe.quotes where symbol = ''key 6''', 'delete from probe.quotes where symbol like ''another %'''] loop
    return next probe.check_roads(p_log, '/* a test''s */ ' || v_call, p_name);
  end loop;
  return next probe.check_roads(p_log, 'select pawl.note_later(t, array[''key 1'', ''nobody'']) from unnest(array[''quote'', ''sheet'']) t', p_name);
end $$;

truncate pawl.tasks, pawl.freshness, pawl.subscriptions, pawl.holders, pawl.looks; -- new files, without the dead rows of other tests
select count(*) from unnest(array['quote', 'timed']) t, pawl.subscribe(t, array(select 'key ' || i from generate_series(1, 10) i), 'viewer', '1 day');
update pawl.freshness set stale_at = '2030-01-03', due_at = '2030-01-03', check_at = '2030-01-03'; -- each write is due earlier: it is looked at
select pawl.track(t) from unnest(array['quote', 'timed', 'sheet']) t;
select probe.check_all(:'log', 'ten pairs');
select is((select array_agg(trigger_name || ': ' || error) from pawl.trigger_errors), null, 'ten pairs: nothing fails');
select cmp_ok((select count(*) from pawl.looks), '>', 40::bigint, 'ten pairs: and all has its way');

set local auto_explain.log_min_duration = -1;
set local pawl.now = '2030-01-02 12:00:00+00';
insert into pawl.freshness (type, key, has_data, is_watched, refreshed_at, stale_at, due_at, check_at)
select t, 'other ' || i, true, true, pawl.now(), '2030-01-09', '2030-01-09', '2030-01-09' from generate_series(1, 100000) i, unnest(array['quote', 'timed', 'sheet']) t;
set local session_replication_role = replica;
insert into probe.quotes select 'other ' || i, 1 from generate_series(1, 100000) i;
reset session_replication_role;
set local auto_explain.log_min_duration = 0;
select probe.check_all(:'log', 'many pairs, planned with ten');
analyze pawl.tasks, pawl.freshness, pawl.subscriptions, pawl.holders, pawl.looks, probe.quotes;
discard plans;
select probe.check_all(:'log', 'many pairs');
select is((select array_agg(trigger_name || ': ' || error) from pawl.trigger_errors), null, 'many pairs: nothing fails');

select * from finish();
rollback;
