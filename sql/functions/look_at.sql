-- pawl.look_at(type, keys): looks at keys of a type whose freshness has rows, and does what is to be done: a refresh that ended is settled;
-- one that nobody needs any more is cancelled, as long as it has not begun; what is stale and wanted is refreshed, or waits for its parent or
-- its gate; and check_at says when to look again. Who wants a key: its viewers, somebody who asked, or the type's schedule.
-- Returns those keys that somebody else has locked, or that have no row: nothing was done for them.
-- To end the demand for a key its row is locked FOR UPDATE, which keeps subscribers out (pawl.watch); so only the timer does that
-- (p_may_end), whose transactions are short; others leave it to the timer, at once. And before the row is changed: a lock on what
-- was changed in the same transaction is waited for by those who skip what is locked.
-- Outside READ COMMITTED all of that is left to a node (pawl.look_later).
-- Never waits. Raises what reading the type's table raises. Locks: the keys' freshness, by key (skip locked); after it tasks of refreshes
-- (skip locked), and for parents theirs.
-- Plans are made once a session, perhaps while the tables are small, and must do for large ones. So the settings leave the planner only the
-- road by index; where keys are looked up the type comes with each key from an array, and is compared with any (array[...]): as one value
-- for all it would be a road of its own, through all that the type has. For a task, and where it is asked whether there is a subscription, it is
-- offset 0 that keeps the look-up one of its own for each key.
create or replace function pawl.look_at(p_type pawl.data_types, p_keys text[], p_may_end boolean default false) returns text[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.clock(); -- a caller's transaction may have begun long ago
  v_locked text[];
  v_keys text[]; -- of them those that are judged
  v_types text[];
  v_busy text[];
  v_due text[];
  v_new text[];
  v_parent text;
  v_free text[];
  v_verdicts text[];
  v_dues timestamptz[];
  v_parents text[];
  v_gates timestamptz[];
  v_are_watched boolean[];
  v_are_free boolean[];
  v_started text[];
  v_priorities real[];
  v_lateness double precision[];
  v_payloads jsonb[];
  v_better text[];
begin
  if not pawl.sees_the_present() then
    perform pawl.look_later(p_type.name, p_keys);
    return '{}';
  end if;
  select coalesce(pg_catalog.array_agg(h.key), '{}'), pg_catalog.array_agg(h.key) filter (where h.task_id is not null),
    pg_catalog.array_agg(h.key) filter (where h.task_id is null and h.is_demanded and (h.is_wanted or h.due_at <= v_now)),
    pg_catalog.array_agg(h.key) filter (where h.task_id is null and h.is_demanded and not (h.is_watched or h.is_wanted or h.due_at <= v_now)),
    pg_catalog.array_agg(h.key) filter (where p_may_end and not h.is_demanded)
  into v_locked, v_busy, v_due, v_new, v_free
  from (
    select f.key, f.task_id, f.due_at, f.is_wanted, f.is_watched, case
        when f.is_wanted or p_type.strategy = 'scheduled' then true
        when not p_may_end and (f.task_id is not null or f.is_watched and f.due_at > v_now) then null -- it makes no difference here
        else exists (select from pawl.subscriptions s where s.type = f.type and s.key = f.key offset 0)
      end as is_demanded
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
    join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
    order by f.key
    for no key update of f skip locked
  ) h;
  if v_locked = '{}' then
    return p_keys;
  end if;
  v_keys := v_locked;
  v_types := pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(v_keys)]);

  if v_free is not null then
    v_free := array(
      select f.key
      from unnest(v_types[:pg_catalog.cardinality(v_free)], v_free) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      order by f.key
      for update of f skip locked);
  end if;

  if v_busy is not null then
    perform pawl.look_at_tasks(p_type, v_busy);
    select pg_catalog.array_agg(l.key) filter (where l.is_demanded and (l.is_wanted or l.due_at <= v_now)),
      pg_catalog.array_agg(l.key) filter (where not (l.is_settled and l.is_demanded))
    into v_due, v_keys
    from (
      select f.key, f.is_wanted, f.due_at,
        f.task_id is null and f.is_watched and not f.is_wanted and f.due_at > v_now and f.wait_reason is null
          and f.check_at is not distinct from nullif(f.due_at, 'infinity') as is_settled,
        f.task_id is null and case
          when f.is_wanted or p_type.strategy = 'scheduled' then true
          else exists (select from pawl.subscriptions s where s.type = f.type and s.key = f.key offset 0)
        end as is_demanded
      from unnest(v_types, v_keys) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      offset 0
    ) l;
    if v_keys is null then -- all is said by the ends of their refreshes
      return array(select k.key from unnest(p_keys) k (key) where k.key not in (select u.key from unnest(v_locked) u (key)));
    end if;
    v_types := v_types[:pg_catalog.cardinality(v_keys)];
  end if;

  -- what others have written meanwhile to what somebody wants, and parents: whoever leaves need not be able to read
  if v_new is not null and p_type.table_name is not null then
    -- nobody looked until now, and it was fresh: is it there?
    perform pawl.read_truth(p_type, v_new);
    v_due := v_due || array(
      select f.key
      from unnest(v_types[:pg_catalog.cardinality(v_new)], v_new) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      where f.due_at <= v_now);
  end if;
  if v_due <> '{}' then
    perform pawl.read_truth(p_type, v_due);
    foreach v_parent in array p_type.parents loop
      perform pawl.want_parent(p_type, v_parent, v_due);
    end loop;
  end if;

  select pg_catalog.array_agg(j.key), pg_catalog.array_agg(j.verdict), pg_catalog.array_agg(j.due_at), pg_catalog.array_agg(j.waits_for),
    pg_catalog.array_agg(j.closed_until), pg_catalog.array_agg(j.viewers > 0),
    pg_catalog.array_agg(j.verdict = 'idle' and j.key in (select u.key from unnest(v_free) u (key))),
    pg_catalog.array_agg(j.key) filter (where j.verdict = 'start'), pg_catalog.array_agg(j.priority) filter (where j.verdict = 'start'),
    pg_catalog.array_agg(extract(epoch from j.stale_since)::double precision / 60 - 26297280) filter (where j.verdict = 'start'), -- since 2020
    pg_catalog.array_agg(pg_catalog.jsonb_build_object('type', p_type.name, 'key', j.key, 'stale_since', j.stale_since, 'refreshed_at', j.refreshed_at,
        'source_at', j.source_at)
      || case when p_type.fetch_path is null then '{}'
        else pg_catalog.jsonb_build_object('path', pg_catalog.replace(p_type.fetch_path, '{key}', pawl.encode_key(j.key))) end) filter (where j.verdict = 'start'),
    pg_catalog.array_agg(j.key) filter (where j.task_status < 'running' and j.task_priority < j.priority)
  into v_keys, v_verdicts, v_dues, v_parents, v_gates, v_are_watched, v_are_free, v_started, v_priorities, v_lateness, v_payloads, v_better
  from (
    select f.key, f.viewers, d.is_demanded, d.due_at, p.waits_for, g.closed_until,
      case
        when f.task_status < 'completed' then 'active'
        when f.task_id is not null then 'ended' -- at this moment; who ended it found the key locked
        when not d.is_demanded then 'idle'
        when d.due_at > v_now then 'later'
        when p.waits_for is not null then 'parent'
        when g.closed_until > v_now then 'gate'
        else 'start'
      end as verdict,
      pawl.refresh_priority(f.viewers, case when f.is_wanted then f.wanted_priority else 0 end) as priority,
      least(f.stale_at, v_now) as stale_since, f.refreshed_at, f.source_at, f.task_status, f.task_priority
    from (
      select f.*, t.status as task_status, t.priority as task_priority,
        (select pg_catalog.count(*) from (select from pawl.subscriptions s where s.type = f.type and s.key = f.key limit 1000) s) as viewers
      from unnest(v_types, v_keys) as k (type, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      left join lateral (select x.status, x.priority from pawl.tasks x where x.job_id = p_type.job_id and x.id = f.task_id offset 0) t on true
      offset 0 -- so that viewers are counted once
    ) f
    cross join lateral (
      select f.viewers > 0 or f.is_wanted or p_type.strategy = 'scheduled' as is_demanded,
        case
          when f.is_wanted then coalesce(greatest(case when f.outcome_at <= v_now then f.outcome_at + interval '1 second' end, case when f.failures > 0 then f.due_at end), '-infinity')
          else f.due_at
        end as due_at
    ) d
    cross join lateral (
      select case when p_type.parents <> '{}' and f.task_id is null and d.is_demanded and d.due_at <= v_now then pawl.stale_parent(p_type, f.key) end as waits_for
    ) p
    cross join lateral (
      select case
        when p_type.gate_function is not null and f.task_id is null and d.is_demanded and d.due_at <= v_now and p.waits_for is null and f.has_data
            and (f.refreshed_at + p_type.max_age <= v_now) is not true
          then pawl.gate_of(p_type, f.key)
      end as closed_until
    ) g
    offset 0 -- so that each is judged once
  ) j;

  if v_started is not null then
    insert into pawl.tasks (job_id, key, is_key_reusable, priority, lateness, payload)
    select p_type.job_id, s.key, true, s.priority, s.lateness, s.payload
    from unnest(v_started, v_priorities, v_lateness, v_payloads) as s (key, priority, lateness, payload)
    order by s.key
    on conflict (job_id, key) where is_key_active do nothing;
  end if;
  update pawl.freshness f
  set task_id = case
        when j.verdict = 'start' then (select t.id from pawl.tasks t where t.job_id = p_type.job_id and t.key = f.key and t.is_key_active)
        else f.task_id
      end,
      is_watched = j.is_watched or f.is_watched and not j.is_free,
      demanded_at = case
        when j.verdict = 'idle' and (not f.is_watched or j.is_free) then null
        when f.is_watched then f.demanded_at
        else coalesce(f.demanded_at, v_now)
      end,
      requested_at = case when j.verdict = 'start' then v_now else f.requested_at end,
      wait_reason = case when j.verdict in ('parent', 'gate') then j.verdict end,
      waits_for = case when j.verdict = 'parent' then j.waits_for end,
      waits_until = case when j.verdict = 'gate' then j.closed_until end,
      check_at = case j.verdict
        when 'start' then v_now + interval '30 seconds'
        when 'active' then v_now + least(interval '1 hour', greatest(interval '30 seconds', (v_now - f.requested_at) / 2))
        when 'ended' then v_now
        when 'later' then nullif(j.due_at, 'infinity')
        when 'parent' then v_now + interval '1 minute'
        when 'gate' then greatest(v_now + interval '1 second', least(j.closed_until, f.refreshed_at + p_type.max_age, v_now + interval '1 hour'))
        when 'idle' then case
          when not f.is_watched or j.is_free then null
          else v_now + case when p_may_end then interval '1 second' else interval '1 millisecond' end
        end
      end,
      forget_at = case when j.verdict = 'idle' and (not f.is_watched or j.is_free) then v_now + interval '30 days' end
  from unnest(v_types, v_keys, v_verdicts, v_dues, v_parents, v_gates, v_are_watched, v_are_free)
    as j (type, key, verdict, due_at, waits_for, closed_until, is_watched, is_free)
  where f.type = any (array[j.type])
    and f.key = j.key;
  if v_better is not null then
    perform pawl.raise_refreshes(p_type, v_better);
  end if;
  return array(select k.key from unnest(p_keys) k (key) where k.key not in (select u.key from unnest(v_locked) u (key)));
end
$$;
comment on function pawl.look_at(pawl.data_types, text[], boolean) is 'looks at keys of a type, and does what is to be done; returns those that are locked';

-- For pawl.look_at, which has these keys' freshness: what has become of refreshes that were under way. One that ended is settled, one that nobody
-- needs is cancelled, one that is gone is forgotten.
create or replace function pawl.look_at_tasks(p_type pawl.data_types, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_now timestamptz := pawl.clock();
  v_ended bigint[];
  v_vanished text[];
  v_useless bigint[];
begin
  select pg_catalog.array_agg(r.task_id) filter (where t.status >= 'completed'), pg_catalog.array_agg(r.key) filter (where t.id is null),
    pg_catalog.array_agg(r.task_id) filter (where t.status < 'running' and not r.is_wanted and (r.due_at > v_now or not (
      p_type.strategy = 'scheduled' or exists (select from pawl.subscriptions s where s.type = r.type and s.key = r.key offset 0))))
  into v_ended, v_vanished, v_useless
  from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
  join pawl.freshness r on r.type = any (array[k.type]) and r.key = k.key
  left join lateral (select x.id, x.status from pawl.tasks x where x.job_id = p_type.job_id and x.id = r.task_id offset 0) t on true
  where r.task_id is not null;
  if v_ended is not null then
    perform pawl.settle_type(p_type, v_ended);
  end if;
  if v_useless is not null then
    v_vanished := v_vanished || pawl.cancel_refreshes(p_type, v_useless);
  end if;
  if v_vanished is not null then
    update pawl.freshness f
    set task_id = null,
        due_at = greatest(f.due_at, ( -- who leaves and comes again does not spare himself the pause after a failure; a write ends it
          select x.run_at
          from pawl.tasks x
          where x.job_id = p_type.job_id
            and x.id = f.task_id
            and x.attempt > 0
            and f.due_at <= v_now))
    from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(v_vanished)]), v_vanished) as k (type, key)
    where f.type = any (array[k.type])
      and f.key = k.key;
  end if;
end
$$;
comment on function pawl.look_at_tasks(pawl.data_types, text[]) is 'what has become of refreshes that were under way';

-- Refreshes of these keys that have ended, and nobody has settled, are: whoever asks after that asks for another one. Locks: as pawl.settle_type.
create or replace function pawl.settle_ended(p_type pawl.data_types, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_ended bigint[];
begin
  select pg_catalog.array_agg(f.task_id) into v_ended
  from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, key)
  join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
  cross join lateral (select x.status from pawl.tasks x where x.job_id = p_type.job_id and x.id = f.task_id offset 0) t
  where t.status >= 'completed';
  if v_ended is not null then
    perform pawl.settle_type(p_type, v_ended);
  end if;
end
$$;
comment on function pawl.settle_ended(pawl.data_types, text[]) is 'refreshes of keys that have ended are settled';

-- What a refresh is worth beside others of its type, where a minute of being stale is worth 1 (tasks.lateness): somebody looks: 60, and 5
-- more for each doubling of the viewers (at most 1000 are counted); who asks for it adds what he likes.
-- No SET clause, so that the planner can inline it.
create or replace function pawl.refresh_priority(p_viewers bigint, p_wanted real) returns real
language sql immutable
as $$
  select (case when p_viewers operator(pg_catalog.>) 0
      then 60 operator(pg_catalog.+) (5 operator(pg_catalog.*) (pg_catalog.ln(p_viewers::double precision) operator(pg_catalog./) pg_catalog.ln(2::double precision)))
      else 0 end)::real operator(pg_catalog.+) p_wanted
$$;
comment on function pawl.refresh_priority(bigint, real) is 'what a refresh is worth beside others of its type';

-- Cancels refreshes that have not begun and that nobody has locked; returns their keys.
create or replace function pawl.cancel_refreshes(p_type pawl.data_types, p_task_ids bigint[]) returns text[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_keys text[];
begin
  with found as materialized (
    select t.ctid
    from unnest(pg_catalog.array_fill(p_type.job_id, array[pg_catalog.cardinality(p_task_ids)]), p_task_ids) as i (job_id, id)
    join pawl.tasks t on t.job_id = any (array[i.job_id]) and t.id = i.id
    where t.status in ('waiting', 'pending')
    order by t.id
    for update of t skip locked
  ), cancelled as (
    update pawl.tasks t
    set status = 'cancelled', finished_at = pawl.clock(), wait_reason = null, error = 'nobody needs it any more'
    from found f
    where t.job_id = p_type.job_id
      and t.ctid = f.ctid
    returning t.key
  )
  select coalesce(pg_catalog.array_agg(c.key), '{}') into v_keys from cancelled c;
  return v_keys;
end
$$;
comment on function pawl.cancel_refreshes(pawl.data_types, bigint[]) is 'cancels refreshes that have not begun; returns their keys';

-- Refreshes that have not begun are worth more by now: more look, or somebody asked. The caller has the keys' freshness.
create or replace function pawl.raise_refreshes(p_type pawl.data_types, p_keys text[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  with found as materialized (
    select t.ctid, pawl.refresh_priority(f.viewers, f.wanted_priority) as priority
    from (
      select k.job_id, f.task_id, case when f.is_wanted then f.wanted_priority else 0 end as wanted_priority,
        (select pg_catalog.count(*) from (select from pawl.subscriptions s where s.type = f.type and s.key = f.key limit 1000) s) as viewers
      from unnest(pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_keys)]),
        pg_catalog.array_fill(p_type.job_id, array[pg_catalog.cardinality(p_keys)]), p_keys) as k (type, job_id, key)
      join pawl.freshness f on f.type = any (array[k.type]) and f.key = k.key
      offset 0
    ) f
    join pawl.tasks t on t.job_id = any (array[f.job_id]) and t.id = f.task_id
    where t.status in ('waiting', 'pending')
    order by t.id
    for update of t skip locked
  )
  update pawl.tasks t
  set priority = f.priority
  from found f
  where t.job_id = p_type.job_id
    and t.ctid = f.ctid
    and t.priority < f.priority;
end
$$;
comment on function pawl.raise_refreshes(pawl.data_types, text[]) is 'refreshes that have not begun are worth more by now';
