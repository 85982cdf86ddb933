-- The triggers on pawl.tasks: the ledger (I1, I2) and the doorbell (I5). Each runs once a statement.
--
-- The ledger: at most one row a job is appended to pawl.progress_deltas; none when no task of the job
-- changed its status.
--
-- The doorbell: when the statement made tasks pending, or gave one a time, and a node sleeps, it is woken
-- at commit. NOTIFY takes a cluster-wide lock at commit, so nobody rings while all nodes are awake.
-- Outside READ COMMITTED the transaction's snapshot may be older than a node's flag, so it always rings.
-- The flag is read in a statement of its own, whose snapshot is younger than this transaction's id: a
-- node that falls asleep waits for every transaction that had one by then.
-- Only triggers with the argument 'ring' do so. A distributed database creates them without it: there a
-- NOTIFY would reach only the server that holds the shard.
--
-- Every statement of every user on a task pays for these, and with many short transactions it pays for
-- what is touched first in each: plans to look up, executor nodes to set up, expressions to make ready.
-- So both are in one function, a statement of one task has a road of its own (reading two statuses is a
-- third of what an aggregate costs), one task more of a standing job is written down by the statement that
-- finds the job to be one, whoever makes nothing pending never asks who sleeps, and there is no
-- SET clause (a tenth of a small transaction). Names are qualified, and operators are pg_catalog's unless
-- a session puts a schema of its own before it, which fools that session alone: the functions run with
-- its rights.
-- The transition tables are aggregated in a loop, and nothing joins them with a table: a distributed
-- database allows no more.
-- Locks: for a finite job that gets open tasks, its row FOR KEY SHARE, by id: the fold, which ends jobs,
-- keeps away from it, and a job that has ended refuses them (I3). Claims and finishes take none.

-- A finite job is about to get open tasks: it must be there and open, and stay so until we commit.
-- Returns false when it had ended; the caller refuses or reopens.
create or replace function pawl.hold_job_open(p_job_id bigint) returns boolean
language plpgsql volatile
as $$
declare
  v_finished_at timestamptz;
begin
  select j.finished_at into v_finished_at from pawl.jobs j where j.id = p_job_id and not j.is_standing for key share;
  if not found then
    perform from pawl.jobs j where j.id = p_job_id;
    if not found then -- perhaps deleted in this moment
      perform pawl.refuse_job(p_job_id);
    end if;
    return true;
  end if;
  return v_finished_at is null;
end
$$;
comment on function pawl.hold_job_open(bigint) is 'keeps an open job from ending until the transaction ends; false when it had ended';

-- The bells for jobs that got pending tasks (null: none), and for tasks that were given a time.
create or replace function pawl.ring_for_tasks(p_pending_jobs bigint[], p_is_due boolean) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_catalog.cardinality(p_pending_jobs) > 0 then
    perform pawl.ring('work ' || case
      when pg_catalog.cardinality(p_pending_jobs) > 20 then '*'
      else pg_catalog.array_to_string(p_pending_jobs, ' ')
    end);
  end if;
  if p_is_due then
    perform pawl.ring('due');
  end if;
end
$$;
comment on function pawl.ring_for_tasks(bigint[], boolean) is 'wakes the nodes for jobs that got pending tasks, and for tasks that were given a time';

-- As hold_job_open, for a change of tasks that are there: an ended job is open again, since somebody
-- runs a task of it once more.
create or replace function pawl.open_job(p_job_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not pawl.hold_job_open(p_job_id) then
    update pawl.jobs j
    set status = 'running', finished_at = null, error = null
    where j.id = p_job_id;
  end if;
end
$$;
comment on function pawl.open_job(bigint) is 'keeps a job from ending until the transaction ends; one that had ended is open again';

create or replace function pawl.keep_ledger_insert() returns trigger
language plpgsql volatile
as $$
declare
  r record;
  v_job_id bigint;
  v_is_one boolean;
  v_pending_jobs bigint[];
  v_is_due boolean;
begin
  select n.job_id, n.status = 'pending' and not exists (select from new_tasks m offset 1) into v_job_id, v_is_one from new_tasks n;
  if v_is_one then -- what pawl.enqueue, triggers and most users insert
    insert into pawl.progress_deltas (job_id, total, pending)
    select j.id, 1, 1 from pawl.jobs j where j.id = v_job_id and j.is_standing;
    if not found then
      if not pawl.hold_job_open(v_job_id) then
        perform pawl.refuse_new_task(v_job_id);
      end if;
      insert into pawl.progress_deltas (job_id, total, pending) values (v_job_id, 1, 1);
    end if;
  else
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
        perform pawl.refuse_new_task(r.job_id);
      end if;
      insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
      values (r.job_id, r.total, r.waiting, r.pending, r.running, r.completed, r.failed, r.cancelled);
      v_is_due := r.waiting > 0 or v_is_due is true;
      if r.pending > 0 then
        v_pending_jobs := v_pending_jobs || r.job_id;
      end if;
    end loop;
    if v_is_due is not true and v_pending_jobs is null then
      return null;
    end if;
  end if;

  if tg_nargs > 0 then
    perform from pawl.nodes n where n.is_asleep;
    if found or pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
      perform pawl.ring_for_tasks(case when v_is_one then array[v_job_id] else v_pending_jobs end, v_is_due);
    end if;
  end if;
  return null;
end
$$;
comment on function pawl.keep_ledger_insert() is 'trigger: inserted tasks are written to the ledger, and wake a sleeping node';

create or replace function pawl.keep_ledger_update() returns trigger
language plpgsql volatile
as $$
declare
  r record;
  v_job_id bigint;
  v_old pawl.task_status;
  v_new pawl.task_status;
  v_are_many boolean;
  v_is_again boolean; -- it had ended, and is to run once more
  v_waiting integer;
  v_pending integer;
  v_running integer;
  v_completed integer;
  v_failed integer;
  v_cancelled integer;
  v_is_ready boolean;
  v_pending_jobs bigint[];
  v_is_due boolean;
begin
  select n.job_id, n.status, exists (select from new_tasks m offset 1) into v_job_id, v_new, v_are_many from new_tasks n;
  select o.status into v_old from old_tasks o where o.job_id = v_job_id;
  if v_old is not null and not v_are_many then -- one task, and it stayed in its job
    if v_new <> v_old then
      case v_old
        when 'pending' then v_pending := -1;
        when 'running' then v_running := -1;
        when 'waiting' then v_waiting := -1;
        when 'completed' then v_completed := -1; v_is_again := true;
        when 'failed' then v_failed := -1; v_is_again := true;
        when 'cancelled' then v_cancelled := -1; v_is_again := true;
      end case;
      case v_new
        when 'running' then v_running := 1;
        when 'completed' then v_completed := 1; v_is_again := false;
        when 'pending' then v_pending := 1; v_is_ready := true;
        when 'waiting' then v_waiting := 1; v_is_ready := true;
        when 'failed' then v_failed := 1; v_is_again := false;
        when 'cancelled' then v_cancelled := 1; v_is_again := false;
      end case;
      if v_is_again then
        perform pawl.open_job(v_job_id);
      end if;
      insert into pawl.progress_deltas (job_id, waiting, pending, running, completed, failed, cancelled)
      values (v_job_id, coalesce(v_waiting, 0), coalesce(v_pending, 0), coalesce(v_running, 0),
        coalesce(v_completed, 0), coalesce(v_failed, 0), coalesce(v_cancelled, 0));
    elsif v_new = 'waiting' then
      v_is_ready := true; -- perhaps another time
    end if;
  else
    for r in
      select c.job_id,
        pg_catalog.sum(c.sign) as total,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'waiting'), 0) as waiting,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'pending'), 0) as pending,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'running'), 0) as running,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'completed'), 0) as completed,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'failed'), 0) as failed,
        coalesce(pg_catalog.sum(c.sign) filter (where c.status = 'cancelled'), 0) as cancelled,
        pg_catalog.bool_or(c.sign > 0 and c.status in ('pending', 'waiting')) as is_ready
      from (
        select o.job_id, o.status, -1 as sign from old_tasks o
        union all
        select n.job_id, n.status, 1 from new_tasks n
      ) c
      group by c.job_id
      order by c.job_id
    loop
      v_is_ready := r.is_ready or v_is_ready is true;
      continue when r.total = 0 and r.waiting = 0 and r.pending = 0 and r.running = 0 and r.completed = 0
        and r.failed = 0 and r.cancelled = 0;
      if r.waiting + r.pending + r.running > 0 then
        perform pawl.open_job(r.job_id);
      end if;
      insert into pawl.progress_deltas (job_id, total, waiting, pending, running, completed, failed, cancelled)
      values (r.job_id, r.total, r.waiting, r.pending, r.running, r.completed, r.failed, r.cancelled);
    end loop;
  end if;

  if v_is_ready and tg_nargs > 0 then
    perform from pawl.nodes n where n.is_asleep;
    if found or pg_catalog.current_setting('transaction_isolation') <> 'read committed' then
      -- not for tasks that were just as ready before
      select pg_catalog.array_agg(distinct c.job_id) filter (where c.status = 'pending'), pg_catalog.bool_or(c.status = 'waiting')
      into v_pending_jobs, v_is_due
      from (
        select n.job_id, n.id, n.status, n.due_at from new_tasks n where n.status in ('pending', 'waiting')
        except
        select o.job_id, o.id, o.status, o.due_at from old_tasks o where o.status in ('pending', 'waiting')
      ) c;
      perform pawl.ring_for_tasks(v_pending_jobs, v_is_due);
    end if;
  end if;
  return null;
end
$$;
comment on function pawl.keep_ledger_update() is 'trigger: changes of status are written to the ledger, and wake a sleeping node for what became ready';

create or replace function pawl.keep_ledger_delete() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
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
  -- nothing may be left of a sealed job: a sleeping node would see it at its next sweep
  if tg_nargs > 0 then
    perform from pawl.nodes n where n.is_asleep;
    if found then
      perform pawl.ring('fold');
    end if;
  end if;
  return null;
end
$$;
comment on function pawl.keep_ledger_delete() is 'trigger: deleted tasks are written to the ledger';

create or replace function pawl.keep_ledger_truncate() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- jobs first, as the fold does it
  update pawl.jobs
  set total = 0, waiting = 0, pending = 0, running = 0, completed = 0, failed = 0, cancelled = 0;
  delete from pawl.progress_deltas;
  return null;
end
$$;
comment on function pawl.keep_ledger_truncate() is 'trigger: all tasks are gone, every counter is 0';

drop trigger if exists keep_ledger_insert on pawl.tasks;
create trigger keep_ledger_insert after insert on pawl.tasks
referencing new table as new_tasks
for each statement execute function pawl.keep_ledger_insert('ring');
comment on trigger keep_ledger_insert on pawl.tasks is 'one ledger row a job and statement';

drop trigger if exists keep_ledger_update on pawl.tasks;
create trigger keep_ledger_update after update on pawl.tasks
referencing old table as old_tasks new table as new_tasks
for each statement execute function pawl.keep_ledger_update('ring');
comment on trigger keep_ledger_update on pawl.tasks is 'one ledger row a job and statement, none when no status changed; a bell when somebody sleeps';

drop trigger if exists keep_ledger_delete on pawl.tasks;
create trigger keep_ledger_delete after delete on pawl.tasks
referencing old table as old_tasks
for each statement execute function pawl.keep_ledger_delete('ring');
comment on trigger keep_ledger_delete on pawl.tasks is 'one ledger row a job and statement; a bell when somebody sleeps';

drop trigger if exists keep_ledger_truncate on pawl.tasks;
create trigger keep_ledger_truncate after truncate on pawl.tasks
for each statement execute function pawl.keep_ledger_truncate();
comment on trigger keep_ledger_truncate on pawl.tasks is 'every counter is 0';
