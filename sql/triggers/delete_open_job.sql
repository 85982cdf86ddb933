-- Who deletes an open job must meet everybody who is adding tasks to it: what they add would be left
-- behind, tasks of a job that does not exist. A finite job's row is held by them (FOR KEY SHARE), and the
-- deletion waits. Nobody holds a standing job's row, for every enqueue of its kind would write to it; so
-- its deletion waits for all transactions that write tasks, and they for it: it is rare, they are not.
-- Then triggers/delete_job.sql deletes what there is, in a newer snapshot than all of them; outside
-- READ COMMITTED there is none, and the deletion is refused (PW009).
-- Those who come later find no job: pawl.enqueue makes a new one, or says that it does not exist when it
-- had found it just before.
-- Locks: for a standing job pawl.tasks SHARE ROW EXCLUSIVE, until the transaction ends.
create or replace function pawl.meet_producers() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.check_isolation();
  if old.is_standing then
    lock table pawl.tasks in share row exclusive mode;
  end if;
  return old;
end
$$;
comment on function pawl.meet_producers() is 'trigger: an open job is deleted after all who add tasks to it';

drop trigger if exists meet_producers on pawl.jobs;
create trigger meet_producers before delete on pawl.jobs
for each row when (old.finished_at is null) execute function pawl.meet_producers();
comment on trigger meet_producers on pawl.jobs is 'an open job is deleted after all who add tasks to it';
