-- pawl.crawl(url, params, limiter): a crawl as a finite job: the start page is its first task, every page
-- found adds more until all are visited. The URL must be normalised (pawl crawl does that).
-- Params: url, max_pages (integer), user_agent. p_max_running and p_start_interval_ms set the host's
-- limiter when given; else a limiter that is there already stays, and a new one starts a page each
-- 500 ms, 4 at once.
-- Returns the job's id. Refuses a URL, parameters or limits that make no sense (PW006).
-- Locks: the limiter's row.
create or replace function pawl.crawl(
  p_url text,
  p_params jsonb default '{}',
  p_max_running integer default null,
  p_start_interval_ms double precision default null
) returns bigint
language plpgsql volatile
set search_path = ''
as $$
declare
  v_host text := pg_catalog.lower(pg_catalog.substring(p_url, '^https?://([^/?#]+)'));
  v_limiter text;
  v_job_id bigint;
begin
  if p_url is null then
    perform pawl.refuse_null('p_url', 'Give it as https://host/path.');
  end if;
  if v_host is null then
    raise exception '"%" is not a URL with http or https', p_url
      using errcode = 'PW006', hint = 'Give it as https://host/path.';
  end if;
  if pg_catalog.jsonb_typeof(p_params) <> 'object' then
    raise exception 'the parameters of a crawl are no JSON object: %', p_params
      using errcode = 'PW006', hint = 'Give them as {"max_pages": 100}.';
  end if;
  if p_params ? 'max_pages' and coalesce(p_params ->> 'max_pages', '') !~ '^[1-9][0-9]{0,8}$' then
    raise exception 'max_pages is not a positive number: %', p_params -> 'max_pages'
      using errcode = 'PW006', hint = 'Leave it out for a crawl without a limit.';
  end if;
  v_limiter := 'host:' || v_host;
  perform pawl.set_limiter(v_limiter, p_max_running, p_start_interval_ms, 4, 500);
  v_job_id := pawl.create_job('crawl', '{}', pg_catalog.jsonb_build_object('url', p_url) || coalesce(p_params, '{}'),
    p_is_sealed => false, p_limiter_key => v_limiter);
  perform pawl.add_tasks(v_job_id, array[pg_catalog.jsonb_build_object('url', p_url, 'depth', 0)],
    array[pawl.url_key(p_url)], 1);
  -- as pawl.create_job seals: nobody else sees the job yet
  update pawl.jobs j set is_sealed = true where j.id = v_job_id;
  return v_job_id;
end
$$;
comment on function pawl.crawl(text, jsonb, integer, double precision) is 'starts a crawl; returns the job''s id';
