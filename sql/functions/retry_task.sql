-- pawl.retry_task(job, task): runs an ended task again, with a fresh count of attempts; its job is
-- open again. This is the only way out of a final state (I3).
-- Returns nothing. Refuses an unknown task (PW002), one that has not ended, and one whose key another
-- task has by now (PW003).
-- Locks: the job's row, then the task's; waits for an enqueue of its key that is under way.
create or replace function pawl.retry_task(p_job_id bigint, p_task_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task record;
begin
  perform from pawl.jobs j where j.id = p_job_id for no key update;
  select t.status, t.key into v_task
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.id = p_task_id
  for update;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  if v_task.status not in ('completed', 'failed', 'cancelled') then
    raise exception 'task %/% has not ended: it is %', p_job_id, p_task_id, v_task.status
      using errcode = 'PW003', hint = 'Only a task that has ended can be retried.';
  end if;
  update pawl.tasks t
  set status = 'pending', uncounted_attempts = t.attempt, finished_at = null, wait_reason = null, result = null
  where t.job_id = p_job_id
    and t.id = p_task_id;
exception
  when unique_violation then -- not looked for beforehand: an enqueue may come in between
    raise exception 'key "%" of task %/% belongs to an active task', v_task.key, p_job_id, p_task_id
      using errcode = 'PW003', hint = 'Wait until that task has ended.';
end
$$;
comment on function pawl.retry_task(bigint, bigint) is 'runs an ended task again; its job is open again';
