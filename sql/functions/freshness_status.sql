-- A key of a type to ask its gate for; null when it has no gate, or no key that somebody wants.
create or replace function pawl.key_for_gate(p_type pawl.data_types) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select f.key
  from pawl.freshness f
  where p_type.gate_function is not null
    and f.type = p_type.name
    and f.check_at is not null
  order by f.wait_reason = 'gate' desc nulls last, f.due_at, f.key
  limit 1
$$;
comment on function pawl.key_for_gate(pawl.data_types) is 'a key of a data type to ask its gate for';

-- The breaker of a kind's target as JSON; null when it is closed, or there is none.
create or replace function pawl.explain_breaker(p_kind text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('target', b.target, 'state', b.state, 'error', b.error, 'opened_at', b.opened_at, 'retry_at', b.retry_at)
  from pawl.breakers b
  where b.target = pawl.hold_of(p_kind)
$$;
comment on function pawl.explain_breaker(text) is 'the breaker of a kind''s target, when it is not closed, as JSON';

-- pawl.freshness_status(type): every data type, or one: how its keys stand, and what holds its refreshes back. For pawl freshness status.
-- Returns a JSON array by name: what pawl.freshness_by_type has; limits (see pawl.explain_limits): those of the type and of its
-- kind; gate (see pawl.explain_gate), asked for one key: '' of a global type, else one that waits for it, else one that is due, else one that is watched; null
-- where the type has no gate; problem: also of its tracking (pawl.tracking_problem); breaker, of the kind's target, when it is not closed.
-- Refuses an unknown type (PW002). It reads all keys of the types (some 0.5 s for 100,000), and counts all subscriptions
-- in their primary key (some 0.15 s for 1,000,000), so it is for people, not for every second. Volatile as the gates are.
-- Locks: none, but what gates take.
create or replace function pawl.freshness_status(p_type text default null) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform pawl.data_type(p_type) where p_type is not null;
  return (
    select coalesce(pg_catalog.jsonb_agg((pg_catalog.to_jsonb(s) - 'job_id') || pg_catalog.jsonb_build_object('job', s.job_id::text,
        'problem', coalesce(s.problem, p.problem), 'problem_at', case when s.problem is not null then s.problem_at else p.problem_at end,
        'limits', pawl.explain_limits(s.job_id), 'breaker', pawl.explain_breaker(s.kind),
        'gate', pawl.explain_gate(d, case when d.is_global then '' else pawl.key_for_gate(d) end)) order by s.type), '[]')
    from pawl.freshness_by_type s
    join pawl.data_types d on d.name = s.type
    left join lateral pawl.tracking_problem(d) p on true
    where p_type is null
      or s.type = p_type);
end
$$;
comment on function pawl.freshness_status(text) is 'every data type, how its keys stand and what holds its refreshes back, as a JSON array';
