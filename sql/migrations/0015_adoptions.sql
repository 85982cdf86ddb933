-- Adoptions: subscriptions that a table of the users has already.

-- The table is found by the triggers that stand on it, else by its name: not by an oid, which a restored dump would not have.
create table pawl.adoptions (
  name text primary key,
  org_id uuid,
  table_name text not null,
  mode text not null,
  type text not null,
  key text,
  holder text not null,
  condition text,
  every interval not null,
  search_path text not null,
  expressions jsonb not null,
  check_at timestamptz not null,
  swept_at timestamptz,
  sweep_ms integer,
  ignored bigint,
  ignored_reason text,
  found bigint not null default 0,
  error text,
  error_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_fits_into_an_identifier check (octet_length(name) between 1 and 45),
  constraint name_ends_before_the_holder check (name !~ ':'),
  constraint mode_is_known check (mode in ('trigger', 'sweep')),
  constraint every_is_sane check (every between interval '1 second' and interval '1 day')
);
-- reader: pawl.sweep_adoptions, pawl.next_refresh_ms
create index adoptions_to_check on pawl.adoptions (check_at);
comment on table pawl.adoptions is 'tables of the users whose rows are subscriptions; made by pawl.adopt_subscriptions';
comment on column pawl.adoptions.name is 'how it is called; its holders are NAME:HOLDER, its triggers pawl_NAME_EVENT, their function pawl.adoption_NAME';
comment on column pawl.adoptions.org_id is 'organisation it belongs to; null: none';
comment on column pawl.adoptions.table_name is 'the table, as it was called when this was defined';
comment on column pawl.adoptions.mode is 'trigger: writes to the table are seen by triggers, and sweeps are the net; sweep: the table is only read';
comment on column pawl.adoptions.type is 'expression over a row: the data type';
comment on column pawl.adoptions.key is 'expression over a row: the key, or a set of keys; null: for global types only';
comment on column pawl.adoptions.holder is 'expression over a row: who looks';
comment on column pawl.adoptions.condition is 'expression over a row: only rows for which it is true; null: every row';
comment on column pawl.adoptions.every is 'pause between two sweeps';
comment on column pawl.adoptions.search_path is 'the search_path by which the names in the expressions were read';
comment on column pawl.adoptions.expressions is 'the same expressions as PostgreSQL has read them, every name with its schema; new: the alias they use';
comment on column pawl.adoptions.check_at is 'when the next sweep is due';
comment on column pawl.adoptions.swept_at is 'when the whole table was read last; null: never yet';
comment on column pawl.adoptions.sweep_ms is 'how long that took';
comment on column pawl.adoptions.ignored is 'rows that gave none then, though the condition held: no such type, a null or impossible key or holder, an expression that fails';
comment on column pawl.adoptions.ignored_reason is 'why, of one of them';
comment on column pawl.adoptions.found is 'trigger: subscriptions that were missing or too many when a sweep came, so the triggers had not seen it; grows with alter table ... disable trigger';
comment on column pawl.adoptions.error is 'why its table could not be read, the last time it was tried; null: it was read';
comment on column pawl.adoptions.error_at is 'when that was';
comment on column pawl.adoptions.created_at is 'when it was defined first';
comment on column pawl.adoptions.updated_at is 'when it was defined last';

-- What triggers leave to a node, since it would have to wait, or to read the table. No foreign key: it would lock the adoption's row.
create sequence pawl.adoption_look_ids cache 100; -- only unique, never an order
comment on sequence pawl.adoption_look_ids is 'ids of pawl.adoption_looks';
create table pawl.adoption_looks (
  adoption text not null,
  id bigint not null default nextval('pawl.adoption_look_ids'),
  type text,
  key text,
  holder text,
  created_at timestamptz not null default now(),
  primary key (adoption, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table pawl.adoption_looks is 'subscriptions of which a node sees soon whether a row of the adopted table asks for them';
comment on column pawl.adoption_looks.adoption is 'the adoption (pawl.adoptions)';
comment on column pawl.adoption_looks.id is 'from pawl.adoption_look_ids';
comment on column pawl.adoption_looks.type is 'the data type; null: the whole table is to be read';
comment on column pawl.adoption_looks.key is 'the key';
comment on column pawl.adoption_looks.holder is 'the holder, as in pawl.subscriptions';
comment on column pawl.adoption_looks.created_at is 'when that was';

-- reader: pawl.compare_adopted, pawl.drop_adoption, pawl.list_adoptions
create index subscriptions_adopted on pawl.subscriptions (adoption, type, key, holder) where adoption is not null;
comment on column pawl.subscriptions.adoption is 'adoption whose table has a row for it (pawl.adoptions); null: pawl.subscribe';

drop function if exists pawl.trigger_expression(text, text, regclass, text, text);
