-- pawl.run_due_schedules(limit): runs every schedule whose time has come, as often as pawl.due_runs says, and sets
-- when it runs next. A schedule that fails says why in last_error, keeps nobody else from running, and is not
-- tried again before its next time; one that found something locked is, in 10 s, for the same time. One whose next time cannot be told runs no more until it is defined anew.
-- Returns one row: ran, schedules that were due and are done with, well or badly; failed, how many of them
-- badly. Nothing to do, or done by another node at this moment: (0, 0). A call ends soon after 2 s; what is
-- left then is still due. Refuses a transaction outside READ COMMITTED (PW009), in which no crawl could be
-- replaced.
-- Nobody is waited for longer than lock_timeout: whoever calls this has a heartbeat to send.
-- Locks: the schedules' rows (skip locked), then for each as pawl.fire_schedule.
create or replace function pawl.run_due_schedules(p_limit integer default 100)
returns table (ran integer, failed integer)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '250ms'
as $$
declare
  v_now timestamptz := pawl.now();
  v_stop timestamptz := pg_catalog.clock_timestamp() + interval '2 seconds';
  v_schedule pawl.schedules;
  v_times timestamptz[];
  v_time timestamptz;
  v_fired record;
  v_job_id bigint;
  v_next timestamptz;
  v_jitter interval;
  v_skip_reason text;
  v_error text;
  v_ran integer := 0;
  v_failed integer := 0;
begin
  perform pawl.check_isolation();
  for v_schedule in
    select s.*
    from pawl.schedules s
    where s.is_enabled
      and s.next_run_at <= v_now
    order by s.next_run_at
    limit p_limit
    for no key update skip locked
  loop
    v_times := null;
    v_job_id := null;
    v_next := null;
    v_jitter := pg_catalog.random() * v_schedule.jitter;
    v_skip_reason := null;
    v_error := null;
    begin
      select d.times, d.next_at + v_jitter, case when d.is_missed then 'missed' end
      into v_times, v_next, v_skip_reason
      from pawl.due_runs(v_schedule, v_now) d;
      foreach v_time in array v_times loop
        select f.job_id, f.skip_reason into v_fired from pawl.fire_schedule(v_schedule, v_time) f;
        v_job_id := v_fired.job_id;
        v_skip_reason := coalesce(v_fired.skip_reason, v_skip_reason);
        v_schedule.queue_job_id := v_job_id; -- made by the first, perhaps; of use to a queue only
      end loop;
    exception
      when lock_not_available or deadlock_detected then
        v_error := sqlerrm || ': tried again in 10 s';
        v_next := least(v_next, v_now + interval '10 seconds');
        v_jitter := v_next - (v_schedule.next_run_at - v_schedule.next_jitter);
      when others then
        v_error := sqlerrm;
    end;
    update pawl.schedules s
    set next_run_at = v_next,
        next_jitter = v_jitter,
        last_run_at = case when pg_catalog.cardinality(v_times) = 0 then s.last_run_at else v_now end,
        last_job_id = coalesce(v_job_id, s.last_job_id),
        last_skipped_at = case when v_skip_reason is not null then v_now else s.last_skipped_at end,
        last_skip_reason = coalesce(v_skip_reason, s.last_skip_reason),
        last_error = v_error
    where s.name = v_schedule.name;
    v_ran := v_ran + 1;
    v_failed := v_failed + (v_error is not null)::integer;
    exit when pg_catalog.clock_timestamp() > v_stop;
  end loop;
  return query select v_ran, v_failed;
end
$$;
comment on function pawl.run_due_schedules(integer) is 'runs every schedule whose time has come';
