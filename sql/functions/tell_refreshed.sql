-- pawl.refreshed_message(type, keys): what is told of keys whose data has come: {"type", "keys", "at"}; of more than 50,
-- or more than 7,000 bytes, only how many, {"type", "keys": null, "count", "at"}: a NOTIFY takes no more than 8,000.
-- Locks: none.
create or replace function pawl.refreshed_message(p_type text, p_keys text[]) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text;
begin
  if cardinality(p_keys) <= 50 then
    v_message := jsonb_build_object('type', p_type, 'keys', p_keys, 'at', pawl.clock())::text;
    if octet_length(v_message) <= 7000 then
      return v_message;
    end if;
  end if;
  return jsonb_build_object('type', p_type, 'keys', null, 'count', cardinality(p_keys), 'at', pawl.clock())::text;
end
$$;
comment on function pawl.refreshed_message(text, text[]) is 'what is told of keys whose data has come, as JSON';

-- pawl.tell_refreshed(type, keys): tells those who listen on pawl_refreshed, at commit, that the data of these keys has
-- come or was confirmed. Whoever calls it gives only keys that somebody watches, each once; without any, nothing is said.
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.tell_refreshed(p_type text, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_keys) > 0 then
    perform pg_notify('pawl_refreshed', pawl.refreshed_message(p_type, p_keys));
  end if;
end
$$;
comment on function pawl.tell_refreshed(text, text[]) is 'tells those who listen on pawl_refreshed whose data has come';
