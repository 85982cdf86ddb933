-- pawl.weight_key(url): what the weight of a normalised URL is kept by: its host without a leading "www.", its
-- port, path and query. A weight holds for a page whatever way the site goes by then, http or https, www. or not;
-- hosts below are others.
-- Locks: none.
create or replace function pawl.weight_key(p_url text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pawl.url_key(pg_catalog.regexp_replace(p_url, '^https?://(www\.)?', ''))
$$;
comment on function pawl.weight_key(text) is 'what the weight of a normalised URL is kept by';

-- pawl.is_weighed(job): whether a crawl has weights at all; one that has none need not compute their keys.
create or replace function pawl.is_weighed(p_job_id bigint) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pawl.page_weights w where w.job_id = p_job_id)
$$;
comment on function pawl.is_weighed(bigint) is 'whether a crawl has weights at all';
