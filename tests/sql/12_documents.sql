-- What people look at as JSON: the names that things have on the command line (docs/cli.md), ids as strings,
-- and the order of ids as numbers, in which 9 comes before 10.
begin;
select * from no_plan();

-- Members that a document of ours never has, however deep it is.
create function probe.foreign_members(p_document jsonb) returns text[] language sql as $$
  select array_agg(m[1]) from regexp_matches(p_document::text, '"(id|job_id|task_id|node_id|org_id)": ', 'g') m
$$;
create function probe.members(p_document jsonb, p_name text) returns jsonb language sql as
$$ select jsonb_agg(e -> p_name) from jsonb_array_elements(p_document) e $$;

select probe.kind('seen') as kind \gset
insert into pawl.jobs (id, kind) values (9, 'seen'), (10, 'seen');
insert into pawl.tasks (job_id, id) values (9, 10), (9, 9), (9, 100);
select probe.node() as node \gset
select probe.claim(:node, 9);
select probe.finish(:node, 9, array[9], 'failed', 0, null, 'executor', 'no') \g /dev/null

select pawl.list_jobs() as jobs, pawl.show_job(9) as job, pawl.list_tasks(9) as tasks, pawl.show_task(9, 9) as task,
  pawl.list_kinds() as kinds \gset
select is(probe.members(:'jobs', 'job'), '["10", "9"]', 'list_jobs: the newest first');
select is(probe.members(pawl.list_jobs(p_limit => 1), 'job'), '["10"]', 'and no more than asked for');
select is(probe.members(:'tasks', 'task'), '["9/9", "9/10", "9/100"]', 'list_tasks: by id');
select is(probe.members(:'tasks', 'job'), '["9", "9", "9"]', 'each with its job');
select is(probe.members(pawl.list_tasks(9, p_limit => 2), 'task'), '["9/9", "9/10"]', 'and no more than asked for');
select is(probe.members(pawl.list_tasks(9, 'running'), 'task'), '["9/10", "9/100"]', 'or in one state');
select is(pawl.list_tasks(9, 'waiting') || pawl.list_tasks(10), '[]', 'of which there may be none');
select is(:'job'::jsonb -> 'job', '"9"', 'show_job: its job');
select is(:'job'::jsonb #> '{failures,0,task}', '"9/9"', 'and what failed');
select is((:'task'::jsonb -> 'task') || (:'task'::jsonb -> 'job') || (:'task'::jsonb #> '{failed_attempts,0,node}'),
  '["9/9", "9", "probe"]', 'show_task: its task, its job and who ran it');
select is(:'kinds'::jsonb @> '[{"kind": "seen"}]', true, 'list_kinds: its kind');
select is(probe.foreign_members(d::jsonb), null, n || ' names nothing as a column')
from (values ('list_jobs', :'jobs'), ('show_job', :'job'), ('list_tasks', :'tasks'), ('show_task', :'task'), ('list_kinds', :'kinds')) v (n, d);
select * from finish();
rollback;
