-- pawl.freshness_by_type: every type, and how its keys stand. It reads all keys of the types that are asked for, and where viewers are
-- asked for counts their subscriptions, in the primary key.
create or replace view pawl.freshness_by_type as
select d.name as type, d.kind, d.job_id, k.keys, k.watched,
  coalesce(v.viewers, 0) as viewers,
  k.fresh, k.unwatched, k.due, k.at_gate, k.for_parent, k.in_retry, k.queued, k.running,
  k.late, k.late_p50_seconds, k.late_p95_seconds, k.late_max_seconds, k.refreshed, k.failed, k.next_check_at,
  k.last_error, k.last_error_key, k.last_error_at, d.error as problem, d.error_at as problem_at
from pawl.data_types d
cross join lateral (
  select count(*) as keys,
    count(*) filter (where b.is_watched) as watched,
    count(*) filter (where b.state = 'fresh') as fresh,
    count(*) filter (where b.state = 'unwatched') as unwatched,
    count(*) filter (where b.state not in ('fresh', 'unwatched')) as due,
    count(*) filter (where b.state = 'gate') as at_gate,
    count(*) filter (where b.state = 'parent') as for_parent,
    count(*) filter (where b.state = 'retry') as in_retry,
    count(*) filter (where b.state = 'queued') as queued,
    count(*) filter (where b.state = 'running') as running,
    count(b.late_seconds) as late,
    percentile_cont(0.5) within group (order by b.late_seconds) as late_p50_seconds,
    percentile_cont(0.95) within group (order by b.late_seconds) as late_p95_seconds,
    max(b.late_seconds) as late_max_seconds,
    coalesce(sum(b.refreshes), 0)::bigint as refreshed,
    coalesce(sum(b.failed_refreshes), 0)::bigint as failed,
    min(b.next_check_at) as next_check_at,
    (array_agg(b.error order by b.outcome_at desc) filter (where b.error is not null))[1] as last_error,
    (array_agg(b.key order by b.outcome_at desc) filter (where b.error is not null))[1] as last_error_key,
    max(b.outcome_at) filter (where b.error is not null) as last_error_at
  from pawl.freshness_by_key b
  where b.type = d.name
) k
left join (
  select s.type, count(*) as viewers
  from pawl.subscriptions s
  group by s.type
) v on v.type = d.name;
comment on view pawl.freshness_by_type is 'every data type, and how its keys stand';
comment on column pawl.freshness_by_type.type is 'the data type (pawl.data_types)';
comment on column pawl.freshness_by_type.kind is 'what runs its refreshes';
comment on column pawl.freshness_by_type.job_id is 'job of its refreshes';
comment on column pawl.freshness_by_type.keys is 'keys that are known; each is fresh, unwatched or due';
comment on column pawl.freshness_by_type.watched is 'of these, somebody subscribes to';
comment on column pawl.freshness_by_type.viewers is 'subscriptions';
comment on column pawl.freshness_by_type.fresh is 'keys whose data is fresh';
comment on column pawl.freshness_by_type.unwatched is 'keys whose data is stale, and nobody wants it';
comment on column pawl.freshness_by_type.due is 'keys that are to be refreshed: those of the next five columns, and those that are looked at any moment';
comment on column pawl.freshness_by_type.at_gate is 'wait for their gate';
comment on column pawl.freshness_by_type.for_parent is 'wait for a parent';
comment on column pawl.freshness_by_type.in_retry is 'are put off, since their last refresh failed or was cancelled';
comment on column pawl.freshness_by_type.queued is 'have a refresh that waits to start';
comment on column pawl.freshness_by_type.running is 'have a refresh that runs';
comment on column pawl.freshness_by_type.late is 'keys past their time that neither a gate nor a retry''s pause holds on purpose';
comment on column pawl.freshness_by_type.late_p50_seconds is 'for how long these have been due by now, and wanted: the median';
comment on column pawl.freshness_by_type.late_p95_seconds is 'no more than this in 95 of 100';
comment on column pawl.freshness_by_type.late_max_seconds is 'no more than this in any';
comment on column pawl.freshness_by_type.refreshed is 'refreshes so far that brought data, or that there is none or no news';
comment on column pawl.freshness_by_type.failed is 'refreshes so far that failed or were rejected';
comment on column pawl.freshness_by_type.next_check_at is 'when the next of its keys is looked at';
comment on column pawl.freshness_by_type.last_error is 'what the last of the refreshes said that failed, of keys that have not been refreshed since';
comment on column pawl.freshness_by_type.last_error_key is 'of which key that was';
comment on column pawl.freshness_by_type.last_error_at is 'when that was';
comment on column pawl.freshness_by_type.problem is 'why its keys could not be looked at, the last time that happened';
comment on column pawl.freshness_by_type.problem_at is 'when that was';
