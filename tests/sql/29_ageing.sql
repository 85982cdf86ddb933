-- Ageing (pawl.kinds.ageing): a waiting task gains priority by the minute, and nothing is rewritten for it.
begin;
select * from no_plan();
select probe.node() as node \gset
set local pawl.now = '2030-01-01 00:00:00+00';
create function probe.clock(p_minutes double precision) returns void language sql as
$$ select set_config('pawl.now', ('2030-01-01 00:00:00+00'::timestamptz + p_minutes * interval '1 minute')::text, true) $$;
-- in which order a job's pending tasks are claimed, by the name in their payloads
create function probe.order_of(p_node integer, p_job bigint) returns text language plpgsql as $$
declare
  v_order text;
begin
  select string_agg(c.name, ' ') into v_order
  from generate_series(1, 1000) n
  cross join lateral (select string_agg(c.payload ->> 'name', ',') as name from pawl.claim_batch(p_node, p_job, 1, '-Infinity', n * 0) c where c.task_id is not null) c;
  update pawl.tasks t set status = 'pending' where t.job_id = p_job and t.status = 'running';
  return v_order;
end $$;
create function probe.add(p_kind text, p_name text, p_priority real) returns bigint language sql as
$$ select task_id from pawl.enqueue(p_kind, jsonb_build_object('name', p_name), p_priority => p_priority) $$;

select throws_ok($$ select pawl.define_kind('bad', 'noop', p_ageing => -1) $$, 'PW006', null, 'no negative ageing');
select throws_ok($$ select pawl.define_kind('bad', 'noop', p_ageing => 'NaN') $$, 'PW006', null, 'nor one that is no number');
select throws_ok($$ select pawl.define_kind('crawl', p_ageing => 1) $$, 'PW006', null, 'a crawl orders its pages itself');

-- without it, as ever
select pawl.define_kind('plain', 'noop');
select probe.add('plain', 'a', 0), probe.clock(100), probe.add('plain', 'b', 1), probe.clock(200), probe.add('plain', 'c', 0);
select pawl.standing_job('plain') as plain \gset
select is(probe.order_of(:node, :plain), 'b a c', 'without ageing: by priority, then in their order');
select is((select count(lateness) from pawl.tasks), 0::bigint, 'and nothing is written');

-- with it: two minutes of waiting are worth a priority of 1
select probe.clock(0);
select pawl.define_kind('old', 'noop', p_ageing => 0.5);
select is((select ageing from jsonb_to_recordset(pawl.list_kinds()) as k (kind text, ageing real) where k.kind = 'old'), 0.5::real, 'define_kind: shown');
select probe.clock(0), probe.add('old', 'first', 0);
select probe.clock(1), probe.add('old', 'soon', 1);
select probe.clock(3), probe.add('old', 'late', 1);
select probe.clock(3), probe.add('old', 'urgent', 9);
select probe.clock(4), probe.add('old', 'last', 0);
select pawl.standing_job('old') as old \gset
select is(probe.order_of(:node, :old), 'urgent soon first late last', 'a task that waited 2 minutes goes before one that is better by less than 1');

-- in batches, from a cursor, and to external workers
select is(probe.claim(:node, :old), (select array_agg(id order by coalesce(lateness, 0) - priority, id) from pawl.tasks where job_id = :old), 'a batch has all of them');
update pawl.tasks set status = 'pending' where job_id = :old;
select is((select array_agg(c.payload ->> 'name') from pawl.claim_batch(:node, :old, 1, -0.5, 0) c), array['soon'], 'the cursor is a place in that order, exactly');
update pawl.tasks set status = 'pending' where job_id = :old;
select is((select c.lateness - c.priority from pawl.claim_batch(:node, :old, 1, -0.5, 0) c), -0.5::double precision, 'which the claim tells');
update pawl.tasks set status = 'pending' where job_id = :old;

-- a change of pace goes on from there, and none at all keeps what was gained
select pawl.define_kind('old', p_ageing => 100);
select probe.clock(5), probe.add('old', 'after', 50);
select is(probe.order_of(:node, :old), 'urgent soon first late last after', 'a minute of another pace: those before it are 100 better');
select pawl.define_kind('old', p_ageing => 0);
select probe.clock(500), probe.add('old', 'even', 50), probe.add('old', 'never', 0);
select is(probe.order_of(:node, :old), 'urgent soon first late last after even never', 'switched off: who came later does not overtake who waited');
select is((select count(distinct lateness) from pawl.tasks where job_id = :old and payload ->> 'name' in ('after', 'even', 'never')), 1::bigint, 'all who come now are alike');
select pawl.define_kind('old', p_max_attempts => 3);
select is((select ageing from pawl.kinds where name = 'old'), 0::real, 'what is not given stays');

-- every road in
select probe.clock(500);
select pawl.define_kind('roads', 'noop', p_ageing => 1);
select pawl.standing_job('roads') as roads \gset
create table probe.orders (id integer primary key);
select pawl.on_insert('probe.orders', 'roads', p_self_test => false);
select probe.clock(510);
insert into probe.orders values (1);
select pawl.enqueue('roads');
select pawl.add_tasks(:roads, array['{}']::jsonb[]);
select pawl.define_schedule('s', 'roads', p_every => '1 hour', p_overlap => 'queue'), pawl.run_schedule('s');
select pawl.create_job('roads', array['{}']::jsonb[]);
select is((select array_agg(distinct t.lateness) || array[count(*)] from pawl.tasks t join pawl.jobs j on j.id = t.job_id where j.kind = 'roads'), array[10, 5]::double precision[],
  'enqueue, add_tasks, create_job, a schedule, a trigger: each knows how late it is');
select pawl.define_kind('roads', p_ageing => 0);
select pawl.define_kind('plain2', 'noop'), pawl.on_insert('probe.orders', 'plain2', p_self_test => false, p_name => 'two');
insert into probe.orders values (2);
select pawl.define_kind('plain2', p_ageing => 1);
select probe.clock(520);
insert into probe.orders values (3);
select is((select array_agg(t.lateness order by t.id) from pawl.tasks t join pawl.jobs j on j.id = t.job_id where j.kind = 'plain2'), array[null, 10]::double precision[],
  'a trigger that was there before hears of it');

-- a priority that is raised counts from where it stands
select probe.clock(600);
select pawl.define_kind('keyed', 'noop', p_ageing => 1);
select probe.clock(600), pawl.enqueue('keyed', '{"name": "k"}', 'k', 0);
select probe.clock(605), pawl.enqueue('keyed', '{"name": "b"}', null, 6);
select pawl.enqueue('keyed', '{"name": "k"}', 'k', 2);
select is(probe.order_of(:node, pawl.standing_job('keyed')), 'k b', 'the older one with its better priority goes first');
select is(pawl.why(pawl.standing_job('keyed'), (select id from pawl.tasks where job_id = pawl.standing_job('keyed') and payload ->> 'name' = 'b')) #> '{reasons,1,ahead}', '1', 'why counts in the same order');

select is((select count(*) from pawl.reconcile()), 0::bigint, 'I1: no drift in all of this');
select * from finish();
rollback;
