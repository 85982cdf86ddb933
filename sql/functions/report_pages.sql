-- pawl.report_pages(job, kind): the pages of a crawl, without a limit, as rows for a table or a file; for pawl
-- report. Kinds, and what stands in their rows beside task_id, url, role and status:
--   broken     what pawl.find_broken_pages finds, one row for each page that leads there, with referrer_count
--              (how many do), referrer (its URL) and via (link, redirect, sitemap), both null when nobody does. Those
--              with most referrers first; the rows of one stand together, sitemaps last
--   slow       every page with its times, slowest first
--   redirects  chain, hops, ending and final_status as in pawl.trace_redirects, longest first
--   uncached   pages that the cache does not hold, even when asked again, with reason (pawl.page_caching)
--   orphans    pages that are in a sitemap (referrer), but to which no page leads
--   unlisted   pages to which a page leads, but which are in no sitemap of those that the crawl has read
--   all        everything that was asked for, sitemaps and pages of other sites too, in the order of tasks
-- Refuses an unknown job (PW002); a job that is no crawl, and an unknown kind (PW006).
-- In the select list, as in "select pawl.report_pages(1, 'all')", rows come as they are found, and nothing is kept
-- but what must be sorted; in "from" PostgreSQL puts them all into a temporary file first.
-- The branches of the other kinds are not run: their conditions on p_kind are looked at once, beforehand. The
-- settings leave only hash joins, and the way through pages in the order of their key: the planner takes a
-- crawl that has just ended for a few pages, and a nested loop over a million would not end.
-- Locks: none.
create or replace function pawl.check_report(p_job_id bigint, p_kind text) returns setof boolean
language plpgsql stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  v_executor text;
begin
  select k.executor into v_executor
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.id = p_job_id;
  if not found then
    perform pawl.refuse_job(p_job_id);
  elsif v_executor <> 'crawl' then
    raise exception 'job % is no crawl', p_job_id
      using errcode = 'PW006', hint = 'pawl job list shows which jobs are crawls.';
  elsif p_kind is null then
    perform pawl.refuse_null('p_kind', 'It is broken, slow, redirects, uncached, orphans, unlisted or all.');
  elsif p_kind <> all (array['broken', 'slow', 'redirects', 'uncached', 'orphans', 'unlisted', 'all']) then
    raise exception 'there is no report "%"', p_kind
      using errcode = 'PW006', hint = 'It is broken, slow, redirects, uncached, orphans, unlisted or all.';
  end if;
end
$$;
comment on function pawl.check_report(bigint, text) is 'refuses a report that cannot be; returns no row';

create or replace function pawl.report_pages(p_job_id bigint, p_kind text)
returns table (
  task_id bigint,
  url text,
  role text,
  source text,
  depth integer,
  status integer,
  error_class text,
  error text,
  block text,
  referrer_count bigint,
  referrer text,
  via text,
  chain text,
  hops integer,
  ending text,
  final_status integer,
  redirect_to text,
  canonical text,
  cache text,
  cache_name text,
  warm_requests integer,
  warm_cache text,
  reason text,
  content_type text,
  body_bytes bigint,
  first_byte_ms real,
  total_ms real,
  warm_total_ms real,
  fetched_at timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
set enable_bitmapscan = off
set enable_seqscan = off
as $$
  select null::bigint, null::text, null::text, null::text, null::integer, null::integer, null::text, null::text, null::text,
    null::bigint, null::text, null::text, null::text, null::integer, null::text, null::integer, null::text, null::text,
    null::text, null::text, null::integer, null::text, null::text,
    null::text, null::bigint, null::real, null::real, null::real, null::timestamptz
  from pawl.check_report(p_job_id, p_kind)
  union all (
    select b.task_id, b.url, b.role, null, null, b.status, b.error_class, b.error, b.block,
      pg_catalog.count(l.task_id) over (partition by b.task_id) as referrer_count, l.url, l.via, null, null, null, null, null, null,
      null, null, null, null, null,
      null, null, null, null, null, null
    from pawl.find_broken_pages(p_job_id) b
    left join pawl.page_links l on l.job_id = p_job_id and l.url_hash = b.url_hash
    where p_kind = 'broken'
    order by referrer_count desc, b.url, b.task_id, l.via = 'sitemap', l.depth, l.url
  )
  union all (
    select p.task_id, p.url, p.role, p.source, p.depth, p.status, p.error_class, p.error, p.block,
      null, null, null, null, null, null, null, p.redirect_to, p.canonical,
      p.cache, p.cache_name, p.warm_requests, p.warm_cache, null,
      p.content_type, p.body_bytes, p.first_byte_ms, p.total_ms, p.warm_total_ms, p.fetched_at
    from pawl.pages p
    where p_kind = 'slow'
      and p.job_id = p_job_id
      and p.role = 'page'
      and p.total_ms is not null
    order by p.total_ms desc, p.url
  )
  union all (
    select t.task_id, t.url, 'page', null, null, t.status, null, null, null,
      null, null, null, t.chain, t.hops, t.ending, t.final_status, null, null,
      null, null, null, null, null,
      null, null, null, null, null, null
    from pawl.trace_redirects(p_job_id) t
    where p_kind = 'redirects'
    order by t.hops desc, t.url
  )
  union all (
    select c.task_id, c.url, 'page', null, null, c.status, null, null, null,
      null, null, null, null, null, null, null, null, null,
      c.cache, c.cache_name, c.warm_requests, c.warm_cache, c.reason,
      null, null, null, c.total_ms, c.warm_total_ms, null
    from pawl.page_caching c
    where p_kind = 'uncached'
      and c.job_id = p_job_id
      and not c.is_held
    order by c.reason, c.url
  )
  union all (
    select p.task_id, p.url, p.role, p.source, p.depth, p.status, p.error_class, p.error, p.block,
      null, l.sitemap, case when l.is_in_sitemap then 'sitemap' end, null, null, null, null, p.redirect_to, p.canonical,
      p.cache, p.cache_name, p.warm_requests, p.warm_cache, null,
      p.content_type, p.body_bytes, p.first_byte_ms, p.total_ms, p.warm_total_ms, p.fetched_at
    from pawl.locate_pages(p_job_id) l
    join pawl.pages p on p.job_id = p_job_id and p.task_id = l.task_id
    where p_kind in ('orphans', 'unlisted')
      and l.is_in_sitemap = (p_kind = 'orphans')
      and l.is_linked = (p_kind = 'unlisted')
    order by p.url
  )
  union all (
    select p.task_id, p.url, p.role, p.source, p.depth, p.status, p.error_class, p.error, p.block,
      null, null, null, null, null, null, null, p.redirect_to, p.canonical,
      p.cache, p.cache_name, p.warm_requests, p.warm_cache, p.cache_reason,
      p.content_type, p.body_bytes, p.first_byte_ms, p.total_ms, p.warm_total_ms, p.fetched_at
    from pawl.pages p
    where p_kind = 'all'
      and p.job_id = p_job_id
    order by p.task_id
  )
$$;
comment on function pawl.report_pages(bigint, text) is 'the pages of a crawl that are broken, slow, redirects, uncached, orphans, unlisted, or all, as rows';
