-- What was written to a tracked table while somebody else had the key's freshness locked: nobody waits there (I10). A look at the key (pawl.looks)
-- comes with it; these rows say that the look is to read the table, however fresh the key seems, and when the data came.
create table pawl.missed_writes (
  type text not null,
  key text not null,
  id bigint not null default nextval('pawl.look_ids'),
  written_at timestamptz not null,
  primary key (type, key, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table pawl.missed_writes is 'writes to tracked tables whose keys somebody else had locked: a node catches up with them soon';
comment on column pawl.missed_writes.type is 'the data type';
comment on column pawl.missed_writes.key is 'the key';
comment on column pawl.missed_writes.id is 'from pawl.look_ids';
comment on column pawl.missed_writes.written_at is 'when its rows were written, or deleted';
drop function if exists pawl.time_writes(text, text[]);
