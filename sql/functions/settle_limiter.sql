-- pawl.settle_limiter(limiter, rules, at): what has ended under a metered limiter since the last admission, taken into account: places rest
-- from then on, calls of what never started are given back, those of what did count from their end, bytes are counted as they were. For pawl.admit_tasks, which
-- holds the limiter's row, and which has counted what runs before: what ends in between is counted twice, never
-- not at all.
-- Calls and bytes are counted each in the slots of their own window (pawl.turn_slots).
-- Returns the limiter as it is then, also in the table.
-- Locks: the limiter's row is locked; its rows of pawl.limiter_uses, which nobody else takes.
create or replace function pawl.settle_limiter(p_limiter pawl.limiters, p_rules pawl.limiters, p_at timestamptz) returns pawl.limiters
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
as $$
declare
  v_limiter pawl.limiters := p_limiter;
  v_at_ms double precision := extract(epoch from p_at) * 1000;
  v_bytes_window_ms double precision := coalesce(p_rules.bytes_window_ms, p_rules.window_ms);
  r pawl.limiter_uses;
begin
  -- most claims find the slots that the one before left
  if p_rules.window_ms is not null and (v_limiter.spent_window_ms is distinct from p_rules.window_ms
    or v_limiter.spent_slot is distinct from pg_catalog.floor(v_at_ms / (p_rules.window_ms / 60)))
  then
    select t.* into v_limiter.spent_calls, v_limiter.spent_slot, v_limiter.spent_window_ms
    from pawl.turn_slots(v_limiter.spent_calls, v_limiter.spent_slot, v_limiter.spent_window_ms, p_rules.window_ms, p_at) t;
  end if;
  if v_bytes_window_ms is not null and (v_limiter.spent_bytes_window_ms is distinct from v_bytes_window_ms
    or v_limiter.spent_bytes_slot is distinct from pg_catalog.floor(v_at_ms / (v_bytes_window_ms / 60)))
  then
    select t.* into v_limiter.spent_bytes, v_limiter.spent_bytes_slot, v_limiter.spent_bytes_window_ms
    from pawl.turn_slots(v_limiter.spent_bytes, v_limiter.spent_bytes_slot, v_limiter.spent_bytes_window_ms, v_bytes_window_ms, p_at) t;
  end if;

  for r in
    delete from pawl.limiter_uses u
    where u.limiter_key = p_limiter.key
    returning u.*
  loop
    if p_rules.spacing_ms > 0 and r.ends > 0 then
      v_limiter.rested_from := v_limiter.rested_from || pg_catalog.array_fill(r.ended_at, array[least(r.ends, 1000)]);
    end if;
    if v_bytes_window_ms is not null then
      v_limiter.spent_bytes[61] := v_limiter.spent_bytes[61] + r.bytes + r.unmeasured * coalesce(p_rules.estimated_bytes, 0);
    end if;
    if p_rules.max_calls is not null then
      v_limiter.spent_calls := pawl.settle_calls(v_limiter.spent_calls, v_limiter.spent_slot, p_rules.window_ms, r);
    end if;
  end loop;

  -- an end that lies ahead is from before the clock was set back: the place rests from now on
  v_limiter.rested_from := case
    when p_rules.spacing_ms > 0 then array(
      select least(e, p_at)
      from unnest(v_limiter.rested_from) e
      where least(e, p_at) + p_rules.spacing_ms * interval '1 millisecond' > p_at
      order by e desc
      limit p_rules.max_running)
    else '{}'
  end;
  if v_limiter is distinct from p_limiter then
    update pawl.limiters l
    set rested_from = v_limiter.rested_from,
        spent_window_ms = v_limiter.spent_window_ms, spent_slot = v_limiter.spent_slot, spent_calls = v_limiter.spent_calls,
        spent_bytes_window_ms = v_limiter.spent_bytes_window_ms, spent_bytes_slot = v_limiter.spent_bytes_slot, spent_bytes = v_limiter.spent_bytes
    where l.key = p_limiter.key;
  end if;
  return v_limiter;
end
$$;
comment on function pawl.settle_limiter(pawl.limiters, pawl.limiters, timestamptz) is 'takes what has ended under a metered limiter into account';

-- The calls of tasks that have ended, in the slots of pawl.turn_slots. Who is called saw the call at some moment between its claim and its end,
-- and counts from there. So it counts here from its end; but no longer than a twelfth of the window beside it, since a call
-- that takes its time has come long before. A claim may have been counted in the slot after that of its transaction's begin.
create or replace function pawl.settle_calls(p_spent bigint[], p_slot bigint, p_window_ms double precision, p_use pawl.limiter_uses) returns bigint[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot_ms double precision := p_window_ms / 60;
  v_claimed_ms double precision := extract(epoch from p_use.claimed_at) * 1000;
  v_from bigint := 61 + pg_catalog.floor(v_claimed_ms / v_slot_ms) - p_slot;
  v_to bigint := 61 + pg_catalog.floor(least(extract(epoch from p_use.ended_at) * 1000, v_claimed_ms + p_window_ms / 12) / v_slot_ms) - p_slot;
  v_left integer := p_use.ends;
  v_moved bigint;
begin
  if v_from between 1 and 61 then
    p_spent[v_from] := greatest(0, p_spent[v_from] - p_use.returned);
    for v_place in v_from .. least(v_from + 1, v_to - 1, 60) loop
      v_moved := least(v_left, p_spent[v_place]);
      p_spent[v_place] := p_spent[v_place] - v_moved;
      p_spent[least(v_to, 61)] := p_spent[least(v_to, 61)] + v_moved;
      v_left := v_left - v_moved;
    end loop;
  end if;
  return p_spent;
end
$$;
comment on function pawl.settle_calls(bigint[], bigint, double precision, pawl.limiter_uses) is 'the calls of tasks that have ended';

-- What was spent in a window, as it stands at a time. The window is cut into 60 slots, and what was spent is kept for
-- 61 of them, the newest of which is not over: so no stretch of time of the window's length holds more than the
-- budget, wherever it begins. A clock that is set back gives nothing back: the newest slot goes on until the clock has
-- caught up, for a window at most.
-- Returns the slots, the oldest first, the number of the newest, and the window that they are of.
create or replace function pawl.turn_slots(
  inout p_spent bigint[], inout p_slot bigint, inout p_spent_window_ms double precision, p_window_ms double precision, p_at timestamptz
) returns record
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot bigint := pg_catalog.floor(extract(epoch from p_at) * 1000 / (p_window_ms / 60));
  v_shift integer;
begin
  if p_spent_window_ms is distinct from p_window_ms then
    -- another window: all that is known was spent just now
    p_spent := pg_catalog.array_fill(0::bigint, array[60]) || coalesce((select pg_catalog.sum(s)::bigint from unnest(p_spent) s), 0::bigint);
    p_spent_window_ms := p_window_ms;
    p_slot := v_slot;
  elsif v_slot > p_slot then
    v_shift := least(v_slot - p_slot, 61);
    p_spent := p_spent[1 + v_shift : 61] || pg_catalog.array_fill(0::bigint, array[v_shift]);
    p_slot := v_slot;
  elsif v_slot < p_slot - 61 then
    p_slot := v_slot;
  end if;
end
$$;
comment on function pawl.turn_slots(bigint[], bigint, double precision, double precision, timestamptz) is 'what was spent in a window, as it stands at a time';

-- In so many milliseconds enough of what was spent is no longer in the window that p_needed can be spent again.
create or replace function pawl.budget_opens_ms(
  p_spent bigint[], p_slot bigint, p_window_ms double precision, p_max bigint, p_needed bigint, p_at timestamptz
) returns double precision
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left numeric := (select coalesce(pg_catalog.sum(s), 0) from unnest(p_spent) s);
begin
  for i in 1..61 loop
    v_left := v_left - p_spent[i];
    if v_left + p_needed <= p_max then
      -- slot i is out of the window when 61 slots have begun after it
      return greatest(1, (p_slot + i) * (p_window_ms / 60) - extract(epoch from p_at) * 1000);
    end if;
  end loop;
  return p_window_ms;
end
$$;
comment on function pawl.budget_opens_ms(bigint[], bigint, double precision, bigint, bigint, timestamptz) is 'when so much can be spent again';
