-- Work in people's hands: how fast a job goes, which executors a node has, chains, ageing.

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
drop function if exists pawl.define_kind(text, text, text, integer, integer, integer, integer, integer, integer, double precision, jsonb);
drop function if exists pawl.create_job(text, jsonb[], jsonb, boolean, real, text);
drop function if exists pawl.read_sql_task(integer, bigint, bigint, integer);
drop function if exists pawl.claim_batch(integer, bigint, integer, real, bigint); -- its cursor is a double precision now

-- Chains. No foreign keys: a kind may be deleted, and what then cannot be enqueued says so.
alter table pawl.kinds add column on_complete text;
comment on column pawl.kinds.on_complete is 'kind of which a task is enqueued for each task of its standing jobs that completes; null: none';
alter table pawl.jobs add column on_complete text;
comment on column pawl.jobs.on_complete is 'a finite job: kind of which a task is enqueued when it completes; a standing one: that of its kind (pawl.kinds)';

-- Ageing. All tasks of a kind grow older at the same pace, so their order among each other never changes: it is fixed
-- when they are added, and nothing is rewritten while they wait.
alter table pawl.kinds
  add column ageing real not null default 0,
  add column aged_before double precision not null default 0,
  add column aged_at timestamptz,
  add constraint ageing_is_sane check (ageing >= 0 and ageing <= 1000000);
comment on column pawl.kinds.ageing is 'priority that a task of it gains in a minute of waiting';
comment on column pawl.kinds.aged_before is 'what a task gained that was there when it was first set, until it was set last; null of aged_at: never';
comment on column pawl.kinds.aged_at is 'when ageing was set last; null: never';
alter table pawl.tasks add column lateness double precision;
comment on column pawl.tasks.lateness is 'priority that the tasks before it had gained when it was added (pawl.kinds.ageing); null: none';
drop index pawl.tasks_to_claim;
-- reader: pawl.claim_batch. Finishing touches no column of any index here, so it is HOT.
create index tasks_to_claim on pawl.tasks (job_id, (coalesce(lateness, 0) - priority), id) where is_pending;
