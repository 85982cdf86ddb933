-- pawl.state_of_key(status of its task, and columns of pawl.freshness): how it stands with a key. queued or running: its refresh is
-- under way; gate, parent: it waits for that; fresh; unwatched: stale, and nobody wants it; retry: the last refresh failed or was cancelled, and
-- the next is put off; due: it is looked at any moment. The one place where that is said: pawl.freshness_state and the views ask here.
-- Locks: none. No SET clause, so that the planner can inline it: the views ask it of every key.
create or replace function pawl.state_of_key(p_task_status pawl.task_status, p_wait_reason text, p_stale_at timestamptz, p_due_at timestamptz,
  p_check_at timestamptz, p_is_wanted boolean, p_failures integer) returns text
language sql stable parallel safe
as $$
  select case
    when p_task_status operator(pg_catalog.=) 'running' then 'running'
    when p_task_status operator(pg_catalog.<) 'running' then 'queued'
    when p_wait_reason is not null then p_wait_reason
    when p_stale_at operator(pg_catalog.>) pawl.now() and not p_is_wanted then 'fresh'
    when p_check_at is null then 'unwatched'
    when p_due_at operator(pg_catalog.>) pawl.now() and (p_failures operator(pg_catalog.>) 0 or not p_is_wanted) then 'retry'
    else 'due'
  end
$$;
comment on function pawl.state_of_key(pawl.task_status, text, timestamptz, timestamptz, timestamptz, boolean, integer)
  is 'how it stands with a key: fresh, queued, running, gate, parent, retry, due, unwatched';
