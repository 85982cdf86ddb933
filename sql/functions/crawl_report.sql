-- pawl.crawl_report(job): what a crawl found so far: pages by status, the slowest, the broken with the
-- pages that link to them, bytes and pace; for pawl crawl and pawl job show.
-- A page is broken when it has an error class or a status from 400. At most 100 broken pages are
-- listed, those that most pages link to first, each with 5 referrers; broken_count and referrer_count
-- are complete. Pages are read twice in all, however many are broken.
-- Returns a JSON object; ids are strings. Refuses an unknown job (PW002).
-- Locks: none.
create or replace function pawl.crawl_report(p_job_id bigint) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  v_job record;
  v_report jsonb;
begin
  select j.id, j.status, j.params, j.error,
    pg_catalog.date_part('epoch', coalesce(j.finished_at, pawl.now()) - j.created_at) as seconds
  into v_job
  from pawl.jobs j
  where j.id = p_job_id;
  if not found then
    perform pawl.refuse_job(p_job_id);
  end if;

  select pg_catalog.jsonb_build_object(
    'pages', pg_catalog.count(*),
    'transfer_bytes', coalesce(pg_catalog.sum(p.transfer_bytes), 0),
    'body_bytes', coalesce(pg_catalog.sum(p.body_bytes), 0),
    'broken_count', pg_catalog.count(*) filter (where p.error_class is not null or p.status >= 400),
    'pages_per_second', pg_catalog.round(
      (pg_catalog.count(*) / greatest(v_job.seconds, 0.001))::numeric, 1))
  into v_report
  from pawl.pages p
  where p.job_id = p_job_id;

  return v_report || pg_catalog.jsonb_build_object(
    'job', v_job.id::text,
    'url', v_job.params ->> 'url',
    'status', v_job.status,
    'error', v_job.error,
    'seconds', pg_catalog.round(v_job.seconds::numeric, 3),
    'by_status', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.status nulls last, s.error_class), '[]')
      from (
        select p.status, case when p.status is null then p.error_class end as error_class,
          pg_catalog.count(*) as pages, pg_catalog.round(pg_catalog.avg(p.total_ms)::numeric, 1) as mean_ms
        from pawl.pages p
        where p.job_id = p_job_id
        group by 1, 2
      ) s),
    'slowest', (
      select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(s) order by s.total_ms desc), '[]')
      from (
        select p.url, p.status, p.first_byte_ms, p.total_ms, p.body_bytes
        from pawl.pages p
        where p.job_id = p_job_id
          and p.total_ms is not null
        order by p.total_ms desc
        limit 5
      ) s),
    'broken', case when v_report -> 'broken_count' = '0' then '[]' else pawl.list_broken_pages(p_job_id) end);
end
$$;
comment on function pawl.crawl_report(bigint) is 'what a crawl found, as a JSON object';
