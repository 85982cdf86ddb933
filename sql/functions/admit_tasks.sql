-- pawl.admit_tasks(limiter, wanted, horizon_ms): how many tasks of a limiter may be claimed now. For use
-- by those who claim (pawl.claim_batch): the rows of the limiter and of its parent stay locked until that
-- transaction ends, which is what makes the limits exact over all nodes (I11). Each of the two must allow
-- it; the numbers are those of its rules_key, if it has one.
-- Returns one row: granted; first_ms, when the first may start (from now); interval_ms between starts;
-- retry_ms and reason ('busy', 'max_running', 'pace') when nothing is granted; limited_by, the
-- pawl.limiter_id of the one of the two for which less is granted than wanted, null when neither;
-- is_spending: what is taken must be told to pawl.spend_admitted, before the transaction ends.
-- Pace is GCRA (ITU-T I.371): one timestamp, the earliest next start; starts within the next p_horizon_ms are
-- granted, each with its time. Who cannot wait for a start asks with horizon 0. Without a pace the
-- timestamp says how long a host wants to be left alone (pawl.adjust_pace).
-- Refuses (PW007) a limiter that is missing.
-- Locks: the limiter's row, then its parent's, skipping them when somebody else claims for it. NO KEY: who adds
-- a job or a limiter that refers to one, and leaves the transaction open, is in nobody's way.
create or replace function pawl.admit_tasks(p_limiter_key text, p_wanted integer, p_horizon_ms integer default 1000)
returns table (
  granted integer, first_ms double precision, interval_ms double precision, retry_ms double precision,
  reason text, limited_by bigint, is_spending boolean
)
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_key text := p_limiter_key;
  v_limiter pawl.limiters;
  v_rules pawl.limiters;
  v_running bigint;
  v_first double precision;
  v_now timestamptz := pawl.now();
  v_first_by text;
  v_interval_by text;
begin
  granted := p_wanted;
  first_ms := '-infinity';
  interval_ms := 0;
  retry_ms := 0;
  is_spending := false;
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
      return query select 0, 0::double precision, 0::double precision, 20::double precision, 'busy'::text, null::bigint, false;
      return;
    end if;
    v_rules := v_limiter;
    if v_limiter.rules_key is not null then
      select l.* into v_rules from pawl.limiters l where l.key = v_limiter.rules_key;
      if not found then
        perform pawl.check_limiter(v_limiter.rules_key);
      end if;
    end if;

    if v_rules.max_running is not null then
      v_running := pawl.count_running(v_key); -- its snapshot is younger than the lock
      if v_rules.max_running - v_running < granted then
        granted := greatest(0, v_rules.max_running - v_running);
        limited_by := pawl.limiter_id(v_key);
      end if;
      if granted = 0 then
        return query select 0, 0::double precision, 0::double precision, 1000::double precision, 'max_running'::text, limited_by, false;
        return;
      end if;
    end if;

    if v_rules.start_interval_ms > 0 or v_limiter.next_start_at > v_now then
      v_first := greatest(
        -(v_rules.burst - 1) * v_rules.start_interval_ms,
        coalesce(extract(epoch from v_limiter.next_start_at - v_now) * 1000, '-infinity'::double precision));
      if v_limiter.rules_key is not null then -- a slower pace of before holds nobody up
        v_first := least(v_first, v_rules.start_interval_ms + 1000);
      end if;
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
  elsif first_ms > p_horizon_ms then
    -- asked again shortly before it comes within the horizon
    return query select 0, 0::double precision, 0::double precision, first_ms - 0.9 * p_horizon_ms, 'pace'::text,
      pawl.limiter_id(v_first_by), false;
    return;
  elsif interval_ms > 0 and pg_catalog.floor((p_horizon_ms - first_ms) / interval_ms) + 1 < granted then
    granted := pg_catalog.floor((p_horizon_ms - first_ms) / interval_ms) + 1;
    limited_by := pawl.limiter_id(v_interval_by);
  end if;
  return next;
end
$$;
comment on function pawl.admit_tasks(text, integer, integer) is 'how many tasks of a limiter may be claimed now; keeps it and its parent locked';

-- Says that a limiter is missing, if it is; one that is locked is there.
create or replace function pawl.check_limiter(p_limiter_key text) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if not exists (select from pawl.limiters l where l.key = p_limiter_key) then
    raise exception 'limiter "%" does not exist', p_limiter_key
      using errcode = 'PW007', hint = 'A limit that is set but missing stops its jobs: create the limiter again.';
  end if;
end
$$;
comment on function pawl.check_limiter(text) is 'raises when a limiter is missing';
