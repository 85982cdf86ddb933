-- pawl.rescue_tasks(nodes): puts back what runs under nodes that are dead; for pawl.rescue_nodes.
-- Returns how many. Locks: the tasks by job and id (skip locked).
create or replace function pawl.rescue_tasks(p_node_ids integer[]) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_rescued bigint := 0;
  v_count bigint;
  v_claimed_at timestamptz[];
  v_failed bigint[];
  r record;
begin
  for r in
    select p.job_id, k.max_attempts, j.limiter_key is not null as is_limited, j.data_type is not null as are_refreshes
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
    ), recorded as (
      insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, started_at, failed_at, error_class, error)
      select r.job_id, l.id, l.attempt, l.org_id, l.node_id, l.started_at, v_now, 'lost', 'its node stopped without a word'
      from lost l
    )
    select pg_catalog.count(*), pg_catalog.array_agg(l.started_at), pg_catalog.array_agg(l.id) filter (where l.is_last)
    into v_count, v_claimed_at, v_failed
    from lost l;
    if r.are_refreshes and v_failed is not null then
      perform pawl.settle_refreshes(pg_catalog.array_fill(r.job_id, array[pg_catalog.cardinality(v_failed)]), v_failed);
    end if;
    v_rescued := v_rescued + v_count;
    if r.is_limited and v_count > 0 then
      perform pawl.note_ends(null, pg_catalog.array_fill(r.job_id, array[v_count::integer]), v_claimed_at, null,
        pg_catalog.array_fill(true, array[v_count::integer])); -- started or not: nobody knows
    end if;
  end loop;
  return v_rescued;
end
$$;
comment on function pawl.rescue_tasks(integer[]) is 'puts back what runs under dead nodes';
