-- pawl.list_adoptions(): every adopted table, and how it goes, for pawl subscription adoptions. problem is what keeps it from working as meant; failed_rows
-- and last_error are of its triggers, as far as pawl.trigger_errors has them.
-- Returns a JSON array by name. Locks: none.
create or replace function pawl.list_adoptions() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.adoption), '[]')
  from (
    select a.name as adoption, coalesce(t.table_id::pg_catalog.text, a.table_name) as "table", a.mode, a.type, a.key, a.holder, a.condition,
      extract(epoch from a.every)::double precision as every_seconds, (select pg_catalog.count(*) from pawl.subscriptions s where s.adoption = a.name) as subscriptions, a.ignored, a.ignored_reason, a.found,
      case
        when t.table_id is null then 'its table was dropped, or has another name'
        when a.mode = 'trigger' and g.is_whole is null then 'the triggers were dropped from its table'
        when a.mode = 'trigger' and not g.is_whole then 'a trigger is disabled, or was dropped'
        when a.error is not null then a.error
        when a.mode = 'trigger' and m.partition is not null then pg_catalog.format('partition %s has no triggers: select pawl.refresh_adoptions()', m.partition)
      end as problem,
      a.swept_at, a.sweep_ms, a.check_at as next_sweep_at, e.rows as failed_rows, e.failed_at as last_failed_at, e.error as last_error, a.created_at, a.updated_at
    from pawl.adoptions a
    cross join lateral (select pawl.adopted_table(a) as table_id) t
    left join lateral (
      select f.is_whole from pawl.find_adoption_triggers(a.name) f where f.is_root
    ) g on true
    left join lateral (
      select pg_catalog.min(p.relid::pg_catalog.text) as partition
      from pg_catalog.pg_partition_tree(t.table_id) p
      join pg_catalog.pg_class c on c.oid = p.relid and c.relkind in ('r', 'p')
      where p.relid <> t.table_id
        and not exists (select from pawl.find_adoption_triggers(a.name) f where f.table_id = p.relid)
    ) m on true
    left join lateral (
      select pg_catalog.sum(f.rows) as rows, pg_catalog.max(f.failed_at) as failed_at, (pg_catalog.array_agg(f.error order by f.id desc))[1] as error
      from pawl.trigger_errors f
      where f.trigger_name = 'adoption:' || a.name
    ) e on true
  ) r
$$;
comment on function pawl.list_adoptions() is 'every adopted table, and how it goes, as a JSON array';
