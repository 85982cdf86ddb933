-- pawl.page_caching: what a cache makes of each page of a crawl: was it held when the crawl came, is it now,
-- and if not, why. Pages alone (no sitemaps, no other sites) with a 2xx answer.
-- Held: hit, or revalidated (held, and found to be still right). Stale counts as not held: what was given was
-- too old, and the page was asked for again because of it. Cacheable: a cache spoke, and nothing that it said
-- last keeps it from holding the page (bypass, uncacheable).
create or replace view pawl.page_caching as
select p.job_id, p.task_id, p.url, p.status, p.cache_name, p.cache, p.warm_requests, p.warm_cache, p.total_ms, p.warm_total_ms,
  coalesce(p.warm_cache, p.cache) not in ('none', 'bypass', 'uncacheable') as is_cacheable,
  p.cache in ('hit', 'revalidated') as was_held,
  coalesce(p.warm_cache, p.cache) in ('hit', 'revalidated') as is_held,
  case
    when coalesce(p.warm_cache, p.cache) in ('hit', 'revalidated') then null
    when p.cache_reason is not null then p.cache_reason
    when p.cache = 'none' then 'no cache answered'
    when coalesce(p.warm_cache, p.cache) in ('bypass', 'uncacheable') then 'the cache does not say why'
    when p.warm_requests = 0 then 'not asked again'
    else 'not held when asked again'
  end as reason
from pawl.pages p
where p.role = 'page'
  and p.status between 200 and 299
  and p.cache is not null;
comment on view pawl.page_caching is 'what a cache makes of each page of a crawl, before and after it was asked again';
comment on column pawl.page_caching.job_id is 'the crawl';
comment on column pawl.page_caching.task_id is 'the task that fetched it';
comment on column pawl.page_caching.url is 'as pawl.pages.url';
comment on column pawl.page_caching.status is 'of the first answer';
comment on column pawl.page_caching.cache_name is 'which cache that is';
comment on column pawl.page_caching.cache is 'what it said of the first answer';
comment on column pawl.page_caching.warm_requests is 'how often the page was asked again';
comment on column pawl.page_caching.warm_cache is 'what it said last when asked again; null: it was not';
comment on column pawl.page_caching.total_ms is 'milliseconds of the first answer';
comment on column pawl.page_caching.warm_total_ms is 'milliseconds of the last answer when asked again';
comment on column pawl.page_caching.is_cacheable is 'a cache spoke and may hold it';
comment on column pawl.page_caching.was_held is 'the first answer came from the cache';
comment on column pawl.page_caching.is_held is 'the last answer did';
comment on column pawl.page_caching.reason is 'why the cache does not hold it; null: it does';
