-- The robots.txt of a crawl's hosts: fetched by one node, once per host and job, and read by all.

-- pawl.ask_robots(job, origin, node): what is to be done about a host's robots.txt.
-- Returns one row: verdict 'fetch' (nobody has it: this node is to fetch it, and to say so with
-- pawl.save_robots or pawl.forget_robots), 'wait' (another node is fetching it), or 'known' with status
-- and robots (null: there is none). A node that said it would and has not for a minute has lost its turn.
-- Of a job that does not exist: 'wait'.
-- Locks, unless it is known or waited for: the job's row FOR KEY SHARE, then the host's row.
create or replace function pawl.ask_robots(p_job_id bigint, p_origin text, p_node_id integer)
returns table (verdict text, status integer, robots text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
begin
  return query
  select case when h.fetched_at is null then 'wait' else 'known' end, h.status, h.robots
  from pawl.crawl_hosts h
  where h.job_id = p_job_id
    and h.origin = p_origin
    and (h.fetched_at is not null or (h.node_id <> p_node_id and h.asked_at > v_now - interval '1 minute'));
  if found then
    return;
  end if;
  insert into pawl.crawl_hosts as h (job_id, origin, org_id, node_id, asked_at)
  select p_job_id, p_origin, j.org_id, p_node_id, v_now
  from pawl.jobs j
  where j.id = p_job_id
  for key share -- a job that is being deleted keeps no host
  on conflict (job_id, origin) do update
    set node_id = excluded.node_id, asked_at = excluded.asked_at
    where h.fetched_at is null
      and (h.node_id = p_node_id or h.asked_at <= v_now - interval '1 minute');
  return query select case when found then 'fetch' else 'wait' end, null::integer, null::text;
end
$$;
comment on function pawl.ask_robots(bigint, text, integer) is 'what a node is to do about the robots.txt of a host';

-- pawl.save_robots(job, origin, node, status, robots, crawl_delay_ms, sitemaps): a node has fetched it. robots
-- null: there is none. crawl_delay_ms null: it names none; else the host's pace is at most that, unless the
-- crawl was given a pace of its own. The host where the crawl starts may also take a Crawl-delay back that it
-- named to an earlier crawl; one of its sub-domains may not, nor does a crawl that ignores robots.txt. sitemaps as in pawl.add_found_pages.
-- The first answer counts, also that of a node which had lost its turn: whoever took the turn may have given
-- up (pawl.forget_robots), and then nobody else knows.
-- Returns nothing. Locks: the job's row FOR KEY SHARE, the host's row, those of pawl.add_found_pages; then the
-- limiter's, last of all locks, as in pawl.finish_pages.
create or replace function pawl.save_robots(
  p_job_id bigint,
  p_origin text,
  p_node_id integer,
  p_status integer,
  p_robots text,
  p_crawl_delay_ms double precision,
  p_sitemaps jsonb
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_job record;
  v_base_ms double precision := greatest(500, p_crawl_delay_ms);
  v_may_lower boolean;
begin
  select j.org_id, j.limiter_key, (j.params ->> 'max_pages')::bigint as max_pages,
    coalesce((j.params ->> 'ignore_robots')::boolean, false) as ignores_robots
  into v_job
  from pawl.jobs j
  where j.id = p_job_id
  for key share;
  if not found then
    return;
  end if;
  insert into pawl.crawl_hosts as h (job_id, origin, org_id, node_id, asked_at, fetched_at, status, robots)
  values (p_job_id, p_origin, v_job.org_id, p_node_id, v_now, v_now, p_status, p_robots)
  on conflict (job_id, origin) do update
    set node_id = excluded.node_id, fetched_at = excluded.fetched_at, status = excluded.status, robots = excluded.robots
    where h.fetched_at is null;
  if not found then
    return;
  end if;
  if pg_catalog.jsonb_array_length(p_sitemaps) > 0 then
    perform pawl.add_found_pages(p_job_id, v_job.org_id, pawl.reserve_room(p_job_id, v_job.max_pages), p_sitemaps);
  end if;
  v_may_lower := not v_job.ignores_robots
    and v_job.limiter_key = 'host:' || pg_catalog.regexp_replace(p_origin, '^https?://(www\.)?', '');
  update pawl.limiters l
  set base_interval_ms = v_base_ms,
      floor_ms = case when l.floor_until is null then v_base_ms else greatest(l.floor_ms, v_base_ms) end,
      start_interval_ms = case
        when l.start_interval_ms = l.base_interval_ms then v_base_ms
        else greatest(l.start_interval_ms, v_base_ms)
      end
  where l.key = v_job.limiter_key
    and l.is_adaptive
    and (v_base_ms > l.base_interval_ms or (v_may_lower and v_base_ms < l.base_interval_ms));
end
$$;
comment on function pawl.save_robots(bigint, text, integer, integer, text, double precision, jsonb)
  is 'a node has fetched the robots.txt of a host';

-- pawl.forget_robots(job, origin, node): the node could not fetch it; whoever comes next tries again.
-- Locks: the host's row.
create or replace function pawl.forget_robots(p_job_id bigint, p_origin text, p_node_id integer) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from pawl.crawl_hosts h
  where h.job_id = p_job_id
    and h.origin = p_origin
    and h.node_id = p_node_id
    and h.fetched_at is null
$$;
comment on function pawl.forget_robots(bigint, text, integer) is 'a node could not fetch the robots.txt of a host';
