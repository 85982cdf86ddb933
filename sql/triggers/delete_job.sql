-- A deleted job takes its tasks, pages, attempts and ledger rows with it: what a foreign key's cascade
-- would do, without a foreign key's check on every task.
-- Locks: the job's tasks.
create or replace function pawl.delete_job_contents() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.tasks t where t.job_id = old.id;
  delete from pawl.pages p where p.job_id = old.id;
  delete from pawl.crawls c where c.job_id = old.id;
  delete from pawl.crawl_hosts h where h.job_id = old.id;
  delete from pawl.page_weights w where w.job_id = old.id;
  delete from pawl.task_progress g where g.job_id = old.id;
  delete from pawl.attempts a where a.job_id = old.id;
  delete from pawl.standing_jobs s where s.kind = old.kind and s.job_id = old.id;
  delete from pawl.progress_deltas d where d.job_id = old.id;
  return null;
end
$$;
comment on function pawl.delete_job_contents() is 'trigger: a deleted job takes what belongs to it along';

drop trigger if exists delete_job_contents on pawl.jobs;
create trigger delete_job_contents after delete on pawl.jobs
for each row execute function pawl.delete_job_contents();
comment on trigger delete_job_contents on pawl.jobs is 'a deleted job takes what belongs to it along';
