-- pawl.add_tasks(job, payloads, keys, priority, run_at): adds tasks to an open job in one statement.
-- keys[i] belongs to payloads[i]; a task whose key the job has already is left out.
-- Returns how many were added. Refuses an unknown job (PW002), a finished or sealed one (PW003), a large
-- payload (PW004), and keys that do not go with the payloads, or what no task may have (PW006).
-- Locks: a finite job's row FOR KEY SHARE; keys in order, so that two that add the
-- same keys wait for each other in one direction only.
create or replace function pawl.add_tasks(
  p_job_id bigint,
  p_payloads jsonb[],
  p_keys text[] default null,
  p_priority real default 0,
  p_run_at timestamptz default null
) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job record;
  v_suspect jsonb;
  v_added bigint;
  v_is_later boolean := coalesce(p_run_at > pawl.now(), false);
begin
  select j.org_id, j.is_sealed, j.is_standing, j.status, j.finished_at, j.kind, k.max_payload_bytes,
    k.aged_before + k.ageing * pg_catalog.date_part('epoch', pawl.now() - k.aged_at) / 60 as lateness
  into v_job
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.id = p_job_id;
  if not v_job.is_standing then
    -- with the lock held nobody can seal the job before the tasks are in it
    select j.is_sealed, j.finished_at into v_job.is_sealed, v_job.finished_at
    from pawl.jobs j
    where j.id = p_job_id
    for key share;
  end if;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;
  if v_job.is_sealed and v_job.finished_at is null then
    raise exception 'job % is sealed: no task can be added', p_job_id
      using errcode = 'PW003', hint = 'Create the job with p_is_sealed => false and seal it with pawl.seal_job when all is added.';
  end if;
  if p_payloads is null then
    perform pawl.refuse_null('p_payloads', 'For no tasks give an empty array; array_agg of no rows, for one, is null.');
  end if;
  if p_keys is not null and pg_catalog.cardinality(p_keys) <> pg_catalog.cardinality(p_payloads) then
    raise exception '% keys do not go with % payloads', pg_catalog.cardinality(p_keys), pg_catalog.cardinality(p_payloads)
      using errcode = 'PW006', hint = 'Give one key for each payload, or none at all.';
  end if;
  select p into v_suspect
  from unnest(p_payloads) p
  where p is null
    or pg_catalog.pg_column_size(p) > v_job.max_payload_bytes
  limit 1;
  perform pawl.check_task(v_job.kind, v_job.max_payload_bytes, case when found then v_suspect else '{}' end, p_priority, p_run_at);

  insert into pawl.tasks (job_id, org_id, key, is_key_reusable, priority, lateness, status, run_at, wait_reason, payload)
  select p_job_id, v_job.org_id, n.key, v_job.is_standing, coalesce(p_priority, 0), v_job.lateness,
    case when v_is_later then 'waiting' else 'pending' end::pawl.task_status,
    case when v_is_later then p_run_at end,
    case when v_is_later then 'delay' end,
    n.payload
  from unnest(p_payloads, p_keys) with ordinality as n (payload, key, place)
  order by n.key, n.place
  on conflict (job_id, key) where is_key_active do nothing;
  get diagnostics v_added = row_count;
  return v_added;
end
$$;
comment on function pawl.add_tasks(bigint, jsonb[], text[], real, timestamptz) is 'adds tasks to an open job; returns how many';
