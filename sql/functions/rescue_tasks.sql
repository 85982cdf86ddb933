-- pawl.rescue_tasks(nodes): puts back what runs under nodes that are dead; for pawl.rescue_nodes.
-- Returns how many. Locks: the tasks by job and id (skip locked).
create or replace function pawl.rescue_tasks(p_node_ids integer[]) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_now timestamptz := pawl.now();
  v_rescued bigint := 0;
  v_count bigint;
  r record;
begin
  for r in
    select p.job_id, k.max_attempts
    from pawl.job_progress p
    join pawl.jobs j on j.id = p.job_id
    join pawl.kinds k on k.name = j.kind
    where j.finished_at is null
      and p.running > 0
    order by p.job_id
  loop
    with lost as (
      select t.id, t.attempt, t.node_id, t.org_id, t.started_at,
        t.attempt - t.uncounted_attempts >= r.max_attempts as is_last
      from pawl.tasks t
      where t.job_id = r.job_id
        and t.status = 'running'
        and t.node_id = any (p_node_ids)
      order by t.id
      for update skip locked
    ), rescued as (
      update pawl.tasks t
      set status = case when l.is_last then 'failed' else 'pending' end::pawl.task_status,
          finished_at = case when l.is_last then v_now end,
          error = 'lost: its node stopped without a word'
      from lost l
      where t.job_id = r.job_id
        and t.id = l.id
    )
    insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, started_at, failed_at, error_class, error)
    select r.job_id, l.id, l.attempt, l.org_id, l.node_id, l.started_at, v_now, 'lost', 'its node stopped without a word'
    from lost l;
    get diagnostics v_count = row_count;
    v_rescued := v_rescued + v_count;
  end loop;
  return v_rescued;
end
$$;
comment on function pawl.rescue_tasks(integer[]) is 'puts back what runs under dead nodes';
