-- pawl.list_ended(jobs): which of these jobs have ended, or do not exist any more: a node forgets what it
-- kept for them. Reads no task.
-- Returns their ids. Locks: none.
create or replace function pawl.list_ended(p_job_ids bigint[]) returns table (job_id bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select i.id
  from unnest(p_job_ids) as i (id)
  -- a scalar subquery, which can only be a probe of the primary key
  where (select true from pawl.jobs j where j.id = i.id and j.finished_at is null) is null
$$;
comment on function pawl.list_ended(bigint[]) is 'which of these jobs have ended';
