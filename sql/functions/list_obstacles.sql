-- What holds tasks back: the one place where reasons are told, for pawl.why. Whoever makes tasks wait for something new
-- adds it here: a wait_reason to pawl.explain_wait, a limit to pawl.explain_limiter, all else that keeps
-- pending tasks from being claimed to pawl.list_obstacles.

-- pawl.explain_wait(reason): what a waiting task (pawl.tasks.wait_reason) waits for, in words that go on
-- "it waits ...". Returns the reason itself when it is not known here.
-- Locks: none.
create or replace function pawl.explain_wait(p_reason text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case p_reason
    when 'delay' then 'for the time that was asked for'
    when 'retry' then 'to be tried again'
    when 'snooze' then 'for the time to which its worker has put it off'
    when 'again' then 'for another turn'
    when 'robots' then 'until the robots.txt of its host is known'
    when 'warm' then 'to ask again whether a cache holds the page'
    when 'secret' then 'for a secret that its node does not have'
    when 'breaker' then 'since its target is down'
    else coalesce(p_reason, 'for its time')
  end
$$;
comment on function pawl.explain_wait(text) is 'what a waiting task waits for, in words';

-- pawl.has_lost_count(limiter, rules): whether nobody can read what was spent of a budget, so that pawl.admit_tasks
-- raises. What was counted with another window is made anew.
-- Locks: none.
create or replace function pawl.has_lost_count(p_limiter pawl.limiters, p_rules pawl.limiters) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.bool_or(b.slot is null or (select pg_catalog.count(s) from unnest(b.spent) s) <> 61), false)
  from (values
    (p_rules.max_calls, p_rules.window_ms, p_limiter.spent_window_ms, p_limiter.spent_slot, p_limiter.spent_calls),
    (p_rules.max_bytes, coalesce(p_rules.bytes_window_ms, p_rules.window_ms), p_limiter.spent_bytes_window_ms, p_limiter.spent_bytes_slot, p_limiter.spent_bytes)
  ) as b (budget, window_ms, spent_window_ms, slot, spent)
  where b.budget is not null
    and b.spent_window_ms = b.window_ms
$$;
comment on function pawl.has_lost_count(pawl.limiters, pawl.limiters) is 'whether nobody can read what was spent of a budget';

-- pawl.explain_limiter(limiter, job): why a limiter, or the one above it, grants nothing now, as pawl.admit_tasks
-- would find; it takes no lock and uses nothing up.
-- Returns at most a row for each limit that holds back: as pawl.list_obstacles.
-- Locks: none. If you change pawl.admit_tasks, change this.
create or replace function pawl.explain_limiter(p_limiter_key text, p_job_id bigint)
returns table (reason text, message text, since timestamptz, next_look_at timestamptz, until text, facts jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_key text := p_limiter_key;
  v_limiter pawl.limiters;
  v_rules pawl.limiters;
  v_running bigint;
  v_resting bigint;
  v_opens_at timestamptz;
  v_ended bigint;
  v_bytes bigint;
  v_bytes_window_ms double precision;
begin
  while v_key is not null loop
    select l.* into v_limiter from pawl.limiters l where l.key = v_key;
    if found then
      select l.* into v_rules from pawl.limiters l where l.key = coalesce(v_limiter.rules_key, v_key);
    end if;
    if not found then
      return query select 'limiter'::text,
        pg_catalog.format('its limiter "%s" does not exist, so nothing of it may start', coalesce(v_limiter.rules_key, v_key)),
        null::timestamptz, null::timestamptz, 'when the limiter is there again'::text,
        pg_catalog.jsonb_build_object('limiter', coalesce(v_limiter.rules_key, v_key));
      return;
    elsif pawl.has_lost_count(v_limiter, v_rules) then
      return query select 'limiter'::text,
        pg_catalog.format('what was spent under its limiter "%s" is not readable, so nothing of it may start', v_key),
        null::timestamptz, null::timestamptz, 'when it is set to null, to count from nothing again'::text,
        pg_catalog.jsonb_build_object('limiter', v_key);
      return;
    end if;

    if v_rules.max_running is not null then
      v_running := pawl.count_running(v_key);
      if v_running >= v_rules.max_running then
        return query select 'max_running'::text,
          pg_catalog.format('as many tasks run as may run at once under "%s": %s of %s', v_key, v_running, v_rules.max_running),
          null::timestamptz, v_now + interval '1 second', 'when one of them ends'::text,
          pg_catalog.jsonb_build_object('limiter', v_key, 'running', v_running, 'max_running', v_rules.max_running,
            'held_by', pawl.list_holders(v_key));
      end if;
    end if;

    if v_rules.is_metered then
      select pg_catalog.count(*), pg_catalog.min(e) + v_rules.spacing_ms * interval '1 millisecond' into v_resting, v_opens_at
      from (
        select e from unnest(v_limiter.rested_from) e
        union all
        select u.ended_at from pawl.limiter_uses u cross join pg_catalog.generate_series(1, least(u.ends, 1000)) where u.limiter_key = v_key
      ) r (e)
      where r.e + v_rules.spacing_ms * interval '1 millisecond' > v_now;
      if v_rules.spacing_ms > 0 and v_running + v_resting >= v_rules.max_running and v_running < v_rules.max_running then
        return query select 'spacing'::text,
          pg_catalog.format('a place under "%s" rests for %s ms after its task has ended', v_key, v_rules.spacing_ms),
          null::timestamptz, v_opens_at, 'when that time has passed'::text,
          pg_catalog.jsonb_build_object('limiter', v_key, 'resting', v_resting, 'spacing_ms', v_rules.spacing_ms);
      end if;
      select coalesce(pg_catalog.sum(u.returned), 0), coalesce(pg_catalog.sum(u.bytes + u.unmeasured * coalesce(v_rules.estimated_bytes, 0)), 0)
      into v_ended, v_bytes
      from pawl.limiter_uses u
      where u.limiter_key = v_key;
      if v_rules.max_calls is not null and v_limiter.spent_calls is not null
        and pawl.spent(v_limiter.spent_calls, v_limiter.spent_slot, v_limiter.spent_window_ms) - v_ended >= v_rules.max_calls
      then
        return query select 'budget'::text,
          pg_catalog.format('the budget of "%s" is spent: %s calls in %s s', v_key, v_rules.max_calls, v_rules.window_ms / 1000),
          null::timestamptz, v_now + pawl.budget_opens_ms(v_limiter.spent_calls, v_limiter.spent_slot, v_limiter.spent_window_ms, v_rules.max_calls, 1, v_now)
            * interval '1 millisecond', 'when what was spent first is a window ago'::text,
          pg_catalog.jsonb_build_object('limiter', v_key, 'max_calls', v_rules.max_calls, 'window_ms', v_rules.window_ms);
      end if;
      v_bytes := v_bytes + coalesce(pawl.spent(v_limiter.spent_bytes, v_limiter.spent_bytes_slot, v_limiter.spent_bytes_window_ms), 0);
      v_bytes_window_ms := coalesce(v_rules.bytes_window_ms, v_rules.window_ms);
      if v_rules.max_bytes is not null and v_bytes + (pawl.count_running(v_key) + 1) * v_rules.estimated_bytes > v_rules.max_bytes then
        return query select 'budget'::text,
          pg_catalog.format('the budget of "%s" is spent or set aside: %s bytes in %s s', v_key, v_rules.max_bytes, v_bytes_window_ms / 1000),
          null::timestamptz, v_now + coalesce(pawl.budget_opens_ms(v_limiter.spent_bytes, v_limiter.spent_bytes_slot, v_limiter.spent_bytes_window_ms,
            v_rules.max_bytes, v_rules.estimated_bytes * (pawl.count_running(v_key) + 1), v_now), 1000) * interval '1 millisecond',
          'when what was spent first is a window ago, or a task has ended'::text,
          pg_catalog.jsonb_build_object('limiter', v_key, 'max_bytes', v_rules.max_bytes, 'bytes_window_ms', v_bytes_window_ms, 'spent_bytes', v_bytes);
      end if;
    end if;

    if v_limiter.next_start_at > v_now then
      return query select 'pace'::text,
        case
          when v_rules.start_interval_ms > 0
            then pg_catalog.format('the next start under "%s" has its time: one each %s ms', v_key,
              pg_catalog.round(v_rules.start_interval_ms::numeric, 3)::double precision)
          else pg_catalog.format('"%s" wants to be left alone until then', v_key)
        end,
        null::timestamptz, v_limiter.next_start_at, 'when that time comes'::text,
        pg_catalog.jsonb_build_object('limiter', v_key, 'start_interval_ms', v_rules.start_interval_ms);
    end if;
    v_key := v_limiter.parent_key;
  end loop;
end
$$;
comment on function pawl.explain_limiter(text, bigint) is 'why a limiter grants nothing now';

-- pawl.list_holders(limiter): the five jobs that have most running under a limiter, a JSON array. Locks: none.
create or replace function pawl.list_holders(p_limiter_key text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('job', h.id::text, 'kind', h.kind, 'running', h.running)
    order by h.running desc, h.id), '[]')
  from (
    select j.id, j.kind, p.running
    from (
      select j.id from pawl.jobs j where j.has_running and j.limiter_key is not null
      union
      select d.job_id from pawl.progress_deltas d
    ) c
    join pawl.jobs j on j.id = c.id
    join pawl.job_progress p on p.job_id = c.id
    join pawl.limiters l on l.key = j.limiter_key
    where p_limiter_key in (l.key, l.parent_key)
      and p.running > 0
    order by p.running desc, j.id
    limit 5
  ) h
$$;
comment on function pawl.list_holders(text) is 'the jobs that have most running under a limiter, as a JSON array';

-- pawl.explain_missing_secret(kind): which secret of a kind the nodes that serve lack.
-- Returns a row as pawl.list_obstacles, when none of them has it. Locks: none.
create or replace function pawl.explain_missing_secret(p_kind text)
returns table (reason text, message text, since timestamptz, next_look_at timestamptz, until text, facts jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 'secret', (pg_catalog.array_agg(s.error || ' (node ' || n.name || ')' order by s.since))[1], pg_catalog.min(s.since),
    pawl.now() + interval '2 seconds', 'when a node has it, which each looks for every two seconds',
    pg_catalog.jsonb_build_object('nodes', pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('node', n.name, 'error', s.error) order by s.since))
  from pawl.nodes n
  left join pawl.missing_secrets s on s.node_id = n.id and s.kind = p_kind
  where n.dead_at is null
    and n.heartbeat_at > pawl.now() - interval '15 seconds'
    and (n.executors is null or 'http' = any (n.executors))
  having pg_catalog.count(*) = pg_catalog.count(s.kind) and pg_catalog.count(*) > 0
$$;
comment on function pawl.explain_missing_secret(text) is 'which secret of a kind the nodes that serve lack';

-- pawl.explain_hold(target): why a breaker holds back.
-- Returns a row as pawl.list_obstacles; none when it is closed. Locks: none.
create or replace function pawl.explain_hold(p_target text)
returns table (reason text, message text, since timestamptz, next_look_at timestamptz, until text, facts jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select 'breaker', 'its target ' || b.target || ' is down: ' || b.error
      || case b.state when 'half_open' then pg_catalog.format('; a task of job %s tries it now', b.probe_job_id) else '' end,
    b.opened_at, greatest(b.retry_at, pawl.now()),
    'when a task that tries it then goes well, or pawl breaker close ' || b.target,
    pg_catalog.jsonb_build_object('target', b.target, 'state', b.state, 'error', b.error, 'openings', b.openings)
  from pawl.breakers b
  where b.target = p_target
    and b.state <> 'closed'
$$;
comment on function pawl.explain_hold(text) is 'why a breaker holds back';

-- pawl.list_obstacles(job): what keeps pending tasks of a job from being claimed now.
-- Returns a row for each, the one that must go first in front; none when nothing does, and they have only to wait
-- for their turn. reason, a word; message, for people, without times; since, when it began, null: not known;
-- next_look_at, when that is looked at next at the latest, null: nobody knows; until, what ends it, in words (I6);
-- facts, more members for programs.
-- Locks: none.
create or replace function pawl.list_obstacles(p_job_id bigint)
returns table (reason text, message text, since timestamptz, next_look_at timestamptz, until text, facts jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_job record;
  v_nodes record;
  v_running bigint;
begin
  select j.status, j.kind, j.limiter_key, j.held_by, k.executor into v_job
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.id = p_job_id;

  if v_job.status = 'paused' then
    return query select 'paused'::text, 'the job is paused: pawl job resume ' || p_job_id || ' lets it go on', null::timestamptz,
      null::timestamptz, 'when it is resumed'::text, '{}'::jsonb;
  end if;

  if v_job.executor = 'external' then
    return query select 'worker'::text, 'a worker has to claim it: pawl.claim_tasks(''' || v_job.kind || ''', ...)', null::timestamptz,
      null::timestamptz, 'when a worker asks for work'::text, '{}'::jsonb;
  else
    select pg_catalog.count(*) as alive,
      pg_catalog.count(*) filter (where n.executors is null or v_job.executor = any (n.executors)) as able,
      pg_catalog.count(*) filter (where (n.executors is null or v_job.executor = any (n.executors)) and not n.is_asleep) as awake,
      pg_catalog.count(*) filter (where (n.executors is null or v_job.executor = any (n.executors)) and n.running < n.slots) as free,
      pg_catalog.sum(n.slots) filter (where (n.executors is null or v_job.executor = any (n.executors)) and s.kind is null) as slots,
      pg_catalog.sum(n.running) filter (where (n.executors is null or v_job.executor = any (n.executors)) and s.kind is null) as running
    into v_nodes
    from pawl.nodes n
    left join pawl.missing_secrets s on s.node_id = n.id and s.kind = v_job.kind
    where n.dead_at is null
      and n.heartbeat_at > v_now - interval '15 seconds';
    if v_nodes.alive = 0 then
      return query select 'no_node'::text, 'no node runs: start one with pawl serve'::text, (select pg_catalog.max(n.heartbeat_at) from pawl.nodes n),
        null::timestamptz, 'when a node starts'::text, '{}'::jsonb;
    elsif v_nodes.able = 0 then
      return query select 'no_executor'::text,
        pg_catalog.format('no node has the executor %s: start one of a version that has', v_job.executor), null::timestamptz,
        null::timestamptz, 'when such a node starts'::text, pg_catalog.jsonb_build_object('executor', v_job.executor, 'nodes', v_nodes.alive);
    end if;
  end if;

  if v_job.held_by is not null then
    return query select h.* from pawl.explain_hold(v_job.held_by) h;
    if found then
      return;
    end if;
  end if;

  if v_job.executor = 'http' then
    return query select s.* from pawl.explain_missing_secret(v_job.kind) s;
    if found then
      return;
    end if;
  end if;

  if v_job.limiter_key is not null then
    return query select l.* from pawl.explain_limiter(v_job.limiter_key, p_job_id) l;
    if found then
      return;
    end if;
  end if;

  if v_job.executor = 'external' then
    return; -- no node was looked for
  elsif v_nodes.able = 0 then
    return;
  elsif v_nodes.free = 0 then
    return query select 'slots'::text,
      pg_catalog.format('all slots of %s in use', case when v_nodes.able = 1 then 'the one node are' else 'the ' || v_nodes.able || ' nodes are' end),
      null::timestamptz, v_now + interval '250 milliseconds', 'when a task ends'::text, pg_catalog.jsonb_build_object('nodes', v_nodes.able);
    return;
  elsif v_nodes.awake > 0 then
    return;
  end if;
  if v_job.executor = 'http' then -- what nodes take of one kind has an end (runner_room_of), and then they sleep on
    select coalesce(pg_catalog.sum(p.running), 0) into v_running
    from pawl.jobs j
    join pawl.job_progress p on p.job_id = j.id
    where j.kind = v_job.kind
      and j.finished_at is null
      and (j.has_running or j.id = p_job_id);
  end if;
  if 2 * v_running >= v_nodes.slots - greatest(0, v_nodes.running - v_running) then
    return query select 'share'::text,
      pg_catalog.format('%s tasks of its kind run, and one kind gets no more than half of the slots that the others leave', v_running),
      null::timestamptz, v_now + interval '250 milliseconds', 'when one of them ends'::text,
      pg_catalog.jsonb_build_object('running', v_running, 'slots', v_nodes.slots);
  else
    return query select 'asleep'::text,
      pg_catalog.format('%s: a bell is on its way, or the next sweep finds it; select pawl.process_pending() wakes all',
        case when v_nodes.able = 1 then 'the one node sleeps' else 'all ' || v_nodes.able || ' nodes sleep' end),
      null::timestamptz, v_now + interval '30 seconds', 'when they are woken'::text, pg_catalog.jsonb_build_object('nodes', v_nodes.able);
  end if;
end
$$;
comment on function pawl.list_obstacles(bigint) is 'what keeps pending tasks of a job from being claimed now';
