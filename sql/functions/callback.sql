-- A function that was called over HTTP and answered 202 calls back: POST /v1/callbacks/JOB/TASK/ATTEMPT of any node's
-- API is one call of pawl.callback. The token in the request names one attempt, and nothing else can be done with it.

-- pawl.callback_token(job, task, attempt): what lets a function call back for this attempt: HMAC-SHA256 (RFC 2104) with the
-- installation's key over "callback", job, task and attempt, a line feed between them, in hexadecimal digits. The same
-- in src/executors/http/signature.c: change both.
-- Locks: none.
create or replace function pawl.callback_token(p_job_id bigint, p_task_id bigint, p_attempt integer) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- a key of 32 bytes, filled up with zeros to a block of 64
  v_key bytea := (select i.callback_key || pg_catalog.decode(pg_catalog.repeat('00', 32), 'hex') from pawl.installation i);
  v_inner bytea := v_key;
  v_outer bytea := v_key;
begin
  for v_place in 0..63 loop
    v_inner := pg_catalog.set_byte(v_inner, v_place, pg_catalog.get_byte(v_key, v_place) # 54);
    v_outer := pg_catalog.set_byte(v_outer, v_place, pg_catalog.get_byte(v_key, v_place) # 92);
  end loop;
  return pg_catalog.encode(pg_catalog.sha256(v_outer || pg_catalog.sha256(v_inner
    || pg_catalog.convert_to(E'callback\n' || p_job_id || E'\n' || p_task_id || E'\n' || p_attempt, 'UTF8'))), 'hex');
end
$$;
comment on function pawl.callback_token(bigint, bigint, integer) is 'what lets a function call back for an attempt';

-- pawl.callback(job, task, attempt, token, message): what became of an attempt, or how far it is:
--   {"status": "completed", "result": any}
--   {"status": "failed", "error": text, "retry_after_ms": number, "is_final": boolean}
--   {"status": "running", "percent": number, "message": text}    a heartbeat: the lease ends later
-- All but the status may be left out.
-- Returns {"task", "attempt", "status"}, for a heartbeat with the new "deadline", null while the request itself is not over.
-- Said again, it is answered the same and changes nothing. It may come before the 202 has been written, or
-- instead of any reply: it counts, and what the node then says finds the task ended (I4). A heartbeat that early leaves the
-- task to the node.
-- Refuses a token that is not this attempt's (PW011), whatever else is wrong; a message that is none (PW006); a result over
-- the kind's max_result_bytes (PW004); an unknown task (PW002); one that has ended otherwise (PW003); and an attempt that
-- is over, because it was too late or another has replaced it (PW008).
-- Locks: the task; the row of its progress.
create or replace function pawl.callback(p_job_id bigint, p_task_id bigint, p_attempt integer, p_token text, p_message jsonb)
returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  v_status text := p_message ->> 'status';
  v_task record;
  v_deadline timestamptz;
begin
  -- digests are compared, so that the time that it takes tells nothing of the token
  if pg_catalog.sha256(pg_catalog.convert_to(coalesce(p_token, ''), 'UTF8'))
      is distinct from pg_catalog.sha256(pg_catalog.convert_to(pawl.callback_token(p_job_id, p_task_id, p_attempt), 'UTF8')) then
    raise exception 'this is not the token of attempt % of task %/%', p_attempt, p_job_id, p_task_id
      using errcode = 'PW011', hint = 'Send the token of the request''s "callback", as: Authorization: Bearer TOKEN.';
  end if;
  perform pawl.check_callback(p_message);

  select t.status, t.attempt, t.node_id, t.error, k.options into v_task
  from pawl.tasks t
  join pawl.jobs j on j.id = t.job_id
  join pawl.kinds k on k.name = j.kind
  where t.job_id = p_job_id
    and t.id = p_task_id
  for update of t;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  if pg_catalog.octet_length((p_message -> 'result')::text) > coalesce((v_task.options ->> 'max_result_bytes')::bigint, 65536) then
    raise exception 'the result has % bytes, and at most % are kept', pg_catalog.octet_length((p_message -> 'result')::text),
        coalesce((v_task.options ->> 'max_result_bytes')::bigint, 65536)
      using errcode = 'PW004', hint = 'Store it elsewhere and say where, or raise the kind''s option max_result_bytes.';
  end if;

  if v_task.status = 'running' and v_task.attempt = p_attempt then
    case v_status
      when 'completed' then
        perform pawl.complete_attempt(p_job_id, p_task_id, p_attempt, p_message -> 'result', true);
      when 'failed' then
        perform pawl.fail_attempt(p_job_id, p_task_id, p_attempt, 'worker', coalesce(p_message ->> 'error', 'the function said that it failed'),
          (p_message ->> 'retry_after_ms')::double precision * interval '1 millisecond', (p_message ->> 'is_final')::boolean, true);
      else
        perform pawl.report_progress(p_job_id, p_task_id, p_attempt, (p_message ->> 'percent')::double precision, p_message ->> 'message');
        update pawl.tasks t
        set lease_until = greatest(t.lease_until, pawl.now() + coalesce((v_task.options ->> 'heartbeat_timeout_ms')::bigint,
              (v_task.options ->> 'callback_timeout_ms')::bigint, 3600000) * interval '1 millisecond')
        where t.job_id = p_job_id
          and t.id = p_task_id
          and t.node_id is null
        returning t.lease_until into v_deadline;
    end case;
  elsif not pawl.is_callback_repeated(p_job_id, p_task_id, p_attempt, v_status, v_task.status, v_task.attempt) then
    perform pawl.refuse_callback(p_job_id, p_task_id, p_attempt, v_task.status, v_task.attempt);
  end if;
  return pg_catalog.jsonb_build_object('task', p_job_id || '/' || p_task_id, 'attempt', p_attempt, 'status', v_status)
    || case when v_status = 'running' then pg_catalog.jsonb_build_object('deadline', v_deadline) else '{}' end;
end
$$;
comment on function pawl.callback(bigint, bigint, integer, text, jsonb) is 'a function that was called says what became of it, or how far it is';

-- Refuses a message that is none (PW006), in words.
create or replace function pawl.check_callback(p_message jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_members text[];
  v_wrong text;
begin
  if pg_catalog.jsonb_typeof(p_message) is distinct from 'object' then
    raise exception 'the body is no JSON object'
      using errcode = 'PW006', hint = 'Send {"status": "completed", "result": ...}, {"status": "failed", "error": "..."} or {"status": "running", "percent": 40}.';
  end if;
  v_members := case p_message -> 'status'
    when '"completed"' then array['status', 'result']
    when '"failed"' then array['status', 'error', 'retry_after_ms', 'is_final']
    when '"running"' then array['status', 'percent', 'message']
  end;
  if v_members is null then
    raise exception 'status is %', coalesce((p_message -> 'status')::text, 'missing')
      using errcode = 'PW006', hint = 'It must be "completed", "failed" or "running".';
  end if;
  select 'there is no ' || m.key into v_wrong
  from pg_catalog.jsonb_object_keys(p_message) m (key)
  where m.key <> all (v_members)
  limit 1;
  v_wrong := coalesce(v_wrong, case
    when pg_catalog.jsonb_typeof(p_message -> 'error') not in ('string', 'null') then 'error is no text'
    when pg_catalog.jsonb_typeof(p_message -> 'message') not in ('string', 'null') then 'message is no text'
    when pg_catalog.jsonb_typeof(p_message -> 'is_final') not in ('boolean', 'null') then 'is_final is neither true nor false'
    when pg_catalog.jsonb_typeof(p_message -> 'percent') not in ('number', 'null')
      or (p_message ->> 'percent')::numeric not between 0 and 100 then 'percent is no number from 0 to 100'
    when pg_catalog.jsonb_typeof(p_message -> 'retry_after_ms') not in ('number', 'null')
      or (p_message ->> 'retry_after_ms')::numeric not between 0 and 2592000000 then 'retry_after_ms is no number from 0 to 2592000000'
  end);
  if v_wrong is not null then
    raise exception '%', v_wrong
      using errcode = 'PW006', hint = pg_catalog.format('With the status %s there may be %s.', p_message -> 'status', pg_catalog.array_to_string(v_members[2:], ', '));
  end if;
end
$$;
comment on function pawl.check_callback(jsonb) is 'refuses a callback''s message that is none';

-- Has this attempt ended as it says now, by a callback before? Then it is the same once more.
create or replace function pawl.is_callback_repeated(
  p_job_id bigint, p_task_id bigint, p_attempt integer, p_said text, p_task_status pawl.task_status, p_task_attempt integer
) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case p_said
    when 'completed' then p_task_status = 'completed' and p_task_attempt = p_attempt
    when 'failed' then exists (
      select from pawl.attempts a
      where a.job_id = p_job_id
        and a.task_id = p_task_id
        and a.attempt = p_attempt
        and a.error_class = 'worker')
    else false
  end
$$;
comment on function pawl.is_callback_repeated(bigint, bigint, integer, text, pawl.task_status, integer) is 'has a callback said so before?';

create or replace function pawl.refuse_callback(
  p_job_id bigint, p_task_id bigint, p_attempt integer, p_task_status pawl.task_status, p_task_attempt integer
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_task_attempt <> p_attempt then
    raise exception 'attempt % of task %/% is over: the task is at attempt %', p_attempt, p_job_id, p_task_id, p_task_attempt
      using errcode = 'PW008', hint = 'Another attempt is called, under the same idempotency key.';
  elsif p_task_status in ('completed', 'failed', 'cancelled') then
    raise exception 'task %/% has ended: it is %', p_job_id, p_task_id, p_task_status
      using errcode = 'PW003', hint = 'Stop working on it.';
  end if;
  raise exception 'attempt % of task %/% is over: the task is %', p_attempt, p_job_id, p_task_id, p_task_status
    using errcode = 'PW008', hint = 'It is called again, under the same idempotency key.';
end
$$;
comment on function pawl.refuse_callback(bigint, bigint, integer, pawl.task_status, integer) is 'raises: what a callback is about is over';
