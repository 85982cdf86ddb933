-- pawl.retry_failed(job): runs every failed task of the job again, as pawl.retry_task does.
-- Of several with one key (a standing job) only the last runs again, and none while a task with that
-- key is active.
-- Of refreshes of a data type only those run again whose keys nobody has locked, and that are not being refreshed.
-- Returns how many. Refuses an unknown job (PW002).
-- Locks: the job's row, then its failed tasks by id; of refreshes the keys' freshness (skip locked); waits for enqueues of their keys that are under way.
create or replace function pawl.retry_failed(p_job_id bigint) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text;
  v_keys text[];
  v_tasks bigint[];
  v_count bigint;
  v_tries_left integer := 10;
begin
  select j.data_type into v_type from pawl.jobs j where j.id = p_job_id for no key update;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;
  select pg_catalog.array_agg(l.id), pg_catalog.array_agg(l.key) into v_tasks, v_keys
  from (
    select t.id, t.key
    from pawl.tasks t
    where t.job_id = p_job_id
      and t.status = 'failed'
    order by t.id
    for update
  ) l;
  v_tasks := pawl.give_back_refreshes(v_type, v_keys, v_tasks);
  loop
    begin
      update pawl.tasks t
      set status = 'pending', uncounted_attempts = t.attempt, finished_at = null, wait_reason = null, result = null
      where t.job_id = p_job_id
        and t.id in (
          select distinct on (coalesce(f.key, f.id::text), f.key is null) f.id
          from pawl.tasks f
          where f.job_id = p_job_id
            and f.id = any (v_tasks)
            and f.status = 'failed'
            and (f.is_key_active or f.key is null
              or not exists (select from pawl.tasks a where a.job_id = p_job_id and a.key = f.key and a.is_key_active))
          order by coalesce(f.key, f.id::text), f.key is null, f.id desc);
      get diagnostics v_count = row_count;
      return v_count;
    exception
      when unique_violation then -- a key was enqueued in between: look again
        v_tries_left := v_tries_left - 1;
        if v_tries_left = 0 then
          raise;
        end if;
    end;
  end loop;
end
$$;
comment on function pawl.retry_failed(bigint) is 'runs every failed task of a job again; returns how many';
