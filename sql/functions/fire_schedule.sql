-- pawl.fire_schedule(schedule): what a run of a schedule does, for pawl.run_schedule, pawl.run_due_schedules
-- and, to see whether it would, pawl.define_schedule. Of a kind with the executor crawl it starts a crawl,
-- and with replace cancels the one that it started before, if that is still open; of any other kind it puts
-- a task with the key "schedule:NAME" into the kind's standing job, so that a run whose predecessor has not
-- ended is not doubled: then that one's task comes back.
-- Returns one row (job_id, task_id; of a crawl no task_id). Refuses an unknown kind (PW001), and what
-- pawl.start_crawl, pawl.cancel_job or pawl.enqueue refuses.
-- Locks: with replace the old job FOR UPDATE, then as pawl.start_crawl does (a limiter's row), then the old job's
-- tasks; or as pawl.enqueue.
create or replace function pawl.fire_schedule(p_schedule pawl.schedules) returns table (job_id bigint, task_id bigint)
language plpgsql volatile
set search_path = ''
as $$
declare
  v_executor text;
  v_job_id bigint;
begin
  select k.executor into v_executor from pawl.kinds k where k.name = p_schedule.kind;
  if not found then
    perform pawl.refuse_kind(p_schedule.kind);
  end if;
  if v_executor <> 'crawl' then
    return query
    select e.job_id, e.task_id
    from pawl.enqueue(p_schedule.kind, p_schedule.params, p_key => 'schedule:' || p_schedule.name) e;
    return;
  end if;
  if p_schedule.replace then
    -- before the limiter, which whoever finishes pages of it takes behind the job
    perform
    from pawl.jobs j
    where j.id = p_schedule.last_job_id
      and j.finished_at is null
      and not j.is_standing
    for update;
  end if;
  v_job_id := pawl.start_crawl(p_schedule.params);
  if p_schedule.replace then
    perform pawl.cancel_job(j.id, pg_catalog.format('replaced by job %s of schedule "%s"', v_job_id, p_schedule.name))
    from pawl.jobs j
    where j.id = p_schedule.last_job_id
      and j.finished_at is null
      and not j.is_standing;
  end if;
  return query select v_job_id, null::bigint;
end
$$;
comment on function pawl.fire_schedule(pawl.schedules) is 'starts what a schedule starts, now';
