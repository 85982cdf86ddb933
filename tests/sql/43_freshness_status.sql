-- What people see of freshness: how each type and key stands, why it is stale, who wants it, and what happens next (I6).
begin;
select * from no_plan();
set local timezone = 'UTC';
create function probe.at(p_seconds double precision) returns timestamptz language sql as
$$ select '2030-01-01 12:00:00+00'::timestamptz + p_seconds * interval '1 second' $$;
create function probe.clock(p_seconds double precision) returns void language sql as
$$ select set_config('pawl.now', probe.at(p_seconds)::text, true); update pawl.nodes set heartbeat_at = pawl.now() where dead_at is null $$;
select probe.clock(0);
select probe.node() as node \gset
create schema app;
create table app.prices (symbol text primary key, price numeric, updated_at timestamptz);
create table app.gates (key text primary key, closed_until timestamptz);
create function app.gate(key text) returns timestamptz language plpgsql stable as $$
begin
  if key = 'BROKEN' then
    raise exception 'no calendar';
  end if;
  return (select g.closed_until from app.gates g where g.key = gate.key);
end $$;
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('price', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at');
create function probe.type_job(p_type text) returns bigint language sql as $$ select d.job_id from pawl.data_types d where d.name = p_type $$;
-- all that is claimed of a type ends so
create function probe.end_refreshes(p_node integer, p_type text, p_keys text[], p_outcome text default 'completed', p_result text default null) returns void
language sql as $$
  select pawl.finish_followed_tasks(p_node, array_agg(t.job_id order by t.id), array_agg(t.id order by t.id), array_agg(t.attempt order by t.id),
    array_agg(p_outcome), array_agg(0::bigint), array_agg(p_result), array_agg('network'::text), array_agg(case when p_outcome = 'failed' then t.key || ' is not there' end))
  from pawl.tasks t where t.job_id = probe.type_job(p_type) and t.status = 'running' and t.key = any (p_keys)
$$;
-- how a key stands: state, reasons, since when and until when, in seconds of the clock; and what the view and the function say, which is the same
create function probe.key(p_type text, p_key text default null) returns text language sql as $$
  select (w ->> 'state') || ': ' || coalesce((select string_agg(r ->> 'reason', ' ') from jsonb_array_elements(w -> 'reasons') r), 'none')
    || ' since ' || coalesce(extract(epoch from (w ->> 'since_at')::timestamptz - probe.at(0))::double precision::text, '?')
    || ' until ' || coalesce(extract(epoch from (w ->> 'next_look_at')::timestamptz - probe.at(0))::double precision::text, w ->> 'until', '?')
    || case when v.state <> w ->> 'state' or s.state <> w ->> 'state' then ' but ' || v.state || ' and ' || s.state else '' end
  from pawl.explain_freshness(p_type, p_key) w
  left join pawl.freshness_by_key v on v.type = p_type and v.key = coalesce(p_key, '')
  left join lateral (select pawl.freshness_state(f) as state from pawl.freshness f where f.type = p_type and f.key = coalesce(p_key, '')) s on true
$$;
create function probe.said(p_type text, p_key text, variadic p_members text[]) returns text language sql as $$
  select string_agg(coalesce(w ->> m, '-'), ' | ' order by place) from pawl.explain_freshness(p_type, p_key) w, unnest(p_members) with ordinality u (m, place)
$$;
-- of a type: keys, and how many of them are in which state
create function probe.type(p_type text) returns text language sql as $$
  select keys || ' = ' || fresh || ' fresh ' || unwatched || ' unwatched ' || due || ' due (' || at_gate || ' gate ' || for_parent || ' parent ' || in_retry || ' retry '
    || queued || ' queued ' || running || ' running)'
  from pawl.freshness_by_type where type = p_type
$$;

-- ---- keys of which nothing is known ----
select throws_ok(s, c, null, w) from (values
  ($$ select pawl.explain_freshness('nothing', 'A') $$, 'PW002', 'an unknown type'),
  ($$ select pawl.explain_freshness('price') $$, 'PW006', 'a key is missing'),
  ($$ select pawl.list_freshness('nothing') $$, 'PW002', 'list: an unknown type'),
  ($$ select pawl.list_freshness('price', 'late') $$, 'PW006', 'a state that there is not'),
  ($$ select pawl.list_freshness('price', null, -1) $$, 'PW006', 'fewer than none'),
  ($$ select pawl.freshness_status('nothing') $$, 'PW002', 'status: an unknown type'),
  ($$ select pawl.show_data_type('nothing') $$, 'PW002', 'show: an unknown type')) v (s, c, w);
insert into app.prices values ('OLD', 1, probe.at(-3600)), ('NEW', 1, probe.at(-30)), ('THERE', 1, probe.at(-30));
select is(probe.key('price', 'NONE'), 'unknown: none since ? until when somebody subscribes to it, or asks for it', 'a key that nobody has asked for');
select is(probe.said('price', 'NONE', 'message', 'data'),
  'nobody has asked for it yet; app.prices has no row of it | {"error": null, "table": "app.prices", "has_row": false, "written_at": null}', 'in words');
select is(probe.said('price', 'THERE', 'message'), 'nobody has asked for it yet; app.prices has a row of it', 'what the table has');
select is(probe.type('price'), '0 = 0 fresh 0 unwatched 0 due (0 gate 0 parent 0 retry 0 queued 0 running)', 'a type without keys has a row');
insert into pawl.looks (type, key) values ('price', 'SOON');
select is(probe.key('price', 'SOON'), 'unknown: none since ? until 0', 'one that somebody else has locked is looked at soon');
delete from pawl.looks;

-- ---- every state ----
select count(*) from pawl.subscribe('price', array['OLD', 'NEW', 'NONE'], 'anna', '1 day');
select count(*) from pawl.subscribe('price', 'OLD', 'bob', '1 day');
select is(probe.key('price', 'NEW'), 'fresh: fresh since -30 until 30', 'fresh');
select is(probe.said('price', 'NEW', 'message', 'stale_since', 'stale_message', 'viewers', 'holders', 'ttl_seconds', 'ttl_from', 'until'),
  'its data is fresh | - | - | 1 | ["anna"] | 60 | type | when it is stale, and is refreshed', 'in words');
update pawl.tasks set created_at = pawl.now();
select is(probe.key('price', 'OLD'), 'queued: queue since 0 until 0.25', 'queued');
select is(probe.said('price', 'OLD', 'message', 'stale_message', 'viewers', 'priority'),
  'its refresh waits: it is the next of its job, and waits for the job''s turn | it is fresh for 1 min after a refresh | 2 | 65', 'in words');
select is(probe.said('price', 'NONE', 'message', 'stale_message'), 'its refresh waits: one task of its job is to be claimed before it | app.prices has no row of it', 'behind another');
select is(pawl.explain_freshness('price', 'OLD') ->> 'task', (select job_id || '/' || id from pawl.tasks where key = 'OLD'), 'its task');
select is(pawl.explain_freshness('price', 'OLD') -> 'task_why', pawl.why(job_id, id), 'and what that waits for') from pawl.tasks where key = 'OLD';
select is(pawl.why(job_id, id) @> '{"type": "price", "key": "OLD"}', true, 'why: the task says what it refreshes') from pawl.tasks where key = 'OLD';
select is(pawl.why(probe.type_job('price')) ->> 'type', 'price', 'and the job');
select pawl.enqueue('provider') \g /dev/null
select is(pawl.why(pawl.standing_job('provider')) ? 'type', false, 'other jobs do not');
select probe.claim(:node, probe.type_job('price'));
select is(probe.key('price', 'OLD'), 'running: none since 0 until ?', 'running');
select is(probe.type('price'), '3 = 1 fresh 0 unwatched 2 due (0 gate 0 parent 0 retry 0 queued 2 running)', 'each key is counted once');
select is((select (watched, viewers, late, late_p50_seconds, late_p95_seconds, late_max_seconds, refreshed, failed)::text from pawl.freshness_by_type where type = 'price'),
  '(3,4,2,0,0,0,0,0)', 'who looks, and how late it is');

select probe.end_refreshes(:node, 'price', '{OLD}', 'failed');
select probe.end_refreshes(:node, 'price', '{NONE}');
update pawl.freshness set due_at = probe.at(7), check_at = probe.at(7) where key = 'OLD'; -- else a random time
select is(probe.key('price', 'OLD'), 'retry: retry since 0 until 7', 'put off after a failure');
select is(probe.said('price', 'OLD', 'message', 'stale_message', 'error', 'outcome', 'failures'),
  'its refresh is put off, since the last one failed | it is fresh for 1 min after a refresh; the last refresh failed: OLD is not there | OLD is not there | failed | 1', 'and why');
select is(probe.key('price', 'NONE'), 'fresh: fresh since ? until 60', 'that there is none is believed');
select is((select (last_error, last_error_key, extract(epoch from last_error_at - probe.at(0))::integer, refreshed, failed, late)::text from pawl.freshness_by_type where type = 'price'),
  '("OLD is not there",OLD,0,1,1,0)', 'the last error, and of what; nothing is late that is put off');
select probe.clock(61);
select is(probe.said('price', 'NONE', 'state', 'stale_message'), 'due | the last refresh found that there is none, and that is believed no longer', 'until it is not');
select is(probe.key('price', 'NEW'), 'due: look since 30 until 61', 'due: looked at any moment');
update pawl.nodes set heartbeat_at = probe.at(0);
select is(probe.key('price', 'NEW'), 'due: no_node look since 0 until when a node starts', 'if a node runs');
select probe.clock(61);
update pawl.data_types set error = 'app.prices is gone', error_at = probe.at(60) where name = 'price';
select is(probe.said('price', 'NEW', 'message'), 'keys of its type could not be looked at: app.prices is gone', 'or if its type can be looked at');
select is((select problem from pawl.freshness_by_type where type = 'price'), 'app.prices is gone', 'which the type says too');
update pawl.data_types set error = null, error_at = null;
select pawl.unsubscribe('price', 'NEW', 'anna');
select is(probe.said('price', 'NEW', 'state', 'message'), 'due | a node is about to look at it, and finds that nobody wants it any more', 'the last viewer has gone');
select probe.clock(61.1);
select pawl.refresh_due() \g /dev/null
select is(probe.key('price', 'NEW'), 'unwatched: unwatched since 30 until when somebody subscribes to it, or asks for it', 'nobody wants it');
select pawl.request_refresh('price', 'NEW', 7);
select is(probe.said('price', 'NEW', 'state', 'viewers', 'is_wanted', 'wanted_priority', 'priority'), 'queued | 0 | true | 7 | 7', 'somebody asks');
update pawl.tasks set status = 'cancelled' where job_id = probe.type_job('price') and key = 'NEW' and status = 'pending';
select pawl.settle_refreshes(array_agg(job_id), array_agg(id)) from pawl.tasks where job_id = probe.type_job('price') and key = 'NEW' and status = 'cancelled';
select count(*) from pawl.subscribe('price', 'NEW', 'anna', '1 day');
select is(probe.said('price', 'NEW', 'state', 'message'), 'retry | its refresh is put off, since the last one was cancelled', 'a refresh that was cancelled puts its key off');

-- ---- gate, parent, times ----
select pawl.define_data_type('profile', 'provider', '1 hour', p_gate_function => 'app.gate', p_max_age => '2 hours', p_parents => '{price}');
insert into app.gates values ('CLOSED', probe.at(9000)), ('OPEN', probe.at(-1)), ('FOREVER', 'infinity');
insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at)
select 'profile', k, true, probe.at(-3000), probe.at(600), probe.at(600) from unnest(array['CLOSED', 'FOREVER', 'BROKEN', 'OPEN', 'UNKNOWN']) k;
insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at)
select 'price', k, true, probe.at(61), probe.at(100000), probe.at(100000) from unnest(array['CLOSED', 'FOREVER', 'BROKEN', 'OPEN', 'UNKNOWN']) k;
select count(*) from pawl.subscribe('profile', array['CLOSED', 'FOREVER', 'CHILD'], 'anna', '1 day');
select probe.clock(601);
select pawl.refresh_due() \g /dev/null
select is(probe.key('profile', 'CLOSED'), 'gate: gate since 600 until 4200', 'a closed gate is looked at again when the data is too old, before it opens');
select is(probe.said('profile', 'CLOSED', 'message', 'until', 'gate'), 'its gate app.gate(text) is closed | when the gate opens, or its data is older than 2 h | '
  '{"key": "CLOSED", "error": null, "state": "closed", "until": "2030-01-01T14:30:00+00:00", "function": "app.gate(text)"}', 'in words');
select is(pawl.explain_freshness('profile', k) -> 'gate' ->> 'state', s, 'a gate that is ' || s) from (values ('OPEN', 'open'), ('UNKNOWN', 'unknown'), ('FOREVER', 'closed'), ('BROKEN', 'unknown')) v (k, s);
select is(pawl.explain_freshness('profile', 'BROKEN') #>> '{gate,error}', 'no calendar', 'and what its function raises is told');
select is(current_setting('pawl.failed_function', true), '', 'here, and not to the node that looks next');
select set_config('pawl.locked_function', 'app.gate(text)', true);
select is(pawl.explain_freshness('profile', 'OPEN') -> 'gate' @> '{"state": "closed", "error": "what it reads is locked by somebody"}', true, 'a gate whose table is locked');
select set_config('pawl.locked_function', '', true);
select is(probe.said('profile', 'CHILD', 'message', 'until'), 'it waits for its parent price | when that has been refreshed', 'a parent goes first');
select is(pawl.explain_freshness('profile', 'CHILD') -> 'parents', '[{"key": "CHILD", "type": "price", "state": "queued", "stale_since": "2030-01-01T12:01:01.1+00:00"}]', 'which says how it stands');
select is(probe.type('profile'), '6 = 0 fresh 3 unwatched 3 due (2 gate 1 parent 0 retry 0 queued 0 running)', 'what waits is counted apart');
select is((select late from pawl.freshness_by_type where type = 'profile'), 1::bigint, 'and what a gate holds is not late');
select pawl.set_key_ttl('price', 'OLD', '90 seconds');
select is(probe.said('price', 'OLD', 'ttl_seconds', 'ttl_from'), '90 | key', 'a time to live of its own');
select pawl.define_data_type('daily', 'provider', p_cron => '0 18 * * *', p_is_global => true);
select is(probe.said('daily', null, 'state', 'message', 'stale_message', 'ttl_seconds', 'ttl_from', 'is_scheduled'),
  'due | a node is about to look at it | no refresh has brought any yet | - | schedule | true', 'a schedule');
update pawl.freshness set has_data = true, refreshed_at = probe.at(0), stale_at = probe.at(21600), due_at = probe.at(21600) where type = 'daily';
select is(probe.said('daily', null, 'state', 'message', 'until', 'due_at'), 'fresh | its data is fresh | when it is stale, and is refreshed | 2030-01-01T18:00:00+00:00', 'which needs nobody who looks');
create function app.due(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language sql as $$ select refreshed_at + interval '5 seconds' $$;
select pawl.define_data_type('tick', 'provider', '1 minute', p_due_function => 'app.due');
select is(probe.said('tick', 'X', 'message', 'ttl_from', 'data'), 'nobody has asked for it yet | function | -', 'a function, and no table');
insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at) select 'tick', k, true, probe.at(0), probe.at(5), probe.at(5) from unnest(array['X', 'Y']) k;
select is(probe.said('tick', 'X', 'stale_message', 'ttl_from', 'ttl_error'), 'so says app.due(text,timestamp with time zone,timestamp with time zone) | function | -', 'which says when');
create or replace function app.due(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language plpgsql as $$ begin
  if key = 'X' then raise exception 'no calendar'; end if; return null; end $$;
select is(probe.said('tick', 'X', 'stale_message', 'ttl_seconds', 'ttl_from', 'ttl_error'),
  'it is fresh for 1 min after a refresh | 60 | type | app.due(text,timestamp with time zone,timestamp with time zone): no calendar', 'one that fails says why, and the type''s time holds');
select is(current_setting('pawl.failed_function', true), '', 'which is told here, and not to the node that looks next');
select is(probe.said('tick', 'Y', 'ttl_from', 'ttl_error'), 'type | -', 'so it is where it says nothing');
select pawl.define_data_type('price', p_empty_ttl => '1 hour');
insert into pawl.freshness (type, key, has_data, outcome, stale_at, due_at) values ('price', 'VOID', false, 'empty', probe.at(3600), probe.at(3600));
select is(probe.said('price', 'VOID', 'state', 'ttl_seconds', 'ttl_from'), 'fresh | 3600 | empty', 'of "there is none" it is another time');
select pawl.define_data_type('price', p_empty_ttl => '0');
select is(probe.said('price', 'VOID', 'ttl_seconds', 'ttl_from'), '60 | type', 'if the type has one');
select pawl.define_data_type('spread', 'provider', p_spread => '1 day');
insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at) values ('spread', 'A', true, probe.at(0), probe.at(5), probe.at(5));
select is(probe.said('spread', 'A', 'stale_message', 'ttl_from'), 'its turn has come, which it has once in 1 d | schedule', 'a schedule that spreads');
select pawl.drop_data_type('spread');
select pawl.define_data_type('profile', p_parents => '{}', p_max_age => '90 seconds');
select state from pawl.subscribe('profile', 'FOREVER', 'anna', '1 day');
update pawl.freshness set refreshed_at = probe.at(601), stale_at = probe.at(3000), due_at = probe.at(3000), check_at = probe.at(3000), wait_reason = null, task_id = null where type = 'profile' and key = 'FOREVER';
select is(pawl.request_refresh('profile', 'FOREVER'), 'gate', 'somebody asks for what is fresh, and the gate is closed');
select is(probe.said('profile', 'FOREVER', 'since_at', 'until'), '- | when the gate opens, or its data is older than 90 s', 'which is not since a time that has not come');
alter table app.prices rename to gone;
select is(probe.said('price', 'THERE', 'message'), 'nobody has asked for it yet; what app.prices has of it cannot be read: table app.prices does not exist any more, where the data of data type "price" was', 'a table that is gone');
alter table app.gone rename to prices;

-- ---- all that waits has a reason that ends by itself or says who ends it (I6) ----
select is((select array_agg(b.type || ' ' || b.key) from pawl.freshness_by_key b, pawl.explain_freshness(b.type, b.key) w
  where w ->> 'message' is null or coalesce(w ->> 'next_look_at', w ->> 'until') is null or b.state <> w ->> 'state'), null, 'every key is explained');

-- ---- status: what holds refreshes back ----
select pawl.set_limit('provider', p_window_ms => 60000, p_max_calls => 2);
select pawl.define_data_type('price', p_budget => '{"running": 5, "bytes": 1000, "bytes_window": "1 hour", "estimated_bytes": 100}');
select is((select array_agg(l ->> 'limiter') from jsonb_array_elements(pawl.freshness_status('price') -> 0 -> 'limits') l), '{type:price,kind:provider}', 'the limits of a type, and of its kind');
select is(pawl.freshness_status('tick') #>> '{0,limits,0,limiter}', 'kind:provider', 'a type without a budget has those of its kind');
select is(pawl.freshness_status('price') #> '{0,limits,0}' @> '{"max_running": 5, "running": 0, "max_bytes": 1000, "bytes_window_ms": 3600000, "spent_bytes": 0, "reasons": []}', true, 'what is set, and used');
select pawl.request_refresh('price', k) from unnest(array['A', 'B', 'C']) k \g /dev/null
select cardinality(probe.claim(:node, probe.type_job('price'))) as claimed \gset
select is(:claimed, 2, 'the budget of the kind lets two start');
select is((select (l ->> 'running', l ->> 'spent_calls', l ->> 'max_calls', l #>> '{reasons,0,reason}')::text from jsonb_array_elements(pawl.freshness_status('price') -> 0 -> 'limits') l
  where l ->> 'limiter' = 'kind:provider'), '(2,2,2,budget)', 'then it is spent');
select cmp_ok((l #>> '{reasons,0,next_look_at}')::timestamptz, '>', pawl.now(), 'and says when it opens')
from jsonb_array_elements(pawl.freshness_status('price') -> 0 -> 'limits') l where l ->> 'limiter' = 'kind:provider';
select is((select w #>> '{reasons,0,reason}' from pawl.freshness_by_key b, pawl.explain_freshness(b.type, b.key) w where b.type = 'price' and b.state = 'queued' limit 1), 'budget', 'a key that waits for it says so');
select is(pawl.freshness_status('profile') #> '{0,gate}' ->> 'key', 'CLOSED', 'the gate is asked for a key that waits for it');
select is(pawl.freshness_status('profile') #> '{0,gate}' ->> 'state', 'closed', 'and says how it is');
select is(pawl.freshness_status('tick') #> '{0,gate}', 'null', 'a type without a gate');
select pawl.define_data_type('tick', p_gate_function => 'app.gate');
select is(pawl.freshness_status('tick') #> '{0,gate}', '{"function": "app.gate(text)", "key": null, "state": null, "until": null, "error": null}', 'a gate that has no key to be asked for');
select is(pawl.freshness_status('price') #> '{0,breaker}', 'null', 'no breaker');
select pawl.define_kind('web', 'http', 'https://data.example/v1');
select pawl.define_data_type('quote', 'web', '1 minute');
insert into pawl.breakers (target, state, error, opened_at, retry_at) values ('https://data.example:443', 'open', 'connection refused', pawl.now(), probe.at(700));
select is(pawl.freshness_status('quote') #> '{0,breaker}' @> '{"target": "https://data.example:443", "state": "open", "error": "connection refused"}', true, 'the breaker of the kind''s target');
select is((select array_agg(s ->> 'type') from jsonb_array_elements(pawl.freshness_status()) s), '{daily,price,profile,quote,tick}', 'every type');

-- ---- lists ----
select is((select array_agg(r ->> 'key') from jsonb_array_elements(pawl.list_freshness('profile')) r), '{CHILD,CLOSED,FOREVER,BROKEN,OPEN,UNKNOWN}', 'what is due first, the longest overdue in front');
select is((select array_agg(r ->> 'key') from jsonb_array_elements(pawl.list_freshness('profile', 'unwatched')) r), '{BROKEN,OPEN,UNKNOWN}', 'in one state');
select is((select array_agg(r ->> 'key') from jsonb_array_elements(pawl.list_freshness('profile', p_limit => 2)) r), '{CHILD,CLOSED}', 'no more than asked for');
select is(pawl.list_freshness('daily', 'gate'), '[]', 'or none');
insert into pawl.freshness (type, key, has_data, is_watched, refreshed_at, stale_at, due_at) values ('tick', 'Z', true, true, probe.at(600), probe.at(900), probe.at(900));
select is((select array_agg(r ->> 'key') from jsonb_array_elements(pawl.list_freshness('tick')) r), '{Z,X,Y}', 'what nobody wants comes last');
select is((select array_agg(r ->> 'type') from jsonb_array_elements(pawl.list_data_types()) r), '{daily,price,profile,quote,tick}', 'list_data_types: by name');
select is(pawl.show_data_type('price') - '{job,created_at,updated_at}'::text[], '{"type": "price", "kind": "provider", "table": "app.prices", "key_column": "symbol",
  "time_column": "updated_at", "is_global": false, "is_tracked": false, "ttl_seconds": 60, "empty_ttl_seconds": null, "max_age_seconds": null, "retry_base_seconds": 10,
  "retry_cap_seconds": 3600, "due_function": null, "gate_function": null, "strategy": "on_demand", "cron": null, "time_zone": null, "spread_seconds": null, "parents": [],
  "fetch_path": null, "save_function": null, "budget": {"max_running": 5, "max_bytes": 1000, "bytes_window_ms": 3600000, "estimated_bytes": 100}, "keys_with_ttl": 1,
  "problem": null, "problem_at": null}', 'show_data_type: all that it is');
select is((select array_agg(m[1]) from unnest(array[pawl.list_data_types(), pawl.freshness_status(), pawl.list_freshness('price'), pawl.explain_freshness('price', 'OLD')]) d,
  regexp_matches(d::text, '"(id|job_id|task_id|node_id|org_id|name)": ', 'g') m), null, 'documents name nothing as a column');

-- ---- how late it is: since it has been due, and somebody has wanted it ----
create function probe.late(p_type text) returns text language sql as $$
  select string_agg(b.key || ' ' || round(b.late_seconds::numeric, 3)::double precision, ' ' order by b.key) from pawl.freshness_by_key b where b.type = p_type and b.late_seconds is not null
$$;
create function probe.due() returns void language plpgsql as $$ begin for i in 1..5 loop perform pawl.refresh_due(); end loop; end $$;
select pawl.define_kind('free', 'noop', p_max_attempts => 1), pawl.define_data_type('since', 'free', '1 minute');
insert into pawl.freshness (type, key, has_data, refreshed_at, stale_at, due_at)
select 'since', k, true, pawl.now() - interval '3 days', pawl.now() - interval '3 days', pawl.now() - interval '3 days' from unnest(array['A', 'B', 'C', 'D', 'E']) k;
select probe.clock(10000);
select is(probe.late('since'), null, 'nobody wants what has been stale for days');
select count(*) from pawl.subscribe('since', 'A', 'anna', '1 day');
select pawl.request_refresh('since', 'B');
insert into pawl.looks (type, key, is_wanted, created_at) values ('since', 'C', true, probe.at(9998)), ('since', 'D', false, probe.at(9998)); -- as of who met somebody's lock
insert into pawl.subscriptions (type, key, holder, ttl, renewed_at) values ('since', 'D', 'carl', '1 day', pawl.now());
select probe.clock(10005), pawl.refresh_due();
select is(probe.late('since'), 'A 5 B 5 C 7 D 0', 'it is late from when somebody wanted it');
select count(*) from pawl.subscribe('since', array['A', 'B'], 'bob', '1 day');
select probe.clock(10006), pawl.request_refresh('since', 'A');
select is(probe.late('since'), 'A 6 B 6 C 8 D 1', 'the first of those who do');
select probe.claim(:node, probe.type_job('since')), probe.end_refreshes(:node, 'since', '{A,B,C,D}');
select is(probe.late('since'), null, 'no more when it is refreshed');
select probe.clock(10076);
select is(probe.late('since'), 'A 10 B 10 D 10', 'and then from when it is due, while somebody looks');
select pawl.unsubscribe('since', null, 'anna'), pawl.unsubscribe('since', null, 'bob'), probe.due(), probe.clock(20000), probe.due();
select is(probe.late('since'), 'D 9934', 'who has gone wants nothing');
select count(*) from pawl.subscribe('since', array['A', 'B'], 'anna', '1 day');
select pawl.request_refresh('since', 'C');
select probe.clock(20003);
select is(probe.late('since'), 'A 3 B 3 C 3 D 9937', 'and begins anew when he comes again');
update pawl.tasks set status = 'failed', finished_at = pawl.now() where job_id = probe.type_job('since') and key = 'C' and status < 'running';
select probe.due(), probe.clock(20900), probe.due(), probe.clock(20950);
select pawl.retry_task(t.job_id, t.id) from pawl.tasks t where t.job_id = probe.type_job('since') and t.key = 'C' and t.status = 'failed';
select probe.clock(20952);
select alike(probe.late('since'), '% C 2 %', 'a refresh that is run again by hand is wanted from then on');
create schema broken;
create table broken.prices (symbol text, updated_at timestamptz);
select pawl.define_data_type('broken', 'provider', '1 minute', 'broken.prices', 'symbol', 'updated_at');
insert into pawl.freshness (type, key, stale_at, due_at) select 'broken', k, probe.at(0), probe.at(0) from unnest(array['A', 'B']) k;
drop table broken.prices;
insert into pawl.looks (type, key, is_wanted, created_at) values ('broken', 'A', true, pawl.now()), ('broken', 'B', false, pawl.now());
select pawl.refresh_due(), probe.clock(20955);
select is(probe.late('broken'), 'A 3 B 3', 'also where it could not be looked at');
select pawl.look_with_the_due('since', array['E'], array[0::real]), probe.clock(20956);
select alike(probe.late('since'), '% E 1', 'or is not yet');
select probe.clock(20955);
select pawl.define_data_type('hourly', 'provider', p_spread => '1 hour', p_is_global => true);
update pawl.freshness set due_at = probe.at(20055), stale_at = probe.at(20055), check_at = probe.at(20055) where type = 'hourly';
select pawl.refresh_due();
select is(probe.late('hourly'), ' 900', 'what a schedule wants is late from when it is due, though no node has looked');

-- ---- what a look costs ----
create function probe.plan(p_statement text) returns text language plpgsql as $$
declare
  v_line text;
  v_plan text := '';
begin
  for v_line in execute 'explain (costs off) ' || p_statement loop
    v_plan := v_plan || v_line || e'\n';
  end loop;
  return v_plan;
end $$;
select unalike(probe.plan('select type, due, late_p95_seconds from pawl.freshness_by_type'), '%subscriptions%', 'viewers are counted only for who asks for them');
set local enable_seqscan = off;
set local enable_bitmapscan = off;
select alike(probe.plan($$ select * from pawl.freshness_by_type where type = 'price' $$), '%Index Only Scan using subscriptions_pkey%', 'and then in the primary key');
select alike(probe.plan($$ select * from pawl.freshness_by_type where type = 'price' $$), '%Index Cond: (type = d%.name)%', 'of one type only its keys are read');
select alike(probe.plan($$ select state from pawl.freshness_by_key where type = 'price' $$), '%SubPlan%Index Scan using tasks_pkey%', 'and tasks one by one, where there is one');
create function probe.verbose_plan(p_statement text) returns text language plpgsql as $$
declare
  v_line text;
  v_plan text := '';
begin
  for v_line in execute 'explain (costs off, verbose) ' || p_statement loop
    v_plan := v_plan || v_line;
  end loop;
  return v_plan;
end $$;
select unalike(probe.verbose_plan('select state from pawl.freshness_by_key'), '%state_of_key%', 'the state is part of the plan, no call');

select * from finish();
rollback;
