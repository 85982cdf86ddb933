-- Chains: what completes leads to a task of another kind, in the transaction that completes it, so that there is exactly
-- one for each completion, or none of both. Only the direct successor is enqueued, which is followed when it
-- completes itself: so a transaction does no more of a chain than one step, however long it is, and a chain that leads back
-- to where it began goes on for ever, a task at a time, until somebody changes the kind or pauses the job.
-- What cannot be enqueued (the kind is gone, the result is over its limit) undoes nothing: the task or the job stays
-- completed, and its error says why it has no successor.

-- pawl.follow_tasks(jobs, tasks): enqueues the successors of tasks of standing jobs that have just completed under the
-- caller's transaction. Called by pawl.finish_followed_tasks and whoever else completes tasks; tasks of a job that has no
-- on_complete, or that did not complete, are passed over.
-- A successor's payload: job, task, kind, attempt, status and result of the one that completed; payload, with which
-- the chain began; chain, how many have completed in it.
-- Returns nothing. Locks: those of pawl.add_tasks; on failure the completed task, which the caller holds.
create or replace function pawl.follow_tasks(p_job_ids bigint[], p_task_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_error text;
  r record;
begin
  for r in
    select j.on_complete as kind, pg_catalog.array_agg(t.job_id order by o.place) as jobs,
      pg_catalog.array_agg(t.id order by o.place) as tasks,
      pg_catalog.array_agg(pg_catalog.jsonb_build_object('job', t.job_id::text, 'task', t.id::text, 'kind', j.kind,
        'attempt', t.attempt, 'status', t.status, 'result', t.result) || pawl.chain_of(t.payload) order by o.place) as payloads
    from unnest(p_job_ids, p_task_ids) with ordinality as o (job_id, task_id, place)
    join pawl.tasks t on t.job_id = any (array[o.job_id]) and t.id = o.task_id
    join pawl.jobs j on j.id = t.job_id
    where t.status = 'completed'
      and j.is_standing
      and j.on_complete is not null
    group by j.on_complete
    order by j.on_complete
  loop
    v_error := pawl.try_enqueue(r.kind, r.payloads);
    continue when v_error is null;
    -- one of them alone, or the kind: each by itself, so that no other suffers
    for i in 1 .. pg_catalog.cardinality(r.tasks) loop
      if pg_catalog.cardinality(r.tasks) > 1 then
        v_error := pawl.try_enqueue(r.kind, r.payloads[i:i]);
      end if;
      update pawl.tasks t
      set error = pg_catalog.format('it completed, but its successor of kind "%s" could not be enqueued: %s', r.kind, v_error)
      where t.job_id = r.jobs[i]
        and t.id = r.tasks[i]
        and v_error is not null;
    end loop;
  end loop;
end
$$;
comment on function pawl.follow_tasks(bigint[], bigint[]) is 'enqueues the successors of tasks that have just completed';

-- pawl.follow_job(job): enqueues the successor of a finite job that has just completed, which the caller holds FOR UPDATE.
-- Its payload: job, kind, status, params, total, completed, failed and cancelled of the job; of a job of one task also
-- task, result, payload and chain, as above.
-- Returns nothing. Locks: those of pawl.add_tasks.
create or replace function pawl.follow_job(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job record;
  v_error text;
begin
  select j.on_complete as kind, pg_catalog.jsonb_build_object('job', j.id::text, 'kind', j.kind, 'status', j.status, 'params', j.params,
      'total', p.total, 'completed', p.completed, 'failed', p.failed, 'cancelled', p.cancelled, 'chain', 1)
    || coalesce((
      select pg_catalog.jsonb_build_object('task', t.id::text, 'result', t.result) || pawl.chain_of(t.payload)
      from pawl.tasks t
      where p.total = 1
        and t.job_id = j.id), '{}') as payload
  into v_job
  from pawl.jobs j
  join pawl.job_progress p on p.job_id = j.id
  where j.id = p_job_id
    and j.status = 'completed'
    and j.on_complete is not null;
  if found then
    v_error := pawl.try_enqueue(v_job.kind, array[v_job.payload]);
    update pawl.jobs j
    set error = pg_catalog.format('it completed, but its successor of kind "%s" could not be enqueued: %s', v_job.kind, v_error)
    where j.id = p_job_id
      and v_error is not null;
  end if;
end
$$;
comment on function pawl.follow_job(bigint) is 'enqueues the successor of a job that has just completed';

-- What a chain carries on from the payload of one that completed.
create or replace function pawl.chain_of(p_payload jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when pg_catalog.jsonb_typeof(p_payload -> 'chain') = 'number' and p_payload ? 'job' and p_payload ? 'kind'
      then pg_catalog.jsonb_build_object('payload', p_payload -> 'payload', 'chain', pg_catalog.floor((p_payload ->> 'chain')::numeric) + 1)
    else pg_catalog.jsonb_build_object('payload', p_payload, 'chain', 1)
  end
$$;
comment on function pawl.chain_of(jsonb) is 'what a chain carries on: the payload with which it began, and how many have completed';

-- Adds tasks to a kind's standing job. Returns null, or why they could not be. Troubles that pass by themselves are raised:
-- the caller's transaction fails and is tried again.
create or replace function pawl.try_enqueue(p_kind text, p_payloads jsonb[]) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.add_tasks(pawl.standing_job(p_kind), p_payloads);
  return null;
exception
  when others then
    if pg_catalog.left(sqlstate, 2) in ('08', '40', '53', '55', '57', '58') then
      raise;
    end if;
    return sqlerrm;
end
$$;
comment on function pawl.try_enqueue(text, jsonb[]) is 'adds tasks to a kind''s standing job; says why it could not';
