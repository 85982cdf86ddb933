-- The ledger's triggers (I1, I2): after a statement on pawl.tasks, at most one row a job is appended to
-- pawl.progress_deltas; none when no task of the job changed its status. The transition tables are
-- aggregated in a loop, and nothing joins them: a distributed database allows no more.
-- Every statement of every user on a task pays for these, so the two that are always there carry no SET
-- clause: setting search_path and back took a tenth of a small transaction. Their names are qualified,
-- and operators are pg_catalog's unless a session puts a schema of its own before it, which fools that
-- session alone: the functions run with its rights.
-- Locks: for a finite job that gets open tasks, its row FOR KEY SHARE, by id: the fold, which ends jobs,
-- keeps away from it, and a job that has ended refuses them (I3). Claims and finishes take none.

-- A finite job is about to get open tasks: it must be there and open, and stay so until we commit.
-- Returns false when it had ended; the caller refuses or reopens.
create or replace function pawl.hold_job_open(p_job_id bigint) returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  v_job record;
begin
  select j.is_standing, j.finished_at into v_job from pawl.jobs j where j.id = p_job_id;
  if not found then
    raise exception 'job % does not exist', p_job_id
      using errcode = 'PW002', hint = 'Create it with pawl.create_job, or use pawl.enqueue.';
  end if;
  if v_job.is_standing then
    return true;
  end if;
  select j.finished_at into v_job from pawl.jobs j where j.id = p_job_id for key share;
  return v_job.finished_at is null;
end
$$;
comment on function pawl.hold_job_open(bigint) is 'keeps an open job from ending until the transaction ends; false when it had ended';

create or replace function pawl.keep_ledger_insert() returns trigger
language plpgsql volatile
as $$
declare
  r record;
begin
  for r in
    select n.job_id,
      pg_catalog.count(*) as total,
      pg_catalog.count(*) filter (where n.status = 'waiting') as waiting,
      pg_catalog.count(*) filter (where n.status = 'pending') as pending,
      pg_catalog.count(*) filter (where n.status = 'running') as running,
      pg_catalog.count(*) filter (where n.status = 'completed') as completed,
      pg_catalog.count(*) filter (where n.status = 'failed') as failed,
      pg_catalog.count(*) filter (where n.status = 'cancelled') as cancelled
    from new_tasks n
    group by n.job_id
    order by n.job_id
  loop
    if not pawl.hold_job_open(r.job_id) then
      raise exception 'job % has ended: it takes no more tasks', r.job_id
        using errcode = 'PW003', hint = 'Create a new job, or run ended tasks again with pawl.retry_task or pawl.retry_failed.';
    end if;
    insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
    values (r.job_id, r.total, r.waiting, r.pending, r.running, r.completed, r.failed, r.cancelled);
  end loop;
  return null;
end
$$;
comment on function pawl.keep_ledger_insert() is 'trigger: inserted tasks are written to the ledger';

-- One row of the ledger, from what a statement changed in one job; nothing when nothing changed.
create or replace function pawl.write_delta(
  p_job_id bigint,
  p_total bigint,
  p_waiting bigint,
  p_pending bigint,
  p_running bigint,
  p_completed bigint,
  p_failed bigint,
  p_cancelled bigint
) returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if p_total = 0 and p_waiting = 0 and p_pending = 0 and p_running = 0 and p_completed = 0 and p_failed = 0
    and p_cancelled = 0 then
    return;
  end if;
  if p_waiting + p_pending + p_running > 0 and not pawl.hold_job_open(p_job_id) then
    -- somebody runs an ended task again: its job is open again
    update pawl.jobs j
    set status = 'running', finished_at = null, error = null
    where j.id = p_job_id;
  end if;
  insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
  values (p_job_id, p_total, p_waiting, p_pending, p_running, p_completed, p_failed, p_cancelled);
end
$$;
comment on function pawl.write_delta(bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint)
  is 'one row of the ledger, from what a statement changed in one job';

-- Most statements of users touch one task, a node's touch hundreds. Setting up an aggregate costs more
-- than the rest of this trigger, so a statement of one or two tasks of one job is added up by hand, and
-- written without a call when it gives the job no open tasks.
create or replace function pawl.keep_ledger_update() returns trigger
language plpgsql volatile
as $$
declare
  r record;
  v_job_id bigint;
  v_rows integer := 0;
  v_total integer := 0;
  v_waiting integer := 0;
  v_pending integer := 0;
  v_running integer := 0;
  v_completed integer := 0;
  v_failed integer := 0;
  v_cancelled integer := 0;
  v_is_small boolean := true;
begin
  for r in
    select o.job_id, o.status, -1 as sign from old_tasks o
    union all
    select n.job_id, n.status, 1 from new_tasks n
  loop
    v_rows := v_rows + 1;
    if v_rows > 4 or r.job_id <> v_job_id then
      v_is_small := false;
      exit;
    end if;
    v_job_id := r.job_id;
    v_total := v_total + r.sign;
    case r.status
      when 'pending' then v_pending := v_pending + r.sign;
      when 'running' then v_running := v_running + r.sign;
      when 'completed' then v_completed := v_completed + r.sign;
      when 'waiting' then v_waiting := v_waiting + r.sign;
      when 'failed' then v_failed := v_failed + r.sign;
      else v_cancelled := v_cancelled + r.sign;
    end case;
  end loop;
  if v_is_small and v_waiting + v_pending + v_running <= 0 then
    if v_total <> 0 or v_waiting <> 0 or v_pending <> 0 or v_running <> 0 or v_completed <> 0 or v_failed <> 0
      or v_cancelled <> 0 then
      insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
      values (v_job_id, v_total, v_waiting, v_pending, v_running, v_completed, v_failed, v_cancelled);
    end if;
    return null;
  end if;
  if v_is_small then
    perform pawl.write_delta(v_job_id, v_total, v_waiting, v_pending, v_running, v_completed, v_failed, v_cancelled);
    return null;
  end if;

  for r in
    select c.job_id,
      pg_catalog.sum(c.sign) as total,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'waiting'), 0) as waiting,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'pending'), 0) as pending,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'running'), 0) as running,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'completed'), 0) as completed,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'failed'), 0) as failed,
      coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'cancelled'), 0) as cancelled
    from (
      select o.job_id, o.status, -1 as sign from old_tasks o
      union all
      select n.job_id, n.status, 1 from new_tasks n
    ) c
    group by c.job_id
    order by c.job_id
  loop
    perform pawl.write_delta(r.job_id, r.total, r.waiting, r.pending, r.running, r.completed, r.failed, r.cancelled);
  end loop;
  return null;
end
$$;
comment on function pawl.keep_ledger_update() is 'trigger: changes of status are written to the ledger';

create or replace function pawl.keep_ledger_delete() returns trigger
language plpgsql volatile
set search_path = ''
as $$
declare
  r record;
begin
  for r in
    select o.job_id,
      pg_catalog.count(*) as total,
      pg_catalog.count(*) filter (where o.status = 'waiting') as waiting,
      pg_catalog.count(*) filter (where o.status = 'pending') as pending,
      pg_catalog.count(*) filter (where o.status = 'running') as running,
      pg_catalog.count(*) filter (where o.status = 'completed') as completed,
      pg_catalog.count(*) filter (where o.status = 'failed') as failed,
      pg_catalog.count(*) filter (where o.status = 'cancelled') as cancelled
    from old_tasks o
    group by o.job_id
    order by o.job_id
  loop
    insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
    values (r.job_id, -r.total, -r.waiting, -r.pending, -r.running, -r.completed, -r.failed, -r.cancelled);
  end loop;
  return null;
end
$$;
comment on function pawl.keep_ledger_delete() is 'trigger: deleted tasks are written to the ledger';

create or replace function pawl.keep_ledger_truncate() returns trigger
language plpgsql volatile
set search_path = ''
as $$
begin
  delete from pawl.progress_deltas;
  update pawl.jobs
  set total = 0, waiting = 0, pending = 0, running = 0, completed = 0, failed = 0, cancelled = 0;
  return null;
end
$$;
comment on function pawl.keep_ledger_truncate() is 'trigger: all tasks are gone, every counter is 0';

drop trigger if exists keep_ledger_insert on pawl.tasks;
create trigger keep_ledger_insert after insert on pawl.tasks
referencing new table as new_tasks
for each statement execute function pawl.keep_ledger_insert();
comment on trigger keep_ledger_insert on pawl.tasks is 'one ledger row a job and statement';

drop trigger if exists keep_ledger_update on pawl.tasks;
create trigger keep_ledger_update after update on pawl.tasks
referencing old table as old_tasks new table as new_tasks
for each statement execute function pawl.keep_ledger_update();
comment on trigger keep_ledger_update on pawl.tasks is 'one ledger row a job and statement, none when no status changed';

drop trigger if exists keep_ledger_delete on pawl.tasks;
create trigger keep_ledger_delete after delete on pawl.tasks
referencing old table as old_tasks
for each statement execute function pawl.keep_ledger_delete();
comment on trigger keep_ledger_delete on pawl.tasks is 'one ledger row a job and statement';

drop trigger if exists keep_ledger_truncate on pawl.tasks;
create trigger keep_ledger_truncate after truncate on pawl.tasks
for each statement execute function pawl.keep_ledger_truncate();
comment on trigger keep_ledger_truncate on pawl.tasks is 'every counter is 0';
