-- pawl.claim_batch(node, job, limit, after_rank, after_id): a node takes up to p_limit pending tasks of
-- one job, best first. (after_rank, after_id) is the cursor: (rank, id) of the last task that this
-- node claimed of the job, where a task's rank is its lateness less its priority; ('-Infinity', 0) starts from the top. It skips index entries of tasks that
-- are done but still there for somebody's old snapshot.
-- Returns the tasks in no order, then one row without a task_id that says how the limiter decided, for
-- a job that has one: first_ms and interval_ms give the i-th best task its start (first + i * interval,
-- at once when negative); granted, how many it allowed, limited_by, which limiter allowed less than was
-- wanted (pawl.admit_tasks); granted 0 comes with retry_ms and reason. A job that is paused or final gives
-- no rows. is_followed: an end of its tasks leads to more than their own row, so pawl.finish_followed_tasks is for
-- them; such a row comes for those jobs also without a limiter.
-- A job that a breaker holds back (pawl.admit_probe) gives such a row too: reason 'held' or 'busy' with retry_ms; or one
-- task, the probe, and behind the limiter's row one more, reason 'probe', whose retry_ms says how long it has.
-- Raises PW008 when the node has been declared dead; asked after the update, which has drawn a
-- transaction id: so whoever declares it dead can wait for every claim that did not see it yet.
-- Plans are made once a session, perhaps while the table is small, and must do for a large one: so the
-- settings leave the planner only the road by index. What they discourage counts as very costly, so a plan
-- that cannot do without it would be compiled at each call, for 60 ms: hence jit = off.
-- The transaction's commit does not wait for the disk: a claim is no promise to anybody. Should the
-- server crash within that moment, the claim was never made and the task is pending again; the outcome,
-- whose commit does wait, takes all that came before it to disk. (The node sees to it that the token
-- (node, attempt), which is then given out again, names one execution only: src/engine/node.c.) Under a budget it
-- waits: what was spent must not be forgotten.
-- Refuses a transaction outside READ COMMITTED (PW009): with an older snapshot a limit would be counted from
-- old counters (I11).
-- Locks: the breaker's row of a job that is held back, when it is closed the job's row (skip locked), the limiter's row and its parent's (skip locked), then the tasks (skip locked): never waits.
create or replace function pawl.claim_batch(
  p_node_id integer,
  p_job_id bigint,
  p_limit integer,
  p_after_rank double precision,
  p_after_id bigint
) returns table (
  task_id bigint, attempt integer, uncounted_attempts integer, priority real, payload jsonb,
  first_ms double precision, interval_ms double precision, retry_ms double precision, reason text,
  granted integer, limited_by bigint, is_followed boolean, lateness double precision
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pawl.now();
  v_status pawl.job_status;
  v_limiter_key text;
  v_held_by text;
  v_probe record;
  v_admitted record;
  v_is_followed boolean;
  v_is_durable boolean := false;
  v_claimed integer;
  v_commit text;
begin
  if pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
    perform pawl.check_isolation();
  end if;
  select j.status, j.limiter_key, j.held_by, j.on_complete is not null and j.is_standing or j.limiter_key is not null or j.data_type is not null
  into v_status, v_limiter_key, v_held_by, v_is_followed
  from pawl.jobs j
  where j.id = p_job_id;
  if not found or v_status not in ('pending', 'running') then
    return;
  end if;
  if v_held_by is not null then
    select a.* into v_probe from pawl.admit_probe(v_held_by) a;
    if v_probe.verdict in ('busy', 'held') then
      retry_ms := v_probe.retry_ms;
      reason := v_probe.verdict;
      return next;
      return;
    elsif v_probe.verdict = 'free' then
      -- made in a transaction that was under way when the breaker closed, which did not see it: nobody else lets it go
      update pawl.jobs j
      set held_by = null
      where j.id = (select x.id from pawl.jobs x where x.id = p_job_id and x.held_by = v_held_by for no key update skip locked);
      v_held_by := null;
    else
      p_limit := least(p_limit, 1);
    end if;
  end if;
  if v_limiter_key is not null then
    select a.* into v_admitted from pawl.admit_tasks(v_limiter_key, p_limit, p_node_id => p_node_id) a;
    p_limit := v_admitted.granted;
    v_is_durable := v_admitted.is_durable;
  end if;

  if p_limit > 0 then
    return query
    with best as materialized (
      select x.ctid
      from pawl.tasks x
      where x.job_id = p_job_id
        and x.is_pending
        and (coalesce(x.lateness, 0) - x.priority, x.id) > (p_after_rank, p_after_id)
      order by coalesce(x.lateness, 0) - x.priority, x.id
      limit p_limit
      for update skip locked
    )
    update pawl.tasks t
    set status = 'running', started_at = v_now, attempt = t.attempt + 1, node_id = p_node_id
    from best b
    where t.job_id = p_job_id
      and t.ctid = b.ctid
    returning t.id, t.attempt, t.uncounted_attempts, t.priority, t.payload,
      null::double precision, null::double precision, null::double precision, null::text, null::integer, null::bigint, null::boolean, t.lateness;
    get diagnostics v_claimed = row_count;
    if v_claimed > 0 and not exists (select from pawl.nodes n where n.id = p_node_id and n.dead_at is null) then
      raise exception 'node % was declared dead', p_node_id
        using errcode = 'PW008';
    end if;
    if not v_is_durable then
      v_commit := pg_catalog.set_config('synchronous_commit', 'off', true);
    end if;
  end if;

  if v_limiter_key is not null then
    if v_claimed > 0 and v_admitted.is_spending then
      perform pawl.spend_admitted(v_limiter_key, v_claimed, v_admitted.first_ms, v_admitted.interval_ms);
    end if;
    return query select null::bigint, null::integer, null::integer, null::real, null::jsonb,
      v_admitted.first_ms, v_admitted.interval_ms, v_admitted.retry_ms, v_admitted.reason,
      v_admitted.granted, v_admitted.limited_by, v_is_followed, null::double precision;
  elsif v_is_followed then
    return query select null::bigint, null::integer, null::integer, null::real, null::jsonb,
      null::double precision, null::double precision, null::double precision, null::text,
      null::integer, null::bigint, true, null::double precision;
  end if;
  if v_held_by is not null and v_claimed > 0 then
    retry_ms := pawl.begin_probe(v_held_by, p_node_id, p_job_id);
    reason := v_probe.verdict;
    is_followed := v_is_followed;
    return next;
  end if;
end
$$;
comment on function pawl.claim_batch(integer, bigint, integer, double precision, bigint) is 'a node takes pending tasks of one job';
