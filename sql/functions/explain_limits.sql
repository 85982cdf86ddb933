-- pawl.explain_limits(job): the limiters that stand over a job, its own first: what is set, what of it is used, and what keeps its tasks from starting
-- now. As pawl.list_limits names things; of budgets also what has been spent since the last start.
-- Returns a JSON array; reasons as in pawl.why, empty where the limiter lets a task start.
-- Locks: none.
create or replace function pawl.explain_limits(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive chain (key, place) as (
    select j.limiter_key, 1
    from pawl.jobs j
    where j.id = p_job_id
      and j.limiter_key is not null
    union all
    select l.parent_key, c.place + 1
    from chain c
    join pawl.limiters l on l.key = c.key
    where l.parent_key is not null
  ), closed as materialized (
    select e.*
    from pawl.jobs j
    cross join lateral pawl.explain_limiter(j.limiter_key, j.id) e
    where j.id = p_job_id
      and j.limiter_key is not null
  )
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) - 'place' order by r.place), '[]')
  from (
    select c.place, c.key as limiter, pawl.count_running(c.key) as running, r.max_running, nullif(r.start_interval_ms, 0) as start_interval_ms,
      nullif(r.burst, 1) as burst, nullif(r.spacing_ms, 0) as spacing_ms, r.window_ms, r.max_calls,
      case when r.max_bytes is not null then coalesce(r.bytes_window_ms, r.window_ms) end as bytes_window_ms, r.max_bytes, r.estimated_bytes,
      case when r.max_calls is not null then coalesce(pawl.spent(l.spent_calls, l.spent_slot, l.spent_window_ms), 0) - u.returned end as spent_calls,
      case when r.max_bytes is not null then coalesce(pawl.spent(l.spent_bytes, l.spent_bytes_slot, l.spent_bytes_window_ms), 0) + u.bytes + u.unmeasured * r.estimated_bytes end as spent_bytes,
      (select coalesce(pg_catalog.jsonb_agg(pawl.reason(o.reason, o.message, o.since, o.next_look_at, o.until, o.facts - 'limiter')), '[]')
       from closed o
       where o.facts ->> 'limiter' in (c.key, l.rules_key)) as reasons
    from chain c
    left join pawl.limiters l on l.key = c.key
    left join pawl.limiters r on r.key = coalesce(l.rules_key, l.key)
    cross join lateral (
      select coalesce(pg_catalog.sum(x.returned), 0) as returned, coalesce(pg_catalog.sum(x.bytes), 0) as bytes,
        coalesce(pg_catalog.sum(x.unmeasured), 0) as unmeasured
      from pawl.limiter_uses x
      where x.limiter_key = c.key
    ) u
    where r.key is null -- it is missing, and nothing may start
      or r.is_limiting
  ) r
$$;
comment on function pawl.explain_limits(bigint) is 'the limiters that stand over a job, as a JSON array';
