-- pawl.set_limiter(key, max_running, start_interval_ms, ...): creates a limiter or changes it, for
-- pawl.define_kind and pawl.crawl. A null argument keeps what is there; a new limiter gets p_new_max_running
-- and p_new_start_interval_ms instead. Starts that were granted under another pace do not delay the
-- first one under the new pace; the same pace again changes nothing (I11).
-- Returns nothing. Refuses values that are out of range (PW006).
-- Locks: the limiter's row: waits for a claim under it.
create or replace function pawl.set_limiter(
  p_key text,
  p_max_running integer,
  p_start_interval_ms double precision,
  p_new_max_running integer default null,
  p_new_start_interval_ms double precision default 0
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
begin
  if p_max_running < 1 then
    perform pawl.refuse_value('p_max_running', p_max_running, '1 or more');
  end if;
  if p_start_interval_ms < 0 or p_start_interval_ms >= 86400000 then
    perform pawl.refuse_value('p_start_interval_ms', p_start_interval_ms, 'from 0 to less than 86400000, a day');
  end if;
  insert into pawl.limiters as l (key, max_running, start_interval_ms)
  values (p_key, coalesce(p_max_running, p_new_max_running), coalesce(p_start_interval_ms, p_new_start_interval_ms))
  on conflict (key) do update
    set max_running = coalesce(p_max_running, l.max_running),
        start_interval_ms = coalesce(p_start_interval_ms, l.start_interval_ms),
        next_start_at = case
          when p_start_interval_ms <> l.start_interval_ms
            then least(l.next_start_at, v_now + p_start_interval_ms * interval '1 millisecond')
          else l.next_start_at
        end,
        updated_at = excluded.updated_at;
end
$$;
comment on function pawl.set_limiter(text, integer, double precision, integer, double precision)
  is 'creates a limiter or changes it; null keeps what is there';
