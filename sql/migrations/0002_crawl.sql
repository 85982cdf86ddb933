-- The crawl's result: one typed row a page.

create table pawl.pages (
  job_id bigint not null,
  task_id bigint not null,
  org_id uuid,
  url text not null,
  url_hash bigint not null,
  depth integer not null default 0,
  status integer,
  error_class text,
  error text,
  redirect_to text,
  content_type text,
  http_version text,
  encoding text,
  transfer_bytes bigint,
  body_bytes bigint,
  dns_ms real,
  connect_ms real,
  tls_ms real,
  first_byte_ms real,
  total_ms real,
  attempts integer not null default 1,
  links integer not null default 0,
  link_hashes bigint[],
  fetched_at timestamptz not null default now(),
  primary key (job_id, task_id)
);
comment on table pawl.pages is 'one row for each page that a crawl asked for, whatever came back';
comment on column pawl.pages.job_id is 'the crawl';
comment on column pawl.pages.task_id is 'the task that fetched it';
comment on column pawl.pages.org_id is 'the jobs organisation; null: none';
comment on column pawl.pages.url is 'normalised, without a fragment';
comment on column pawl.pages.url_hash is 'first 8 bytes of the SHA-256 of url; link_hashes refer to it';
comment on column pawl.pages.depth is 'links from the start page';
comment on column pawl.pages.status is 'HTTP status; null when no answer came';
comment on column pawl.pages.error_class is 'dns, connect, tls, timeout, too_large, protocol, status; null when the page is fine';
comment on column pawl.pages.error is 'message, for people';
comment on column pawl.pages.redirect_to is 'where it says the page is, when it redirects';
comment on column pawl.pages.content_type is 'as the server named it';
comment on column pawl.pages.http_version is 'of the answer';
comment on column pawl.pages.encoding is 'how the body was compressed; null: not at all';
comment on column pawl.pages.transfer_bytes is 'body bytes on the wire, before decompression';
comment on column pawl.pages.body_bytes is 'body bytes after decompression';
comment on column pawl.pages.dns_ms is 'milliseconds for the name alone; 0 on a connection used again';
comment on column pawl.pages.connect_ms is 'milliseconds for the connection alone; 0 on a connection used again';
comment on column pawl.pages.tls_ms is 'milliseconds for the TLS handshake alone; 0 on a connection used again';
comment on column pawl.pages.first_byte_ms is 'milliseconds from the start of the request to the first byte of the answer';
comment on column pawl.pages.total_ms is 'milliseconds from the start of the request to the last byte of the answer';
comment on column pawl.pages.attempts is 'which try of the task this is the answer to';
comment on column pawl.pages.links is 'distinct links on the page that stay on the site';
comment on column pawl.pages.link_hashes is 'url_hash of each of them: who links to a broken page is found here';
comment on column pawl.pages.fetched_at is 'when the page was written';

insert into pawl.kinds (name, executor, max_attempts, timeout_ms, backoff_base_ms, backoff_cap_ms)
values ('crawl', 'crawl', 3, 30000, 1000, 60000);
