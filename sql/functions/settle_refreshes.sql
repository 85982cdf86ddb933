-- pawl.settle_refreshes(jobs, tasks, by_node, may_wait): tasks have just reached a final status in this transaction: those that were refreshes settle
-- the freshness of their keys. For everybody who ends tasks; arrays run in parallel, and tasks of other jobs are passed over. An end
-- that nobody settles so (somebody has the key locked, wrote into pawl.tasks by hand, or is not in READ COMMITTED) is settled by pawl.look_at, which finds it.
-- A node that ends tasks itself (p_by_node) asks anyway what is due next; else the nodes are told to.
-- p_may_wait: users' functions and tables may be asked, and may take their time; else, and where they are locked, what needs them is left to
-- pawl.refresh_due.
-- Returns nothing. Raises nothing of the users' functions and tables, and waits a tenth of a second for who has one locked. Locks: the keys' freshness
-- (skip locked).
create or replace function pawl.settle_refreshes(p_job_ids bigint[], p_task_ids bigint[], p_by_node boolean default false, p_may_wait boolean default true) returns void
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
  v_type pawl.data_types;
  r record;
begin
  for r in
    select j.data_type, o.task_ids -- a type has one job
    from (
      select u.job_id, pg_catalog.array_agg(u.task_id) as task_ids
      from unnest(p_job_ids, p_task_ids) as u (job_id, task_id)
      group by u.job_id
    ) o
    join pawl.jobs j on j.id = any (array[o.job_id])
    where j.data_type is not null
    order by j.data_type
  loop
    select d.* into v_type from pawl.data_types d where d.name = r.data_type;
    if found then
      if not pawl.sees_the_present() then
        perform pawl.look_later(v_type.name, array(
          select t.key
          from unnest(pg_catalog.array_fill(v_type.job_id, array[pg_catalog.cardinality(r.task_ids)]), r.task_ids) as i (job_id, id)
          join pawl.tasks t on t.job_id = any (array[i.job_id]) and t.id = i.id));
      elsif not p_may_wait then
        perform pawl.settle_type(v_type, pawl.leave_to_refresh_due(v_type, r.task_ids));
      else
        begin
          perform pawl.settle_type(v_type, r.task_ids);
        exception when lock_not_available then
          perform pawl.settle_type(v_type, pawl.leave_to_refresh_due(v_type, r.task_ids));
        end;
      end if;
      if not p_by_node then
        perform pawl.ring('fresh');
      end if;
    end if;
  end loop;
end
$$;
comment on function pawl.settle_refreshes(bigint[], bigint[], boolean, boolean) is 'ended tasks that were refreshes settle the freshness of their keys';

-- Of ended refreshes of a type those that cannot be settled without its function, which says when data is stale, or its table, which says what a
-- refresh brought that says nothing of it: a node looks at their keys. Returns the others. Locks: none.
create or replace function pawl.leave_to_refresh_due(p_type pawl.data_types, p_task_ids bigint[]) returns bigint[]
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
  v_others bigint[];
begin
  if p_type.table_name is null and p_type.due_function is null then
    return p_task_ids;
  end if;
  select pg_catalog.array_agg(t.key) filter (where t.is_left), pg_catalog.array_agg(t.id) filter (where not t.is_left)
  into v_keys, v_others
  from (
    select x.key, x.id, x.status = 'completed' and case pawl.stated_outcome(x.result)
        when 'data' then p_type.due_function is not null
        when 'unchanged' then p_type.due_function is not null
        else pawl.stated_outcome(x.result) is null
      end as is_left
    from unnest(p_task_ids) i (id)
    cross join lateral (select y.id, y.key, y.status, y.result from pawl.tasks y where y.job_id = p_type.job_id and y.id = i.id offset 0) x
  ) t;
  insert into pawl.looks (type, key)
  select p_type.name, k.key from unnest(v_keys) k (key);
  return coalesce(v_others, '{}');
end
$$;
comment on function pawl.leave_to_refresh_due(pawl.data_types, bigint[]) is 'leaves ended refreshes that need users'' functions and tables to a node; returns the others';

-- The same for tasks of one type's job. What a refresh has come to, in this order:
--   failed      the task failed, or says an outcome that does not exist
--   rejected    it says so; or the source time that it gives is before that of what is there
--   empty       it says so; or it says nothing, and the type's table has no row of the key
--   unchanged   it says so; or gives the same source time; or says nothing, and the row was not written since the last refresh
--   data        else
-- The first two leave the data as stale as it was and put the key off, longer with each in a row; the others say when it is stale
-- next, counted from the end: that is now, or earlier where it is settled late, since somebody had the key locked; then the data may be stale already.
-- In any case the next refresh is a second from now or more, so no key can keep a node busy. A cancelled refresh is put off too.
-- A row that is not there when an end is settled more than a second late may have been deleted since: then "empty" is not believed, once, and the
-- key is refreshed again.
-- A key that is put off and that others wait for, since it is their parent, is still wanted.
create or replace function pawl.settle_type(p_type pawl.data_types, p_task_ids bigint[]) returns void
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
  v_now timestamptz := pawl.clock(); -- an end in this transaction is now, whenever that began
  v_is_plain boolean := p_type.strategy = 'on_demand' and p_type.due_function is null;
  v_keys text[];
  v_tasks bigint[];
  v_types text[] := pg_catalog.array_fill(p_type.name, array[pg_catalog.cardinality(p_task_ids)]);
  v_silent integer; -- of them, the first ones: completed without a word of what came
  v_statuses pawl.task_status[];
  v_started_at timestamptz[];
  v_said text[];
  v_times text[];
  v_errors text[];
  v_stale_at timestamptz[];
  v_refreshed_at timestamptz[];
  v_source_at timestamptz[];
  v_failures integer[];
  v_are_old boolean[];
  v_ended_at timestamptz[];
  v_have_data boolean[];
  v_written_at timestamptz[];
  v_have_ttls boolean := exists (select from pawl.type_keys k where k.type = p_type.name);
  v_told text[];
  v_done text[];
begin
  select pg_catalog.array_agg(h.key), pg_catalog.array_agg(h.task_id), pg_catalog.count(*) filter (where h.is_silent),
    pg_catalog.array_agg(h.status), pg_catalog.array_agg(h.started_at), pg_catalog.array_agg(h.said), pg_catalog.array_agg(h.time), pg_catalog.array_agg(h.error),
    pg_catalog.array_agg(h.stale_at), pg_catalog.array_agg(h.refreshed_at), pg_catalog.array_agg(h.source_at), pg_catalog.array_agg(h.failures),
    pg_catalog.array_agg(h.is_old), pg_catalog.array_agg(case when h.refreshed_at between h.ended_at and v_now then h.refreshed_at else h.ended_at end) -- a write after it
  into v_keys, v_tasks, v_silent, v_statuses, v_started_at, v_said, v_times, v_errors, v_stale_at, v_refreshed_at, v_source_at, v_failures, v_are_old, v_ended_at
  from (
    select f.key, f.task_id, f.stale_at, f.refreshed_at, f.source_at, f.failures, t.finished_at < v_now - interval '1 second' and f.outcome is distinct from 'empty' as is_old,
      case when t.finished_at < pawl.now() then t.finished_at else v_now end as ended_at, t.is_silent, t.status, t.started_at, t.said, t.time, t.error
    from (
      select i.type, x.id, x.key, x.status, x.started_at, x.finished_at, x.said, x.status = 'completed' and x.said is null as is_silent,
        case when pg_catalog.jsonb_typeof(x.result) = 'object' then x.result ->> 'source_at' end as time,
        case
          when x.status = 'completed' and x.said = 'rejected' then coalesce(pg_catalog.left(x.result ->> 'error', 1000), 'its refresh rejected the answer')
          when x.status = 'failed' or x.said = 'failed' then coalesce(x.error, pg_catalog.format('its refresh says the outcome %s, which is none of data, empty, unchanged, rejected', pg_catalog.left((x.result -> 'outcome')::text, 100)))
        end as error
      from unnest(v_types, p_task_ids) as i (type, id)
      cross join lateral (
        select y.id, y.key, y.status, y.started_at, y.finished_at, y.result, y.error, pawl.stated_outcome(y.result) as said
        from pawl.tasks y
        where y.job_id = p_type.job_id
          and y.id = i.id
          and y.status >= 'completed'
        offset 0
      ) x
      offset 0
    ) t
    join pawl.freshness f on f.type = any (array[t.type]) and f.key = t.key
    where f.task_id = t.id
    order by t.is_silent desc, f.key
    for no key update of f skip locked
  ) h;
  if coalesce(pg_catalog.cardinality(v_keys), 0) < pg_catalog.cardinality(p_task_ids) then
    perform pawl.look_later(p_type.name, array(
      select f.key
      from (
        select i.type, x.id, x.key
        from unnest(v_types, p_task_ids) as i (type, id)
        cross join lateral (select y.id, y.key, y.status from pawl.tasks y where y.job_id = p_type.job_id and y.id = i.id offset 0) x
        where x.status >= 'completed'
          and x.id not in (select u.id from unnest(v_tasks) u (id))
        offset 0
      ) t
      join pawl.freshness f on f.type = any (array[t.type]) and f.key = t.key
      where f.task_id = t.id));
  end if;
  if v_keys is null then
    return;
  end if;
  if v_silent > 0 then
    select pg_catalog.array_agg(d.has_data), pg_catalog.array_agg(d.written_at) into v_have_data, v_written_at
    from pawl.try_read_data(p_type, v_keys[:v_silent]) d;
  end if;

  with settled as (
    update pawl.freshness f
    set task_id = null,
        is_wanted = e.is_needed,
        demanded_at = case when f.is_watched or e.is_needed then f.demanded_at end,
        wanted_priority = case when e.is_needed then f.wanted_priority else 0 end,
        has_data = case when e.outcome in ('data', 'unchanged') then coalesce(e.has_data, true) when e.outcome = 'empty' then false else f.has_data end,
        failures = case when e.outcome in ('failed', 'rejected') then f.failures + 1 when e.outcome is not null then 0 else f.failures end,
        refreshes = f.refreshes + coalesce(e.outcome in ('data', 'unchanged', 'empty'), false)::integer,
        failed_refreshes = f.failed_refreshes + coalesce(e.outcome in ('failed', 'rejected'), false)::integer,
        refreshed_at = case when e.outcome in ('data', 'unchanged') then e.ended_at else f.refreshed_at end,
        source_at = case when e.outcome in ('data', 'unchanged') then e.source_at else f.source_at end,
        stale_at = e.stale_at,
        due_at = e.due_at,
        check_at = case when f.is_watched or e.is_needed or p_type.strategy = 'scheduled' then nullif(e.due_at, 'infinity') end,
        forget_at = case when not f.is_watched and not e.is_needed and p_type.strategy <> 'scheduled' then v_now + interval '30 days' end,
        outcome = coalesce(e.outcome, f.outcome),
        outcome_at = case when e.outcome is not null then e.ended_at else f.outcome_at end,
        error = case when e.outcome is not null then e.error else f.error end
    from (
      select o.type, o.key, o.has_data, o.ended_at, r.outcome, r.source_at, r.error, d.stale_at,
        greatest(d.stale_at, t.put_off_until, v_now + interval '1 second') as due_at,
        t.put_off_until is not null and case
          when p_type.is_global then exists (select from pawl.freshness c where c.waits_for = p_type.name offset 0)
          else exists (select from pawl.freshness c where c.waits_for = p_type.name and c.key = o.key offset 0)
        end as is_needed,
        p_type.is_tracked and o.refreshed_at >= o.started_at as was_told
      from unnest(v_types[:pg_catalog.cardinality(v_keys)], v_keys, v_statuses, v_started_at, v_said, v_times, v_errors, v_stale_at, v_refreshed_at,
          v_source_at, v_failures, v_are_old, v_ended_at, v_have_data, v_written_at)
        as o (type, key, status, started_at, said, time, error, stale_at, refreshed_at, source_at, failures, is_old, ended_at, has_data, written_at)
      cross join lateral (
        select case
            when o.status = 'cancelled' then null
            when o.status = 'failed' then 'failed'
            when o.said is not null then o.said
            when o.has_data is null then 'data'
            when not o.has_data then 'empty'
            when o.written_at is null or o.written_at > coalesce(o.refreshed_at, '-infinity') or o.refreshed_at >= o.started_at then 'data'
            else 'unchanged'
          end as outcome,
          pawl.read_source_time(o.time, v_now) as source_at,
          case when v_have_ttls then coalesce((select k.ttl from pawl.type_keys k where k.type = o.type and k.key = o.key), p_type.ttl) else p_type.ttl end as ttl
        offset 0
      ) s
      cross join lateral (
        select case
            when s.outcome = 'data' and s.source_at < o.source_at then 'rejected'
            when s.outcome = 'data' and s.source_at = o.source_at then 'unchanged'
            else s.outcome
          end as outcome,
          greatest(s.source_at, o.source_at) as source_at,
          case
            when s.outcome = 'data' and s.source_at < o.source_at then pg_catalog.format('it brought data of %s, older than what is there: %s', s.source_at, o.source_at)
            when s.outcome in ('rejected', 'failed') then o.error
          end as error
        offset 0
      ) r
      cross join lateral (
        select case
            when r.outcome is null then v_now + p_type.retry_base
            when r.outcome in ('failed', 'rejected') then v_now + greatest(interval '1 second',
              least(p_type.retry_cap, p_type.retry_base * pg_catalog.power(2, least(o.failures, 20))) * (0.5 + pg_catalog.random() / 2))
          end as put_off_until,
          case
            when r.outcome = 'empty' and o.said is null and o.is_old then v_now + interval '1 second'
            when r.outcome = 'empty' then greatest(o.ended_at + coalesce(p_type.empty_ttl, s.ttl, p_type.spread), case when p_type.cron is not null then pawl.next_stale_at(p_type, o.key, null, o.ended_at, s.ttl) end)
            when (r.outcome in ('data', 'unchanged')) is not true then null
            when v_is_plain then o.ended_at + s.ttl
            else pawl.next_stale_at(p_type, o.key, r.source_at, o.ended_at, s.ttl)
          end as said_at
        offset 0
      ) t
      cross join lateral (
        select case
            when t.said_at > o.ended_at then t.said_at
            when t.said_at is not null then o.ended_at + coalesce(s.ttl, p_type.retry_base) -- no time that has passed helps who has just looked
            else o.stale_at
          end as stale_at
        offset 0
      ) d
      offset 0
    ) e
    where f.type = any (array[e.type])
      and f.key = e.key
    returning f.key, e.outcome, e.was_told, f.is_watched
  )
  select pg_catalog.array_agg(s.key order by s.key) filter (where s.is_watched and s.outcome in ('data', 'empty') and s.was_told is not true),
    pg_catalog.array_agg(s.key) filter (where s.outcome in ('data', 'unchanged', 'empty'))
  into v_told, v_done
  from settled s;

  if v_told is not null then
    perform pawl.tell_refreshed(p_type.name, v_told);
  end if;
  if v_done is not null and exists (select from pawl.freshness c where c.waits_for = p_type.name) then
    if p_type.is_global then
      insert into pawl.looks (type, key)
      select c.type, c.key
      from pawl.freshness c
      where c.waits_for = p_type.name;
    else
      insert into pawl.looks (type, key)
      select c.type, c.key
      from unnest(v_types[:pg_catalog.cardinality(v_done)], v_done) as d (type, key)
      join pawl.freshness c on c.waits_for = any (array[d.type]) and c.key = d.key;
    end if;
    if found then
      perform pawl.ring('fresh');
    end if;
  end if;
end
$$;
comment on function pawl.settle_type(pawl.data_types, bigint[]) is 'ended refreshes of a type settle the freshness of their keys';

-- What the result of a completed refresh says of itself; null: nothing; 'failed' for what is none. No SET clause, so that the planner can inline it.
create or replace function pawl.stated_outcome(p_result jsonb) returns text
language sql immutable
as $$
  select case
    when pg_catalog.jsonb_typeof(p_result operator(pg_catalog.->) 'outcome') operator(pg_catalog.<>) 'null'
      then case when p_result operator(pg_catalog.->) 'outcome' operator(pg_catalog.=) any ('{"\"data\"", "\"empty\"", "\"unchanged\"", "\"rejected\""}'::jsonb[])
        then p_result operator(pg_catalog.->>) 'outcome' else 'failed' end
  end
$$;
comment on function pawl.stated_outcome(jsonb) is 'what the result of a completed refresh says of itself';

-- How old data is by its source; null for what is no time, or more than a day ahead: clocks and time zones differ, but what comes from another century
-- would have all that is true rejected until then.
drop function if exists pawl.read_time(text);
create or replace function pawl.read_source_time(p_text text, p_now timestamptz) returns timestamptz
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when pg_catalog.isfinite(p_text::timestamptz) and p_text::timestamptz <= p_now + interval '1 day' then p_text::timestamptz end;
exception when others then
  return null;
end
$$;
comment on function pawl.read_source_time(text, timestamptz) is 'how old data is by its source; null for what cannot be';

-- pawl.read_data, in the order of the keys, or nothing where that raises. Raises where the table is locked for longer than a moment (55P03).
create or replace function pawl.try_read_data(p_type pawl.data_types, p_keys text[])
returns table (key text, has_data boolean, written_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
#variable_conflict use_column
begin
  return query select d.key, d.has_data, d.written_at from pawl.read_data(p_type, p_keys) d;
exception
  when lock_not_available then
    raise;
  when others then
    raise warning 'data type "%": its table cannot be read: %', p_type.name, sqlerrm;
end
$$;
comment on function pawl.try_read_data(pawl.data_types, text[]) is 'what the type''s table has of some keys, or nothing where it cannot be read';
