-- pawl.refuse_attempt(job, task, attempt): says why an external worker's token does not name a running attempt.
-- Called by whoever has just looked, so that a look that succeeds pays nothing.
-- Only raises: PW006 for a null, PW002 for a task that is not there, PW008 for every other reason, so that a
-- worker need catch only that: the task is not its own any more, and what it did in this transaction is undone.
-- Locks: none.
create or replace function pawl.refuse_attempt(p_job_id bigint, p_task_id bigint, p_attempt integer) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task record;
  v_hint text := 'Stop working on it; what this transaction has done is undone.';
begin
  if p_attempt is null then
    perform pawl.refuse_null('p_attempt', 'Give the attempt that pawl.claim_tasks returned.');
  end if;
  select t.status, t.attempt, t.node_id, t.error into v_task
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.id = p_task_id;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  if v_task.attempt > p_attempt then
    raise exception 'attempt % of task %/% was replaced by attempt %', p_attempt, p_job_id, p_task_id, v_task.attempt
      using errcode = 'PW008', detail = 'Its lease had ended, or a person asked for the task to run again.', hint = v_hint;
  elsif v_task.attempt < p_attempt then
    raise exception 'attempt % of task %/% has not begun', p_attempt, p_job_id, p_task_id
      using errcode = 'PW008', hint = 'Give the attempt that pawl.claim_tasks returned.';
  elsif v_task.status in ('completed', 'failed', 'cancelled') then
    raise exception 'task %/% has ended: it is %', p_job_id, p_task_id, v_task.status
      using errcode = 'PW008', hint = v_hint;
  elsif v_task.status = 'running' then
    raise exception 'task %/% is run by node %', p_job_id, p_task_id, v_task.node_id
      using errcode = 'PW008', hint = 'Only tasks that pawl.claim_tasks returned can be ended this way.';
  end if;
  raise exception 'attempt % of task %/% has ended: the task is %', p_attempt, p_job_id, p_task_id, v_task.status
    using errcode = 'PW008', detail = v_task.error, hint = v_hint;
end
$$;
comment on function pawl.refuse_attempt(bigint, bigint, integer) is 'raises: the attempt does not run under an external worker';

-- A lease has to end, and not now.
create or replace function pawl.check_lease(p_lease interval) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_lease is null then
    perform pawl.refuse_null('p_lease', 'Say how long the worker may be silent, for example ''1 minute''.');
  end if;
  if p_lease <= interval '0' or p_lease > interval '30 days' then
    perform pawl.refuse_value('p_lease', p_lease, 'more than 0 and at most 30 days');
  end if;
end
$$;
comment on function pawl.check_lease(interval) is 'refuses a lease that is none';

-- An external worker's task has ended, at the end of the transaction in which it did so: what it reported
-- goes, and if a limit holds its job, whoever waits for that limit is told. No node has written the ledger's row: where
-- this may have been the last task of a finite job, the nodes are told to fold. (Of two that end at once each
-- may take the other's for pending, if a claim came between: then the sweep ends the job.)
create or replace function pawl.release_task(p_job_id bigint, p_task_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.task_progress p
  where p.job_id = p_job_id
    and p.task_id = p_task_id;
  if exists (select from pawl.jobs j where j.id = p_job_id and j.limiter_key is not null) then
    perform pawl.note_ends(null, array[p_job_id], array[t.started_at], null, array[true])
    from pawl.tasks t
    where t.job_id = p_job_id
      and t.id = p_task_id;
    perform pawl.ring('work ' || p_job_id);
  end if;
  if exists (select from pawl.jobs j where j.id = p_job_id and j.is_sealed and not j.is_standing)
    and (select p.pending + p.waiting <= 0 from pawl.job_progress p where p.job_id = p_job_id)
  then
    perform pawl.ring('fold');
  end if;
end
$$;
comment on function pawl.release_task(bigint, bigint) is 'forgets what a task reported, and wakes who waits for its limit';
