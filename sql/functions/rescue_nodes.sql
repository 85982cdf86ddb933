-- pawl.rescue_nodes(silence): nodes that have not been heard of for p_silence are dead. Their running
-- tasks are pending again, with the attempt counted; over the kind's limit they fail as lost. The
-- node's row goes away, which fences it should it only have been stalled.
-- Returns how many tasks were rescued. One node at a time, the others get 0.
-- Running tasks are found by a scan of those jobs that have any by their counters: an index on
-- running tasks would make every finish a non-HOT update, to save seconds once a crash.
-- Locks: an advisory lock (try); the dead node's row (skip locked); its tasks by id (skip locked; what
-- is locked is being finished or cancelled, and what is then still running is rescued next time,
-- because the row stays until nothing is left).
create or replace function pawl.rescue_nodes(p_silence interval default '15 seconds') returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_now timestamptz := pawl.now();
  v_node_id integer;
  v_rescued bigint := 0;
  v_count bigint;
  r record;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 4) then
    return 0;
  end if;
  for v_node_id in
    select n.id
    from pawl.nodes n
    where n.heartbeat_at < v_now - p_silence
    order by n.id
    for update skip locked
  loop
    for r in
      select p.job_id, k.max_attempts
      from pawl.job_progress p
      join pawl.jobs j on j.id = p.job_id
      join pawl.kinds k on k.name = j.kind
      where p.running > 0
      order by p.job_id
    loop
      with lost as (
        select t.id, t.attempt, t.org_id, t.started_at,
          t.attempt - t.uncounted_attempts >= r.max_attempts as is_last
        from pawl.tasks t
        where t.job_id = r.job_id
          and t.status = 'running'
          and t.node_id = v_node_id
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
      select r.job_id, l.id, l.attempt, l.org_id, v_node_id, l.started_at, v_now, 'lost', 'its node stopped without a word'
      from lost l;
      get diagnostics v_count = row_count;
      v_rescued := v_rescued + v_count;
    end loop;
    delete from pawl.nodes n
    where n.id = v_node_id
      and not exists (
        select
        from pawl.job_progress p
        join pawl.tasks t on t.job_id = p.job_id
        where p.running > 0
          and t.status = 'running'
          and t.node_id = v_node_id);
  end loop;
  return v_rescued;
end
$$;
comment on function pawl.rescue_nodes(interval) is 'puts the running tasks of dead nodes back; returns how many';
