-- pawl.test_kind(kind): tries out what a kind calls. Of http it starts a job with a self-test: one request
-- (OPTIONS) to the target, with the kind's headers and secrets, not tried again; the job's only task is then
-- completed with status and times, or failed and says what is wrong (src/executors/http/self_test.c). No
-- limiter holds it up. Of sql it only looks whether the function is there.
-- Returns the job's id, or null where there is nothing to wait for: another executor, or requests whose
-- payload says where they go. Refuses an unknown kind (PW001), a function that does not exist (PW006).
-- Locks: as pawl.create_job.
create or replace function pawl.test_kind(p_kind text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind record;
  v_job_id bigint;
begin
  select k.executor, k.target into v_kind from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if v_kind.executor = 'sql' and pg_catalog.to_regprocedure(v_kind.target || '(jsonb)') is null then
    raise exception 'function %(jsonb) does not exist', v_kind.target
      using errcode = 'PW006', hint = 'Create it again, or name another with pawl.define_kind.';
  end if;
  if v_kind.executor <> 'http' or v_kind.target is null then
    return null;
  end if;
  v_job_id := pawl.create_job(p_kind, array['{}'::jsonb], '{"self_test": true}');
  update pawl.jobs j set limiter_key = null where j.id = v_job_id;
  return v_job_id;
end
$$;
comment on function pawl.test_kind(text) is 'tries out what a kind calls; returns the job to wait for, or null';
