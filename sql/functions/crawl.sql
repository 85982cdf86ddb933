-- pawl.crawl(url, params, max_running, start_interval_ms, ...): a crawl as a finite job: the start page is its
-- first task, every page found adds more until all are visited. The URL must be normalised (pawl crawl
-- does that); what people leave to their browser is done here too: small letters, the port that goes without
-- saying, the slash behind the host, no fragment.
-- Params, all of them optional:
--   max_pages (integer), user_agent (text), subdomains (boolean: pages of hosts below the start's too),
--   include, exclude (arrays of patterns of path and query, as robots.txt has them: * and $; a page must match
--   one of include, if there is any, and none of exclude), ignore_robots (for a site of one's own),
--   sitemaps (false: do not read them), warm (false: do not ask again until a cache holds the page),
--   check_external (ask for the heads of pages on other sites that are linked), allow_private (private and
--   loopback addresses may be asked).
-- p_max_running and p_start_interval_ms set the host's limiter and stay for later crawls; a pace that is set
-- so is kept, whatever the host says but Retry-After. p_is_adaptive true gives it up again: then, and for a
-- host that is new, a page starts each 500 ms, slower when the host refuses (pawl.adjust_pace), 4 at once.
-- p_weights is an object of normalised URLs and numbers, for example page views: divided by the greatest they
-- are added to the pages' priorities, whether the site says http or https, www. or not. p_replace cancels what is open of the host's crawls: of two at once the
-- second waits for the first, and cancels it.
-- The limiter is host:NAME without a "www.", which is one site with it; the port stays when it is named.
-- Returns the job's id. Refuses a URL, parameters or limits that make no sense (PW006), a URL with a user name
-- too: a job keeps no secrets.
-- Locks: with p_replace an advisory lock of the host and what pawl.cancel_job locks, job by job in order of
-- their ids; then the limiter's row, which whoever finishes pages takes behind the jobs too.
create or replace function pawl.crawl(
  p_url text,
  p_params jsonb default '{}',
  p_max_running integer default null,
  p_start_interval_ms double precision default null,
  p_is_adaptive boolean default false,
  p_weights jsonb default null,
  p_replace boolean default false
) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := pg_catalog.regexp_match(p_url, '^(https?)://([^/?#]+)([^#]*)', 'i');
  v_host text;
  v_limiter text;
  v_job_id bigint;
begin
  if p_url is null then
    perform pawl.refuse_null('p_url', 'Give it as https://host/path.');
  end if;
  if v_parts is null then
    raise exception '"%" is not a URL with http or https', p_url
      using errcode = 'PW006', hint = 'Give it as https://host/path.';
  elsif pg_catalog.strpos(v_parts[2], '@') > 0 then
    raise exception 'the URL of a crawl has a user name'
      using errcode = 'PW006', hint = 'Leave out what stands before the @: it would not be sent.';
  end if;
  v_parts[1] := pg_catalog.lower(v_parts[1]);
  v_host := pg_catalog.regexp_replace(pg_catalog.lower(v_parts[2]), case v_parts[1] when 'http' then ':(80)?$' else ':(443)?$' end, '');
  p_url := v_parts[1] || '://' || v_host || case when v_parts[3] like '/%' then '' else '/' end || v_parts[3];
  p_params := coalesce(p_params, '{}');
  perform pawl.check_crawl_params(p_params);

  v_limiter := 'host:' || pg_catalog.regexp_replace(v_host, '^www\.', '');
  if p_replace then
    perform pg_catalog.pg_advisory_xact_lock(1885435757, pg_catalog.hashtext(v_limiter));
    perform pawl.cancel_job(o.id, 'replaced by a new crawl of the host')
    from (
      select j.id
      from pawl.jobs j
      where j.limiter_key = v_limiter
        and j.kind = 'crawl'
        and j.finished_at is null
      order by j.id
    ) o;
  end if;
  insert into pawl.limiters (key, max_running, start_interval_ms, is_adaptive, base_interval_ms, floor_ms)
  values (v_limiter, 4, 500, true, 500, 500)
  on conflict (key) do nothing;
  if p_start_interval_ms is not null or p_is_adaptive then
    update pawl.limiters l
    set is_adaptive = p_start_interval_ms is null, base_interval_ms = 500, floor_ms = 500, floor_until = null,
        start_interval_ms = case when p_start_interval_ms is null and not l.is_adaptive then 500 else l.start_interval_ms end
    where l.key = v_limiter
      and l.is_adaptive is distinct from (p_start_interval_ms is null);
  end if;
  if p_max_running is not null or p_start_interval_ms is not null then
    perform pawl.set_limiter(v_limiter, p_max_running, p_start_interval_ms);
  end if;

  v_job_id := pawl.create_job('crawl', '{}', pg_catalog.jsonb_build_object('url', p_url) || p_params,
    p_is_sealed => false, p_limiter_key => v_limiter);
  if p_weights is not null then
    perform pawl.set_page_weights(v_job_id, p_weights);
  end if;
  perform pawl.add_tasks(v_job_id, array[pg_catalog.jsonb_build_object('url', p_url, 'depth', 0, 'source', 'start')],
    array[pawl.url_key(p_url)], 1);
  -- as pawl.create_job seals: nobody else sees the job yet
  update pawl.jobs j set is_sealed = true where j.id = v_job_id;
  return v_job_id;
end
$$;
comment on function pawl.crawl(text, jsonb, integer, double precision, boolean, jsonb, boolean) is 'starts a crawl; returns the job''s id';

-- Every parameter of a crawl has its type, and there is no other: a word that is misspelt must not be
-- silently without effect.
create or replace function pawl.check_crawl_params(p_params jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  if pg_catalog.jsonb_typeof(p_params) <> 'object' then
    raise exception 'the parameters of a crawl are no JSON object: %', p_params
      using errcode = 'PW006', hint = 'Give them as {"max_pages": 100}.';
  end if;
  if p_params ? 'max_pages' and coalesce(p_params ->> 'max_pages', '') !~ '^[1-9][0-9]{0,8}$' then
    raise exception 'max_pages is not a positive number: %', p_params -> 'max_pages'
      using errcode = 'PW006', hint = 'Leave it out for a crawl without a limit.';
  end if;
  select p.key, p.value, k.type into v_wrong
  from pg_catalog.jsonb_each(p_params) p
  left join (values
    ('url', 'string'), ('max_pages', 'number'), ('user_agent', 'string'), ('subdomains', 'boolean'), ('include', 'array'),
    ('exclude', 'array'), ('ignore_robots', 'boolean'), ('sitemaps', 'boolean'), ('warm', 'boolean'),
    ('check_external', 'boolean'), ('allow_private', 'boolean')) as k (key, type) on k.key = p.key
  where k.type is null
    or (p.key <> 'max_pages' and pg_catalog.jsonb_typeof(p.value) <> k.type)
  order by p.key
  limit 1;
  if found and v_wrong.type is null then
    raise exception 'a crawl has no parameter "%"', v_wrong.key
      using errcode = 'PW006', hint = 'It has max_pages, user_agent, subdomains, include, exclude, ignore_robots, sitemaps, warm, check_external and allow_private.';
  elsif found then
    raise exception 'the parameter % of a crawl is no %: %', v_wrong.key, v_wrong.type, v_wrong.value
      using errcode = 'PW006', hint = case v_wrong.type
        when 'boolean' then 'It is true or false.'
        when 'array' then 'Give patterns of paths, for example ["/blog/*", "*.pdf$"].'
        else 'Give it in quotes.'
      end;
  end if;
  select p.key, e.value into v_wrong
  from pg_catalog.jsonb_each(p_params) p
  cross join lateral pg_catalog.jsonb_array_elements(case when p.key in ('include', 'exclude') then p.value else '[]' end) e
  where pg_catalog.jsonb_typeof(e.value) <> 'string'
    or (e.value #>> '{}') !~ '^[/*]'
  limit 1;
  if found then
    raise exception '% is no pattern of paths: %', v_wrong.key, v_wrong.value
      using errcode = 'PW006', hint = 'A pattern begins with / or *, for example "/blog/*" or "*.pdf$".';
  end if;
end
$$;
comment on function pawl.check_crawl_params(jsonb) is 'refuses parameters that a crawl does not have';

create or replace function pawl.set_page_weights(p_job_id bigint, p_weights jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  if pg_catalog.jsonb_typeof(p_weights) <> 'object' then
    raise exception 'the weights are no JSON object'
      using errcode = 'PW006', hint = 'Give them as {"https://example.com/": 1200, "https://example.com/shop": 300}.';
  end if;
  select w.key, w.value into v_wrong
  from pg_catalog.jsonb_each(p_weights) w
  where pg_catalog.jsonb_typeof(w.value) <> 'number'
    or (w.value #>> '{}')::numeric < 0
  limit 1;
  if found then
    raise exception 'the weight of % is not a number from 0: %', v_wrong.key, v_wrong.value
      using errcode = 'PW006', hint = 'Any scale will do: weights are divided by the greatest.';
  end if;
  insert into pawl.page_weights (job_id, key, org_id, weight)
  select p_job_id, w.key, j.org_id, w.weight / w.greatest
  from (
    -- of two spellings of one page the weights are added, as of one that stands twice in a file
    select pawl.weight_key(v.key) as key, pg_catalog.sum((v.value #>> '{}')::numeric) as weight,
      pg_catalog.max(pg_catalog.sum((v.value #>> '{}')::numeric)) over () as greatest
    from pg_catalog.jsonb_each(p_weights) v
    group by 1
  ) w
  join pawl.jobs j on j.id = p_job_id
  where w.greatest > 0
  order by 2;
end
$$;
comment on function pawl.set_page_weights(bigint, jsonb) is 'what the pages of a crawl are worth, divided by the greatest';
