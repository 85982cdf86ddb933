-- How a crawl grows, and stops growing: for pawl.finish_pages, pawl.save_robots and pawl.add_sitemap_pages.

-- pawl.reserve_room(job, max_pages): how many pages may be added to a crawl in this transaction; null when
-- max_pages is. It is exact: until max_pages is reached, those who add pages take turns on the job's first
-- task (not on the job's row, which the fold needs; and not only when it is near, because two that each
-- fit could be too many together).
-- Refuses to be exact outside READ COMMITTED (PW009).
-- Locks: with max_pages the job's first task, so it comes before any lock of another task.
create or replace function pawl.reserve_room(p_job_id bigint, p_max_pages bigint) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_max_pages is null or pawl.count_room(p_job_id, p_max_pages) = 0 then
    return p_max_pages - p_max_pages; -- null or 0
  end if;
  perform pawl.check_isolation();
  perform
  from pawl.tasks t
  where t.job_id = p_job_id
  order by t.id
  limit 1
  for no key update;
  -- a statement of its own, so that its snapshot is younger than the lock
  return pawl.count_room(p_job_id, p_max_pages);
end
$$;
comment on function pawl.reserve_room(bigint, bigint) is 'how many pages may be added to a crawl in this transaction';

create or replace function pawl.count_room(p_job_id bigint, p_max_pages bigint) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select greatest(0, p_max_pages + coalesce((select c.other_tasks from pawl.crawls c where c.job_id = p_job_id), 0) - p.total)
  from pawl.job_progress p
  where p.job_id = p_job_id
$$;
comment on function pawl.count_room(bigint, bigint) is 'how many more pages a crawl may have';

-- pawl.add_found_pages(job, org, room, found): adds the tasks for what a crawl found: at most room pages (null:
-- all), the best first. p_found is an array of objects: url, key, priority, depth, source (link, redirect,
-- sitemap, robots, guess), role (sitemap or external; absent: a page), redirects (absent: none). What the
-- crawl has already is left out (I6), the imported weight of a page is added to its priority. Without room there
-- are no more sitemaps either, and never more than 50,000, as many as one index may name: a site that makes them
-- up would have no end, since they do not count against max_pages.
-- Returns one row: added, how many tasks; best, the greatest priority among them, or null.
-- Locks: new keys in order (that of their bytes, which is the cheapest to find); the row of pawl.crawls, when something was added that is no page.
create or replace function pawl.add_found_pages(p_job_id bigint, p_org_id uuid, p_room bigint, p_found jsonb)
returns table (added integer, best real)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_added integer;
  v_best real;
  v_others integer;
  v_sitemaps integer;
  v_is_weighed boolean := pawl.is_weighed(p_job_id);
begin
  with fresh as (
    select distinct on (f.key collate "C") f.*
    from pg_catalog.jsonb_to_recordset(p_found)
      as f (url text, key text, priority real, depth integer, source text, role text, redirects integer)
    -- a scalar subquery, which can only be a probe of the index of keys, never a join
    where (select true from pawl.tasks t where t.job_id = p_job_id and t.key = f.key and t.is_key_active) is null
    order by f.key collate "C", f.priority desc
  ), kept as (
    select n.*
    from fresh n
    where n.role is null
    order by n.priority desc, n.depth
    limit p_room
  ), added as (
    insert into pawl.tasks (job_id, org_id, key, priority, payload)
    select p_job_id, p_org_id, k.key, k.priority + coalesce(w.weight, 0),
      case
        when k.role is null and k.redirects is null
          then pg_catalog.jsonb_build_object('url', k.url, 'depth', k.depth, 'source', k.source)
        else pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
          'url', k.url, 'depth', k.depth, 'source', k.source, 'role', k.role, 'redirects', k.redirects))
      end
    from (
      select *
      from kept
      union all
      select n.*
      from fresh n
      where n.role = 'external'
      union all (
        select n.*
        from fresh n
        where n.role = 'sitemap'
          and p_room is distinct from 0
        limit (
          select greatest(0, 50000 - coalesce(pg_catalog.max(c.sitemap_tasks), 0))
          from pawl.crawls c
          where c.job_id = p_job_id
        )
      )
    ) k
    left join pawl.page_weights w on w.job_id = p_job_id and w.key = case when v_is_weighed then pawl.weight_key(k.url) end
    order by k.key collate "C"
    on conflict (job_id, key) where is_key_active do nothing
    returning priority, payload ->> 'role' as role
  )
  select pg_catalog.count(*), pg_catalog.max(a.priority), pg_catalog.count(a.role),
    pg_catalog.count(*) filter (where a.role = 'sitemap')
  into v_added, v_best, v_others, v_sitemaps
  from added a;

  if v_others > 0 then
    insert into pawl.crawls as c (job_id, org_id, other_tasks, sitemap_tasks)
    values (p_job_id, p_org_id, v_others, v_sitemaps)
    on conflict (job_id) do update
      set other_tasks = c.other_tasks + excluded.other_tasks,
          sitemap_tasks = c.sitemap_tasks + excluded.sitemap_tasks;
  end if;
  return query select v_added, v_best;
end
$$;
comment on function pawl.add_found_pages(bigint, uuid, bigint, jsonb) is 'adds the tasks for what a crawl found';

-- pawl.skip_sitemaps(job): a crawl has its max_pages: cancels the sitemaps that were not begun, however many
-- an index has named. They are found by their priority, which is that of C's FOUND_PRIORITY_OF_SITEMAP: as long
-- as there are none it is one look into the claim index.
-- Returns nothing. Locks: these tasks by id, skipping those that are being claimed.
create or replace function pawl.skip_sitemaps(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  with skipped as (
    select t.id
    from pawl.tasks t
    where t.job_id = p_job_id
      and t.is_pending
      and coalesce(t.lateness, 0) - t.priority = (-0.95)::real::double precision
      and t.payload ->> 'role' = 'sitemap'
    order by t.id
    for update skip locked
  )
  update pawl.tasks t
  set status = 'cancelled', finished_at = pawl.now(), error = 'the crawl has its max_pages'
  from skipped s
  where t.job_id = p_job_id
    and t.id = s.id;
end
$$;
comment on function pawl.skip_sitemaps(bigint) is 'cancels the sitemaps of a crawl that were not begun';
