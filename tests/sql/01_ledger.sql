-- The ledger's triggers (I1, I2, I3): every road by which pawl.tasks changes keeps pawl.job_progress equal
-- to a count, with at most one row a job and statement, and none when nothing changed.
begin;
select * from no_plan();
select probe.job(3, false) as job \gset
select probe.job(2, false) as other \gset

select probe.progress_is(:job, '3/0/3/0/0/0/0', 'create_job: counted at once, before any fold');
select is(probe.new_deltas(), 2::bigint, 'one ledger row for each of the two jobs');

insert into pawl.tasks (job_id, status, run_at)
select j, s::pawl.task_status, now()
from unnest(array[:job, :other]::bigint[]) j, unnest(array['waiting', 'pending', 'running', 'completed', 'failed', 'cancelled']) s;
select is(probe.new_deltas(), 2::bigint, 'twelve tasks of two jobs in one statement: one row a job');
select probe.progress_is(:job, '9/1/4/1/1/1/1', 'insert: every state is counted');
select probe.progress_is(:other, '8/1/3/1/1/1/1', 'insert: the other job too');

-- The three trigger stories.
update pawl.tasks set status = 'completed', finished_at = now() where job_id = :job and status = 'running';
select probe.progress_is(:job, '9/1/4/0/2/1/1', 'story 1: a status change moves the counters');
select is(probe.new_deltas(), 1::bigint, 'story 1: by one row');
update pawl.tasks set priority = priority + 1, payload = '{"a": 1}', error = 'x' where job_id in (:job, :other);
select is(probe.new_deltas(), 0::bigint, 'story 2: a change of metadata writes no delta');
select probe.progress_is(:job, '9/1/4/0/2/1/1', 'story 2: and moves no counter');
update pawl.tasks set status = 'cancelled', finished_at = now(), error = 'both', priority = 9
where job_id = :job and status in ('waiting', 'pending');
select probe.progress_is(:job, '9/0/0/0/2/1/6', 'story 3: both in one statement count once');
select is(probe.new_deltas(), 1::bigint, 'story 3: one row');

update pawl.tasks set status = status;
select is(probe.new_deltas(), 0::bigint, 'writing the same status again writes nothing');
update pawl.tasks set status = 'completed' where false;
insert into pawl.tasks (job_id) select :job where false;
delete from pawl.tasks where false;
select is(probe.new_deltas(), 0::bigint, 'statements that touch nothing write nothing');
with swap as (
  select min(id) filter (where status = 'pending') as a, min(id) filter (where status = 'running') as b
  from pawl.tasks where job_id = :other)
update pawl.tasks t
set status = case when t.id = s.a then 'running' else 'pending' end::pawl.task_status
from swap s where t.job_id = :other and t.id in (s.a, s.b);
select is(probe.new_deltas(), 0::bigint, 'two tasks that swap their states cancel out');
select probe.progress_is(:other, '8/1/3/1/1/1/1', 'and the counters say so');

update pawl.tasks set job_id = :job where job_id = :other and status = 'completed';
select probe.progress_is(:job, '10/0/0/0/3/1/6', 'a task that moves to another job is counted there');
select probe.progress_is(:other, '7/1/3/1/0/1/1', 'and no longer here');
select is(probe.new_deltas(), 2::bigint, 'one row for each of the two jobs');

delete from pawl.tasks where job_id = :job and status = 'cancelled';
select probe.progress_is(:job, '4/0/0/0/3/1/0', 'delete');
select is(probe.new_deltas(), 1::bigint, 'six deleted tasks: one row');

insert into pawl.tasks (job_id, id, key) values (:job, 900001, 'k') on conflict do nothing;
insert into pawl.tasks (job_id, id, key, status) values (:job, 900001, 'k', 'pending'), (:job, 900002, 'l', 'pending')
on conflict (job_id, id) do update set status = 'completed';
select probe.progress_is(:job, '6/0/1/0/4/1/0', 'insert ... on conflict do update: the inserted and the updated row');

insert into pawl.jobs (id, kind) values (777, 'plain');
copy pawl.tasks (job_id, status) from stdin;
777	pending
777	pending
777	failed
\.
select probe.progress_is(777, '3/0/2/0/0/1/0', 'copy');
merge into pawl.tasks t using (values (777)) m (job) on t.job_id = m.job and t.status = 'pending'
when matched then update set status = 'completed';
select probe.progress_is(777, '3/0/0/0/2/1/0', 'merge');

select throws_ok('insert into pawl.tasks (job_id) values (424242)', 'PW002', 'job 424242 does not exist',
  'a task of a job that does not exist is refused');
select throws_ok($$ insert into pawl.tasks (job_id, status) values (777, 'waiting') $$, '23514', null,
  'a waiting task needs a time');

-- The fold moves the ledger and changes nothing that can be seen.
select probe.progress(:job) as before \gset
select lives_ok('select pawl.fold()', 'fold');
select is((select count(*) from pawl.progress_deltas), 0::bigint, 'the ledger is empty after a fold');
select probe.progress_is(:job, :'before', 'and the progress is the same');
update pawl.tasks set status = 'failed' where job_id = :job and id = 900002;
select probe.progress_is(:job, '6/0/0/0/4/2/0', 'half folded, half in the ledger: still exact');

-- I3: final is final.
select probe.job(1) as ended \gset
select probe.node() as node \gset
select probe.finish(:node, :ended, probe.claim(:node, :ended));
select is(probe.fold(), 1::bigint, 'the job ends');
select throws_ok(format('insert into pawl.tasks (job_id) values (%s)', :ended), 'PW003',
  format('job %s has ended: it takes no more tasks', :ended), 'I3: an insert into an ended job is refused');
select throws_ok(format('insert into pawl.tasks (job_id, status) values (%s, ''completed'')', :ended), 'PW003', null,
  'I3: even of a task that has ended');
update pawl.tasks set status = 'pending', finished_at = null where job_id = :ended;
select is(probe.job_status(:ended), 'running', 'I3: a task that runs again opens its job again');
select is((select finished_at from pawl.jobs where id = :ended), null, 'which has no end then');
select probe.progress_is(:ended, '1/0/1/0/0/0/0', 'and is counted');

select probe.job(4) as many \gset
select probe.finish(:node, :many, probe.claim(:node, :many));
select is(probe.fold(), 1::bigint, 'a job of four ends');
update pawl.tasks set status = 'pending', finished_at = null where job_id = :many;
select is(probe.job_status(:many), 'running', 'I3: a statement of many tasks opens it again too');
select probe.progress_is(:many, '4/0/4/0/0/0/0', 'and they are counted');

-- Deleting a job takes all that is its own along, and leaves no orphan in the ledger.
insert into pawl.attempts (job_id, task_id, attempt, error_class) values (:ended, 1, 1, 'sql');
insert into pawl.pages (job_id, task_id, url, url_hash) values (:ended, 1, 'https://e.com/', 1);
delete from pawl.jobs where id = :ended;
select is((select count(*) from pawl.tasks where job_id = :ended)
  + (select count(*) from pawl.attempts where job_id = :ended) + (select count(*) from pawl.pages where job_id = :ended)
  + (select count(*) from pawl.progress_deltas where job_id = :ended), 0::bigint, 'a deleted job leaves nothing behind');
create function probe.locks_on_tasks() returns bigint language sql as $$
  select count(*) from pg_locks l
  where l.pid = pg_backend_pid() and l.relation = 'pawl.tasks'::regclass and l.mode = 'ShareRowExclusiveLock'
$$;
select is(probe.locks_on_tasks(), 0::bigint, 'to delete a finite job its row is lock enough');
select * from pawl.enqueue('plain') \gset standing_
delete from pawl.jobs where id = :standing_job_id;
select is(probe.locks_on_tasks(), 1::bigint, 'a standing one, whose row no producer holds, is deleted with all producers away');
select is((select count(*) from pawl.standing_jobs), 0::bigint, 'nor the note that it was the standing one');
select isnt((select job_id from pawl.enqueue('plain')), :standing_job_id::bigint, 'a new standing job is made');

truncate pawl.tasks;
select is((select count(*) from pawl.job_progress p
  where (p.total, p.waiting, p.pending, p.running, p.completed, p.failed, p.cancelled) <> (0, 0, 0, 0, 0, 0, 0)),
  0::bigint, 'truncate: every counter is 0');
select pawl.fold();
select is((select array_agg(status::text) from pawl.jobs where is_sealed), array['completed'], 'a sealed job ends with its tasks');
select is((select count(*) from pawl.jobs where not is_sealed and finished_at is null), 4::bigint, 'others may get more');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'reconcile finds no drift in all of this');

select * from finish();
rollback;
