-- pawl.list_broken_pages(job): the broken pages of a crawl and who links to them; a part of
-- pawl.crawl_report, which says what broken means.
-- Who links there is found in one pass over the pages' link hashes, joined with the few that are
-- broken: asking link_hashes @> for each broken page would read all pages that many times.
-- Returns a JSON array of at most 100.
-- Locks: none.
create or replace function pawl.list_broken_pages(p_job_id bigint) returns jsonb
language sql stable
set search_path = ''
as $$
  with broken as materialized (
    select p.task_id, p.url, p.url_hash, p.status, p.error_class, p.error
    from pawl.pages p
    where p.job_id = p_job_id
      and (p.error_class is not null or p.status >= 400)
  ), referrer as (
    select b.task_id, p.url,
      pg_catalog.row_number() over (partition by b.task_id order by p.depth, p.url) as place,
      pg_catalog.count(*) over (partition by b.task_id) as referrer_count
    from pawl.pages p
    cross join lateral pg_catalog.unnest(p.link_hashes) as h (url_hash)
    join broken b on b.url_hash = h.url_hash and b.task_id <> p.task_id
    where p.job_id = p_job_id
  ), listed as (
    select b.url, b.status, b.error_class, b.error, coalesce(r.referrer_count, 0) as referrer_count,
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
comment on function pawl.list_broken_pages(bigint) is 'broken pages of a crawl and who links to them, as a JSON array';
