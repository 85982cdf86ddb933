-- Storage and statements of Pawl's hot path with nothing around them, in a schema of its own:
-- what bench/bare_loop.c drives as fast as it can, the ceiling for `pawl bench drain`.
--
-- The statements are those of Pawl's claim, finish and fold; what a queue also needs (kinds,
-- tenants, limiters, the doorbell, retries) is left out on purpose. If you change how Pawl stores,
-- claims, finishes or folds tasks, change this too, or the ratio compares two different things.

set client_min_messages = warning;
drop schema if exists bare cascade;
create schema bare;

create type bare.task_state as enum (
  'waiting', 'pending', 'running', 'completed', 'failed', 'cancelled');

create table bare.jobs (
  id bigint primary key,
  total bigint not null default 0,
  waiting bigint not null default 0,
  pending bigint not null default 0,
  running bigint not null default 0,
  completed bigint not null default 0,
  failed bigint not null default 0
);

create sequence bare.task_id;
create sequence bare.delta_id;

-- is_pending spares the claim index an update when a task finishes, which keeps the finish HOT.
create table bare.tasks (
  job_id bigint not null,
  id bigint not null default nextval('bare.task_id'),
  org_id uuid,
  status bare.task_state not null default 'pending',
  priority real not null default 0,
  attempt smallint not null default 0,
  node_id integer,
  run_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  payload jsonb not null default '{}',
  result jsonb,
  error text,
  is_pending boolean generated always as (status = 'pending') stored,
  due_at timestamptz generated always as (case when status = 'waiting' then run_at end) stored,
  primary key (job_id, id)
) with (fillfactor = 65, toast_tuple_target = 256);

create index on bare.tasks (job_id, (-priority), id) where is_pending;
create index on bare.tasks (due_at) where due_at is not null;

create table bare.progress_deltas (
  job_id bigint,
  id bigint default nextval('bare.delta_id'),
  total integer,
  waiting integer,
  pending integer,
  running integer,
  completed integer,
  failed integer,
  primary key (job_id, id)
);

create function bare.record_insert() returns trigger language plpgsql as $$
declare
  v_sum record;
begin
  for v_sum in
    select job_id,
           count(*) as total,
           count(*) filter (where status = 'waiting') as waiting,
           count(*) filter (where status = 'pending') as pending
      from new_tasks
     group by job_id
  loop
    insert into bare.progress_deltas
      (job_id, total, waiting, pending, running, completed, failed)
    values (v_sum.job_id, v_sum.total, v_sum.waiting, v_sum.pending, 0, 0, 0);
  end loop;
  return null;
end $$;

create function bare.record_update() returns trigger language plpgsql as $$
declare
  v_sum record;
begin
  for v_sum in
    select job_id,
           sum(waiting) as waiting,
           sum(pending) as pending,
           sum(running) as running,
           sum(completed) as completed,
           sum(failed) as failed
      from (select job_id,
                   -(status = 'waiting')::int as waiting,
                   -(status = 'pending')::int as pending,
                   -(status = 'running')::int as running,
                   -(status = 'completed')::int as completed,
                   -(status = 'failed')::int as failed
              from old_tasks
            union all
            select job_id,
                   (status = 'waiting')::int,
                   (status = 'pending')::int,
                   (status = 'running')::int,
                   (status = 'completed')::int,
                   (status = 'failed')::int
              from new_tasks) as moves
     group by job_id
  loop
    continue when v_sum.waiting = 0 and v_sum.pending = 0 and v_sum.running = 0
              and v_sum.completed = 0 and v_sum.failed = 0;
    insert into bare.progress_deltas
      (job_id, total, waiting, pending, running, completed, failed)
    values (v_sum.job_id, 0, v_sum.waiting, v_sum.pending, v_sum.running, v_sum.completed,
            v_sum.failed);
  end loop;
  return null;
end $$;

create trigger record_insert after insert on bare.tasks
  referencing new table as new_tasks
  for each statement execute function bare.record_insert();

create trigger record_update after update on bare.tasks
  referencing old table as old_tasks new table as new_tasks
  for each statement execute function bare.record_update();

-- Claims up to p_count tasks of one job that come after the cursor (p_rank, p_id).
create function bare.claim(p_job bigint, p_count int, p_rank real, p_id bigint, p_node int)
returns table (id bigint, priority real, attempt smallint, payload jsonb)
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    update bare.tasks t
       set status = 'running', started_at = now(), attempt = t.attempt + 1, node_id = p_node
     where t.job_id = p_job
       and t.ctid = any (array(
             select c.ctid
               from bare.tasks c
              where c.job_id = p_job
                and c.is_pending
                and (-c.priority, c.id) > (p_rank, p_id)
              order by -c.priority, c.id
              limit p_count
                for update skip locked))
    returning t.id, t.priority, t.attempt, t.payload;
end $$;

-- Completes the tasks whose (node, attempt) is still the newest; returns how many those were.
create function bare.finish(p_jobs bigint[], p_ids bigint[], p_attempts smallint[], p_node int)
returns bigint
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
declare
  v_count bigint;
begin
  update bare.tasks t
     set status = 'completed', finished_at = now()
    from unnest(p_jobs, p_ids, p_attempts) as outcome (job_id, id, attempt)
   where t.job_id = outcome.job_id
     and t.id = outcome.id
     and t.status = 'running'
     and t.node_id = p_node
     and t.attempt = outcome.attempt;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Moves the deltas into the jobs' counters; nothing when somebody else is folding.
create function bare.fold() returns void language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtext('bare.fold')) then
    return;
  end if;
  with deltas as (
    delete from bare.progress_deltas returning *
  ), sums as (
    select job_id,
           sum(total) as total,
           sum(waiting) as waiting,
           sum(pending) as pending,
           sum(running) as running,
           sum(completed) as completed,
           sum(failed) as failed
      from deltas
     group by job_id
  )
  update bare.jobs j
     set total = j.total + sums.total,
         waiting = j.waiting + sums.waiting,
         pending = j.pending + sums.pending,
         running = j.running + sums.running,
         completed = j.completed + sums.completed,
         failed = j.failed + sums.failed
    from sums
   where j.id = sums.job_id;
end $$;
