-- The engine's storage: kinds, limiters, jobs, tasks, the ledger, nodes, attempts.
-- Measurements behind these choices stand in docs/storage.md.

create type pawl.task_status as enum ('waiting', 'pending', 'running', 'completed', 'failed', 'cancelled');
comment on type pawl.task_status is 'waiting (until run_at), pending (can be claimed), running, and the final completed, failed, cancelled';

create type pawl.job_status as enum ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled');
comment on type pawl.job_status is 'pending, running, paused, and the final completed, failed, cancelled';

-- Explicit sequences, never identity columns: ids must also come from a distributed table's shards.
create sequence pawl.job_ids;
comment on sequence pawl.job_ids is 'ids of jobs';
create sequence pawl.task_ids;
comment on sequence pawl.task_ids is 'ids of tasks; not ordered by time across nodes';
create sequence pawl.delta_ids cache 100; -- only unique, never an order
comment on sequence pawl.delta_ids is 'ids of the ledger''s rows';
create sequence pawl.node_ids as integer;
comment on sequence pawl.node_ids is 'ids of nodes; never used again, since they fence';

create table pawl.limiters (
  key text primary key,
  max_running integer,
  start_interval_ms double precision not null default 0,
  burst integer not null default 1,
  next_start_at timestamptz,
  is_adaptive boolean not null default false,
  base_interval_ms double precision not null default 0,
  floor_ms double precision not null default 0,
  floor_until timestamptz,
  successes integer not null default 0,
  is_probing boolean not null default false,
  slowed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint max_running_is_positive check (max_running > 0),
  constraint start_interval_is_not_negative check (start_interval_ms >= 0 and start_interval_ms < 86400000),
  constraint burst_is_positive check (burst > 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table pawl.limiters is 'what protects a named resource (a host, an API, a tenant): how many at once, how fast';
comment on column pawl.limiters.key is 'name of the resource, for example host:example.com:443';
comment on column pawl.limiters.max_running is 'tasks that run at once over all nodes; null: as many as there are slots';
comment on column pawl.limiters.start_interval_ms is 'milliseconds between two starts; 0: no pace';
comment on column pawl.limiters.burst is 'starts that may come at once after a pause';
comment on column pawl.limiters.next_start_at is 'theoretical arrival time of the generic cell rate algorithm (ITU-T I.371)';
comment on column pawl.limiters.is_adaptive is 'the resource slows us down, and is probed for how fast it may go (pawl.adjust_pace)';
comment on column pawl.limiters.base_interval_ms is 'adaptive: the interval that was asked for; never faster';
comment on column pawl.limiters.floor_ms is 'adaptive: learned; faster than this was refused';
comment on column pawl.limiters.floor_until is 'adaptive: when that is forgotten';
comment on column pawl.limiters.successes is 'adaptive: answers that were fine since the interval changed last; counted while it is above the floor';
comment on column pawl.limiters.is_probing is 'adaptive: the last change made it faster';
comment on column pawl.limiters.slowed_at is 'adaptive: when it was made slower last';
comment on column pawl.limiters.created_at is 'when it was set first';
comment on column pawl.limiters.updated_at is 'when it was set last; claims leave it';

create table pawl.kinds (
  name text primary key,
  executor text not null,
  target text,
  max_attempts integer not null default 5,
  timeout_ms integer not null default 60000,
  backoff_base_ms integer not null default 1000,
  backoff_cap_ms integer not null default 600000,
  max_payload_bytes integer not null default 1048576,
  limiter_key text references pawl.limiters (key),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_short_and_not_empty check (length(name) between 1 and 200),
  constraint executor_is_known check (executor in ('noop', 'sql', 'crawl')),
  constraint sql_has_a_target check (executor <> 'sql' or target is not null),
  constraint max_attempts_is_sane check (max_attempts between 1 and 1000),
  constraint timeout_is_positive check (timeout_ms > 0),
  constraint backoff_is_ordered check (backoff_base_ms >= 0 and backoff_cap_ms >= backoff_base_ms),
  constraint max_payload_is_sane check (max_payload_bytes between 1 and 67108864)
);
create index kinds_by_limiter on pawl.kinds (limiter_key) where limiter_key is not null; -- foreign key
comment on table pawl.kinds is 'what runs a task: executor, target, time-out, retry policy, limits';
comment on column pawl.kinds.name is 'how it is called in pawl.enqueue and pawl.create_job';
comment on column pawl.kinds.executor is 'noop, sql or crawl';
comment on column pawl.kinds.target is 'sql: the function, which takes the payload (jsonb)';
comment on column pawl.kinds.max_attempts is 'tries before a task fails for good';
comment on column pawl.kinds.timeout_ms is 'milliseconds that one attempt may take';
comment on column pawl.kinds.backoff_base_ms is 'full-jitter backoff: the first retry waits a random part of this';
comment on column pawl.kinds.backoff_cap_ms is 'no retry waits longer than this';
comment on column pawl.kinds.max_payload_bytes is 'a larger payload is refused by the entry points';
comment on column pawl.kinds.limiter_key is 'limiter that the kind''s jobs get; null: none';
comment on column pawl.kinds.created_at is 'when it was defined first';
comment on column pawl.kinds.updated_at is 'when it was defined last';

create table pawl.jobs (
  id bigint primary key default nextval('pawl.job_ids'),
  org_id uuid,
  kind text not null references pawl.kinds (name),
  params jsonb not null default '{}',
  status pawl.job_status not null default 'pending',
  priority real not null default 0,
  limiter_key text references pawl.limiters (key),
  is_standing boolean not null default false,
  is_sealed boolean not null default false,
  total bigint not null default 0,
  waiting bigint not null default 0,
  pending bigint not null default 0,
  running bigint not null default 0,
  completed bigint not null default 0,
  failed bigint not null default 0,
  cancelled bigint not null default 0,
  is_drained boolean not null generated always as
    (is_sealed and not is_standing and waiting + pending + running = 0) stored,
  error text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  estimated_completion_at timestamptz,
  constraint priority_is_a_number check (priority <> 'NaN'),
  constraint standing_jobs_are_never_sealed check (not (is_standing and is_sealed)),
  constraint final_jobs_have_an_end check ((status in ('completed', 'failed', 'cancelled')) = (finished_at is not null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- reader: pawl.list_work, pawl.list_jobs (open jobs)
create index jobs_open on pawl.jobs (id) where finished_at is null;
-- reader: pawl.fold (jobs to end); is_drained changes two to four times in a job's life, so counter updates stay HOT
create index jobs_drained on pawl.jobs (id) where is_drained and finished_at is null;
-- reader: pawl.admit_tasks (exact running of a limiter), and the foreign key
create index jobs_by_limiter on pawl.jobs (limiter_key) where limiter_key is not null and finished_at is null;
-- reader: the foreign key
create index jobs_by_kind on pawl.jobs (kind);
comment on table pawl.jobs is 'a set of tasks that share a kind, limits and progress; read progress from pawl.job_progress';
comment on column pawl.jobs.id is 'from pawl.job_ids';
comment on column pawl.jobs.org_id is 'organisation it belongs to; null: none';
comment on column pawl.jobs.kind is 'what runs its tasks (pawl.kinds)';
comment on column pawl.jobs.params is 'what all its tasks share: a crawls url, max_pages, user_agent';
comment on column pawl.jobs.status is 'pending until a task of it has started; pawl.fold moves it on';
comment on column pawl.jobs.priority is 'share of the claims beside other jobs: each step up doubles it (kept within -4 and 4)';
comment on column pawl.jobs.limiter_key is 'limiter that its tasks are claimed under; null: none';
comment on column pawl.jobs.is_standing is 'never ends; pawl.enqueue puts tasks here';
comment on column pawl.jobs.is_sealed is 'no more tasks from outside: the job ends when its tasks have ended';
comment on column pawl.jobs.total is 'folded counter: behind by what stands in pawl.progress_deltas';
comment on column pawl.jobs.waiting is 'folded counter, as total';
comment on column pawl.jobs.pending is 'folded counter, as total';
comment on column pawl.jobs.running is 'folded counter, as total';
comment on column pawl.jobs.completed is 'folded counter, as total';
comment on column pawl.jobs.failed is 'folded counter, as total';
comment on column pawl.jobs.cancelled is 'folded counter, as total';
comment on column pawl.jobs.is_drained is 'by the folded counters nothing is left to do; also before the first fold of a new job''s tasks';
comment on column pawl.jobs.error is 'why the job failed or was cancelled';
comment on column pawl.jobs.created_at is 'when it was created';
comment on column pawl.jobs.started_at is 'when the fold first saw a task of it started';
comment on column pawl.jobs.finished_at is 'when it completed, failed or was cancelled; null: it is open';
comment on column pawl.jobs.estimated_completion_at is 'from the rate since it started, as of the last fold; null until it can be told';

create table pawl.standing_jobs (
  kind text not null references pawl.kinds (name),
  org_id uuid not null default '00000000-0000-0000-0000-000000000000',
  job_id bigint not null,
  primary key (kind, org_id)
);
comment on table pawl.standing_jobs is 'the one standing job of a kind and organisation (all zero: no organisation)';
comment on column pawl.standing_jobs.kind is 'the kind';
comment on column pawl.standing_jobs.org_id is 'the organisation, all zero for none: null would not be unique';
comment on column pawl.standing_jobs.job_id is 'its standing job';

create table pawl.tasks (
  job_id bigint not null,
  id bigint not null default nextval('pawl.task_ids'),
  org_id uuid,
  status pawl.task_status not null default 'pending',
  priority real not null default 0,
  attempt integer not null default 0,
  uncounted_attempts integer not null default 0,
  node_id integer,
  is_key_reusable boolean not null default false,
  is_pending boolean not null generated always as (status = 'pending') stored,
  is_key_active boolean not null generated always as
    (key is not null and (not is_key_reusable or status in ('waiting', 'pending', 'running'))) stored,
  created_at timestamptz not null default now(),
  run_at timestamptz,
  lease_until timestamptz,
  due_at timestamptz generated always as
    (case when status = 'waiting' then run_at when status = 'running' then lease_until end) stored,
  started_at timestamptz,
  finished_at timestamptz,
  key text,
  wait_reason text,
  error text,
  payload jsonb not null default '{}',
  result jsonb,
  primary key (job_id, id),
  constraint waiting_tasks_have_a_time check (status <> 'waiting' or run_at is not null)
) with (
  fillfactor = 65,            -- room for the next version on the page: finishing is a HOT update
  toast_tuple_target = 256,   -- a wide payload goes out of line, the hot row stays small
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);
-- reader: pawl.claim_batch. Finishing touches no column of any index here, so it is HOT.
create index tasks_to_claim on pawl.tasks (job_id, (-priority), id) where is_pending;
-- reader: pawl.promote_due, pawl.next_due_ms
create index tasks_due on pawl.tasks (due_at) where due_at is not null;
-- reader: deduplication. For ever in a finite job, while active in a standing one.
create unique index tasks_key_is_unique on pawl.tasks (job_id, key) where is_key_active;
comment on table pawl.tasks is 'unit of execution; insert, update and delete as you like: the counters stay exact';
comment on column pawl.tasks.job_id is 'the job (pawl.jobs); checked once a statement by the ledger''s trigger, not once a row by a foreign key';
comment on column pawl.tasks.id is 'from pawl.task_ids; unique, also without job_id';
comment on column pawl.tasks.org_id is 'the jobs organisation; null: none';
comment on column pawl.tasks.status is 'waiting, pending, running, and the final completed, failed, cancelled';
comment on column pawl.tasks.priority is 'higher runs first within its job';
comment on column pawl.tasks.attempt is 'tries so far; (node_id, attempt) is the fencing token of a running task';
comment on column pawl.tasks.uncounted_attempts is 'tries that do not count against max_attempts: given back unstarted, or before a retry that a person asked for';
comment on column pawl.tasks.node_id is 'node that runs it, or ran it last';
comment on column pawl.tasks.key is 'deduplication key within the job';
comment on column pawl.tasks.is_key_reusable is 'the key is free again once the task has ended (standing jobs)';
comment on column pawl.tasks.is_pending is 'generated: it can be claimed; for the claim index, which a finish then need not touch';
comment on column pawl.tasks.is_key_active is 'generated: it holds its key; no other task of the job may have it';
comment on column pawl.tasks.created_at is 'when it was added';
comment on column pawl.tasks.started_at is 'when its last attempt was claimed';
comment on column pawl.tasks.finished_at is 'when it reached a final status; null: it has none';
comment on column pawl.tasks.run_at is 'waiting: not before this time';
comment on column pawl.tasks.lease_until is 'end of an external worker''s claim';
comment on column pawl.tasks.due_at is 'the next moment at which something must happen to the task by itself';
comment on column pawl.tasks.wait_reason is 'why a waiting task waits: delay or retry';
comment on column pawl.tasks.payload is 'input';
comment on column pawl.tasks.result is 'output of a completed task';
comment on column pawl.tasks.error is 'message of the last failed attempt';

create table pawl.progress_deltas (
  job_id bigint not null,
  id bigint not null default nextval('pawl.delta_ids'),
  total integer not null default 0,
  waiting integer not null default 0,
  pending integer not null default 0,
  running integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  primary key (job_id, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table pawl.progress_deltas is 'the ledger: at most one row a job and statement, appended by triggers, moved into pawl.jobs by pawl.fold';
comment on column pawl.progress_deltas.total is 'tasks that the statement added to the job, less those it took away; the other counters likewise';

create table pawl.nodes (
  id integer primary key default nextval('pawl.node_ids'),
  name text not null,
  version text not null,
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  is_asleep boolean not null default false,
  dead_at timestamptz,
  dead_horizon bigint,
  slots integer not null default 0,
  running integer not null default 0,
  started_tasks bigint not null default 0,
  stale_finishes bigint not null default 0,
  swept bigint not null default 0
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- reader: the doorbell's triggers, whatever plans their caller allows; a heartbeat does not touch it
create index nodes_asleep on pawl.nodes (id) where is_asleep;
comment on table pawl.nodes is 'running pawl serve processes; a dead node''s row is removed by whoever rescues its tasks';
comment on column pawl.nodes.id is 'from pawl.node_ids; (node_id, attempt) fences what it runs';
comment on column pawl.nodes.name is 'host and process id';
comment on column pawl.nodes.version is 'of the program';
comment on column pawl.nodes.started_at is 'when it registered';
comment on column pawl.nodes.heartbeat_at is 'when it was last heard of; silent for 15 s, it is declared dead';
comment on column pawl.nodes.is_asleep is 'out of work and listening: a statement that makes tasks pending rings';
comment on column pawl.nodes.dead_at is 'declared dead: it may claim no more, and what it runs is given to others';
comment on column pawl.nodes.dead_horizon is 'a transaction id drawn after that: once all before it have ended, no claim of the node can still commit; 0: nothing runs under it, the row may go';
comment on column pawl.nodes.slots is 'tasks that it can have in flight';
comment on column pawl.nodes.running is 'tasks in flight, as of the last heartbeat';
comment on column pawl.nodes.started_tasks is 'tasks that it has started since it registered';
comment on column pawl.nodes.stale_finishes is 'outcomes that came too late: the task had another owner by then';
comment on column pawl.nodes.swept is 'how often the slow sweep found work that no bell had announced; should be 0';

create table pawl.attempts (
  job_id bigint not null,
  task_id bigint not null,
  attempt integer not null,
  org_id uuid,
  node_id integer,
  started_at timestamptz,
  failed_at timestamptz not null default now(),
  error_class text not null,
  error text,
  primary key (job_id, task_id, attempt)
);
comment on table pawl.attempts is 'one row for each failed attempt';
comment on column pawl.attempts.job_id is 'the tasks job';
comment on column pawl.attempts.task_id is 'the task';
comment on column pawl.attempts.attempt is 'which of its tries';
comment on column pawl.attempts.org_id is 'the tasks organisation; null: none';
comment on column pawl.attempts.node_id is 'node that ran it';
comment on column pawl.attempts.started_at is 'when it was claimed';
comment on column pawl.attempts.failed_at is 'when its failure was written';
comment on column pawl.attempts.error_class is 'timeout, network, status, sql, lost, refused or executor';
comment on column pawl.attempts.error is 'message, for people';
