-- net._send(method, url, params, headers, body, timeout): adds a request, for net.http_get and its sisters. The receiver
-- is given an Idempotency-Key that is the same however often it is tried, unless the caller has one.
-- What has ended longer ago than the setting pg_net.ttl says (6 hours) is forgotten bit by bit: one request of sixteen, by
-- lot, takes away what there is of that among the 64 oldest. So there is nothing to run for it, and what is kept stays in
-- proportion to what is sent.
-- Returns the request's id. Refuses what the extension refuses.
-- Locks: as pawl.enqueue; the tasks that are taken away, skipping those that are locked.
create or replace function net._send(
  p_method text,
  p_url text,
  p_params jsonb,
  p_headers jsonb,
  p_body text,
  p_timeout_ms integer
) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_headers jsonb;
  v_url text;
  v_job_id bigint;
  v_task_id bigint;
begin
  if p_url is null then
    raise exception 'null value in column "url" of relation "http_request_queue" violates not-null constraint'
      using errcode = 'not_null_violation';
  end if;
  if p_timeout_ms is null or p_timeout_ms <= 0 then
    raise exception 'timeout_milliseconds must be a number over 0' using errcode = 'invalid_parameter_value';
  end if;
  v_url := net._encode_url_with_params_array(p_url, array(
    select net._urlencode_string(p.key) || '=' || net._urlencode_string(p.value)
    from pg_catalog.jsonb_each_text(p_params) p));
  select coalesce(pg_catalog.jsonb_object_agg(h.key, coalesce(h.value, '')), '{}')
  into v_headers
  from pg_catalog.jsonb_each_text(p_headers) h;
  if not exists (select from pg_catalog.jsonb_object_keys(v_headers) h where pg_catalog.lower(h) = 'idempotency-key') then
    v_headers := v_headers || pg_catalog.jsonb_build_object('Idempotency-Key', pg_catalog.gen_random_uuid());
  end if;
  select e.job_id, e.task_id into v_job_id, v_task_id
  from pawl.enqueue('pg_net', pg_catalog.jsonb_build_object(
    'method', p_method, 'url', v_url, 'headers', v_headers, 'body', p_body, 'timeout_ms', p_timeout_ms)) e;
  if pg_catalog.random() < 1.0 / 16 then -- not by the id: where a task of another kind goes with each request, all are odd, or even
    perform net._forget(v_job_id);
  end if;
  return v_task_id;
end
$$;
comment on function net._send(text, text, jsonb, jsonb, text, integer) is 'adds a request';
revoke execute on function net._send(text, text, jsonb, jsonb, text, integer) from public;

-- Since when answers are kept. With its owner's rights, since the view that asks it is everybody's.
create or replace function net._kept_since() returns timestamptz
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select pawl.now() - coalesce(nullif(pg_catalog.current_setting('pg_net.ttl', true), ''), '6 hours')::interval
$$;
comment on function net._kept_since() is 'answers that came before are forgotten (setting pg_net.ttl)';

create or replace function net._forget(p_job_id bigint) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  with gone as (
    delete from pawl.tasks t
    where t.job_id = p_job_id
      and t.ctid = any (array(
        select x.ctid
        from pawl.tasks x
        where x.job_id = p_job_id
          and x.id = any (array(
            select o.id
            from pawl.tasks o
            where o.job_id = p_job_id
            order by o.id
            limit 64))
          and x.finished_at < (select net._kept_since())
        for update skip locked))
    returning t.id
  )
  delete from pawl.attempts a -- what failed on the way
  where a.job_id = p_job_id
    and a.task_id = any (array(select g.id from gone g));
$$;
comment on function net._forget(bigint) is 'takes away answers that are not to be kept longer, some of the oldest';
revoke execute on function net._forget(bigint) from public;
