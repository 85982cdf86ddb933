-- Adopted tables are read in a call of their own (pawl.sweep_adoptions), on a connection of its own: what is due does not wait for it.
drop function if exists pawl.refresh_due(integer);
drop function if exists pawl.is_sweep_next();
