-- Work in people's hands: how fast a job goes, and which executors a node has.

-- Read at every look (pawl.estimate_jobs), so that it is never older than what it was measured from.
alter table pawl.jobs drop column estimated_completion_at;
alter table pawl.jobs
  add column measured_tasks double precision not null default 0,
  add column measured_seconds double precision not null default 0,
  add column measured_at timestamptz;
comment on column pawl.jobs.measured_tasks is 'tasks that ended while it was busy, older ones counting less: of the last 30 s, or of the last 20 tasks where that is longer';
comment on column pawl.jobs.measured_seconds is 'seconds that these took; the quotient is its pace';
comment on column pawl.jobs.measured_at is 'until when it was measured: its last fold since it started';

alter table pawl.nodes add column executors text[];
comment on column pawl.nodes.executors is 'what it can run; null: everything, as far as is known';
drop function if exists pawl.register_node(text, text, integer);
