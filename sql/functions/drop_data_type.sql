-- pawl.drop_data_type(name): a data type is no more: subscriptions to it, its keys' freshness and its triggers go, what is open of its refreshes is
-- cancelled; the data stays. Its job stays with what has ended in it, for as long as its kind keeps that.
-- Returns nothing. Refuses an unknown type (PW002), and one that is another's parent (PW003). Locks: an advisory lock;
-- its row, its job's open tasks, then what it deletes: waits for those who have some of that, for half a minute, without a lock on any of it (PW003).
create or replace function pawl.drop_data_type(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_begun timestamptz := pg_catalog.clock_timestamp();
begin
  perform pg_catalog.pg_advisory_xact_lock(1885435756, 8); -- as pawl.define_data_type
  while not pawl.try_drop_data_type(p_name) loop
    perform pawl.wait_for_users(p_name, v_begun);
  end loop;
end
$$;
comment on function pawl.drop_data_type(text) is 'a data type is no more; the data stays';

-- The same, unless somebody has its keys locked: then nothing is done. Who has some may be about to make others, and would wait for this. Returns whether
-- it is done.
create or replace function pawl.try_drop_data_type(p_name text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '300ms'
as $$
declare
  v_type pawl.data_types;
  v_child text;
begin
  select d.* into v_type from pawl.data_types d where d.name = p_name for update;
  if not found then
    perform pawl.refuse_data_type(p_name);
  end if;
  select d.name into v_child from pawl.data_types d where p_name = any (d.parents) limit 1;
  if found then
    raise exception 'data type "%" is a parent of "%"', p_name, v_child
      using errcode = 'PW003', hint = pg_catalog.format('Take it from there first: pawl.define_data_type(%L, p_parents => ...), or drop that type.', v_child);
  end if;
  if v_type.is_tracked then
    perform pawl.untrack(p_name);
  end if;
  update pawl.jobs j set data_type = null where j.id = v_type.job_id;
  perform pawl.cancel_open_tasks(v_type.job_id);
  delete from pawl.subscriptions s where s.type = p_name;
  delete from pawl.looks l where l.type = p_name;
  delete from pawl.data_types d where d.name = p_name;
  perform pawl.ring('fresh');
  return true;
exception when lock_not_available then
  return false;
end
$$;
comment on function pawl.try_drop_data_type(text) is 'a data type is no more, unless somebody has its keys locked';
