-- pawl.list_breakers(): what has been down, that which is not closed first, for pawl breaker list.
-- Returns a JSON array. Locks: none.
create or replace function pawl.list_breakers() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.state = 'closed', r.opened_at desc, r.target), '[]')
  from (
    select b.target, b.state, b.error, n.name as node, b.openings, b.probes, b.opened_at, b.retry_at, b.closed_at,
      (select pg_catalog.count(*) from pawl.jobs j where j.held_by = b.target) as held_jobs
    from pawl.breakers b
    left join pawl.nodes n on n.id = b.node_id
    order by b.state = 'closed', b.opened_at desc
    limit 1000
  ) r
$$;
comment on function pawl.list_breakers() is 'what has been down, as a JSON array';
