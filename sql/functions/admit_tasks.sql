-- pawl.admit_tasks(limiter, wanted): how many tasks of a limiter may be claimed now. For use inside
-- pawl.claim_batch only: the limiter's row stays locked until that transaction ends, which is what
-- makes the limit exact over all nodes (I11).
-- Returns one row: granted; first_ms, when the first may start (from now); interval_ms between starts;
-- retry_ms and reason ('busy', 'max_running', 'pace') when nothing is granted.
-- Pace is GCRA (ITU-T I.371): one timestamp, the theoretical arrival time; starts within the next
-- second are granted, each with its time. pawl.claim_batch moves the timestamp by what it took. Without a pace
-- it says how long a host wants to be left alone (pawl.adjust_pace).
-- Locks: the limiter's row, skipping it when somebody else claims for it.
create or replace function pawl.admit_tasks(p_limiter_key text, p_wanted integer)
returns table (granted integer, first_ms double precision, interval_ms double precision, retry_ms double precision, reason text)
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_limiter pawl.limiters;
  v_running bigint;
  v_granted integer := p_wanted;
  v_first_ms double precision := 0;
  v_now timestamptz := pawl.now();
begin
  select l.* into v_limiter
  from pawl.limiters l
  where l.key = p_limiter_key
  for update skip locked;
  if not found then
    if not exists (select from pawl.limiters l where l.key = p_limiter_key) then
      raise exception 'limiter "%" does not exist', p_limiter_key
        using errcode = 'PW007', hint = 'A limit that is set but missing stops its jobs: create the limiter again.';
    end if;
    return query select 0, 0::double precision, 0::double precision, 20::double precision, 'busy'::text;
    return;
  end if;

  if v_limiter.max_running is not null then
    -- a statement of its own, so that its snapshot is younger than the lock
    select coalesce(pg_catalog.sum(p.running), 0) into v_running
    from pawl.jobs j
    join pawl.job_progress p on p.job_id = j.id
    where j.limiter_key = p_limiter_key
      and j.finished_at is null;
    v_granted := least(v_granted::bigint, v_limiter.max_running - v_running);
    if v_granted <= 0 then
      return query select 0, 0::double precision, 0::double precision, 1000::double precision, 'max_running'::text;
      return;
    end if;
  end if;

  if v_limiter.start_interval_ms > 0 or v_limiter.next_start_at > v_now then
    v_first_ms := greatest(
      -(v_limiter.burst - 1) * v_limiter.start_interval_ms,
      coalesce(extract(epoch from v_limiter.next_start_at - v_now) * 1000, '-infinity'::double precision));
    v_granted := least(v_granted::double precision, case
      when v_limiter.start_interval_ms > 0 then pg_catalog.floor((1000 - v_first_ms) / v_limiter.start_interval_ms) + 1
      when v_first_ms > 1000 then 0
    end);
    if v_granted <= 0 then
      return query select 0, 0::double precision, 0::double precision, v_first_ms - 900, 'pace'::text;
      return;
    end if;
  end if;
  return query select v_granted, v_first_ms, v_limiter.start_interval_ms, 0::double precision, null::text;
end
$$;
comment on function pawl.admit_tasks(text, integer) is 'how many tasks of a limiter may be claimed now; keeps the limiter locked';
