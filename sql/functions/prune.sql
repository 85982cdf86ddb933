-- pawl.prune(limit): deletes tasks of standing jobs that have ended longer ago than their kind keeps them
-- (pawl.kinds.keep), with their attempts. A standing job never ends, so nobody would ever delete it; a finite
-- job is its user's to delete. Looks at about p_limit tasks, so the transaction is short.
-- Ids come roughly in the order of time, so a walk along the primary key finds the oldest first: it goes on where
-- the last call stopped, and is over at the first tasks that are younger than that, all of them. The next walk begins
-- anew after a tenth of the time that tasks are kept, an hour at most: so what stays (a million tasks that wait) and what
-- is gone (entries of the index that no vacuum has taken yet) is passed once a walk, not once a call.
-- The view of progress stays exact (I1): the deletion goes into the ledger as any other, and a job's
-- counters then count what is kept.
-- Returns one row: pruned, how many tasks; next_ms, when to ask again: 0 when there is more. One node at a time, the
-- others get (0, 60000).
-- The settings, and the array of one job, pin the plans as in pawl.finish_tasks.
-- Locks: an advisory lock (try); the job's row of pawl.prune_cursors (skip locked), the tasks (skip locked), what belongs to
-- them: never waits for anybody who works. A task that is being retried is passed over.
create or replace function pawl.prune(p_limit integer default 1000)
returns table (pruned bigint, next_ms bigint)
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
  v_pruned bigint := 0;
  v_left integer := p_limit; -- tasks that may still be looked at; a job costs as much as ten
  v_job record;
  v_walk record;
  v_count bigint;
  v_pause interval;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 5) then
    return query select 0::bigint, 60000::bigint;
    return;
  end if;
  insert into pawl.prune_cursors (job_id, next_at)
  values (0, v_now)
  on conflict (job_id) do nothing;

  while v_left > 0 loop
    select c.job_id, c.after_id, j.id is null and c.job_id <> 0 as is_gone, k.keep, v_now - k.keep as kept_since
    into v_job
    from pawl.prune_cursors c
    left join pawl.jobs j on j.id = c.job_id
    left join pawl.kinds k on k.name = j.kind
    where c.next_at <= v_now
    order by c.next_at
    limit 1
    for update of c skip locked;
    exit when not found;
    v_left := v_left - 10;
    if v_job.is_gone then
      delete from pawl.prune_cursors c where c.job_id = v_job.job_id;
      continue;
    end if;

    if v_job.job_id = 0 then
      select pg_catalog.max(s.id) as last_id, pg_catalog.count(*) as rows, true as is_old, pg_catalog.array_agg(s.id) as ids
      into v_walk
      from (
        select j.id
        from pawl.jobs j
        where j.is_standing
          and j.id > v_job.after_id
        order by j.id
        limit greatest(v_left, 1)
      ) s;
      insert into pawl.prune_cursors (job_id, next_at)
      select n.id, v_now
      from unnest(v_walk.ids) as n (id)
      on conflict (job_id) do nothing;
      v_pause := interval '1 minute';
    else
      select pg_catalog.max(s.id) as last_id, pg_catalog.count(*) as rows, coalesce(pg_catalog.bool_or(s.created_at <= v_job.kept_since), false) as is_old,
        pg_catalog.array_agg(s.id) filter (where s.ended_at <= v_job.kept_since) as ids
      into v_walk
      from (
        select t.id, t.created_at,
          case when t.status in ('completed', 'failed', 'cancelled') then coalesce(t.finished_at, t.created_at) end as ended_at
        from pawl.tasks t
        where t.job_id = v_job.job_id
          and t.id > v_job.after_id
          and v_job.keep is not null
        order by t.id
        limit greatest(v_left, 1)
      ) s;
      if v_walk.ids is not null then
        select g.pruned into v_count from pawl.prune_tasks(v_job.job_id, v_walk.ids, v_job.kept_since) as g (pruned);
        v_pruned := v_pruned + v_count;
      end if;
      v_pause := least(greatest(coalesce(v_job.keep / 10, interval '1 hour'), interval '1 second'), interval '1 hour');
    end if;

    if v_walk.rows < greatest(v_left, 1) or not v_walk.is_old then
      update pawl.prune_cursors c
      set after_id = 0, next_at = v_now + v_pause
      where c.job_id = v_job.job_id;
    else
      update pawl.prune_cursors c
      set after_id = v_walk.last_id
      where c.job_id = v_job.job_id;
    end if;
    v_left := v_left - v_walk.rows;
  end loop;

  return query
  select v_pruned, case
    when v_left <= 0 then 0
    else greatest(pg_catalog.ceil(extract(epoch from (
      select c.next_at from pawl.prune_cursors c order by c.next_at limit 1) - v_now) * 1000), 1000)::bigint
  end;
end
$$;
comment on function pawl.prune(integer) is 'deletes tasks of standing jobs that ended long ago; returns how many, and when to ask again';

-- Tasks of one job, as long as they have ended and did so before that time; returns how many.
create or replace function pawl.prune_tasks(p_job_id bigint, p_ids bigint[], p_kept_since timestamptz) returns bigint
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
  v_gone bigint[];
begin
  with found as materialized (
    select x.ctid
    from unnest(pg_catalog.array_fill(p_job_id, array[pg_catalog.cardinality(p_ids)]), p_ids) as o (job_id, id)
    join pawl.tasks x on x.job_id = any (array[o.job_id]) and x.id = o.id
    where x.status in ('completed', 'failed', 'cancelled')
      and coalesce(x.finished_at, x.created_at) <= p_kept_since
    for update of x skip locked
  ), gone as (
    delete from pawl.tasks t
    using found f
    where t.job_id = p_job_id
      and t.ctid = f.ctid
    returning t.id
  )
  select pg_catalog.array_agg(g.id) into v_gone from gone g;
  if v_gone is null then
    return 0;
  end if;
  delete from pawl.attempts a
  where a.job_id = p_job_id
    and a.task_id = any (v_gone);
  delete from pawl.task_progress g
  where g.job_id = p_job_id
    and g.task_id = any (v_gone);
  return pg_catalog.cardinality(v_gone);
end
$$;
comment on function pawl.prune_tasks(bigint, bigint[], timestamptz) is 'deletes tasks that ended before a time, with their attempts';
