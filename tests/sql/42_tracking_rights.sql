-- Rights of tracking: its functions run with those of the schema's owner in the statement of somebody who has none, and who may have what he likes
-- in his search_path and among his temporary objects. None of that is called with these rights.
begin;
select * from no_plan();
create schema app;
create schema other;
create table app.prices (symbol text primary key, price numeric);
create table app.many (symbol text, price numeric);
create index on app.many (symbol);
create table app.market (is_open boolean);
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('price', 'provider', '10 minutes', p_table => 'app.prices', p_key_column => 'symbol');
select pawl.define_data_type('many', 'provider', '10 minutes', p_table => 'app.many', p_key_column => 'symbol');
select pawl.define_data_type('market', 'provider', '10 minutes', p_table => 'app.market', p_is_global => true);
select pawl.track(t) from unnest(array['price', 'many', 'market']) t;
select count(*) from pawl.subscribe('price', array['A', 'B', 'E', 'F'], 'x', '1 day');
select count(*) from pawl.subscribe('many', array['1', '2', '10050'], 'x', '1 day');
select pawl.subscribe('market', null, 'x', '1 day');

create role probe_writer;
grant usage, create on schema other to probe_writer;
grant usage on schema app to probe_writer;
grant all on all tables in schema app to probe_writer;
set local role probe_writer;
create temporary table spoils (who name, what text);
grant insert on spoils to public;
create function other.spoil(what text) returns boolean language plpgsql as $$ begin insert into pg_temp.spoils values (current_user, what); return true; end $$;
do $$
declare
  r record;
  v_name text;
begin
  for r in
    select o.oprname, o.oprleft::regtype as l, o.oprright::regtype as r, o.oprresult::regtype as t, o.oprcode::regproc as f
    from pg_operator o
    where o.oprname in ('=', '<>', '||', '>', '<', '<=', '>=', '+', '-')
      and o.oprleft::regtype::text in ('text', 'name', 'integer', 'bigint', 'boolean', 'timestamp with time zone', 'interval', 'xid', 'anyarray', 'anycompatiblearray')
      and o.oprright <> 0
  loop
    v_name := 'f' || md5(r::text);
    execute format('create function other.%I(%s, %s) returns %s language plpgsql as $f$ begin perform other.spoil(%L); return pg_catalog.%s($1, $2); end $f$', v_name, r.l, r.r, r.t, r.oprname, r.f);
    execute format('create operator other.%s (leftarg = %s, rightarg = %s, function = other.%I)', r.oprname, r.l, r.r, v_name);
  end loop;
end $$;
create function other.cardinality(anyarray) returns integer language plpgsql as $$ begin perform other.spoil('cardinality'); return 1; end $$;
create function other.count(bigint) returns bigint language plpgsql as $$ begin perform other.spoil('count'); return 1; end $$;
create domain pg_temp.text as pg_catalog.text check (other.spoil('text'));
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (other.spoil('timestamptz'));
create domain pg_temp."interval" as pg_catalog.interval check (other.spoil('interval'));
create temporary table new_rows (symbol pg_catalog.text);
create temporary table old_rows (symbol pg_catalog.text);

-- every way through the triggers, as such a writer
set local search_path = pg_temp, other, pg_catalog;
insert into app.prices values ('A', 1), ('B', 1), ('E', 1);
insert into app.prices values ('G', 1);
update app.prices set price = 2;
update app.prices set price = 2 where symbol operator(pg_catalog.=) 'A';
update app.prices set symbol = 'F' where symbol operator(pg_catalog.=) 'B';
delete from app.prices where symbol operator(pg_catalog.=) 'E';
insert into app.many select i::pg_catalog.text, 1 from pg_catalog.generate_series(1, 10100) i;
update app.many set price = 2;
delete from app.many where symbol operator(pg_catalog.=) '1';
delete from app.many;
insert into app.market values (true);
update app.market set is_open = false;
delete from app.market;
-- and where it fails: something of ours is not there
reset role;
alter table pawl.freshness rename to freshness_away;
set local role probe_writer;
insert into app.prices values ('H', 1);
update app.prices set price = 3;
delete from app.prices where symbol operator(pg_catalog.=) 'H';
insert into app.many select i::pg_catalog.text, 1 from pg_catalog.generate_series(1, 10100) i;
truncate app.many;
reset role;
alter table pawl.freshness_away rename to freshness;
set local search_path = probe, tap, pg_catalog;

select is((select array_agg(distinct what) from pg_temp.spoils where who <> 'probe_writer'), null, 'nothing of a writer''s own is called with our rights');
set local role probe_writer;
set local search_path = pg_temp, other, pg_catalog;
select true where 'a'::pg_catalog.text = 'b'::pg_catalog.text;
reset role;
set local search_path = probe, tap, pg_catalog;
select cmp_ok((select count(*) from pg_temp.spoils where what = '='), '>', 0::bigint, 'though whatever names no schema calls it');
select is((select array_agg(distinct code) from pawl.trigger_errors), '{42P01}', 'and nothing went wrong, but what had to');
select is((select array_agg(trigger_name || ' ' || rows order by id) from pawl.trigger_errors), '{"track:price 1","track:price 4","track:price 1","track:many 10100","track:many 0"}', 'which was written down');
select is((select array_agg(type || ' ' || key || case when has_data then '' else ' is gone' end order by type, key) from pawl.freshness where refreshed_at is not null),
  '{"many 1 is gone","many 10050 is gone","many 2 is gone","market  is gone","price A","price B is gone","price E is gone","price F"}', 'while all was followed');

select is((select array_agg(proname::text) from pg_proc where proname like 'track\_%' and (has_function_privilege('public', oid, 'execute') or has_function_privilege('probe_writer', oid, 'execute'))), null,
  'and nobody else can call the functions');

select * from finish();
rollback;
