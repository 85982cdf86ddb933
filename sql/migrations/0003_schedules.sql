-- Recurring jobs: one row a schedule.

-- kind and last_job_id are no foreign keys: a kind or a job may be deleted, and what then cannot start says
-- so in last_error.
create table pawl.schedules (
  name text primary key,
  org_id uuid,
  kind text not null,
  params jsonb not null default '{}',
  every interval,
  cron text,
  time_zone text not null default 'UTC',
  replace boolean not null default false,
  is_enabled boolean not null default true,
  next_run_at timestamptz,
  last_run_at timestamptz,
  last_job_id bigint,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_is_short_and_not_empty check (length(name) between 1 and 200),
  constraint it_is_every_or_cron check ((every is null) <> (cron is null)),
  constraint every_is_a_minute_or_more check (every >= interval '1 minute'),
  constraint every_has_one_length check (extract(year from every) = 0 and extract(month from every) = 0 and extract(day from every) = 0),
  constraint cron_is_short check (length(cron) <= 1000)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- reader: pawl.run_due_schedules, pawl.next_due_ms
create index schedules_due on pawl.schedules (next_run_at) where is_enabled;
comment on table pawl.schedules is 'recurring jobs: what is started again and again, and when';
comment on column pawl.schedules.name is 'how it is called in pawl.define_schedule';
comment on column pawl.schedules.org_id is 'organisation it belongs to; null: none';
comment on column pawl.schedules.kind is 'what runs it (pawl.kinds); of the executor crawl: a crawl, else a task of the kind''s standing job';
comment on column pawl.schedules.params is 'a crawl: its url, parameters and limits; else the task''s payload';
comment on column pawl.schedules.every is 'time between two runs, in hours and less (a day can have 23); null: cron says when';
comment on column pawl.schedules.cron is 'cron expression of five fields (pawl.next_cron); null: every says when';
comment on column pawl.schedules.time_zone is 'whose clock cron is read by (pg_timezone_names)';
comment on column pawl.schedules.replace is 'a new run cancels the crawl of the run before, if that is still open';
comment on column pawl.schedules.is_enabled is 'it runs by itself; else only by hand';
comment on column pawl.schedules.next_run_at is 'when it runs next; null: by itself never again';
comment on column pawl.schedules.last_run_at is 'when it last ran, or tried to';
comment on column pawl.schedules.last_job_id is 'job that it last started, or put a task into';
comment on column pawl.schedules.last_error is 'why its last run failed; null: it did not';
comment on column pawl.schedules.created_at is 'when it was defined first';
comment on column pawl.schedules.updated_at is 'when it was defined last; runs leave it';
