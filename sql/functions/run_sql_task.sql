-- pawl.run_sql_task(node, job, task, attempt): the sql executor: calls the kind's function with the
-- payload and completes the task, in one transaction: effect exactly once (I7).
-- Returns nothing. Raises PW008 when the task has another owner by then: the function's effect is
-- undone with it; PW006 when the function is gone. What the function raises goes through; the node
-- records it as the attempt's error.
-- No SET clause here: the function that is called sees the session's settings, search_path above all,
-- as it would anywhere else. So every name is qualified, and the work on tasks is done by others.
-- Locks: what the function takes, then the task.
create or replace function pawl.run_sql_task(p_node_id integer, p_job_id bigint, p_task_id bigint, p_attempt integer) returns void
language plpgsql volatile
as $$
declare
  v_task record;
  v_function regproc;
  v_result jsonb;
begin
  select s.target, s.payload, s.is_followed into v_task
  from pawl.read_sql_task(p_node_id, p_job_id, p_task_id, p_attempt) s;
  if found then
    v_function := pg_catalog.to_regprocedure(v_task.target || '(jsonb)')::pg_catalog.regproc;
    if v_function is null then
      raise exception 'function %(jsonb) does not exist', v_task.target
        using errcode = 'PW006', hint = 'Create it again, or name another with pawl.define_kind.';
    end if;
    execute pg_catalog.format('select pg_catalog.to_jsonb(r) from (select %s($1)) as f (r)', v_function)
    into v_result
    using v_task.payload;
    if pawl.end_sql_task(p_node_id, p_job_id, p_task_id, p_attempt, v_task.is_followed, v_result) then
      return;
    end if;
  end if;
  raise exception 'task %/% is not this node''s any more', p_job_id, p_task_id
    using errcode = 'PW008';
end
$$;
comment on function pawl.run_sql_task(integer, bigint, bigint, integer) is 'calls the kind''s SQL function and completes the task in one transaction';

-- Completes a task with what its function returned; false when it is not the node's any more. A function without a result gives
-- the empty text.
create or replace function pawl.end_sql_task(
  p_node_id integer,
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_is_followed boolean,
  p_result jsonb
) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_is_followed then
    return pawl.finish_followed_tasks(p_node_id, array[p_job_id], array[p_task_id], array[p_attempt], array['completed'],
      array[0::bigint], array[nullif(p_result::text, '""')], array[null::text], array[null::text],
      array[coalesce(pg_catalog.octet_length(p_result::text), 0) + ( -- for a budget of bytes: what went in and came out
        select pg_catalog.octet_length(t.payload::text) from pawl.tasks t where t.job_id = p_job_id and t.id = p_task_id)::bigint],
      array[true]) = 1;
  end if;
  return pawl.finish_tasks(p_node_id, array[p_job_id], array[p_task_id], array[p_attempt], array['completed'],
    array[0::bigint], array[nullif(p_result::text, '""')], array[null::text], array[null::text]) = 1;
end
$$;
comment on function pawl.end_sql_task(integer, bigint, bigint, integer, boolean, jsonb) is 'completes a task with what its SQL function returned';

-- What a node needs to run one task; no row when the task is not its own any more.
create or replace function pawl.read_sql_task(p_node_id integer, p_job_id bigint, p_task_id bigint, p_attempt integer)
returns table (target text, payload jsonb, is_followed boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
as $$
begin
  return query
  select k.target, t.payload, j.on_complete is not null and j.is_standing or j.limiter_key is not null or j.data_type is not null
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  join pawl.kinds k on k.name = j.kind
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id = p_node_id
    and t.attempt = p_attempt;
end
$$;
comment on function pawl.read_sql_task(integer, bigint, bigint, integer) is 'target and payload of a task that a node runs, and whether it has a successor';
