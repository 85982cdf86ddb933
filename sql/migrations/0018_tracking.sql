-- Tracking: triggers on users' tables that move freshness with each write.

-- PostgreSQL reads the text of every check constraint anew in each statement that writes its table. These three were a quarter
-- of what a tracked write of one row costs. Nobody but the functions of freshness writes these columns.
alter table pawl.freshness
  drop constraint outcome_is_known,
  drop constraint wait_reason_is_known,
  drop constraint parents_have_a_name;

comment on table pawl.trigger_errors is 'what triggers on users'' tables could not do, and why: rows that got no task, writes that moved no freshness; about the newest 1,000 of each trigger';
comment on column pawl.trigger_errors.trigger_name is 'the trigger (pawl.triggers); track:TYPE for those of pawl.track';
comment on column pawl.trigger_errors.rows is 'rows that got no task, or whose keys did not move, for this reason';

-- says now what it told
drop function if exists pawl.tell_refreshed(text, text[]);
drop function if exists pawl.refreshed_message(text, text[]);
