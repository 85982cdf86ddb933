-- pawl.promote_due(limit): tasks whose time has come become pending. External workers are told of theirs at once:
-- to a node such a task looks as it did before it had to wait (pawl.list_external_work).
-- Returns how many; as many as p_limit means that there may be more. One node at a time, the others
-- get 0.
-- The settings, the array of one job, and the way by ctid pin the plans as in pawl.finish_tasks.
-- Locks: an advisory lock (try); the tasks (skip locked): never waits.
create or replace function pawl.promote_due(p_limit integer default 1000) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.now();
  v_promoted integer := 0;
  v_count integer;
  r record;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 3) then
    return 0;
  end if;
  for r in
    select d.job_id, pg_catalog.array_agg(d.job_id) as job_ids, pg_catalog.array_agg(d.id) as ids, k.name as kind, k.executor
    from (
      select t.job_id, t.id
      from pawl.tasks t
      where t.due_at <= v_now
        and t.status = 'waiting'
      order by t.due_at
      limit p_limit
    ) d
    left join pawl.jobs j on j.id = d.job_id
    left join pawl.kinds k on k.name = j.kind
    group by d.job_id, k.name
    order by d.job_id
  loop
    with found as materialized (
      select x.ctid
      from unnest(r.job_ids, r.ids) as o (job_id, id)
      join pawl.tasks x on x.job_id = any (array[o.job_id]) and x.id = o.id
      where x.status = 'waiting'
      for update of x skip locked
    )
    update pawl.tasks t
    set status = 'pending', wait_reason = null
    from found f
    where t.job_id = r.job_id
      and t.ctid = f.ctid;
    get diagnostics v_count = row_count;
    v_promoted := v_promoted + v_count;
    if v_count > 0 and r.executor = 'external' then
      perform pawl.wake_workers(array[r.kind]);
    end if;
  end loop;
  return v_promoted;
end
$$;
comment on function pawl.promote_due(integer) is 'tasks whose time has come become pending; returns how many';
