-- The functions of triggers on users' tables have the id of their kind's standing job and the kind's limit in
-- them: they are made anew when one of these changes. Not for a standing job that is made from within another
-- trigger: that is somebody's statement on his own table, and functions are not replaced there; they look it up
-- until the next pawl.refresh_triggers.
-- Whoever changes a kind without being able to replace the functions is warned: they keep the old limit.
-- Locks: the definitions of the kind's triggers.
create or replace function pawl.follow_kind() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition pawl.trigger_definitions;
  v_kind text;
  v_table regclass;
begin
  if tg_op = 'INSERT' and pg_trigger_depth() > 1 then
    return null;
  end if;
  if tg_table_name = 'kinds' then
    v_kind := new.name;
  elsif tg_op <> 'TRUNCATE' then
    if coalesce(new.limit_key, old.limit_key) <> '' then -- that of a limit key is in no function
      return null;
    end if;
    v_kind := coalesce(new.kind, old.kind);
  end if;
  for v_definition in select d.* from pawl.trigger_definitions d where d.kind = v_kind or v_kind is null order by d.name for update loop
    select a.table_id into v_table from pawl.find_attached(v_definition.name) a where a.is_root;
    continue when not found;
    begin
      perform pawl.make_trigger(v_definition, v_table::text);
    exception when others then
      raise warning 'trigger "%" was not made anew for its kind: %', v_definition.name, sqlerrm
        using hint = 'Let the owner of schema pawl say: select pawl.refresh_triggers().';
    end;
  end loop;
  return null;
end
$$;
comment on function pawl.follow_kind() is 'trigger: triggers on users'' tables follow changes of their kind';

drop trigger if exists follow_kind on pawl.kinds;
create trigger follow_kind after update of max_payload_bytes, aged_at on pawl.kinds
for each row when (old.max_payload_bytes <> new.max_payload_bytes or (old.aged_at is null and new.aged_at is not null)) execute function pawl.follow_kind();
comment on trigger follow_kind on pawl.kinds is 'triggers on users'' tables follow a kind''s limit';

drop trigger if exists follow_kind on pawl.standing_jobs;
create trigger follow_kind after insert or update or delete on pawl.standing_jobs
for each row execute function pawl.follow_kind();
comment on trigger follow_kind on pawl.standing_jobs is 'triggers on users'' tables follow the standing job of their kind';

drop trigger if exists follow_no_kind on pawl.standing_jobs;
create trigger follow_no_kind after truncate on pawl.standing_jobs
for each statement execute function pawl.follow_kind();
comment on trigger follow_no_kind on pawl.standing_jobs is 'as follow_kind, when all are gone';
