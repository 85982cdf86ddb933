-- What a crawl found: the report of a small crawl made by hand, its rows, and the plans of a large one's.
load 'auto_explain';
begin;
\getenv log SCRATCH_LOG
select * from no_plan();

create function probe.url(p_path text) returns text language sql as
$$ select case when p_path like 'https:%' then p_path else 'https://e.com/' || p_path end $$;
-- A page of https://e.com that was visited; p_more: columns of pawl.pages, links: paths.
create function probe.visit(p_job bigint, p_task bigint, p_path text, p_more jsonb default '{}') returns void language sql as $$
  insert into pawl.pages
  select (jsonb_populate_record(null::pawl.pages, '{"depth": 1, "role": "page", "source": "link", "redirects": 0, "status": 200,
    "warm_requests": 0, "attempts": 1, "links": 0, "skipped_links": 0, "fetched_at": "2026-01-01T00:00:00Z"}'
    || p_more || jsonb_build_object('job_id', p_job, 'task_id', p_task, 'url', probe.url(p_path), 'url_hash', pawl.url_hash(probe.url(p_path)),
      'redirect_to', probe.url(p_more ->> 'redirect_to'),
      'link_hashes', (select jsonb_agg(pawl.url_hash(probe.url(l))) from jsonb_array_elements_text(p_more -> 'to') l)))).*
$$;
create function probe.crawl_job(p_has_ended boolean default true) returns bigint language sql as $$
  insert into pawl.jobs (kind, status, is_sealed, params, created_at, finished_at)
  values ('crawl', case when p_has_ended then 'completed' else 'running' end::pawl.job_status, true, '{"url": "https://e.com/"}',
    pawl.now() - interval '10 seconds', case when p_has_ended then pawl.now() end)
  returning id
$$;

select is(pawl.url_hash('https://e.com/'), -8217937948691394332, 'url_hash: the first eight bytes of the SHA-256, the highest first');
select is(pawl.url_hash('https://e.com/ä'), 7896197801783529467, 'of the bytes in UTF-8');

-- ---- a small crawl: 19 pages, 3 sitemaps, 3 pages of other sites ----
select probe.crawl_job() as job \gset
create temporary table visits (task bigint, path text, more jsonb) on commit drop;
insert into visits values
  (1, '', '{"source": "start", "depth": 0, "skipped_links": 2, "total_ms": 8, "first_byte_ms": 5, "cache": "hit", "transfer_bytes": 100, "body_bytes": 400,
    "to": ["", "a", "b", "gone", "old", "loop1", "lost", "away", "refused", "dead", "p15", "p16", "p17", "p18", "https://x.com/1", "https://x.com/2", "https://x.com/3"]}'),
  (2, 'a', '{"total_ms": 20, "first_byte_ms": 10, "cache": "miss", "warm_requests": 1, "warm_cache": "hit", "warm_total_ms": 5, "to": ["", "b", "gone"]}'),
  (3, 'b', '{"total_ms": 100, "first_byte_ms": 60, "cache": "expired", "warm_requests": 3, "warm_cache": "miss", "warm_total_ms": 90, "to": [""]}'),
  (4, 'c', '{"source": "sitemap", "total_ms": 30, "cache": "uncacheable", "cache_reason": "Cache-Control: private", "to": ["d"]}'),
  (5, 'd', '{"source": "sitemap", "total_ms": 700, "cache": "stale", "warm_requests": 1, "warm_cache": "hit", "warm_total_ms": 100}'),
  (6, 'gone', '{"status": 404, "error_class": "status", "error": "404 Not Found", "total_ms": 3, "cache": "miss"}'),
  (7, 'old', '{"status": 301, "redirect_to": "mid", "total_ms": 4}'),
  (8, 'mid', '{"status": 302, "redirect_to": "a", "source": "redirect", "redirects": 1, "total_ms": 4}'),
  (9, 'loop1', '{"status": 302, "redirect_to": "loop2", "total_ms": 6}'),
  (10, 'loop2', '{"status": 302, "redirect_to": "loop1", "source": "redirect", "redirects": 1, "total_ms": 6}'),
  (11, 'lost', '{"status": 301, "total_ms": 5}'),
  (12, 'away', '{"status": 302, "redirect_to": "https://other.com/", "total_ms": 5}'),
  (13, 'refused', '{"status": 429, "block": "rate_limit", "error_class": "status", "error": "429 Too Many Requests", "total_ms": 9}'),
  (14, 'dead', '{"status": null, "error_class": "timeout", "error": "no answer"}'),
  (15, 'p15', '{"cache": "none"}'),
  (16, 'p16', '{"cache": "none", "cache_reason": "Cache-Control: no-store"}'),
  (17, 'p17', '{"cache": "revalidated"}'),
  (18, 'p18', '{"cache": "bypass"}'),
  (19, 'p19', '{"cache": "miss", "to": ["p19"]}'),
  (20, 'sitemap.xml', '{"role": "sitemap", "source": "robots", "links": 6, "depth": 0, "total_ms": 9000, "to": ["", "a", "c", "d", "gone", "never"]}'),
  (21, 'guess.xml', '{"role": "sitemap", "source": "guess", "status": 404, "depth": 0}'),
  (22, 'bad.xml', '{"role": "sitemap", "source": "sitemap", "error_class": "sitemap", "error": "no XML"}'),
  (30, 'https://x.com/1', '{"role": "external", "total_ms": 9000}'),
  (31, 'https://x.com/2', '{"role": "external", "status": 404, "error_class": "status", "error": "404 Not Found"}'),
  (32, 'https://x.com/3', '{"role": "external", "status": 403, "block": "forbidden"}');
select probe.visit(:job, v.task, v.path, v.more) from visits v \g /dev/null
insert into pawl.crawls (job_id, raised_high, raised_medium, raised_low, raised_none) values (:job, 1, 2, 3, 4);
-- another crawl with the same pages, which must not show in this one's report
select probe.crawl_job() as twin \gset
select probe.visit(:twin, v.task, v.path, v.more) from visits v where v.task <> 1 \g /dev/null
select probe.visit(:twin, 50, 'stranger', '{"to": ["c", "p19", "bad.xml"]}') \g /dev/null

select pawl.set_page_weights(:job, '{"http://www.e.com/a": 3, "https://e.com/c": 2, "https://e.com/nobody": 5, "https://x.com/1": 1}');
select pawl.crawl_report(:job) as report \gset
create function probe.part(p_report jsonb, variadic p_path text[]) returns jsonb language sql as $$ select p_report #> p_path $$;
select is(:'report'::jsonb - '{times,cache,by_status,slowest,broken,blocks,redirects,sitemaps,external,raised,weights}'::text[],
  format('{"job": "%s", "url": "https://e.com/", "status": "completed", "error": null, "start_error": null, "seconds": 10.000, "pages": 19,
    "pages_per_second": 1.9, "transfer_bytes": 100, "body_bytes": 400, "skipped_links": 2, "broken_count": 7}', :job)::jsonb, 'crawl_report: what it counts');
select is(probe.part(:'report', 'by_status'), '[
    {"status": 200, "error_class": null, "pages": 10, "mean_ms": 171.6}, {"status": 301, "error_class": null, "pages": 2, "mean_ms": 4.5},
    {"status": 302, "error_class": null, "pages": 4, "mean_ms": 5.3}, {"status": 404, "error_class": null, "pages": 1, "mean_ms": 3.0},
    {"status": 429, "error_class": null, "pages": 1, "mean_ms": 9.0}, {"status": null, "error_class": "timeout", "pages": 1, "mean_ms": null}]', 'pages by status');
select is(probe.part(:'report', 'blocks'), '[{"block": "rate_limit", "pages": 1}]', 'how the site refused');
select is(probe.part(:'report', 'times', 'total_ms'), '{"p50": 6.0, "p75": 20.0, "p90": 86.0, "p95": 340.0, "p99": 628.0}',
  'percentiles of 3, 4, 4, 5, 5, 6, 6, 8, 9, 20, 30, 100, 700');
select is(probe.part(:'report', 'times', 'first_byte_ms'), '{"p50": 10.0, "p75": 35.0, "p90": 50.0, "p95": 55.0, "p99": 59.0}', 'percentiles of 5, 10, 60');
select is((select string_agg(format('%s-%s:%s', b ->> 'from_ms', b ->> 'to_ms', b ->> 'pages'), ' ' order by n)
    from jsonb_array_elements(probe.part(:'report', 'times', 'histogram')) with ordinality u (b, n)),
  '0-10:9 10-25:1 25-50:1 50-100:0 100-250:1 250-500:0 500-1000:1 1000-2500:0 2500-5000:0 5000-:0', 'the histogram: 100 ms is not below 100 ms');
select is((select array_agg(b ->> 'url' order by n) from jsonb_array_elements(probe.part(:'report', 'slowest')) with ordinality u (b, n)),
  array['https://e.com/d', 'https://e.com/b', 'https://e.com/c', 'https://e.com/a', 'https://e.com/refused'], 'the slowest: no sitemap, no other site');
select is(probe.part(:'report', 'cache') - 'reasons', '{"pages": 10,
    "states": {"hit": 1, "miss": 2, "expired": 1, "uncacheable": 1, "stale": 1, "none": 2, "revalidated": 1, "bypass": 1},
    "cacheable": 6, "held_before": 2, "held_after": 4, "hit_ratio_before": 0.3333, "hit_ratio_after": 0.6667, "uncacheable": 3,
    "asked_again": 3, "requests": 5, "became_held": 2, "saved_ms": {"median": 307.5, "p95": 570.8}, "not_held": 6}', 'what the cache held, before and after');
select is(probe.part(:'report', 'cache', 'reasons'), '[
    {"reason": "Cache-Control: no-store", "pages": 1}, {"reason": "Cache-Control: private", "pages": 1}, {"reason": "no cache answered", "pages": 1},
    {"reason": "not asked again", "pages": 1}, {"reason": "not held when asked again", "pages": 1}]', 'and why not: five reasons');
select is(probe.part(:'report', 'redirects'), '{"chains": 3, "longest": 2, "circles": 1}', 'redirects');
select is(probe.part(:'report', 'sitemaps'), '{"read": 1, "broken": 1, "pages": {"in_both": 4, "only_in_sitemap": 1, "only_linked": 13, "in_neither": 1}}',
  'pages only in a sitemap and pages only in links are told apart');
select is(probe.part(:'report', 'external'), '{"checked": 3, "refused": 1, "broken": 1}', 'other sites');
select is(probe.part(:'report', 'weights'), '{"given": 4, "matched": 2}', 'weights that a page has, other sites not');
select is(probe.part(:'report', 'raised'), '{"high": 1, "medium": 2, "low": 3, "avoided": 4}', 'raised priorities, by tier, and those avoided');
select is((select jsonb_agg(jsonb_build_array(b -> 'url', b -> 'status', b -> 'error_class', b -> 'error', b -> 'referrer_count') order by n)
    from jsonb_array_elements(probe.part(:'report', 'broken')) with ordinality u (b, n)), '[
    ["https://e.com/gone", 404, "status", "404 Not Found", 3],
    ["https://e.com/loop1", 302, "redirects", "in a circle", 2],
    ["https://e.com/dead", null, "timeout", "no answer", 1],
    ["https://e.com/lost", 301, "redirects", "to nowhere", 1],
    ["https://e.com/refused", 429, "status", "429 Too Many Requests", 1],
    ["https://x.com/2", 404, "status", "404 Not Found", 1],
    ["https://e.com/bad.xml", 200, "sitemap", "no XML", 0]]', 'broken: no guessed sitemap, no other site that refuses crawlers');
select is(probe.part(:'report', 'broken', '0', 'referrers'), '["https://e.com/", "https://e.com/a", "https://e.com/sitemap.xml"]', 'who leads there, sitemaps last');

-- ---- its rows ----
-- Those columns, "-" for null, with "|" between them.
create function probe.rows(p_job bigint, p_kind text, p_columns text) returns setof text language plpgsql as $$
begin
  return query execute format('select concat_ws(''|'', %s) from pawl.report_pages($1, $2) r',
    regexp_replace(p_columns, '(\w+)', 'coalesce(r.\1::text, ''-'')', 'g')) using p_job, p_kind;
end $$;
select results_eq(format('select probe.rows(%s, ''broken'', ''task_id, role, status, block, referrer_count, via, referrer'')', :job), $$ values
  ('6|page|404|-|3|link|https://e.com/'), ('6|page|404|-|3|link|https://e.com/a'), ('6|page|404|-|3|sitemap|https://e.com/sitemap.xml'),
  ('9|page|302|-|2|link|https://e.com/'), ('9|page|302|-|2|redirect|https://e.com/loop2'),
  ('14|page|-|-|1|link|https://e.com/'), ('11|page|301|-|1|link|https://e.com/'), ('13|page|429|rate_limit|1|link|https://e.com/'),
  ('31|external|404|-|1|link|https://e.com/'), ('22|sitemap|200|-|0|-|-') $$, 'broken: a row for each page that leads there, and one when none does');
select results_eq(format('select probe.rows(%s, ''slow'', ''task_id, total_ms, first_byte_ms, warm_total_ms'')', :job), $$ values
  ('5|700|-|100'), ('3|100|60|90'), ('4|30|-|-'), ('2|20|10|5'), ('13|9|-|-'), ('1|8|5|-'), ('9|6|-|-'), ('10|6|-|-'), ('12|5|-|-'), ('11|5|-|-'),
  ('8|4|-|-'), ('7|4|-|-'), ('6|3|-|-') $$, 'slow: pages that answered, slowest first');
select results_eq(format('select probe.rows(%s, ''redirects'', ''task_id, status, hops, ending, final_status, chain'')', :job), $$ values
  ('9|302|2|circle|-|https://e.com/loop1 -> https://e.com/loop2 -> https://e.com/loop1'),
  ('7|301|2|page|200|https://e.com/old -> https://e.com/mid -> https://e.com/a'),
  ('12|302|1|unvisited|-|https://e.com/away -> https://other.com/') $$, 'redirects: chains, and where they end');
select results_eq(format('select probe.rows(%s, ''uncached'', ''task_id, cache, warm_requests, warm_cache, reason'')', :job), $$ values
  ('16|none|0|-|Cache-Control: no-store'), ('4|uncacheable|0|-|Cache-Control: private'), ('15|none|0|-|no cache answered'), ('19|miss|0|-|not asked again'),
  ('3|expired|3|miss|not held when asked again'), ('18|bypass|0|-|the cache does not say why') $$, 'uncached: and why');
select results_eq(format('select probe.rows(%s, ''orphans'', ''task_id, url, via, referrer'')', :job), $$ values
  ('4|https://e.com/c|sitemap|https://e.com/sitemap.xml') $$, 'orphans: in a sitemap, and nowhere else');
select is((select array_agg(r) from probe.rows(:job, 'unlisted', 'task_id') r), '{12,3,14,9,10,11,8,7,15,16,17,18,13}', 'unlisted: linked, in no sitemap');
select is((select array_agg(r) from probe.rows(:job, 'all', 'task_id') r), '{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,30,31,32}', 'all: everything, in order');
select row_eq(format('select * from pawl.report_pages(%s, ''all'') r where task_id = 4', :job),
  row (4::bigint, 'https://e.com/c'::text, 'page'::text, 'sitemap'::text, 1, 200, null::text, null::text, null::text, null::bigint, null::text, null::text,
    null::text, null::integer, null::text, null::integer, null::text, null::text, 'uncacheable'::text, null::text, 0, null::text, 'Cache-Control: private'::text,
    null::text, null::bigint, null::real, 30::real, null::real, '2026-01-01T00:00:00Z'::timestamptz), 'and every column');
select is((select array_agg((r).task_id) from (select pawl.report_pages(:job, 'slow') as r limit 3) s), '{5,3,4}', 'in the select list: the same rows');

-- ---- what else there can be ----
select probe.crawl_job(false) as running \gset
select probe.visit(:running, v.task, v.path, v.more) from visits v \g /dev/null
select is(probe.part(pawl.crawl_report(:running), 'sitemaps', 'pages'), 'null', 'while it runs pages are not compared with sitemaps');
select probe.crawl_job() as empty \gset
select pawl.crawl_report(:empty) as report \gset
select is(:'report'::jsonb - '{job,url,status,seconds,times,cache}'::text[], '{"error": null, "start_error": null, "pages": 0, "transfer_bytes": 0,
    "body_bytes": 0, "pages_per_second": 0.0, "skipped_links": 0, "by_status": [], "blocks": [], "slowest": [],
    "redirects": {"chains": 0, "longest": 0, "circles": 0}, "sitemaps": {"read": 0, "broken": 0, "pages": null},
    "external": {"checked": 0, "refused": 0, "broken": 0}, "raised": {"high": 0, "medium": 0, "low": 0, "avoided": 0}, "weights": null, "broken_count": 0, "broken": []}', 'a crawl without pages');
select is(probe.part(:'report', 'cache', 'hit_ratio_before'), 'null', 'has no hit ratio');
select is(probe.part(:'report', 'cache', 'states'), '{}', 'in no state');
select is(probe.part(:'report', 'times', 'total_ms', 'p50'), 'null', 'and no times');
select is((select array_agg(k) from unnest('{broken,slow,redirects,uncached,orphans,unlisted,all}'::text[]) k, lateral pawl.report_pages(:empty, k)), null, 'and no rows');
insert into pawl.tasks (job_id, status, error, finished_at) values (:running, 'failed', 'robots.txt forbids it: /', now()), (:running, 'failed', 'another', now());
select is(pawl.crawl_report(:running) ->> 'start_error', 'robots.txt forbids it: /', 'why the start page failed');

-- redirects: a long chain, a page that leads to itself, one that the crawl would not follow, a circle entered from outside
select probe.crawl_job() as job \gset
select probe.visit(:job, i, 'n' || i, jsonb_build_object('status', 301, 'redirect_to', 'n' || i + 1, 'source', case when i = 1 then 'link' else 'redirect' end))
from generate_series(1, 60) i \g /dev/null
select probe.visit(:job, 101, 'self', '{"status": 302, "redirect_to": "self"}'), probe.visit(:job, 102, 'many', '{"status": 302, "redirect_to": "last"}'),
  probe.visit(:job, 103, 'last', '{"status": 302, "redirect_to": "next", "source": "redirect", "error_class": "redirects", "error": "more than 10"}'),
  probe.visit(:job, 104, 'in', '{"status": 302, "redirect_to": "x"}'), probe.visit(:job, 105, 'x', '{"status": 302, "redirect_to": "y", "source": "redirect"}'),
  probe.visit(:job, 106, 'y', '{"status": 302, "redirect_to": "x", "source": "redirect"}'), probe.visit(:job, 107, 'bad', '{"status": 302, "redirect_to": "broken"}'),
  probe.visit(:job, 108, 'broken', '{"status": 500, "source": "redirect"}') \g /dev/null
select results_eq(format('select task_id, hops, ending, final_status from pawl.trace_redirects(%s) order by 1', :job), $$ values
  (1::bigint, 50, 'long', null::integer), (101, 1, 'circle', null), (102, 1, 'long', null), (104, 3, 'circle', null), (107, 1, 'page', 500) $$, 'where chains end');
select is((select array_agg(b.task_id || ' ' || coalesce(b.error_class, '-') order by b.task_id) from pawl.find_broken_pages(:job) b),
  array['101 redirects', '103 redirects', '104 redirects', '108 -'], 'a circle is broken, once, at its entrance');

select probe.job(1) as plain \gset
select throws_ok(format('select * from pawl.report_pages(%s, %L)', j, k), c, m, m)
from (values
  ('null', 'all', 'PW006', 'p_job_id must not be null'),
  ('999999', 'all', 'PW002', 'job 999999 does not exist'),
  (:'job', 'fast', 'PW006', 'there is no report "fast"'),
  (:'job', null, 'PW006', 'p_kind must not be null'),
  (:'plain', 'all', 'PW006', format('job %s is no crawl', :'plain'))) v (j, k, c, m);

-- ---- plans ----
-- A crawl of a million pages that has just ended, of which no statistics tell: nothing may be done once a page but
-- reading it. Whoever leads to a broken page is read past the broken ones, which are few.
set local auto_explain.log_nested_statements = on;
create function probe.plan_of(p_log text, p_statement text, p_mark text) returns text language sql volatile as
$$ select max(p) from probe.plans(p_log, p_statement) p where position(p_mark in p) > 0 $$;
create function probe.check_plans(p_log text, p_job bigint, p_size text) returns setof text language plpgsql as $$
declare
  v_plan text;
  v_kind text;
begin
  foreach v_kind in array array['broken', 'redirects', 'orphans', 'all'] loop
    v_plan := probe.plan_of(p_log, format('select count(*) from pawl.report_pages(%s, %L)', p_job, v_kind), 'from pawl.check_report(');
    return next doesnt_match(v_plan, 'Nested Loop|Merge Join|Bitmap|JIT', format('%s: %s: nothing is done once a page', p_size, v_kind));
  end loop;
  return next matches(v_plan, 'One-Time Filter: \(\$2 = ''all''::text\)\n\s+->  Index Scan using pages_pkey on pages', p_size || ': all comes in the order of the key')
    || E'\n' || doesnt_match(v_plan, 'Sort Key: p_\d+\.task_id', p_size || ': and is not sorted');
  return next matches(v_plan, 'Hash Right Join[^\n]*\n\s+Hash Cond: [^\n]*\n\s+->  Append.*->  Hash [^\n]*\n\s+->  Function Scan on find_broken_pages b',
    p_size || ': links are read past the broken pages');
  v_plan := probe.plan_of(p_log, format('select pawl.list_broken_pages(%s)', p_job), '), referrer as (');
  return next matches(v_plan, 'Hash Join[^\n]*\n\s+Hash Cond: [^\n]*\n\s+->  Append.*->  Hash [^\n]*\n\s+->  CTE Scan on broken b', p_size || ': in list_broken_pages too');
  v_plan := probe.plan_of(p_log, format('select count(*) from pawl.locate_pages(%s)', p_job), 'group by l.url_hash');
  return next doesnt_match(v_plan, 'Nested Loop|Merge Join|Sort|JIT', p_size || ': locate_pages groups by hash');
  v_plan := probe.plan_of(p_log, format('select count(*) from pawl.trace_redirects(%s)', p_job), 'with recursive');
  return next doesnt_match(v_plan, 'Nested Loop|Merge Join|Sort|JIT', p_size || ': trace_redirects joins by hash');
end $$;
select probe.crawl_job() as job \gset
select probe.visit(:job, i, 'p' || i) from generate_series(1, 10) i \g /dev/null
analyze pawl.pages;
set local auto_explain.log_min_duration = 0;
select probe.check_plans(:'log', :job, 'ten pages');
set local auto_explain.log_min_duration = -1;
select probe.crawl_job() as job \gset
insert into pawl.pages (job_id, task_id, url, url_hash, status, redirect_to, source, total_ms, link_hashes)
select :job, i, 'https://e.com/' || i, i, case when i % 1000 = 1 then 404 when i % 100 = 2 then 301 else 200 end,
  case when i % 100 = 2 then 'https://e.com/' || i + 1 end, 'link', i % 997, array[i * 7 % 1000000, i * 11 % 900000]
from generate_series(1, 1000000) i;
set local auto_explain.log_min_duration = 0;
select probe.check_plans(:'log', :job, 'a million pages, statistics of ten');
set local auto_explain.log_min_duration = -1;
analyze pawl.pages;
set local auto_explain.log_min_duration = 0;
select probe.check_plans(:'log', :job, 'a million pages');
set local auto_explain.log_min_duration = -1;
select is((select count(*) from pawl.report_pages(:job, 'broken') r where r.referrer is not null), (
    select count(*)
    from pawl.pages p, unnest(p.link_hashes) h
    where p.job_id = :job and h % 1000 = 1 and h <> p.task_id), 'a million pages: all who lead to the broken ones');
select * from finish();
rollback;
