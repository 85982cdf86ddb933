-- pawl.finish_pages(node, pages): a batch of crawled pages: ends their tasks, stores the pages, adds the
-- tasks for the links they have, in one transaction, so that a job is never seen empty too early.
-- p_pages is an array of objects: job, task, attempt, outcome, delay_ms, error_class, error, page (columns of
-- pawl.pages; null: none), warm (columns of pawl.pages that begin with warm_ or cache_; null: none), found (as in
-- pawl.add_found_pages), block (as the column), retry_after_ms (the pause that the host asked for), warm_step.
-- Outcomes: completed; failed; retry (waits delay_ms, counts as a failed attempt); again (waits delay_ms and
-- does not count: with warm_step to ask again until a cache holds the page, the step then being the member
-- warm of its payload; without to see whether the host's robots.txt is known).
-- Returns finished, how many outcomes took effect (a fenced one adds nothing); found, tasks added; best, the
-- greatest priority among those, which a cursor may have passed already; hopeless, jobs whose first pages
-- have all failed: pawl.stop_hopeless_crawl is for those.
-- The settings pin the plans, as in pawl.finish_tasks.
-- Locks: job by job, in order of their ids: the job's row FOR KEY SHARE, the tasks by id, those of
-- pawl.add_found_pages and pawl.skip_sitemaps; then the limiters by key.
create or replace function pawl.finish_pages(p_node_id integer, p_pages jsonb)
returns table (finished integer, found integer, best real, hopeless bigint[])
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
  v_now timestamptz := pawl.now();
  v_finished integer := 0;
  v_found integer := 0;
  v_best real;
  v_hopeless bigint[] := '{}';
  v_paces jsonb := '[]';
  v_job record;
  v_room bigint;
  v_ended record;
  v_is_whole boolean;
  v_new jsonb;
  r record;
begin
  for r in
    select o.job as job_id,
      pg_catalog.array_agg(o.job) as jobs,
      pg_catalog.array_agg(o.task) as tasks,
      pg_catalog.array_agg(o.attempt) as attempts,
      pg_catalog.array_agg(o.outcome) as outcomes,
      pg_catalog.array_agg(o.delay_ms) as delays_ms,
      pg_catalog.array_agg(o.error_class) as error_classes,
      pg_catalog.array_agg(o.error) as errors,
      pg_catalog.array_agg(o.block) as blocks,
      pg_catalog.array_agg(o.warm_step) as warm_steps,
      pg_catalog.array_agg(o.page) as pages,
      pg_catalog.array_agg(o.warm) as warm,
      pg_catalog.bool_or(pg_catalog.jsonb_typeof(o.warm) = 'object') as is_warmed,
      pg_catalog.array_agg(o.found) as found,
      coalesce(pg_catalog.sum(pg_catalog.jsonb_array_length(o.found)), 0) as found_count,
      pg_catalog.max(o.retry_after_ms) as retry_after_ms
    from (
      -- sorted once, not by each aggregate
      select * from pg_catalog.jsonb_to_recordset(p_pages) as p (job bigint, task bigint, attempt integer, outcome text,
        delay_ms bigint, error_class text, error text, page jsonb, warm jsonb, warm_step integer, found jsonb,
        block text, retry_after_ms bigint)
      order by p.job, p.task
    ) o
    group by o.job
    order by o.job
  loop
    select j.org_id, (j.params ->> 'max_pages')::bigint as max_pages, j.limiter_key into v_job
    from pawl.jobs j
    where j.id = r.job_id
    for key share;
    if r.found_count > 0 then
      v_room := pawl.reserve_room(r.job_id, v_job.max_pages);
    end if;

    with ended as (
      update pawl.tasks t
      set status = case o.outcome when 'completed' then 'completed' when 'failed' then 'failed' else 'waiting' end::pawl.task_status,
          finished_at = case when o.outcome in ('completed', 'failed') then v_now end,
          run_at = case when o.outcome in ('retry', 'again') then v_now + o.delay_ms * interval '1 millisecond' else t.run_at end,
          wait_reason = case o.outcome when 'retry' then 'retry' when 'again' then case when o.warm_step is null then 'robots' else 'warm' end end,
          uncounted_attempts = t.uncounted_attempts + (o.outcome = 'again')::integer,
          payload = case
            when o.warm_step is null then t.payload
            else t.payload || pg_catalog.jsonb_build_object('warm', o.warm_step)
          end,
          error = o.error
      from unnest(r.jobs, r.tasks, r.attempts, r.outcomes, r.delays_ms, r.error_classes, r.errors, r.blocks, r.warm_steps)
        as o (job_id, task, attempt, outcome, delay_ms, error_class, error, block, warm_step)
      where t.job_id = any (array[o.job_id])
        and t.id = o.task
        and t.status = 'running'
        and t.node_id = p_node_id
        and t.attempt = o.attempt
      returning t.id, t.attempt, t.org_id, t.started_at, o.outcome, o.error_class, o.error, o.block,
        -- the host has answered: not what waits for its robots.txt, nor another site
        (o.outcome = 'completed' or o.warm_step is not null) and t.payload ->> 'role' is distinct from 'external' as is_fine
    ), recorded as (
      insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, started_at, failed_at, error_class, error)
      select r.job_id, e.id, e.attempt, e.org_id, p_node_id, e.started_at, v_now, coalesce(e.error_class, 'executor'), e.error
      from ended e
      where e.outcome in ('failed', 'retry')
    )
    select pg_catalog.array_agg(e.id) as tasks,
      pg_catalog.count(*) filter (where e.is_fine) as fine,
      pg_catalog.count(*) filter (where e.outcome = 'failed') as failed,
      pg_catalog.count(e.block) as refused,
      pg_catalog.array_agg(e.started_at) as claimed_at,
      pg_catalog.array_agg(e.outcome <> 'again' or e.is_fine) as were_started, -- not what waits for its robots.txt
      pg_catalog.min(e.started_at) filter (where e.block is not null) as refused_since
    into v_ended
    from ended e;
    continue when v_ended.tasks is null;
    v_finished := v_finished + pg_catalog.cardinality(v_ended.tasks);
    if v_job.limiter_key is not null then
      perform pawl.note_ends(p_node_id, pg_catalog.array_fill(r.job_id, array[pg_catalog.cardinality(v_ended.tasks)]), v_ended.claimed_at,
        null, v_ended.were_started);
    end if;

    v_is_whole := pg_catalog.cardinality(v_ended.tasks) = pg_catalog.cardinality(r.tasks);

    insert into pawl.pages as old (job_id, task_id, org_id, url, url_hash, depth, role, source, redirects, status,
      error_class, error, redirect_to, canonical, block, content_type, http_version, encoding, transfer_bytes,
      body_bytes, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, cache, cache_name, cache_reason, attempts,
      links, skipped_links, link_hashes, fetched_at)
    select r.job_id, p.task, v_job.org_id, q.url, q.url_hash, q.depth, q.role, q.source, q.redirects, q.status,
      q.error_class, q.error, q.redirect_to, q.canonical, q.block, q.content_type, q.http_version, q.encoding, q.transfer_bytes,
      q.body_bytes, q.dns_ms, q.connect_ms, q.tls_ms, q.first_byte_ms, q.total_ms, q.cache, q.cache_name, q.cache_reason, q.attempts,
      q.links, q.skipped_links, q.link_hashes, v_now
    from unnest(r.tasks, r.pages) as p (task, page), pg_catalog.jsonb_populate_record(null::pawl.pages, p.page) q
    where pg_catalog.jsonb_typeof(p.page) = 'object'
      and (v_is_whole or p.task = any (v_ended.tasks))
    on conflict (job_id, task_id) do update
      set status = excluded.status, error_class = excluded.error_class, error = excluded.error,
          redirects = excluded.redirects, redirect_to = excluded.redirect_to, canonical = excluded.canonical, block = excluded.block,
          content_type = excluded.content_type, http_version = excluded.http_version,
          encoding = excluded.encoding, transfer_bytes = excluded.transfer_bytes,
          body_bytes = excluded.body_bytes, dns_ms = excluded.dns_ms, connect_ms = excluded.connect_ms,
          tls_ms = excluded.tls_ms, first_byte_ms = excluded.first_byte_ms, total_ms = excluded.total_ms,
          cache = excluded.cache, cache_name = excluded.cache_name, cache_reason = excluded.cache_reason,
          warm_requests = 0, warm_cache = null, warm_first_byte_ms = null, warm_total_ms = null,
          attempts = excluded.attempts, links = excluded.links, skipped_links = excluded.skipped_links,
          link_hashes = excluded.link_hashes, fetched_at = excluded.fetched_at;

    if r.is_warmed then
      update pawl.pages p
      set warm_requests = w.warm_requests, warm_cache = w.warm_cache, warm_first_byte_ms = w.warm_first_byte_ms,
          warm_total_ms = w.warm_total_ms, cache_reason = coalesce(w.cache_reason, p.cache_reason)
      from unnest(r.tasks, r.warm) as o (task, warm),
        pg_catalog.jsonb_to_record(o.warm) as w (warm_requests integer, warm_cache text, warm_first_byte_ms real,
          warm_total_ms real, cache_reason text)
      where p.job_id = r.job_id
        and p.task_id = o.task
        and pg_catalog.jsonb_typeof(o.warm) = 'object'
        and (v_is_whole or o.task = any (v_ended.tasks));
    end if;

    if r.found_count > 0 then
      select pg_catalog.jsonb_agg(f) into v_new
      from unnest(r.tasks, r.found) as p (task, found), pg_catalog.jsonb_array_elements(p.found) f
      where v_is_whole or p.task = any (v_ended.tasks);
      select v_found + f.added, greatest(v_best, f.best) into v_found, v_best
      from pawl.add_found_pages(r.job_id, v_job.org_id, v_room, v_new) f;
      if v_room = 0 or (v_room > 0 and pawl.count_room(r.job_id, v_job.max_pages) = 0) then
        perform pawl.skip_sitemaps(r.job_id);
      end if;
    end if;

    if v_job.limiter_key is not null then
      v_paces := v_paces || pg_catalog.jsonb_build_object('limiter', v_job.limiter_key, 'fine', v_ended.fine,
        'refused', v_ended.refused, 'refused_since', v_ended.refused_since, 'retry_after_ms', r.retry_after_ms);
    end if;
    if v_ended.failed > 0 and pawl.is_crawl_in_vain(r.job_id)
      and exists (select from pawl.job_progress p where p.job_id = r.job_id and p.failed >= 20)
    then
      v_hopeless := v_hopeless || r.job_id;
    end if;
  end loop;

  -- behind all other locks, and in one order
  perform pawl.adjust_pace(p.limiter, p.fine, p.refused, p.refused_since, p.retry_after_ms)
  from (
    select o.limiter, pg_catalog.sum(o.fine)::bigint as fine, pg_catalog.sum(o.refused)::bigint as refused,
      pg_catalog.min(o.refused_since) as refused_since, pg_catalog.max(o.retry_after_ms) as retry_after_ms
    from pg_catalog.jsonb_to_recordset(v_paces)
      as o (limiter text, fine bigint, refused bigint, refused_since timestamptz, retry_after_ms bigint)
    group by o.limiter
    order by o.limiter
  ) p;
  return query select v_finished, v_found, v_best, v_hopeless;
end
$$;
comment on function pawl.finish_pages(integer, jsonb) is 'a batch of crawled pages: ends their tasks, stores pages, adds the tasks found';
