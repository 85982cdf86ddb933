-- pawl.expire_leases(limit): what runs under a lease that has ended is taken from its worker: the attempt counts, and the
-- task is tried again after the kind's backoff, or fails for good when that was its last: as lost when a
-- worker had claimed it, as timeout when a function was to call back. The worker's token is void from then on.
-- Returns how many; as many as p_limit means that there may be more. One node at a time, the others get 0.
-- A lease that somebody left behind on a task that a node runs by now (a task's status changed by hand) is
-- taken away: else it would be due for ever.
-- The settings, and the array of one job, pin the plans as in pawl.finish_tasks.
-- Locks: an advisory lock (try), the one of pawl.promote_due; the tasks by job and id (skip locked: what is
-- locked is being finished or extended): never waits.
create or replace function pawl.expire_leases(p_limit integer default 1000) returns integer
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
  v_expired integer := 0;
  v_due bigint[];
  v_delays bigint[];
  v_class text;
  v_error text;
  v_count integer;
  r record;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 3) then
    return 0;
  end if;
  for r in
    select d.job_id, pg_catalog.array_agg(d.job_id) as job_ids, pg_catalog.array_agg(d.id order by d.id) as ids, k.executor, k.max_attempts, k.backoff_base_ms, k.backoff_cap_ms
    from (
      select t.job_id, t.id
      from pawl.tasks t
      where t.due_at <= v_now
        and t.status = 'running'
      order by t.due_at
      limit p_limit
    ) d
    join pawl.jobs j on j.id = d.job_id
    join pawl.kinds k on k.name = j.kind
    group by d.job_id, k.name
    order by d.job_id
  loop
    update pawl.tasks t
    set lease_until = null
    from unnest(r.job_ids, r.ids) as o (job_id, id)
    where t.job_id = any (array[o.job_id])
      and t.id = o.id
      and t.status = 'running'
      and t.node_id is not null;

    -- the delays are drawn here: nothing random inside an update
    select pg_catalog.array_agg(l.id order by l.id),
      pg_catalog.array_agg(case
        when l.failures < r.max_attempts then pawl.backoff_ms(r.backoff_base_ms, r.backoff_cap_ms, l.failures)
      end order by l.id)
    into v_due, v_delays
    from (
      select t.id, t.attempt - t.uncounted_attempts as failures
      from unnest(r.job_ids, r.ids) as o (job_id, id)
      join pawl.tasks t on t.job_id = any (array[o.job_id]) and t.id = o.id
      where t.status = 'running'
        and t.node_id is null
        and t.lease_until <= v_now
      order by t.id
      for update of t skip locked
    ) l;
    continue when v_due is null;

    v_class := case when r.executor = 'external' then 'lost' else 'timeout' end;
    v_error := case when r.executor = 'external' then 'its worker was silent until its lease ended'
      else 'it did not call back in time' end;
    with expired as (
      update pawl.tasks t
      set status = case when o.delay_ms is null then 'failed' else 'waiting' end::pawl.task_status,
          finished_at = case when o.delay_ms is null then v_now end,
          run_at = coalesce(v_now + o.delay_ms * interval '1 millisecond', t.run_at),
          wait_reason = case when o.delay_ms is not null then 'retry' end,
          lease_until = null,
          error = v_class || ': ' || v_error
      from unnest(pg_catalog.array_fill(r.job_id, array[pg_catalog.cardinality(v_due)]), v_due, v_delays) as o (job_id, id, delay_ms)
      where t.job_id = any (array[o.job_id])
        and t.id = o.id
      returning t.job_id, t.id, t.attempt, t.org_id, t.worker, t.started_at
    )
    insert into pawl.attempts (job_id, task_id, attempt, org_id, worker, started_at, failed_at, error_class, error)
    select e.job_id, e.id, e.attempt, e.org_id, e.worker, e.started_at, v_now, v_class, v_error
    from expired e;
    get diagnostics v_count = row_count;
    v_expired := v_expired + v_count;
    delete from pawl.task_progress p
    where p.job_id = r.job_id
      and p.task_id = any (v_due);
    perform pawl.settle_refreshes(pg_catalog.array_fill(r.job_id, array[pg_catalog.cardinality(v_due)]), v_due)
    from pawl.jobs j
    where j.id = r.job_id
      and j.data_type is not null;
    if exists (select from pawl.jobs j where j.id = r.job_id and j.limiter_key is not null) then
      perform pawl.note_ends(null, pg_catalog.array_agg(t.job_id), pg_catalog.array_agg(t.started_at), null, pg_catalog.array_agg(true))
      from pawl.tasks t
      where t.job_id = r.job_id
        and t.id = any (v_due);
      perform pawl.ring('work ' || r.job_id);
    end if;
  end loop;
  return v_expired;
end
$$;
comment on function pawl.expire_leases(integer) is 'takes what runs under a lease that has ended from its worker; returns how many';
