-- pawl.schedule_job(schedule): the standing job of a schedule whose runs queue, made on first use: one task runs
-- at a time, which its limiter "schedule:NAME" sees to, over all nodes (I11); that stands under the kind's own, if it
-- has one (pawl.limit_standing_jobs, when it gets one later). It is made anew when the schedule has another kind.
-- Returns its id.
-- Locks: when it is made, the kind's row FOR SHARE, so that limits which are being set are seen here, or this job by
-- who sets them; the limiter's row; the schedule's.
create or replace function pawl.schedule_job(p_schedule pawl.schedules) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
  v_limiter text := 'schedule:' || p_schedule.name;
begin
  select j.id into v_job_id
  from pawl.jobs j
  where j.id = p_schedule.queue_job_id
    and j.kind = p_schedule.kind
    and j.limiter_key = v_limiter;
  if found then
    return v_job_id;
  end if;
  insert into pawl.limiters as l (key, max_running, parent_key)
  select v_limiter, 1, k.limiter_key
  from pawl.kinds k
  where k.name = p_schedule.kind
  for share of k
  on conflict (key) do update
    set max_running = excluded.max_running,
        parent_key = excluded.parent_key;
  insert into pawl.jobs (kind, limiter_key, on_complete, is_standing)
  select k.name, v_limiter, k.on_complete, true
  from pawl.kinds k
  where k.name = p_schedule.kind
  returning id into v_job_id;
  update pawl.schedules s
  set queue_job_id = v_job_id
  where s.name = p_schedule.name;
  return v_job_id;
end
$$;
comment on function pawl.schedule_job(pawl.schedules) is 'id of the standing job of a schedule whose runs queue';
