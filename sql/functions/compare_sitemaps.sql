-- pawl.compare_sitemaps(job): the pages that a crawl visited against its sitemaps; a part of pawl.crawl_report.
-- Returns a JSON object: in_both, only_in_sitemap, only_linked, in_neither (the start page, mostly): together all
-- pages. The pages themselves gives pawl.report_pages, kinds orphans and unlisted.
-- Costs what pawl.locate_pages costs. Locks: none.
create or replace function pawl.compare_sitemaps(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object(
    'in_both', pg_catalog.count(*) filter (where l.is_in_sitemap and l.is_linked),
    'only_in_sitemap', pg_catalog.count(*) filter (where l.is_in_sitemap and not l.is_linked),
    'only_linked', pg_catalog.count(*) filter (where not l.is_in_sitemap and l.is_linked),
    'in_neither', pg_catalog.count(*) filter (where not l.is_in_sitemap and not l.is_linked))
  from pawl.locate_pages(p_job_id) l
$$;
comment on function pawl.compare_sitemaps(bigint) is 'pages only in a sitemap, only linked, or both, as a JSON object';
