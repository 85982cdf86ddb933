-- What must be there before anything can be said about a schema's version. Applied on every migrate.
create schema if not exists pawl;
create table if not exists pawl.migrations (
  number integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);
comment on table pawl.migrations is 'which numbered migrations this database has';
create table if not exists pawl.present (
  is_only_row boolean primary key default true,
  checksum text not null,
  version text not null,
  applied_at timestamptz not null default now(),
  constraint there_is_one_row check (is_only_row)
);
comment on table pawl.present is 'which functions, triggers, views and grants were applied last';
create table if not exists pawl.compat (
  name text primary key,
  created_at timestamptz not null default now()
);
comment on table pawl.compat is 'extensions that Pawl stands in for here (pawl migrate --compat)';
