-- net.check_worker_is_up(), net.wait_until_running(), net.worker_restart(), net.wake(): what people ask of the extension's
-- worker, asked of Pawl's nodes. The last two have nothing to do: nodes come back and wake by themselves.
-- The first refuses when no node is there. Locks: none.
create or replace function net._is_running() returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from pawl.nodes n
    where n.dead_at is null
      and n.heartbeat_at > pg_catalog.clock_timestamp() - interval '15 seconds')
$$;
comment on function net._is_running() is 'whether a node is there';

create or replace function net.check_worker_is_up() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not net._is_running() then
    raise exception 'the pg_net background worker is not up'
      using detail = 'No node of Pawl serves this database, so requests wait.', hint = 'Start one: pawl serve';
  end if;
end
$$;
comment on function net.check_worker_is_up() is 'refuses when no node is there';

create or replace function net.wait_until_running() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  while not net._is_running() loop
    perform pg_catalog.pg_sleep(0.1);
  end loop;
end
$$;
comment on function net.wait_until_running() is 'waits until a node is there';

create or replace function net.worker_restart() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select true $$;
comment on function net.worker_restart() is 'does nothing: nodes come back by themselves';

create or replace function net.wake() returns void
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select null::void $$;
comment on function net.wake() is 'does nothing: nodes wake by themselves';
