-- pawl.check_compat(extension, schema): refuses to stand in for an extension that is there itself, or to put
-- anything into a schema that is somebody else's (3F000). Called first by the files of sql/compat; whoever applies
-- them writes the extension into pawl.compat at the end, and from then on the schema is Pawl's.
-- Returns nothing. Locks: none.
create or replace function pawl.check_compat(p_extension text, p_schema text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version text;
  v_schema oid := pg_catalog.to_regnamespace(pg_catalog.quote_ident(p_schema))::oid;
begin
  select e.extversion into v_version from pg_catalog.pg_extension e where e.extname = p_extension;
  if found then
    raise exception 'the extension % (version %) is installed in this database', p_extension, v_version
      using errcode = '3F000',
        hint = pg_catalog.format('Go on with it, or remove it first, which also removes what it keeps in the schema %I: drop extension %I.', p_schema, p_extension);
  end if;
  if exists (select from pawl.compat c where c.name = p_extension) then
    return;
  end if;
  if exists (select from pg_catalog.pg_class c where c.relnamespace = v_schema)
    or exists (select from pg_catalog.pg_proc p where p.pronamespace = v_schema)
    or exists (select from pg_catalog.pg_type t where t.typnamespace = v_schema)
  then
    raise exception 'this database has a schema "%" that is not Pawl''s', p_schema
      using errcode = '3F000', hint = pg_catalog.format('Rename that schema, or do without --compat %s.', p_extension);
  end if;
end
$$;
comment on function pawl.check_compat(text, text) is 'refuses to stand in for an extension that is there, or to use a schema that is somebody else''s';
