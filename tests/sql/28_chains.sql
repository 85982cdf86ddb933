-- Chains: what completes leads to a task of another kind, once for each completion and in its transaction.
begin;
select * from no_plan();
select probe.node() as node \gset
select probe.node() as other \gset
select probe.kind('last'), probe.kind('next'), probe.kind('first');

-- a job's claims say how its tasks are finished
create function probe.is_followed(p_node integer, p_job bigint) returns boolean language sql as
$$ select bool_or(c.is_followed) from pawl.claim_batch(p_node, p_job, 0, '-Infinity', 0) c $$;
-- finishes tasks as a node does that was told so; the successors' payloads, in their order
create function probe.follow(p_node integer, p_job bigint, p_tasks bigint[], p_outcome text default 'completed', p_result text default null)
returns integer language sql as $$
  select pawl.finish_followed_tasks(p_node, t.jobs, t.ids, t.attempts, array_fill(p_outcome, array[t.n]), array_fill(1000::bigint, array[t.n]),
    array_fill(p_result, array[t.n]), array_fill(null::text, array[t.n]), array_fill(null::text, array[t.n]))
  from (
    select count(*)::integer as n, array_agg(t.job_id order by t.id) as jobs, array_agg(t.id order by t.id) as ids,
      array_agg(t.attempt order by t.id) as attempts
    from pawl.tasks t
    where t.job_id = p_job and t.id = any (p_tasks)
  ) t
$$;
create function probe.open_of(p_kind text) returns bigint language sql as
$$ select count(*) from pawl.tasks t where t.job_id = pawl.standing_job(p_kind) and t.status in ('waiting', 'pending', 'running') $$;

-- define_kind
select throws_ok($$ select pawl.define_kind('first', p_on_complete => 'nobody') $$, 'PW001', null, 'a successor of a kind that does not exist');
select job_id as first, task_id as t1 from pawl.enqueue('first', '{"order": 7}') \gset
select is(probe.is_followed(:node, :first), null, 'without a successor a claim says nothing more');
select pawl.define_kind('first', p_on_complete => 'next');
select is((select count(*) from pawl.standing_jobs where kind = 'next'), 1::bigint,
  'its standing job is there: an outcome would wait for whoever has just made it and is not done');
select is(probe.is_followed(:node, :first), true, 'define_kind: the job that is there has it at once');
select is((select on_complete from jsonb_to_recordset(pawl.list_kinds()) as k (kind text, on_complete text) where k.kind = 'first'), 'next', 'and it is shown');
select pawl.define_kind('first', p_max_attempts => 3);
select is((select on_complete from pawl.kinds where name = 'first'), 'next', 'what is not given stays');
select pawl.define_kind('next', p_on_complete => 'last', p_max_running => 5);

-- one step
select probe.claim(:node, :first) as ids \gset
select is(probe.follow(:node, :first, array[:t1], 'completed', '{"r": 1}'), 1, 'it completes');
select row_eq(format('select status::text, result, error from pawl.tasks where id = %s', :t1), row ('completed'::text, '{"r": 1}'::jsonb, null::text), 'as any other');
select pawl.standing_job('next') as next, pawl.standing_job('last') as last \gset
select is((select payload from pawl.tasks where job_id = :next),
  jsonb_build_object('job', :'first', 'task', :'t1', 'kind', 'first', 'attempt', 1, 'status', 'completed', 'result', '{"r": 1}'::jsonb,
    'payload', '{"order": 7}'::jsonb, 'chain', 1), 'its successor knows the result, and with what it began');
select is(probe.follow(:node, :first, array[:t1], 'completed'), 0, 'I4: the same outcome again changes nothing');
select is(probe.follow(:other, :first, array[:t1], 'completed'), 0, 'I4: nor does another node''s');
select is(probe.open_of('next'), 1::bigint, 'and leads to no second one');

-- the next step carries on what the chain began with
select is(probe.is_followed(:node, :next), true, 'a limited job says so too');
select (probe.claim(:node, :next))[1] as t2 \gset
select probe.follow(:node, :next, array[:t2], 'completed', '2');
select is((select payload - 'job' - 'task' - 'attempt' - 'status' from pawl.tasks where job_id = :last),
  '{"kind": "next", "result": 2, "payload": {"order": 7}, "chain": 2}', 'the second step: the result of the one before, the payload of the first');
select probe.follow(:node, :last, probe.claim(:node, :last), 'completed', '3');
select is(probe.open_of('first') + probe.open_of('next') + probe.open_of('last'), 0::bigint, 'the last kind leads to nothing');

-- what does not complete has no successor; in a batch each its own
select task_id from pawl.enqueue('first') \gset a_
select task_id from pawl.enqueue('first') \gset b_
select probe.claim(:node, :first);
select is(probe.follow(:node, :first, array[:a_task_id], 'failed'), 1, 'a failed one');
select is(probe.follow(:node, :first, array[:b_task_id], 'retry'), 1, 'one that is to be tried again');
select is(probe.open_of('next'), 0::bigint, 'lead to nothing');
select pawl.cancel_task(:first, :b_task_id);
select is(probe.open_of('next'), 0::bigint, 'nor does one that is cancelled');
select pawl.enqueue('first', jsonb_build_object('n', n)) from generate_series(1, 5) n;
select probe.new_deltas();
select is(probe.follow(:node, :first, probe.claim(:node, :first), 'completed', '0'), 5, 'five at once');
select is((select array_agg(payload -> 'payload' ->> 'n' order by id) from pawl.tasks where job_id = :next and status = 'pending'), array['1', '2', '3', '4', '5'], 'five successors');
select is(probe.new_deltas(), 3::bigint, 'in one statement: a ledger row for the claim, the ends, the successors');
select is((select count(*) from pawl.tasks where job_id = :next and status = 'pending' and is_key_reusable), 5::bigint, 'as enqueue makes them');

-- a retried task completes again, and leads on again
select pawl.retry_task(:first, :t1);
select probe.follow(:node, :first, probe.claim(:node, :first), 'completed', '9');
select is((select payload -> 'attempt' from pawl.tasks where job_id = :next order by id desc limit 1), '2', 'once for each completion');

-- the sql executor
create function probe.answer(p jsonb) returns jsonb language plpgsql as $$ begin if p ? 'fail' then raise 'no'; end if; return '{"answer": 42}'; end $$;
select pawl.define_kind('sums', 'sql', 'probe.answer', p_on_complete => 'last');
select job_id, task_id from pawl.enqueue('sums') \gset s_
select probe.claim(:node, :s_job_id);
select pawl.run_sql_task(:node, :s_job_id, :s_task_id, 1);
select is((select payload -> 'result' from pawl.tasks where job_id = :last and status = 'pending'), '{"answer": 42}', 'run_sql_task leads on in its transaction');
select throws_ok(format('select pawl.run_sql_task(%s, %s, %s, 1)', :node, :s_job_id, :s_task_id), 'PW008', null, 'and not twice');
select is(probe.open_of('last'), 1::bigint, 'so there is one');

-- an external worker
select pawl.define_kind('outside', 'external', p_on_complete => 'last');
select pawl.enqueue('outside', '{"w": 1}');
select job_id, task_id, attempt from pawl.claim_tasks('outside', 'ada', 1, interval '1 minute') \gset w_
select matches(pawl.why(:w_job_id, :w_task_id) ->> 'message', '^worker "ada" has it, attempt 1 of', 'why: who has it');
select pawl.finish_task(:w_job_id, :w_task_id, :w_attempt, '"by ada"');
select is((select payload ->> 'result' || ' ' || (payload -> 'payload')::text from pawl.tasks where job_id = :last and payload ->> 'kind' = 'outside'),
  'by ada {"w": 1}', 'finish_task leads on too');
delete from pawl.tasks where job_id = :last and payload ->> 'kind' = 'outside';

-- a successor that cannot be: the task is completed, and says so
select pawl.define_kind('small', 'noop', p_max_payload_bytes => 300);
select pawl.define_kind('first', p_on_complete => 'small');
select task_id as big from pawl.enqueue('first', jsonb_build_object('text', repeat('x', 400))) \gset
select task_id as fits from pawl.enqueue('first') \gset
select is(probe.follow(:node, :first, probe.claim(:node, :first), 'completed'), 2, 'one of two successors would be too large');
select matches((select status || ': ' || error from pawl.tasks where id = :big), '^completed: it completed, but its successor of kind "small" could not be enqueued: payload of \d+ bytes', 'it is completed all the same, and says why it has none');
select is((select error from pawl.tasks where id = :fits), null, 'the other one has its own');
select is((select payload ->> 'task' from pawl.tasks where job_id = pawl.standing_job('small')), :'fits', 'as it should');
select matches(pawl.why(:first, :big) ->> 'message', 'it completed.*payload of', 'why says it too');
delete from pawl.jobs where kind = 'small';
delete from pawl.standing_jobs where kind = 'small';
delete from pawl.kinds where name = 'small';
select task_id as orphan from pawl.enqueue('first') \gset
select probe.follow(:node, :first, probe.claim(:node, :first), 'completed', '1');
select row_eq(format('select status::text, result, error from pawl.tasks where id = %s', :orphan),
  row ('completed'::text, '1'::jsonb, 'it completed, but its successor of kind "small" could not be enqueued: kind "small" does not exist'::text), 'a kind that is gone: the result is not lost');
select pawl.define_kind('first', p_on_complete => '');
select is(probe.is_followed(:node, :first), null, 'an empty one takes it away');

-- a cycle: one task at a time
select pawl.define_kind('first', p_on_complete => 'first');
select pawl.enqueue('first', '{"round": true}');
select probe.follow(:node, :first, probe.claim(:node, :first), 'completed') from generate_series(1, 50);
select is((select (payload -> 'chain')::text || ' ' || (payload -> 'payload')::text from pawl.tasks where job_id = :first and status = 'pending'),
  '50 {"round": true}', 'a cycle goes on, one task at a time, and its payload does not grow');
select is(probe.open_of('first'), 1::bigint, 'one at a time');
select pawl.define_kind('first', p_on_complete => '');

-- a finite job
select throws_ok($$ select pawl.create_job('plain', array['{}']::jsonb[], p_on_complete => 'nobody') $$, 'PW001', null, 'create_job: a successor of a kind that does not exist');
delete from pawl.tasks where job_id = :last;
select pawl.create_job('first', array['{"a": 1}', '{"a": 2}']::jsonb[], p_params => '{"p": 1}', p_on_complete => 'last') as many \gset
select is(probe.is_followed(:node, :many), null, 'its tasks are finished as any others');
select probe.claim(:node, :many) as ids \gset
select probe.finish(:node, :many, (:'ids'::bigint[])[1:1], 'failed', 0, null, 'sql', 'no');
select probe.finish(:node, :many, (:'ids'::bigint[])[2:2]);
select is(probe.open_of('last'), 0::bigint, 'not before it has ended');
select pawl.fold(), pawl.fold();
select is((select array_agg(payload) from pawl.tasks where job_id = :last), array[jsonb_build_object('job', :'many', 'kind', 'first', 'status', 'completed',
  'params', '{"p": 1}'::jsonb, 'total', 2, 'completed', 1, 'failed', 1, 'cancelled', 0, 'chain', 1)], 'a job leads on when it completes, once');
select is(pawl.show_job(:many) ->> 'on_complete', 'last', 'show_job says so');
delete from pawl.tasks where job_id = :last;
select pawl.create_job('first', array['{"a": 1}']::jsonb[], p_on_complete => 'last') as lone \gset
select probe.finish(:node, :lone, probe.claim(:node, :lone), 'completed', 0, '"done"');
select pawl.fold();
select is((select payload ->> 'result' || ' ' || (payload -> 'payload')::text from pawl.tasks where job_id = :last), 'done {"a": 1}', 'of a single task the result goes with it');
delete from pawl.tasks where job_id = :last;
select pawl.create_job('first', array['{}']::jsonb[], p_on_complete => 'last') as failing \gset
select probe.finish(:node, :failing, probe.claim(:node, :failing), 'failed', 0, null, 'sql', 'no');
select pawl.create_job('first', array['{}']::jsonb[], p_on_complete => 'last') as dropped \gset
select pawl.cancel_job(:dropped);
select pawl.fold();
select is(probe.open_of('last'), 0::bigint, 'a job that fails or is cancelled leads to nothing');
select pawl.retry_failed(:failing);
select probe.finish(:node, :failing, probe.claim(:node, :failing));
select pawl.fold();
select is(probe.open_of('last'), 1::bigint, 'until it completes after all');
delete from pawl.tasks where job_id = :last;
select pawl.create_job('first', '{}', p_on_complete => 'last');
select pawl.create_job('first', '{}', p_is_sealed => false, p_on_complete => 'last') as unsealed \gset
select pawl.seal_job(:unsealed);
select is(probe.open_of('last'), 2::bigint, 'jobs without tasks complete at once');
select pawl.create_job('first', array['{}']::jsonb[], p_on_complete => 'last') as doomed \gset
delete from pawl.jobs where id = :last;
delete from pawl.standing_jobs where kind = 'last';
update pawl.kinds set on_complete = null;
delete from pawl.jobs where kind = 'last';
delete from pawl.kinds where name = 'last';
select probe.finish(:node, :doomed, probe.claim(:node, :doomed));
select is((select ended from pawl.fold()), 1::bigint, 'a kind that is gone: the job ends all the same');
select matches((select status || ': ' || error from pawl.jobs where id = :doomed), '^completed: it completed, but its successor of kind "last" could not', 'and says so');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
