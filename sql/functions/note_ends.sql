-- pawl.note_ends(node, jobs, claimed_at, bytes, were_started): tasks of limited jobs have ended, or were given back, in this
-- transaction. For everybody who ends tasks; arrays run in parallel, and jobs without a limiter are passed over.
-- bytes: what a task took, null when nobody knows; were_started: false for one that was claimed and never begun.
-- For metered limiters it appends to pawl.limiter_uses, one row a limiter and claim, which the next admission takes into account
-- (pawl.settle_limiter). And when another node has been refused and waits (awaited_until), it rings "open": a place
-- may be free (I5). The node itself (p_node_id, null for none) knows that its task has ended.
-- "offset 0" leaves the planner one order: from the ends to their jobs and limiters, whatever it thinks of the tables.
-- Returns nothing. Locks: none; an end waits for no claim.
create or replace function pawl.note_ends(
  p_node_id integer,
  p_job_ids bigint[],
  p_claimed_at timestamptz[],
  p_bytes bigint[],
  p_were_started boolean[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.clock();
  v_awaited text;
  r record;
begin
  for r in
    select e.limiter_key, m.key, coalesce(n.is_metered, m.is_metered) as is_metered, e.claimed_at, e.ends, e.bytes, e.unmeasured, e.returned,
      m.awaited_until > v_now and m.awaited_by is distinct from p_node_id as is_awaited
    from (
      select j.limiter_key, o.claimed_at,
        pg_catalog.count(*) filter (where o.was_started) as ends,
        coalesce(pg_catalog.sum(o.bytes) filter (where o.was_started), 0) as bytes,
        pg_catalog.count(*) filter (where o.was_started and o.bytes is null) as unmeasured,
        pg_catalog.count(*) filter (where not o.was_started) as returned
      from unnest(p_job_ids, p_claimed_at, p_bytes, p_were_started) as o (job_id, claimed_at, bytes, was_started)
      cross join lateral (select x.limiter_key from pawl.jobs x where x.id = any (array[o.job_id]) offset 0) j
      where j.limiter_key is not null
      group by 1, 2
    ) e
    cross join lateral (select x.key, x.parent_key from pawl.limiters x where x.key = any (array[e.limiter_key]) offset 0) l
    cross join lateral (select x.* from pawl.limiters x where x.key = any (array[l.key, l.parent_key]) offset 0) m
    left join lateral (select x.is_metered from pawl.limiters x where x.key = any (array[m.rules_key]) offset 0) n on true
    order by m.key
  loop
    if r.is_metered then
      insert into pawl.limiter_uses (limiter_key, ended_at, ends, bytes, unmeasured, returned, claimed_at)
      values (r.key, v_now, r.ends, r.bytes, r.unmeasured, r.returned, r.claimed_at);
    end if;
    if r.is_awaited then
      v_awaited := pg_catalog.concat_ws(' ', v_awaited, pawl.limiter_id(r.key));
    end if;
  end loop;
  if v_awaited is not null then
    perform pawl.ring('open ' || v_awaited);
  end if;
end
$$;
comment on function pawl.note_ends(integer, bigint[], timestamptz[], bigint[], boolean[]) is 'tasks of limited jobs have ended: what they used, and who is to be told';
