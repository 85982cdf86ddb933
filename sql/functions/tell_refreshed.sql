-- pawl.tell_refreshed(type, keys): tells those who listen on pawl_refreshed, at commit, that the data of these keys has come or was confirmed:
-- {"type", "keys", "at"}; of more than 50, or more than 7,000 bytes, only how many, {"type", "keys": null, "count", "at"}: a NOTIFY
-- takes no more than 8,000. Whoever calls it gives only keys that somebody watches, each once.
-- Returns what is told; null, and says nothing, without any key.
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.tell_refreshed(p_type text, p_keys text[]) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text;
  v_nothing text;
begin
  if cardinality(p_keys) <= 50 then
    v_message := json_build_object('type', p_type, 'keys', p_keys, 'at', pawl.clock());
  end if;
  if (octet_length(v_message) <= 7000) is not true then
    v_message := json_build_object('type', p_type, 'keys', null, 'count', cardinality(p_keys), 'at', pawl.clock());
  end if;
  if p_keys <> '{}' then
    v_nothing := pg_notify('pawl_refreshed', v_message); -- a perform costs more, which who writes to a tracked table would pay
    return v_message;
  end if;
  return null;
end
$$;
comment on function pawl.tell_refreshed(text, text[]) is 'tells those who listen on pawl_refreshed whose data has come';

-- pawl.tell_refreshed_key(type, key, at): the same for one key, which is never too long. It is a function for the planner, who puts its expression in
-- its place: a call costs a tenth of what a tracked write of one row does.
create or replace function pawl.tell_refreshed_key(p_type text, p_key text, p_at timestamptz) returns void
language sql volatile
as $$
  select pg_catalog.pg_notify('pawl_refreshed', pg_catalog.json_build_object('type', p_type, 'keys', array[p_key], 'at', p_at)::pg_catalog.text)
$$;
comment on function pawl.tell_refreshed_key(text, text, timestamptz) is 'tells those who listen on pawl_refreshed that the data of one key has come';
