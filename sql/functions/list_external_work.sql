-- pawl.list_external_work(rung): what a node must know to wake external workers: each kind that they run, with its
-- pending tasks by their exact counters. A node tells the workers of a kind (pawl.wake_workers) when tasks of it are
-- pending and it sees more `active` tasks (pending and running) than at its last look, or another `mark`, or is_rung: a
-- bell named one of its jobs (p_rung, with a 0 for all), which counters that are as they were before must not hide.
-- The mark counts the tasks that have been more than put off, and for limited kinds those that have ended; so
-- all stands still while workers take tasks, and while nobody does. wake_ms: in so many milliseconds a limit opens
-- that has refused workers (pawl.promise_start); null: none does.
-- Returns no row when no kind is external: then nobody need ask again until a kind changes.
-- Locks: none.
create or replace function pawl.list_external_work(p_rung bigint[] default '{}')
returns table (kind text, pending bigint, active bigint, mark text, is_rung boolean, wake_ms bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select k.name, coalesce(pg_catalog.sum(w.pending), 0), coalesce(pg_catalog.sum(w.active), 0),
    coalesce(pg_catalog.sum(w.ready), 0) || '/' || coalesce(pg_catalog.sum(w.ended), 0),
    coalesce(pg_catalog.bool_or(w.is_rung), false),
    pg_catalog.ceil(extract(epoch from pg_catalog.min(w.wake_at) - pawl.now()) * 1000)::bigint
  from pawl.kinds k
  left join lateral (
    select p.pending, p.pending + p.running as active, p.total - p.waiting as ready,
      case when l.key is not null then p.completed + p.failed + p.cancelled else 0 end as ended,
      j.id = any (p_rung) or 0 = any (p_rung) as is_rung,
      case when l.workers_wake_at > pawl.now() and p.pending > 0 then l.workers_wake_at end as wake_at
    from pawl.jobs j
    join pawl.job_progress p on p.job_id = j.id
    left join pawl.limiters l on l.key = j.limiter_key
    where j.finished_at is null
      and j.kind = k.name
      and j.status in ('pending', 'running')
  ) w on true
  where k.executor = 'external'
  group by k.name
$$;
comment on function pawl.list_external_work(bigint[]) is 'kinds of external workers, their pending tasks, and what tells that something has come';

-- pawl.wake_workers(kinds): tells the workers that listen on pawl_tasks, at commit, one message a kind: its name.
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.wake_workers(p_kinds text[]) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.pg_notify('pawl_tasks', k) from unnest(p_kinds) k
$$;
comment on function pawl.wake_workers(text[]) is 'tells external workers that listen on pawl_tasks of work';
