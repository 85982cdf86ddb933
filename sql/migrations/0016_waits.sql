-- other arguments now
drop function if exists pawl.finish_followed_tasks(integer, bigint[], bigint[], integer[], text[], bigint[], text[], text[], text[], bigint[], boolean[]);
drop function if exists pawl.settle_refreshes(bigint[], bigint[], boolean);
