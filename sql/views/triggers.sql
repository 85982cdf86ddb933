-- pawl.triggers: the triggers on users' tables, one row each, with what is wrong, if something is: its table or the
-- trigger was dropped, it is disabled, a partition has none, its kind is gone. table_name is what the table
-- is called now. Errors are those that are kept: about the newest 1,000.
create or replace view pawl.triggers as
select d.name, coalesce(r.table_id::pg_catalog.regclass::pg_catalog.text, d.table_name) as table_name, d.event, d.kind,
  d.payload, d.condition, d.key, d.priority, d.run_at, d.limit_key, d.mode,
  coalesce(r.is_enabled, false) as is_attached,
  case
    when r.table_id is null then case
      when pg_catalog.to_regclass(d.table_name) is null then 'its table was dropped'
      else 'the trigger was dropped from its table'
    end
    when not r.is_enabled then 'the trigger is disabled'
    when not exists (select from pawl.kinds k where k.name = d.kind) then pg_catalog.format('kind "%s" does not exist', d.kind)
    when m.partition is not null then pg_catalog.format('partition %s has no trigger: select pawl.refresh_triggers()', m.partition)
  end as problem,
  coalesce(e.rows, 0) as failed_rows, e.failed_at as last_failed_at, e.error as last_error,
  d.self_test_job_id, s.status as self_test_status, s.error as self_test_error, d.created_at, d.updated_at
from pawl.trigger_definitions d
left join lateral (
  select a.table_id, a.is_enabled
  from pawl.find_attached(d.name) a
  where a.is_root
  limit 1
) r on true
left join lateral (
  select pg_catalog.min(p.relid::pg_catalog.text) as partition
  from pg_catalog.pg_partition_tree(r.table_id::pg_catalog.regclass) p
  join pg_catalog.pg_class c on c.oid = p.relid and c.relkind in ('r', 'p')
  where not exists (select from pawl.find_attached(d.name) a where a.table_id = p.relid)
    and p.relid <> r.table_id
) m on true
left join lateral (
  select pg_catalog.sum(f.rows) as rows, pg_catalog.max(f.failed_at) as failed_at,
    (pg_catalog.array_agg(f.error order by f.id desc))[1] as error
  from pawl.trigger_errors f
  where f.trigger_name = d.name
) e on true
left join lateral (
  select t.status::text as status, t.error
  from pawl.tasks t
  where t.job_id = d.self_test_job_id
  order by t.id
  limit 1
) s on true;
comment on view pawl.triggers is 'the triggers on users'' tables that make tasks, and what is wrong with them';
comment on column pawl.triggers.name is 'how it is called in pawl.detach';
comment on column pawl.triggers.table_name is 'the table, as it is called now';
comment on column pawl.triggers.event is 'insert, update or delete';
comment on column pawl.triggers.kind is 'kind of the tasks';
comment on column pawl.triggers.payload is 'expression: the payload';
comment on column pawl.triggers.condition is 'expression: which rows; null: every one';
comment on column pawl.triggers.key is 'expression: the deduplication key; null: none';
comment on column pawl.triggers.priority is 'expression: the priority; null: 0';
comment on column pawl.triggers.run_at is 'expression: not before this time; null: at once';
comment on column pawl.triggers.limit_key is 'expression: the key under which the kind''s limits per key count it; null: none';
comment on column pawl.triggers.mode is 'isolate: a failure never fails the statement on the table; strict: it does';
comment on column pawl.triggers.is_attached is 'it stands on its table and is not disabled';
comment on column pawl.triggers.problem is 'what keeps it from working; null: nothing';
comment on column pawl.triggers.failed_rows is 'rows that got no task, as far as they are kept in pawl.trigger_errors';
comment on column pawl.triggers.last_failed_at is 'when that was last';
comment on column pawl.triggers.last_error is 'and why';
comment on column pawl.triggers.self_test_job_id is 'job that tried out what the kind calls; null: there was nothing to try';
comment on column pawl.triggers.self_test_status is 'status of its task: completed when all is well';
comment on column pawl.triggers.self_test_error is 'what is wrong with the kind''s target';
comment on column pawl.triggers.created_at is 'when it was defined first';
comment on column pawl.triggers.updated_at is 'when it was defined last';
