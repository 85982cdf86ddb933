-- Pruning: what has ended in a standing job, which never ends itself, is deleted after a while (I9).

alter table pawl.kinds
  add column keep interval default interval '30 days',
  -- at most, so that a time so long ago can be told
  add constraint keep_is_sane check (keep >= interval '1 second' and keep <= interval '100 years');
comment on column pawl.kinds.keep is 'how long an ended task of a standing job is kept (pawl.prune); null: for ever';

-- Not columns of pawl.jobs: whoever deletes tasks would hold their job's row, at which the fold has to pass by.
create table pawl.prune_cursors (
  job_id bigint primary key,
  after_id bigint not null default 0,
  next_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- reader: pawl.prune
create index prune_cursors_due on pawl.prune_cursors (next_at);
comment on table pawl.prune_cursors is 'how far pawl.prune has come with each standing job, and when it goes on';
comment on column pawl.prune_cursors.job_id is 'the job; 0: the walk over the standing jobs themselves, which finds new ones';
comment on column pawl.prune_cursors.after_id is 'the task (of 0: the job) up to which this walk has come; 0: the next begins anew';
comment on column pawl.prune_cursors.next_at is 'when it goes on';

-- reader: pawl.prune
create index jobs_standing on pawl.jobs (id) where is_standing;

-- what stands in for pg_net has a limit of its own (pg_net.ttl)
update pawl.kinds k
set keep = null
where k.name = 'pg_net'
  and k.options ->> 'form' = 'request';

-- other arguments now
drop function if exists pawl.define_kind(text, text, text, integer, integer, integer, integer, integer, integer, double precision, jsonb, text, real);
