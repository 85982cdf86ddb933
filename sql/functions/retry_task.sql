-- pawl.retry_task(job, task): runs an ended task again, with a fresh count of attempts; its job is
-- open again. This is the only way out of a final state (I3).
-- A refresh of a data type is its key's again, so that its end says how fresh the data is.
-- Returns nothing. Refuses an unknown task (PW002), one that has not ended, one whose key another
-- task has by now, and a refresh whose key somebody has locked (PW003).
-- Locks: the job's row, then the task's; of a refresh the key's freshness (skip locked). Waits for an enqueue of its key that is under way.
create or replace function pawl.retry_task(p_job_id bigint, p_task_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text;
  v_task record;
begin
  select j.data_type into v_type from pawl.jobs j where j.id = p_job_id for no key update;
  select t.status, t.key into v_task
  from pawl.tasks t
  where t.job_id = p_job_id
    and t.id = p_task_id
  for update;
  if not found then
    perform pawl.refuse_task(p_job_id, p_task_id);
  end if;
  if v_task.status not in ('completed', 'failed', 'cancelled') then
    raise exception 'task %/% has not ended: it is %', p_job_id, p_task_id, v_task.status
      using errcode = 'PW003', hint = 'Only a task that has ended can be retried.';
  end if;
  if pawl.give_back_refreshes(v_type, array[v_task.key], array[p_task_id]) = '{}' then
    raise exception 'key "%" of task %/% is being looked at, or refreshed', v_task.key, p_job_id, p_task_id
      using errcode = 'PW003', hint = pg_catalog.format('Try again, or ask for a refresh: pawl.request_refresh(%L, %L).', v_type, v_task.key);
  end if;
  update pawl.tasks t
  set status = 'pending', uncounted_attempts = t.attempt, finished_at = null, wait_reason = null, result = null
  where t.job_id = p_job_id
    and t.id = p_task_id;
exception
  when unique_violation then -- not looked for beforehand: an enqueue may come in between
    raise exception 'key "%" of task %/% belongs to an active task', v_task.key, p_job_id, p_task_id
      using errcode = 'PW003', hint = 'Wait until that task has ended.';
end
$$;
comment on function pawl.retry_task(bigint, bigint) is 'runs an ended task again; its job is open again';

-- For who runs ended refreshes again (arrays in parallel; a null type: they are none): those whose keys nobody has locked, and that are not being refreshed, are
-- their keys' refreshes again, as if somebody had asked for them: no look takes them for useless. Returns which; of what is no refresh all. Outside READ COMMITTED a node
-- finds out, when the key is due. Locks: as pawl.make_pairs; the keys' freshness (skip locked).
create or replace function pawl.give_back_refreshes(p_type text, p_keys text[], p_task_ids bigint[]) returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types;
  v_given bigint[];
begin
  if p_type is null or not pawl.sees_the_present() then
    return p_task_ids;
  end if;
  v_type := pawl.data_type(p_type);
  perform pawl.make_pairs(v_type, p_keys);
  with free as materialized (
    select f.key, g.task_id
    from unnest(p_keys, p_task_ids) as g (key, task_id)
    join pawl.freshness f on f.type = p_type and f.key = g.key
    where f.task_id is null
      and not exists (select from pawl.tasks a where a.job_id = v_type.job_id and a.key = g.key and a.is_key_active offset 0)
    order by f.key
    for no key update of f skip locked
  ), given as (
    update pawl.freshness f
    set task_id = g.task_id, is_wanted = true, wanted_priority = case when f.is_wanted then f.wanted_priority else 0 end,
        demanded_at = coalesce(f.demanded_at, pawl.clock()), requested_at = pawl.clock(), wait_reason = null, waits_for = null, waits_until = null, forget_at = null,
        check_at = pawl.clock() + interval '30 seconds'
    from (select r.key, pg_catalog.max(r.task_id) as task_id from free r group by r.key) g
    where f.type = p_type
      and f.key = g.key
    returning f.task_id
  )
  select coalesce(pg_catalog.array_agg(g.task_id), '{}') into v_given from given g;
  return v_given;
end
$$;
comment on function pawl.give_back_refreshes(text, text[], bigint[]) is 'refreshes that run again are their keys'' again; returns which';
