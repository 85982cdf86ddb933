-- pawl.refuse_schedule(name): says, everywhere in the same words, that a schedule does not exist (PW002), or
-- that none was named (PW006). Called by whoever has just looked, as those of refuse.sql are.
-- Locks: none.
create or replace function pawl.refuse_schedule(p_name text) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if p_name is null then
    perform pawl.refuse_null('p_name', 'Give the name of a schedule; pawl schedule list shows those that exist.');
  end if;
  raise exception 'schedule "%" does not exist', p_name
    using errcode = 'PW002',
      hint = 'pawl schedule list shows those that exist. To create it, say what it runs and when: p_kind (pawl schedule set: --kind), and p_every (--every) or p_cron (--cron).';
end
$$;
comment on function pawl.refuse_schedule(text) is 'raises: the schedule does not exist';
