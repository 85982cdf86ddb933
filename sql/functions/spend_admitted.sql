-- pawl.spend_admitted(limiter, claimed, first_ms, interval_ms): what was claimed of what pawl.admit_tasks
-- granted, in the same transaction: the clocks of the limiter and of its parent move, and the calls are
-- spent. The i-th start comes
-- first + i * interval from now, which may be slower than the limiter's own pace, because the other of
-- the two asked for that.
-- Returns nothing.
-- Locks: the rows are locked by pawl.admit_tasks.
create or replace function pawl.spend_admitted(
  p_limiter_key text,
  p_claimed integer,
  p_first_ms double precision,
  p_interval_ms double precision
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_now timestamptz := pawl.clock(); -- as pawl.admit_tasks
  v_ms constant interval := '1 millisecond';
  v_last timestamptz := v_now + greatest(0, p_first_ms + (p_claimed - 1) * p_interval_ms) * v_ms;
  v_next timestamptz;
  r record;
begin
  for r in
    select l.key, l.next_start_at, coalesce(n.start_interval_ms, l.start_interval_ms) as interval_ms, coalesce(n.burst, l.burst) as burst,
      case when n.key is null then l.max_calls else n.max_calls end is not null as is_counted
    from pawl.limiters l
    left join pawl.limiters n on n.key = l.rules_key
    where l.key in (p_limiter_key, (select m.parent_key from pawl.limiters m where m.key = p_limiter_key))
  loop
    v_next := r.next_start_at;
    if r.interval_ms > 0 then
      v_next := greatest(
        greatest(r.next_start_at, v_now - (r.burst - 1) * r.interval_ms * v_ms) + p_claimed * r.interval_ms * v_ms,
        v_last - (r.burst - 2) * r.interval_ms * v_ms);
    end if;
    update pawl.limiters l
    set next_start_at = v_next,
        spent_calls = case when r.is_counted then l.spent_calls[1:60] || (l.spent_calls[61] + p_claimed) else l.spent_calls end
    where l.key = r.key
      and (r.interval_ms > 0 or r.is_counted);
  end loop;
end
$$;
comment on function pawl.spend_admitted(text, integer, double precision, double precision) is 'what was claimed under a limiter moves its clock and its parent''s';
