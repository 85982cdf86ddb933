-- pawl.locate_pages(job): of each page that a crawl visited: is it in a sitemap, does a page or a redirect lead
-- to it? For pawl.compare_sitemaps and pawl.report_pages.
-- Reads every link of every page once, grouped by hash: about ten seconds for a million pages of 20 links, so
-- it is no part of what is asked often. work_mem lets the hashes of that many pages stay in memory.
-- Returns nothing when no page was visited; sitemap is one that the page is in. Locks: none.
create or replace function pawl.locate_pages(p_job_id bigint)
returns table (task_id bigint, is_in_sitemap boolean, is_linked boolean, sitemap text)
language sql stable
set search_path = pg_catalog, pg_temp
set work_mem = '64MB'
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
set enable_sort = off
as $$
  select p.task_id, coalesce(m.is_in_sitemap, false), coalesce(m.is_linked, false), s.url
  from pawl.pages p
  left join (
    select l.url_hash, pg_catalog.bool_or(l.via = 'sitemap') as is_in_sitemap, pg_catalog.bool_or(l.via <> 'sitemap') as is_linked,
      pg_catalog.min(l.task_id) filter (where l.via = 'sitemap') as sitemap_task_id
    from pawl.page_links l
    where l.job_id = p_job_id
    group by l.url_hash
  ) m on m.url_hash = p.url_hash
  left join pawl.pages s on s.job_id = p_job_id and s.role = 'sitemap' and s.task_id = m.sitemap_task_id
  where p.job_id = p_job_id
    and p.role = 'page'
$$;
comment on function pawl.locate_pages(bigint) is 'of each page of a crawl: is it in a sitemap, does a page lead to it';
