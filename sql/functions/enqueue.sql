-- pawl.enqueue(kind, payload, key, priority, run_at, limit_key): puts a task into the kind's standing job, in
-- the caller's transaction. With a key of which a task is active already, that task's id comes back, and
-- the request may only raise its priority. A limit key names for whom the task is (a customer, a device):
-- each has a standing job of its own, so that limits per key hold (pawl.set_limit) and turns are taken
-- between them; keys of tasks are unique within it. Empty or null: none.
-- Returns one row (job_id, task_id). Refuses an unknown kind (PW001), a large payload (PW004), and a
-- payload, priority, time or limit key that no task may have (PW006).
-- The settings pin the plans, as in pawl.claim_batch.
-- Locks: with a key that another transaction has just inserted, waits for that one's end; so with the
-- first task of a limit key.
create or replace function pawl.enqueue(
  p_kind text,
  p_payload jsonb default '{}',
  p_key text default null,
  p_priority real default 0,
  p_run_at timestamptz default null,
  p_limit_key text default null
) returns table (job_id bigint, task_id bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  v_job_id bigint := pawl.standing_job(p_kind, coalesce(p_limit_key, ''));
  v_task_id bigint;
  v_is_later boolean := coalesce(p_run_at > pawl.now(), false);
  v_max_bytes integer;
  v_lateness double precision;
begin
  select k.max_payload_bytes, k.aged_before + k.ageing * pg_catalog.date_part('epoch', pawl.now() - k.aged_at) / 60
  into v_max_bytes, v_lateness
  from pawl.kinds k where k.name = p_kind;
  perform pawl.check_task(p_kind, v_max_bytes, p_payload, p_priority, p_run_at);
  loop
    insert into pawl.tasks (job_id, key, is_key_reusable, priority, lateness, status, run_at, wait_reason, payload)
    values (v_job_id, p_key, true, coalesce(p_priority, 0), v_lateness,
      case when v_is_later then 'waiting' else 'pending' end::pawl.task_status,
      case when v_is_later then p_run_at end,
      case when v_is_later then 'delay' end, p_payload)
    on conflict (job_id, key) where is_key_active do nothing
    returning id into v_task_id;
    exit when v_task_id is not null;

    select t.id into v_task_id
    from pawl.tasks t
    where t.job_id = v_job_id
      and t.key = p_key
      and t.is_key_active;
    if v_task_id is not null then
      update pawl.tasks t
      set priority = p_priority
      where t.job_id = v_job_id
        and t.id = v_task_id
        and t.status in ('waiting', 'pending')
        and t.priority < p_priority;
      exit;
    end if;
    -- the task that held the key has just ended: try again
  end loop;
  return query select v_job_id, v_task_id;
end
$$;
comment on function pawl.enqueue(text, jsonb, text, real, timestamptz, text)
  is 'puts a task into the kind''s standing job; with an active key, returns the task that is there';
