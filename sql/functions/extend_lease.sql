-- pawl.extend_lease(job, task, attempt, lease, percent, message): an external worker is still at it: the lease ends
-- p_lease from now. It may say how far it is; what is null stays as it was.
-- Returns when the lease ends. Refuses what pawl.refuse_attempt refuses: then the task is not the worker's any more
-- (PW008); and a lease or a percentage that cannot be (PW006). A lease that has ended, which no node has noticed
-- yet, is as good as any.
-- Locks: the task; the row of its progress.
create or replace function pawl.extend_lease(
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_lease interval default '1 minute',
  p_percent double precision default null,
  p_message text default null
) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_lease_until timestamptz;
begin
  perform pawl.check_lease(p_lease);
  update pawl.tasks t
  set lease_until = pawl.clock() + p_lease
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id is null
    and t.attempt = p_attempt
  returning t.lease_until into v_lease_until;
  if not found then
    perform pawl.refuse_attempt(p_job_id, p_task_id, p_attempt);
  end if;
  perform pawl.report_progress(p_job_id, p_task_id, p_attempt, p_percent, p_message);
  return v_lease_until;
end
$$;
comment on function pawl.extend_lease(bigint, bigint, integer, interval, double precision, text) is 'an external worker is still at it, and may say how far';

-- How far a task is, which its caller holds; nothing when both are null. A message is cut at 1000 characters.
create or replace function pawl.report_progress(p_job_id bigint, p_task_id bigint, p_attempt integer, p_percent double precision, p_message text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_percent is not null and (p_percent between 0 and 100) is not true then
    perform pawl.refuse_value('p_percent', p_percent, 'from 0 to 100');
  end if;
  if p_percent is null and p_message is null then
    return;
  end if;
  insert into pawl.task_progress as g (job_id, task_id, org_id, attempt, percent, message, updated_at)
  select t.job_id, t.id, t.org_id, p_attempt, p_percent, pg_catalog.left(p_message, 1000), pawl.now()
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.id = p_task_id
  on conflict (job_id, task_id) do update
    set attempt = excluded.attempt,
        percent = coalesce(excluded.percent, case when g.attempt = excluded.attempt then g.percent end),
        message = coalesce(excluded.message, case when g.attempt = excluded.attempt then g.message end),
        updated_at = excluded.updated_at;
end
$$;
comment on function pawl.report_progress(bigint, bigint, integer, double precision, text) is 'writes how far a task is';
