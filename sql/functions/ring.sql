-- pawl.ring(what): wakes every node that listens, at commit. Says nothing about whether one sleeps:
-- the triggers on pawl.tasks ask that; people and explicit functions ring anyway.
-- Words: 'work 1 2 3' (these jobs have pending tasks), 'work *' (look at all), 'due' (look at the
-- clock again), 'cancel 7' (drop what runs of job 7), 'cancel 7/12' (its task 12), 'kinds' (a kind has changed),
-- 'fold' (a job may have nothing left), 'ask 7 8', 'ask *' (what these jobs were told to wait for is over, or comes at
-- another time), 'open 11 12' (something has ended under these limiters: pawl.limiter_id), 'workers' (when external workers are to be woken has changed),
-- 'fresh' (a pair of type and key is due earlier, or there is a data type).
-- Locks: none, but NOTIFY takes a cluster-wide lock at commit.
create or replace function pawl.ring(p_message text) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.pg_notify('pawl', p_message)
$$;
comment on function pawl.ring(text) is 'wakes every listening node at commit';
