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
comment on column pawl.job_progress.job_id is 'the job (pawl.jobs)';
comment on column pawl.job_progress.status is 'of the job: pending, running, paused, completed, failed, cancelled';
comment on column pawl.job_progress.total is 'tasks the job has';
comment on column pawl.job_progress.waiting is 'tasks that wait for their time';
comment on column pawl.job_progress.pending is 'tasks that can be claimed';
comment on column pawl.job_progress.running is 'tasks that a node has';
comment on column pawl.job_progress.completed is 'tasks that are done';
comment on column pawl.job_progress.failed is 'tasks that failed for good';
comment on column pawl.job_progress.cancelled is 'tasks that were cancelled';
