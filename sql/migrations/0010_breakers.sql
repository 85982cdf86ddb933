-- Breakers: what holds tasks back while their target is down; and which node lacks a secret of which kind.

alter table pawl.kinds
  -- origin_of() in src/executors/http/target.c says the same: change both
  add column origin text generated always as (
    case when executor = 'http' then
      lower(substring(target from '^[^:]+://[^/?]+')) || case
        when target ~ '^[^:]+://[^/?]+:[0-9]+([/?]|$)' then ''
        when target ~* '^https:' then ':443'
        else ':80'
      end
    end) stored;
comment on column pawl.kinds.origin is 'generated: scheme, host and port of an http target, which is what a breaker is for';

create table pawl.breakers (
  target text primary key,
  state text not null default 'closed',
  error text,
  node_id integer,
  openings integer not null default 0,
  probes bigint not null default 0,
  opened_at timestamptz,
  retry_at timestamptz,
  probe_node_id integer,
  probe_job_id bigint,
  closed_at timestamptz,
  constraint state_is_known check (state in ('closed', 'open', 'half_open')),
  constraint what_is_open_is_looked_at_again check (state = 'closed' or retry_at is not null)
);
comment on table pawl.breakers is 'targets that were down; what is not closed holds its jobs back (pawl.jobs.held_by)';
comment on column pawl.breakers.target is 'scheme://host:port (pawl.kinds.origin)';
comment on column pawl.breakers.state is 'closed; open: nothing of it starts before retry_at; half_open: one task, the probe, tries';
comment on column pawl.breakers.error is 'what went wrong when it opened last';
comment on column pawl.breakers.node_id is 'node that opened it last';
comment on column pawl.breakers.openings is 'times that it opened since it was closed; each doubles the pause';
comment on column pawl.breakers.probes is 'probes, ever';
comment on column pawl.breakers.opened_at is 'since when it is, or was last, not closed';
comment on column pawl.breakers.retry_at is 'open: when a probe may start; half_open: when the next one may, should this one never answer';
comment on column pawl.breakers.probe_node_id is 'node that has, or had last, the probe: only it may say how it went';
comment on column pawl.breakers.probe_job_id is 'job of that probe';
comment on column pawl.breakers.closed_at is 'when it was closed last';

alter table pawl.jobs add column held_by text;
-- reader: pawl.close_breaker
create index jobs_held on pawl.jobs (held_by, id) where held_by is not null;
comment on column pawl.jobs.held_by is 'breaker that holds its tasks back (pawl.breakers.target); null: none';

create table pawl.missing_secrets (
  kind text not null references pawl.kinds (name) on delete cascade,
  node_id integer not null,
  error text not null,
  since timestamptz not null default now(),
  primary key (kind, node_id)
);
comment on table pawl.missing_secrets is 'secrets that a node lacks: it leaves tasks of the kind to others, and looks again every two seconds';
comment on column pawl.missing_secrets.kind is 'kind whose requests need it';
comment on column pawl.missing_secrets.node_id is 'node that lacks it';
comment on column pawl.missing_secrets.error is 'which one, and why; never a value';
comment on column pawl.missing_secrets.since is 'when the node saw that first';
