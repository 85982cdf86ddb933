-- pawl.freshness_by_key: every key of every type, and how it stands. What a select does not name costs nothing: viewers are counted
-- only where they are asked for. "offset 0" has a task looked up only where there is one, and the state worked out once a row.
create or replace view pawl.freshness_by_key as
select d.name as type, k.key, k.state,
  case when k.stale_at <= pawl.now() then k.stale_at end as stale_since,
  k.due_at,
  case
    when k.state in ('due', 'parent', 'queued', 'running') and k.due_at <= pawl.now()
      then greatest(0, extract(epoch from pawl.now() - greatest(k.due_at, case when d.strategy = 'on_demand' then k.demanded_at end))::double precision)
  end as late_seconds,
  k.check_at as next_check_at,
  (select count(*) from pawl.subscriptions s where s.type = d.name and s.key = k.key) as viewers,
  k.is_watched, k.is_wanted, k.has_data, k.outcome, k.outcome_at, k.error, k.failures, k.refreshed_at, k.source_at,
  k.refreshes, k.failed_refreshes, k.waits_for, k.waits_until, d.job_id, k.task_id
from pawl.data_types d
cross join lateral (
  select f.*, pawl.state_of_key(f.task_status, f.wait_reason, f.stale_at, f.due_at, f.check_at, f.is_wanted, f.failures) as state
  from (
    select p.*,
      case
        when p.task_id is not null then (select t.status from pawl.tasks t where t.job_id = d.job_id and t.id = p.task_id)
      end as task_status
    from pawl.freshness p
    where p.type = d.name
    offset 0
  ) f
  offset 0
) k;
comment on view pawl.freshness_by_key is 'every key of every data type, and how it stands';
comment on column pawl.freshness_by_key.type is 'the data type (pawl.data_types)';
comment on column pawl.freshness_by_key.key is 'the key; empty for a global type';
comment on column pawl.freshness_by_key.state is 'fresh, due, gate, parent, retry, queued, running or unwatched: see pawl.state_of_key';
comment on column pawl.freshness_by_key.stale_since is 'since when its data is stale, or missing; null: it is fresh';
comment on column pawl.freshness_by_key.due_at is 'not refreshed before then by itself';
comment on column pawl.freshness_by_key.late_seconds is 'for how long it has been due by now, and wanted; null: it is not due, nobody wants it, or a gate or a retry''s pause holds it on purpose';
comment on column pawl.freshness_by_key.next_check_at is 'when it is looked at next; null: nobody wants it';
comment on column pawl.freshness_by_key.viewers is 'subscriptions';
comment on column pawl.freshness_by_key.is_watched is 'somebody subscribes, or did when it was last looked at';
comment on column pawl.freshness_by_key.is_wanted is 'somebody asked for a refresh, which has not come yet';
comment on column pawl.freshness_by_key.has_data is 'there is data, as far as was last seen';
comment on column pawl.freshness_by_key.outcome is 'how the last refresh ended: data, empty, unchanged, rejected, failed; null: none has';
comment on column pawl.freshness_by_key.outcome_at is 'when that was';
comment on column pawl.freshness_by_key.error is 'what it said, if it failed or was rejected';
comment on column pawl.freshness_by_key.failures is 'refreshes in a row that failed or were rejected';
comment on column pawl.freshness_by_key.refreshed_at is 'when data came, or was confirmed, last';
comment on column pawl.freshness_by_key.source_at is 'how old that data is by its source, if that says so';
comment on column pawl.freshness_by_key.refreshes is 'refreshes that brought data, or that there is none or no news';
comment on column pawl.freshness_by_key.failed_refreshes is 'refreshes that failed or were rejected';
comment on column pawl.freshness_by_key.waits_for is 'parent: the type that must be fresh first';
comment on column pawl.freshness_by_key.waits_until is 'gate: until when it is closed';
comment on column pawl.freshness_by_key.job_id is 'job of the type''s refreshes';
comment on column pawl.freshness_by_key.task_id is 'its refresh there; null: none is under way';
