-- pawl.adjust_pace(limiter, fine, refused, refused_since, retry_after_ms): what a batch of answers says about
-- a host's pace; for pawl.finish_pages. fine and refused: answers of either kind; refused_since: when the
-- last refused request was started, at the earliest; retry_after_ms: the longest pause that the host asked
-- for, or null.
-- An adaptive limiter (pawl.crawl makes those, unless it is given a pace) goes 500 ms slower when a
-- request is refused that was started after it was made slower last, up to 60 s between two starts; after
-- 5 fine answers 500 ms faster again, down to its floor. The floor is the pace that was asked for, until a
-- faster one that was only probed is refused: then it is the one before, for an hour.
-- A pause that the host asks for holds for any limiter, for 10 minutes at most.
-- Returns nothing, and writes nothing as long as all is fine at the floor.
-- Locks: the limiter's row, last of all locks of a transaction; those who claim skip it.
create or replace function pawl.adjust_pace(
  p_limiter_key text,
  p_fine bigint,
  p_refused bigint,
  p_refused_since timestamptz,
  p_retry_after_ms bigint
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_step_ms constant double precision := 500;
  v_slowest_ms constant double precision := 60000;
begin
  if p_retry_after_ms > 0 then
    update pawl.limiters l
    set next_start_at = greatest(l.next_start_at, v_now + least(p_retry_after_ms, 600000) * interval '1 millisecond')
    where l.key = p_limiter_key;
  end if;
  if p_refused > 0 then
    update pawl.limiters l
    set start_interval_ms = least(v_slowest_ms, l.start_interval_ms + v_step_ms),
        floor_ms = case
          when l.is_probing then least(v_slowest_ms, l.start_interval_ms + v_step_ms)
          when l.floor_until < v_now then l.base_interval_ms
          else l.floor_ms
        end,
        floor_until = case
          when l.is_probing then v_now + interval '1 hour'
          when l.floor_until < v_now then null
          else l.floor_until
        end,
        is_probing = false,
        successes = 0,
        slowed_at = v_now
    where l.key = p_limiter_key
      and l.is_adaptive
      and (l.slowed_at is null or p_refused_since > l.slowed_at);
  elsif p_fine > 0 then
    update pawl.limiters l
    set start_interval_ms = case
          when l.successes + p_fine >= 5
            then greatest(l.start_interval_ms - v_step_ms, case when l.floor_until < v_now then l.base_interval_ms else l.floor_ms end)
          else l.start_interval_ms
        end,
        is_probing = l.is_probing or l.successes + p_fine >= 5,
        successes = case when l.successes + p_fine >= 5 then 0 else l.successes + p_fine end
    where l.key = p_limiter_key
      and l.is_adaptive
      and l.start_interval_ms > case when l.floor_until < v_now then l.base_interval_ms else l.floor_ms end;
  end if;
end
$$;
comment on function pawl.adjust_pace(text, bigint, bigint, timestamptz, bigint) is 'what a batch of answers says about the pace of a host';
