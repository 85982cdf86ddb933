-- Schedules: next_cron, define_schedule and its sisters, what a run does, with the clock held.
begin;
select * from no_plan();

-- next_cron: expression, time zone, after, the next (both UTC)
create temporary table cron (n serial, expression text, time_zone text, after timestamp, next timestamp) on commit drop;
insert into cron (expression, time_zone, after, next) values
  -- fields, in UTC
  ('* * * * *', 'UTC', '2026-01-01 00:00', '2026-01-01 00:01'),
  ('* * * * *', 'UTC', '2026-01-01 00:00:59.9', '2026-01-01 00:01'),
  ('* * * * *', 'UTC', '2026-12-31 23:59', '2027-01-01 00:00'),
  ('*/15 * * * *', 'UTC', '2026-01-01 00:14:59', '2026-01-01 00:15'),
  ('*/15 * * * *', 'UTC', '2026-01-01 00:15', '2026-01-01 00:30'),
  ('*/15 * * * *', 'UTC', '2026-01-01 00:45', '2026-01-01 01:00'),
  ('*/40 * * * *', 'UTC', '2026-01-01 00:40', '2026-01-01 01:00'),
  ('5,10,20-22 * * * *', 'UTC', '2026-01-01 00:10', '2026-01-01 00:20'),
  ('22,20-21,5 * * * *', 'UTC', '2026-01-01 00:21', '2026-01-01 00:22'),
  ('10-40/10 * * * *', 'UTC', '2026-01-01 00:41', '2026-01-01 01:10'),
  ('10-40/25 * * * *', 'UTC', '2026-01-01 00:10', '2026-01-01 00:35'),
  ('1-10/3,30 * * * *', 'UTC', '2026-01-01 00:10', '2026-01-01 00:30'),
  ('05 03 * * *', 'UTC', '2026-01-01 00:00', '2026-01-01 03:05'),
  ('0 3 * * *', 'UTC', '2026-01-01 02:59:59', '2026-01-01 03:00'),
  ('0 3 * * *', 'UTC', '2026-01-01 03:00', '2026-01-02 03:00'),
  ('0 3 * * *', 'UTC', '2026-12-31 04:00', '2027-01-01 03:00'),
  ('59 23 * * *', 'UTC', '2026-01-31 23:59', '2026-02-01 23:59'),
  ('0 8-18/2 * * *', 'UTC', '2026-01-01 10:00', '2026-01-01 12:00'),
  ('0 8-18/2 * * *', 'UTC', '2026-01-01 18:00', '2026-01-02 08:00'),
  ('30 */6 * * *', 'UTC', '2026-01-01 18:30', '2026-01-02 00:30'),
  ('30 * * * *', 'UTC', '2026-01-01 18:30', '2026-01-01 19:30'),
  ('30 0-23 * * *', 'UTC', '2026-01-01 23:31', '2026-01-02 00:30'),
  ('  0	3 *  * * ', 'UTC', '2026-01-01 00:00', '2026-01-01 03:00'),
  -- days and months
  ('0 0 1 * *', 'UTC', '2026-01-01 00:00', '2026-02-01 00:00'),
  ('0 0 31 * *', 'UTC', '2026-01-31 00:00', '2026-03-31 00:00'),
  ('0 0 30 * *', 'UTC', '2026-01-30 00:00', '2026-03-30 00:00'),
  ('0 12 15 jan,JUL *', 'UTC', '2026-01-15 12:00', '2026-07-15 12:00'),
  ('0 12 15 1,7 *', 'UTC', '2026-07-15 12:00', '2027-01-15 12:00'),
  ('0 0 1 */3 *', 'UTC', '2026-01-01 00:00', '2026-04-01 00:00'),
  ('0 0 1 jun-aug *', 'UTC', '2026-08-01 00:00', '2027-06-01 00:00'),
  ('* * 1 12 *', 'UTC', '2026-01-01 00:00', '2026-12-01 00:00'),
  ('* * 1 12 *', 'UTC', '2026-12-01 23:59', '2027-12-01 00:00'),
  -- the last of a month
  ('0 12 $ * *', 'UTC', '2026-01-31 12:00', '2026-02-28 12:00'),
  ('0 12 $ * *', 'UTC', '2028-02-01 12:00', '2028-02-29 12:00'),
  ('0 12 15,$ * *', 'UTC', '2026-04-15 12:00', '2026-04-30 12:00'),
  ('0 0 $ feb mon', 'UTC', '2026-02-24 00:00', '2026-02-28 00:00'),
  ('0 0 $ * *', 'America/New_York', '2026-03-31 03:59', '2026-03-31 04:00'),
  -- days of the week: 2026-01-01 is a Thursday
  ('0 0 * * 1', 'UTC', '2026-01-01 00:00', '2026-01-05 00:00'),
  ('0 0 * * 0', 'UTC', '2026-01-01 00:00', '2026-01-04 00:00'),
  ('0 0 * * 7', 'UTC', '2026-01-01 00:00', '2026-01-04 00:00'),
  ('0 0 * * sun', 'UTC', '2026-01-01 00:00', '2026-01-04 00:00'),
  ('0 0 * * Mon-Fri', 'UTC', '2026-01-02 00:00', '2026-01-05 00:00'),
  ('0 0 * * fri-sun', 'UTC', '2026-01-02 00:00', '2026-01-03 00:00'),
  ('0 0 * * fri-sun', 'UTC', '2026-01-04 00:00', '2026-01-09 00:00'),
  ('0 0 * * 5-7', 'UTC', '2026-01-03 00:00', '2026-01-04 00:00'),
  ('0 0 * * 6-7', 'UTC', '2026-01-04 00:00', '2026-01-10 00:00'),
  ('0 0 * * sun,wed', 'UTC', '2026-01-04 00:00', '2026-01-07 00:00'),
  ('0 0 * * */2', 'UTC', '2026-01-03 00:00', '2026-01-04 00:00'),
  ('0 0 * * 1-5/2', 'UTC', '2026-01-05 00:00', '2026-01-07 00:00'),
  -- either day, when both are restricted; both, when one begins with a star
  ('0 0 13 * 5', 'UTC', '2026-02-07 00:00', '2026-02-13 00:00'),
  ('0 0 13 * 5', 'UTC', '2026-02-13 00:00', '2026-02-20 00:00'),
  ('0 0 13 * 5', 'UTC', '2026-04-10 00:00', '2026-04-13 00:00'),
  ('0 0 31 2 1', 'UTC', '2026-01-01 00:00', '2026-02-02 00:00'),
  ('0 0 */2 * mon', 'UTC', '2026-01-05 00:00', '2026-01-19 00:00'),
  ('0 0 13 * */5', 'UTC', '2026-01-01 00:00', '2026-02-13 00:00'),
  -- leap days
  ('0 0 29 2 *', 'UTC', '2026-01-01 00:00', '2028-02-29 00:00'),
  ('0 0 29 2 *', 'UTC', '2024-02-29 00:00', '2028-02-29 00:00'),
  ('59 23 28-29 2 *', 'UTC', '2028-02-28 23:59', '2028-02-29 23:59'),
  ('59 23 28-29 2 *', 'UTC', '2027-02-28 23:59', '2028-02-28 23:59'),
  ('0 0 29 2 *', 'UTC', '2096-02-29 00:00', null),
  ('0 0 30 2 *', 'UTC', '2026-01-01 00:00', null),
  ('0 0 31 4,6,9,11 *', 'UTC', '2026-01-01 00:00', null),
  ('0 0 * * *', 'UTC', 'infinity', null),
  ('0 0 * * *', 'UTC', '-infinity', null),
  ('0 0 * * *', 'UTC', null, null),
  -- words
  ('@hourly', 'UTC', '2026-01-01 00:00', '2026-01-01 01:00'),
  ('@Daily', 'UTC', '2026-01-01 00:00', '2026-01-02 00:00'),
  ('@midnight', 'UTC', '2026-01-01 12:00', '2026-01-02 00:00'),
  ('@weekly', 'UTC', '2026-01-01 00:00', '2026-01-04 00:00'),
  ('@monthly', 'UTC', '2026-01-01 00:00', '2026-02-01 00:00'),
  ('@yearly', 'UTC', '2026-01-01 00:00', '2027-01-01 00:00'),
  ('@annually', 'UTC', '2026-01-02 00:00', '2027-01-01 00:00'),
  -- the clock of a zone
  ('0 3 * * *', 'Europe/Berlin', '2026-01-01 00:00', '2026-01-01 02:00'),
  ('0 3 * * *', 'Europe/Berlin', '2026-07-01 00:00', '2026-07-01 01:00'),
  ('0 0 1 * *', 'America/New_York', '2026-01-15 00:00', '2026-02-01 05:00'),
  ('0 0 1 1 *', 'Asia/Kolkata', '2026-01-15 00:00', '2026-12-31 18:30'),
  ('30 9 * * mon', 'Pacific/Kiritimati', '2026-01-01 00:00', '2026-01-04 19:30'),
  ('15 * * * *', 'Asia/Kathmandu', '2026-01-01 00:00', '2026-01-01 00:30'),
  -- Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC
  ('30 2 * * *', 'Europe/Berlin', '2026-03-28 12:00', '2026-03-29 01:00'),
  ('30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00', '2026-03-30 00:30'),
  ('0 2 * * *', 'Europe/Berlin', '2026-03-29 00:59', '2026-03-29 01:00'),
  ('59 2 * * *', 'Europe/Berlin', '2026-03-29 00:59', '2026-03-29 01:00'),
  ('0,30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00', '2026-03-30 00:00'),
  ('0 2,3 * * *', 'Europe/Berlin', '2026-03-29 00:00', '2026-03-29 01:00'),
  ('0 2,3 * * *', 'Europe/Berlin', '2026-03-29 01:00', '2026-03-30 00:00'),
  ('0 */2 * * *', 'Europe/Berlin', '2026-03-29 00:00', '2026-03-29 01:00'),
  ('0 */2 * * *', 'Europe/Berlin', '2026-03-29 01:00', '2026-03-29 02:00'),
  ('0 3 * * *', 'Europe/Berlin', '2026-03-28 12:00', '2026-03-29 01:00'),
  ('30 1 * * *', 'Europe/Berlin', '2026-03-29 00:00', '2026-03-29 00:30'),
  ('30 * * * *', 'Europe/Berlin', '2026-03-29 00:30', '2026-03-29 01:30'),
  ('*/20 * * * *', 'Europe/Berlin', '2026-03-29 00:40', '2026-03-29 01:00'),
  ('*/20 * * * *', 'Europe/Berlin', '2026-03-29 01:00', '2026-03-29 01:20'),
  ('30 2 29 3 *', 'Europe/Berlin', '2026-01-01 00:00', '2026-03-29 01:00'),
  -- Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC
  ('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00', '2026-10-25 00:30'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30', '2026-10-26 01:30'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 01:10', '2026-10-26 01:30'),
  ('0 3 * * *', 'Europe/Berlin', '2026-10-25 00:30', '2026-10-25 02:00'),
  ('0 2 * * *', 'Europe/Berlin', '2026-10-24 12:00', '2026-10-25 00:00'),
  ('30 * * * *', 'Europe/Berlin', '2026-10-25 00:30', '2026-10-25 01:30'),
  ('30 * * * *', 'Europe/Berlin', '2026-10-25 01:30', '2026-10-25 02:30'),
  ('*/30 * * * *', 'Europe/Berlin', '2026-10-25 00:30', '2026-10-25 01:00'),
  ('*/30 1-4 * * *', 'Europe/Berlin', '2026-10-25 00:30', '2026-10-25 02:00'),
  -- New York, 8 March 2026: 02:00 becomes 03:00 at 07:00 UTC; 1 November: 02:00 becomes 01:00 at 06:00 UTC
  ('30 2 * * *', 'America/New_York', '2026-03-07 12:00', '2026-03-08 07:00'),
  ('30 2 * * *', 'America/New_York', '2026-03-08 07:00', '2026-03-09 06:30'),
  ('0 2 * * 0', 'America/New_York', '2026-03-07 12:00', '2026-03-08 07:00'),
  ('0 * * * *', 'America/New_York', '2026-03-08 06:00', '2026-03-08 07:00'),
  ('30 1 * * *', 'America/New_York', '2026-10-31 12:00', '2026-11-01 05:30'),
  ('30 1 * * *', 'America/New_York', '2026-11-01 05:30', '2026-11-02 06:30'),
  ('0 2 * * *', 'America/New_York', '2026-11-01 05:30', '2026-11-01 07:00'),
  ('0 * * * *', 'America/New_York', '2026-11-01 05:00', '2026-11-01 06:00'),
  ('0 * * * *', 'America/New_York', '2026-11-01 06:00', '2026-11-01 07:00'),
  -- odd clocks: half an hour on Lord Howe, midnight in Beirut, a day that Samoa left out
  ('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 12:00', '2026-10-03 15:30'),
  ('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04 12:00', '2026-04-04 14:45'),
  ('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04 14:45', '2026-04-05 15:15'),
  ('0 0 * * *', 'Asia/Beirut', '2026-03-28 12:00', '2026-03-28 22:00'),
  ('* * 29 3 *', 'Asia/Beirut', '2026-03-28 12:00', '2026-03-28 22:00'),
  ('0 3 30 12 *', 'Pacific/Apia', '2011-12-29 00:00', '2011-12-30 10:00'),
  ('0 * 30 12 *', 'Pacific/Apia', '2011-12-29 00:00', '2012-12-29 10:00');
select is(pawl.next_cron(expression, after at time zone 'UTC', time_zone) at time zone 'UTC', next,
  format('next_cron: %s in %s after %s', expression, time_zone, after))
from cron order by n;
select cmp_ok((select count(*) from cron), '>=', 60::bigint, 'at least sixty');
select is(pawl.next_cron('0 3 * * *', '2026-01-01 00:00+00'), '2026-01-01 03:00+00'::timestamptz, 'next_cron: by the clock of UTC unless told otherwise');
set local time zone 'Asia/Tokyo';
select is((select array_agg(n) from cron where pawl.next_cron(expression, after at time zone 'UTC', time_zone) at time zone 'UTC' is distinct from next), null,
  'next_cron: whatever the session''s own time zone');
set local time zone 'UTC';

-- a cron that is none
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
select is(probe.refusal(format('select pawl.next_cron(%L, now())', e)), 'PW006 ' || m, format('no cron: %s', e))
from (values
  ('', ''''' is no cron expression'), (null, 'null is no cron expression'), ('* * * *', '''* * * *'' is no cron expression'),
  ('0 * * * * *', '''0 * * * * *'' is no cron expression'), ('@reboot', '''@reboot'' is no cron expression'),
  ('60 * * * *', '''60'' is no minute of a cron expression'), ('-1 * * * *', '''-1'' is no minute of a cron expression'),
  ('* 24 * * *', '''24'' is no hour of a cron expression'), ('* * 0 * *', '''0'' is no day of the month of a cron expression'),
  ('* * 32 * *', '''32'' is no day of the month of a cron expression'), ('* * * 0 *', '''0'' is no month of a cron expression'),
  ('* * * 13 *', '''13'' is no month of a cron expression'), ('* * * * 8', '''8'' is no day of the week of a cron expression'),
  ('* * * mon *', '''mon'' is no month of a cron expression'), ('* * * * jan', '''jan'' is no day of the week of a cron expression'),
  ('sun * * * *', '''sun'' is no minute of a cron expression'), ('*/0 * * * *', '''*/0'' is no minute of a cron expression'),
  ('*/60 * * * *', '''*/60'' is no minute of a cron expression'), ('30-10 * * * *', '''30-10'' is no minute of a cron expression'),
  ('5/10 * * * *', '''5/10'' is no minute of a cron expression'), ('*-5 * * * *', '''*-5'' is no minute of a cron expression'),
  ('1,,2 * * * *', ''''' is no minute of a cron expression'), ('1, * * * *', ''''' is no minute of a cron expression'),
  ('* * L * *', '''l'' is no day of the month of a cron expression'), ('* * ? * *', '''?'' is no day of the month of a cron expression'),
  ('* * * * mon#2', '''mon#2'' is no day of the week of a cron expression'), ('1.5 * * * *', '''1.5'' is no minute of a cron expression'),
  ('001 * * * *', '''001'' is no minute of a cron expression'), ('* * * * sun-mon-tue', '''sun-mon-tue'' is no day of the week of a cron expression')
) v (e, m);
select is(probe.refusal('select pawl.next_cron(''* * * * *'', now(), ''Nowhere/Land'')'), '22023 time zone "Nowhere/Land" not recognized, WITHOUT A HINT', 'nor a zone that is none');
select is(probe.refusal('select pawl.next_cron(''* * * * *'', now(), null)'), 'PW006 p_time_zone must not be null', 'nor no zone');

-- define_schedule: what it makes
set local pawl.now = '2030-01-01 00:10:00+00';
select probe.kind('chore');
create function probe.schedule(p_name text) returns text language sql as $$
  select concat_ws(' | ', s.kind, s.params, s.every, s.cron, s.time_zone, s.replace, s.is_enabled, s.next_run_at at time zone 'UTC',
    s.last_run_at at time zone 'UTC', s.last_error)
  from pawl.schedules s where s.name = p_name
$$;
select is(pawl.define_schedule('a', 'chore', p_every => '6 hours'), '2030-01-01 06:10:00+00'::timestamptz, 'every: after that time, which it returns');
select is(probe.schedule('a'), 'chore | {} | 06:00:00 | UTC | f | t | 2030-01-01 06:10:00', 'and the rest by default');
select is(pawl.define_schedule('b', 'crawl', '{"url": "http://b.test/", "max_pages": 5}', p_cron => '0 3 * * *', p_time_zone => 'europe/berlin', p_replace => true),
  '2030-01-01 02:00:00+00'::timestamptz, 'cron: by the clock of the zone');
select is(probe.schedule('b'), 'crawl | {"url": "http://b.test/", "max_pages": 5} | 0 3 * * * | Europe/Berlin | t | t | 2030-01-01 02:00:00', 'whose name is written as the server does');
select is((select count(*) from pawl.jobs where kind in ('crawl', 'chore')) + (select count(*) from pawl.limiters where key = 'host:b.test'), 0::bigint, 'nothing is started: the trial is undone');
select pawl.define_schedule('c', 'chore', p_every => '2 days');
select is((select every::text from pawl.schedules where name = 'c'), '48:00:00', 'a day is 24 hours');

-- define_schedule: what it changes
set local pawl.now = '2030-01-01 01:00:00+00';
select is(pawl.define_schedule('a', 'chore', p_every => '360 minutes'), '2030-01-01 06:10:00+00'::timestamptz, 'the same again: the next run stays');
select is(pawl.define_schedule('a', p_params => '{"x": 1}', p_time_zone => 'Asia/Tokyo'), '2030-01-01 06:10:00+00'::timestamptz, 'also when something else changes');
select is(pawl.define_schedule('a', p_every => '1 hour'), '2030-01-01 02:00:00+00'::timestamptz, 'another time: counted from now');
select is(pawl.define_schedule('a', p_cron => '0 5 * * *'), '2030-01-01 20:00:00+00'::timestamptz, 'cron takes the place of every');
select is(probe.schedule('a'), 'chore | {"x": 1} | 0 5 * * * | Asia/Tokyo | f | t | 2030-01-01 20:00:00', 'and all else stays');
select is(pawl.define_schedule('a', p_time_zone => 'UTC'), '2030-01-01 05:00:00+00'::timestamptz, 'another zone: by that clock');
select is(pawl.define_schedule('a', p_every => '1 hour'), '2030-01-01 02:00:00+00'::timestamptz, 'and every the place of cron');
select is(pawl.define_schedule('a', p_next_run_at => '2029-12-31 23:30:00+00'), '2029-12-31 23:30:00+00'::timestamptz, 'or a run at a time that is given, past ones too');
select is((select created_at <= updated_at from pawl.schedules where name = 'a'), true, 'it knows when it was changed');

-- pause and resume
select pawl.define_schedule('a', p_is_enabled => false);
select is((select ran from pawl.run_due_schedules()), 0, 'not enabled: it does not run');
select is(pawl.define_schedule('a', p_is_enabled => true), '2030-01-01 01:30:00+00'::timestamptz, 'enabled again: what was missed is left out, the steps stay');
select pawl.define_schedule('b', p_is_enabled => false);
set local pawl.now = '2030-01-05 00:00:00+00';
select is(pawl.define_schedule('b', p_is_enabled => true), '2030-01-05 02:00:00+00'::timestamptz, 'by cron too');
select is(pawl.define_schedule('b', p_is_enabled => true, p_next_run_at => '2030-01-04 00:00:00+00'), '2030-01-04 00:00:00+00'::timestamptz, 'unless a time is given');
select pawl.define_schedule('b', p_is_enabled => false);

-- define_schedule: what it refuses
select pawl.define_kind('shouter', 'noop', p_max_payload_bytes => 100);
select is(probe.refusal('select pawl.define_schedule(' || s || ')'), e, 'refused: ' || s)
from (values
  ('null, ''chore'', p_every => ''1 hour''', 'PW006 the name of a schedule has from 1 to 200 characters, not null'),
  (''''', ''chore'', p_every => ''1 hour''', 'PW006 the name of a schedule has from 1 to 200 characters, not 0'),
  ('repeat(''x'', 201), ''chore'', p_every => ''1 hour''', 'PW006 the name of a schedule has from 1 to 200 characters, not 201'),
  ('''x''', 'PW002 schedule "x" does not exist'),
  ('''x'', p_is_enabled => false', 'PW002 schedule "x" does not exist'),
  ('''x'', ''chore''', 'PW006 schedule "x" needs a time'),
  ('''x'', p_every => ''1 hour''', 'PW006 schedule "x" needs a kind'),
  ('''x'', ''nobody'', p_every => ''1 hour''', 'PW001 kind "nobody" does not exist'),
  ('''x'', ''chore'', p_every => ''1 hour'', p_cron => ''* * * * *''', 'PW006 p_every and p_cron both say when'),
  ('''x'', ''chore'', p_every => ''0.999 seconds''', 'PW006 p_every is out of range: 00:00:00.999'),
  ('''x'', ''chore'', p_every => ''0''', 'PW006 p_every is out of range: 00:00:00'),
  ('''x'', ''chore'', p_every => ''-1 hour''', 'PW006 p_every is out of range: -01:00:00'),
  ('''x'', ''chore'', p_every => ''3651 days''', 'PW006 p_every is out of range: 3651 days'),
  ('''x'', ''chore'', p_every => ''1 month''', 'PW006 p_every is not a fixed time: 1 mon'),
  ('''x'', ''chore'', p_every => ''1 year''', 'PW006 p_every is not a fixed time: 1 year'),
  ('''x'', ''chore'', p_cron => ''hourly''', 'PW006 ''hourly'' is no cron expression'),
  ('''x'', ''chore'', p_cron => ''''', 'PW006 '''' is no cron expression'),
  ('''x'', ''chore'', p_cron => ''0 0 30 2 *''', 'PW006 cron ''0 0 30 2 *'' does not come in five years'),
  ('''x'', ''chore'', p_cron => ''* * * * '' || repeat(''1,'', 600) || ''1''', 'PW006 the length of p_cron is out of range: 1209'),
  ('''x'', ''chore'', p_cron => ''* * * * *'', p_time_zone => ''Berlin''', 'PW006 time zone ''Berlin'' is not known'),
  ('''x'', ''chore'', p_every => ''1 hour'', p_next_run_at => ''infinity''', 'PW006 p_next_run_at is out of range: infinity'),
  ('''x'', ''chore'', p_every => ''1 hour'', p_replace => true', 'PW006 only a crawl can be replaced, and kind "chore" has the executor noop'),
  ('''b'', ''chore''', 'PW006 only a crawl can be replaced, and kind "chore" has the executor noop'),
  ('''a'', p_replace => true', 'PW006 only a crawl can be replaced, and kind "chore" has the executor noop'),
  ('''x'', ''crawl'', p_every => ''1 hour''', 'PW006 a crawl needs a url'),
  ('''x'', ''crawl'', ''[1]'', ''1 hour''', 'PW006 the parameters of a crawl are no JSON object: [1]'),
  ('''x'', ''crawl'', ''{"url": "b.test"}'', ''1 hour''', 'PW006 "b.test" is not a URL with http or https'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "max_pages": 0}'', ''1 hour''', 'PW006 max_pages is not a positive number: 0'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "max_running": "four"}'', ''1 hour''', 'PW006 max_running is out of range: "four"'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "start_interval_ms": "1"}'', ''1 hour''', 'PW006 start_interval_ms is out of range: "1"'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "start_interval_ms": -1}'', ''1 hour''', 'PW006 p_start_interval_ms is out of range: -1'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "adaptive": "yes"}'', ''1 hour''', 'PW006 adaptive is out of range: "yes"'),
  ('''x'', ''crawl'', ''{"url": "http://b.test/", "weights": [1]}'', ''1 hour''', 'PW006 the weights are no JSON object'),
  ('''x'', ''shouter'', ''{"x": "' || repeat('x', 100) || '"}'', ''1 hour''', 'PW004 payload of 117 bytes is over the limit of 100 bytes of kind "shouter"'),
  ('''a'', ''crawl''', 'PW006 a crawl needs a url')
) v (s, e);
select is((select array_agg(name order by name) from pawl.schedules), '{a,b,c}', 'and nothing is half done');
select is(probe.schedule('a'), 'chore | {"x": 1} | 01:00:00 | UTC | f | t | 2030-01-01 01:30:00', 'nor changed');
select is(probe.refusal(s), e, s) from (values
  ('select pawl.drop_schedule(''x'')', 'PW002 schedule "x" does not exist'),
  ('select pawl.drop_schedule(null)', 'PW006 p_name must not be null'),
  ('select pawl.run_schedule(''x'')', 'PW002 schedule "x" does not exist'),
  ('insert into pawl.schedules (name, kind) values (''x'', ''chore'')', '23514 new row for relation "schedules" violates check constraint "it_is_every_or_cron", WITHOUT A HINT'),
  ('insert into pawl.schedules (name, kind, every) values (''x'', ''chore'', ''0.9 seconds'')', '23514 new row for relation "schedules" violates check constraint "every_is_a_second_or_more", WITHOUT A HINT'),
  ('insert into pawl.schedules (name, kind, every) values (''x'', ''chore'', ''1 day'')', '23514 new row for relation "schedules" violates check constraint "every_has_one_length", WITHOUT A HINT')) v (s, e);

-- a run of a task
delete from pawl.schedules;
set local pawl.now = '2030-01-01 00:00:00+00';
select is(pawl.next_due_ms(), null, 'nothing is due, ever');
select pawl.define_schedule('tidy', 'chore', '{"n": 1}', p_every => '6 hours');
select is(pawl.next_due_ms(), 21600000::bigint, 'next_due_ms knows the schedule');
select pawl.enqueue('chore', p_run_at => '2030-01-01 00:00:10+00');
select is(pawl.next_due_ms(), 10000::bigint, 'and what is due before it');
delete from pawl.tasks;
update pawl.schedules set next_run_at = 'infinity';
select is(pawl.next_due_ms(), null, 'what is put off for ever is never due');
update pawl.schedules set next_run_at = null;
select is(pawl.next_due_ms(), null, 'nor is what has no time');
update pawl.schedules set next_run_at = '2030-01-01 06:00:00+00', is_enabled = false;
select is(pawl.next_due_ms(), null, 'nor what is not enabled');
update pawl.schedules set is_enabled = true;
set local pawl.now = '2030-01-01 05:59:59.9995+00';
select is(pawl.next_due_ms(), 1::bigint, 'rounded up');
select is(r, row (0, 0), 'run_due_schedules: none is due yet') from pawl.run_due_schedules() r;
set local pawl.now = '2030-01-01 06:00:03+00';
select is(pawl.next_due_ms(), 0::bigint, 'it is late');
select is(r, row (1, 0), 'run_due_schedules: that one') from pawl.run_due_schedules() r;
select is(probe.schedule('tidy'), 'chore | {"n": 1} | 06:00:00 | UTC | f | t | 2030-01-01 12:00:00 | 2030-01-01 06:00:03', 'the next run stays in step');
select pawl.standing_job('chore') as chores \gset
select row_eq(format('select key, payload, status::text from pawl.tasks where job_id = %s', :chores),
  row ('schedule:tidy'::text, '{"n": 1}'::jsonb, 'pending'::text), 'a task of the kind''s standing job, with the schedule''s key');
select is((select last_job_id from pawl.schedules), :chores::bigint, 'whose job it remembers');
select is(r, row (0, 0), 'once') from pawl.run_due_schedules() r;
select is(pawl.next_due_ms(), 21597000::bigint, 'then the next');

-- missed runs, and a run that still waits
set local pawl.now = '2030-01-09 13:00:00+00';
select is(r, row (1, 0), 'many missed: one run') from pawl.run_due_schedules() r;
select is((select next_run_at from pawl.schedules), '2030-01-09 18:00:00+00'::timestamptz, 'and the next is in the future, in step');
select is((select count(*) from pawl.tasks where job_id = :chores), 1::bigint, 'its predecessor still waits: it is not doubled');
select probe.node() as node \gset
select probe.finish(:node, :chores, probe.claim(:node, :chores)) \g /dev/null
set local pawl.now = '2030-01-09 18:00:00+00';
select is(r, row (1, 0), 'due to the second') from pawl.run_due_schedules() r;
select is((select count(*) from pawl.tasks where job_id = :chores), 2::bigint, 'its predecessor has ended: a new one');

-- by hand
select * from pawl.run_schedule('tidy') \gset hand_
select is(:hand_job_id::text || '/' || :hand_task_id, :chores || '/' || (select max(id) from pawl.tasks), 'run_schedule: what it started, or what is open already');
select is((select next_run_at from pawl.schedules), '2030-01-10 00:00:00+00'::timestamptz, 'when it runs by itself stays');
select pawl.define_schedule('tidy', p_is_enabled => false);
select lives_ok('select pawl.run_schedule(''tidy'')', 'also when it is not enabled');

-- a crawl
delete from pawl.schedules;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule('shop', 'crawl',
  '{"url": "http://shop.test/", "max_pages": 7, "user_agent": "us", "max_running": 3, "start_interval_ms": 250}', p_every => '24 hours');
select f.job_id as first_job_id, f.task_id is null as is_job from pawl.run_schedule('shop') f \gset
select is(:'is_job'::text, 't', 'a crawl is a job, not a task');
select is((select params from pawl.jobs where id = :first_job_id), '{"url": "http://shop.test/", "max_pages": 7, "user_agent": "us"}'::jsonb, 'a crawl gets its url and parameters');
select row_eq('select max_running, start_interval_ms from pawl.limiters where key = ''host:shop.test''', row (3, 250::double precision), 'its host the limits');
select pawl.start_crawl('{"url": "http://order.test/", "start_interval_ms": 250, "adaptive": null, "weights": null, "max_running": null}') as order \gset
select row_eq('select max_running, start_interval_ms, is_adaptive from pawl.limiters where key = ''host:order.test''', row (4, 250::double precision, false), 'null is as good as left out');
select pawl.start_crawl('{"url": "http://order.test/", "adaptive": true, "weights": {"http://order.test/a": 5, "http://order.test/b": 10}}', true) as second \gset
select row_eq('select max_running, start_interval_ms, is_adaptive from pawl.limiters where key = ''host:order.test''', row (4, 500::double precision, true), 'adaptive gives the pace up');
select is((select params from pawl.jobs where id = :second), '{"url": "http://order.test/"}'::jsonb, 'which is no parameter of the job');
select is((select array_agg(weight order by weight) from pawl.page_weights where job_id = :second), '{0.5,1}', 'its pages have weights');
select is(probe.job_status(:order) || ' ' || probe.job_status(:second), 'cancelled pending', 'and it takes the place of the first');
select throws_ok('select pawl.start_crawl(null)', 'PW006', 'the parameters of a crawl are no JSON object: null', 'no order');

-- what pawl schedule set says of a crawl
select is(pawl.schedule_params('shop', null, null, null), null, 'nothing said: nothing changes');
select is(pawl.schedule_params('shop', null, '[1]', null), '[1]'::jsonb, 'a payload is taken as it is');
select is(pawl.schedule_params('shop', null, null, '{"max_pages": 8, "adaptive": true}'),
  '{"url": "http://shop.test/", "max_pages": 8, "user_agent": "us", "max_running": 3, "adaptive": true}'::jsonb, 'without a url it changes what there is; the pace has one place');
select is(pawl.schedule_params('shop', null, null, '{"start_interval_ms": 0}'),
  '{"url": "http://shop.test/", "max_pages": 7, "user_agent": "us", "max_running": 3, "start_interval_ms": 0}'::jsonb, 'whichever way it is set');
select is(pawl.schedule_params('shop', 'crawl', null, '{"url": "http://b.test/"}'), '{"url": "http://b.test/"}'::jsonb, 'with one it is told anew');
select is(pawl.schedule_params('shop', 'crawl', '{"max_pages": 1, "warm": false}', '{"max_pages": 2, "url": "http://b.test/"}'),
  '{"url": "http://b.test/", "max_pages": 2, "warm": false}'::jsonb, 'beside a payload it comes first');
select is(pawl.schedule_params('new', null, null, '{"max_pages": 2}'), '{"max_pages": 2}'::jsonb, 'of a new one there is nothing yet');
select is(pawl.schedule_params('shop', null, '[1]', '{"max_pages": 2}'), '[1]'::jsonb, 'a payload that is none is refused by others');
select throws_ok($$ select pawl.schedule_params('shop', 'chore', null, '{"max_pages": 2}') $$, 'PW006',
  'kind "chore" has the executor noop, so what is said of a crawl has no meaning', 'of another kind');

set local pawl.now = '2030-01-02 00:00:00+00';
select is(r, row (1, 0), 'it is due') from pawl.run_due_schedules() r;
select last_job_id as second from pawl.schedules \gset
select is(probe.job_status(:first_job_id) || ' ' || probe.job_status(:second), 'pending pending', 'without replace both run');
select pawl.define_schedule('shop', p_replace => true);
select is(probe.job_status(:second), 'pending', 'to say replace cancels nothing yet');
set local pawl.now = '2030-01-03 00:00:00+00';
select is(r, row (1, 0), 'the next run') from pawl.run_due_schedules() r;
select last_job_id as third from pawl.schedules \gset
select is(probe.job_status(:first_job_id) || ' ' || probe.job_status(:second) || ' ' || probe.job_status(:third), 'pending cancelled pending', 'takes the place of the one before');
select is((select error from pawl.jobs where id = :second), format('replaced by job %s of schedule "shop"', :third), 'which says so');
select probe.progress_is(:second, '1/0/0/0/0/0/1', 'and keeps nothing open (I1, I3)');
select pawl.cancel_job(:third, 'enough');
select lives_ok('select pawl.run_schedule(''shop'')', 'what has ended is not cancelled again');
select is((select error from pawl.jobs where id = :third), 'enough', 'nor written to');
delete from pawl.jobs where id = (select last_job_id from pawl.schedules);
select lives_ok('select pawl.run_schedule(''shop'')', 'what is deleted cannot be in the way');
update pawl.schedules set last_job_id = :chores;
select lives_ok('select pawl.run_schedule(''shop'')', 'a standing job is never cancelled');

-- bad ones among good ones
delete from pawl.schedules;
set local pawl.now = '2030-01-01 00:00:00+00';
select pawl.define_schedule(n, 'chore', jsonb_build_object('n', n), p_every => '1 hour') from unnest(array['bad kind', 'bad cron', 'bad zone', 'good', 'last', 'over']) n;
select pawl.define_schedule('raises', 'crawl', '{"url": "http://raises.test/"}', p_every => '1 hour');
update pawl.schedules set kind = 'gone' where name = 'bad kind';
update pawl.schedules set every = null, cron = 'x' where name = 'bad cron';
update pawl.schedules set every = null, cron = '0 3 * * *', time_zone = 'Nowhere/Land' where name = 'bad zone';
update pawl.schedules set every = null, cron = '0 0 30 2 *' where name = 'over';
update pawl.schedules set params = '{"url": "nonsense"}' where name = 'raises';
set local pawl.now = '2030-01-01 01:00:00+00';
select is(r, row (7, 4), 'each is done with, four of them badly') from pawl.run_due_schedules() r;
select is((select array_agg(key order by key) from pawl.tasks where job_id = :chores and status = 'pending' and key <> 'schedule:tidy'),
  array['schedule:good', 'schedule:last', 'schedule:over'], 'the good ones have run');
select is((select string_agg(concat_ws(' | ', name, coalesce((next_run_at at time zone 'UTC')::text, 'never'), last_error), E'\n' order by name) from pawl.schedules),
  E'bad cron | never | ''x'' is no cron expression\nbad kind | 2030-01-01 02:00:00 | kind "gone" does not exist\n'
  || E'bad zone | never | time zone "Nowhere/Land" not recognized\ngood | 2030-01-01 02:00:00\nlast | 2030-01-01 02:00:00\nover | never\n'
  || E'raises | 2030-01-01 02:00:00 | "nonsense" is not a URL with http or https', 'each says what is wrong, and when it comes again');
select is((select count(*) from pawl.schedules where last_run_at = '2030-01-01 01:00:00+00'), 7::bigint, 'and that it was its turn');
select is(r, row (0, 0), 'none is tried again at once') from pawl.run_due_schedules() r;
select is(pawl.next_due_ms(), 3600000::bigint, 'nor a node told to');
select pawl.define_schedule('bad cron', p_cron => '0 * * * *');
select pawl.define_schedule('raises', p_params => '{"url": "http://raises.test/"}');
select pawl.define_schedule('bad kind', p_is_enabled => false);
set local pawl.now = '2030-01-01 02:00:00+00';
select is(r, row (4, 0), 'put right, they run') from pawl.run_due_schedules() r;
select is((select last_error from pawl.schedules where name = 'raises'), null, 'and the error is gone');
select is(r, row (0, 0), 'as many as asked for') from pawl.run_due_schedules(0) r;
set local pawl.now = '2030-01-01 03:00:00+00';
select is(array(select r.ran from generate_series(3, 5) i cross join lateral pawl.run_due_schedules(least(i, 3)) r order by i), array[3, 1, 0], 'and the rest in the next call');

-- drop
select lives_ok('select pawl.drop_schedule(''good'')', 'drop_schedule');
select is((select count(*) from pawl.schedules where name = 'good'), 0::bigint, 'it is gone');
select is((select count(*) from pawl.tasks where key = 'schedule:good' and status = 'pending'), 1::bigint, 'what it started is not');

-- the document
delete from pawl.schedules;
select is(pawl.list_schedules(), '[]', 'list_schedules: none');
select pawl.define_schedule('two', 'chore', p_cron => '0 3 * * *', p_time_zone => 'Europe/Berlin');
select pawl.define_schedule('one', 'chore', '{"n": 1}', p_every => '90 minutes');
select pawl.run_schedule('one');
select is(pawl.list_schedules() - 0 #- '{0,created_at}' #- '{0,updated_at}',
  '[{"schedule": "two", "kind": "chore", "params": {}, "every_seconds": null, "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "replace": false,
     "catch_up": "once", "overlap": "skip", "jitter_seconds": 0, "backlog_limit": 100, "time_member": null, "last_skipped_at": null, "last_skip_reason": null,
     "is_enabled": true, "next_run_at": "2030-01-02T02:00:00+00:00", "last_run_at": null, "last_job": null, "last_error": null}]', 'list_schedules: by name');
select is((pawl.list_schedules() -> 0 -> 'every_seconds') || (pawl.list_schedules() -> 0 -> 'last_job'), jsonb_build_array(5400, :'chores'), 'with quantities in their unit, ids as strings');

select * from finish();
rollback;
