-- What stands on the table of a tracked type: one function, pawl.track_TYPE(), and four triggers that call it, one for each kind of statement, since
-- a trigger with transition tables is for one kind alone. The function runs once a statement. It takes the keys out of the transition tables,
-- which only it can read, and hands them to functions that are the same for all types (note_writes.sql). An update whose rows have the
-- same keys as before, in the same order, has written them and deleted none.
-- Nothing in it can fail the statement (I10): all of it stands in a block, without a type of the user's in a declaration, and no plan is made
-- before that begins. What fails is written down. Where somebody else has just changed or locked a row, which not every transaction may
-- overlook, a node looks at the keys instead. What cancels the statement as a whole goes through.
-- Nor does it make the statement wait: pairs that are locked are skipped, and a lock that cannot be (a table of ours is being altered) is waited
-- for no longer than ten milliseconds.

-- Some of its text: keys that are too many for one array.
create or replace function pawl.tracker_loop(p_query text, p_call text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.format(E'
          v_keys := ''{}'';
          for v_key in %1$s loop
            v_keys := v_keys || v_key;
            if cardinality(v_keys) = 10000 then
              v_count := %2$s;
              v_keys := ''{}'';
            end if;
          end loop;
          v_count := %2$s;', p_query, p_call)
$$;
comment on function pawl.tracker_loop(text, text) is 'a part of the function behind the triggers of a tracked type: for many rows';

-- Its text. In every transaction PL/pgSQL makes each expression that it comes to ready anew, and each statement more so: so there are few on the way
-- of one row, which has a way of its own. More than 10,000 rows are handed over by 10,000 (I9): those keys that have a pair, but of a scheduled
-- type all, since each gets one.
-- Locks: none.
create or replace function pawl.tracker_body(p_type pawl.data_types) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := pg_catalog.quote_literal(p_type.name);
  v_is_plain boolean := p_type.strategy <> 'scheduled' and p_type.due_function is null
    and not exists (select from pawl.type_keys k where k.type = p_type.name);
  v_new text := pg_catalog.format('select r.%1$I::text from new_rows r where r.%1$I is not null', coalesce(p_type.key_column, ''));
  v_old text := pg_catalog.format('select r.%1$I::text from old_rows r where r.%1$I is not null', coalesce(p_type.key_column, ''));
  v_known text := pg_catalog.format('select f.key from pawl.freshness f where f.type = %s and f.key in ', v_name);
  v_ttl text := pg_catalog.format('interval ''%s seconds''', extract(epoch from p_type.ttl)::double precision); -- in whatever intervalstyle
  v_write text := pg_catalog.format('pawl.time_writes(%s, v_keys)', v_name);
  v_write_one text := v_write;
  v_delete text := pg_catalog.format('pawl.note_deletes(%s, v_keys)', v_name);
  v_limit text := ' limit 10001';
begin
  if v_is_plain then
    v_write := pg_catalog.format('pawl.note_writes(%s, v_keys, %s)', v_name, v_ttl);
    v_write_one := pg_catalog.format('pawl.note_write(%s, v_keys[1], %s)', v_name, v_ttl);
  end if;
  if p_type.is_global then
    v_new := 'select ''''::text from new_rows';
    v_old := 'select ''''::text from old_rows';
    v_limit := ' limit 1';
  end if;
  return pg_catalog.format(E'declare
  v_keys text[];
  v_old text[];
  v_key text;
  v_count integer;
begin
  begin
    if tg_op = ''UPDATE'' then
      select array(%2$s), array(%3$s) into v_keys, v_old;
      if v_keys[2] is null and v_old = v_keys then
        if v_keys[1] is not null then
          v_count := %4$s;
        end if;
      elsif v_old = v_keys then
        if v_keys[10001] is null then
          v_count := %5$s;
        else%6$s%7$s
        end if;
      elsif v_keys[10001] is null and v_old[10001] is null then
        v_count := pawl.note_changes(%1$s, v_keys, v_old);
      else%6$s%7$s
      end if;
    elsif tg_op = ''INSERT'' then
      v_keys := array(%2$s);
      if v_keys[1] is null then
        null; -- as after insert ... on conflict that has updated
      elsif v_keys[2] is null then
        v_count := %4$s;
      elsif v_keys[10001] is null then
        v_count := %5$s;
      else%6$s
      end if;
    elsif tg_op = ''DELETE'' then
      v_old := array(%3$s);
      if v_old[10001] is null then
        v_count := pawl.note_deletes(%1$s, v_old);
      else%7$s
      end if;
    else
      v_count := pawl.note_truncate(%1$s);
    end if;
    return null;
  exception when others then
    begin
      if sqlstate in (''40001'', ''40P01'', ''55P03'') and v_key is null and v_keys[10001] is null and v_old[10001] is null and v_keys || v_old <> ''{}'' then
        v_count := pawl.note_later(%1$s, v_keys || v_old);
        return null;
      end if;
      raise warning ''data type "%%" did not follow a statement on %%: %%'', %1$s, tg_table_name, sqlerrm
        using hint = ''It stands in pawl.trigger_errors.'';
      if tg_op in (''INSERT'', ''UPDATE'') then
        select count(*) into v_count from new_rows;
      elsif tg_op = ''DELETE'' then
        select count(*) into v_count from old_rows;
      else
        v_count := 0;
      end if;
      perform pawl.record_trigger_error(%8$L, tg_relid, v_count, sqlstate, sqlerrm);
    exception when others then
      raise warning ''data type "%%" cannot write down that it did not follow a statement: %%'', %1$s, sqlerrm;
    end;
  end;
  return null;
end',
    v_name, v_new || v_limit, v_old || v_limit, v_write_one, v_write,
    pawl.tracker_loop(case
      when p_type.strategy = 'scheduled' then pg_catalog.format('select distinct k.key from (%s) k (key)', v_new)
      else pg_catalog.format('%s(%s)', v_known, v_new)
    end, v_write),
    pawl.tracker_loop(pg_catalog.format('%s(%s)', v_known, v_old), v_delete),
    'track:' || p_type.name);
end
$$;
comment on function pawl.tracker_body(pawl.data_types) is 'the text of the function behind the triggers of a tracked type';

-- pawl.make_tracker(type, table): the function, and its triggers on the table and its partitions where one lacks, and nowhere else.
-- Returns on how many tables one lacked. Locks: each of these SHARE ROW EXCLUSIVE: waits for its writers; each that loses one ACCESS EXCLUSIVE.
create or replace function pawl.make_tracker(p_type pawl.data_types, p_table regclass) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text := 'track_' || p_type.name;
  v_comment text := pg_catalog.format('freshness of the data type "%s"; made by pawl.track, to be removed with pawl.untrack(%L)', p_type.name, p_type.name);
  r record;
begin
  perform pawl.make_trigger_function(v_function,
    array['lock_timeout=10ms'] || case
      -- a key that is a time is text in one form, whatever the session's is
      when exists (
          select from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          where a.attrelid = p_table and a.attname = p_type.key_column and t.typcategory in ('D', 'T'))
        then array['DateStyle=ISO', 'IntervalStyle=postgres', 'TimeZone=UTC']
      else '{}'
    end,
    pawl.tracker_body(p_type), 'trigger: ' || v_comment);
  for r in
    select t.tgname as name, f.table_id::pg_catalog.regclass as table_name
    from pawl.find_triggers(v_function) f
    join pg_catalog.pg_trigger t on t.oid = f.trigger_id
    where not exists (select from pawl.trigger_tables(p_table) x where x.table_id = f.table_id)
    order by 2, 1
  loop
    execute pg_catalog.format('drop trigger %I on %s', r.name, r.table_name);
  end loop;
  return pawl.attach_triggers(v_function, v_function, p_table, v_comment);
end
$$;
comment on function pawl.make_tracker(pawl.data_types, regclass) is 'the function and the triggers of a tracked type';
