-- A data type whose functions or table take long leaves the others their turn.
alter table pawl.data_types add column rests_until timestamptz;
comment on column pawl.data_types.rests_until is 'nodes look at its keys no sooner, since to look at some has taken long';
drop function if exists pawl.look_for(text, text[], real[], timestamptz[], boolean);
drop function if exists pawl.try_read_keys(text);
