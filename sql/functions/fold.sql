-- pawl.fold(from_block): moves ledger rows into the jobs' counters and ends jobs that have nothing left.
-- One folder at a time; it never waits. p_from_block skips the table's first blocks: a hint for when
-- folded rows pile up under a snapshot that somebody holds, because new rows then come behind them; 0
-- reads all, and must come round regularly.
-- Returns one row: folded, ledger rows moved; last_block, the last block one of them was in; blocks, the
-- size of the table; ended, how many jobs ended; is_blocked, when a job's row was held by somebody, or a
-- job that looks finished by a transaction that adds tasks, or another node folds: fold again soon.
-- Nothing to do: (0, null, n, 0, false). Refuses a transaction outside READ COMMITTED (PW009).
-- Locks: an advisory lock (try), then job rows FOR NO KEY UPDATE by id (skip locked); to end a job its
-- row FOR UPDATE (skip locked), which keeps out those who are adding tasks (they hold FOR KEY SHARE);
-- with it held, the ledger is read once more, so that no task slips in between (I3).
-- A sealed job ends when nothing of it is open, also when it has no task at all any more: they were
-- deleted, and a running page that would have added some went with them. It is then completed, as an
-- empty job is that gets sealed. That a new job's counters are all 0 until its first fold ends nothing:
-- its ledger rows came with it, and the last look finds them.
-- A job that completes and has a successor (pawl.follow_job) gets it in the same transaction.
-- How fast a job goes is measured here: tasks that ended, and the seconds since the fold before, of a job that had
-- something to do then. Both are scaled down together once they are more than 30 s or 20 tasks, whichever is
-- longer: so what is old counts less and less, and a slow job is measured over as many tasks as it needs. What is deleted
-- (pawl.prune) has not ended once less.
create or replace function pawl.fold(p_from_block bigint default 0)
returns table (folded bigint, last_block bigint, blocks bigint, ended bigint, is_blocked boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_folded bigint := 0;
  v_from tid := pg_catalog.format('(%s,1)', p_from_block)::tid;
  v_last_block bigint;
  v_blocks bigint;
  v_ended bigint := 0;
  v_is_blocked boolean := false;
  v_jobs bigint[];
  v_drained bigint[];
  v_id bigint;
  v_is_in_vain boolean;
  v_on_complete text;
begin
  perform pawl.check_isolation();
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 1) then
    return query select 0::bigint, null::bigint, 0::bigint, 0::bigint, true;
    return;
  end if;

  with touched as materialized (
    select j.id
    from pawl.jobs j
    where j.id in (select d.job_id from pawl.progress_deltas d where d.ctid >= v_from)
  ), locked as (
    select j.id
    from pawl.jobs j
    where j.id in (select t.id from touched t)
    order by j.id
    for no key update skip locked
  )
  select pg_catalog.array_agg(l.id), pg_catalog.count(*) < (select pg_catalog.count(*) from touched)
  into v_jobs, v_is_blocked
  from locked l;

  if v_jobs is not null then
    with moved as (
      delete from pawl.progress_deltas d
      where d.ctid >= v_from
        and d.job_id = any (v_jobs)
      returning d.*, (d.ctid::text::point)[0] as block
    ), sums as (
      select m.job_id, pg_catalog.count(*) as rows, pg_catalog.max(m.block) as last_block,
        pg_catalog.sum(m.total) as total, pg_catalog.sum(m.waiting) as waiting,
        pg_catalog.sum(m.pending) as pending, pg_catalog.sum(m.running) as running,
        pg_catalog.sum(m.completed) as completed, pg_catalog.sum(m.failed) as failed,
        pg_catalog.sum(m.cancelled) as cancelled,
        coalesce(pg_catalog.sum(m.completed + m.failed) filter (where m.total >= 0), 0) as ended
      from moved m
      group by m.job_id
    ), changed as (
      update pawl.jobs j
      set total = j.total + s.total,
          waiting = j.waiting + s.waiting,
          pending = j.pending + s.pending,
          running = j.running + s.running,
          completed = j.completed + s.completed,
          failed = j.failed + s.failed,
          cancelled = j.cancelled + s.cancelled,
          status = case
            when j.status = 'pending' and j.running + s.running + j.completed + s.completed + j.failed + s.failed > 0
              then 'running'
            else j.status
          end,
          started_at = case
            when j.running + s.running + j.completed + s.completed + j.failed + s.failed > 0
              then coalesce(j.started_at, v_now)
            else j.started_at
          end,
          measured_at = case when j.running + s.running + j.completed + s.completed + j.failed + s.failed > 0 then v_now end,
          (measured_tasks, measured_seconds) = (
            select m.tasks * m.kept, m.seconds * m.kept
            from (
              select e.tasks, e.seconds, least(1, greatest(30 / nullif(e.seconds, 0), coalesce(20 / nullif(e.tasks, 0), 1))) as kept
              from (
                select j.measured_tasks + b.is_busy * greatest(s.ended, 0) as tasks,
                  j.measured_seconds + b.is_busy * greatest(0, coalesce(pg_catalog.date_part('epoch', v_now - j.measured_at), 0)) as seconds
                from (select (j.pending + j.running > 0 and j.measured_at is not null)::integer as is_busy) b
              ) e
            ) m
          )
      from sums s
      where j.id = s.job_id
    )
    select coalesce(pg_catalog.sum(s.rows), 0), pg_catalog.max(s.last_block) into v_folded, v_last_block
    from sums s;
  end if;

  select pg_catalog.array_agg(j.id order by j.id) into v_drained
  from pawl.jobs j
  where j.is_drained
    and j.finished_at is null;
  foreach v_id in array coalesce(v_drained, '{}') loop
    perform
    from pawl.jobs j
    where j.id = v_id
      and j.is_drained
      and j.finished_at is null
    for update skip locked;
    if not found then
      v_is_blocked := true;
      continue;
    end if;
    if exists (select from pawl.progress_deltas d where d.job_id = v_id) then
      v_is_blocked := true;
      continue;
    end if;
    v_is_in_vain := pawl.is_crawl_in_vain(v_id);
    update pawl.jobs j
    set status = case when j.failed > 0 and (j.completed = 0 or v_is_in_vain) then 'failed' else 'completed' end::pawl.job_status,
        error = case
          when j.failed > 0 and j.completed > 0 and v_is_in_vain then 'no page could be fetched'
          when j.completed > 0 or j.failed = 0 then null
          when j.failed < j.total then j.failed || ' of ' || j.total || ' tasks failed, and none completed'
          when j.failed = 1 then 'its only task failed'
          else 'all ' || j.failed || ' tasks failed'
        end,
        finished_at = v_now
    where j.id = v_id
    returning case when j.status = 'completed' then j.on_complete end into v_on_complete;
    if v_on_complete is not null then
      perform pawl.follow_job(v_id);
    end if;
    v_ended := v_ended + 1;
  end loop;
  v_blocks := pg_catalog.pg_relation_size('pawl.progress_deltas') / pg_catalog.current_setting('block_size')::bigint;
  return query select v_folded, v_last_block, v_blocks, v_ended, v_is_blocked;
end
$$;
comment on function pawl.fold(bigint) is 'moves ledger rows into the jobs'' counters and ends jobs that have nothing left';
