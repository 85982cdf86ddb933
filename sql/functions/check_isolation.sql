-- pawl.check_isolation(): refuses a transaction outside READ COMMITTED (PW009), for those who take a lock
-- and then look at what others did while they waited: an older snapshot would not show it.
-- Returns nothing. Locks: none.
create or replace function pawl.check_isolation() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'this is not possible in a % transaction', pg_catalog.current_setting('transaction_isolation')
      using errcode = 'PW009',
            detail = 'Its snapshot is older than what other transactions have added in the meantime.',
            hint = 'Do it in a transaction of its own: begin isolation level read committed. When it is the default of the role or the database: alter role ... set default_transaction_isolation = ''read committed''.';
  end if;
end
$$;
comment on function pawl.check_isolation() is 'refuses a transaction outside read committed';
