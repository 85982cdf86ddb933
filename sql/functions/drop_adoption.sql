-- pawl.drop_adoption(name): a table of the users is adopted no more, and is as it was before: its subscriptions end, and with them the demand of those keys
-- that nobody else looks at.
-- Returns nothing. Refuses an unknown adoption (PW002). Locks: its row, then as pawl.drop_adoption_triggers, then its subscriptions.
create or replace function pawl.drop_adoption(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  r record;
begin
  delete from pawl.adoptions a where a.name = p_name;
  if not found then
    if p_name is null then
      perform pawl.refuse_null('p_name', 'Give the name of an adoption; pawl subscription adoptions shows those that exist.');
    end if;
    raise exception 'adoption "%" does not exist', p_name
      using errcode = 'PW002', hint = 'pawl subscription adoptions shows those that exist; pawl.adopt_subscriptions creates one.';
  end if;
  perform pawl.drop_adoption_triggers(p_name);
  execute pg_catalog.format('drop function if exists pawl.%I(anyelement)', 'adopted_' || p_name);
  for r in
    with gone as (
      delete from pawl.subscriptions s where s.adoption = p_name returning s.type, s.key
    )
    select g.type, pg_catalog.array_agg(distinct g.key) as keys from gone g group by g.type order by g.type
  loop
    perform pawl.look_later(r.type, r.keys);
  end loop;
  delete from pawl.adoption_looks l where l.adoption = p_name;
  delete from pawl.trigger_errors e where e.trigger_name = 'adoption:' || p_name;
end
$$;
comment on function pawl.drop_adoption(text) is 'a table of the users is adopted no more; its subscriptions end';

-- Takes an adoption's triggers and their function away, wherever they stand; none may be there.
-- Locks: each table that they stand on, ACCESS EXCLUSIVE, for a moment: waits for transactions that use it.
create or replace function pawl.drop_adoption_triggers(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level text := pg_catalog.current_setting('client_min_messages');
begin
  perform pg_catalog.set_config('client_min_messages', 'warning', true); -- no notice of what goes with the function
  execute pg_catalog.format('drop function if exists pawl.%I() cascade', 'adoption_' || p_name);
  perform pg_catalog.set_config('client_min_messages', v_level, true);
end
$$;
comment on function pawl.drop_adoption_triggers(text) is 'takes an adoption''s triggers away';
