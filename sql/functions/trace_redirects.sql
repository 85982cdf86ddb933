-- pawl.trace_redirects(job): where the redirects of a crawl end. One row for each page that redirects and
-- was not itself found by a redirect; the others are in its chain.
-- chain is the URLs with arrows between them, hops how many arrows. ending is page (final_status is what it
-- answered), circle (the chain comes back to where it was), unvisited (another site, or a page that the crawl
-- left out) or long (more than 50 hops, or as many in a row as the crawl follows).
-- Each step is one join of all chains with all redirects: no more steps than the longest chain has hops. A
-- redirect brings along what is known of its target, so the chains need not be joined with the pages; and it
-- comes from a function of its own, which is taken for a thousand rows: of a join by URL the planner may expect
-- billions, and then spreads a few rows over thousands of files.
-- Returns nothing when no page redirects. Locks: none.
create or replace function pawl.find_redirects(p_job_id bigint)
returns table (task_id bigint, url text, url_hash bigint, status integer, redirect_to text, source text, goes_on boolean, ending text, final_status integer)
language sql stable
rows 1000
set search_path = pg_catalog, pg_temp
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
as $$
  select p.task_id, p.url, p.url_hash, p.status, p.redirect_to, p.source,
    f.redirect_to is not null and f.error_class is null as goes_on,
    case when f.url is null then 'unvisited' when f.error_class = 'redirects' then 'long' else 'page' end as ending,
    case when f.error_class is distinct from 'redirects' then f.status end as final_status
  from pawl.pages p
  left join pawl.pages f on f.job_id = p_job_id and f.role = 'page' and f.url = p.redirect_to
  where p.job_id = p_job_id
    and p.role = 'page'
    and p.redirect_to is not null
    and p.error_class is null
$$;
comment on function pawl.find_redirects(bigint) is 'the pages of a crawl that redirect, each with what is known of its target';

create or replace function pawl.trace_redirects(p_job_id bigint)
returns table (task_id bigint, url text, url_hash bigint, status integer, chain text, hops integer, ending text, final_status integer)
language sql stable
rows 1
set search_path = pg_catalog, pg_temp
set jit = off
set enable_nestloop = off
set enable_mergejoin = off
as $$
  with recursive redirect as materialized (
    select r.*
    from pawl.find_redirects(p_job_id) r
  ), step as (
    select r.task_id, r.url, r.url_hash, r.status, array[r.url, r.redirect_to] as path, r.redirect_to as target, 1 as hops,
      r.redirect_to = r.url as is_circle, r.goes_on, r.ending, r.final_status
    from redirect r
    where r.source <> 'redirect'
    union all
    select s.task_id, s.url, s.url_hash, s.status, s.path || r.redirect_to, r.redirect_to, s.hops + 1,
      r.redirect_to = any (s.path), r.goes_on, r.ending, r.final_status
    from step s
    join redirect r on r.url = s.target
    where not s.is_circle
      and s.hops < 50
  )
  select s.task_id, s.url, s.url_hash, s.status, pg_catalog.array_to_string(s.path, ' -> '), s.hops,
    case when s.is_circle then 'circle' when s.goes_on then 'long' else s.ending end,
    case when not s.is_circle and not s.goes_on then s.final_status end
  from step s
  where s.is_circle
    or not s.goes_on
    or s.hops = 50
$$;
comment on function pawl.trace_redirects(bigint) is 'where the redirects of a crawl end, one row a chain';
