-- pawl.add_sitemap_pages(job, found): what a node has read of a sitemap so far, while it goes on reading:
-- its task still runs, so the job cannot end. p_found as in pawl.add_found_pages.
-- Returns one row: added, how many tasks; is_full, when max_pages is reached and reading on is of no use:
-- then sitemaps that were not begun are cancelled.
-- Refuses a job that has ended (PW003).
-- Locks: the job's row FOR KEY SHARE, then those of pawl.reserve_room, pawl.add_found_pages and
-- pawl.skip_sitemaps.
create or replace function pawl.add_sitemap_pages(p_job_id bigint, p_found jsonb)
returns table (added integer, is_full boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org_id uuid;
  v_max_pages bigint;
  v_added integer;
  v_is_full boolean;
begin
  select j.org_id, (j.params ->> 'max_pages')::bigint into v_org_id, v_max_pages
  from pawl.jobs j
  where j.id = p_job_id
  for key share;
  select f.added into v_added
  from pawl.add_found_pages(p_job_id, v_org_id, pawl.reserve_room(p_job_id, v_max_pages), p_found) f;
  v_is_full := v_max_pages is not null and pawl.count_room(p_job_id, v_max_pages) = 0;
  if v_is_full then
    perform pawl.skip_sitemaps(p_job_id);
  end if;
  return query select v_added, v_is_full;
end
$$;
comment on function pawl.add_sitemap_pages(bigint, jsonb) is 'adds what a node has read of a sitemap so far';
