-- pawl.refresh_triggers(): makes the functions of all triggers on users' tables anew, as this version makes them, and
-- puts triggers on partitions that came since; pawl migrate does it, after everything else.
-- A trigger that cannot be made anew, or whose tables are locked for longer than a second, stays as it is, with a warning;
-- one whose table is gone is left alone.
-- Returns how many partitions got a trigger. Locks: each definition's row, then as pawl.attach_trigger.
create or replace function pawl.refresh_triggers() returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions;
  v_table regclass;
  v_count integer := 0;
  v_timeout text := pg_catalog.current_setting('lock_timeout');
begin
  perform pg_catalog.set_config('lock_timeout', '1s', true);
  for v_definition in select d.* from pawl.trigger_definitions d order by d.name for update loop
    select a.table_id into v_table from pawl.find_attached(v_definition.name) a where a.is_root;
    continue when not found;
    begin
      perform pawl.make_trigger(v_definition, v_table::pg_catalog.text);
      v_count := v_count + pawl.attach_trigger(v_definition, v_table);
      if v_definition.table_name <> v_table::pg_catalog.text then
        update pawl.trigger_definitions d set table_name = v_table::pg_catalog.text where d.name = v_definition.name;
      end if;
    exception when others then
      raise warning 'trigger "%" on % could not be made anew: %', v_definition.name, v_table, sqlerrm
        using hint = 'It works as before. Then: select pawl.refresh_triggers().';
    end;
  end loop;
  perform pg_catalog.set_config('lock_timeout', v_timeout, true);
  return v_count;
end
$$;
comment on function pawl.refresh_triggers() is 'makes the functions of all triggers on users'' tables anew, and puts triggers on new partitions';
