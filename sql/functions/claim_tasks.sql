-- pawl.claim_tasks(kind, worker, limit, lease): an external worker takes up to p_limit pending tasks of a kind,
-- out of all its open jobs, best first within a job. They run under no node: (task, attempt) is their fencing
-- token, and the lease says how long the worker may be silent before the task is given to somebody else
-- (pawl.expire_leases).
-- Returns the tasks; no rows when nothing may start now. Refuses a kind that there is not (PW001) or that nodes
-- run, and a worker, limit or lease that cannot be (PW006); outside READ COMMITTED (PW009).
-- Turns are drawn by lot (Waldspurger and Weihl, "Lottery Scheduling", OSDI 1994), for a worker has no memory
-- of whose turn it is: each organisation has equal chances, and within it each job by its weight, so that a job of
-- 100,000 tasks starves none of 5.
-- Under a limit only what may start now is taken. When a limit says later, it notes when (workers_wake_at) and
-- rings once: a node then wakes the workers at that time. While another claims under the same limit, this waits
-- a tenth of a second at most.
-- A node that sleeps is rung when the lease may end before it looks again by itself.
-- The commit waits for the disk, unlike a node's claim: a token that was given out before a crash of the
-- server must not be given out again after it.
-- The settings, and the array of one job, leave the planner only the claim index and then the tasks' places.
-- Locks: limiters and tasks, both with skip locked.
create or replace function pawl.claim_tasks(
  p_kind text,
  p_worker text,
  p_limit integer default 1,
  p_lease interval default '1 minute'
) returns table (job_id bigint, task_id bigint, attempt integer, payload jsonb, lease_until timestamptz)
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
  v_lease_until timestamptz;
  v_executor text;
  v_left integer := p_limit;
  v_granted integer;
  v_claimed integer;
  v_admitted record;
  v_closed bigint[] := '{}';
  v_patience integer := 10; -- for all jobs together: ten thousand keys may stand under the limiter that is busy
  r record;
begin
  perform pawl.check_isolation();
  select k.executor into v_executor from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if v_executor <> 'external' then
    raise exception 'kind "%" is run by nodes: its executor is %', p_kind, v_executor
      using errcode = 'PW006', hint = 'Workers claim tasks of kinds whose executor is external.';
  end if;
  if p_worker is null or pg_catalog.length(p_worker) not between 1 and 200 then
    raise exception 'the name of a worker has from 1 to 200 characters, not %', coalesce(pg_catalog.length(p_worker)::text, 'null')
      using errcode = 'PW006', hint = 'Give one that tells people where it runs, for example its host and process id.';
  end if;
  if p_limit is null or p_limit not between 1 and 10000 then
    perform pawl.refuse_value('p_limit', coalesce(p_limit::text, 'null'), 'from 1 to 10000');
  end if;
  perform pawl.check_lease(p_lease);
  v_lease_until := pawl.clock() + p_lease; -- the transaction may be old

  for r in
    select j.id, j.limiter_key,
      (select pawl.limiter_id(l.parent_key) from pawl.limiters l where l.key = j.limiter_key) as parent_limiter_id
    from pawl.jobs j
    where j.finished_at is null
      and j.kind = p_kind
      and j.status in ('pending', 'running')
      and (select true from pawl.tasks t where t.job_id = j.id and t.is_pending order by coalesce(t.lateness, 0) - t.priority, t.id limit 1)
    order by -pg_catalog.ln(1 - pg_catalog.random())
      * pg_catalog.count(*) over (partition by j.org_id)
      / pg_catalog.power(2::double precision, least(greatest(j.priority, -4), 4))
  loop
    v_granted := v_left;
    continue when r.parent_limiter_id = any (v_closed); -- it has said no for another key
    if r.limiter_key is not null then
      loop
        select a.* into v_admitted from pawl.admit_tasks(r.limiter_key, v_left, 0) a;
        exit when v_admitted.reason is distinct from 'busy' or v_patience = 0;
        v_patience := v_patience - 1;
        perform pg_catalog.pg_sleep(0.01);
      end loop;
      v_granted := v_admitted.granted;
      if v_granted <= 0 then
        v_closed := v_closed || v_admitted.limited_by;
        perform pawl.promise_start(r.limiter_key, case
          when v_admitted.reason not in ('busy', 'max_running') then v_admitted.retry_ms
        end);
        continue;
      end if;
    end if;

    return query
    with best as materialized (
      select x.job_id, x.ctid
      from pawl.tasks x
      where x.job_id = r.id
        and x.is_pending
      order by coalesce(x.lateness, 0) - x.priority, x.id
      limit v_granted
      for update skip locked
    ), claimed as (
      update pawl.tasks t
      set status = 'running', started_at = v_now, attempt = t.attempt + 1, node_id = null, worker = p_worker,
          lease_until = v_lease_until
      from best b
      where t.job_id = any (array[b.job_id])
        and t.ctid = b.ctid
      returning t.id, t.attempt, coalesce(t.lateness, 0) - t.priority as rank, t.payload
    )
    select r.id, c.id, c.attempt, c.payload, v_lease_until
    from claimed c
    order by c.rank, c.id;
    get diagnostics v_claimed = row_count;

    if r.limiter_key is not null and v_claimed > 0 then
      perform pawl.spend_admitted(r.limiter_key, v_claimed, v_admitted.first_ms, v_admitted.interval_ms);
    end if;
    v_left := v_left - v_claimed;
    exit when v_left <= 0;
  end loop;
  if v_left < p_limit then
    -- a node that sleeps must hear of an end of a lease that comes before all that it knows of
    perform from pawl.nodes n where n.is_asleep;
    if found and not exists (select from pawl.tasks t where t.due_at < v_lease_until) then
      perform pawl.ring('due');
    end if;
  end if;
end
$$;
comment on function pawl.claim_tasks(text, text, integer, interval) is 'an external worker takes pending tasks of a kind, under a lease';

-- A limit opens in so many milliseconds (null: nobody knows), and its caller holds it: the first of those who
-- are refused rings, so that a node looks at workers_wake_at.
create or replace function pawl.promise_start(p_limiter_key text, p_wait_ms double precision) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wake_at timestamptz := pawl.now() + p_wait_ms * interval '1 millisecond';
begin
  update pawl.limiters l
  set workers_wake_at = v_wake_at
  where l.key = p_limiter_key
    and v_wake_at is not null
    and (l.workers_wake_at is null or l.workers_wake_at <= pawl.now() or l.workers_wake_at > v_wake_at + interval '10 ms');
  if found then
    perform pawl.ring('workers');
  end if;
end
$$;
comment on function pawl.promise_start(text, double precision) is 'notes when refused workers are to be woken';
