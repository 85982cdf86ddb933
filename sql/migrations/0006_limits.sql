-- Limits: limiters in trees (a kind, and under it each key), spacing, budgets, and standing jobs by key.
-- docs/limits.md says what they mean.

alter table pawl.limiters
  add column parent_key text references pawl.limiters (key),
  add column rules_key text references pawl.limiters (key),
  add column is_limiting boolean not null generated always as
    (max_running is not null or start_interval_ms > 0 or next_start_at is not null or rules_key is not null) stored;
-- reader: pawl.admit_tasks (whether others are counted with it), and the foreign key
create index limiters_by_parent on pawl.limiters (parent_key) where parent_key is not null;
-- reader: the foreign key
create index limiters_by_rules on pawl.limiters (rules_key) where rules_key is not null;
comment on column pawl.limiters.parent_key is 'limiter that holds as well, over all that have it as parent and itself; null: none. A tree has two levels';
comment on column pawl.limiters.is_limiting is 'generated: it may say no';
comment on column pawl.limiters.rules_key is 'limiter whose numbers hold here too, each for itself (all keys of a kind share theirs); null: its own';

-- Of ten thousand standing jobs, one a key, a look reads those that have something: by their folded counters,
-- which change these two as seldom as they fall to 0 or rise from it, or by the ledger.
alter table pawl.jobs
  add column limit_key text,
  add column has_pending boolean not null generated always as (pending > 0) stored,
  add column has_running boolean not null generated always as (running <> 0) stored;
-- reader: pawl.list_work
create index jobs_with_pending on pawl.jobs (id) where has_pending and finished_at is null;
-- reader: pawl.count_running (what runs under a tree of limiters)
create index jobs_with_running on pawl.jobs (limiter_key) where has_running and limiter_key is not null;
comment on column pawl.jobs.limit_key is 'key of a standing job, as in pawl.enqueue; null: none';
comment on column pawl.jobs.has_pending is 'generated from the folded counter: what the ledger says beside it may know better';
comment on column pawl.jobs.has_running is 'generated from the folded counter, as has_pending; it may be below 0 for a moment';

alter table pawl.standing_jobs
  add column limit_key text not null default '',
  drop constraint standing_jobs_pkey,
  add primary key (kind, org_id, limit_key);
comment on table pawl.standing_jobs is 'the one standing job of a kind, organisation (all zero: no organisation) and limit key';
comment on column pawl.standing_jobs.limit_key is 'key that pawl.enqueue was given, empty for none: null would not be unique';

-- other arguments or results now
drop function if exists pawl.enqueue(text, jsonb, text, real, timestamptz);
drop function if exists pawl.standing_job(text);
drop function if exists pawl.list_work(text[], bigint[]);
drop function if exists pawl.admit_tasks(text, integer);
drop function if exists pawl.claim_batch(integer, bigint, integer, real, bigint);
