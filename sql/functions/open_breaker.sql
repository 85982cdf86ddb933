-- pawl.open_breaker(target, error, pause_ms, node, is_probe, age_ms): a node says that a target is down. All open jobs of kinds with that target are held back for the pause, which doubles with
-- each probe that fails, up to five minutes (or the pause itself, where it is longer), less a random quarter, so that
-- what went down together does not come back together. Self-tests are not held.
-- When it is open already, only jobs that came meanwhile are held, and the pause stays what it is. p_is_probe: the
-- task that failed was the probe; only that of the node that has it now counts. p_age_ms: how long ago the failed
-- attempt began: one from before the breaker was closed says nothing.
-- Returns true when it is open now.
-- Locks: the breaker's row, then the jobs by id.
create or replace function pawl.open_breaker(
  p_target text,
  p_error text,
  p_pause_ms double precision,
  p_node_id integer,
  p_is_probe boolean default false,
  p_age_ms double precision default 0
) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_part double precision := 1 - 0.25 * pg_catalog.random(); -- never inside the update
  v_breaker pawl.breakers;
  v_openings integer;
  v_held bigint[];
begin
  insert into pawl.breakers (target)
  values (p_target)
  on conflict (target) do nothing;
  select b.* into v_breaker from pawl.breakers b where b.target = p_target for update;
  if v_breaker.state = 'closed' then
    if p_is_probe or v_breaker.closed_at > v_now - p_age_ms * interval '1 millisecond' then
      return false;
    end if;
    v_openings := 0;
  elsif v_breaker.state = 'half_open' and p_is_probe and v_breaker.probe_node_id = p_node_id then
    v_openings := v_breaker.openings;
  end if;
  if v_openings is not null then
    update pawl.breakers b
    set state = 'open', error = pg_catalog.left(p_error, 1000), node_id = p_node_id, openings = v_openings + 1,
        opened_at = case when v_openings = 0 then v_now else b.opened_at end,
        retry_at = v_now + least(p_pause_ms * 2 ^ least(v_openings, 20), greatest(p_pause_ms, 300000)) * v_part
          * interval '1 millisecond'
    where b.target = p_target;
  end if;

  v_held := array(
    select j.id
    from pawl.jobs j
    join pawl.kinds k on k.name = j.kind
    where j.finished_at is null
      and k.origin = p_target
      and j.held_by is distinct from p_target
      and not j.params @> '{"self_test": true}'
    order by j.id
    for no key update of j);
  if v_held <> '{}' then
    update pawl.jobs j set held_by = p_target where j.id = any (v_held);
  end if;
  if v_openings > 0 then
    perform pawl.ring('ask *'); -- they were told to ask when the probe has had its time
  end if;
  return true;
end
$$;
comment on function pawl.open_breaker(text, text, double precision, integer, boolean, double precision)
  is 'a target is down: its jobs are held back';
