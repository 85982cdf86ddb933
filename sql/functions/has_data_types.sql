-- pawl.has_data_types(): is anything defined that can go stale? While not, a node looks after none of it, and has no
-- connection for it. Called when a node begins to serve, at the bell 'fresh', and with each sweep.
-- Locks: none.
create or replace function pawl.has_data_types() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pawl.data_types)
$$;
comment on function pawl.has_data_types() is 'is anything defined that can go stale?';
