-- pawl.admit_probe(target): may a job that a breaker holds back start something? For use inside pawl.claim_batch
-- only: the breaker's row stays locked until that transaction ends, which is what makes the probe the only one
-- over all nodes.
-- Returns one row: verdict and retry_ms. 'free': the breaker is closed, and the job just about to be let go; 'busy':
-- somebody changes it at this moment; 'held': not before retry_ms; 'probe': one task, and
-- pawl.begin_probe when there was one. A time that no pause and no probe's bound reaches is from before the clock was set
-- back: it has come.
-- Locks: the breaker's row (skip locked).
create or replace function pawl.admit_probe(p_target text) returns table (verdict text, retry_ms double precision)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.clock();
  v_breaker pawl.breakers;
begin
  select b.* into v_breaker from pawl.breakers b where b.target = p_target for update skip locked;
  if not found then
    return query select case when exists (select from pawl.breakers b where b.target = p_target) then 'busy' else 'free' end,
      20::double precision;
  elsif v_breaker.state = 'closed' then
    return query select 'free'::text, 0::double precision;
  elsif v_breaker.retry_at > v_now + interval '5 minutes' and v_breaker.retry_at > v_now + (
    select greatest(pg_catalog.max((k.options ->> 'breaker_pause_ms')::double precision), pg_catalog.max(k.timeout_ms) + 5000, 0)
    from pawl.kinds k
    where k.origin = p_target) * interval '1 millisecond'
  then
    return query select 'probe'::text, 0::double precision;
  elsif v_breaker.retry_at > v_now then
    return query select 'held'::text, (extract(epoch from v_breaker.retry_at - v_now) * 1000)::double precision;
  else
    return query select 'probe'::text, 0::double precision;
  end if;
end
$$;
comment on function pawl.admit_probe(text) is 'may a job that a breaker holds back start something?';

-- pawl.begin_probe(target, node, job): the node has claimed the one task that tries. It has as long as an attempt of
-- the job may take, and some seconds: then the next one may, wherever (the node may have been killed).
-- Returns after how many milliseconds. Locks: the breaker's row, which the caller has.
create or replace function pawl.begin_probe(p_target text, p_node_id integer, p_job_id bigint) returns double precision
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.clock();
  v_bound_ms double precision;
begin
  select k.timeout_ms + 5000 into v_bound_ms
  from pawl.jobs j
  join pawl.kinds k on k.name = j.kind
  where j.id = p_job_id;
  update pawl.breakers b
  set state = 'half_open', probes = b.probes + 1, probe_node_id = p_node_id, probe_job_id = p_job_id,
      retry_at = v_now + v_bound_ms * interval '1 millisecond'
  where b.target = p_target;
  return v_bound_ms;
end
$$;
comment on function pawl.begin_probe(text, integer, bigint) is 'a node has claimed the task that tries a target';
