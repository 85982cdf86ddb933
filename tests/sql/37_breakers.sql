-- Breakers: a target that is down holds its jobs back, one probe over all nodes tries it, and a close lets all go on (I5, I6).
begin;
select * from no_plan();
select set_config('pawl.now', '2030-01-01 00:00:00+00', true);
create function probe.clock(p_seconds double precision) returns void language plpgsql as $$ begin
  perform set_config('pawl.now', (timestamptz '2030-01-01 00:00:00+00' + p_seconds * interval '1 second')::text, true);
  update pawl.nodes set heartbeat_at = pawl.now(), is_asleep = false;
end $$;
select probe.node() as n1 \gset
select probe.node() as n2 \gset
-- what a claim of up to five says: how many, and how it goes on
create function probe.claimed(p_node integer, p_job bigint) returns text language sql as $$
  select count(c.task_id) || coalesce(' ' || max(c.reason) || ' ' || max(c.retry_ms), '')
  from pawl.claim_batch(p_node, p_job, 5, '-Infinity', 0) c
$$;
create function probe.held(variadic p_jobs bigint[]) returns text language sql as $$
  select string_agg(coalesce(j.held_by, 'free'), ' ' order by j.id) from pawl.jobs j where j.id = any (p_jobs)
$$;
-- state, openings, seconds until it is looked at again; a random quarter of the pause is left out at most
create function probe.breaker(p_target text, p_pause double precision) returns text language sql as $$
  select b.state || ' ' || b.openings || case
    when b.retry_at is null then ''
    when extract(epoch from b.retry_at - pawl.now()) between p_pause * 0.75 and p_pause then ' in time'
    else ' in ' || extract(epoch from b.retry_at - pawl.now()) end
  from pawl.breakers b where b.target = p_target
$$;

-- what a target is: scheme, host, port
select is((select string_agg(coalesce(k.origin, '?'), ' ' order by k.name) from pawl.kinds k where k.name like 'o%'), null, 'no kind yet');
select pawl.define_kind(name, 'http', target) from (values
  ('o1', 'https://Example.com/a'), ('o2', 'http://example.com'), ('o3', 'HTTP://[::1]/x:9'), ('o4', 'http://[::1]:81?a=/b'), ('o5', 'https://h:444/p')) v (name, target);
select pawl.define_kind('o6', 'http', p_options => '{"form": "request"}');
select pawl.define_kind('o7', 'noop', 'http://x');
select is((select string_agg(coalesce(k.origin, '?'), ' ' order by k.name) from pawl.kinds k where k.name like 'o%'),
  'https://example.com:443 http://example.com:80 http://[::1]:80 http://[::1]:81 https://h:444 ? ?', 'the origin of each kind');

select pawl.define_kind('a', 'http', 'http://down/a', p_timeout_ms => 10000);
select pawl.define_kind('b', 'http', 'http://down:80/b', p_timeout_ms => 10000);
select pawl.define_kind('c', 'http', 'http://up/', p_timeout_ms => 10000);
select probe.job(9, p_kind => 'a') as a \gset
select probe.job(9, p_kind => 'b') as b \gset
select probe.job(9, p_kind => 'c') as c \gset
select pawl.test_kind('a') as test \gset

-- open: all jobs of that target and no others; tasks stay pending
select is(pawl.open_breaker('http://down:80', 'HTTP 503: no', 8000, :n1), true, 'it opens');
select is(probe.held(:a, :b, :c, :test), 'http://down:80 http://down:80 free free', 'jobs of both kinds are held, not the others, nor a self-test');
select is(probe.breaker('http://down:80', 8), 'open 1 in time', 'for the pause');
select matches(probe.claimed(:n1, :a), '^0 held [678]\d{3}', 'a claim is told when to ask again');
select is(probe.claimed(:n1, :c), '5', 'of others it is not');
select is(probe.counted(:a), '9/0/9/0/0/0/0', 'its tasks stay pending');
select retry_at as first_retry from pawl.breakers \gset
select probe.clock(1);
select is(pawl.open_breaker('http://down:80', 'HTTP 500', 8000, :n2), true, 'what failed late says nothing new');
select is((select retry_at || error from pawl.breakers), :'first_retry' || 'HTTP 503: no', 'the pause stays what it is');
select probe.job(2, p_kind => 'a') as late \gset
select is(probe.held(:late), 'http://down:80', 'a job that is made meanwhile is held from the start');

-- why
select is(pawl.why(:a) ->> 'message', 'its target http://down:80 is down: HTTP 503: no', 'why says so');
select is((pawl.why(:a) #>> '{reasons,0,reason}') || ' ' || (pawl.why(:a) ->> 'since_at')::timestamptz || ' ' || ((pawl.why(:a) ->> 'next_look_at')::timestamptz = :'first_retry'),
  'breaker 2030-01-01 00:00:00+00 true', 'since when, and when that is looked at next (I6)');
select is(pawl.show_job(:a) #>> '{held_by,error}', 'HTTP 503: no', 'so does its job');

-- the probe: one task over all nodes
select probe.clock(9);
select is(probe.claimed(:n1, :a), '1 probe 15000', 'its time has come: one task, with the attempt''s time and five seconds');
select matches(probe.claimed(:n2, :b), '^0 held 15000', 'and no other, of any of its jobs, on any node');
select is(pawl.why(:b) ->> 'message', format('its target http://down:80 is down: HTTP 503: no; a task of job %s tries it now', :a), 'why says that too');
select is(pawl.open_breaker('http://down:80', 'late', 8000, :n2, true), true, 'another node''s old probe');
select is(probe.breaker('http://down:80', 15), 'half_open 1 in time', 'decides nothing');
select is(pawl.close_breaker('http://down:80', :n2), false, 'neither way');
select is(pawl.open_breaker('http://down:80', 'HTTP 502', 8000, :n1, true), true, 'the probe failed');
select is(probe.breaker('http://down:80', 16), 'open 2 in time', 'twice the pause');
select is((select opened_at || error from pawl.breakers), '2030-01-01 00:00:00+00HTTP 502', 'open since it began');
-- a claim that finds nothing pending is no probe
select probe.clock(30);
select probe.job(1, p_kind => 'a') as empty \gset
select pawl.cancel_job(:empty);
update pawl.jobs set status = 'pending', finished_at = null where id = :empty;
select is(probe.claimed(:n1, :empty), '0', 'nothing is pending here');
select is((select state from pawl.breakers), 'open', 'so nobody tries');
-- a node that is killed while it tries
select is(probe.claimed(:n2, :b), '1 probe 15000', 'another one tries');
select probe.clock(44);
select is(probe.claimed(:n1, :a), '0 held 1000', 'it has its time');
select probe.clock(45);
select is(probe.claimed(:n1, :a), '1 probe 15000', 'then the next one tries');
select is(pawl.close_breaker('http://down:80', :n2), false, 'what the first says then decides nothing');
select is(pawl.close_breaker('http://down:80', :n1), true, 'the probe went well');
select is(probe.held(:a, :b, :late), 'free free free', 'all its jobs are free');
select is(probe.breaker('http://down:80', 0), 'closed 0', 'it is closed');
select is(probe.claimed(:n1, :b), '5', 'and claims are what they were');
-- a transaction that had made a job before, and committed it only now
update pawl.jobs set held_by = 'http://down:80' where id = :empty;
select is(probe.claimed(:n1, :empty), '0', 'a job that the close has not seen is claimed');
select is(probe.held(:empty), 'free', 'and let go by that');
select is(pawl.why(:a) ->> 'message', 'it runs: 2 at once', 'why does not speak of it any more');
-- what began before the close
select is(pawl.open_breaker('http://down:80', 'time-out', 8000, :n1, p_age_ms => 100), false, 'an attempt from before the close');
select probe.clock(46);
select is(pawl.open_breaker('http://down:80', 'time-out', 8000, :n1, p_age_ms => 900), true, 'and one from behind it');
select is(probe.breaker('http://down:80', 8), 'open 1 in time', 'the pauses begin anew');
-- up to five minutes
select probe.job(14, p_kind => 'b') as long \gset
create function probe.fail_probes(p_node integer, p_job bigint) returns void language plpgsql as $$ begin for i in 1..12 loop
  perform probe.clock(1000 * i);
  perform probe.claimed(p_node, p_job);
  perform pawl.open_breaker('http://down:80', 'no', 8000, p_node, true);
end loop; end $$;
select probe.fail_probes(:n1, :long);
select is(probe.breaker('http://down:80', 300), 'open 13 in time', 'no pause is longer than five minutes');
-- a clock that is set back
select matches(probe.claimed(:n1, :long), '^0 held', 'held');
select probe.clock(8000);
select is(probe.claimed(:n1, :long), '1 probe 15000', 'an hour earlier: no pause is that long, so it is tried now');
select is(pawl.open_breaker('http://down:80', 'no', 8000, :n1, true), true, 'it fails');
select matches(probe.claimed(:n1, :long), '^0 held 2\d{5}', 'and the pause counts from the new time');
select pawl.define_kind('b', p_options => '{"breaker_pause_ms": 7200000}');
update pawl.breakers set retry_at = pawl.now() + interval '1 hour';
select matches(probe.claimed(:n1, :long), '^0 held 3600000', 'a pause that is that long is kept');
select pawl.define_kind('b', p_options => '{"breaker_pause_ms": null}');

-- a kind that goes elsewhere
select probe.job(1, p_kind => 'b') as rest \gset
select pawl.define_kind('b', p_target => 'http://up/b');
select is(probe.held(:a, :b, :late), 'http://down:80 free http://down:80', 'a kind with another target is held no longer');
select pawl.define_kind('b', p_target => 'http://down/b');
select is(probe.held(:b), 'http://down:80', 'and again when it comes back');

select is(pawl.close_breaker('http://down:80'), true, 'a person closes a breaker');
select is(probe.held(:a, :b), 'free free', 'all its jobs are free');

-- a secret that nodes lack
select pawl.note_missing_secret(:n1, 'b', 'secret env:X: there is none');
select is(pawl.why(:rest) #>> '{reasons,0,reason}', 'queue', 'another node may have it');
select pawl.note_missing_secret(:n2, 'b', 'secret env:X: there is none');
select is((pawl.why(:rest) ->> 'message') || ' ' || ((pawl.why(:rest) ->> 'next_look_at')::timestamptz = pawl.now() + interval '2 seconds'),
  'secret env:X: there is none (node probe) true', 'why says which and where, and when that is looked at next (I6)');
select pawl.note_missing_secret(:n2, 'b', null);
select is(pawl.why(:rest) #>> '{reasons,0,reason}', 'queue', 'one has it');
select pawl.note_missing_secret(:n2, 'b', 'secret file:y: there is none');
select is((select string_agg(error, ', ' order by node_id) from pawl.missing_secrets), 'secret env:X: there is none, secret file:y: there is none', 'which one each lacks');
select pawl.note_missing_secret(:n2, 'b', null);
update pawl.nodes set dead_at = pawl.now() where id = :n2;
select is(pawl.why(:rest) #>> '{reasons,0,reason}', 'secret', 'a dead one has nothing');
select lives_ok('select pawl.note_missing_secret(0, ''b'', ''x''), pawl.note_missing_secret(0, ''nobody'', ''x'')', 'nor is one told of that is not there');

-- what people are told
select is((select count(*) from jsonb_array_elements(pawl.list_breakers())), 1::bigint, 'it is listed');
select throws_like('select pawl.close_breaker(''http://nowhere:80'')', 'no breaker has the target ''http://nowhere:80''', 'a target without a breaker is refused');
select is(pawl.close_breaker('http://nowhere:80', :n1), false, 'a node is not');
select * from finish();
rollback;
