-- pawl.schedule_job(schedule): the standing job of a schedule whose runs queue, made on first use: one task runs
-- at a time, which its limiter "schedule:NAME" sees to, over all nodes (I11). It is made anew when the schedule
-- has another kind.
-- Returns its id. Refuses a kind that has limits itself, which these tasks would not be under (PW006).
-- Locks: when it is made, the limiter's row, then the schedule's.
create or replace function pawl.schedule_job(p_schedule pawl.schedules) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_job_id bigint;
  v_limiter text := 'schedule:' || p_schedule.name;
begin
  if exists (select from pawl.kinds k where k.name = p_schedule.kind and k.limiter_key is not null) then
    raise exception 'kind "%" has limits of its own, which runs that queue would not be under', p_schedule.kind
      using errcode = 'PW006', hint = 'Give p_overlap => ''skip'' (pawl schedule set: --overlap skip), or take another kind.';
  end if;
  select j.id into v_job_id
  from pawl.jobs j
  where j.id = p_schedule.queue_job_id
    and j.kind = p_schedule.kind
    and j.limiter_key = v_limiter;
  if found then
    return v_job_id;
  end if;
  perform pawl.set_limiter(v_limiter, 1, null);
  insert into pawl.jobs (kind, limiter_key, is_standing)
  values (p_schedule.kind, v_limiter, true)
  returning id into v_job_id;
  update pawl.schedules s
  set queue_job_id = v_job_id
  where s.name = p_schedule.name;
  return v_job_id;
end
$$;
comment on function pawl.schedule_job(pawl.schedules) is 'id of the standing job of a schedule whose runs queue';
