-- pawl.start_alone(node, job, task, attempt), pawl.finish_alone(node, job, task, attempt, message, detail, hint): the sql
-- executor, for a statement that refuses to run inside a transaction of ours (vacuum, a procedure that commits). The
-- kind's function F says so by raising PW010, having had no effect; then F_alone(payload) says which statement it is, and
-- as which role ("none": as the node's), the executor runs it by itself, and F_ended(payload, error, started) is told what
-- came of it; error is null when it went well. The effect of such a statement is not tied to the task's end:
-- when a node dies in between, it is run again.
-- start_alone returns one row (role, statement). Both refuse a task that is not the node's any more (PW008).
-- Locks: what F_ended takes, then the task.
create or replace function pawl.start_alone(p_node_id integer, p_job_id bigint, p_task_id bigint, p_attempt integer)
returns table (role text, statement text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task record;
begin
  select s.target, s.payload into v_task
  from pawl.read_sql_task(p_node_id, p_job_id, p_task_id, p_attempt) s;
  if not found then
    raise exception 'task %/% is not this node''s any more', p_job_id, p_task_id using errcode = 'PW008';
  end if;
  return query execute pg_catalog.format('select a.role, a.statement from %s_alone($1) a', v_task.target) using v_task.payload;
end
$$;
comment on function pawl.start_alone(integer, bigint, bigint, integer) is 'the statement of a task that refuses to run inside a transaction';

create or replace function pawl.finish_alone(
  p_node_id integer,
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_started timestamptz,
  p_message text,
  p_detail text,
  p_hint text
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task record;
  v_result jsonb;
  v_error text := 'ERROR:  ' || p_message || E'\n'
    || coalesce('DETAIL:  ' || nullif(p_detail, '') || E'\n', '')
    || coalesce('HINT:  ' || nullif(p_hint, '') || E'\n', '');
begin
  select s.target, s.payload, s.is_followed into v_task
  from pawl.read_sql_task(p_node_id, p_job_id, p_task_id, p_attempt) s;
  if found then
    execute pg_catalog.format('select %s_ended($1, $2, $3)', v_task.target) into v_result using v_task.payload, v_error, p_started;
    if pawl.end_sql_task(p_node_id, p_job_id, p_task_id, p_attempt, v_task.is_followed, v_result) then
      return;
    end if;
  end if;
  raise exception 'task %/% is not this node''s any more', p_job_id, p_task_id using errcode = 'PW008';
end
$$;
comment on function pawl.finish_alone(integer, bigint, bigint, integer, timestamptz, text, text, text)
  is 'what came of a statement that ran by itself: completes its task';
