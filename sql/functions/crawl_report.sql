-- pawl.crawl_report(job): what a crawl found so far, for pawl crawl and pawl job show.
-- Returns a JSON object; ids are strings. Pages are those of the site itself; sitemaps and pages of other
-- sites have members of their own.
--   job, url, status, error, seconds, start_error (why the start page failed; null: it did not)
--   pages, transfer_bytes, body_bytes, pages_per_second, skipped_links
--   by_status, slowest (five), blocks (pages by the way in which the site refused them)
--   times            pawl.measure_pages
--   cache            pawl.measure_cache
--   redirects        chains (pages that redirect and were not found by a redirect), longest (in hops), circles
--   sitemaps         read, broken, and against the pages: pawl.compare_sitemaps, null while the crawl runs, without
--                    a sitemap, and above 200,000 pages (ten seconds a million: too dear to be shown each time)
--   external         checked, refused (they refuse crawlers and may be there), broken
--   raised           better priorities of known pages that were written, by tier, and how many changed nothing
--   weights          given, and matched (by a page that was visited); null: the crawl has none
--   broken_count     and broken: pawl.list_broken_pages, those that most pages lead to
-- Refuses an unknown job (PW002).
-- Reads the pages about ten times; a million of them take some seconds. Locks: none.
create or replace function pawl.crawl_report(p_job_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_job record;
  v_sum record;
  v_broken record;
begin
  select j.id, j.status, j.params, j.error, j.finished_at is not null as has_ended,
    pg_catalog.date_part('epoch', coalesce(j.finished_at, pawl.now()) - j.created_at) as seconds
  into v_job
  from pawl.jobs j
  where j.id = p_job_id;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;

  select pg_catalog.count(*) filter (where p.role = 'page') as pages,
    coalesce(pg_catalog.sum(p.transfer_bytes) filter (where p.role = 'page'), 0) as transfer_bytes,
    coalesce(pg_catalog.sum(p.body_bytes) filter (where p.role = 'page'), 0) as body_bytes,
    coalesce(pg_catalog.sum(p.skipped_links) filter (where p.role = 'page'), 0) as skipped_links,
    pg_catalog.count(*) filter (where p.role = 'external') as external,
    pg_catalog.count(*) filter (where p.role = 'external' and p.block is not null) as refused,
    pg_catalog.count(*) filter (where p.role = 'sitemap' and p.status between 200 and 299 and p.error_class is null
      and (p.source <> 'guess' or p.links > 0)) as sitemaps
  into v_sum
  from pawl.pages p
  where p.job_id = p_job_id;

  select pg_catalog.count(*) as pages,
    pg_catalog.count(*) filter (where b.role = 'sitemap') as sitemaps,
    pg_catalog.count(*) filter (where b.role = 'external') as external
  into v_broken
  from pawl.find_broken_pages(p_job_id) b;

  return pg_catalog.jsonb_build_object(
    'job', v_job.id::text,
    'url', v_job.params ->> 'url',
    'status', v_job.status,
    'error', v_job.error,
    'start_error', (
      select case when t.status = 'failed' then t.error end
      from pawl.tasks t
      where t.job_id = p_job_id
      order by t.id
      limit 1),
    'seconds', pg_catalog.round(v_job.seconds::numeric, 3),
    'pages', v_sum.pages,
    'transfer_bytes', v_sum.transfer_bytes,
    'body_bytes', v_sum.body_bytes,
    'pages_per_second', pg_catalog.round((v_sum.pages / greatest(v_job.seconds, 0.001))::numeric, 1),
    'skipped_links', v_sum.skipped_links,
    'by_status', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.status nulls last, s.error_class), '[]')
      from (
        select p.status, case when p.status is null then p.error_class end as error_class,
          pg_catalog.count(*) as pages, pg_catalog.round(pg_catalog.avg(p.total_ms)::numeric, 1) as mean_ms
        from pawl.pages p
        where p.job_id = p_job_id
          and p.role = 'page'
        group by 1, 2
      ) s),
    'blocks', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.pages desc, s.block), '[]')
      from (
        select p.block, pg_catalog.count(*) as pages
        from pawl.pages p
        where p.job_id = p_job_id
          and p.role = 'page'
          and p.block is not null
        group by 1
      ) s),
    'times', pawl.measure_pages(p_job_id),
    'slowest', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.total_ms desc, s.url), '[]')
      from (
        select p.url, p.status, p.first_byte_ms, p.total_ms, p.body_bytes
        from pawl.pages p
        where p.job_id = p_job_id
          and p.role = 'page'
          and p.total_ms is not null
        order by p.total_ms desc, p.url
        limit 5
      ) s),
    'cache', pawl.measure_cache(p_job_id),
    'redirects', (
      select pg_catalog.jsonb_build_object(
        'chains', pg_catalog.count(*),
        'longest', coalesce(pg_catalog.max(t.hops), 0),
        'circles', pg_catalog.count(*) filter (where t.ending = 'circle'))
      from pawl.trace_redirects(p_job_id) t),
    'sitemaps', pg_catalog.jsonb_build_object('read', v_sum.sitemaps, 'broken', v_broken.sitemaps, 'pages',
      case when v_job.has_ended and v_sum.sitemaps > 0 and v_sum.pages <= 200000 then pawl.compare_sitemaps(p_job_id) end),
    'external', pg_catalog.jsonb_build_object('checked', v_sum.external, 'refused', v_sum.refused, 'broken', v_broken.external),
    'raised', (
      select pg_catalog.jsonb_build_object(
        'high', coalesce(pg_catalog.sum(c.raised_high), 0),
        'medium', coalesce(pg_catalog.sum(c.raised_medium), 0),
        'low', coalesce(pg_catalog.sum(c.raised_low), 0),
        'avoided', coalesce(pg_catalog.sum(c.raised_none), 0))
      from pawl.crawls c
      where c.job_id = p_job_id),
    'weights', (
      select pg_catalog.jsonb_build_object(
        'given', pg_catalog.count(*),
        -- the pages' keys are computed once, and only when there are weights
        'matched', pg_catalog.count(*) filter (where w.key in (
          select pawl.weight_key(p.url)
          from pawl.pages p
          where p.job_id = p_job_id
            and p.role = 'page')))
      from pawl.page_weights w
      where w.job_id = p_job_id
      having pg_catalog.count(*) > 0),
    'broken_count', v_broken.pages,
    'broken', case when v_broken.pages = 0 then '[]' else pawl.list_broken_pages(p_job_id) end);
end
$$;
comment on function pawl.crawl_report(bigint) is 'what a crawl found, as a JSON object';
