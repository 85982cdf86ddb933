-- What stands in for pg_cron (1.6), applied on request: the schema cron, and a kind that runs its commands.
--   cron.job               a row a job; a trigger makes a schedule of Pawl's of each: "pg_cron:JOBID"
--   pawl.schedules         when it is due, one of the nodes adds a task of the kind pg_cron
--   cron.run_command       runs the command, as the user who scheduled it
--   cron.job_run_details   what became of it
-- Rights are those of the extension: whoever is granted usage of the schema sees and changes his own jobs. There
-- the functions run with the rights of the extension's owner and compare names; here they run with the caller's,
-- and the policy of cron.job sees to it that nobody schedules in another's name.
-- Source: pg_cron's SQL files and src/job_metadata.c (versions 1.4 to 1.6), for names, types and messages.
select pawl.check_compat('pg_cron', 'cron');

create schema if not exists cron;
comment on schema cron is 'Pawl, standing in for pg_cron: select cron.schedule(name, ''*/5 * * * *'', ''command'')';

create sequence if not exists cron.jobid_seq;
comment on sequence cron.jobid_seq is 'ids of jobs';
create sequence if not exists cron.runid_seq;
comment on sequence cron.runid_seq is 'ids of runs';
grant select, usage on sequence cron.jobid_seq to public;
grant select on sequence cron.runid_seq to public;
