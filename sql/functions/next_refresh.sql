-- pawl.scan_from(scan), pawl.note_scan(scan, from, to, entries, took): for pawl.refresh_due, where an index of moments is to be read from. As long as somebody's
-- snapshot is open the entries of all that was moved on stay in the index, in front, and each look would pass them all: with a million, in half
-- a second. So a look from the beginning that has read ten thousand entries or more is followed by looks that go on where it has stopped, in this
-- session and for twenty times as long as it took. It is the entries that tell, not the time: a busy machine has read no more. What comes into the index before that place (a commit that was long in coming), what is locked and what rests
-- is seen then.
-- Returns the first moment to read: '-infinity' for the beginning. Locks: none.
create or replace function pawl.scan_from(p_scan text) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select s.note[2]::timestamptz
    from (select pg_catalog.string_to_array(nullif(pg_catalog.current_setting('pawl.scan_' || p_scan, true), ''), '|') as note) s
    where s.note[1]::timestamptz > pg_catalog.clock_timestamp()), '-infinity')
$$;
comment on function pawl.scan_from(text) is 'from which moment on an index of moments is to be read';

-- p_from: what pawl.scan_from said; p_to: all before that moment has been seen; p_entries, p_took: how many entries of the index were read, and for how long.
drop function if exists pawl.note_scan(text, timestamptz, timestamptz, interval);
create or replace function pawl.note_scan(p_scan text, p_from timestamptz, p_to timestamptz, p_entries bigint, p_took interval) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_note text := coalesce(pg_catalog.current_setting('pawl.scan_' || p_scan, true), '');
begin
  if p_from > '-infinity' then
    perform pg_catalog.set_config('pawl.scan_' || p_scan, pg_catalog.split_part(v_note, '|', 1) || '|' || p_to, false);
  elsif p_entries >= 10000 then
    perform pg_catalog.set_config('pawl.scan_' || p_scan, pg_catalog.clock_timestamp() + 20 * p_took || '|' || p_to, false);
  elsif v_note <> '' then
    perform pg_catalog.set_config('pawl.scan_' || p_scan, '', false);
  end if;
end
$$;
comment on function pawl.note_scan(text, timestamptz, timestamptz, bigint, interval) is 'up to which moment an index of moments has been read';

-- How many entries of an index this session has read, those of rows that are gone too; with track_counts off none. Only differences say something. Locks: none.
create or replace function pawl.entries_read(p_index text) returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.pg_stat_get_xact_tuples_returned(p_index::regclass), 0)
$$;
comment on function pawl.entries_read(text) is 'how many entries of an index this session has read';

-- pawl.next_refresh_ms(): milliseconds from now until pawl.refresh_due has something to do: 0 when it had when the transaction began, null when never. A probe of three indexes, and a look
-- whether pawl.looks has a row. Locks: none.
create or replace function pawl.next_refresh_ms() returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select case when d.check_at <= pawl.now() then 0 else greatest(1, pg_catalog.ceil(extract(epoch from d.check_at - pawl.clock()) * 1000)) end::bigint
  from (
    select least(
      (select f.check_at
       from pawl.freshness f
       where f.check_at >= pawl.scan_from('keys')
       order by f.check_at
       limit 1),
      (select h.check_at
       from pawl.holders h
       where h.check_at >= pawl.scan_from('holders')
       order by h.check_at
       limit 1),
      (select f.forget_at
       from pawl.freshness f
       where f.forget_at is not null
       order by f.forget_at
       limit 1),
      (select pg_catalog.min(d.read_keys_at) from pawl.data_types d),
      (select pawl.now() from pawl.looks l order by l.type, l.key, l.id limit 1)) as check_at
  ) d
  where d.check_at is not null
$$;
comment on function pawl.next_refresh_ms() is 'milliseconds until pawl.refresh_due has something to do';

-- pawl.next_sweep_ms(): milliseconds from now until pawl.sweep_adoptions has something to do: 0 when it had when the transaction began, null when no table is
-- adopted. Locks: none.
create or replace function pawl.next_sweep_ms() returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
  select case when d.check_at <= pawl.now() then 0 else greatest(1, pg_catalog.ceil(extract(epoch from d.check_at - pawl.clock()) * 1000)) end::bigint
  from (
    select least(
      (select a.check_at
       from pawl.adoptions a
       order by a.check_at
       limit 1),
      (select pawl.now() from pawl.adoption_looks l order by l.adoption, l.id limit 1)) as check_at
  ) d
  where d.check_at is not null
$$;
comment on function pawl.next_sweep_ms() is 'milliseconds until pawl.sweep_adoptions has something to do';
