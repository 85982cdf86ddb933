-- pawl.limiter_id(key): by which nodes know a limiter: a number is quicker to send and to find than a name. Two
-- names with one number wait and wake together, no more.
-- Returns null for null. Locks: none. No SET clause, so that the planner can inline it.
create or replace function pawl.limiter_id(p_limiter_key text) returns bigint
language sql immutable strict parallel safe
as $$
  select pg_catalog.hashtextextended(p_limiter_key, 0)
$$;
comment on function pawl.limiter_id(text) is 'number by which nodes know a limiter';
