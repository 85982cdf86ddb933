-- pawl.fire_schedule(schedule, time): what a run of a schedule does, for pawl.run_schedule, pawl.run_due_schedules
-- and, to see whether it would, pawl.define_schedule. p_time is the time that the run is for, null when a person
-- runs it.
-- Of a kind with the executor crawl it starts a crawl; with replace it cancels the one that it started before, if
-- that is still open; with the overlap skip it starts none then. Of any other kind it puts a task
--   overlap skip   into the kind's standing job, with the key "schedule:NAME": while one is open, that comes back
--   overlap allow  into the kind's standing job, with the key "schedule:NAME:TIME"
--   overlap queue  into the schedule's own job, with that key: tasks run there one after the other, in order
-- of which queue adds none when as many as backlog_limit are open, unless a person asks for it.
-- Returns one row: job_id; task_id, null for a crawl; skip_reason (overlap, backlog) when nothing was started.
-- Refuses an unknown kind (PW001), and what pawl.start_crawl, pawl.cancel_job or pawl.enqueue refuses.
-- Locks: with replace the old job FOR UPDATE, then as pawl.start_crawl does (a limiter's row), then the old job's
-- tasks; or as pawl.enqueue; or as pawl.schedule_job.
create or replace function pawl.fire_schedule(p_schedule pawl.schedules, p_time timestamptz)
returns table (job_id bigint, task_id bigint, skip_reason text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_executor text;
begin
  select k.executor into v_executor from pawl.kinds k where k.name = p_schedule.kind;
  if not found then
    perform pawl.refuse_kind(p_schedule.kind);
  end if;
  if v_executor = 'crawl' then
    return query select f.job_id, null::bigint, f.skip_reason from pawl.fire_crawl(p_schedule) f;
  else
    return query select f.job_id, f.task_id, f.skip_reason from pawl.fire_task(p_schedule, p_time) f;
  end if;
end
$$;
comment on function pawl.fire_schedule(pawl.schedules, timestamptz) is 'starts what a schedule starts, now';

create or replace function pawl.fire_crawl(p_schedule pawl.schedules) returns table (job_id bigint, skip_reason text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
begin
  if p_schedule.replace or p_schedule.overlap = 'skip' then
    -- before the limiter, which whoever finishes pages of it takes behind the job
    select j.id into v_job_id
    from pawl.jobs j
    where j.id = p_schedule.last_job_id
      and j.finished_at is null
      and not j.is_standing
    for update;
    if found and not p_schedule.replace then
      return query select v_job_id, 'overlap'::text;
      return;
    end if;
  end if;
  v_job_id := pawl.start_crawl(p_schedule.params);
  if p_schedule.replace then
    perform pawl.cancel_job(j.id, pg_catalog.format('replaced by job %s of schedule "%s"', v_job_id, p_schedule.name))
    from pawl.jobs j
    where j.id = p_schedule.last_job_id
      and j.finished_at is null
      and not j.is_standing;
  end if;
  return query select v_job_id, null::text;
end
$$;
comment on function pawl.fire_crawl(pawl.schedules) is 'starts the crawl of a schedule, now';

create or replace function pawl.fire_task(p_schedule pawl.schedules, p_time timestamptz)
returns table (job_id bigint, task_id bigint, skip_reason text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_time text := pg_catalog.to_char(coalesce(p_time, pawl.now()) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
  v_payload jsonb := case
    when p_schedule.time_member is null then p_schedule.params
    else p_schedule.params || pg_catalog.jsonb_build_object(p_schedule.time_member, v_time)
  end;
  v_key text := 'schedule:' || p_schedule.name;
  v_job_id bigint;
  v_task_id bigint;
  v_open_id bigint;
  v_max_bytes integer;
begin
  if p_schedule.overlap = 'skip' then
    v_job_id := pawl.standing_job(p_schedule.kind);
    select t.id into v_open_id
    from pawl.tasks t
    where t.job_id = v_job_id
      and t.key = v_key
      and t.is_key_active;
    select e.task_id into v_task_id from pawl.enqueue(p_schedule.kind, v_payload, p_key => v_key) e;
    return query select v_job_id, v_task_id, case when v_task_id = v_open_id then 'overlap' end;
    return;
  end if;

  v_key := case when p_time is not null then v_key || ':' || v_time end;
  if p_schedule.overlap = 'allow' then
    return query
    select e.job_id, e.task_id, null::text
    from pawl.enqueue(p_schedule.kind, v_payload, p_key => v_key) e;
    return;
  end if;

  v_job_id := pawl.schedule_job(p_schedule);
  if p_time is not null and exists (
    select
    from pawl.job_progress p
    where p.job_id = v_job_id
      and p.waiting + p.pending + p.running >= p_schedule.backlog_limit)
  then
    return query select v_job_id, null::bigint, 'backlog'::text;
    return;
  end if;
  select k.max_payload_bytes into v_max_bytes from pawl.kinds k where k.name = p_schedule.kind;
  perform pawl.check_task(p_schedule.kind, v_max_bytes, v_payload, 0, null);
  insert into pawl.tasks (job_id, key, is_key_reusable, lateness, payload)
  values (v_job_id, v_key, true, pawl.lateness(p_schedule.kind), v_payload)
  on conflict (job_id, key) where is_key_active do nothing
  returning id into v_task_id;
  return query select v_job_id, v_task_id, case when v_task_id is null then 'overlap' end;
end
$$;
comment on function pawl.fire_task(pawl.schedules, timestamptz) is 'adds the task of a schedule, now';
