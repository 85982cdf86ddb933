-- External workers: programs in any language that claim tasks through SQL, each under a lease; and tasks that a
-- function has taken on, to call back. Either way no node has the task: node_id is null, lease_until is not.

alter table pawl.tasks add column worker text;
comment on column pawl.tasks.worker is 'external worker that runs it, or ran it last, by the name that it gave';
comment on column pawl.tasks.lease_until is 'running without a node: until when an external worker, or a function that will call back, has it';
comment on column pawl.tasks.attempt is 'tries so far; with the node, or for an external worker with the task alone, the fencing token of a running task';

alter table pawl.attempts add column worker text;
comment on column pawl.attempts.worker is 'external worker that ran it';
comment on column pawl.attempts.error_class is 'timeout, network, status, sql, lost, refused, worker or executor';

alter table pawl.limiters add column workers_wake_at timestamptz;
comment on column pawl.limiters.workers_wake_at is 'external workers were refused until then: a node wakes them';

-- Not columns of pawl.tasks: a report of progress would then rewrite the task, and run the ledger's trigger.
create table pawl.task_progress (
  job_id bigint not null,
  task_id bigint not null,
  org_id uuid,
  attempt integer not null,
  percent real,
  message text,
  updated_at timestamptz not null default now(),
  primary key (job_id, task_id),
  constraint percent_is_one check (percent between 0 and 100)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table pawl.task_progress is 'how far a running task is, by what its worker has reported; gone when the attempt ends';
comment on column pawl.task_progress.job_id is 'the tasks job';
comment on column pawl.task_progress.task_id is 'the task';
comment on column pawl.task_progress.org_id is 'the tasks organisation; null: none';
comment on column pawl.task_progress.attempt is 'which of its tries reported it';
comment on column pawl.task_progress.percent is 'from 0 to 100; null: not said';
comment on column pawl.task_progress.message is 'in words; null: not said';
comment on column pawl.task_progress.updated_at is 'when it was last reported';
