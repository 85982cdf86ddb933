-- pawl.list_broken_pages(job): the broken pages of a crawl (pawl.find_broken_pages) and who leads to them; a
-- part of pawl.crawl_report. All of them, with everyone who leads there, gives pawl.report_pages.
-- Who leads there is found in one pass over the pages' link hashes, joined with the few that are broken:
-- asking link_hashes @> for each broken page would read all pages that many times.
-- Returns a JSON array of at most 100, those that most lead to first, each with 5
-- referrers, sitemaps last.
-- Locks: none.
create or replace function pawl.list_broken_pages(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
as $$
  with broken as materialized (
    select b.*
    from pawl.find_broken_pages(p_job_id) b
  ), referrer as (
    select b.task_id, l.url,
      pg_catalog.row_number() over (partition by b.task_id order by l.via = 'sitemap', l.depth, l.url) as place,
      pg_catalog.count(*) over (partition by b.task_id) as referrer_count
    from pawl.page_links l
    join broken b on b.url_hash = l.url_hash
    where l.job_id = p_job_id
  ), listed as (
    select b.url, b.role, b.status, b.error_class, b.error, b.block, coalesce(r.referrer_count, 0) as referrer_count,
      coalesce(r.referrers, '[]') as referrers
    from broken b
    left join (
      select r.task_id, pg_catalog.max(r.referrer_count) as referrer_count,
        pg_catalog.jsonb_agg(r.url order by r.place) as referrers
      from referrer r
      where r.place <= 5
      group by r.task_id
    ) r on r.task_id = b.task_id
    order by coalesce(r.referrer_count, 0) desc, b.url
    limit 100
  )
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(l) order by l.referrer_count desc, l.url), '[]')
  from listed l
$$;
comment on function pawl.list_broken_pages(bigint) is 'broken pages of a crawl and who leads to them, as a JSON array';
