-- pawl.oldest_transaction(): every transaction with a smaller id has ended.
-- pawl.draw_transaction(): a new transaction id; whatever had one before has a smaller one. (The upper
-- bound of a snapshot would not do: it does not count transactions newer than the last that ended.)
-- Together they tell when everything that ran at some moment is over: draw an id at that moment, in a
-- transaction of its own, and wait until the oldest is at least that.
-- Locks: none.
create or replace function pawl.oldest_transaction() returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint
$$;
comment on function pawl.oldest_transaction() is 'every transaction with a smaller id has ended';

create or replace function pawl.draw_transaction() returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.pg_current_xact_id()::text::bigint
$$;
comment on function pawl.draw_transaction() is 'a new transaction id; whatever has one already has a smaller one';
