-- pawl.drop_trigger_function(name): takes the function of triggers on users' tables away, and them with it, wherever they stand; none may
-- be there.
-- Locks: each table that they stand on, ACCESS EXCLUSIVE, for a moment: waits for transactions that use them.
create or replace function pawl.drop_trigger_function(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level text := pg_catalog.current_setting('client_min_messages');
begin
  perform pg_catalog.set_config('client_min_messages', 'warning', true); -- no notice of what goes with the function
  execute pg_catalog.format('drop function if exists pawl.%I() cascade', p_name);
  perform pg_catalog.set_config('client_min_messages', v_level, true);
end
$$;
comment on function pawl.drop_trigger_function(text) is 'takes a function of triggers away, and them with it';

-- pawl.drop_trigger(name): the same for a trigger that makes tasks.
create or replace function pawl.drop_trigger(p_name text) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pawl.drop_trigger_function('trigger_' || p_name)
$$;
comment on function pawl.drop_trigger(text) is 'takes a trigger and its function away';

-- pawl.detach(name): a trigger is no more, and its table as it was before. Tasks that it has made go on; what is
-- written down of its failures goes with it.
-- Returns nothing. Refuses an unknown trigger (PW002).
-- Locks: the definition's row, then as pawl.drop_trigger.
create or replace function pawl.detach(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pawl.trigger_definitions d where d.name = p_name;
  if not found then
    perform pawl.refuse_trigger(p_name);
  end if;
  perform pawl.drop_trigger(p_name);
  delete from pawl.trigger_errors e where e.trigger_name = p_name;
end
$$;
comment on function pawl.detach(text) is 'takes a trigger off its table; tasks that it has made go on';
