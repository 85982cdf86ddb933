-- pawl.run_sql_task(node, job, task, attempt): the sql executor: calls the kind's function with the
-- payload and completes the task, in one transaction: effect exactly once (I7).
-- Returns nothing. Raises PW008 when the task has another owner by then: the function's effect is
-- undone with it. What the function raises goes through; the node records it as the attempt's error.
-- Locks: what the function takes, then the task.
create or replace function pawl.run_sql_task(p_node_id integer, p_job_id bigint, p_task_id bigint, p_attempt integer) returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  v_target text;
  v_payload jsonb;
  v_result jsonb;
begin
  select k.target, t.payload into v_target, v_payload
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  join pawl.kinds k on k.name = j.kind
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id = p_node_id
    and t.attempt = p_attempt;
  if found then
    execute pg_catalog.format('select pg_catalog.to_jsonb(r) from (select %s($1)) as f (r)',
      pg_catalog.to_regprocedure(v_target || '(jsonb)')::regproc)
    into v_result
    using v_payload;

    update pawl.tasks t
    set status = 'completed', finished_at = pawl.now(), error = null,
        result = case when v_result::text <> '""' then v_result end
    where t.job_id = p_job_id
      and t.id = p_task_id
      and t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = p_attempt;
  end if;
  if not found then
    raise exception 'task %/% is not this node''s any more', p_job_id, p_task_id
      using errcode = 'PW008';
  end if;
end
$$;
comment on function pawl.run_sql_task(integer, bigint, bigint, integer) is 'calls the kind''s SQL function and completes the task in one transaction';
