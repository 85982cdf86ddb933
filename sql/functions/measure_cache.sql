-- pawl.measure_cache(job): what a crawl did for the caches in front of a site (pawl.page_caching says what
-- held and cacheable mean); a part of pawl.crawl_report.
-- Returns a JSON object:
--   pages            with a 2xx answer
--   states           how many pages in each state that the first answer had: hit, miss, ...
--   cacheable, held_before, held_after, and the ratios: held of those cacheable, null when none is
--   uncacheable      pages that a cache will not hold, or that say so themselves
--   asked_again, requests: pages that were asked for again, and how often in all
--   became_held      pages that were not held at first and are now; saved_ms: median and p95 of what each of
--                    them gained (first total_ms less the last one's), null when there are none
--   not_held         pages that are not held now; reasons: the five that most of them have
-- Locks: none.
create or replace function pawl.measure_cache(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  with sum as (
    select pg_catalog.count(*) as pages,
      pg_catalog.count(*) filter (where c.is_cacheable) as cacheable,
      pg_catalog.count(*) filter (where c.is_cacheable and c.was_held) as held_before,
      pg_catalog.count(*) filter (where c.is_cacheable and c.is_held) as held_after,
      pg_catalog.count(*) filter (where not c.is_cacheable and c.reason <> 'no cache answered') as uncacheable,
      pg_catalog.count(*) filter (where c.warm_requests > 0) as asked_again,
      coalesce(pg_catalog.sum(c.warm_requests), 0) as requests,
      pg_catalog.count(*) filter (where c.is_held and not c.was_held) as became_held,
      pg_catalog.count(*) filter (where not c.is_held) as not_held,
      pg_catalog.percentile_cont(array[0.5, 0.95]) within group (order by c.total_ms - c.warm_total_ms)
        filter (where c.is_held and not c.was_held) as saved_ms
    from pawl.page_caching c
    where c.job_id = p_job_id
  )
  select pg_catalog.jsonb_build_object(
    'pages', s.pages,
    'states', (
      select coalesce(pg_catalog.jsonb_object_agg(g.cache, g.pages), '{}')
      from (
        select c.cache, pg_catalog.count(*) as pages
        from pawl.page_caching c
        where c.job_id = p_job_id
        group by c.cache
      ) g),
    'cacheable', s.cacheable,
    'held_before', s.held_before,
    'held_after', s.held_after,
    'hit_ratio_before', pg_catalog.round(s.held_before / nullif(s.cacheable, 0)::numeric, 4),
    'hit_ratio_after', pg_catalog.round(s.held_after / nullif(s.cacheable, 0)::numeric, 4),
    'uncacheable', s.uncacheable,
    'asked_again', s.asked_again,
    'requests', s.requests,
    'became_held', s.became_held,
    'saved_ms', pg_catalog.jsonb_build_object(
      'median', pg_catalog.round(s.saved_ms[1]::numeric, 1), 'p95', pg_catalog.round(s.saved_ms[2]::numeric, 1)),
    'not_held', s.not_held,
    'reasons', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(g) order by g.pages desc, g.reason), '[]')
      from (
        select c.reason, pg_catalog.count(*) as pages
        from pawl.page_caching c
        where c.job_id = p_job_id
          and not c.is_held
        group by c.reason
        order by 2 desc, 1
        limit 5
      ) g))
  from sum s
$$;
comment on function pawl.measure_cache(bigint) is 'hit ratio before and after a crawl, time saved, and what cannot be cached, as a JSON object';
