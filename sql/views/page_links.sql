-- pawl.page_links: who leads to which URL, one row for each: links of pages, entries of sitemaps, redirects. A
-- page that links to itself is left out.
-- Ask it for one job, and join it by url_hash: there is no index by hash, so it is read whole, once: some
-- millions of links a second.
create or replace view pawl.page_links as
select l.job_id, l.task_id, l.url, l.depth, l.via, l.url_hash
from (
  select p.job_id, p.task_id, p.url, p.depth, case p.role when 'sitemap' then 'sitemap' else 'link' end as via,
    p.url_hash as own_hash, pg_catalog.unnest(p.link_hashes) as url_hash
  from pawl.pages p
) l
where l.url_hash <> l.own_hash
union all
select p.job_id, p.task_id, p.url, p.depth, 'redirect', pawl.url_hash(p.redirect_to)
from pawl.pages p
where p.redirect_to <> p.url;
comment on view pawl.page_links is 'which page, sitemap or redirect of a crawl leads to which URL';
comment on column pawl.page_links.job_id is 'the crawl';
comment on column pawl.page_links.task_id is 'the task of what leads there';
comment on column pawl.page_links.url is 'of what leads there';
comment on column pawl.page_links.depth is 'of what leads there';
comment on column pawl.page_links.via is 'link, sitemap or redirect';
comment on column pawl.page_links.url_hash is 'pawl.url_hash of where it leads to';
