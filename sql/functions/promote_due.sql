-- pawl.promote_due(limit): tasks whose time has come become pending.
-- Returns how many; as many as p_limit means that there may be more. One node at a time, the others
-- get 0.
-- The settings pin the plans, as in pawl.claim_batch.
-- Locks: an advisory lock (try); the tasks (skip locked): never waits.
create or replace function pawl.promote_due(p_limit integer default 1000) returns integer
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
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
    select d.job_id, pg_catalog.array_agg(d.id) as ids
    from (
      select t.job_id, t.id
      from pawl.tasks t
      where t.due_at <= v_now
        and t.status = 'waiting'
      order by t.due_at
      limit p_limit
    ) d
    group by d.job_id
    order by d.job_id
  loop
    update pawl.tasks t
    set status = 'pending', wait_reason = null
    where t.job_id = r.job_id
      and t.ctid = any (array(
        select x.ctid
        from pawl.tasks x
        where x.job_id = r.job_id
          and x.id = any (r.ids)
          and x.status = 'waiting'
        for update skip locked));
    get diagnostics v_count = row_count;
    v_promoted := v_promoted + v_count;
  end loop;
  return v_promoted;
end
$$;
comment on function pawl.promote_due(integer) is 'tasks whose time has come become pending; returns how many';
