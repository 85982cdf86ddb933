-- pawl.now(): the time, for everything Pawl decides by time.
-- A test can hold the clock: set pawl.now = '2026-01-01 00:00:00+00'.
-- No SET clause here, so that the planner can inline it; every name in it is qualified.
-- Locks: none.
create or replace function pawl.now() returns timestamptz
language sql stable parallel safe
as $$
  select coalesce(nullif(pg_catalog.current_setting('pawl.now', true), '')::timestamptz, pg_catalog.now())
$$;
comment on function pawl.now() is 'transaction time, or the setting pawl.now when a test holds the clock';

-- pawl.clock(): the time at this moment, for the end of something that may have taken long in this transaction.
create or replace function pawl.clock() returns timestamptz
language sql volatile parallel safe
as $$
  select coalesce(nullif(pg_catalog.current_setting('pawl.now', true), '')::timestamptz, pg_catalog.clock_timestamp())
$$;
comment on function pawl.clock() is 'the time at this moment, or the setting pawl.now when a test holds the clock';
