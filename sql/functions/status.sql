-- pawl.status(): the state of the whole engine as one JSON object, for pawl status and GET /v1/status.
-- The tasks are added up as pawl.job_progress does it, but over all jobs at once: jobs are read in one
-- scan, without a look into the ledger for each.
-- Locks: none.
create or replace function pawl.status() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object(
    'time', pawl.now(),
    'database', pg_catalog.current_database(),
    'postgresql', pg_catalog.current_setting('server_version'),
    'schema', (select pg_catalog.max(m.number) from pawl.migrations m),
    'nodes', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'id', n.id, 'name', n.name, 'version', n.version, 'started_at', n.started_at,
        'heartbeat_at', n.heartbeat_at, 'is_alive', n.heartbeat_at > pawl.now() - interval '15 seconds',
        'is_asleep', n.is_asleep, 'slots', n.slots, 'running', n.running,
        'started_tasks', n.started_tasks, 'stale_finishes', n.stale_finishes, 'swept', n.swept) order by n.id), '[]')
      from pawl.nodes n),
    'jobs', pg_catalog.jsonb_build_object('open', f.open, 'paused', f.paused, 'total', f.jobs),
    'tasks', pg_catalog.jsonb_build_object(
      'total', f.total + l.total, 'waiting', f.waiting + l.waiting, 'pending', f.pending + l.pending,
      'running', f.running + l.running, 'completed', f.completed + l.completed, 'failed', f.failed + l.failed,
      'cancelled', f.cancelled + l.cancelled))
  from (
    select pg_catalog.count(*) as jobs,
      pg_catalog.count(*) filter (where j.finished_at is null) as open,
      pg_catalog.count(*) filter (where j.status = 'paused') as paused,
      coalesce(pg_catalog.sum(j.total), 0) as total,
      coalesce(pg_catalog.sum(j.waiting), 0) as waiting,
      coalesce(pg_catalog.sum(j.pending), 0) as pending,
      coalesce(pg_catalog.sum(j.running), 0) as running,
      coalesce(pg_catalog.sum(j.completed), 0) as completed,
      coalesce(pg_catalog.sum(j.failed), 0) as failed,
      coalesce(pg_catalog.sum(j.cancelled), 0) as cancelled
    from pawl.jobs j
  ) f, (
    select coalesce(pg_catalog.sum(d.total), 0) as total,
      coalesce(pg_catalog.sum(d.waiting), 0) as waiting,
      coalesce(pg_catalog.sum(d.pending), 0) as pending,
      coalesce(pg_catalog.sum(d.running), 0) as running,
      coalesce(pg_catalog.sum(d.completed), 0) as completed,
      coalesce(pg_catalog.sum(d.failed), 0) as failed,
      coalesce(pg_catalog.sum(d.cancelled), 0) as cancelled
    from pawl.progress_deltas d
  ) l
$$;
comment on function pawl.status() is 'the state of the whole engine as one JSON object';
