-- Rules that hold for the schema as a whole: rights, comments, search_path, readers of indexes, names.
begin;
select * from no_plan();
\set storage `cat ../../sql/migrations/*.sql`

-- rights
create role probe_stranger;
create function probe.state_as_stranger(p_statement text) returns text language plpgsql as $$
begin
  set local role probe_stranger;
  execute p_statement;
  reset role;
  return 'done';
exception when others then
  return sqlstate;
end $$;
select is(probe.state_as_stranger('select 1'), 'done', 'a role without rights may do as it likes elsewhere');
select is(probe.state_as_stranger(s), '42501', 'but not this: ' || s)
from unnest(array['select count(*) from pawl.tasks', 'select pawl.enqueue(''x'')', 'insert into pawl.jobs (kind) values (''x'')', 'select nextval(''pawl.task_ids'')']) s;
grant usage on schema pawl to probe_stranger;
select is(probe.state_as_stranger(s), '42501', 'usage of the schema alone does not allow: ' || s)
from unnest(array['select count(*) from pawl.job_progress', 'select pawl.enqueue(''x'')', 'delete from pawl.tasks', 'select pawl.now()']) s;
select is((
    select array_agg(p.oid::regprocedure::text) from pg_proc p
    where p.pronamespace = 'pawl'::regnamespace and has_function_privilege('public', p.oid, 'execute')), null, 'public may execute no function');
select is((
    select array_agg(c.oid::regclass::text) from pg_class c
    where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'v', 'S')
      and (has_table_privilege('public', c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or c.relkind = 'S' and has_sequence_privilege('public', c.oid, 'usage, select, update'))), null, 'public may touch no table, view or sequence');
select is(has_schema_privilege('public', 'pawl', 'usage, create'), false, 'public may not use the schema');
select is((select count(*) from pg_proc p where p.pronamespace = 'pawl'::regnamespace and p.prosecdef), 0::bigint, 'no function runs with its owner''s rights');

-- comments
select is(obj_description('pawl'::regnamespace) is null, false, 'the schema has a comment');
select is((
    select array_agg(c.oid::regclass::text) from pg_class c
    where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S') and obj_description(c.oid, 'pg_class') is null), null,
  'every table, view and sequence has a comment');
select is((
    select array_agg(p.oid::regprocedure::text) from pg_proc p
    where p.pronamespace = 'pawl'::regnamespace and obj_description(p.oid, 'pg_proc') is null), null, 'every function has a comment');
select is((
    select array_agg(t.tgname) from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'pawl'::regnamespace and not t.tgisinternal and obj_description(t.oid, 'pg_trigger') is null), null, 'every trigger has a comment');
select is((
    select array_agg(t.typname) from pg_type t
    where t.typnamespace = 'pawl'::regnamespace and t.typtype in ('e', 'd') and obj_description(t.oid, 'pg_type') is null), null, 'every type has a comment');
-- Every column, so that \d+ explains itself; the ledger's counters and the program's own notes are all of a kind.
select is((
    select array_agg(format('%s.%s', c.relname, a.attname) order by c.relname, a.attnum)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'pawl'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
      and col_description(c.oid, a.attnum) is null and c.relname <> all (array['progress_deltas', 'migrations', 'present', 'compat'])), null,
  'every column has a comment');

-- functions
select is((
    select array_agg(p.proname) from pg_proc p
    where p.pronamespace = 'pawl'::regnamespace and p.prokind = 'f'
      and not coalesce(p.proconfig::text like '%search_path=%', false)
      and p.proname <> all (array[
        'now', 'clock', 'limiter_id', 'state_of_key', 'refresh_priority', 'stated_outcome', 'tell_refreshed_key', -- the planner can inline them
        'run_sql_task', 'save_fetched', -- the function that they call must see the session's search_path
        'on_insert', 'on_update', 'on_delete', 'adopt_subscriptions', -- hand on the caller's, by which the expressions are read
        'keep_ledger_insert', 'keep_ledger_update', 'hold_job_open'])), -- in every statement: too dear there
  null, 'every function sets its search_path, with these exceptions');
-- Also an empty search_path has pg_temp in it, in front, where types are looked up: so a function of ours that a trigger of ours or
-- net.http_post calls with its owner's rights would take a domain "text" that its caller has made for the type.
select is((
    select array_agg(p.oid::regprocedure::text) from pg_proc p cross join unnest(p.proconfig) s
    where p.pronamespace = 'pawl'::regnamespace and s like 'search_path=%' and s <> 'search_path=pg_catalog, pg_temp'), null,
  'to pg_catalog, with pg_temp behind it');
select is((
    select array_agg(p.proname) from pg_proc p join pg_language l on l.oid = p.prolang
    where p.pronamespace = 'pawl'::regnamespace and l.lanname not in ('sql', 'plpgsql')), null, 'only SQL and PL/pgSQL: nothing to install');

-- indexes: each that is not a constraint's names its reader, and the reader is there
create temporary table named on commit drop as
select m[1] as comment, m[2] as index, coalesce(m[3], '') as tail
from regexp_matches(:'storage', '((?:--[^\n]*\n)*)create (?:unique )?index (\w+)[^;]*;([^\n]*)', 'g') m;
select is((
    select array_agg(c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = 'pawl'::regnamespace
      and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
      and not exists (select from named n where n.index = c.relname and (n.comment ~ '-- reader: ' or n.tail ~ 'foreign key'))), null,
  'every index names its reader');
select is((
    select array_agg(n.index || ': ' || r[1]) from named n, regexp_matches(n.comment, 'pawl\.(\w+)', 'g') r
    where not exists (select from pg_proc p where p.pronamespace = 'pawl'::regnamespace and p.proname = r[1])), null, 'every reader is there');
select cmp_ok((select count(*) from named), '>', 5::bigint, 'the indexes were found at all');

-- rules that keep the schema distributable (design, section 8)
select is((select array_agg(c.relname) from pg_class c
    where c.relnamespace = 'pawl'::regnamespace and c.relkind = 'r'
      and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')), null, 'every table has a primary key');
select is((
    select array_agg(i.indexrelid::regclass::text) from pg_index i join pg_class c on c.oid = i.indrelid
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'job_id'
    where c.relnamespace = 'pawl'::regnamespace and c.relname not in ('standing_jobs', 'data_types') and i.indisunique and not a.attnum = any (i.indkey::int2[])), null,
  'every unique index of a per-job table contains job_id');
select is((select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace = 'pawl'::regnamespace and a.attidentity <> ''), 0::bigint, 'no identity columns');
select is((
    select array_agg(k.conrelid::regclass || ': ' || k.conname) from pg_constraint k join pg_class c on c.oid = k.conrelid
    where c.relnamespace = 'pawl'::regnamespace and k.contype = 'f'
      and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1])), null, 'every foreign key has an index');
select * from finish();
rollback;
