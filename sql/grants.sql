-- Rights: everything belongs to the role that migrates. Nobody else sees anything until it is granted.
revoke all on schema pawl from public;
revoke all on all tables in schema pawl from public;
revoke all on all sequences in schema pawl from public;
revoke execute on all functions in schema pawl from public;
comment on schema pawl is 'Pawl, the event-driven job engine: start with select * from pawl.job_progress';
