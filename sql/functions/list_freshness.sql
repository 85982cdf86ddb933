-- pawl.list_freshness(type, state, limit): keys of a type and how they stand, what is due first, the longest overdue in front, then what is fresh, then
-- what nobody wants; in one state, or in all. For pawl freshness list.
-- Returns a JSON array. Refuses an unknown type (PW002), and a state or a limit that there is not (PW006). It reads all keys of the type.
-- Locks: none.
create or replace function pawl.list_freshness(p_type text, p_state text default null, p_limit integer default 50) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_type pawl.data_types := pawl.data_type(p_type);
begin
  if p_state not in ('fresh', 'due', 'gate', 'parent', 'retry', 'queued', 'running', 'unwatched') then
    raise exception 'no key is ever in the state %', pg_catalog.quote_literal(p_state)
      using errcode = 'PW006', hint = 'It is one of fresh, due, gate, parent, retry, queued, running, unwatched.';
  end if;
  if p_limit < 0 then
    perform pawl.refuse_value('p_limit', p_limit, '0 or more, or null for all');
  end if;
  return (
    select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r) - 'place' order by r.place, r.due_at, r.key), '[]')
    from (
      select b.type, b.key, b.state, b.stale_since, b.due_at, b.late_seconds, b.next_check_at, b.viewers, b.is_wanted, b.has_data, b.outcome, b.outcome_at,
        b.error, b.failures, b.refreshed_at, b.source_at, b.refreshes, b.failed_refreshes, b.waits_for, b.waits_until, b.job_id || '/' || b.task_id as task,
        coalesce(pg_catalog.array_position('{fresh,unwatched}', b.state), 0) as place
      from pawl.freshness_by_key b
      where b.type = v_type.name
        and (p_state is null or b.state = p_state)
      order by place, b.due_at, b.key
      limit p_limit
    ) r);
end
$$;
comment on function pawl.list_freshness(text, text, integer) is 'keys of a data type and how they stand, as a JSON array';
