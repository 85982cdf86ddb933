-- Outside READ COMMITTED: what would have to see more than its snapshot refuses; the rest works.
begin isolation level repeatable read;
select * from no_plan();
select probe.job(2) as job \gset
select probe.job(0, false) as open \gset
select pawl.enqueue('plain');
select lives_ok(format('select pawl.add_tasks(%s, array[''{}''::jsonb])', :open), 'work is added: create_job, enqueue, add_tasks');
select pawl.crawl('https://e.com/', '{"max_pages": 2}') as crawl \gset
select is((select count(*) from pawl.tasks where job_id = :crawl), 1::bigint, 'and crawl');
select throws_ok(s, 'PW009', 'this is not possible in a repeatable read transaction', 'I3: but not: ' || s)
from (values (format('select pawl.cancel_job(%s)', :job)), (format('select pawl.seal_job(%s)', :open)),
  ('select pawl.fold()'), ('select * from pawl.run_due_schedules()'),
  (format($$ select pawl.finish_pages(1, '[{"job": %s, "task": 1, "attempt": 1, "outcome": "completed", "found": [{"key": "a"}]}]') $$, :crawl)),
  (format('delete from pawl.jobs where id = %s', :job))) v (s);
select is((select status::text from pawl.jobs where id = :job), 'pending', 'the job is as it was');
update pawl.tasks set status = 'completed' where job_id = :job;
update pawl.jobs set status = 'completed', finished_at = now() where id = :job;
select lives_ok(format('delete from pawl.jobs where id = %s', :job), 'a job that has ended can be deleted: nobody adds to it');
select is(pawl.pause_job(:open), true, 'a pause waits for nobody');
select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: exact all the same');
select * from finish();
rollback;
