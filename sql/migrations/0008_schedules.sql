-- Policies of schedules: what of missed runs, of a run whose predecessor is open, jitter; and seconds.

alter table pawl.schedules
  add column catch_up text not null default 'once',
  add column overlap text not null default 'skip',
  add column jitter interval not null default '0',
  add column backlog_limit integer not null default 100,
  add column time_member text,
  add column next_jitter interval not null default '0',
  add column queue_job_id bigint,
  add column last_skipped_at timestamptz,
  add column last_skip_reason text,
  add constraint catch_up_is_known check (catch_up in ('skip', 'once', 'all')),
  add constraint overlap_is_known check (overlap in ('skip', 'queue', 'allow')),
  add constraint all_are_not_skipped check (catch_up <> 'all' or overlap <> 'skip'),
  add constraint jitter_is_a_day_or_less check (jitter >= interval '0' and jitter <= interval '24 hours'
    and extract(year from jitter) = 0 and extract(month from jitter) = 0 and extract(day from jitter) = 0),
  add constraint jitter_is_shorter_than_every check (jitter <= every),
  add constraint backlog_limit_is_sane check (backlog_limit between 1 and 1000),
  add constraint time_member_is_short_and_not_empty check (length(time_member) between 1 and 200),
  drop constraint every_is_a_minute_or_more,
  add constraint every_is_a_second_or_more check (every >= interval '1 second');

-- crawls that a schedule starts have always been allowed beside each other
update pawl.schedules s
set overlap = 'allow'
from pawl.kinds k
where k.name = s.kind
  and k.executor = 'crawl';

comment on column pawl.schedules.catch_up is 'of runs that nobody started at their time: skip leaves them out, once makes one run for all, all makes each, the newest backlog_limit';
comment on column pawl.schedules.overlap is 'when the run before is still open: skip starts none, queue lets it wait for the other, allow runs both';
comment on column pawl.schedules.jitter is 'a random part of this is added to the time of each run, once';
comment on column pawl.schedules.backlog_limit is 'overlap queue: runs that may be open at once; catch_up all: missed runs that are made up for at most';
comment on column pawl.schedules.time_member is 'member of the payload that tells a run its time (ISO 8601, UTC); null: none';
comment on column pawl.schedules.next_jitter is 'what of next_run_at is jitter: without it, it is the time that every or cron names';
comment on column pawl.schedules.queue_job_id is 'overlap queue: the standing job of its own, in which one task runs at a time';
comment on column pawl.schedules.last_skipped_at is 'when a run was last left out';
comment on column pawl.schedules.last_skip_reason is 'why: overlap (the one before was open), backlog (too many were), missed (nobody ran at the time)';

-- signatures that have changed
drop function if exists pawl.define_schedule(text, text, jsonb, interval, text, text, boolean, boolean, timestamptz);
drop function if exists pawl.fire_schedule(pawl.schedules);
drop function if exists pawl.time_schedule(pawl.schedules, interval, text, text, boolean, timestamptz);
drop function if exists pawl.next_schedule(pawl.schedules, timestamptz); -- another name of an argument
