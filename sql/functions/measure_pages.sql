-- pawl.measure_pages(job): how long the pages of a crawl took; a part of pawl.crawl_report. Pages alone: no
-- sitemaps, no other sites; the first answer, not what asking again gave.
-- Returns a JSON object: total_ms and first_byte_ms, each with p50, p75, p90, p95 and p99 (null when nothing
-- was answered), and histogram, an array of ten: pages whose total_ms is from from_ms, below to_ms (null: no end).
-- Locks: none.
create or replace function pawl.name_percentiles(p_values double precision[]) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_object_agg(u.name, pg_catalog.round(u.value::numeric, 1))
  from unnest(array['p50', 'p75', 'p90', 'p95', 'p99'], p_values) as u (name, value)
$$;
comment on function pawl.name_percentiles(double precision[]) is 'five percentiles as a JSON object';

create or replace function pawl.measure_pages(p_job_id bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  with bound as (
    select array[10, 25, 50, 100, 250, 500, 1000, 2500, 5000]::double precision[] as upper
  ), place as (
    select pg_catalog.width_bucket(p.total_ms::double precision, b.upper) as at, pg_catalog.count(*) as pages
    from bound b, pawl.pages p
    where p.job_id = p_job_id
      and p.role = 'page'
      and p.total_ms is not null
    group by 1
  ), percentile as (
    select pg_catalog.percentile_cont(array[0.5, 0.75, 0.9, 0.95, 0.99]) within group (order by p.total_ms) as total_ms,
      pg_catalog.percentile_cont(array[0.5, 0.75, 0.9, 0.95, 0.99]) within group (order by p.first_byte_ms) as first_byte_ms
    from pawl.pages p
    where p.job_id = p_job_id
      and p.role = 'page'
  )
  select pg_catalog.jsonb_build_object(
    'total_ms', pawl.name_percentiles(e.total_ms),
    'first_byte_ms', pawl.name_percentiles(e.first_byte_ms),
    'histogram', (
      select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'from_ms', coalesce(b.upper[i], 0), 'to_ms', b.upper[i + 1], 'pages', coalesce(p.pages, 0)) order by i)
      from bound b
      cross join pg_catalog.generate_series(0, pg_catalog.cardinality(b.upper)) i
      left join place p on p.at = i))
  from percentile e
$$;
comment on function pawl.measure_pages(bigint) is 'percentiles and histogram of a crawl''s times, as a JSON object';
