-- pawl.cancel_job(job, reason): ends a finite job: what waits, is pending or runs is cancelled in one
-- transaction; nodes drop what they run of it, and a late finish changes nothing (I3, I4).
-- Returns true when this call cancelled it, false when it had ended already. Refuses what
-- pawl.hold_finite_job refuses.
-- Locks: the job's row FOR UPDATE (waits for those that add tasks), then its open tasks by id, the
-- order in which a batch of outcomes takes them.
create or replace function pawl.cancel_job(p_job_id bigint, p_reason text default 'cancelled by request') returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job pawl.jobs := pawl.hold_finite_job(p_job_id);
begin
  if v_job.finished_at is not null then
    return false;
  end if;
  update pawl.jobs j
  set status = 'cancelled', finished_at = pawl.now(), error = p_reason
  where j.id = p_job_id;
  perform pawl.cancel_open_tasks(p_job_id);
  return true;
end
$$;
comment on function pawl.cancel_job(bigint, text) is 'ends a finite job and cancels what is left of it';

-- What is left of a job that has just ended, which the caller holds FOR UPDATE; the nodes are told.
create or replace function pawl.cancel_open_tasks(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claimed_at timestamptz[];
begin
  perform
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.status in ('waiting', 'pending', 'running')
  order by t.id
  for update;
  if exists (select from pawl.jobs j where j.id = p_job_id and j.limiter_key is not null) then
    select coalesce(pg_catalog.array_agg(t.started_at), '{}') into v_claimed_at
    from pawl.tasks t
    where t.job_id = p_job_id
      and t.status = 'running';
    perform pawl.note_ends(null, pg_catalog.array_fill(p_job_id, array[pg_catalog.cardinality(v_claimed_at)]), v_claimed_at, null,
      pg_catalog.array_fill(true, array[pg_catalog.cardinality(v_claimed_at)]));
  end if;
  update pawl.tasks t
  set status = 'cancelled', finished_at = pawl.now(), wait_reason = null, lease_until = null
  where t.job_id = p_job_id
    and t.status in ('waiting', 'pending', 'running');
  delete from pawl.task_progress g where g.job_id = p_job_id;
  perform pawl.ring('cancel ' || p_job_id);
end
$$;
comment on function pawl.cancel_open_tasks(bigint) is 'cancels what is left of a job that has just ended';
