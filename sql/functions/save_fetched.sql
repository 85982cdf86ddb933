-- pawl.save_fetched(node, job, task, attempt, status, headers, body, bytes): the http executor's form "fetch" has an answer that says
-- something of the data: 2xx, 204 and 304 (no news), 404 and 410 (there is none). The function of the task's data type saves it
-- (pawl.data_types.save_function), and the task is completed, in one transaction: effect exactly once (I7).
--   p_headers   an object, names in lower case
--   p_body      as it came; the function is given jsonb, see pawl.read_fetched
--   p_bytes     that were sent and received, for budgets
-- What the function returns is the task's result, see pawl.fetch_result. When it raises a data exception or a constraint's (SQLSTATE
-- class 22, 23 or 54), or the body cannot be read, the answer is rejected: nothing it did is there, and the task is completed
-- saying so, since the same answer would be refused again. What else it raises goes through; the node records it as the attempt's error.
-- Returns nothing. Raises PW008 when the task has another owner by then: the function's effect is undone with it; PW006 when
-- the task is no refresh of a data type that is fetched, or the function is gone: trying again is of no use.
-- No SET clause here: as in pawl.run_sql_task.
-- Locks: what the function takes, then those of pawl.finish_followed_tasks.
create or replace function pawl.save_fetched(
  p_node_id integer,
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_status integer,
  p_headers jsonb,
  p_body bytea,
  p_bytes bigint
) returns void
language plpgsql volatile
as $$
declare
  v_fetch record;
  v_body jsonb;
  v_is_read boolean;
  v_answer jsonb;
  v_result jsonb;
begin
  select f.save_function, f.key into v_fetch
  from pawl.read_fetch(p_node_id, p_job_id, p_task_id, p_attempt) f;
  if found then
    begin
      v_body := pawl.read_fetched(p_status, p_headers, p_body);
      v_is_read := true;
      execute pg_catalog.format('select pg_catalog.to_jsonb(r) from (select %s($1, $2, $3, $4)) as f (r)', v_fetch.save_function)
      into v_answer
      using v_fetch.key, p_status, p_headers, v_body;
      set constraints all immediate; -- what they refuse they refuse here
      v_result := pawl.fetch_result(p_status, v_answer);
    exception
      when data_exception or integrity_constraint_violation or program_limit_exceeded then
        v_result := pawl.rejection_of(sqlerrm, v_is_read);
    end;
    if pawl.end_fetch(p_node_id, p_job_id, p_task_id, p_attempt, v_result, p_bytes) then
      return;
    end if;
  end if;
  raise exception 'task %/% is not this node''s any more', p_job_id, p_task_id
    using errcode = 'PW008';
end
$$;
comment on function pawl.save_fetched(integer, bigint, bigint, integer, integer, jsonb, bytea, bigint)
  is 'a data type''s function saves what was fetched, and its task is completed, in one transaction';

-- What saves what a task has fetched, and of which key it is; no row when the task is not the node's any more.
create or replace function pawl.read_fetch(p_node_id integer, p_job_id bigint, p_task_id bigint, p_attempt integer)
returns table (save_function regproc, key text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
as $$
declare
  v_fetch record;
begin
  select j.kind, j.data_type, d.save_function, coalesce(t.payload ->> 'key', '') as key
  into v_fetch
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  left join pawl.data_types d on d.name = j.data_type
  where t.job_id = p_job_id
    and t.id = p_task_id
    and t.status = 'running'
    and t.node_id = p_node_id
    and t.attempt = p_attempt;
  if not found then
    return;
  end if;
  if v_fetch.save_function is null then
    raise exception 'kind "%" has the form "fetch", and its tasks are refreshes of a data type', v_fetch.kind
      using errcode = 'PW006', hint = 'Define one with pawl.define_data_type, and ask it for a refresh with pawl.request_refresh.';
  end if;
  save_function := pg_catalog.to_regprocedure(v_fetch.save_function)::pg_catalog.regproc;
  key := v_fetch.key;
  if save_function is null then
    raise exception 'function % does not exist, which saves what is fetched for data type "%"', v_fetch.save_function, v_fetch.data_type
      using errcode = 'PW006', hint = 'Create it again, or name another with pawl.define_data_type.';
  end if;
  return next;
end
$$;
comment on function pawl.read_fetch(integer, bigint, bigint, integer) is 'what saves what a task has fetched, and of which key it is';

-- A body as jsonb: what is called JSON, or looks like an object or an array and is one; other text is a JSON string. Null without a body,
-- and for answers that have no data (src/executors/http/fetch.c says which: change both), whatever stands in them.
-- Raises a data exception for what is no UTF-8, what is called JSON and is none, and what jsonb does not hold (\u0000).
create or replace function pawl.read_fetched(p_status integer, p_headers jsonb, p_body bytea) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_body bytea := case when pg_catalog.substr(p_body, 1, 3) = '\xefbbbf' then pg_catalog.substr(p_body, 4) else p_body end; -- without a mark of the byte order
  v_is_called_json boolean := coalesce(p_headers ->> 'content-type' ~* '^\s*[a-z]+/([^;\s]+\+)?json\s*(;|$)', false);
  v_text text;
begin
  if coalesce(pg_catalog.octet_length(v_body), 0) = 0 or p_status in (204, 304, 404, 410) then
    return null;
  end if;
  v_text := pg_catalog.convert_from(v_body, 'UTF8');
  if not v_is_called_json and v_text !~ '^\s*[{[]' then
    return pg_catalog.to_jsonb(v_text);
  end if;
  return v_text::jsonb;
exception
  when invalid_text_representation then
    if v_is_called_json then
      raise invalid_text_representation using message = 'it is called JSON, and is none: ' || pg_catalog.left(v_text, 200);
    end if;
    return pg_catalog.to_jsonb(v_text);
end
$$;
comment on function pawl.read_fetched(integer, jsonb, bytea) is 'the body of what was fetched as jsonb';

-- The result of a refresh that was fetched (pawl.settle_refreshes reads it): what the function returned, if that has an outcome or is one
-- as text; else what the status says, with its source_at if it gave one: of 2xx nothing, so the table is looked at.
create or replace function pawl.fetch_result(p_status integer, p_answer jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_answer in ('"data"', '"empty"', '"unchanged"', '"rejected"') then pg_catalog.jsonb_build_object('outcome', p_answer)
    when pg_catalog.jsonb_typeof(p_answer) = 'object' and pg_catalog.jsonb_typeof(p_answer -> 'outcome') <> 'null' then p_answer
    else
      case
        when p_status = 304 then '{"outcome": "unchanged"}'::jsonb
        when p_status in (204, 404, 410) then '{"outcome": "empty"}'
        else '{}'
      end || case
        when pg_catalog.jsonb_typeof(p_answer) = 'object' and pg_catalog.jsonb_typeof(p_answer -> 'source_at') <> 'null'
          then pg_catalog.jsonb_build_object('source_at', p_answer -> 'source_at')
        else '{}'
      end
  end
$$;
comment on function pawl.fetch_result(integer, jsonb) is 'the result of a refresh that was fetched, by what its function returned';

create or replace function pawl.rejection_of(p_error text, p_is_read boolean) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('outcome', 'rejected', 'error',
    case when p_is_read then '' else 'the reply cannot be read: ' end || pg_catalog.left(p_error, 1000))
$$;
comment on function pawl.rejection_of(text, boolean) is 'the result of a refresh whose answer could not be used';

-- Completes the task; false when it is not the node's any more.
create or replace function pawl.end_fetch(
  p_node_id integer,
  p_job_id bigint,
  p_task_id bigint,
  p_attempt integer,
  p_result jsonb,
  p_bytes bigint
) returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pawl.finish_followed_tasks(p_node_id, array[p_job_id], array[p_task_id], array[p_attempt], array['completed'], array[0::bigint],
    array[p_result::text], array[null::text], array[null::text], array[p_bytes], array[true]) = 1
$$;
comment on function pawl.end_fetch(integer, bigint, bigint, integer, jsonb, bigint) is 'completes a task that has fetched';
