-- Kinds whose tasks call something outside: an HTTP target, or a worker that asks for its tasks.

alter table pawl.kinds
  add column options jsonb not null default '{}',
  drop constraint executor_is_known,
  add constraint executor_is_known check (executor in ('noop', 'sql', 'crawl', 'http', 'external')),
  add constraint options_are_an_object check (jsonb_typeof(options) = 'object'),
  -- in the form "request" each payload has a URL of its own
  add constraint http_has_a_target check (executor <> 'http' or target is not null or options ->> 'form' = 'request');
comment on column pawl.kinds.executor is 'noop, sql, crawl, http or external';
comment on column pawl.kinds.target is 'sql: the function, which takes the payload (jsonb); http: the URL that is called';
comment on column pawl.kinds.options is 'what the executor wants to know besides (pawl.check_http_options); secrets are references, never values';

comment on column pawl.tasks.wait_reason is 'why a waiting task waits: delay, retry or secret';
comment on column pawl.tasks.result is 'output of a completed task, or what came of a failed one (http, in the form "request")';

create table pawl.installation (
  is_only boolean primary key default true,
  id uuid not null default gen_random_uuid(),
  -- 32 bytes out of 366 random bits; pgcrypto would be an extension
  callback_key bytea not null default sha256(decode(replace(
    gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')),
  constraint there_is_one_row check (is_only),
  constraint callback_key_has_32_bytes check (length(callback_key) = 32)
);
insert into pawl.installation default values;
comment on table pawl.installation is 'who we are to those we call: one row, made once';
comment on column pawl.installation.is_only is 'always true, so that there is one row';
comment on column pawl.installation.id is 'tells this database from others in idempotency keys and traces';
comment on column pawl.installation.callback_key is 'signs the tokens with which those we call may call back';
