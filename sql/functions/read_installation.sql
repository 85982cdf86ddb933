-- pawl.read_installation(): who we are to those we call: the id in idempotency keys and traces, and the key
-- that signs call-back tokens, in hexadecimal digits. Asked for by a node when it registers.
-- Returns one row; a row that somebody has deleted is made anew. Locks: none.
create or replace function pawl.read_installation() returns table (id uuid, callback_key text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if not exists (select from pawl.installation) then
    insert into pawl.installation default values on conflict do nothing;
  end if;
  return query
  select i.id, pg_catalog.encode(i.callback_key, 'hex')
  from pawl.installation i;
end
$$;
comment on function pawl.read_installation() is 'who we are to those we call: id and call-back key';
