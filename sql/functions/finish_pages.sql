-- pawl.finish_pages(node, pages): a batch of crawled pages: ends their tasks, stores the pages, adds the
-- tasks for the links they have, in one transaction, so that a job is never seen empty too early.
-- p_pages is an array of objects: job, task, attempt, outcome (completed, failed, retry), delay_ms,
-- error_class, error, page (columns of pawl.pages), found (array of {url, key, priority, depth}).
-- A job's max_pages is exact: until it is reached, batches with found pages take turns on the job's
-- first task (not on the job's row, which the fold needs; and not only when it is near, because two
-- that each fit could be too many together).
-- Refuses to be exact about max_pages outside READ COMMITTED (PW009).
-- Returns finished, how many outcomes took effect (a fenced one adds nothing), and found, tasks added.
-- The settings pin the plans, as in pawl.finish_tasks.
-- Locks: job by job, in order of their ids: the job's row FOR KEY SHARE, with max_pages its first task,
-- the tasks by id, then new keys in order.
create or replace function pawl.finish_pages(p_node_id integer, p_pages jsonb)
returns table (finished integer, found integer)
language plpgsql volatile
set search_path = ''
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
  v_count integer;
  v_tasks bigint[];
  v_org_id uuid;
  v_max_pages bigint;
  v_room bigint;
  r record;
begin
  for r in
    select o.job as job_id,
      pg_catalog.array_agg(o.job) as jobs,
      pg_catalog.array_agg(o.task order by o.task) as tasks,
      pg_catalog.array_agg(o.attempt order by o.task) as attempts,
      pg_catalog.array_agg(o.outcome order by o.task) as outcomes,
      pg_catalog.array_agg(o.delay_ms order by o.task) as delays_ms,
      pg_catalog.array_agg(o.error_class order by o.task) as error_classes,
      pg_catalog.array_agg(o.error order by o.task) as errors,
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'task', o.task, 'attempt', o.attempt, 'page', o.page, 'found', coalesce(o.found, '[]'))) as pages,
      coalesce(pg_catalog.sum(pg_catalog.jsonb_array_length(o.found)), 0) as found
    from pg_catalog.jsonb_to_recordset(p_pages) as o (job bigint, task bigint, attempt integer, outcome text,
      delay_ms bigint, error_class text, error text, page jsonb, found jsonb)
    group by o.job
    order by o.job
  loop
    select j.org_id, (j.params ->> 'max_pages')::bigint into v_org_id, v_max_pages
    from pawl.jobs j
    where j.id = r.job_id
    for key share;
    v_room := null;
    if r.found > 0 and v_max_pages is not null then
      select greatest(0, v_max_pages - p.total) into v_room from pawl.job_progress p where p.job_id = r.job_id;
      if v_room > 0 then
        perform pawl.check_isolation();
        perform
        from pawl.tasks t
        where t.job_id = r.job_id
        order by t.id
        limit 1
        for no key update;
        -- a statement of its own, so that its snapshot is younger than the lock
        select greatest(0, v_max_pages - p.total) into v_room from pawl.job_progress p where p.job_id = r.job_id;
      end if;
    end if;

    with ended as (
      update pawl.tasks t
      set status = case o.outcome when 'completed' then 'completed' when 'failed' then 'failed' else 'waiting' end::pawl.task_status,
          finished_at = case when o.outcome <> 'retry' then v_now end,
          run_at = case when o.outcome = 'retry' then v_now + o.delay_ms * interval '1 millisecond' else t.run_at end,
          wait_reason = case when o.outcome = 'retry' then 'retry' end,
          error = o.error
      from unnest(r.jobs, r.tasks, r.attempts, r.outcomes, r.delays_ms, r.error_classes, r.errors)
        as o (job_id, task, attempt, outcome, delay_ms, error_class, error)
      where t.job_id = any (array[o.job_id])
        and t.id = o.task
        and t.status = 'running'
        and t.node_id = p_node_id
        and t.attempt = o.attempt
      returning t.id, t.attempt, t.org_id, t.started_at, o.outcome, o.error_class, o.error
    ), recorded as (
      insert into pawl.attempts (job_id, task_id, attempt, org_id, node_id, started_at, failed_at, error_class, error)
      select r.job_id, e.id, e.attempt, e.org_id, p_node_id, e.started_at, v_now, coalesce(e.error_class, 'executor'), e.error
      from ended e
      where e.outcome in ('failed', 'retry')
    )
    select pg_catalog.array_agg(e.id) into v_tasks from ended e;
    continue when v_tasks is null;
    v_finished := v_finished + pg_catalog.cardinality(v_tasks);

    insert into pawl.pages as old
    select q.*
    from pg_catalog.jsonb_array_elements(r.pages) p,
      pg_catalog.jsonb_populate_record(null::pawl.pages, p -> 'page' || pg_catalog.jsonb_build_object(
        'job_id', r.job_id, 'task_id', p -> 'task', 'org_id', v_org_id, 'attempts', p -> 'attempt',
        'fetched_at', v_now)) q
    where q.task_id = any (v_tasks)
      and pg_catalog.jsonb_typeof(p -> 'page') = 'object'
    on conflict (job_id, task_id) do update
      set status = excluded.status, error_class = excluded.error_class, error = excluded.error,
          redirect_to = excluded.redirect_to, content_type = excluded.content_type,
          http_version = excluded.http_version, encoding = excluded.encoding,
          transfer_bytes = excluded.transfer_bytes, body_bytes = excluded.body_bytes,
          dns_ms = excluded.dns_ms, connect_ms = excluded.connect_ms, tls_ms = excluded.tls_ms,
          first_byte_ms = excluded.first_byte_ms, total_ms = excluded.total_ms,
          attempts = excluded.attempts, links = excluded.links, link_hashes = excluded.link_hashes,
          fetched_at = excluded.fetched_at;

    if r.found > 0 then
      insert into pawl.tasks (job_id, org_id, key, priority, payload)
      select r.job_id, v_org_id, n.key, n.priority, pg_catalog.jsonb_build_object('url', n.url, 'depth', n.depth)
      from (
        select d.url, d.key, d.priority, d.depth
        from (
          select distinct on (f.key) f.url, f.key, f.priority, f.depth
          from pg_catalog.jsonb_array_elements(r.pages) p,
            pg_catalog.jsonb_to_recordset(p -> 'found') as f (url text, key text, priority real, depth integer)
          where (p ->> 'task')::bigint = any (v_tasks)
            -- a scalar subquery, which can only be a probe of the index of keys, never a join
            and (select true from pawl.tasks t where t.job_id = r.job_id and t.key = f.key and t.is_key_active) is null
          order by f.key, f.priority desc
        ) d
        order by d.priority desc, d.depth
        limit v_room
      ) n
      order by n.key
      on conflict (job_id, key) where is_key_active do nothing;
      get diagnostics v_count = row_count;
      v_found := v_found + v_count;
    end if;
  end loop;
  return query select v_finished, v_found;
end
$$;
comment on function pawl.finish_pages(integer, jsonb) is 'a batch of crawled pages: ends their tasks, stores pages, adds the tasks found';
