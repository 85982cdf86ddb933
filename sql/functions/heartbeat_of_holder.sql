-- pawl.heartbeat(holder): the holder is still there: all his subscriptions last for their time from now. One row, whose
-- indexes do not change.
-- Returns false when he has none (any more): then he subscribes again. Locks: the holder's row.
create or replace function pawl.heartbeat(p_holder text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  update pawl.holders h
  set seen_at = greatest(h.seen_at, pawl.clock()) -- not that of a transaction that began long ago
  where h.holder = p_holder;
  return found;
end
$$;
comment on function pawl.heartbeat(text) is 'the holder is still there; false when he has no subscriptions any more';
