-- pawl.job_progress: exact at once (I1): what the fold has moved into the job, plus what still stands
-- in the ledger. One row a job.
create or replace view pawl.job_progress as
select j.id as job_id,
  j.status,
  j.total + coalesce(d.total, 0) as total,
  j.waiting + coalesce(d.waiting, 0) as waiting,
  j.pending + coalesce(d.pending, 0) as pending,
  j.running + coalesce(d.running, 0) as running,
  j.completed + coalesce(d.completed, 0) as completed,
  j.failed + coalesce(d.failed, 0) as failed,
  j.cancelled + coalesce(d.cancelled, 0) as cancelled
from pawl.jobs j
left join lateral (
  select sum(d.total) as total,
    sum(d.waiting) as waiting,
    sum(d.pending) as pending,
    sum(d.running) as running,
    sum(d.completed) as completed,
    sum(d.failed) as failed,
    sum(d.cancelled) as cancelled
  from pawl.progress_deltas d
  where d.job_id = j.id
) d on true;
comment on view pawl.job_progress is 'exact progress of every job, in every snapshot';
comment on column pawl.job_progress.total is 'tasks the job has';
