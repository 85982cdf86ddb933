-- pawl.create_job(kind, payloads, params, ...): a finite job with its tasks at once. Sealed, unless
-- p_is_sealed is false: then pawl.add_tasks adds and pawl.seal_job seals. A sealed job without tasks
-- is completed from the start. p_on_complete: kind of which a task is enqueued when it completes (pawl.follow_job).
-- Returns the job's id. Refuses an unknown kind (PW001), and what pawl.add_tasks refuses.
-- Locks: the kind's row and the limiter's, as a foreign key does. Nobody else sees the job yet: so it
-- is sealed without a wait, and without a bell.
create or replace function pawl.create_job(
  p_kind text,
  p_payloads jsonb[],
  p_params jsonb default '{}',
  p_is_sealed boolean default true,
  p_priority real default 0,
  p_limiter_key text default null,
  p_on_complete text default null
) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
  v_limiter text;
  v_added bigint;
begin
  select coalesce(p_limiter_key, k.limiter_key) into v_limiter from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if p_limiter_key is not null and not exists (select from pawl.limiters l where l.key = p_limiter_key) then
    raise exception 'limiter "%" does not exist', p_limiter_key
      using errcode = 'PW006', hint = 'Insert it into pawl.limiters first; it may serve any number of jobs.';
  end if;
  if p_priority in ('NaN', 'Infinity', '-Infinity') then
    perform pawl.refuse_value('p_priority', p_priority, 'a finite number');
  end if;
  if p_on_complete is not null then
    perform pawl.standing_job(p_on_complete); -- so that the fold, which ends jobs, need not make it
  end if;
  insert into pawl.jobs (kind, params, priority, limiter_key, on_complete, is_sealed)
  values (p_kind, coalesce(p_params, '{}'), coalesce(p_priority, 0), v_limiter, p_on_complete, false)
  returning id into v_job_id;
  v_added := pawl.add_tasks(v_job_id, p_payloads);
  if p_is_sealed then
    update pawl.jobs j
    set is_sealed = true,
        status = case when v_added = 0 then 'completed' else j.status end,
        finished_at = case when v_added = 0 then pawl.now() end
    where j.id = v_job_id;
    if v_added = 0 and p_on_complete is not null then
      perform pawl.follow_job(v_job_id);
    end if;
  end if;
  return v_job_id;
end
$$;
comment on function pawl.create_job(text, jsonb[], jsonb, boolean, real, text, text) is 'a finite job with its tasks at once; returns its id';
