-- pawl.process_pending(): wakes every node for all pending work.
-- Returns how many tasks wait to be claimed. Never needed when all is well: for the day it is not.
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.process_pending() returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.ring('work *');
  perform pawl.ring('due');
  return (
    select coalesce(pg_catalog.sum(p.pending), 0)
    from pawl.jobs j
    join pawl.job_progress p on p.job_id = j.id
    where j.finished_at is null);
end
$$;
comment on function pawl.process_pending() is 'wakes every node for all pending work; returns how many tasks wait';
