-- pawl.admit_tasks(limiter, wanted, horizon_ms, node): how many tasks of a limiter may be claimed now. For use
-- by those who claim (pawl.claim_batch): the rows of the limiter and of its parent stay locked until that
-- transaction ends, which is what makes the limits exact over all nodes (I11). Each of the two must allow
-- it; the numbers are those of its rules_key, if it has one.
-- Returns one row: granted; first_ms, when the first may start (from now); interval_ms between starts;
-- retry_ms and reason when nothing is granted: 'busy', 'max_running', 'spacing', 'pace', 'budget'; limited_by, the
-- pawl.limiter_id of the one of the two for which less is granted than wanted, null when neither;
-- is_spending: what is taken must be told to pawl.spend_admitted, before the transaction ends; is_durable: and that
-- must not be lost, so its commit waits for the disk.
-- Places: what runs, and what has ended less than spacing_ms ago. Budgets, each with its window: pawl.settle_limiter; for
-- each task that runs its estimate is set aside.
-- Pace is GCRA (ITU-T I.371): one timestamp, the earliest next start; starts within the next p_horizon_ms are
-- granted, each with its time. Who cannot wait for a start asks with horizon 0. Without a pace the
-- timestamp says how long a host wants to be left alone (pawl.adjust_pace). Under a budget of calls nothing is granted for a
-- later slot of theirs. A next start that no pace and no host can have asked for is from before the clock was set back, or the
-- pace was made faster: it comes an interval from now.
-- A node (p_node_id) that is refused because of what runs leaves a note (awaited_until), so that it is told when something
-- ends elsewhere (pawl.note_ends). An end that had looked before the note was there tells nobody: hence the node asks
-- once more, soon.
-- Refuses (PW007) a limiter that is missing, and one of which nobody can read what was spent.
-- Locks: the limiter's row, then its parent's, skipping them when somebody else claims for it. NO KEY: who adds
-- a job or a limiter that refers to one, and leaves the transaction open, is in nobody's way.
create or replace function pawl.admit_tasks(
  p_limiter_key text,
  p_wanted integer,
  p_horizon_ms double precision default 1000,
  p_node_id integer default null
) returns table (
  granted integer, first_ms double precision, interval_ms double precision, retry_ms double precision,
  reason text, limited_by bigint, is_spending boolean, is_durable boolean
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_key text := p_limiter_key;
  v_limiter pawl.limiters;
  v_rules pawl.limiters;
  v_running bigint;
  v_free bigint;
  v_horizon_ms double precision := p_horizon_ms;
  v_first double precision;
  v_now timestamptz := pawl.clock(); -- a worker's transaction may have begun long ago
  v_first_by text;
  v_interval_by text;
begin
  granted := p_wanted;
  first_ms := '-infinity';
  interval_ms := 0;
  retry_ms := 0;
  is_spending := false;
  is_durable := false;
  for v_level in 1..2 loop
    select l.* into v_limiter
    from pawl.limiters l
    where l.key = v_key
      and (v_level = 1 or l.is_limiting) -- a parent that limits nothing keeps nobody waiting
    for no key update skip locked;
    if not found then
      select l.* into v_limiter from pawl.limiters l where l.key = v_key;
      exit when v_level = 2 and not v_limiter.is_limiting;
      perform pawl.check_limiter(v_key);
      return query select 0, 0::double precision, 0::double precision, 20::double precision, 'busy'::text, null::bigint, false, false;
      return;
    end if;
    v_rules := v_limiter;
    if v_limiter.rules_key is not null then
      select l.* into v_rules from pawl.limiters l where l.key = v_limiter.rules_key;
      if not found then
        perform pawl.check_limiter(v_limiter.rules_key);
      end if;
    end if;

    if v_rules.max_running is not null or v_rules.max_bytes is not null then
      v_running := pawl.count_running(v_key); -- its snapshot is younger than the lock
    end if;
    if v_rules.is_metered then
      v_limiter := pawl.settle_limiter(v_limiter, v_rules, v_now); -- younger still: see there
    end if;

    if v_rules.max_running is not null then
      v_free := v_rules.max_running - v_running - pg_catalog.cardinality(v_limiter.rested_from);
      if v_free < granted then
        granted := greatest(0, v_free);
        limited_by := pawl.limiter_id(v_key);
      end if;
      if granted = 0 and v_running < v_rules.max_running then
        reason := 'spacing';
        retry_ms := greatest(1, extract(epoch from
          (select pg_catalog.min(e) from unnest(v_limiter.rested_from) e) - v_now) * 1000 + v_rules.spacing_ms);
      elsif granted = 0 then
        reason := 'max_running';
        retry_ms := pawl.await_limiter(v_limiter, p_node_id, v_now);
      end if;
    end if;

    if v_rules.max_calls is not null and reason is null then
      v_free := v_rules.max_calls - (select pg_catalog.sum(c) from unnest(v_limiter.spent_calls) c having pg_catalog.count(c) = 61);
      if v_free is null or v_limiter.spent_slot is null then
        perform pawl.refuse_spent(v_key, 'calls');
      end if;
      if v_free < granted then
        granted := greatest(0, v_free);
        limited_by := pawl.limiter_id(v_key);
      end if;
      if granted = 0 then
        reason := 'budget';
        retry_ms := pawl.budget_opens_ms(v_limiter.spent_calls, v_limiter.spent_slot, v_rules.window_ms, v_rules.max_calls, 1, v_now);
      end if;
      v_horizon_ms := least(v_horizon_ms, (v_limiter.spent_slot + 1) * (v_rules.window_ms / 60) - extract(epoch from v_now) * 1000);
      is_spending := true;
    end if;

    if v_rules.max_bytes is not null and reason is null then
      v_free := pg_catalog.floor((v_rules.max_bytes
        - (select pg_catalog.sum(c) from unnest(v_limiter.spent_bytes) c having pg_catalog.count(c) = 61)) / v_rules.estimated_bytes) - v_running;
      if v_free is null or v_limiter.spent_bytes_slot is null then
        perform pawl.refuse_spent(v_key, 'bytes');
      end if;
      if v_free < granted then
        granted := greatest(0, v_free);
        limited_by := pawl.limiter_id(v_key);
      end if;
      if granted = 0 then
        reason := 'budget';
        retry_ms := pawl.budget_opens_ms(v_limiter.spent_bytes, v_limiter.spent_bytes_slot, v_limiter.spent_bytes_window_ms, v_rules.max_bytes,
          v_rules.estimated_bytes * (v_running + 1), v_now);
        if v_running > 0 then -- one that ends may have taken less
          retry_ms := least(retry_ms, pawl.await_limiter(v_limiter, p_node_id, v_now));
        end if;
      end if;
    end if;
    is_durable := is_durable or v_rules.window_ms is not null or v_rules.bytes_window_ms is not null;
    if granted = 0 then
      return query select 0, 0::double precision, 0::double precision, retry_ms, reason, limited_by, false, false;
      return;
    end if;

    -- hosts ask for 10 minutes at most
    if v_limiter.next_start_at > v_now + (v_rules.start_interval_ms + 1000
      + case when v_limiter.rules_key is null then 600000 else 0 end) * interval '1 millisecond'
    then
      v_limiter.next_start_at := v_now + v_rules.start_interval_ms * interval '1 millisecond';
      update pawl.limiters l set next_start_at = v_limiter.next_start_at where l.key = v_key;
    end if;
    if v_rules.start_interval_ms > 0 or v_limiter.next_start_at > v_now then
      v_first := greatest(
        -(v_rules.burst - 1) * v_rules.start_interval_ms,
        coalesce(extract(epoch from v_limiter.next_start_at - v_now) * 1000, '-infinity'::double precision));
      if v_first > first_ms then
        first_ms := v_first;
        v_first_by := v_key;
      end if;
      if v_rules.start_interval_ms > interval_ms then
        interval_ms := v_rules.start_interval_ms;
        v_interval_by := v_key;
      end if;
      is_spending := is_spending or v_rules.start_interval_ms > 0;
    end if;
    exit when v_limiter.parent_key is null;
    v_key := v_limiter.parent_key;
  end loop;

  if v_first_by is null then
    first_ms := 0;
  elsif first_ms > v_horizon_ms then
    -- asked again shortly before it comes within the horizon
    return query select 0, 0::double precision, 0::double precision, first_ms - 0.9 * v_horizon_ms, 'pace'::text,
      pawl.limiter_id(v_first_by), false, false;
    return;
  elsif interval_ms > 0 and pg_catalog.floor((v_horizon_ms - first_ms) / interval_ms) + 1 < granted then
    granted := pg_catalog.floor((v_horizon_ms - first_ms) / interval_ms) + 1;
    limited_by := pawl.limiter_id(v_interval_by);
  end if;
  return next;
end
$$;
comment on function pawl.admit_tasks(text, integer, double precision, integer) is 'how many tasks of a limiter may be claimed now; keeps it and its parent locked';

-- Says that a limiter is missing, if it is; one that is locked is there.
create or replace function pawl.check_limiter(p_limiter_key text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pawl.limiters l where l.key = p_limiter_key) then
    raise exception 'limiter "%" does not exist', p_limiter_key
      using errcode = 'PW007', hint = 'A limit that is set but missing stops its jobs: create the limiter again.';
  end if;
end
$$;
comment on function pawl.check_limiter(text) is 'raises when a limiter is missing';

-- Says that nobody can read what was spent under a limiter that has a budget: an unknown sum is never taken for none.
create or replace function pawl.refuse_spent(p_limiter_key text, p_what text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'what was spent of the % of limiter "%" is not readable', p_what, p_limiter_key
    using errcode = 'PW007', hint = pg_catalog.format('It stops its jobs. To count from nothing again: update pawl.limiters set spent_%s = null, %s = null where key = %L;',
      p_what, case p_what when 'calls' then 'spent_window_ms' else 'spent_bytes_window_ms' end, p_limiter_key);
end
$$;
comment on function pawl.refuse_spent(text, text) is 'raises: what was spent under a limiter is not readable';

-- A node was refused for what runs: notes that it waits, for the limiter that its caller holds. Returns in how many
-- milliseconds it should ask again by itself.
create or replace function pawl.await_limiter(p_limiter pawl.limiters, p_node_id integer, p_at timestamptz) returns double precision
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_node_id is null then
    return 1000;
  end if;
  update pawl.limiters l
  set awaited_until = p_at + interval '3 seconds',
      awaited_by = case when p_limiter.awaited_until > p_at and p_limiter.awaited_by <> p_node_id then 0 else p_node_id end
  where l.key = p_limiter.key;
  return case when p_limiter.awaited_until > p_at and p_limiter.awaited_by in (0, p_node_id) then 1000 else 50 end;
end
$$;
comment on function pawl.await_limiter(pawl.limiters, integer, timestamptz) is 'notes that a node waits until something ends under a limiter';
