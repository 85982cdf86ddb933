-- pawl.adopt_subscriptions(table, type, key, holder, condition, mode, every, name): from now on the rows of a table of the users are subscriptions, each
-- for as long as it is there. For whoever owns the schema.
--   p_type        the name of a data type, or an expression; a set means each of them
--   p_key         an expression for the key; a set means each of them; null: for global types only
--   p_holder      an expression for who looks
--   p_condition   an expression: only rows for which it is true; null: every row
--   p_mode        trigger: every write to the table counts at once; sweep: the table is only read, every p_every; null: trigger where that is
--                 allowed, else sweep
--   p_every       pause between two sweeps; null: 10 s, and with triggers, of which it is the net, 10 minutes
--   p_name        null: the table's, with the schema before it unless that is public
-- The expressions are SQL over the row, new.filters ->> 'symbol' or filters ->> 'symbol', read by the caller's search_path as it is now: hence no
-- SET clause here. They are tried before anything changes. Given again with the same name it is changed, and what is left out is the default again.
-- Returns the name. Refuses and locks: as pawl.set_adoption.
create or replace function pawl.adopt_subscriptions(
  p_table regclass,
  p_type text,
  p_key text,
  p_holder text,
  p_condition text default null,
  p_mode text default null,
  p_every interval default null,
  p_name text default null
) returns text
language sql volatile
as $$
  select pawl.set_adoption(pg_catalog.current_setting('search_path'), p_table, p_type, p_key, p_holder, p_condition, p_mode, p_every, p_name)
$$;
comment on function pawl.adopt_subscriptions(regclass, text, text, text, text, text, interval, text) is 'the rows of a table of the users are subscriptions from now on';
