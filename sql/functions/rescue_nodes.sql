-- pawl.rescue_nodes(silence): nodes that have not been heard of for p_silence are declared dead. Their
-- running tasks are pending again, with the attempt counted; over the kind's limit they fail as lost.
-- Each step is a transaction, so it is called until it returns nothing to do:
--   1. declare: from then on the node's claims and heartbeats are refused;
--   2. rescue what it runs, and draw a transaction id;
--   3. once every transaction before that id has ended, no claim of the node can still commit: rescue
--      what came in between, and remove the row (a row that somebody deletes before that is only
--      declared dead: triggers/delete_node.sql).
-- Returns one row: rescued, tasks put back; is_unfinished, a node was declared dead just now: call again.
-- One node at a time does this, the others get (0, false).
-- A heartbeat that lies ahead is from before the clock was set back: the silence counts from now on. For a clock that is
-- set forward see pawl.heartbeat.
-- Running tasks are found by a scan of those jobs that have any by their counters, one scan for however
-- many nodes have died: an index on running tasks would make every finish a non-HOT update, to save
-- seconds once a crash.
-- Rings always when a node is dead: a claim of its that rolled back has left tasks pending that others
-- passed over while they were locked.
-- Locks: an advisory lock (try); the dead nodes' rows by id (skip locked); their tasks by job and id (skip
-- locked: what is locked is being finished or cancelled; a row stays until nothing of it is running).
create or replace function pawl.rescue_nodes(p_silence interval default '15 seconds')
returns table (rescued bigint, is_unfinished boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_oldest bigint := pawl.oldest_transaction(); -- before anything is read: what is read then is newer
  v_dead integer[];
  v_horizon bigint;
  v_rescued bigint := 0;
  v_is_declared boolean;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(1885435756, 4) then
    return query select 0::bigint, false;
    return;
  end if;
  select pg_catalog.array_agg(d.id) into v_dead
  from (
    select n.id
    from pawl.nodes n
    where n.dead_at is not null
      and (n.dead_horizon is null or n.dead_horizon <= v_oldest)
    order by n.id
    for update skip locked
  ) d;
  if v_dead is not null then
    v_rescued := pawl.rescue_tasks(v_dead);
    update pawl.nodes n
    set dead_horizon = 0
    where n.id = any (v_dead)
      and n.dead_horizon is not null
      and n.id not in (
        select t.node_id
        from pawl.jobs j
        join pawl.job_progress p on p.job_id = j.id
        join pawl.tasks t on t.job_id = j.id
        where j.finished_at is null
          and p.running > 0
          and t.status = 'running'
          and t.node_id = any (v_dead));
    delete from pawl.nodes n
    where n.id = any (v_dead)
      and n.dead_horizon = 0;
    v_horizon := pawl.draw_transaction();
    update pawl.nodes n
    set dead_horizon = v_horizon
    where n.id = any (v_dead)
      and n.dead_horizon is null;
    perform pawl.ring('work *');
  end if;

  update pawl.nodes n
  set heartbeat_at = v_now
  where n.dead_at is null
    and n.heartbeat_at > v_now + p_silence;
  update pawl.nodes n
  set dead_at = v_now, is_asleep = false
  where n.dead_at is null
    and n.heartbeat_at < v_now - p_silence;
  v_is_declared := found;
  return query select v_rescued, v_is_declared;
end
$$;
comment on function pawl.rescue_nodes(interval) is 'puts the running tasks of dead nodes back; call again while it is unfinished';
