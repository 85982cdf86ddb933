-- pawl.next_due_ms(): milliseconds until something must happen by itself: a task or a schedule is due. 0 when
-- it is late, null when nothing is due ever (what is put off until 'infinity' counts as that). One probe of
-- the tasks' index of due times, one of the schedules'.
-- Locks: none.
create or replace function pawl.next_due_ms() returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select pg_catalog.ceil(extract(epoch from greatest(d.due_at, pawl.now()) - pawl.now()) * 1000)::bigint
  from (
    select least(
      (select t.due_at
       from pawl.tasks t
       where t.due_at < 'infinity'
       order by t.due_at
       limit 1),
      (select s.next_run_at
       from pawl.schedules s
       where s.is_enabled
         and s.next_run_at < 'infinity'
       order by s.next_run_at
       limit 1)) as due_at
  ) d
  where d.due_at is not null
$$;
comment on function pawl.next_due_ms() is 'milliseconds until something must happen by itself';
