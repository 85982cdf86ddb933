-- finish_pages: pages, found tasks, max_pages, fencing.
begin;
select * from no_plan();
select probe.node() as node \gset
create function probe.page(p_job bigint, p_task bigint, p_attempt integer, p_found text[] default '{}', p_outcome text default 'completed')
returns jsonb language sql as $$
  select jsonb_build_object('job', p_job, 'task', p_task, 'attempt', p_attempt, 'outcome', p_outcome, 'delay_ms', 1000,
    'error_class', case when p_outcome <> 'completed' then 'timeout' end, 'error', case when p_outcome <> 'completed' then 'slow' end,
    'page', jsonb_build_object('url', 'https://e.com/' || p_task, 'url_hash', p_task, 'depth', 0, 'links', cardinality(p_found),
      'role', 'page', 'source', 'link', 'redirects', 0, 'skipped_links', 0, 'attempts', p_attempt, 'status', 200, 'link_hashes', '[1, 2]'::jsonb),
    'found', coalesce((select jsonb_agg(jsonb_build_object('url', 'https://e.com/' || f, 'key', f, 'priority', length(f), 'depth', 1, 'source', 'link')) from unnest(p_found) f), '[]'))
$$;
create function probe.finish_pages(p_node integer, variadic p_pages jsonb[]) returns text language sql as
$$ select finished || '/' || found from pawl.finish_pages(p_node, to_jsonb(p_pages)) $$;

select pawl.crawl('https://e.com/') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0;
update pawl.jobs set org_id = '11111111-1111-1111-1111-111111111111' where id = :job;
select (probe.claim(:node, :job))[1] as home \gset
select is(probe.finish_pages(:node, probe.page(:job, :home, 1, array['a', 'bb', 'a', 'ccc'])), '1/3', 'a page and the three it links to');
select row_eq(format('select url, url_hash, status, attempts, links, link_hashes, org_id, fetched_at from pawl.pages where job_id = %s', :job),
  row (format('https://e.com/%s', :home), :home::bigint, 200, 1, 4, array[1, 2]::bigint[], '11111111-1111-1111-1111-111111111111'::uuid, now()), 'the page is stored, with the job''s organisation');
select results_eq(format('select key, priority, payload, org_id from pawl.tasks where job_id = %s and id <> %s order by key', :job, :home),
  $$ values ('a', 1::real, '{"url": "https://e.com/a", "depth": 1, "source": "link"}'::jsonb, '11111111-1111-1111-1111-111111111111'::uuid),
    ('bb', 2, '{"url": "https://e.com/bb", "depth": 1, "source": "link"}', '11111111-1111-1111-1111-111111111111'),
    ('ccc', 3, '{"url": "https://e.com/ccc", "depth": 1, "source": "link"}', '11111111-1111-1111-1111-111111111111') $$, 'the tasks found, each once');
select probe.progress_is(:job, '4/0/3/0/1/0/0', 'I1: counted');
select pawl.fold();
select is(probe.job_status(:job), 'running', 'the job was never empty');
select is(probe.finish_pages(:node, probe.page(:job, :home, 1, array['zzzz'])), '0/0', 'I4: a fenced page adds nothing');
select is(probe.finish_pages(:node + 1, probe.page(:job, :home, 1, array['zzzz'])), '0/0', 'I4: nor does another node''s');
select probe.claim(:node, :job) as ids \gset
select (:'ids'::bigint[])[1] as t1, (:'ids'::bigint[])[2] as t2, (:'ids'::bigint[])[3] as t3 \gset
select is(probe.finish_pages(:node,
    probe.page(:job, :t3, 1, '{}', 'failed'), probe.page(:job, :t1, 7, array['x']), probe.page(:job, :t2, 1, array['y', 'a'], 'retry')),
  '2/1', 'one failed, one fenced, one to be tried again; a known key adds nothing');
select is(probe.task_status(:job, :t1), 'running', 'I4: the fenced one runs on');
select row_eq(format('select status::text, error from pawl.tasks where id = %s', :t3), row ('failed'::text, 'slow'::text), 'the failed one');
select row_eq(format('select status::text, wait_reason, run_at from pawl.tasks where id = %s', :t2), row ('waiting'::text, 'retry'::text, now() + interval '1 second'), 'the one to be tried again');
select results_eq(format('select task_id, error_class, error from pawl.attempts where job_id = %s order by 1', :job),
  format($$ values (%s::bigint, 'timeout', 'slow'), (%s, 'timeout', 'slow') $$, least(:t2, :t3), greatest(:t2, :t3)), 'an attempts row for both');
set local pawl.now = '2100-01-01 00:00:00+00';
select pawl.promote_due();
select probe.claim(:node, :job);
select is(probe.finish_pages(:node, probe.page(:job, :t2, 2)), '1/0', 'the second try');
select is((select attempts from pawl.pages where task_id = :t2), 2, 'writes over the page of the first');
select is(probe.finish_pages(:node, probe.page(:job, :t1, 1) - 'page' - 'found'), '1/0', 'an outcome without a page or links');
select is((select count(*) from pawl.pages where task_id = :t1), 0::bigint, 'stores none');
select probe.progress_is(:job, '5/0/0/1/3/1/0', 'I1: counted');
select is((select finished || '/' || found from pawl.finish_pages(:node, '[]')), '0/0', 'nothing to do');

-- two jobs in one batch
select pawl.crawl('https://f.com/') as other \gset
update pawl.limiters set max_running = null, start_interval_ms = 0;
select (probe.claim(:node, :other))[1] as t1 \gset
select id as t2 from pawl.tasks where job_id = :job and key = 'y' \gset
select is(probe.finish_pages(:node, probe.page(:other, :t1, 1, array['p', 'q']), probe.page(:job, :t2, 1, array['p'])), '2/3', 'two jobs in one batch: keys are per job');

-- max_pages is exact
select pawl.crawl('https://g.com/', '{"max_pages": 5}') as job \gset
update pawl.limiters set max_running = null, start_interval_ms = 0;
select (probe.claim(:node, :job))[1] as t1 \gset
select is(probe.finish_pages(:node, probe.page(:job, :t1, 1, array['a', 'bb'])), '1/2', 'max_pages 5: three of them');
select probe.claim(:node, :job) as ids \gset
select is(probe.finish_pages(:node, probe.page(:job, (:'ids'::bigint[])[1], 1, array['c', 'dd', 'a', 'eee', 'ff']), probe.page(:job, (:'ids'::bigint[])[2], 1, array['gggg', 'bb'])),
  '2/2', 'only two more, known keys not counted');
select is((select array_agg(key order by key) from pawl.tasks where job_id = :job and status = 'pending'), array['eee', 'gggg'], 'the best ones');
select probe.claim(:node, :job) as ids \gset
select is(probe.finish_pages(:node, probe.page(:job, (:'ids'::bigint[])[1], 1, array['h']), probe.page(:job, (:'ids'::bigint[])[2], 1, array['i'])), '2/0', 'full: none');
select probe.progress_is(:job, '5/0/0/0/5/0/0', 'exactly five');
select is(probe.fold(), 1::bigint, 'and the job ends');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
