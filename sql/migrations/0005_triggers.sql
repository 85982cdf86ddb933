-- Triggers on users' tables: what stands where, and what went wrong there.

create sequence pawl.trigger_error_ids cache 10; -- only unique, and roughly an order
comment on sequence pawl.trigger_error_ids is 'ids of the rows of pawl.trigger_errors';

-- kind is no foreign key: a kind may be deleted, and pawl.triggers says so. The table is found by the
-- trigger that stands on it, not by an oid, which a restored dump would not have.
create table pawl.trigger_definitions (
  name text primary key,
  table_name text not null,
  event text not null,
  kind text not null,
  payload text not null,
  condition text,
  key text,
  priority text,
  run_at text,
  limit_key text,
  mode text not null default 'isolate',
  search_path text not null,
  expressions jsonb not null,
  self_test_job_id bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_fits_into_an_identifier check (octet_length(name) between 1 and 55),
  constraint event_is_known check (event in ('insert', 'update', 'delete')),
  constraint mode_is_known check (mode in ('isolate', 'strict'))
);
comment on table pawl.trigger_definitions is 'triggers on users'' tables that make tasks; read the view pawl.triggers';
comment on column pawl.trigger_definitions.name is 'how it is called; the trigger is pawl_NAME, its function pawl.trigger_NAME';
comment on column pawl.trigger_definitions.table_name is 'the table as it was called when this was defined';
comment on column pawl.trigger_definitions.event is 'insert, update or delete';
comment on column pawl.trigger_definitions.kind is 'kind of the tasks (pawl.kinds)';
comment on column pawl.trigger_definitions.payload is 'expression over new and old: the task''s payload';
comment on column pawl.trigger_definitions.condition is 'expression over new and old: only rows for which it is true; null: every row';
comment on column pawl.trigger_definitions.key is 'expression over new and old: the task''s deduplication key; null: none';
comment on column pawl.trigger_definitions.priority is 'expression over new and old: the task''s priority; null: 0';
comment on column pawl.trigger_definitions.run_at is 'expression over new and old: not before this time; null: at once';
comment on column pawl.trigger_definitions.limit_key is 'expression over new and old: the key under which the kind''s limits per key count it; null: none';
comment on column pawl.trigger_definitions.mode is 'isolate: a failure here never fails the user''s statement; strict: it does';
comment on column pawl.trigger_definitions.search_path is 'the search_path by which the names in the expressions were read';
comment on column pawl.trigger_definitions.expressions is 'the same expressions as PostgreSQL has read them, every name with its schema; new and old: the aliases they use';
comment on column pawl.trigger_definitions.self_test_job_id is 'job that tried out what the kind calls, when this was defined or tested last; null: there was nothing to try';
comment on column pawl.trigger_definitions.created_at is 'when it was defined first';
comment on column pawl.trigger_definitions.updated_at is 'when it was defined last';

create table pawl.trigger_errors (
  trigger_name text not null,
  id bigint not null default nextval('pawl.trigger_error_ids'),
  failed_at timestamptz not null default clock_timestamp(),
  table_name text not null,
  role_name text not null default session_user,
  rows integer not null,
  code text not null,
  error text not null,
  "row" text,
  primary key (trigger_name, id)
);
comment on table pawl.trigger_errors is 'rows of users'' tables that got no task, and why: about the newest 1,000 of each trigger';
comment on column pawl.trigger_errors.trigger_name is 'the trigger (pawl.triggers)';
comment on column pawl.trigger_errors.id is 'from pawl.trigger_error_ids';
comment on column pawl.trigger_errors.failed_at is 'when it failed; the row stands here once the user''s transaction is committed';
comment on column pawl.trigger_errors.table_name is 'the table, or partition, that was written to';
comment on column pawl.trigger_errors.role_name is 'who was logged in';
comment on column pawl.trigger_errors.rows is 'rows that got no task for this reason';
comment on column pawl.trigger_errors.code is 'SQLSTATE';
comment on column pawl.trigger_errors.error is 'message, for people';
comment on column pawl.trigger_errors."row" is 'the row, as JSON in the first 2,000 characters; null: several failed together';
