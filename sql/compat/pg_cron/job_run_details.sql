-- cron.job_run_details: what became of runs, written when a run has ended. Of each job the newest 1,000 are kept,
-- which the extension leaves to its users.
create table if not exists cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
-- reader: cron.run_command
create index if not exists job_run_details_by_job on cron.job_run_details (jobid, runid);
comment on table cron.job_run_details is 'what became of runs, as pg_cron has it; a user sees his own';
comment on column cron.job_run_details.jobid is 'the job; it may be gone';
comment on column cron.job_run_details.runid is 'from cron.runid_seq';
comment on column cron.job_run_details.job_pid is 'server process that ran it';
comment on column cron.job_run_details.database is 'where';
comment on column cron.job_run_details.username is 'as whom';
comment on column cron.job_run_details.command is 'what';
comment on column cron.job_run_details.status is 'succeeded or failed';
comment on column cron.job_run_details.return_message is 'what the server said: rows, or the error';
comment on column cron.job_run_details.start_time is 'when it began';
comment on column cron.job_run_details.end_time is 'when it ended';

alter table cron.job_run_details enable row level security;
drop policy if exists cron_job_run_details_policy on cron.job_run_details;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);
grant select, delete on cron.job_run_details to public;
