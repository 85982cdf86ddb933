-- pawl.hold_finite_job(job): how pawl.seal_job and pawl.cancel_job begin: the job's row, locked against
-- everybody who would add tasks to it, so that what is read next is all there is.
-- Returns the row. Refuses an unknown job (PW002), a standing one (PW005), and a transaction outside
-- READ COMMITTED, which would not see the tasks that it has just waited for (PW009).
-- Locks: the job's row FOR UPDATE: waits for transactions that are adding tasks.
create or replace function pawl.hold_finite_job(p_job_id bigint) returns pawl.jobs
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job pawl.jobs;
begin
  select j.* into v_job from pawl.jobs j where j.id = p_job_id for update;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;
  if v_job.is_standing then
    raise exception 'job % is a standing job: it never ends', p_job_id
      using errcode = 'PW005', hint = 'Only a finite job (pawl.create_job) is sealed or cancelled. Stop this one with pawl.pause_job.';
  end if;
  perform pawl.check_isolation();
  return v_job;
end
$$;
comment on function pawl.hold_finite_job(bigint) is 'locks a finite job against those who add tasks, and returns it';
