-- pawl.stop_hopeless_crawl(job): ends a crawl as failed when its first 20 pages have all failed, with the
-- reason: a site that refuses us should not be asked for all its pages. What is left is cancelled.
-- Not before the start page has had its turn: a sitemap full of dead pages says nothing about the site,
-- and where two nodes crawl, one may be through 20 of them while the start page waits for the other.
-- Returns true when this call ended it.
-- Locks: the job's row FOR UPDATE, then its open tasks by id, as pawl.cancel_job.
create or replace function pawl.stop_hopeless_crawl(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job pawl.jobs;
  v_failed bigint;
begin
  if not pawl.has_tried_start(p_job_id) then
    return false;
  end if;
  v_job := pawl.hold_finite_job(p_job_id);
  select p.failed into v_failed
  from pawl.job_progress p
  where p.job_id = p_job_id
    and p.failed >= 20;
  if not found or v_job.finished_at is not null or not pawl.is_crawl_in_vain(p_job_id) then
    return false;
  end if;
  update pawl.jobs j
  set status = 'failed', finished_at = pawl.now(), error = 'the first ' || v_failed || ' pages all failed: ' || (
    select pg_catalog.string_agg(c.pages || ' with ' || c.error, ', ' order by c.pages desc, c.error)
    from (
      select pg_catalog.count(*) as pages, coalesce(t.error, 'no reason') as error
      from pawl.tasks t
      where t.job_id = p_job_id
        and t.status = 'failed'
      group by 2
      order by 1 desc, 2
      limit 3
    ) c)
  where j.id = p_job_id;
  perform pawl.cancel_open_tasks(p_job_id);
  return true;
end
$$;
comment on function pawl.stop_hopeless_crawl(bigint) is 'ends a crawl whose first 20 pages have all failed';

-- pawl.has_tried_start(job): has the crawl's first task, which is its start page, been tried? True for a job
-- without tasks.
-- Locks: none.
create or replace function pawl.has_tried_start(p_job_id bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return not exists (
    select
    from (select t.id, t.finished_at from pawl.tasks t where t.job_id = p_job_id order by t.id limit 1) s
    where s.finished_at is null
      and not exists (select from pawl.pages p where p.job_id = p_job_id and p.task_id = s.id));
end
$$;
comment on function pawl.has_tried_start(bigint) is 'has the start page of a crawl been tried?';

-- pawl.is_crawl_in_vain(job): has a crawl asked for pages and not got one of them? What it read of sitemaps
-- does not count, nor does a redirect (of a start page in http: to https:, mostly). False for a job that is no crawl. Reads as far as the first page that is fine.
-- Locks: none.
create or replace function pawl.is_crawl_in_vain(p_job_id bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from pawl.pages p where p.job_id = p_job_id)
    and not exists (select from pawl.pages p where p.job_id = p_job_id and p.role = 'page' and p.error_class is null
      and p.status between 200 and 299);
end
$$;
comment on function pawl.is_crawl_in_vain(bigint) is 'has a crawl asked for pages and not got one of them?';
