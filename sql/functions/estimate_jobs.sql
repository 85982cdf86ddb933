-- How fast jobs go, and when they will have ended.

-- Tasks a second that end; null when none has been measured. Of a job that is moving the time since its last fold
-- counts too.
create or replace function pawl.pace_of(p_job pawl.jobs, p_is_moving boolean) returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select nullif(p_job.measured_tasks, 0) / nullif(p_job.measured_seconds + case
    when p_is_moving then greatest(0, coalesce(pg_catalog.date_part('epoch', pawl.now() - p_job.measured_at), 0))
    else 0
  end, 0)
$$;
comment on function pawl.pace_of(pawl.jobs, boolean) is 'how fast a job goes, as the fold has measured it';

-- pawl.estimate_jobs(jobs): how fast open jobs go, and when what they have now will have ended: the one source of that,
-- for pawl.list_jobs, pawl.show_job, pawl.why and the line that pawl job show --follow draws.
-- A job that has begun: its own pace, as pawl.fold has measured it and with the time since then, so that one that
-- has come to a stand gets slower at each look. One that has not: the paces of those who use the same limiter (the
-- uppermost of its tree) or, without one, the same executor, added up, and ahead of it what they have, since turns go round: of each at most
-- as much as it has itself, by their weights (pawl.jobs.priority). When none of those has a pace either: that of the
-- newest jobs of its kind.
-- Returns a row for each job that is open: job_id; per_second, null when unknown; completes_at, null
-- when it cannot be told: nothing is pending or running, it is paused, nobody serves, or nothing was measured yet.
-- Tasks that wait are taken to be ready in time; those that come later, as the pages of a crawl do, are not foreseen.
-- Locks: none.
create or replace function pawl.estimate_jobs(p_job_ids bigint[])
returns table (job_id bigint, per_second double precision, completes_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  with own as materialized (
    select j.id, j.kind, j.priority, coalesce(l.parent_key, l.key, 'executor ' || k.executor) as resource, k.executor,
      p.waiting + p.pending + p.running as open,
      p.pending + p.running > 0 and j.status <> 'paused' as is_moving,
      pawl.pace_of(j, p.pending + p.running > 0 and j.status <> 'paused') as per_second
    from unnest(p_job_ids) as i (id)
    join pawl.jobs j on j.id = i.id
    join pawl.job_progress p on p.job_id = i.id
    join pawl.kinds k on k.name = j.kind
    left join pawl.limiters l on l.key = j.limiter_key
    where j.finished_at is null
  ), rivals as materialized ( -- by their folded counters: no look into the ledger for each
    select r.id, coalesce(l.parent_key, l.key, 'executor ' || k.executor) as resource, r.priority,
      r.waiting + r.pending + r.running as open, pawl.pace_of(r, true) as per_second
    from pawl.jobs r
    join pawl.kinds k on k.name = r.kind
    left join pawl.limiters l on l.key = r.limiter_key
    where exists (select from own o where o.is_moving and o.per_second is null)
      and r.finished_at is null
      and r.status <> 'paused'
      and r.pending + r.running > 0
  )
  select o.id, coalesce(o.per_second, a.per_second, h.per_second),
    case
      when o.is_moving and s.is_served and (o.open + coalesce(a.ahead, 0)) < 3e9 * coalesce(o.per_second, a.per_second, h.per_second)
        then pawl.now() + (o.open + coalesce(a.ahead, 0)) / coalesce(o.per_second, a.per_second, h.per_second) * interval '1 second'
    end
  from own o
  cross join lateral (
    select o.executor = 'external' or exists (
      select from pawl.nodes n where n.dead_at is null and n.heartbeat_at > pawl.now() - interval '15 seconds') as is_served
  ) s
  left join lateral (
    select pg_catalog.sum(r.per_second) as per_second,
      pg_catalog.sum(least(r.open, o.open * pg_catalog.exp(pg_catalog.ln(2) * (
        greatest(-4, least(4, r.priority)) - greatest(-4, least(4, o.priority)))))) as ahead
    from rivals r
    where o.per_second is null
      and r.resource = o.resource
      and r.id <> o.id
  ) a on true
  left join lateral (
    select pg_catalog.sum(n.measured_tasks) / nullif(pg_catalog.sum(n.measured_seconds), 0) as per_second
    from (
      select j.kind, j.measured_tasks, j.measured_seconds
      from pawl.jobs j
      where o.per_second is null
        and a.per_second is null
        and j.id < o.id
      order by j.id desc
      limit 200
    ) n
    where n.kind = o.kind
      and n.measured_tasks > 0
  ) h on true
$$;
comment on function pawl.estimate_jobs(bigint[]) is 'how fast open jobs go, and when what they have now will have ended';
