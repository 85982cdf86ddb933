-- pawl.raise_priorities(job, keys, priorities, tier, avoided): pages that a node found again, by links that
-- make them more important: written where that changes something, which is a pending page with a lower
-- priority. The node has gathered them for a while (tier high: not at all; medium: up to 10 s; low: up to
-- 60 s), so a page may stand there several times: the best counts. avoided: how many it did not even send,
-- because they were no better than what it knew.
-- Returns how many were written; the counts are added up in pawl.crawls.
-- Locks: the job's row FOR KEY SHARE, the tasks by id (waiting, for another node may raise the same page by
-- less), the row of pawl.crawls.
create or replace function pawl.raise_priorities(
  p_job_id bigint,
  p_keys text[],
  p_priorities real[],
  p_tier text,
  p_avoided bigint
) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_written integer;
  v_is_weighed boolean := pawl.is_weighed(p_job_id);
begin
  perform
  from pawl.jobs j
  where j.id = p_job_id
  for key share;
  with raised as (
    select u.key, pg_catalog.max(u.priority) as priority
    from unnest(p_keys, p_priorities) as u (key, priority)
    group by u.key
  ), better as (
    select t.id, r.priority + coalesce(w.weight, 0) as priority
    from raised r
    join pawl.tasks t on t.job_id = p_job_id and t.key = r.key and t.is_key_active
    left join pawl.page_weights w on w.job_id = p_job_id
      and w.key = case when v_is_weighed then pawl.weight_key(t.payload ->> 'url') end
    where t.is_pending
      and t.priority < (r.priority + coalesce(w.weight, 0))::real
    order by t.id
    for no key update of t
  )
  update pawl.tasks t
  set priority = b.priority
  from better b
  where t.job_id = p_job_id
    and t.id = b.id;
  get diagnostics v_written = row_count;
  insert into pawl.crawls as c (job_id, org_id, raised_high, raised_medium, raised_low, raised_none)
  select j.id, j.org_id,
    case when p_tier = 'high' then v_written else 0 end,
    case when p_tier = 'medium' then v_written else 0 end,
    case when p_tier = 'low' then v_written else 0 end,
    p_avoided + coalesce(pg_catalog.cardinality(p_keys), 0) - v_written
  from pawl.jobs j
  where j.id = p_job_id
  on conflict (job_id) do update
    set raised_high = c.raised_high + excluded.raised_high,
        raised_medium = c.raised_medium + excluded.raised_medium,
        raised_low = c.raised_low + excluded.raised_low,
        raised_none = c.raised_none + excluded.raised_none;
  return v_written;
end
$$;
comment on function pawl.raise_priorities(bigint, text[], real[], text, bigint) is 'writes better priorities of known pages, where that changes something';
