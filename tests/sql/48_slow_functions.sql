-- Freshness and functions of users that take their time: they hold up no node, and no data type but their own.
begin;
select * from no_plan();
select probe.node() as node \gset
set local pawl.now = '2030-01-01 12:00:00+00';
create schema app;
create table app.calls (what text);
create table app.prices (symbol text primary key, updated_at timestamptz);
create function app.due(key text, source_at timestamptz, refreshed_at timestamptz) returns timestamptz language plpgsql as $$
begin
  insert into app.calls values ('due ' || key);
  return refreshed_at + interval '1 hour';
end $$;
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('told', 'provider', '1 minute', p_due_function => 'app.due');
select pawl.define_data_type('read', 'provider', '1 minute', 'app.prices', 'symbol', 'updated_at');
select pawl.define_data_type('plain', 'provider', '1 minute');
create function probe.outcomes() returns text language sql as $$
  select string_agg(concat_ws(' ', f.type, f.key, coalesce(f.outcome, '-')), ', ' order by f.type, f.key) from pawl.freshness f
$$;
-- one refresh ends as those that a node ends
create function probe.ends(p_node integer, p_type text, p_key text, p_result text, p_outcome text default 'completed') returns void language plpgsql as $$
declare
  v_job bigint := (select d.job_id from pawl.data_types d where d.name = p_type);
  v_task record;
begin
  perform pawl.request_refresh(p_type, p_key);
  perform probe.claim(p_node, v_job);
  select t.id, t.attempt into strict v_task from pawl.tasks t where t.job_id = v_job and t.key = p_key and t.status = 'running';
  perform pawl.finish_followed_tasks(p_node, array[v_job], array[v_task.id], array[v_task.attempt], array[p_outcome], array[0::bigint],
    array[p_result], array['network'], array['nobody answered'], array[0::bigint], array[true], false);
end $$;

-- ---- ends of a node ----
select probe.ends(:node, 'told', 'A', '{"outcome": "data"}'), probe.ends(:node, 'told', 'B', null), probe.ends(:node, 'told', 'C', '{"outcome": "empty"}'),
  probe.ends(:node, 'told', 'D', null, 'failed'), probe.ends(:node, 'read', 'A', null), probe.ends(:node, 'read', 'B', '{"outcome": "unchanged"}'),
  probe.ends(:node, 'plain', 'A', null);
select is(probe.outcomes(), 'plain A data, read A -, read B unchanged, told A -, told B -, told C empty, told D failed',
  'what needs neither the function nor the table is settled');
select is((select count(*) from app.calls), 0::bigint, 'and neither was asked');
select is((select string_agg(concat_ws(' ', l.type, l.key), ', ' order by l.type, l.key) from pawl.looks l), 'read A, told A, told B', 'the others are left to a node');
select pawl.refresh_due();
select is(probe.outcomes(), 'plain A data, read A empty, read B unchanged, told A data, told B data, told C empty, told D failed', 'which settles them');
select is((select array_agg(c.what order by c.what) from app.calls c), array['due A', 'due B'], 'with the function');
select is((select count(*) from pawl.looks), 0::bigint, 'and is done');

select * from finish();
rollback;
