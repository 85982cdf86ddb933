-- Policies of schedules, with the clock held: missed runs, runs that overlap, jitter, what runs next.
begin;
select * from no_plan();
create function probe.refusal(p_statement text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  execute p_statement;
  return 'done';
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return sqlstate || ' ' || sqlerrm || case when v_hint = '' then ', WITHOUT A HINT' else '' end;
end $$;
set local time zone 'UTC';
set local pawl.now = '2030-01-01 00:00:00+00';
select probe.kind('chore');
select pawl.standing_job('chore') as chores \gset
-- the runs of a schedule by the times that they are told, the oldest first
create function probe.times(p_name text) returns text[] language sql as $$
  select coalesce(array_agg(t.payload ->> 'at' order by t.id), '{}') from pawl.tasks t where t.key like 'schedule:' || p_name || '%'
$$;
create function probe.run_at(p_now timestamptz) returns text language plpgsql as $$
declare
  r text;
begin
  perform set_config('pawl.now', p_now::text, true);
  select x::text into r from pawl.run_due_schedules() x;
  return r;
end $$;
create function probe.skip(p_name text) returns text language sql as
$$ select concat_ws(' ', s.last_skip_reason, to_char(s.last_skipped_at, 'DD HH24:MI:SS')) from pawl.schedules s where s.name = p_name $$;

-- ---- missed runs ----
select pawl.define_schedule(c, 'chore', p_every => '1 hour', p_catch_up => c, p_overlap => 'allow', p_time_member => 'at') from unnest(array['skip', 'once', 'all']) c;
select is(probe.run_at('2030-01-01 01:00:00+00'), '(3,0)', 'on time each runs');
select is(array(select probe.times(c)::text from unnest(array['skip', 'once', 'all']) c), array_fill('{2030-01-01T01:00:00Z}'::text, array[3]), 'once, and is told its time');
select is(probe.run_at('2030-01-01 02:01:00+00'), '(3,0)', 'a minute late is on time');
select is(array(select cardinality(probe.times(c)) from unnest(array['skip', 'once', 'all']) c), '{2,2,2}', 'for all of them');
select is((select array_agg(distinct last_skip_reason) from pawl.schedules), '{NULL}', 'nothing was left out');
select is(probe.run_at('2030-01-01 06:30:00+00'), '(3,0)', 'after an outage each is done with');
select is(probe.times('skip')::text, '{2030-01-01T01:00:00Z,2030-01-01T02:00:00Z}', 'skip: none is made up for');
select is(probe.skip('skip'), 'missed 01 06:30:00', 'which it says');
select is((select last_run_at from pawl.schedules where name = 'skip'), '2030-01-01 02:01:00+00'::timestamptz, 'and did not run');
select is((probe.times('once'))[3:]::text, '{2030-01-01T06:00:00Z}', 'once: one for all, the newest');
select is((probe.times('all'))[3:]::text, '{2030-01-01T03:00:00Z,2030-01-01T04:00:00Z,2030-01-01T05:00:00Z,2030-01-01T06:00:00Z}', 'all: each, in order');
select is(probe.skip('once') || probe.skip('all'), '', 'which leave nothing out');
select is((select array_agg(distinct next_run_at) from pawl.schedules), '{2030-01-01 07:00:00+00}'::timestamptz[], 'the steps stay');
select is(probe.run_at('2030-01-01 09:00:30+00'), '(3,0)', 'again, and a node comes just in time for the last');
select is((probe.times('skip'))[3:]::text, '{2030-01-01T09:00:00Z}', 'skip: it runs, for that time');
select is(probe.skip('skip'), 'missed 01 09:00:30', 'two others are left out');
select is((probe.times('once'))[4:]::text, '{2030-01-01T09:00:00Z}', 'once: the newest');

-- a clock that is set back, by four hours
select is(probe.run_at('2030-01-01 05:00:30+00') || probe.run_at('2030-01-01 06:00:30+00') || probe.run_at('2030-01-01 09:00:30+00'), '(0,0)(0,0)(0,0)',
  'no time comes twice');
select is((select array_agg(distinct next_run_at) from pawl.schedules), '{2030-01-01 10:00:00+00}'::timestamptz[], 'the next is what it was');

select pawl.define_schedule('late', 'chore', p_every => '1 hour', p_catch_up => 'skip');
select probe.run_at('2030-01-01 10:01:31+00');
select is(probe.skip('late'), 'missed 01 10:01:31', 'skip: more than a minute late is missed, also when it is the only one');
select is((select last_run_at from pawl.schedules where name = 'late'), null, 'and does not run');
select pawl.drop_schedule('late');

-- more than the backlog takes
select pawl.define_schedule('all', p_backlog_limit => 3);
select is(probe.run_at('2030-01-03 00:00:00+00'), '(3,0)', 'after two days');
select is((probe.times('all'))[11:]::text, '{2030-01-02T22:00:00Z,2030-01-02T23:00:00Z,2030-01-03T00:00:00Z}', 'all: the newest, as many as the backlog takes');
select is(probe.skip('all'), 'missed 03 00:00:00', 'and it says that others are left out');

-- by cron: walked from the end
delete from pawl.schedules;
delete from pawl.tasks;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule('minute', 'chore', p_cron => '* * * * *', p_catch_up => 'all', p_overlap => 'allow', p_time_member => 'at', p_backlog_limit => 5);
select pawl.define_schedule('weekdays', 'chore', p_cron => '0 3 * * mon-fri', p_time_zone => 'Europe/Berlin', p_catch_up => 'all', p_overlap => 'allow', p_time_member => 'at');
select pawl.define_schedule('month', 'chore', p_cron => '0 0 1 * *', p_catch_up => 'once', p_time_member => 'at');
select pawl.define_schedule('day', 'chore', p_cron => '0 3 * * *', p_catch_up => 'skip', p_time_member => 'at');
select is(probe.run_at('2030-01-01 00:00:59+00'), '(0,0)', 'none is due');
select is(probe.run_at('2030-03-05 12:34:56+00'), '(4,0)', 'two months later');
select is(probe.times('minute')::text, '{2030-03-05T12:30:00Z,2030-03-05T12:31:00Z,2030-03-05T12:32:00Z,2030-03-05T12:33:00Z,2030-03-05T12:34:00Z}', 'the newest five of 90,000');
select is((probe.times('weekdays'))[1:5]::text, '{2030-01-01T02:00:00Z,2030-01-02T02:00:00Z,2030-01-03T02:00:00Z,2030-01-04T02:00:00Z,2030-01-07T02:00:00Z}', 'every working day from the first one on');
select is(cardinality(probe.times('weekdays')), 46, 'each once');
select is(probe.times('month')::text, '{2030-03-01T00:00:00Z}', 'once: the newest of the months');
select is(probe.times('day')::text, '{}', 'skip: none');
select is((select array_agg(next_run_at order by name) from pawl.schedules),
  '{2030-03-06 03:00:00+00,2030-03-05 12:35:00+00,2030-04-01 00:00:00+00,2030-03-06 02:00:00+00}'::timestamptz[], 'each comes again at its next time');
select is((select array_agg(name order by name) from pawl.schedules where last_skip_reason = 'missed'), '{day,minute}', 'who left runs out says so');
select pawl.define_schedule('minute', p_is_enabled => false);
select is(probe.run_at('2030-03-05 13:00:00+00'), '(0,0)', 'paused');
select is(pawl.define_schedule('minute', p_is_enabled => true), '2030-03-05 13:01:00+00'::timestamptz, 'what was missed meanwhile is left out, whatever the policy');

-- ---- runs that overlap ----
delete from pawl.schedules;
delete from pawl.tasks;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule(o, 'chore', p_every => '1 minute', p_overlap => o, p_time_member => 'at') from unnest(array['skip', 'queue', 'allow']) o;
select is(probe.run_at('2030-01-01 00:01:00+00'), '(3,0)', 'the first');
select is(probe.run_at('2030-01-01 00:02:00+00'), '(3,0)', 'the second, while the first is open');
select is(probe.times('skip')::text, '{2030-01-01T00:01:00Z}', 'skip: the first alone');
select is(probe.skip('skip'), 'overlap 01 00:02:00', 'which it says');
select is(probe.times('allow')::text, '{2030-01-01T00:01:00Z,2030-01-01T00:02:00Z}', 'allow: both');
select is(probe.times('queue')::text, '{2030-01-01T00:01:00Z,2030-01-01T00:02:00Z}', 'queue: both');
select queue_job_id as own from pawl.schedules where name = 'queue' \gset
select is((select array_agg(distinct job_id) from pawl.tasks where key like 'schedule:queue:%'), array[:own]::bigint[], 'in a standing job of its own');
select is((select array_agg(distinct job_id) from pawl.tasks where key not like 'schedule:queue:%'), array[:chores]::bigint[], 'the others are in the kind''s');
select is((select last_job_id from pawl.schedules where name = 'queue'), :own::bigint, 'which it knows');
select probe.node() as node \gset
select probe.claim(:node, :own) as first \gset
select is(cardinality(:'first'::bigint[]), 1, 'one is claimed');
select is(probe.claim(:node, :own), '{}', 'and no other while it runs (I11)');
select probe.finish(:node, :own, :'first') \g /dev/null
select probe.claim(:node, :own) as second \gset
select is((select payload ->> 'at' from pawl.tasks where id = (:'second'::bigint[])[1]), '2030-01-01T00:02:00Z', 'then the next, in order');
select is(cardinality(probe.claim(:node, :chores)), 3, 'allow: both at once, beside the one of skip');

-- a queue has an end
select pawl.define_schedule('queue', p_backlog_limit => 3);
select is(probe.run_at('2030-01-01 00:03:00+00'), '(3,0)', 'two are open');
select is(probe.run_at('2030-01-01 00:04:00+00'), '(3,0)', 'three are');
select is(probe.skip('queue'), '', 'which it takes');
select is(probe.run_at('2030-01-01 00:05:00+00'), '(3,0)', 'another');
select is(cardinality(probe.times('queue')), 4, 'is left out');
select is(probe.skip('queue'), 'backlog 01 00:05:00', 'because too many are open');
select is(t.job_id = :own and t.task_id is not null, true, 'unless a person asks for it') from pawl.run_schedule('queue') t;
select task_id as hand1 from pawl.run_schedule('allow') \gset
select task_id as hand2 from pawl.run_schedule('allow') \gset
select isnt(:hand1::bigint, :hand2::bigint, 'allow: by hand as often as one likes');
select is(cardinality(probe.times('allow')), 5, 'these have no key');
update pawl.tasks set status = 'cancelled', finished_at = now() where job_id = :own and status = 'pending';
select is(probe.run_at('2030-01-01 00:06:00+00'), '(3,0)', 'when some have ended');
select is((probe.times('queue'))[5], '2030-01-01T00:06:00Z', 'it goes on');
select lives_ok('select pawl.drop_schedule(''queue'')', 'it is dropped');
select pawl.define_schedule('queue', 'chore', p_every => '1 minute', p_overlap => 'queue');
select job_id as own2 from pawl.run_schedule('queue') \gset
select isnt(:own2::bigint, :own::bigint, 'defined again it has another job');
select is(probe.claim(:node, :own2), '{}', 'which waits for the task of the old one all the same');

-- under the limits of the kind (I11), also those that it gets later
select pawl.define_kind('limited', 'noop', p_max_running => 2);
select pawl.define_schedule('under' || n, 'limited', p_every => '1 minute', p_overlap => 'queue') from generate_series(1, 3) n;
select array_agg(r.job_id order by n) as under from generate_series(1, 3) n, pawl.run_schedule('under' || n) r \gset
select is(array(select cardinality(probe.claim(:node, j)) from unnest(:'under'::bigint[]) with ordinality u (j, n) order by n), array[1, 1, 0], 'three jobs of their own, two tasks at once');
select probe.kind('later');
select pawl.define_schedule('later' || n, 'later', p_every => '1 minute', p_overlap => 'queue') from generate_series(1, 2) n;
select array_agg(r.job_id order by n) as later from generate_series(1, 2) n, pawl.run_schedule('later' || n) r \gset
select pawl.define_kind('later', p_max_running => 1);
select is(array(select cardinality(probe.claim(:node, j)) from unnest(:'later'::bigint[]) with ordinality u (j, n) order by n), array[1, 0], 'tasks that queue already stand under it, too');

-- all of them, one after the other
delete from pawl.schedules;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule('each', 'chore', p_every => '1 minute', p_catch_up => 'all', p_overlap => 'queue', p_time_member => 'at');
select is(probe.run_at('2030-01-01 00:04:00+00'), '(1,0)', 'four were missed');
select is(probe.times('each')::text, '{2030-01-01T00:01:00Z,2030-01-01T00:02:00Z,2030-01-01T00:03:00Z,2030-01-01T00:04:00Z}', 'and wait in order');

-- a crawl
select pawl.define_schedule('shop', 'crawl', '{"url": "http://shop.test/"}', p_every => '1 hour');
select is((select overlap from pawl.schedules where name = 'shop'), 'allow', 'crawls may run side by side, as they ever could');
select pawl.define_schedule('shop', p_overlap => 'skip');
select job_id as crawl from pawl.run_schedule('shop') \gset
select is((select job_id from pawl.run_schedule('shop')), :crawl::bigint, 'skip: while one is open, none is started');
select is(probe.run_at('2030-01-01 01:04:00+00'), '(2,0)', 'nor by itself');
select is(probe.skip('shop'), 'overlap 01 01:04:00', 'which it says');
select is((select count(*) from pawl.jobs where kind = 'crawl'), 1::bigint, 'there is one');
select pawl.cancel_job(:crawl);
select is((select job_id from pawl.run_schedule('shop')) <> :crawl, true, 'it has ended: another');

-- ---- jitter ----
delete from pawl.schedules;
delete from pawl.tasks;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule('j' || n, 'chore', p_every => '1 hour', p_jitter => '10 minutes', p_time_member => 'at') from generate_series(1, 40) n;
select is((select count(distinct next_run_at) > 30 and min(next_run_at) >= '2030-01-01 01:00:00+00' and max(next_run_at) <= '2030-01-01 01:10:00+00' from pawl.schedules), true,
  'runs are spread over the ten minutes');
select is((select array_agg(distinct next_run_at - next_jitter) from pawl.schedules), '{2030-01-01 01:00:00+00}'::timestamptz[], 'behind the same time');
create temporary table drawn on commit drop as select name, next_run_at from pawl.schedules;
select pawl.define_schedule('j' || n, 'chore', p_every => '1 hour') from generate_series(1, 40) n;
select is((select count(*) from drawn d join pawl.schedules s using (name, next_run_at)), 40::bigint, 'which is drawn once: to define them again changes nothing');
select is((select max(r) from unnest(array(select probe.run_at(next_run_at - interval '1 millisecond') from drawn order by next_run_at limit 1)) r), '(0,0)', 'none before its time');
select probe.run_at('2030-01-01 01:10:00+00');
select is((select array_agg(distinct payload ->> 'at') from pawl.tasks where key like 'schedule:j%'), '{2030-01-01T01:00:00Z}', 'each is told the time without jitter');
select is((select count(distinct next_run_at) > 30 and min(next_run_at) >= '2030-01-01 02:00:00+00' and max(next_run_at) <= '2030-01-01 02:10:00+00' from pawl.schedules), true,
  'the steps stay, and the next jitter is another');
select is((select count(*) from drawn d join pawl.schedules s on s.name = d.name and s.next_run_at = d.next_run_at + interval '1 hour'), 0::bigint, 'drawn anew');
select is(pawl.define_schedule('j1', p_jitter => '0'), '2030-01-01 02:00:00+00'::timestamptz, 'it can be taken away');
select is(pawl.define_schedule('j2', p_next_run_at => '2030-01-01 01:30:00+00'), '2030-01-01 01:30:00+00'::timestamptz, 'a time that is given has none');
select is((select next_jitter from pawl.schedules where name = 'j2'), '0'::interval, 'at all');
select pawl.define_schedule('j3', p_catch_up => 'skip', p_next_run_at => '2030-01-01 02:09:00+00');
update pawl.schedules set next_jitter = '9 minutes' where name = 'j3';
delete from pawl.tasks;
select probe.run_at('2030-01-01 02:09:30+00');
select is((select payload ->> 'at' from pawl.tasks where key = 'schedule:j3'), '2030-01-01T02:00:00Z', 'a run that was put off has not been missed');
select is((select count(*) from generate_series(1, 1000), lateral (select pawl.define_schedule('j4', p_cron => '0 3 * * *', p_jitter => '1 day') as t) d where t < '2030-01-01 03:00:00+00' or t > '2030-01-02 03:00:00+00'), 0::bigint,
  'by cron too, up to a day');

-- ---- what runs next ----
set local pawl.now = '2030-01-01 00:00:00+00';
delete from pawl.schedules;
select pawl.define_schedule('n', 'chore', p_cron => '0 3 * * *', p_time_zone => 'Europe/Berlin');
select is(array(select pawl.next_runs('n', 3)), '{2030-01-01 02:00:00+00,2030-01-02 02:00:00+00,2030-01-03 02:00:00+00}'::timestamptz[], 'next_runs: by cron');
select is((select count(*) from pawl.next_runs('n')), 5::bigint, 'five unless told otherwise');
select pawl.define_schedule('n', p_every => '90 minutes');
update pawl.schedules set next_run_at = '2030-01-01 00:40:00+00', next_jitter = '10 minutes';
select is(array(select pawl.next_runs('n', 3)), '{2030-01-01 00:40:00+00,2030-01-01 02:00:00+00,2030-01-01 03:30:00+00}'::timestamptz[], 'the first with its jitter');
set local pawl.now = '2030-01-01 05:00:00+00';
select is(array(select pawl.next_runs('n', 2)), '{2030-01-01 00:40:00+00,2030-01-01 06:30:00+00}'::timestamptz[], 'what was missed comes with the first');
update pawl.schedules set every = null, cron = '*/5 * * * *', next_run_at = '2030-01-01 05:07:00+00', next_jitter = '7 minutes';
select is(array(select pawl.next_runs('n', 2)), '{2030-01-01 05:07:00+00,2030-01-01 05:10:00+00}'::timestamptz[], 'a jitter may pass the next time, which then comes with it');
update pawl.schedules set every = '90 minutes', cron = null, next_run_at = '2030-01-01 00:40:00+00', next_jitter = '10 minutes';
select is(pawl.show_schedule('n', 2) -> 'next_runs', '["2030-01-01T00:40:00+00:00", "2030-01-01T06:30:00+00:00"]', 'show_schedule has them');
select is(pawl.show_schedule('n') - 'next_runs', pawl.list_schedules() -> 0, 'beside what list_schedules says');
select pawl.define_schedule('n', p_is_enabled => false);
select is((select count(*) from pawl.next_runs('n')), 0::bigint, 'paused: none');
update pawl.schedules set is_enabled = true, next_run_at = null;
select is((select count(*) from pawl.next_runs('n')), 0::bigint, 'nor without a time');
update pawl.schedules set every = null, cron = '0 0 29 2 *', next_run_at = '2096-02-29 00:00+00', next_jitter = '0';
select is((select count(*) from pawl.next_runs('n')), 1::bigint, 'nor beyond the last');

-- ---- seconds ----
set local pawl.now = '2030-01-01 00:00:00+00';
select is(pawl.define_schedule('s', 'chore', p_every => '30 seconds'), '2030-01-01 00:00:30+00'::timestamptz, 'every may be seconds');
select is(probe.run_at('2030-01-01 00:00:30+00'), '(1,0)', 'it runs');
select is((select next_run_at from pawl.schedules where name = 's'), '2030-01-01 00:01:00+00'::timestamptz, 'and again');

-- ---- what it refuses ----
set local pawl.now = '2030-01-01 00:00:00+00';
delete from pawl.schedules;
select pawl.define_schedule('there', 'chore', p_every => '1 hour');
select pawl.define_schedule('site', 'crawl', '{"url": "http://b.test/"}', p_every => '1 hour', p_replace => true);
create temporary table before on commit drop as select s::text from pawl.schedules s;
select is(probe.refusal('select pawl.define_schedule(' || s || ')'), e, 'refused: ' || s)
from (values
  ('''there'', p_catch_up => ''twice''', 'PW006 p_catch_up is out of range: twice'),
  ('''there'', p_overlap => ''replace''', 'PW006 p_overlap is out of range: replace'),
  ('''there'', p_jitter => ''-1 second''', 'PW006 p_jitter is out of range: -00:00:01'),
  ('''there'', p_jitter => ''25 hours''', 'PW006 p_jitter is out of range: 25:00:00'),
  ('''there'', p_jitter => ''1 month''', 'PW006 p_jitter is out of range: 1 mon'),
  ('''there'', p_jitter => ''61 minutes''', 'PW006 p_jitter is out of range: 01:01:00'),
  ('''there'', p_backlog_limit => 0', 'PW006 p_backlog_limit is out of range: 0'),
  ('''there'', p_backlog_limit => 1001', 'PW006 p_backlog_limit is out of range: 1001'),
  ('''there'', p_time_member => repeat(''x'', 201)', 'PW006 the length of p_time_member is out of range: 201'),
  ('''there'', p_catch_up => ''all''', 'PW006 runs that are all made up for would skip each other'),
  ('''there'', p_params => ''[1]'', p_time_member => ''at''', 'PW006 the payload is no JSON object, so it has no member "at"'),
  ('''site'', p_overlap => ''skip''', 'PW006 a crawl that is replaced never meets the one before, so the overlap skip has no meaning'),
  ('''site'', p_overlap => ''queue'', p_replace => false', 'PW006 crawls do not queue'),
  ('''site'', p_catch_up => ''all''', 'PW006 missed crawls are not made up for one by one'),
  ('''site'', p_time_member => ''at''', 'PW006 a crawl has no payload that could tell its time')
) v (s, e);
select is(probe.refusal(s), e, s) from (values
  ('select pawl.next_runs(''nobody'')', 'PW002 schedule "nobody" does not exist'),
  ('select pawl.next_runs(null)', 'PW006 p_name must not be null'),
  ('select pawl.next_runs(''there'', 0)', 'PW006 p_count is out of range: 0'),
  ('select pawl.next_runs(''there'', null)', 'PW006 p_count is out of range: <NULL>'),
  ('select pawl.show_schedule(''nobody'')', 'PW002 schedule "nobody" does not exist')) v (s, e);
select is((select array_agg(s::text order by s::text) from pawl.schedules s), (select array_agg(s order by s) from before), 'and nothing is changed');

select * from finish();
rollback;
