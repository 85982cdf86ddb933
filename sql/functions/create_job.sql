-- pawl.create_job(kind, payloads, params, ...): a finite job with its tasks at once. Sealed, unless
-- p_is_sealed is false: then pawl.add_tasks adds and pawl.seal_job seals. A sealed job without tasks
-- is completed from the start.
-- Returns the job's id. Refuses an unknown kind (PW001) and a large payload (PW004).
create or replace function pawl.create_job(
  p_kind text,
  p_payloads jsonb[],
  p_params jsonb default '{}',
  p_is_sealed boolean default true,
  p_priority real default 0,
  p_limiter_key text default null
) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_job_id bigint;
  v_limiter text;
begin
  select coalesce(p_limiter_key, k.limiter_key) into v_limiter from pawl.kinds k where k.name = p_kind;
  if not found then
    raise exception 'kind "%" does not exist', p_kind
      using errcode = 'PW001', hint = 'Define it: select pawl.define_kind(name, executor, target); pawl kind list shows those that exist.';
  end if;
  insert into pawl.jobs (kind, params, priority, limiter_key, is_sealed)
  values (p_kind, coalesce(p_params, '{}'), coalesce(p_priority, 0), v_limiter, false)
  returning id into v_job_id;
  perform pawl.add_tasks(v_job_id, p_payloads);
  if p_is_sealed then
    perform pawl.seal_job(v_job_id);
  end if;
  return v_job_id;
end
$$;
comment on function pawl.create_job(text, jsonb[], jsonb, boolean, real, text) is 'a finite job with its tasks at once; returns its id';
