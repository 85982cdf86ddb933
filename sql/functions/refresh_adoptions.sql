-- pawl.refresh_adoptions(): makes the functions of all adoptions anew, as this version makes them, and puts their triggers on partitions that
-- came since; pawl migrate does it, after everything else. What cannot be made anew, or whose tables are locked for longer than a second, stays as it is,
-- with a warning; one whose table is gone is left alone.
-- Returns how many partitions got triggers. Locks: each adoption's row, then as pawl.attach_adoption.
create or replace function pawl.refresh_adoptions() returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_adoption pawl.adoptions;
  v_table regclass;
  v_count integer := 0;
  v_timeout text := pg_catalog.current_setting('lock_timeout');
begin
  perform pg_catalog.set_config('lock_timeout', '1s', true);
  for v_adoption in select a.* from pawl.adoptions a order by a.name loop
    v_table := pawl.adopted_table(v_adoption);
    continue when v_table is null;
    begin
      update pawl.adoptions a set table_name = v_table::pg_catalog.text where a.name = v_adoption.name;
      perform pawl.make_adoption(v_adoption, v_table);
      if exists (select from pawl.find_adoption_triggers(v_adoption.name)) then
        v_count := v_count + pawl.attach_adoption(v_adoption, v_table);
      end if;
    exception when others then
      raise warning 'adoption "%" of % could not be made anew: %', v_adoption.name, v_table, sqlerrm
        using hint = 'It works as before. Then: select pawl.refresh_adoptions().';
    end;
  end loop;
  perform pg_catalog.set_config('lock_timeout', v_timeout, true);
  return v_count;
end
$$;
comment on function pawl.refresh_adoptions() is 'makes the functions of all adoptions anew, and puts triggers on new partitions';
