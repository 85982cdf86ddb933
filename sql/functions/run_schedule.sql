-- pawl.run_schedule(name): runs a schedule now, by hand, also when it is not enabled. When it runs next by
-- itself stays as it is.
-- Returns one row (job_id, task_id; of a crawl no task_id): what it started or, with the overlap skip, what is
-- open. Refuses an unknown schedule (PW002), and what pawl.fire_schedule refuses.
-- Locks: the schedule's row, then as pawl.fire_schedule.
create or replace function pawl.run_schedule(p_name text) returns table (job_id bigint, task_id bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pawl.schedules;
  v_fired record;
begin
  select s.* into v_schedule from pawl.schedules s where s.name = p_name for no key update;
  if not found then
    perform pawl.refuse_schedule(p_name);
  end if;
  select f.job_id, f.task_id into v_fired from pawl.fire_schedule(v_schedule, null) f;
  update pawl.schedules s
  set last_run_at = pawl.now(), last_job_id = v_fired.job_id, last_error = null
  where s.name = p_name;
  return query select v_fired.job_id, v_fired.task_id;
end
$$;
comment on function pawl.run_schedule(text) is 'runs a schedule now, by hand; returns what it started';
