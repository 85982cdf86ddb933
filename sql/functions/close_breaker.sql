-- pawl.close_breaker(target): all jobs that the breaker holds back go on at once (I5).
-- For people, and for the node whose probe went well: p_node_id given, only that of the node that has the probe now
-- counts.
-- Returns true when this call closed it. Refuses, of people, a target that has no breaker (PW006).
-- Locks: the breaker's row, then the jobs by id.
create or replace function pawl.close_breaker(p_target text, p_node_id integer default null) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_breaker pawl.breakers;
  v_held bigint[];
begin
  select b.* into v_breaker from pawl.breakers b where b.target = p_target for update;
  if not found then
    if p_node_id is not null then
      return false;
    end if;
    raise exception 'no breaker has the target %', pg_catalog.quote_literal(p_target)
      using errcode = 'PW006', hint = 'select * from pawl.breakers (pawl breaker list) shows what there is, as scheme://host:port.';
  end if;
  if v_breaker.state = 'closed'
      or (p_node_id is not null and (v_breaker.state <> 'half_open' or v_breaker.probe_node_id <> p_node_id)) then
    return false;
  end if;
  update pawl.breakers b
  set state = 'closed', retry_at = null, openings = 0, closed_at = pawl.now()
  where b.target = p_target;
  v_held := array(
    select j.id
    from pawl.jobs j
    where j.held_by = p_target
    order by j.id
    for no key update);
  if v_held <> '{}' then
    update pawl.jobs j set held_by = null where j.id = any (v_held);
  end if;
  perform pawl.ring(case
    when pg_catalog.cardinality(v_held) between 1 and 100 then 'ask ' || pg_catalog.array_to_string(v_held, ' ')
    else 'ask *'
  end);
  return true;
end
$$;
comment on function pawl.close_breaker(text, integer) is 'all jobs that a breaker holds back go on at once';
