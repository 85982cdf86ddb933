-- Freshness: data types, who looks at which of their keys, and when each is due.

create table pawl.data_types (
  name text primary key,
  org_id uuid,
  kind text not null references pawl.kinds (name),
  job_id bigint not null,
  table_name text,
  key_column text,
  time_column text,
  is_global boolean not null default false,
  is_tracked boolean not null default false,
  ttl interval,
  empty_ttl interval,
  max_age interval,
  retry_base interval not null default '10 seconds',
  retry_cap interval not null default '1 hour',
  due_function text,
  gate_function text,
  strategy text not null default 'on_demand',
  cron text,
  time_zone text not null default 'UTC',
  spread interval,
  parents text[] not null default '{}',
  fetch_path text,
  save_function text,
  error text,
  error_at timestamptz,
  read_keys_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_short_and_not_empty check (octet_length(name) between 1 and 50),
  constraint columns_are_of_a_table check (table_name is not null or (key_column is null and time_column is null and not is_tracked)),
  constraint rows_have_keys_unless_global check (table_name is null or is_global = (key_column is null)),
  constraint ttl_is_sane check (ttl between interval '1 second' and interval '10 years'),
  constraint empty_ttl_is_sane check (empty_ttl between interval '1 second' and interval '10 years'),
  constraint max_age_is_sane check (max_age between interval '1 second' and interval '10 years'),
  constraint retries_are_ordered check (retry_base >= interval '1 second' and retry_cap >= retry_base and retry_cap <= interval '10 days'),
  constraint strategy_is_known check (strategy in ('on_demand', 'scheduled')),
  constraint on_demand_has_a_ttl check (strategy <> 'on_demand' or (ttl is not null and cron is null and spread is null)),
  constraint scheduled_has_one_time check (strategy <> 'scheduled' or (cron is null) <> (spread is null)),
  constraint spread_is_sane check (spread between interval '1 second' and interval '366 days'),
  constraint what_is_fetched_is_saved check ((fetch_path is null) = (save_function is null))
);
-- reader: the foreign key, pawl.define_kind
create index data_types_by_kind on pawl.data_types (kind);
comment on table pawl.data_types is 'what can go stale, and how it is refreshed; made by pawl.define_data_type';
comment on column pawl.data_types.name is 'how it is called in pawl.subscribe and pawl.request_refresh';
comment on column pawl.data_types.org_id is 'organisation it belongs to; null: none';
comment on column pawl.data_types.kind is 'what runs its refreshes (pawl.kinds)';
comment on column pawl.data_types.job_id is 'the standing job of its refreshes';
comment on column pawl.data_types.table_name is 'table that holds the data, with its schema; null: none is known';
comment on column pawl.data_types.key_column is 'column of that table that has the key; null: the type is global, or has no table';
comment on column pawl.data_types.time_column is 'column of that table that says when a row was last written; null: none';
comment on column pawl.data_types.is_global is 'there is one thing of it, whose key is empty';
comment on column pawl.data_types.is_tracked is 'triggers on the table move freshness with each write (pawl.track)';
comment on column pawl.data_types.ttl is 'how long data is fresh; pawl.type_keys may know better for a key';
comment on column pawl.data_types.empty_ttl is 'how long the answer that there is no data is believed; null: as ttl';
comment on column pawl.data_types.max_age is 'data older than this passes a closed gate; null: none does but missing data';
comment on column pawl.data_types.retry_base is 'pause after the first failed refresh of a key; doubled with each further one';
comment on column pawl.data_types.retry_cap is 'no pause is longer than this';
comment on column pawl.data_types.due_function is '(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz: when that data is stale; null: ttl says it';
comment on column pawl.data_types.gate_function is '(key text) returns timestamptz: until when refreshes of the key are closed; past: open; null: unknown, which is open';
comment on column pawl.data_types.strategy is 'on_demand: what somebody looks at or asks for is refreshed; scheduled: every known key is, by cron or spread';
comment on column pawl.data_types.cron is 'scheduled: when all keys are due, in time_zone';
comment on column pawl.data_types.time_zone is 'of cron';
comment on column pawl.data_types.spread is 'scheduled: each key is due once in such a stretch of time, all keys spread evenly over it';
comment on column pawl.data_types.parents is 'types of which the same key (of global ones: the one there is) must be fresh first';
comment on column pawl.data_types.fetch_path is 'kind with the form fetch: what follows its target, {key} stands for the key';
comment on column pawl.data_types.save_function is 'kind with the form fetch: (key text, status integer, headers jsonb, body jsonb) returns jsonb, which saves what came';
comment on column pawl.data_types.error is 'why its keys could not be looked at, or what its functions raised, the last time that happened; null: it never did, or it was defined anew';
comment on column pawl.data_types.error_at is 'when that was';
comment on column pawl.data_types.read_keys_at is 'scheduled: when the keys of its table are read again, to learn of new ones; null: triggers tell, or there is no table';
comment on column pawl.data_types.created_at is 'when it was defined first';
comment on column pawl.data_types.updated_at is 'when it was defined last';

create table pawl.type_keys (
  type text not null references pawl.data_types (name) on delete cascade,
  key text not null,
  ttl interval not null,
  primary key (type, key),
  constraint ttl_is_sane check (ttl between interval '1 second' and interval '10 years')
);
comment on table pawl.type_keys is 'keys whose data is fresh for another time than their type says';
comment on column pawl.type_keys.type is 'the type';
comment on column pawl.type_keys.key is 'the key';
comment on column pawl.type_keys.ttl is 'how long its data is fresh';

-- Nothing that a refresh, a write or a heartbeat does moves check_at but who looks at the pair: so those are HOT updates.
create table pawl.freshness (
  type text not null references pawl.data_types (name) on delete cascade,
  key text not null,
  org_id uuid,
  has_data boolean not null default false,
  is_watched boolean not null default false,
  is_wanted boolean not null default false,
  failures integer not null default 0,
  wanted_priority real not null default 0,
  refreshes bigint not null default 0,
  failed_refreshes bigint not null default 0,
  task_id bigint,
  refreshed_at timestamptz,
  source_at timestamptz,
  stale_at timestamptz not null,
  due_at timestamptz not null,
  check_at timestamptz,
  forget_at timestamptz,
  outcome_at timestamptz,
  requested_at timestamptz,
  waits_until timestamptz,
  outcome text,
  error text,
  wait_reason text,
  waits_for text,
  primary key (type, key),
  constraint outcome_is_known check (outcome in ('data', 'empty', 'unchanged', 'rejected', 'failed')),
  constraint wait_reason_is_known check (wait_reason in ('gate', 'parent')),
  constraint parents_have_a_name check ((waits_for is not null) = (coalesce(wait_reason, '') = 'parent'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- reader: pawl.refresh_due, pawl.next_refresh_ms
create index freshness_to_check on pawl.freshness (check_at) where check_at is not null;
-- reader: pawl.forget_keys, pawl.next_refresh_ms
create index freshness_to_forget on pawl.freshness (forget_at) where forget_at is not null;
-- reader: pawl.settle_refreshes (whose parent has come)
create index freshness_waiting on pawl.freshness (waits_for, key) where waits_for is not null;
comment on table pawl.freshness is 'how fresh the data of each key of a type is, who wants it, and when it is looked at next';
comment on column pawl.freshness.type is 'the data type';
comment on column pawl.freshness.key is 'the key; empty for a global type';
comment on column pawl.freshness.org_id is 'organisation of its type; null: none';
comment on column pawl.freshness.has_data is 'there is data, as far as was last seen';
comment on column pawl.freshness.is_watched is 'somebody subscribes, or did when it was last looked at (pawl.subscriptions is the truth)';
comment on column pawl.freshness.is_wanted is 'somebody asked for a refresh, which has not come yet (pawl.request_refresh)';
comment on column pawl.freshness.failures is 'refreshes in a row that failed or were rejected';
comment on column pawl.freshness.wanted_priority is 'with what priority it was asked for';
comment on column pawl.freshness.refreshes is 'refreshes that brought data, or that there is none or no news';
comment on column pawl.freshness.failed_refreshes is 'refreshes that failed or were rejected';
comment on column pawl.freshness.task_id is 'its refresh, in the job of its type; null: none is under way';
comment on column pawl.freshness.refreshed_at is 'when data came, or was confirmed, last; null: never';
comment on column pawl.freshness.source_at is 'how old that data is by its source, if that says so';
comment on column pawl.freshness.stale_at is 'when the data is, or was, stale; without data: since when it is missing';
comment on column pawl.freshness.due_at is 'not refreshed before then by itself: stale_at, or later after failures';
comment on column pawl.freshness.check_at is 'when it is looked at next; never later than it is due where somebody wants it; null: nobody does';
comment on column pawl.freshness.forget_at is 'nobody wants it: when it is forgotten; what is to be known of it is read from the type''s table when somebody comes';
comment on column pawl.freshness.outcome_at is 'when the last refresh ended; null: none has';
comment on column pawl.freshness.requested_at is 'when its refresh was enqueued last';
comment on column pawl.freshness.waits_until is 'gate: until when it is closed';
comment on column pawl.freshness.outcome is 'how the last refresh ended: data, empty (there is none), unchanged, rejected (the answer could not be used), failed';
comment on column pawl.freshness.error is 'what the last refresh said, if it failed or was rejected';
comment on column pawl.freshness.wait_reason is 'why it is due and not refreshed: gate or parent; null: neither';
comment on column pawl.freshness.waits_for is 'parent: the type that must be fresh first';

create table pawl.holders (
  holder text primary key,
  org_id uuid,
  seen_at timestamptz not null,
  check_at timestamptz not null,
  constraint holder_is_short_and_not_empty check (length(holder) between 1 and 500)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- reader: pawl.expire_holders, pawl.next_refresh_ms
create index holders_to_check on pawl.holders (check_at);
comment on table pawl.holders is 'who subscribes: a viewer, a session, a dashboard; a heartbeat is one row';
comment on column pawl.holders.holder is 'name, as given';
comment on column pawl.holders.org_id is 'organisation it belongs to; null: none';
comment on column pawl.holders.seen_at is 'last heartbeat, or subscription';
comment on column pawl.holders.check_at is 'when it is looked at next: never later than the first of its subscriptions may be over';

-- No foreign keys: who subscribes would wait for whoever makes the same pair at this moment.
create table pawl.subscriptions (
  type text not null,
  key text not null,
  holder text not null,
  org_id uuid,
  adoption text,
  ttl interval,
  renewed_at timestamptz not null,
  primary key (type, key, holder),
  constraint ttl_is_sane check (ttl between interval '1 second' and interval '366 days'),
  constraint only_adopted_ones_have_no_ttl check (ttl is not null or adoption is not null)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- reader: pawl.expire_holders, pawl.unsubscribe
create index subscriptions_by_holder on pawl.subscriptions (holder);
comment on table pawl.subscriptions is 'who looks at what';
comment on column pawl.subscriptions.type is 'the data type';
comment on column pawl.subscriptions.key is 'the key; empty for a global type';
comment on column pawl.subscriptions.holder is 'who looks (pawl.holders)';
comment on column pawl.subscriptions.org_id is 'organisation it belongs to; null: none';
comment on column pawl.subscriptions.adoption is 'table of the users that it was read from (pawl.adopt_subscriptions); null: pawl.subscribe';
comment on column pawl.subscriptions.ttl is 'over when its holder was not heard of for so long; null: when its row in the adopted table is gone';
comment on column pawl.subscriptions.renewed_at is 'when it was last asked for; the holder''s seen_at counts as well';

-- What could not be looked at because somebody had it locked: nobody waits here, so nobody waits in a circle.
create sequence pawl.look_ids cache 100; -- only unique, never an order
comment on sequence pawl.look_ids is 'ids of pawl.looks';
create table pawl.looks (
  type text not null,
  key text not null,
  id bigint not null default nextval('pawl.look_ids'),
  is_wanted boolean not null default false,
  priority real not null default 0,
  created_at timestamptz not null default now(),
  primary key (type, key, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table pawl.looks is 'keys that somebody else had locked: a node looks at them soon';
comment on column pawl.looks.type is 'the data type';
comment on column pawl.looks.key is 'the key';
comment on column pawl.looks.id is 'from pawl.look_ids';
comment on column pawl.looks.is_wanted is 'and a refresh was asked for';
comment on column pawl.looks.priority is 'with this priority';
comment on column pawl.looks.created_at is 'when that was';

alter table pawl.jobs add column data_type text;
comment on column pawl.jobs.data_type is 'type whose refreshes its tasks are (pawl.data_types); null: of none';
