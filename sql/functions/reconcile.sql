-- pawl.reconcile(job): proves that the counters are exact (I1), for one job or for all. Drift, which
-- should never be, is repaired by a ledger row and said loudly.
-- Returns one row for each counter that was wrong: none is the good answer.
-- How: counts and counters are read in one snapshot; what is missing then is missing for good,
-- whatever commits meanwhile, so a delta of that size is right. Reads every task of the job.
-- Locks: an advisory lock, so that two repairs do not both add the same delta.
create or replace function pawl.reconcile(p_job_id bigint default null)
returns table (job_id bigint, counter text, recorded bigint, counted bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  r record;
begin
  perform pg_catalog.pg_advisory_xact_lock(1885435756, 2);
  for r in
    select p.job_id as id,
      p.total as r_total, p.waiting as r_waiting, p.pending as r_pending, p.running as r_running,
      p.completed as r_completed, p.failed as r_failed, p.cancelled as r_cancelled,
      pg_catalog.count(t.id) as c_total,
      pg_catalog.count(*) filter (where t.status = 'waiting') as c_waiting,
      pg_catalog.count(*) filter (where t.status = 'pending') as c_pending,
      pg_catalog.count(*) filter (where t.status = 'running') as c_running,
      pg_catalog.count(*) filter (where t.status = 'completed') as c_completed,
      pg_catalog.count(*) filter (where t.status = 'failed') as c_failed,
      pg_catalog.count(*) filter (where t.status = 'cancelled') as c_cancelled
    from pawl.job_progress p
    left join pawl.tasks t on t.job_id = p.job_id
    where p_job_id is null or p.job_id = p_job_id
    group by 1, 2, 3, 4, 5, 6, 7, 8
    having (p.total, p.waiting, p.pending, p.running, p.completed, p.failed, p.cancelled) is distinct from
      (pg_catalog.count(t.id),
       pg_catalog.count(*) filter (where t.status = 'waiting'),
       pg_catalog.count(*) filter (where t.status = 'pending'),
       pg_catalog.count(*) filter (where t.status = 'running'),
       pg_catalog.count(*) filter (where t.status = 'completed'),
       pg_catalog.count(*) filter (where t.status = 'failed'),
       pg_catalog.count(*) filter (where t.status = 'cancelled'))
    order by 1
  loop
    insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
    values (r.id, r.c_total - r.r_total, r.c_waiting - r.r_waiting, r.c_pending - r.r_pending,
      r.c_running - r.r_running, r.c_completed - r.r_completed, r.c_failed - r.r_failed,
      r.c_cancelled - r.r_cancelled);
    raise warning 'job %: counters had drifted and were repaired', r.id
      using detail = 'Something changed pawl.tasks while its triggers were off, or this is a bug in Pawl.';
    return query
    select r.id, c.counter, c.recorded, c.counted
    from (values
      ('total', r.r_total, r.c_total), ('waiting', r.r_waiting, r.c_waiting),
      ('pending', r.r_pending, r.c_pending), ('running', r.r_running, r.c_running),
      ('completed', r.r_completed, r.c_completed), ('failed', r.r_failed, r.c_failed),
      ('cancelled', r.r_cancelled, r.c_cancelled)) as c (counter, recorded, counted)
    where c.recorded <> c.counted;
  end loop;
end
$$;
comment on function pawl.reconcile(bigint) is 'proves that the counters are exact, and repairs them loudly if they are not';
