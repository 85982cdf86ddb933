-- pawl.start_crawl(order, replace): a crawl that is told by one document, for pawl crawl and for schedules, which
-- keep it. The order is an object: url, the params of pawl.crawl, and what is said of the host and the pages
-- beside them: max_running, start_interval_ms, adaptive (true: as p_is_adaptive), weights (as p_weights). null
-- is as good as left out for these.
-- Returns the job's id. Refuses what is no such object (PW006), and what pawl.crawl refuses.
-- Locks: as pawl.crawl.
create or replace function pawl.start_crawl(p_order jsonb, p_replace boolean default false) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.jsonb_typeof(p_order) is distinct from 'object' then
    raise exception 'the parameters of a crawl are no JSON object: %', coalesce(p_order::text, 'null')
      using errcode = 'PW006', hint = 'Give them as {"url": "https://host/path", "max_pages": 100}.';
  end if;
  if p_order ->> 'url' is null then
    raise exception 'a crawl needs a url'
      using errcode = 'PW006', hint = 'Give it in p_params (pawl schedule set: --url) as {"url": "https://host/path"}.';
  end if;
  if p_order ->> 'max_running' !~ '^[1-9][0-9]{0,8}$' then
    perform pawl.refuse_value('max_running', p_order -> 'max_running', '1 or more');
  end if;
  if pg_catalog.jsonb_typeof(p_order -> 'start_interval_ms') not in ('number', 'null') then
    perform pawl.refuse_value('start_interval_ms', p_order -> 'start_interval_ms', 'a number of milliseconds');
  end if;
  if pg_catalog.jsonb_typeof(p_order -> 'adaptive') not in ('boolean', 'null') then
    perform pawl.refuse_value('adaptive', p_order -> 'adaptive', 'true or false');
  end if;
  return pawl.crawl(
    p_url => p_order ->> 'url',
    p_params => p_order - array['url', 'max_running', 'start_interval_ms', 'adaptive', 'weights'],
    p_max_running => (p_order ->> 'max_running')::integer,
    p_start_interval_ms => (p_order ->> 'start_interval_ms')::double precision,
    p_is_adaptive => coalesce((p_order ->> 'adaptive')::boolean, false),
    p_weights => nullif(p_order -> 'weights', 'null'),
    p_replace => p_replace);
end
$$;
comment on function pawl.start_crawl(jsonb, boolean) is 'a crawl that is told by one document; returns the job''s id';
