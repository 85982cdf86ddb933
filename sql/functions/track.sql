-- pawl.track(type): from now on every write to the type's table, by whomever, moves the freshness of the keys that it writes: triggers see it. What is in
-- the table already is known by a look at it. Again, it is the same: what lacks is put back. For whoever owns the schema.
-- Returns nothing. Refuses an unknown type (PW002), a type without a table, or with one that cannot have such triggers (PW006), a missing right (42501).
-- Warns where deletes are going to be slow.
-- Locks: the type's row; the table and its partitions, SHARE ROW EXCLUSIVE where a trigger is put: waits for transactions that have written to
-- them, and keeps writers out until the caller commits.
create or replace function pawl.track(p_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types;
  v_table regclass;
begin
  select d.* into v_type from pawl.data_types d where d.name = p_type for no key update;
  if not found then
    perform pawl.refuse_data_type(p_type);
  end if;
  if v_type.table_name is null then
    raise exception 'data type "%" has no table', p_type
      using errcode = 'PW006', hint = 'Say where its data is: pawl.define_data_type with p_table and p_key_column (pawl data-type set: --table, --key-column).';
  end if;
  v_table := pg_catalog.to_regclass(v_type.table_name);
  if v_table is null then
    raise exception 'table % of data type "%" does not exist', v_type.table_name, p_type
      using errcode = 'PW006', hint = 'Say where its data is now: pawl.define_data_type with p_table (pawl data-type set: --table).';
  end if;
  perform pawl.check_trigger_table(v_table);
  perform pawl.check_tracked_table(v_type, v_table);
  perform pawl.make_tracker(v_type, v_table);
  update pawl.data_types d set is_tracked = true where d.name = p_type returning d.* into v_type;
  perform pawl.read_keys(v_type);
end
$$;
comment on function pawl.track(text) is 'every write to a data type''s table moves the freshness of its keys from now on';

-- For pawl.track: what it needs of the table besides. Whether a key has a row left is asked with the rights of the schema's owner.
-- Locks: none.
create or replace function pawl.check_tracked_table(p_type pawl.data_types, p_table regclass) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner pg_catalog.pg_roles;
  v_class pg_catalog.pg_class;
begin
  select r.* into v_owner from pg_catalog.pg_roles r join pg_catalog.pg_namespace n on n.nspowner = r.oid where n.nspname = 'pawl';
  select c.* into v_class from pg_catalog.pg_class c where c.oid = p_table;
  if p_type.key_column is not null and not exists (
      select from pg_catalog.pg_attribute a where a.attrelid = p_table and a.attname = p_type.key_column and a.attnum > 0 and not a.attisdropped) then
    raise exception 'table % has no column "%" any more', p_table, p_type.key_column
      using errcode = 'PW006', hint = 'Say which has the key: pawl.define_data_type with p_key_column (pawl data-type set: --key-column).';
  end if;
  if not pg_catalog.has_table_privilege(v_owner.oid, p_table, 'select') then
    raise exception 'role "%", the owner of schema pawl, may not read %', v_owner.rolname, p_table
      using errcode = '42501', hint = pg_catalog.format('Let its owner say: grant select on %s to %I.', p_table, v_owner.rolname);
  end if;
  if v_class.relrowsecurity and not v_owner.rolsuper and not v_owner.rolbypassrls
      and (v_class.relforcerowsecurity or not pg_catalog.pg_has_role(v_owner.oid, v_class.relowner, 'usage')) then
    raise warning 'row security may hide rows of % from role "%", the owner of schema pawl: what it does not see counts as absent', p_table, v_owner.rolname
      using hint = pg_catalog.format('alter role %I bypassrls.', v_owner.rolname);
  end if;
  if p_type.key_column is not null and not exists (
      select from pg_catalog.pg_index i
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
      where i.indrelid = p_table
        and i.indisvalid
        and i.indpred is null
        and a.attname = p_type.key_column) then
    raise warning 'no index of % begins with "%": a delete of a key that somebody looks at reads the whole table', p_table, p_type.key_column
      using hint = pg_catalog.format('create index on %s (%I).', p_table, p_type.key_column);
  end if;
end
$$;
comment on function pawl.check_tracked_table(pawl.data_types, regclass) is 'refuses a table that cannot be tracked, and warns of what is slow or hidden';

-- pawl.refresh_tracking(type): a type that is tracked has changed, or its table has: its function and its triggers are made anew where that is needed, and taken
-- off a former table. Nothing for one that is not tracked.
-- Returns nothing. Refuses as pawl.track. Locks: as pawl.track; a former table ACCESS EXCLUSIVE.
create or replace function pawl.refresh_tracking(p_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pawl.track(d.name) from pawl.data_types d where d.name = p_type and d.is_tracked;
end
$$;
comment on function pawl.refresh_tracking(text) is 'makes the triggers of a tracked data type anew where that is needed';

-- pawl.refresh_tracking(): the same for all, by what stands on the tables: pawl migrate does it, after everything else. A table that was renamed is known by its new
-- name. A type whose triggers cannot be made anew, or whose tables are locked for longer than a second, stays as it is, with a warning.
-- Returns nothing.
create or replace function pawl.refresh_tracking() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types;
  v_table regclass;
  v_timeout text := pg_catalog.current_setting('lock_timeout');
begin
  perform pg_catalog.set_config('lock_timeout', '1s', true);
  for v_type in select d.* from pawl.data_types d where d.is_tracked order by d.name loop
    select t.table_id into v_table from pawl.find_triggers('track_' || v_type.name) t where t.is_root limit 1;
    continue when not found;
    begin
      if pg_catalog.to_regclass(v_type.table_name) is null then
        update pawl.data_types d set table_name = v_table::pg_catalog.text where d.name = v_type.name;
      end if;
      perform pawl.track(v_type.name);
    exception when others then
      raise warning 'triggers of data type "%" on % could not be made anew: %', v_type.name, v_table, sqlerrm
        using hint = pg_catalog.format('They work as before. Then: select pawl.track(%L).', v_type.name);
    end;
  end loop;
  perform pg_catalog.set_config('lock_timeout', v_timeout, true);
end
$$;
comment on function pawl.refresh_tracking() is 'makes the triggers of all tracked data types anew where that is needed';

-- pawl.untrack(type): its triggers are gone, and its table as it was before; what they wrote down goes with them. Writes are seen again when a node looks.
-- Again, it is nothing.
-- Returns nothing. Refuses an unknown type (PW002).
-- Locks: the type's row; each table that has a trigger ACCESS EXCLUSIVE, for a moment: waits for transactions that use it.
create or replace function pawl.untrack(p_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  update pawl.data_types d
  set is_tracked = false,
      read_keys_at = case when d.strategy = 'scheduled' and d.table_name is not null and not d.is_global then pawl.now() end
  where d.name = p_type;
  if not found then
    perform pawl.refuse_data_type(p_type);
  end if;
  perform pawl.drop_trigger_function('track_' || p_type);
  delete from pawl.trigger_errors e where e.trigger_name = 'track:' || p_type;
  delete from pawl.missed_writes w where w.type = p_type;
  perform pawl.ring('fresh');
end
$$;
comment on function pawl.untrack(text) is 'writes to a data type''s table do not move freshness any more';
