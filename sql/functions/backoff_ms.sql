-- pawl.backoff_ms(base, cap, failures): how long a task waits before it is tried again, after so many failures.
-- Full jitter: a random part of the exponential backoff (Brooker, "Exponential Backoff And Jitter", AWS
-- Architecture Blog, 2015). A node does the same in src/engine/runner.c: change both.
-- Locks: none.
create or replace function pawl.backoff_ms(p_base_ms integer, p_cap_ms integer, p_failures integer) returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.floor(pg_catalog.random()
    * least(p_cap_ms, p_base_ms * pg_catalog.power(2::double precision, least(p_failures, 31) - 1)))::bigint
$$;
comment on function pawl.backoff_ms(integer, integer, integer) is 'how long a task waits before it is tried again';
