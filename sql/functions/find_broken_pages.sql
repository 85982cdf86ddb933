-- pawl.find_broken_pages(job): what is broken in a crawl, for pawl.crawl_report and pawl.report_pages.
-- Broken is a page, a page of another site or a sitemap that has an error class or a status from 400; a
-- redirect that names no target, and one that leads in a circle. Not broken is a sitemap that was only
-- guessed, nor a page of another site that refuses crawlers (it may be there for people).
-- Expects few rows (rows 1), so that what is joined with them is read past them, not kept.
-- Returns nothing when all is well. Locks: none.
create or replace function pawl.find_broken_pages(p_job_id bigint)
returns table (task_id bigint, url text, url_hash bigint, role text, status integer, error_class text, error text, block text)
language sql stable
rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select p.task_id, p.url, p.url_hash, p.role, p.status,
    case when p.status < 400 then coalesce(p.error_class, 'redirects') else p.error_class end,
    case when p.error_class is null and p.status < 400 then 'to nowhere' else p.error end,
    p.block
  from pawl.pages p
  where p.job_id = p_job_id
    and (p.role <> 'sitemap' or p.source <> 'guess')
    and (p.error_class is not null
      or (p.status >= 400 and (p.role <> 'external' or p.block is null))
      or (p.status in (301, 302, 303, 307, 308) and p.redirect_to is null))
  union all
  select t.task_id, t.url, t.url_hash, 'page', t.status, 'redirects', 'in a circle', null
  from pawl.trace_redirects(p_job_id) t
  where t.ending = 'circle'
$$;
comment on function pawl.find_broken_pages(bigint) is 'what is broken in a crawl';
