-- A crawl beyond its pages: parameters, weights, robots.txt, sitemaps, asking again, better priorities,
-- the pace that adapts, and the end of one that is hopeless.
begin;
select * from no_plan();
select probe.node() as node \gset
select pawl.register_node('second', '0', 10) as second \gset

create function probe.page(p_job bigint, p_task bigint, p_more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('job', p_job, 'task', p_task, 'attempt', 1, 'outcome', 'completed', 'delay_ms', 1000,
    'page', jsonb_build_object('url', 'https://e.com/' || p_task, 'url_hash', p_task, 'depth', 0, 'links', 0,
      'role', 'page', 'source', 'link', 'redirects', 0, 'skipped_links', 0, 'status', 200, 'cache', 'miss', 'cache_reason', 'new',
      'attempts', 1) || coalesce(p_more -> 'page_more', '{}'),
    'found', '[]'::jsonb) || p_more
$$;
create function probe.finish_pages(p_node integer, variadic p_pages jsonb[]) returns text language sql as
$$ select concat_ws('/', finished, found, hopeless) from pawl.finish_pages(p_node, to_jsonb(p_pages)) $$;
create function probe.found(p_priority real, p_more jsonb, variadic p_keys text[]) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('url', 'https://e.com/' || k, 'key', k, 'priority', p_priority, 'depth', 1, 'source', 'link') || p_more)
  from unnest(p_keys) k
$$;
create function probe.pace(p_host text) returns text language sql as $$
  select concat_ws(' ', start_interval_ms, 'floor', floor_ms, case when is_probing then 'probing' end, successes)
  from pawl.limiters where key = 'host:' || p_host
$$;

-- parameters
select throws_ok(format('select pawl.crawl(%L, %L)', 'https://e.com/', p), 'PW006', m, m)
from (values
  ('{"max_page": 3}', 'a crawl has no parameter "max_page"'),
  ('{"warm": "yes"}', 'the parameter warm of a crawl is no boolean: "yes"'),
  ('{"user_agent": 1}', 'the parameter user_agent of a crawl is no string: 1'),
  ('{"include": "/a"}', 'the parameter include of a crawl is no array: "/a"'),
  ('{"include": [1]}', 'include is no pattern of paths: 1'),
  ('{"exclude": ["/fine", "blog"]}', 'exclude is no pattern of paths: "blog"')) v (p, m);
select lives_ok($$ select pawl.crawl('https://fine.com/', '{"include": ["/a", "*.html$"], "exclude": [], "warm": false, "subdomains": true,
  "ignore_robots": false, "sitemaps": true, "check_external": true, "allow_private": true, "user_agent": "A", "max_pages": 5}') $$, 'those that there are');

-- the URL, as people write it
create function probe.typed(p_url text) returns text language plpgsql as $$
declare
  v_job bigint := pawl.crawl(p_url);
begin
  return (select concat_ws(' ', t.payload ->> 'url', j.params ->> 'url', t.key = pawl.url_key(t.payload ->> 'url'), j.limiter_key)
    from pawl.jobs j join pawl.tasks t on t.job_id = j.id where j.id = v_job);
end $$;
select is(probe.typed(u), concat_ws(' ', n, n, 't', l), u)
from (values
  ('HTTPS://WWW.Typed.com', 'https://www.typed.com/', 'host:typed.com'),
  ('https://typed.com:443?A=b#top', 'https://typed.com/?A=b', 'host:typed.com'),
  ('http://typed.com:80/Path', 'http://typed.com/Path', 'host:typed.com'),
  ('http://typed.com:443/', 'http://typed.com:443/', 'host:typed.com:443')) v (u, n, l);
select throws_ok($$ select pawl.crawl('https://me:secret@e.com/') $$, 'PW006', 'the URL of a crawl has a user name', 'no secrets in a job');
select throws_ok($$ select pawl.crawl('ftp://e.com/') $$, 'PW006', '"ftp://e.com/" is not a URL with http or https', 'no other scheme');

-- weights
select throws_ok($$ select pawl.crawl('https://e.com/', p_weights => '[]') $$, 'PW006', 'the weights are no JSON object', 'weights: no object');
select throws_ok($$ select pawl.crawl('https://e.com/', p_weights => '{"https://e.com/": -1}') $$, 'PW006', 'the weight of https://e.com/ is not a number from 0: -1', 'weights: below 0');
select lives_ok($$ select pawl.crawl('https://e.com/', p_weights => '{"https://e.com/": 0}') $$, 'weights: all of them 0');
select pawl.crawl('https://weighed.com/', p_weights => '{"https://e.com/a": 50, "https://e.com/b": 200}') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:weighed.com';
select (probe.claim(:node, :job))[1] as home \gset
select probe.finish_pages(:node, probe.page(:job, :home, jsonb_build_object('found',
  (select jsonb_agg(jsonb_build_object('url', 'https://e.com/' || k, 'key', pawl.url_key('https://e.com/' || k), 'priority', 0.5, 'depth', 1, 'source', 'link')) from unnest('{a,b,c}'::text[]) k))));
select results_eq(format($$ select payload ->> 'url', priority from pawl.tasks where job_id = %s and status = 'pending' order by priority desc $$, :job),
  $$ values ('https://e.com/b', 1.5::real), ('https://e.com/a', 0.75), ('https://e.com/c', 0.5) $$, 'a weight is a share of the greatest, and added');

select pawl.crawl('http://e.com/', '{"subdomains": true}', p_weights =>
  '{"http://e.com/a?x=1": 50, "https://www.e.com/b": 150, "http://e.com/b": 50, "http://blog.e.com/c": 100}') as moved \gset
select set_eq(format('select weight from pawl.page_weights where job_id = %s', :moved), '{0.25,0.5,1}'::real[], 'spellings of one page are added');
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:e.com';
select (probe.claim(:node, :moved))[1] as home \gset
select probe.finish_pages(:node, probe.page(:moved, :home, jsonb_build_object('found',
  (select jsonb_agg(jsonb_build_object('url', u, 'key', pawl.url_key(u), 'priority', 0.25, 'depth', 1, 'source', 'link'))
   from unnest('{https://www.e.com/a?x=1,https://e.com/b,https://www.e.com/c,https://www.blog.e.com/c,https://e.com/a}'::text[]) u))));
select results_eq(format($$ select payload ->> 'url', priority from pawl.tasks where job_id = %s and status = 'pending' order by priority desc, 1 $$, :moved),
  $$ values ('https://e.com/b', 1.25::real), ('https://www.blog.e.com/c', 0.75), ('https://www.e.com/a?x=1', 0.5),
       ('https://e.com/a', 0.25), ('https://www.e.com/c', 0.25) $$, 'weights hold whatever the scheme and www., not for other hosts');
select is(pawl.raise_priorities(:moved, array[pawl.url_key('https://www.e.com/a?x=1'), pawl.url_key('https://e.com/a')], '{0.5,0.5}', 'high', 0), 2, 'two are raised');
select set_eq(format($$ select priority from pawl.tasks where job_id = %s and payload ->> 'url' in ('https://www.e.com/a?x=1', 'https://e.com/a') $$, :moved),
  '{0.75,0.5}'::real[], 'with the weight that they have');

-- robots.txt: one node fetches it
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :node), row ('fetch'::text, null::integer, null::text), 'nobody has it: fetch it');
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :second), row ('wait'::text, null::integer, null::text), 'another node waits');
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :node), row ('fetch'::text, null::integer, null::text), 'asked twice, answered twice');
select row_eq(format($$ select * from pawl.ask_robots(%s, 'http://e.com', %s) $$, :job, :second), row ('fetch'::text, null::integer, null::text), 'http is another origin');
select pawl.forget_robots(:job, 'https://e.com', :second);
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :second), row ('wait'::text, null::integer, null::text), 'only the node that fetches it forgets it');
set local pawl.now = '2100-01-01 00:00:00+00';
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :second), row ('fetch'::text, null::integer, null::text), 'after a minute another node does it');
reset pawl.now;
select pawl.save_robots(:job, 'https://e.com', :node, 200, E'User-agent: *\nDisallow: /x', 2000, probe.found(0.95, '{"source": "robots", "role": "sitemap"}', 's1', 's2'));
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job, :second), row ('known'::text, 200, E'User-agent: *\nDisallow: /x'::text), 'known to all');
select is(probe.pace('weighed.com'), '2000 floor 2000 0', 'Crawl-delay: not faster than that');
select results_eq(format($$ select key, payload from pawl.tasks where job_id = %s and key in ('s1', 's2') order by 1 $$, :job),
  $$ values ('s1', '{"url": "https://e.com/s1", "depth": 1, "role": "sitemap", "source": "robots"}'::jsonb),
    ('s2', '{"url": "https://e.com/s2", "depth": 1, "role": "sitemap", "source": "robots"}') $$, 'its sitemaps are tasks');
select is((select other_tasks from pawl.crawls where job_id = :job), 2::bigint, 'which are no pages');
select pawl.save_robots(:job, 'https://e.com', :node, 404, null, null, '[]');
select is((select status from pawl.crawl_hosts where job_id = :job and origin = 'https://e.com'), 200, 'what is known stays');
select from pawl.ask_robots(:job, 'https://late.com', :second);
select pawl.forget_robots(:job, 'https://late.com', :second);
select pawl.save_robots(:job, 'https://late.com', :node, 404, null, null, '[]');
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://late.com', %s) $$, :job, :second), row ('known'::text, 404, null::text), 'an answer is kept, whoever gave up meanwhile');
select row_eq(format($$ select * from pawl.ask_robots(%s, 'https://e.com', %s) $$, :job + 1000, :node), row ('wait'::text, null::integer, null::text), 'of a job that does not exist nothing is fetched');
select pawl.save_robots(:job + 1000, 'https://e.com', :node, 200, '', null, '[]');
select is_empty(format('select from pawl.crawl_hosts where job_id = %s', :job + 1000), 'and nothing kept');
select pawl.crawl('https://own.com/', p_start_interval_ms => 100) as own \gset
select from pawl.ask_robots(:own, 'https://own.com', :node);
select pawl.save_robots(:own, 'https://own.com', :node, 200, '', 5000, '[]');
select is((select start_interval_ms from pawl.limiters where key = 'host:own.com'), 100::double precision, 'a pace that was set stays');

-- a Crawl-delay that is taken back
create function probe.crawl_delay(p_node integer, p_delay_ms double precision, p_params jsonb default '{}', p_origin text default 'https://www.back.com')
returns text language plpgsql as $$
declare
  v_job bigint := pawl.crawl('https://back.com/', p_params);
begin
  perform pawl.save_robots(v_job, p_origin, p_node, 200, '', p_delay_ms, '[]');
  return probe.pace('back.com');
end $$;
select is(probe.crawl_delay(:node, 60000), '60000 floor 60000 0', 'a minute');
select is(probe.crawl_delay(:node, null, '{"ignore_robots": true}'), '60000 floor 60000 0', 'a crawl that ignores robots.txt does not know better');
select is(probe.crawl_delay(:node, null, p_origin => 'https://blog.back.com'), '60000 floor 60000 0', 'nor does another host');
select is(probe.crawl_delay(:node, 2000), '2000 floor 2000 0', 'two seconds');
select is(probe.crawl_delay(:node, null), '500 floor 500 0', 'none');

-- max_pages counts pages only
select pawl.crawl('https://few.com/', '{"max_pages": 3}') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:few.com';
select from pawl.ask_robots(:job, 'https://few.com', :node);
select pawl.save_robots(:job, 'https://few.com', :node, 200, '', null, probe.found(0.95, '{"role": "sitemap"}', 's1', 's2'));
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{}', 'a')) $$, :job), row (1, false), 'a page of a sitemap');
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{}', 'b', 'c', 'a')) $$, :job), row (1, true), 'one more, and it is full');
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{"role": "external"}', 'x')) $$, :job), row (1, true), 'what is no page is added');
select probe.progress_is(:job, '6/0/4/0/0/0/2', 'three pages, two sitemaps, which are of no use now, another site');
select pawl.cancel_job(:job);
select throws_ok(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{"role": "external"}', 'y')) $$, :job), 'PW003', null, 'I3: nothing is added to one that has ended');

-- and with all of them sitemaps are of no use
select pawl.crawl('https://full.com/', '{"max_pages": 3}') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:full.com';
select (probe.claim(:node, :job))[1] as home \gset
select from pawl.ask_robots(:job, 'https://full.com', :node);
select pawl.save_robots(:job, 'https://full.com', :node, 200, '', null, probe.found(0.95, '{"role": "sitemap"}', 's1', 's2', 's3'));
select (probe.claim(:node, :job, 1))[1] as begun \gset
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{}', 'a')) $$, :job), row (1, false), 'one page more may come');
select probe.progress_is(:job, '5/0/3/2/0/0/0', 'so two sitemaps wait');
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.1, '{}', 'b') || probe.found(0.95, '{"role": "sitemap"}', 's4')) $$, :job), row (2, true), 'it has come');
select probe.progress_is(:job, '7/0/2/2/0/0/3', 'what was not begun is cancelled, pages and what runs are not');
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.95, '{"role": "sitemap"}', 's5')) $$, :job), row (0, true), 'and no other is added');
select pawl.crawl('https://soon.com/', '{"max_pages": 3}') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:soon.com';
select from pawl.ask_robots(:job, 'https://soon.com', :node);
select (probe.claim(:node, :job))[1] as home \gset
select pawl.save_robots(:job, 'https://soon.com', :node, 200, '', null, probe.found(0.95, '{"role": "sitemap"}', 's1', 's2'));
select probe.finish_pages(:node, probe.page(:job, :home, jsonb_build_object('found', probe.found(0.9, '{}', 'a', 'b', 'c'))));
select probe.progress_is(:job, '5/0/2/0/1/0/2', 'by links likewise');
select pawl.crawl('https://one.com/', '{"max_pages": 1}') as job \gset
select from pawl.ask_robots(:job, 'https://one.com', :node);
select pawl.save_robots(:job, 'https://one.com', :node, 200, '', null, probe.found(0.95, '{"role": "sitemap"}', 's1'));
select probe.progress_is(:job, '1/0/1/0/0/0/0', 'a crawl of one page reads none');

-- sitemaps have an end of their own
select pawl.crawl('https://endless.com/', '{"max_pages": 5}') as job \gset
select from pawl.add_sitemap_pages(:job, probe.found(0.95, '{"role": "sitemap"}', 's1'));
update pawl.crawls set sitemap_tasks = 49998 where job_id = :job;
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.95, '{"role": "sitemap"}', 's2', 's3', 's4') || probe.found(0.01, '{"role": "external"}', 'x')) $$, :job), row (3, false), 'the last two, and another site');
select row_eq(format($$ select * from pawl.add_sitemap_pages(%s, probe.found(0.95, '{"role": "sitemap"}', 's5') || probe.found(0.1, '{}', 'a')) $$, :job), row (1, false), 'then pages alone');
select row_eq(format($$ select other_tasks, sitemap_tasks from pawl.crawls where job_id = %s $$, :job), row (4::bigint, 50000::bigint), 'counted');

-- asking again until a cache has it
select pawl.crawl('https://warm.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:warm.com';
select (probe.claim(:node, :job))[1] as home \gset
select is(probe.finish_pages(:node, probe.page(:job, :home, '{"outcome": "again", "warm_step": 1}')), '1/0/{}', 'again');
select row_eq(format($$ select status::text, wait_reason, run_at, attempt, uncounted_attempts, payload -> 'warm', finished_at from pawl.tasks where id = %s $$, :home),
  row ('waiting'::text, 'warm'::text, now() + interval '1 second', 1, 1, '1'::jsonb, null::timestamptz), 'it waits, says why, and does not count it');
select is((select count(*) from pawl.attempts where job_id = :job), 0::bigint, 'that was no failure');
set local pawl.now = '2100-01-01 00:00:00+00';
select pawl.promote_due();
select probe.claim(:node, :job);
select is(probe.finish_pages(:node, probe.page(:job, :home, '{"attempt": 2, "page": null, "outcome": "again", "warm_step": 2, "warm": {"warm_requests": 1, "warm_cache": "miss", "warm_total_ms": 9}}')), '1/0/{}', 'and again');
set local pawl.now = '2100-01-02 00:00:00+00';
select pawl.promote_due();
select probe.claim(:node, :job);
select is(probe.finish_pages(:node, probe.page(:job, :home, '{"attempt": 3, "page": null, "warm": {"warm_requests": 2, "warm_cache": "hit", "warm_first_byte_ms": 1, "warm_total_ms": 2}}')), '1/0/{}', 'it is there');
select row_eq(format($$ select status, cache, cache_reason, warm_requests, warm_cache, warm_first_byte_ms, warm_total_ms from pawl.pages where job_id = %s $$, :job),
  row (200, 'miss'::text, 'new'::text, 2, 'hit'::text, 1::real, 2::real), 'the page has both');
reset pawl.now;
select is((select status::text from pawl.tasks where id = :home), 'completed', 'and is done');

-- robots.txt is not known yet
select pawl.crawl('https://wait.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:wait.com';
select (probe.claim(:node, :job))[1] as home \gset
select is(probe.finish_pages(:node, probe.page(:job, :home, '{"outcome": "again", "page": null}')), '1/0/{}', 'put off');
select row_eq(format($$ select status::text, wait_reason, uncounted_attempts, payload ? 'warm' from pawl.tasks where id = %s $$, :home),
  row ('waiting'::text, 'robots'::text, 1, false), 'it says what for');
select is((select count(*) from pawl.pages where job_id = :job), 0::bigint, 'and there is no page yet');

-- better priorities
select pawl.crawl('https://raise.com/') as job \gset
select from pawl.add_sitemap_pages(:job, probe.found(0.1, '{}', 'a', 'b', 'c'));
select is(pawl.raise_priorities(:job, '{a,b,nobody}', '{0.5,0.05,1}', 'medium', 7), 1, 'written where it is better');
select results_eq(format($$ select key, priority from pawl.tasks where job_id = %s and key in ('a', 'b', 'c') order by 1 $$, :job),
  $$ values ('a', 0.5::real), ('b', 0.1), ('c', 0.1) $$, 'and nowhere else');
select is(pawl.raise_priorities(:job, '{a}', '{0.5}', 'high', 0), 0, 'the same again changes nothing');
update pawl.tasks set status = 'completed', finished_at = now() where job_id = :job and key = 'c';
select is(pawl.raise_priorities(:job, '{c}', '{1}', 'low', 0), 0, 'nor does a page that was visited');
select row_eq(format($$ select raised_high, raised_medium, raised_low, raised_none from pawl.crawls where job_id = %s $$, :job), row (0::bigint, 1::bigint, 0::bigint, 11::bigint), 'counted');
select from pawl.add_sitemap_pages(:job, probe.found(0.1, '{}', 'd', 'e', 'f'));
select is(pawl.raise_priorities(:job, '{d,e,d,e,f,e}', '{0.6,0.8,0.7,0.5,0.55,0.9}', 'medium', 0), 3, 'raised several times in a batch is written once');
select results_eq(format($$ select key, priority from pawl.tasks where job_id = %s and key in ('d', 'e', 'f') order by 1 $$, :job),
  $$ values ('d', 0.7::real), ('e', 0.9), ('f', 0.55) $$, 'as the best of them says');
select row_eq(format($$ select raised_medium, raised_none from pawl.crawls where job_id = %s $$, :job), row (4::bigint, 14::bigint), 'and counted once');

-- the pace adapts
select pawl.crawl('https://pace.com/') as job \gset
select is(probe.pace('pace.com'), '500 floor 500 0', 'a new host: two a second');
select pawl.adjust_pace('host:pace.com', 100, 0, null, null);
select is(probe.pace('pace.com'), '500 floor 500 0', 'all is fine at the floor: nothing is written');
select pawl.adjust_pace('host:pace.com', 3, 1, now(), null);
select is(probe.pace('pace.com'), '1000 floor 500 0', 'refused: slower');
select pawl.adjust_pace('host:pace.com', 0, 5, now() - interval '1 second', null);
select is(probe.pace('pace.com'), '1000 floor 500 0', 'requests from before that say nothing new');
select pawl.adjust_pace('host:pace.com', 4, 0, null, null);
select is(probe.pace('pace.com'), '1000 floor 500 4', 'four fine ones');
select pawl.adjust_pace('host:pace.com', 1, 0, null, null);
select is(probe.pace('pace.com'), '500 floor 500 probing 0', 'five: it is probed');
select pawl.adjust_pace('host:pace.com', 0, 1, now() + interval '1 second', null);
select is(probe.pace('pace.com'), '1000 floor 1000 0', 'refused again: that was too fast');
select pawl.adjust_pace('host:pace.com', 50, 0, null, null);
select is(probe.pace('pace.com'), '1000 floor 1000 0', 'which is remembered');
set local pawl.now = '2100-01-01 00:00:00+00';
select pawl.adjust_pace('host:pace.com', 50, 0, null, null);
select is(probe.pace('pace.com'), '500 floor 1000 probing 0', 'for an hour');
reset pawl.now;
select pawl.adjust_pace('host:pace.com', 0, 1, now() + i * interval '1 day', null) from generate_series(2, 200) i;
select is((select start_interval_ms <= 60000 from pawl.limiters where key = 'host:pace.com'), true, 'a minute at most');
select pawl.adjust_pace('host:pace.com', 0, 0, null, 20000);
select is((select next_start_at from pawl.limiters where key = 'host:pace.com'), now() + interval '20 seconds', 'Retry-After is a pause');
select pawl.adjust_pace('host:pace.com', 0, 0, null, 99999999);
select is((select next_start_at from pawl.limiters where key = 'host:pace.com'), now() + interval '10 minutes', 'of ten minutes at most');
select pawl.crawl('https://pace.com/', p_start_interval_ms => 50);
select pawl.adjust_pace('host:pace.com', 0, 1, now() + interval '1000 days', null);
select is((select start_interval_ms from pawl.limiters where key = 'host:pace.com'), 50::double precision, 'a pace that was set is kept');
select pawl.crawl('https://pace.com/', p_is_adaptive => true);
select is((select start_interval_ms from pawl.limiters where key = 'host:pace.com'), 500::double precision, 'until it is given up');
-- through finish_pages
select pawl.crawl('https://blocked.com/') as job \gset
select (probe.claim(:node, :job))[1] as home \gset
select probe.finish_pages(:node, probe.page(:job, :home, '{"outcome": "retry", "block": "rate_limit", "retry_after_ms": 7000, "error_class": "status", "error": "429 Too Many Requests"}'));
select is(probe.pace('blocked.com'), '1000 floor 500 0', 'a refused page slows its host down');
select is((select next_start_at from pawl.limiters where key = 'host:blocked.com'), now() + interval '7 seconds', 'and pauses it');
select is(probe.pace('warm.com'), '0 floor 500 0', 'and no other');
update pawl.limiters set next_start_at = null, max_running = null where key = 'host:blocked.com';
select from pawl.add_sitemap_pages(:job, probe.found(0.9, '{}', 'w') || probe.found(0.01, '{"role": "external"}', 'x'));
update pawl.tasks set run_at = now() where job_id = :job and status = 'waiting';
select probe.claim(:node, :job, 1) as w \gset
update pawl.limiters set next_start_at = null where key = 'host:blocked.com';
select probe.claim(:node, :job, 1) as x \gset
select is(probe.finish_pages(:node, probe.page(:job, (:'w'::bigint[])[1], '{"outcome": "again", "page": null}'), probe.page(:job, (:'x'::bigint[])[1], '{"page_more": {"role": "external"}}')), '2/0/{}', 'robots.txt is waited for, another site is there');
select is(probe.pace('blocked.com'), '1000 floor 500 0', 'which says nothing of the host');

-- hopeless
select pawl.crawl('https://hopeless.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:hopeless.com';
select from pawl.add_sitemap_pages(:job, (select probe.found(0.1, '{}', variadic array_agg('k' || i)) from generate_series(1, 30) i));
select probe.claim(:node, :job, 19) as ids \gset
select is(probe.finish_pages(:node, variadic (select array_agg(probe.page(:job, t, '{"outcome": "failed", "error_class": "status", "error": "403 Forbidden", "page_more": {"error_class": "status"}}')) from unnest(:'ids'::bigint[]) t)), '19/0/{}', '19 failed: perhaps the next');
select is(pawl.stop_hopeless_crawl(:job), false, 'not yet');
select probe.claim(:node, :job, 1) as ids \gset
select is(probe.finish_pages(:node, variadic (select array_agg(probe.page(:job, t, '{"outcome": "failed", "error_class": "timeout", "error": "slow", "page_more": {"error_class": "timeout"}}')) from unnest(:'ids'::bigint[]) t)), format('1/0/{%s}', :job), '20 failed: it is said');
select is(pawl.stop_hopeless_crawl(:job), true, 'and the crawl ends');
select row_eq(format('select status::text, error from pawl.jobs where id = %s', :job), row ('failed'::text, 'the first 20 pages all failed: 19 with 403 Forbidden, 1 with slow'::text), 'with the reason');
select probe.progress_is(:job, '31/0/0/0/0/20/11', 'and what was left is cancelled');
select is(pawl.stop_hopeless_crawl(:job), false, 'once');
select pawl.crawl('https://hopeful.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:hopeful.com';
select from pawl.add_sitemap_pages(:job, (select probe.found(0.1, '{}', variadic array_agg('k' || i)) from generate_series(1, 30) i));
select probe.claim(:node, :job, 30) as ids \gset
select is(probe.finish_pages(:node, variadic (select array_agg(probe.page(:job, t, case when n = 1 then '{}' else '{"outcome": "failed", "error": "x", "page_more": {"error_class": "status"}}' end::jsonb)) from unnest(:'ids'::bigint[]) with ordinality u (t, n))), '30/0/{}', 'one page was fine: it goes on');
select is(pawl.stop_hopeless_crawl(:job), false, 'whoever asks');

-- nor is a redirect a page
select pawl.crawl('http://moved.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:moved.com';
select (probe.claim(:node, :job, 1))[1] as home \gset
select probe.finish_pages(:node, probe.page(:job, :home, '{"page_more": {"status": 301, "redirect_to": "https://moved.com/"}}'));
select from pawl.add_sitemap_pages(:job, (select probe.found(0.1, '{}', variadic array_agg('k' || i)) from generate_series(1, 30) i));
select probe.claim(:node, :job, 20) as ids \gset
select is(probe.finish_pages(:node, variadic (select array_agg(probe.page(:job, t, '{"outcome": "failed", "error": "403 Forbidden", "page_more": {"error_class": "status", "status": 403}}')) from unnest(:'ids'::bigint[]) t)), format('20/0/{%s}', :job), 'a redirect and 20 that failed');
select is(pawl.stop_hopeless_crawl(:job), true, 'are in vain');

-- hopeless, but for the start page, which nobody has tried: it waits for robots.txt
select pawl.crawl('https://patient.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:patient.com';
select (probe.claim(:node, :job, 1))[1] as home \gset
select from pawl.add_sitemap_pages(:job, (select probe.found(0.1, '{}', variadic array_agg('k' || i)) from generate_series(1, 30) i));
select probe.claim(:node, :job, 20) as ids \gset
select is(probe.finish_pages(:node, variadic (select array_agg(probe.page(:job, t, '{"outcome": "failed", "error": "404 Not Found", "page_more": {"error_class": "status"}}')) from unnest(:'ids'::bigint[]) t)), format('20/0/{%s}', :job), 'pages of a sitemap alone have failed');
select is(pawl.stop_hopeless_crawl(:job), false, 'the start page may be fine');
select probe.finish_pages(:node, probe.page(:job, :home, '{"outcome": "retry", "error": "slow", "page_more": {"error_class": "timeout"}}'));
select is(pawl.stop_hopeless_crawl(:job), true, 'it is not');

-- in vain: what sitemaps say does not count
select pawl.crawl('https://vain.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0 where key = 'host:vain.com';
select from pawl.ask_robots(:job, 'https://vain.com', :node);
select pawl.save_robots(:job, 'https://vain.com', :node, 200, '', null, probe.found(0.95, '{"role": "sitemap"}', 's1'));
select probe.claim(:node, :job) as ids \gset
select probe.finish_pages(:node, probe.page(:job, (:'ids'::bigint[])[1], '{"outcome": "failed", "error": "404 Not Found", "page_more": {"error_class": "status"}}'),
  probe.page(:job, (:'ids'::bigint[])[2], '{"page_more": {"role": "sitemap"}}'));
select probe.fold();
select row_eq(format('select status::text, error from pawl.jobs where id = %s', :job), row ('failed'::text, 'no page could be fetched'::text), 'a crawl without a page has failed');

-- a new crawl replaces the one that runs
select pawl.crawl('https://again.com/') as first \gset
select pawl.crawl('https://other.com/') as other \gset
select pawl.crawl('https://again.com/x') as beside \gset
select is(probe.job_status(:first), 'pending', 'two crawls of a host');
select pawl.crawl('https://again.com/', p_replace => true) as third \gset
select is(array[probe.job_status(:first), probe.job_status(:beside), probe.job_status(:other), probe.job_status(:third)], '{cancelled,cancelled,pending,pending}', 'or one');
select is((select error from pawl.jobs where id = :first), 'replaced by a new crawl of the host', 'it says why');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
delete from pawl.jobs where kind = 'crawl';
select is((select count(*) from pawl.crawls) + (select count(*) from pawl.crawl_hosts) + (select count(*) from pawl.page_weights), 0::bigint, 'a deleted job takes it all along');
select * from finish();
rollback;
