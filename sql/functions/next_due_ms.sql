-- pawl.next_due_ms(): milliseconds until something must happen by itself; 0 when it is late, null when
-- nothing is due ever (a task put off until 'infinity' counts as that). One probe of the index of due times.
-- Locks: none.
create or replace function pawl.next_due_ms() returns bigint
language sql stable
set search_path = ''
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select pg_catalog.ceil(extract(epoch from greatest(t.due_at, pawl.now()) - pawl.now()) * 1000)::bigint
  from pawl.tasks t
  where t.due_at < 'infinity'
  order by t.due_at
  limit 1
$$;
comment on function pawl.next_due_ms() is 'milliseconds until something must happen by itself';
