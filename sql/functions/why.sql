-- pawl.why(job, task): what a job or one of its tasks waits for, since when, and when that is looked at next (I6); for
-- whoever runs: where; for whoever has ended: how. For pawl why.
-- Returns a JSON object; ids are strings. Both: status; message, one line for people; reasons, an array of what it waits for, the
-- most important first, each with reason, message, since_at, next_look_at, until and facts of its own, as in
-- pawl.list_obstacles; since_at and next_look_at, those of the first. Where it refreshes a data type: type, and of a task key.
-- A job has counters, its pace and, in waits, what its waiting tasks wait for by
-- reason, read off at most 1,000 of them. Refuses an unknown job or task (PW002).
-- Bounded: it counts at most 1,000 tasks ahead, and looks for waiting tasks among 10,000 due ones and 10,000 of the job.
-- Locks: none.
create or replace function pawl.why(p_job_id bigint, p_task_id bigint default null) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_task_id is null then
    return pawl.why_job(p_job_id);
  end if;
  return pawl.why_task(p_job_id, p_task_id);
end
$$;
comment on function pawl.why(bigint, bigint) is 'what a job or a task waits for, since when, and when that is looked at next';

-- One reason, as pawl.why shows it.
create or replace function pawl.reason(p_reason text, p_message text, p_since timestamptz, p_next_look_at timestamptz, p_until text,
  p_facts jsonb default '{}') returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('reason', p_reason, 'message', p_message, 'since_at', p_since,
    'next_look_at', p_next_look_at, 'until', p_until) || p_facts
$$;
comment on function pawl.reason(text, text, timestamptz, timestamptz, text, jsonb) is 'one reason, as pawl.why shows it';

-- Those of pawl.list_obstacles, as an array.
create or replace function pawl.obstacles_of(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pawl.reason(o.reason, o.message, o.since, o.next_look_at, o.until, o.facts) order by o.place), '[]')
  from pawl.list_obstacles(p_job_id) with ordinality as o (reason, message, since, next_look_at, until, facts, place)
$$;
comment on function pawl.obstacles_of(bigint) is 'what keeps pending tasks of a job from being claimed, as an array';

create or replace function pawl.why_task(p_job_id bigint, p_task_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_task record;
  v_tries text; -- "attempt 2 of 5"
  v_ahead bigint;
  v_pace double precision;
  v_reasons jsonb := '[]';
  v_message text;
  v_why jsonb;
begin
  select t.*, j.kind, j.data_type, j.status as job_status, k.max_attempts, k.timeout_ms, k.executor, n.name as node,
    n.heartbeat_at, n.dead_at, l.failed_at, l.error_class, l.last_error
  into v_task
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  join pawl.kinds k on k.name = j.kind
  left join pawl.nodes n on n.id = t.node_id
  left join lateral (
    select a.failed_at, a.error_class, a.error as last_error
    from pawl.attempts a
    where a.job_id = t.job_id
      and a.task_id = t.id
    order by a.attempt desc
    limit 1
  ) l on true
  where t.job_id = p_job_id
    and t.id = p_task_id;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  v_tries := pg_catalog.format('attempt %s of %s', v_task.attempt - v_task.uncounted_attempts, v_task.max_attempts);
  v_why := pg_catalog.jsonb_build_object('task', p_job_id || '/' || p_task_id, 'job', p_job_id::text, 'kind', v_task.kind,
    'status', v_task.status, 'attempt', v_task.attempt - v_task.uncounted_attempts, 'max_attempts', v_task.max_attempts, 'error', v_task.error)
    || case when v_task.data_type is not null then pg_catalog.jsonb_build_object('type', v_task.data_type, 'key', v_task.key) else '{}' end;

  case v_task.status
    when 'waiting' then
      v_message := 'it waits ' || pawl.explain_wait(v_task.wait_reason) || case
        when v_task.wait_reason = 'retry' then pg_catalog.format(': %s failed%s', v_tries, coalesce(': ' || v_task.error, ''))
        else coalesce(': ' || v_task.error, '')
      end;
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason(coalesce(v_task.wait_reason, 'delay'), v_message,
        case when v_task.wait_reason = 'retry' then v_task.failed_at when v_task.attempt > 0 then v_task.started_at else v_task.created_at end,
        v_task.run_at, 'when that time comes',
        case when v_task.wait_reason = 'retry' then pg_catalog.jsonb_build_object('error_class', v_task.error_class) else '{}' end));
      -- what would hold it back then, as long as it is there
      v_reasons := v_reasons || coalesce((
        select pg_catalog.jsonb_agg(o)
        from pg_catalog.jsonb_array_elements(pawl.obstacles_of(p_job_id)) o
        where o ->> 'reason' in ('paused', 'no_node', 'no_executor')), '[]');
    when 'pending' then
      v_reasons := pawl.obstacles_of(p_job_id);
      select pg_catalog.count(*) into v_ahead
      from (
        select from pawl.tasks x
        where x.job_id = p_job_id
          and x.is_pending
          and (coalesce(x.lateness, 0) - x.priority, x.id) < (coalesce(v_task.lateness, 0) - v_task.priority, v_task.id)
        limit 1000
      ) x;
      select e.per_second into v_pace from pawl.estimate_jobs(array[p_job_id]) e;
      if v_ahead > 0 or v_reasons = '[]' then
        v_reasons := v_reasons || pawl.reason('queue',
          case
            when v_ahead = 0 then 'it is the next of its job, and waits for the job''s turn'
            when v_ahead = 1 then 'one task of its job is to be claimed before it'
            else pg_catalog.format('%s tasks of its job are to be claimed before it', case when v_ahead = 1000 then '1000 or more' else v_ahead::text end)
          end,
          null, case when v_reasons = '[]' then v_now + interval '250 milliseconds' end, 'when its turn comes',
          pg_catalog.jsonb_build_object('ahead', v_ahead, 'per_second', v_pace,
            'estimated_start_at', case when v_ahead < 1000 and v_pace > 0 and v_ahead < 3e9 * v_pace and v_reasons = '[]'
              then v_now + v_ahead / v_pace * interval '1 second' end));
      end if;
      v_message := v_reasons -> 0 ->> 'message';
    when 'running' then
      if v_task.lease_until is not null then
        v_message := pg_catalog.format('%s has it, %s, under a lease', coalesce('worker "' || v_task.worker || '"', 'a function that will call back'), v_tries);
        v_reasons := pg_catalog.jsonb_build_array(pawl.reason('lease', v_message, v_task.started_at, v_task.lease_until, 'when it says how it ended, or the lease is over'));
      elsif v_task.node is null or v_task.dead_at is not null or v_task.heartbeat_at < v_now - interval '15 seconds' then
        v_message := 'its node stopped without a word: another one takes it over';
        v_reasons := pg_catalog.jsonb_build_array(pawl.reason('rescue', v_message, v_task.heartbeat_at, v_now + interval '5 seconds', 'when a node looks after the dead'));
      else
        v_message := pg_catalog.format('it runs, %s, on node %s%s', v_tries, v_task.node, '; the last one failed: ' || v_task.last_error);
        v_why := v_why || pg_catalog.jsonb_build_object('node', v_task.node, 'latest_end_at', v_task.started_at + v_task.timeout_ms * interval '1 millisecond');
      end if;
    else
      v_message := case v_task.status
        when 'completed' then coalesce(v_task.error, pg_catalog.format('it completed at %s', v_tries))
        when 'failed' then pg_catalog.format('it failed at %s%s', v_tries, coalesce(': ' || v_task.error, ''))
        else 'it was cancelled' || coalesce(': ' || v_task.error, '')
      end;
  end case;
  return v_why || pg_catalog.jsonb_build_object('message', v_message, 'reasons', v_reasons,
    'since_at', case
      when v_task.status in ('completed', 'failed', 'cancelled') then pg_catalog.to_jsonb(v_task.finished_at)
      when v_reasons = '[]' then pg_catalog.to_jsonb(v_task.started_at)
      when v_task.status = 'pending' then coalesce(nullif(v_reasons -> 0 -> 'since_at', 'null'),
        pg_catalog.to_jsonb(greatest(v_task.created_at, v_task.run_at, v_task.failed_at)))
      else v_reasons -> 0 -> 'since_at'
    end,
    'next_look_at', v_reasons -> 0 -> 'next_look_at', 'until', v_reasons -> 0 -> 'until');
end
$$;
comment on function pawl.why_task(bigint, bigint) is 'what a task waits for, since when, and when that is looked at next';

create or replace function pawl.why_job(p_job_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job record;
  v_reasons jsonb := '[]';
  v_waits jsonb;
  v_message text;
begin
  select j.*, p.total as total_now, p.waiting as waiting_now, p.pending as pending_now, p.running as running_now,
    p.completed as completed_now, p.failed as failed_now, p.cancelled as cancelled_now, e.per_second, e.completes_at
  into v_job
  from pawl.jobs j
  join pawl.job_progress p on p.job_id = j.id
  left join pawl.estimate_jobs(array[p_job_id]) e on true
  where j.id = p_job_id;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;

  if v_job.finished_at is not null then
    v_message := case v_job.status
      when 'completed' then coalesce(v_job.error, 'it completed') || case when v_job.failed_now > 0 then pg_catalog.format(', though %s of its tasks failed', v_job.failed_now) else '' end
      when 'failed' then 'it failed' || coalesce(': ' || v_job.error, '')
      else 'it was cancelled' || coalesce(': ' || v_job.error, '')
    end;
  else
    if v_job.pending_now > 0 or v_job.status = 'paused' then
      v_reasons := pawl.obstacles_of(p_job_id);
    end if;
    if v_job.waiting_now > 0 then
      v_waits := pawl.sample_waits(p_job_id);
      if v_reasons = '[]' and v_job.pending_now + v_job.running_now = 0 and v_waits <> '[]' then
        v_reasons := pg_catalog.jsonb_build_array(pawl.reason(v_waits -> 0 ->> 'reason', 'its tasks wait ' || pawl.explain_wait(v_waits -> 0 ->> 'reason'),
          null, (v_waits -> 0 ->> 'next_look_at')::timestamptz, 'when that time comes'));
      end if;
    end if;
    if v_reasons = '[]' and v_job.waiting_now + v_job.pending_now + v_job.running_now = 0 and not v_job.is_standing then
      v_reasons := pg_catalog.jsonb_build_array(case
        when v_job.is_sealed then pawl.reason('fold', 'all its tasks have ended: a node is about to count that', null, pawl.now() + interval '30 seconds', 'when a node folds')
        else pawl.reason('open', 'all its tasks have ended, and more may come: pawl.seal_job(' || p_job_id || ') says that none will', null, null, 'when it is sealed')
      end);
    end if;
    v_message := case
      when v_reasons <> '[]' then v_reasons -> 0 ->> 'message'
      when v_job.running_now > 0 then pg_catalog.format('it runs: %s at once', v_job.running_now)
      when v_job.pending_now > 0 then 'its tasks wait for their turn'
      else 'it has nothing to do'
    end;
    if v_reasons = '[]' and v_job.running_now = 0 and v_job.pending_now > 0 then
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('queue', v_message, null, pawl.now() + interval '250 milliseconds', 'when the job''s turn comes'));
    end if;
  end if;
  return case when v_job.data_type is not null then pg_catalog.jsonb_build_object('type', v_job.data_type) else '{}' end
    || pg_catalog.jsonb_build_object('job', p_job_id::text, 'kind', v_job.kind, 'status', v_job.status, 'message', v_message,
    'since_at', case when v_job.finished_at is not null then pg_catalog.to_jsonb(v_job.finished_at) else v_reasons -> 0 -> 'since_at' end,
    'next_look_at', v_reasons -> 0 -> 'next_look_at', 'until', v_reasons -> 0 -> 'until', 'reasons', v_reasons,
    'waits', coalesce(v_waits, '[]'),
    'total', v_job.total_now, 'waiting', v_job.waiting_now, 'pending', v_job.pending_now, 'running', v_job.running_now,
    'completed', v_job.completed_now, 'failed', v_job.failed_now, 'cancelled', v_job.cancelled_now,
    'per_second', v_job.per_second,
    -- a limit that opens later is later than what the pace until now promises
    'estimated_completion_at', case when v_job.completes_at is not null
      then greatest(v_job.completes_at, case when v_job.running_now = 0 then (v_reasons -> 0 ->> 'next_look_at')::timestamptz end) end);
end
$$;
comment on function pawl.why_job(bigint) is 'what a job waits for, since when, and when that is looked at next';

-- What the waiting tasks of a job wait for, by reason, the most common first: of at most 1,000 of them, found among
-- the 10,000 that are due next of all jobs and the job's newest 10,000, so that it costs the same whatever else is there.
create or replace function pawl.sample_waits(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  with found as (
    select d.id, d.wait_reason, d.run_at, d.error
    from (
      select t.job_id, t.id, t.status, t.wait_reason, t.run_at, t.error
      from pawl.tasks t
      where t.due_at is not null
      order by t.due_at
      limit 10000
    ) d
    where d.job_id = p_job_id
      and d.status = 'waiting'
    union
    select d.id, d.wait_reason, d.run_at, d.error
    from (
      select t.id, t.status, t.wait_reason, t.run_at, t.error
      from pawl.tasks t
      where t.job_id = p_job_id
      order by t.id desc
      limit 10000
    ) d
    where d.status = 'waiting'
  ), sample as (
    select f.* from found f order by f.run_at, f.id limit 1000
  )
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) order by r.tasks desc, r.reason), '[]')
  from (
    select coalesce(s.wait_reason, 'delay') as reason, pawl.explain_wait(s.wait_reason) as message, pg_catalog.count(*) as tasks,
      pg_catalog.min(s.run_at) as next_look_at, (pg_catalog.array_agg(p_job_id || '/' || s.id order by s.run_at, s.id))[1] as task,
      (pg_catalog.array_agg(s.error order by s.run_at, s.id))[1] as error
    from sample s
    group by s.wait_reason
  ) r
$$;
comment on function pawl.sample_waits(bigint) is 'what the waiting tasks of a job wait for, by reason';
