-- pawl.explain_freshness(type, key): why the data of a key is as stale as it is, who wants it, and what happens next, when; for pawl freshness show.
-- Returns a JSON object in the form of pawl.why: state (see pawl.state_of_key; 'unknown' for a key of which nothing is known); message, one line
-- for people; reasons, since_at, next_look_at and until. Besides:
--   stale_since, stale_message   since when it is stale, and why; null where it is fresh
--   outcome, outcome_at, error, failures, refreshes, failed_refreshes   how refreshes went; has_data, refreshed_at, source_at: what came
--   due_at, ttl_seconds, ttl_from   when it is due; the time to live that holds for the key, and whose it is: key, type; function or schedule, which say it;
--     empty: that of "there is none". ttl_error: why the type's function says nothing, so that the time holds
--   forget_at   when it is forgotten, if nobody wants it until then
--   viewers, holders, is_wanted, wanted_priority, is_scheduled, priority   who wants it (of the viewers five), and what its refresh is worth
--   gate (see pawl.explain_gate), parents (type, key, state, stale_since of each), data (what the type's table has: table, has_row, written_at, error)
--   task, task_why   its refresh, and pawl.why of that
-- Refuses an unknown type (PW002), and what cannot be a key (PW006). Volatile as the gate is. Locks: none, but what the gate takes.
create or replace function pawl.explain_freshness(p_type text, p_key text default null) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pawl.data_types := pawl.data_type(p_type);
  v_key text := pawl.check_key(v_type, p_key);
  v_pair record;
  v_why jsonb;
begin
  v_why := pg_catalog.jsonb_build_object('type', v_type.name, 'key', v_key, 'kind', v_type.kind, 'data', pawl.explain_data(v_type, v_key));
  select f as pair, f.*, pawl.freshness_state(f) as state into v_pair from pawl.freshness f where f.type = v_type.name and f.key = v_key;
  if not found then
    return v_why || pawl.explain_ttl(v_type, v_key, null) || pawl.explain_unknown_key(v_type, v_key, v_why -> 'data');
  end if;
  v_why := v_why || pawl.explain_ttl(v_type, v_key, v_pair.pair);
  v_why := v_why || pg_catalog.jsonb_build_object('state', v_pair.state, 'has_data', v_pair.has_data, 'refreshed_at', v_pair.refreshed_at,
    'source_at', v_pair.source_at, 'outcome', v_pair.outcome, 'outcome_at', v_pair.outcome_at, 'error', v_pair.error, 'failures', v_pair.failures,
    'refreshes', v_pair.refreshes, 'failed_refreshes', v_pair.failed_refreshes, 'due_at', nullif(v_pair.due_at, 'infinity'), 'forget_at', v_pair.forget_at,
    'stale_since', case when v_pair.stale_at <= pawl.now() then v_pair.stale_at end,
    'stale_message', case when v_pair.stale_at <= pawl.now() then pawl.explain_stale(v_type, v_pair.pair,
        case when v_why ->> 'ttl_from' <> 'function' then pawl.time_in_words((v_why ->> 'ttl_seconds')::double precision) end) end,
    'gate', pawl.explain_gate(v_type, v_key), 'parents', pawl.explain_parents(v_type, v_key))
    || pawl.explain_demand(v_type, v_pair.pair);
  if v_pair.state in ('queued', 'running') then
    v_why := v_why || pg_catalog.jsonb_build_object('task', v_type.job_id || '/' || v_pair.task_id, 'task_why', pawl.why(v_type.job_id, v_pair.task_id));
  end if;
  return v_why || pawl.explain_state(v_type, v_pair.pair, v_why);
end
$$;
comment on function pawl.explain_freshness(text, text) is 'why the data of a key is as stale as it is, who wants it, and what happens next, as JSON';

-- Of a key without a row: what is said of it. Somebody may just make one, or have it locked (pawl.looks).
create or replace function pawl.explain_unknown_key(p_type pawl.data_types, p_key text, p_data jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_looked_at boolean := exists (select from pawl.looks l where l.type = p_type.name and l.key = p_key);
  v_message text;
begin
  v_message := case when v_is_looked_at then 'a node looks at it as soon as it can' else 'nobody has asked for it yet' end || case
    when p_data ->> 'error' is not null then pg_catalog.format('; what %s has of it cannot be read: %s', p_type.table_name, p_data ->> 'error')
    when p_data -> 'has_row' = 'true' then pg_catalog.format('; %s has a row of it', p_type.table_name)
    when p_data -> 'has_row' = 'false' then pg_catalog.format('; %s has no row of it', p_type.table_name)
    else ''
  end;
  return pg_catalog.jsonb_build_object('state', 'unknown', 'message', v_message, 'since_at', null,
    'next_look_at', case when v_is_looked_at then pawl.now() end,
    'until', case when v_is_looked_at then 'when a node has looked at it' else 'when somebody subscribes to it, or asks for it' end, 'reasons', '[]'::jsonb);
end
$$;
comment on function pawl.explain_unknown_key(pawl.data_types, text, jsonb) is 'what is said of a key of which nothing is known, as JSON';

-- What the type's table has of a key; null for a type without a table. Somebody's lock on it is waited for as gates wait (pawl.ask_function).
create or replace function pawl.explain_data(p_type pawl.data_types, p_key text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_data jsonb;
begin
  if p_type.table_name is null then
    return null;
  end if;
  select pg_catalog.jsonb_build_object('table', p_type.table_name, 'has_row', d.has_data, 'written_at', d.written_at, 'error', null) into v_data
  from pawl.read_data(p_type, array[p_key]) d;
  return v_data;
exception when others then
  return pg_catalog.jsonb_build_object('table', p_type.table_name, 'has_row', null, 'written_at', null, 'error', sqlerrm);
end
$$;
comment on function pawl.explain_data(pawl.data_types, text) is 'what a data type''s table has of a key, as JSON';

-- The time to live that holds for a key, and whose it is; p_pair: how it stands, null for a key of which nothing is known. A function that says when data is
-- stale is asked, since it may fail: then the time holds after all.
drop function if exists pawl.explain_ttl(pawl.data_types, text);
create or replace function pawl.explain_ttl(p_type pawl.data_types, p_key text, p_pair pawl.freshness) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ttl interval := (select k.ttl from pawl.type_keys k where k.type = p_type.name and k.key = p_key);
  v_is_empty boolean := coalesce(not p_pair.has_data and p_pair.outcome = 'empty', false);
  v_from text := case when v_ttl is null then 'type' else 'key' end;
  v_failed text := pg_catalog.current_setting('pawl.failed_function', true);
  v_answer record;
  v_error text;
begin
  if v_is_empty and p_type.empty_ttl is not null and p_type.cron is null then
    v_ttl := p_type.empty_ttl;
    v_from := 'empty';
  elsif p_type.strategy = 'scheduled' then
    v_from := 'schedule';
  elsif p_type.due_function is not null and p_pair.refreshed_at is null and not v_is_empty then
    v_from := 'function';
  elsif p_type.due_function is not null and not v_is_empty then
    perform pg_catalog.set_config('pawl.failed_function', '', true);
    select a.at, a.is_locked into v_answer from pawl.ask_function(p_type.due_function, p_key, p_pair.source_at, p_pair.refreshed_at) a;
    if v_answer.is_locked or v_answer.at is not null then
      v_from := 'function';
    end if;
    v_error := nullif(pg_catalog.current_setting('pawl.failed_function'), '');
    perform pg_catalog.set_config('pawl.failed_function', coalesce(v_failed, ''), true); -- somebody else's
  end if;
  return pg_catalog.jsonb_build_object('ttl_seconds', pawl.seconds_of(coalesce(v_ttl, p_type.ttl)), 'ttl_from', v_from, 'ttl_error', v_error);
end
$$;
comment on function pawl.explain_ttl(pawl.data_types, text, pawl.freshness) is 'the time to live that holds for a key, and whose it is, as JSON';

-- A time in words: "4 d", "90 s".
create or replace function pawl.time_in_words(p_seconds double precision) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_seconds::numeric % 86400 = 0 then p_seconds / 86400 || ' d'
    when p_seconds::numeric % 3600 = 0 then p_seconds / 3600 || ' h'
    when p_seconds::numeric % 60 = 0 then p_seconds / 60 || ' min'
    else p_seconds || ' s'
  end
$$;
comment on function pawl.time_in_words(double precision) is 'a time in words';

-- Why the data of a key is stale, in words that go on "its data is stale: ..."; p_ttl: its time to live in words, null where a function says it.
drop function if exists pawl.explain_stale(pawl.data_types, pawl.freshness, text); -- as its parameters had other names
create or replace function pawl.explain_stale(p_type pawl.data_types, p_pair pawl.freshness, p_ttl text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
      when not p_pair.has_data and p_pair.outcome = 'empty' then 'the last refresh found that there is none, and that is believed no longer'
      when not p_pair.has_data and p_type.table_name is not null then pg_catalog.format('%s has no row of it', p_type.table_name)
      when not p_pair.has_data then 'no refresh has brought any yet'
      when p_type.cron is not null then pg_catalog.format('its time has come by the schedule %s %s', p_type.cron, p_type.time_zone)
      when p_type.spread is not null then pg_catalog.format('its turn has come, which it has once in %s', pawl.time_in_words(pawl.seconds_of(p_type.spread)))
      when p_ttl is null then pg_catalog.format('so says %s', p_type.due_function)
      else pg_catalog.format('it is fresh for %s after a refresh', p_ttl)
    end || case
      when p_pair.failures = 1 then pg_catalog.format('; the last refresh %s: %s', case p_pair.outcome when 'rejected' then 'was rejected' else 'failed' end, p_pair.error)
      when p_pair.failures > 1 then pg_catalog.format('; the last %s refreshes failed: %s', p_pair.failures, p_pair.error)
      else ''
    end
$$;
comment on function pawl.explain_stale(pawl.data_types, pawl.freshness, text) is 'why the data of a key is stale, in words';

-- The parents of a type and how the same key of them stands.
create or replace function pawl.explain_parents(p_type pawl.data_types, p_key text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('type', p.name, 'key', k.key, 'state', coalesce(pawl.freshness_state(f), 'unknown'),
    'stale_since', case when f.stale_at <= pawl.now() then f.stale_at end) order by u.place), '[]')
  from unnest(p_type.parents) with ordinality as u (name, place)
  join pawl.data_types p on p.name = u.name
  cross join lateral (select case when p.is_global then '' else p_key end) as k (key)
  left join pawl.freshness f on f.type = p.name and f.key = k.key
$$;
comment on function pawl.explain_parents(pawl.data_types, text) is 'the parents of a data type and how a key of them stands, as JSON';

-- Who wants a key.
create or replace function pawl.explain_demand(p_type pawl.data_types, p_pair pawl.freshness) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_catalog.jsonb_build_object('viewers', v.viewers,
    'holders', (
      select coalesce(pg_catalog.jsonb_agg(h.holder order by h.holder), '[]')
      from (select s.holder from pawl.subscriptions s where s.type = p_pair.type and s.key = p_pair.key order by s.holder limit 5) h),
    'is_wanted', p_pair.is_wanted, 'wanted_priority', case when p_pair.is_wanted then p_pair.wanted_priority end,
    'is_scheduled', p_type.strategy = 'scheduled',
    'priority', pawl.refresh_priority(least(v.viewers, 1000), case when p_pair.is_wanted then p_pair.wanted_priority else 0 end))
  from (select pg_catalog.count(*) as viewers from pawl.subscriptions s where s.type = p_pair.type and s.key = p_pair.key) v
$$;
comment on function pawl.explain_demand(pawl.data_types, pawl.freshness) is 'who wants a key, as JSON';

-- What happens next with a key, and what it waits for; p_why: what is known of it already.
create or replace function pawl.explain_state(p_type pawl.data_types, p_pair pawl.freshness, p_why jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pawl.now();
  v_state text := p_why ->> 'state';
  v_is_demanded boolean := (p_why ->> 'viewers')::bigint > 0 or p_pair.is_wanted or p_type.strategy = 'scheduled';
  v_due_since timestamptz := case when p_pair.due_at <= v_now then p_pair.due_at end; -- what somebody asked for may be fresh
  v_reasons jsonb := '[]';
  v_message text;
begin
  case v_state
    when 'queued', 'running' then
      v_message := pg_catalog.format('its refresh %s: %s', case v_state when 'queued' then 'waits' else 'is under way' end, p_why #>> '{task_why,message}');
      v_reasons := p_why #> '{task_why,reasons}';
    when 'fresh' then
      v_message := 'its data is fresh';
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('fresh', v_message, p_pair.refreshed_at, nullif(p_pair.stale_at, 'infinity'),
        case when v_is_demanded then 'when it is stale, and is refreshed' else 'when it is stale, which nobody minds: nobody wants it' end));
    when 'unwatched' then
      v_message := 'nobody wants it';
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('unwatched', v_message, p_pair.stale_at, null, 'when somebody subscribes to it, or asks for it'));
    when 'gate' then
      v_message := pg_catalog.format('its gate %s is closed', p_type.gate_function);
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('gate', v_message, v_due_since, p_pair.check_at, 'when the gate opens' || case
        when p_type.max_age is not null then pg_catalog.format(', or its data is older than %s', pawl.time_in_words(pawl.seconds_of(p_type.max_age))) else '' end,
        pg_catalog.jsonb_build_object('closed_until', p_pair.waits_until)));
    when 'parent' then
      v_message := pg_catalog.format('it waits for its parent %s', p_pair.waits_for);
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('parent', v_message, v_due_since, p_pair.check_at, 'when that has been refreshed',
        pg_catalog.jsonb_build_object('parent', p_pair.waits_for)));
    when 'retry' then
      v_message := case when p_pair.failures > 0
        then 'its refresh is put off, since ' || case when p_pair.failures > 1 then pg_catalog.format('the last %s', p_pair.failures) else 'the last one' end || ' failed'
        else 'its refresh is put off, since the last one was cancelled' end;
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('retry', v_message, p_pair.outcome_at, p_pair.due_at, 'when that time comes'));
    else
      v_message := 'a node is about to look at it' || case when v_is_demanded then '' else ', and finds that nobody wants it any more' end;
      v_reasons := pg_catalog.jsonb_build_array(pawl.reason('look', v_message, v_due_since, greatest(p_pair.check_at, v_now), 'when a node has looked at it'));
  end case;
  -- who else keeps it from being looked at
  if v_state not in ('queued', 'running', 'fresh', 'unwatched') then
    if p_type.error is not null and p_type.error_at > v_now - interval '2 minutes' then
      v_reasons := pawl.reason('type', pg_catalog.format('keys of its type could not be looked at: %s', p_type.error), p_type.error_at, p_pair.check_at,
        'when a node looks again') || v_reasons;
    end if;
    if not exists (select from pawl.nodes n where n.dead_at is null and n.heartbeat_at > v_now - interval '15 seconds') then
      v_reasons := pawl.reason('no_node', 'no node runs: start one with pawl serve', (select pg_catalog.max(n.heartbeat_at) from pawl.nodes n), null,
        'when a node starts') || v_reasons;
    end if;
    v_message := v_reasons -> 0 ->> 'message';
  end if;
  return pg_catalog.jsonb_build_object('message', v_message, 'reasons', v_reasons,
    'since_at', coalesce(p_why #> '{task_why,since_at}', v_reasons -> 0 -> 'since_at'), 'next_look_at', v_reasons -> 0 -> 'next_look_at', 'until', v_reasons -> 0 -> 'until');
end
$$;
comment on function pawl.explain_state(pawl.data_types, pawl.freshness, jsonb) is 'what happens next with a key, and what it waits for, as JSON';
