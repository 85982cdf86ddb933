-- pawl.horizon(): which transactions can still be under way. oldest: the oldest transaction that runs,
-- or the next one. next: the first that has not begun. Everything that ran when `next` was N has ended
-- once `oldest` is at least N.
create or replace function pawl.horizon() returns table (oldest bigint, next bigint)
language sql stable
set search_path = ''
as $$
  select pg_catalog.pg_snapshot_xmin(s)::text::bigint, pg_catalog.pg_snapshot_xmax(s)::text::bigint
  from pg_catalog.pg_current_snapshot() s
$$;
comment on function pawl.horizon() is 'oldest running and next transaction: tells a node that falls asleep when nobody can have missed its flag';
