-- pawl.status(): the state of the whole engine as one JSON object, for pawl status and GET /v1/status.
create or replace function pawl.status() returns jsonb
language sql stable
set search_path = ''
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
    'jobs', (
      select pg_catalog.jsonb_build_object(
        'open', pg_catalog.count(*) filter (where j.finished_at is null),
        'paused', pg_catalog.count(*) filter (where j.status = 'paused'),
        'total', pg_catalog.count(*))
      from pawl.jobs j),
    'tasks', (
      select pg_catalog.jsonb_build_object(
        'total', coalesce(pg_catalog.sum(p.total), 0), 'waiting', coalesce(pg_catalog.sum(p.waiting), 0),
        'pending', coalesce(pg_catalog.sum(p.pending), 0), 'running', coalesce(pg_catalog.sum(p.running), 0),
        'completed', coalesce(pg_catalog.sum(p.completed), 0), 'failed', coalesce(pg_catalog.sum(p.failed), 0),
        'cancelled', coalesce(pg_catalog.sum(p.cancelled), 0))
      from pawl.job_progress p))
$$;
comment on function pawl.status() is 'the state of the whole engine as one JSON object';
