-- pawl.standing_job(kind): id of the kind's standing job, made on first use.
-- Locks: none when it exists; else it inserts, and of two that insert at once the second waits for
-- the first and takes its job.
-- Triggers on users' tables call this with its owner's rights, so even types are named with their schema: without
-- it, a type of the caller's own in pg_temp would come first.
create or replace function pawl.standing_job(p_kind text) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_job_id bigint;
  v_taken bigint;
  v_limiter pg_catalog.text;
  v_on_complete pg_catalog.text;
begin
  select s.job_id into v_job_id
  from pawl.standing_jobs s
  where s.kind = p_kind
    and s.org_id = '00000000-0000-0000-0000-000000000000';
  if found then
    return v_job_id;
  end if;

  select k.limiter_key, k.on_complete into v_limiter, v_on_complete from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  v_job_id := pg_catalog.nextval('pawl.job_ids');
  insert into pawl.standing_jobs (kind, job_id)
  values (p_kind, v_job_id)
  on conflict (kind, org_id) do nothing
  returning job_id into v_taken;
  if v_taken is null then
    return pawl.standing_job(p_kind);
  end if;
  insert into pawl.jobs (id, kind, limiter_key, on_complete, is_standing)
  values (v_job_id, p_kind, v_limiter, v_on_complete, true);
  return v_job_id;
end
$$;
comment on function pawl.standing_job(text) is 'id of the kind''s standing job, made on first use';
