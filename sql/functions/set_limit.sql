-- pawl.set_limit(kind, scope, ...): limits of a kind. Scope 'kind': over all its tasks. Scope 'key': for the
-- tasks of each limit key (pawl.enqueue), for every key the same numbers, and each for itself; they hold beside those
-- of the kind. A null argument keeps what is there, 0 takes the limit away:
-- pawl.write_limit says what each of them means.
-- Returns the key of the limiter that has the numbers. Refuses an unknown kind (PW001), a scope that is neither
-- (PW006), and as pawl.write_limit.
-- Locks: the limiters' rows (the kind's, then its keys'), the kind's row, then the standing jobs' rows by id, then the
-- limiters of schedules whose runs queue.
create or replace function pawl.set_limit(
  p_kind text,
  p_scope text default 'kind',
  p_max_running integer default null,
  p_start_interval_ms double precision default null,
  p_burst integer default null,
  p_spacing_ms double precision default null,
  p_window_ms double precision default null,
  p_max_calls bigint default null,
  p_max_bytes bigint default null,
  p_estimated_bytes bigint default null,
  p_bytes_window_ms double precision default null
) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
begin
  perform from pawl.kinds k where k.name = p_kind;
  if not found then
    perform pawl.refuse_kind(p_kind);
  end if;
  if p_scope is null or p_scope not in ('kind', 'key') then
    raise exception 'scope % is not known', pg_catalog.quote_nullable(p_scope)
      using errcode = 'PW006', hint = 'It is kind (all tasks of the kind together) or key (the tasks of each limit key).';
  end if;
  insert into pawl.limiters (key)
  values ('kind:' || p_kind)
  on conflict (key) do nothing;
  if p_scope = 'key' then
    insert into pawl.limiters (key)
    values ('keys:' || p_kind)
    on conflict (key) do nothing;
  end if;
  v_key := case p_scope when 'kind' then 'kind:' else 'keys:' end || p_kind;
  perform pawl.write_limit(v_key, p_max_running, p_start_interval_ms, p_burst, p_spacing_ms, p_window_ms, p_max_calls, p_max_bytes,
    p_estimated_bytes, p_bytes_window_ms);

  update pawl.kinds k
  set limiter_key = case when p_scope = 'kind' then v_key else k.limiter_key end
  where k.name = p_kind;
  perform pawl.limit_standing_jobs(p_kind);
  perform pawl.ring('kinds');
  return v_key;
end
$$;
comment on function pawl.set_limit(text, text, integer, double precision, integer, double precision, double precision, bigint, bigint, bigint, double precision)
  is 'limits of a kind, or of each limit key of a kind; null keeps what is there, 0 takes it away';

-- The standing jobs of a kind get the limiters that it has by now. Whoever calls it has written to the kind's row,
-- so that those who make standing jobs have waited, or are waited for.
create or replace function pawl.limit_standing_jobs(p_kind text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  r record;
begin
  for r in
    select s.job_id, j.limiter_key as old_key, coalesce(pawl.key_limiter(p_kind, s.limit_key), k.limiter_key) as new_key
    from pawl.standing_jobs s
    join pawl.jobs j on j.id = s.job_id
    join pawl.kinds k on k.name = s.kind
    where s.kind = p_kind
    order by s.job_id
  loop
    continue when r.old_key is not distinct from r.new_key;
    update pawl.jobs j
    set limiter_key = r.new_key
    where j.id = r.job_id;
  end loop;
  -- schedules whose runs queue have limiters of their own
  update pawl.limiters l
  set parent_key = k.limiter_key
  from pawl.schedules s
  join pawl.jobs j on j.id = s.queue_job_id
  join pawl.kinds k on k.name = j.kind
  where j.kind = p_kind
    and l.key = 'schedule:' || s.name
    and l.key = j.limiter_key
    and l.parent_key is distinct from k.limiter_key;
  perform pawl.limit_type_jobs(p_kind);
end
$$;
comment on function pawl.limit_standing_jobs(text) is 'the standing jobs of a kind get the limiters that it has by now';
