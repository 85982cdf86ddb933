-- pawl.set_key_ttl(type, key, ttl): data of this key is fresh for another time than its type says; null: for the type's again. It counts
-- from the last refresh on.
-- Returns nothing. Refuses an unknown type (PW002), and a key or a time that cannot be (PW006). Locks: the key's freshness.
create or replace function pawl.set_key_ttl(p_type text, p_key text, p_ttl interval) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := pawl.data_type(p_type);
  v_key text := pawl.check_key(v_type, p_key);
  v_had_any boolean := exists (select from pawl.type_keys k where k.type = p_type);
begin
  if p_ttl not between interval '1 second' and interval '10 years' then
    perform pawl.refuse_value('p_ttl', p_ttl, 'from 1 second to 10 years, or null for that of the type');
  end if;
  if v_type.strategy = 'scheduled' or v_type.due_function is not null then
    raise exception 'data type "%" has % instead of a time to live', p_type, case when v_type.strategy = 'scheduled' then 'a schedule' else 'a function' end
      using errcode = 'PW006', hint = case when v_type.strategy = 'scheduled' then 'All its keys have their times from that: pawl.define_data_type with p_cron or p_spread changes it.'
        else 'Where both are meant, let the function know the key.' end;
  end if;
  if p_ttl is null then
    delete from pawl.type_keys k where k.type = p_type and k.key = v_key;
  else
    insert into pawl.type_keys as k (type, key, ttl)
    values (p_type, v_key, p_ttl)
    on conflict (type, key) do update
      set ttl = excluded.ttl;
  end if;
  update pawl.freshness f
  set stale_at = f.refreshed_at + coalesce(p_ttl, v_type.ttl), due_at = f.refreshed_at + coalesce(p_ttl, v_type.ttl),
      check_at = case when f.check_at is not null or f.is_watched then least(f.check_at, f.refreshed_at + coalesce(p_ttl, v_type.ttl)) end
  where f.type = p_type
    and f.key = v_key
    and f.refreshed_at is not null
    and f.failures = 0
    and f.outcome is distinct from 'empty';
  if v_had_any <> exists (select from pawl.type_keys k where k.type = p_type) then
    perform pawl.refresh_tracking(p_type);
  end if;
  perform pawl.ring('fresh');
end
$$;
comment on function pawl.set_key_ttl(text, text, interval) is 'data of this key is fresh for another time than its type says';
