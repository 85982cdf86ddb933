-- pawl.finish_pages(node, pages): a batch of crawled pages: ends their tasks, stores the pages, adds the
-- tasks for the links they have, in one transaction, so that a job is never seen empty too early.
-- p_pages is an array of objects: job, task, attempt, outcome (completed, failed, retry), delay_ms,
-- error_class, error, page (columns of pawl.pages), found (array of {url, key, priority, depth}).
-- Sorted by (job, task). A job's max_pages is exact: near it, batches take turns on the job's row.
-- Returns finished, how many outcomes took effect (a fenced one adds nothing), and found, tasks added.
-- Locks: the jobs' rows by id FOR KEY SHARE (near max_pages FOR NO KEY UPDATE), the tasks as sorted,
-- then new keys in order.
create or replace function pawl.finish_pages(p_node_id integer, p_pages jsonb)
returns table (finished integer, found integer)
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pawl.now();
  v_finished integer := 0;
  v_found integer := 0;
  v_count integer;
  v_tasks bigint[];
  v_max_pages bigint;
  v_room bigint;
  r record;
begin
  for r in
    select (p ->> 'job')::bigint as job_id, pg_catalog.jsonb_agg(p) as pages,
      pg_catalog.sum(pg_catalog.jsonb_array_length(coalesce(p -> 'found', '[]'))) as found
    from pg_catalog.jsonb_array_elements(p_pages) p
    group by 1
    order by 1
  loop
    select (j.params ->> 'max_pages')::bigint into v_max_pages
    from pawl.jobs j
    where j.id = r.job_id
    for key share;
    v_room := null;
    if r.found > 0 and v_max_pages is not null then
      select v_max_pages - p.total into v_room from pawl.job_progress p where p.job_id = r.job_id;
      if v_room < r.found then
        perform from pawl.jobs j where j.id = r.job_id for no key update;
        select greatest(0, v_max_pages - p.total) into v_room from pawl.job_progress p where p.job_id = r.job_id;
      end if;
    end if;

    with outcome as (
      select o.*
      from pg_catalog.jsonb_to_recordset(r.pages)
        as o (task bigint, attempt integer, outcome text, delay_ms bigint, error_class text, error text)
    ), ended as (
      update pawl.tasks t
      set status = case o.outcome when 'completed' then 'completed' when 'failed' then 'failed' else 'waiting' end::pawl.task_status,
          finished_at = case when o.outcome <> 'retry' then v_now end,
          run_at = case when o.outcome = 'retry' then v_now + o.delay_ms * interval '1 millisecond' else t.run_at end,
          wait_reason = case when o.outcome = 'retry' then 'retry' end,
          error = o.error
      from outcome o
      where t.job_id = r.job_id
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
        'job_id', r.job_id, 'task_id', p -> 'task', 'attempts', p -> 'attempt', 'fetched_at', v_now)) q
    where q.task_id = any (v_tasks)
      and p ? 'page'
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
      select r.job_id, null, n.key, n.priority, pg_catalog.jsonb_build_object('url', n.url, 'depth', n.depth)
      from (
        select d.url, d.key, d.priority, d.depth
        from (
          select distinct on (f.key) f.url, f.key, f.priority, f.depth
          from pg_catalog.jsonb_array_elements(r.pages) p,
            pg_catalog.jsonb_to_recordset(p -> 'found') as f (url text, key text, priority real, depth integer)
          where (p ->> 'task')::bigint = any (v_tasks)
            and not exists (select from pawl.tasks t where t.job_id = r.job_id and t.key = f.key and t.is_key_active)
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
