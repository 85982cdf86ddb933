-- pawl.count_running(limiter): how many tasks run under a limiter, those of the limiters under it
-- included. Exact: the folded counters and the ledger in one snapshot, as in pawl.job_progress. For use under the
-- limiter's row lock, in a statement of its own, so that its snapshot is younger than the lock (I11).
-- A limiter of its own counts in its jobs. One that others have as parent may stand over ten thousand
-- jobs that do nothing: there it is read from those that have something running, and from the ledger.
-- The plans are pinned as in pawl.list_work.
-- Locks: none.
create or replace function pawl.count_running(p_limiter_key text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  if not exists (select from pawl.limiters l where l.parent_key = p_limiter_key) then
    return (
      select coalesce(pg_catalog.sum(p.running), 0)
      from pawl.jobs j
      join pawl.job_progress p on p.job_id = j.id
      where j.limiter_key = p_limiter_key
        and j.finished_at is null);
  end if;
  return (
    select coalesce(pg_catalog.sum(r.running), 0)
    from (
      select j.limiter_key, j.running
      from pawl.jobs j
      where j.has_running
        and j.limiter_key is not null
      union all
      select j.limiter_key, d.running
      from (
        select d.job_id, pg_catalog.sum(d.running) as running
        from pawl.progress_deltas d
        where d.running <> 0
          and d.ctid >= '(0,0)'
        group by d.job_id
      ) d
      cross join lateral (
        select * from pawl.jobs j where j.id = d.job_id
        offset 0
      ) j
    ) r
    cross join lateral (
      select l.key, l.parent_key from pawl.limiters l where l.key = r.limiter_key
      offset 0
    ) l
    where p_limiter_key in (l.key, l.parent_key));
end
$$;
comment on function pawl.count_running(text) is 'how many tasks run under a limiter and those under it';
