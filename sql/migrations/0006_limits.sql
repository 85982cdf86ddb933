-- Limits: limiters in trees (a kind, and under it each key), spacing, budgets, and standing jobs by key.
-- docs/limits.md says what they mean.

alter table pawl.limiters
  add column parent_key text references pawl.limiters (key),
  add column rules_key text references pawl.limiters (key),
  add column spacing_ms double precision not null default 0,
  add column window_ms double precision,
  add column max_calls bigint,
  add column max_bytes bigint,
  add column estimated_bytes bigint,
  add column is_metered boolean not null generated always as (spacing_ms > 0 or max_calls is not null or max_bytes is not null) stored,
  add column rested_from timestamptz[] not null default '{}',
  add column spent_window_ms double precision,
  add column spent_slot bigint,
  add column spent_calls bigint[],
  add column spent_bytes bigint[],
  add column awaited_until timestamptz,
  add column awaited_by integer,
  add constraint spacing_is_of_places check (spacing_ms = 0 or (spacing_ms > 0 and spacing_ms < 86400000 and max_running <= 1000)),
  add constraint window_is_sane check (window_ms >= 60 and window_ms <= 3660000000),
  add constraint budgets_have_a_window check ((max_calls is null and max_bytes is null) or window_ms is not null),
  add constraint budgets_are_positive check (max_calls > 0 and max_bytes > 0),
  add constraint bytes_are_estimated check (max_bytes is null or (estimated_bytes is not null and estimated_bytes between 1 and max_bytes));
-- generated from columns that are new here
alter table pawl.limiters
  add column is_limiting boolean not null generated always as
    (max_running is not null or start_interval_ms > 0 or next_start_at is not null or rules_key is not null
      or max_calls is not null or max_bytes is not null) stored;
-- reader: pawl.admit_tasks (whether others are counted with it), and the foreign key
create index limiters_by_parent on pawl.limiters (parent_key) where parent_key is not null;
-- reader: the foreign key
create index limiters_by_rules on pawl.limiters (rules_key) where rules_key is not null;
comment on column pawl.limiters.parent_key is 'limiter that holds as well, over all that have it as parent and itself; null: none. A tree has two levels';
comment on column pawl.limiters.spacing_ms is 'a place is free again so long after its task has ended; 0: at once';
comment on column pawl.limiters.window_ms is 'of the budgets: in no stretch of time of that length is more spent';
comment on column pawl.limiters.max_calls is 'starts in a window; null: any number';
comment on column pawl.limiters.max_bytes is 'bytes in a window, in both directions; null: any number';
comment on column pawl.limiters.estimated_bytes is 'what a task may take at most: so much is set aside for each that runs';
comment on column pawl.limiters.is_metered is 'generated: ends are written down for it (pawl.limiter_uses)';
comment on column pawl.limiters.rested_from is 'ends after which a place still rests, at most max_running';
comment on column pawl.limiters.spent_window_ms is 'window that the spent_ columns were counted with';
comment on column pawl.limiters.spent_slot is 'number of the newest of the 61 slots, each a 60th of the window, since 1970';
comment on column pawl.limiters.spent_calls is 'starts in each slot, the oldest first';
comment on column pawl.limiters.spent_bytes is 'bytes of the tasks that ended in each slot';
comment on column pawl.limiters.awaited_until is 'a node was refused, and is to be told until then when a place becomes free (pawl.note_ends)';
comment on column pawl.limiters.awaited_by is 'that node; 0: several';
comment on column pawl.limiters.is_limiting is 'generated: it may say no';
comment on column pawl.limiters.rules_key is 'limiter whose numbers hold here too, each for itself (all keys of a kind share theirs); null: its own';

-- Ends of tasks, until the next admission takes them. Append-only: an end waits for nobody who claims. No foreign
-- key: it would wait for a claim, and claims would pass over a limiter that an end refers to.
create sequence pawl.use_ids cache 100; -- only unique, never an order
comment on sequence pawl.use_ids is 'ids of pawl.limiter_uses';
create table pawl.limiter_uses (
  limiter_key text not null,
  id bigint not null default nextval('pawl.use_ids'),
  ended_at timestamptz not null,
  ends integer not null,
  bytes bigint not null,
  unmeasured integer not null,
  returned integer not null,
  claimed_at timestamptz,
  primary key (limiter_key, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
comment on table pawl.limiter_uses is 'ends of tasks under metered limiters that no admission has taken into account yet';
comment on column pawl.limiter_uses.limiter_key is 'the limiter';
comment on column pawl.limiter_uses.id is 'from pawl.use_ids';
comment on column pawl.limiter_uses.ended_at is 'when they ended, by the clock, not by the transaction';
comment on column pawl.limiter_uses.ends is 'tasks that had started and ended';
comment on column pawl.limiter_uses.bytes is 'what those of them took that were measured';
comment on column pawl.limiter_uses.unmeasured is 'those of them of which that is not known: the estimate counts';
comment on column pawl.limiter_uses.returned is 'tasks that were claimed and never started: their calls are given back';
comment on column pawl.limiter_uses.claimed_at is 'when those were claimed';

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
drop function if exists pawl.finish_followed_tasks(integer, bigint[], bigint[], integer[], text[], bigint[], text[], text[], text[]);
drop function if exists pawl.list_work(text[], bigint[]);
drop function if exists pawl.admit_tasks(text, integer);
drop function if exists pawl.heartbeat(integer, integer, bigint, bigint, bigint);
drop function if exists pawl.claim_batch(integer, bigint, integer, real, bigint);
drop function if exists pawl.set_limit(text, text, integer, double precision, integer);
