-- pawl.finish_followed_tasks(node, jobs, tasks, attempts, outcomes, ...): as pawl.finish_tasks, for tasks whose end leads to
-- more than their own row (pawl.claim_batch says is_followed): a successor (pawl.follow_tasks), in the same transaction, and for tasks under a limiter
-- what its other tasks may do then (pawl.note_ends), and for refreshes how fresh their data is (pawl.settle_refreshes). p_bytes: what the attempts sent and received, null where nobody
-- knows; p_were_started: false for what was claimed and never begun; both null: begun, not measured. p_may_wait: false keeps functions and tables of
-- users out of it, so that no slow one holds up the outcomes of all others: what refreshes need of them is left to pawl.refresh_due.
-- An outcome that comes too late leads to nothing (I4): which ones take effect is seen under the rows' locks.
-- Returns how many took effect. The settings pin the plan, as in pawl.finish_tasks.
-- Locks: the tasks, in the order given; then those of pawl.follow_tasks; for refreshes the keys' freshness (skip locked).
create or replace function pawl.finish_followed_tasks(
  p_node_id integer,
  p_job_ids bigint[],
  p_task_ids bigint[],
  p_attempts integer[],
  p_outcomes text[],
  p_delays_ms bigint[],
  p_results text[],
  p_error_classes text[],
  p_errors text[],
  p_bytes bigint[] default null,
  p_were_started boolean[] default null,
  p_may_wait boolean default true
) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_jobs bigint[];
  v_tasks bigint[];
  v_ended_jobs bigint[];
  v_claimed_at timestamptz[];
  v_bytes bigint[];
  v_were_started boolean[];
  v_final_jobs bigint[];
  v_final_tasks bigint[];
  v_are_followed boolean;
  v_are_refreshes boolean;
  v_finished integer;
begin
  select pg_catalog.array_agg(h.job_id) filter (where h.outcome = 'completed'), pg_catalog.array_agg(h.id) filter (where h.outcome = 'completed'),
    pg_catalog.array_agg(h.job_id) filter (where h.outcome <> 'leased'), pg_catalog.array_agg(h.started_at) filter (where h.outcome <> 'leased'),
    pg_catalog.array_agg(h.bytes) filter (where h.outcome <> 'leased'), pg_catalog.array_agg(coalesce(h.was_started, true)) filter (where h.outcome <> 'leased'),
    pg_catalog.array_agg(h.job_id) filter (where h.outcome in ('completed', 'failed')),
    pg_catalog.array_agg(h.id) filter (where h.outcome in ('completed', 'failed'))
  into v_jobs, v_tasks, v_ended_jobs, v_claimed_at, v_bytes, v_were_started, v_final_jobs, v_final_tasks
  from (
    select t.job_id, t.id, t.started_at, o.outcome, o.bytes, o.was_started
    from unnest(p_job_ids, p_task_ids, p_attempts, p_outcomes, p_bytes, p_were_started) as o (job_id, task_id, attempt, outcome, bytes, was_started)
    join pawl.tasks t on t.job_id = any (array[o.job_id]) and t.id = o.task_id
    where t.status = 'running'
      and t.node_id = p_node_id
      and t.attempt = o.attempt
    for no key update of t
  ) h;
  v_finished := pawl.finish_tasks(p_node_id, p_job_ids, p_task_ids, p_attempts, p_outcomes, p_delays_ms, p_results,
    p_error_classes, p_errors);
  if v_final_jobs is not null then
    select pg_catalog.bool_or(j.on_complete is not null and j.is_standing), pg_catalog.bool_or(j.data_type is not null) into v_are_followed, v_are_refreshes
    from (select distinct u.job_id from unnest(v_final_jobs) u (job_id)) d
    join pawl.jobs j on j.id = any (array[d.job_id]);
  end if;
  if v_are_followed and v_tasks is not null then
    perform pawl.follow_tasks(v_jobs, v_tasks);
  end if;
  if v_ended_jobs is not null then
    perform pawl.note_ends(p_node_id, v_ended_jobs, v_claimed_at, v_bytes, v_were_started);
  end if;
  if v_are_refreshes then
    perform pawl.settle_refreshes(v_final_jobs, v_final_tasks, true, p_may_wait);
  end if;
  return v_finished;
end
$$;
comment on function pawl.finish_followed_tasks(integer, bigint[], bigint[], integer[], text[], bigint[], text[], text[], text[], bigint[], boolean[], boolean)
  is 'a batch of outcomes of tasks whose end leads to more; returns how many took effect';
