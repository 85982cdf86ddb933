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
