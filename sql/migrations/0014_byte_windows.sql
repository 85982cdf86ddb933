-- A limiter's budget of bytes has a window of its own, where it is given one: "300 calls a minute and 20 GB in 30 days".
alter table pawl.limiters
  add column bytes_window_ms double precision,
  add column spent_bytes_window_ms double precision,
  add column spent_bytes_slot bigint;
-- what was counted with the one window goes on with it; a window that is of no budget goes
update pawl.limiters
set spent_bytes_window_ms = spent_window_ms,
    spent_bytes_slot = spent_slot,
    window_ms = case when max_calls is not null or max_bytes is not null then window_ms end
where window_ms is not null
  or spent_window_ms is not null;
alter table pawl.limiters
  drop constraint budgets_have_a_window,
  add constraint budgets_have_a_window check (
    (max_calls is null or window_ms is not null)
    and (max_bytes is null or bytes_window_ms is not null or window_ms is not null)),
  -- else a budget that somebody sets to null would be no limit any more
  add constraint windows_have_a_budget check (
    (window_ms is null or max_calls is not null or (max_bytes is not null and bytes_window_ms is null))
    and (bytes_window_ms is null or max_bytes is not null)),
  add constraint bytes_window_is_sane check (bytes_window_ms >= 60 and bytes_window_ms <= 3660000000);
comment on column pawl.limiters.window_ms is 'of the budget of calls, and of that of bytes where it has none of its own: in no stretch of time of that length is more spent';
comment on column pawl.limiters.bytes_window_ms is 'of the budget of bytes; null: as window_ms';
comment on column pawl.limiters.max_calls is 'starts in window_ms; null: any number, and then there is no window that is theirs';
comment on column pawl.limiters.max_bytes is 'bytes in bytes_window_ms, in both directions; null: any number, and then there is no window of theirs';
comment on column pawl.limiters.spent_window_ms is 'window that spent_calls was counted with';
comment on column pawl.limiters.spent_slot is 'number of the newest of the 61 slots of spent_calls, each a 60th of the window, since 1970';
comment on column pawl.limiters.spent_calls is 'starts in each slot, the oldest first; those of tasks that have ended in the slot of their end (pawl.settle_calls)';
comment on column pawl.limiters.spent_bytes_window_ms is 'window that spent_bytes was counted with';
comment on column pawl.limiters.spent_bytes_slot is 'number of the newest of the 61 slots of spent_bytes';
comment on column pawl.limiter_uses.claimed_at is 'when all of those were claimed';

-- other arguments now
drop function if exists pawl.set_limit(text, text, integer, double precision, integer, double precision, double precision, bigint, bigint, bigint);
drop function if exists pawl.spent(pawl.limiters, bigint[]);
