-- A parent whose refresh fails is tried again after its own pause, as long as somebody waits for it.
begin;
select * from no_plan();
set local search_path = probe, tap, pg_catalog;
select probe.node() as node \gset
set local pawl.now = '2030-01-01 12:00:00+00';
select pawl.define_kind('provider', 'noop');
select pawl.define_data_type('profile', 'provider', '1 day', p_retry_base => '10 seconds', p_retry_cap => '10 seconds'),
  pawl.define_data_type('market', 'provider', '1 day', p_is_global => true, p_retry_base => '10 seconds', p_retry_cap => '10 seconds'),
  pawl.define_data_type('price', 'provider', '1 minute', p_parents => '{profile}'),
  pawl.define_data_type('trend', 'provider', '1 minute', p_parents => '{market}');
-- one refresh of a type runs and fails; how it stands with it then
create function probe.fail(p_node integer, p_type text) returns text language plpgsql as $$
declare
  v_job bigint := (select d.job_id from pawl.data_types d where d.name = p_type);
begin
  perform probe.claim(p_node, v_job);
  perform pawl.finish_followed_tasks(p_node, array[v_job], array[t.id], array[t.attempt], array['failed'], array[0::bigint], array[null::text],
    array['network'], array['nobody answered'])
  from pawl.tasks t where t.job_id = v_job and t.status = 'running';
  return (select concat_ws(' ', pawl.freshness_state(f), case when f.is_wanted then 'wanted at ' || f.wanted_priority end,
      'next ' || coalesce((f.check_at between pawl.now() + interval '5 s' and pawl.now() + interval '10 s')::text, 'never'))
    from pawl.freshness f where f.type = p_type);
end $$;

select is((select state from pawl.subscribe('price', 'A', 'anna', '1 day')), 'parent', 'it waits for its parent');
select is((select count(*) from pawl.freshness where type = 'profile' and task_id is not null), 1::bigint, 'which is refreshed');
select is(probe.fail(:node, 'profile'), 'retry wanted at 60 next true', 'and when that fails, again after its pause');
set local pawl.now = '2030-01-01 12:00:11+00';
select is((select looked from pawl.refresh_due()), 1, 'then');
select is((select pawl.freshness_state(f) from pawl.freshness f where type = 'profile'), 'queued', 'it is under way once more');
select is((select pawl.freshness_state(f) from pawl.freshness f where type = 'price'), 'parent', 'and the child waits');
select pawl.unsubscribe('price', 'A', 'anna');
select is(probe.fail(:node, 'profile'), 'unwatched next never', 'nobody waits any more: it is let be');

select is((select state from pawl.subscribe('trend', 'A', 'anna', '1 day')), 'parent', 'a parent without keys');
select is(probe.fail(:node, 'market'), 'retry wanted at 60 next true', 'is tried again too');

select * from finish();
rollback;
