-- pawl.merge_options(old, new): options of a kind, changed member by member; headers are changed one by one
-- too. A member that is null in p_new is taken away.
-- Returns the whole. Locks: none.
create or replace function pawl.merge_options(p_old jsonb, p_new jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_strip_nulls(
    coalesce(p_old, '{}') || coalesce(p_new, '{}')
      || case
           when pg_catalog.jsonb_typeof(p_old -> 'headers') = 'object' and pg_catalog.jsonb_typeof(p_new -> 'headers') = 'object'
           then pg_catalog.jsonb_build_object('headers', (p_old -> 'headers') || (p_new -> 'headers'))
           else '{}'
         end)
$$;
comment on function pawl.merge_options(jsonb, jsonb) is 'options of a kind, changed member by member';
