-- What a crawl keeps: one typed row a page, what robots.txt said, weights, and counts of its own.

create table pawl.pages (
  job_id bigint not null,
  task_id bigint not null,
  org_id uuid,
  url text not null,
  url_hash bigint not null,
  depth integer not null default 0,
  role text not null default 'page',
  source text not null default 'start',
  redirects integer not null default 0,
  status integer,
  error_class text,
  error text,
  redirect_to text,
  canonical text,
  block text,
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
  cache text,
  cache_name text,
  cache_reason text,
  warm_requests integer not null default 0,
  warm_cache text,
  warm_first_byte_ms real,
  warm_total_ms real,
  attempts integer not null default 1,
  links integer not null default 0,
  skipped_links integer not null default 0,
  link_hashes bigint[],
  fetched_at timestamptz not null default now(),
  primary key (job_id, task_id),
  constraint role_is_known check (role in ('page', 'sitemap', 'external')),
  constraint source_is_known check (source in ('start', 'link', 'redirect', 'sitemap', 'robots', 'guess')),
  constraint block_is_known check (block in ('rate_limit', 'forbidden', 'unavailable', 'challenge'))
);
comment on table pawl.pages is 'one row for each page that a crawl asked for, whatever came back';
comment on column pawl.pages.job_id is 'the crawl';
comment on column pawl.pages.task_id is 'the task that fetched it';
comment on column pawl.pages.org_id is 'the jobs organisation; null: none';
comment on column pawl.pages.url is 'normalised, without a fragment';
comment on column pawl.pages.url_hash is 'first 8 bytes of the SHA-256 of url; link_hashes refer to it';
comment on column pawl.pages.depth is 'links from the start page';
comment on column pawl.pages.role is 'page; sitemap; external: a page of another site, asked whether it is there';
comment on column pawl.pages.source is 'where it was found first: start, link, redirect, sitemap, robots (a sitemap it names), guess (a usual place)';
comment on column pawl.pages.redirects is 'redirects that led here in a row; of an external page: that were followed from url';
comment on column pawl.pages.status is 'HTTP status; null when no answer came';
comment on column pawl.pages.error_class is 'dns, connect, tls, timeout, too_large, protocol, guard, robots, redirects, blocked, sitemap, status; null when the page is fine';
comment on column pawl.pages.error is 'message, for people';
comment on column pawl.pages.redirect_to is 'where it says the page is, when it redirects; of an external page: the URL that gave the answer, when it is another';
comment on column pawl.pages.canonical is 'the URL that the page says is its own, when it is another';
comment on column pawl.pages.block is 'how the site refuses crawlers: rate_limit, forbidden, unavailable, challenge; null: it does not';
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
comment on column pawl.pages.cache is 'what the cache said of the first answer: none, hit, miss, expired, stale, revalidated, bypass, uncacheable';
comment on column pawl.pages.cache_name is 'which cache that was';
comment on column pawl.pages.cache_reason is 'why it cannot be cached, or was not held when asked again';
comment on column pawl.pages.warm_requests is 'how often it was asked again to see it in the cache';
comment on column pawl.pages.warm_cache is 'what the cache said last when asked again; null: it was not';
comment on column pawl.pages.warm_first_byte_ms is 'as first_byte_ms, of the last answer';
comment on column pawl.pages.warm_total_ms is 'as total_ms, of the last answer';
comment on column pawl.pages.attempts is 'which try of the task this is the answer to';
comment on column pawl.pages.links is 'distinct links on the page that stay on the site';
comment on column pawl.pages.skipped_links is 'links on the site that are not followed: robots.txt, nofollow or the patterns of the crawl exclude them, or the page has too many';
comment on column pawl.pages.link_hashes is 'url_hash of each link that is followed or checked: who links to a broken page is found here';
comment on column pawl.pages.fetched_at is 'when the page was written';

create table pawl.crawls (
  job_id bigint primary key,
  org_id uuid,
  other_tasks bigint not null default 0,
  sitemap_tasks bigint not null default 0,
  raised_high bigint not null default 0,
  raised_medium bigint not null default 0,
  raised_low bigint not null default 0,
  raised_none bigint not null default 0
);
comment on table pawl.crawls is 'counts of a crawl that are no counters of its job';
comment on column pawl.crawls.job_id is 'the crawl';
comment on column pawl.crawls.org_id is 'the jobs organisation; null: none';
comment on column pawl.crawls.other_tasks is 'tasks that are no page and do not count against max_pages: sitemaps, external links';
comment on column pawl.crawls.sitemap_tasks is 'those of them that are sitemaps';
comment on column pawl.crawls.raised_high is 'known pages whose better priority was written at once';
comment on column pawl.crawls.raised_medium is 'likewise, within 10 s';
comment on column pawl.crawls.raised_low is 'likewise, within 60 s';
comment on column pawl.crawls.raised_none is 'better priorities that would have changed nothing: not better than what the node knew, or the page was visited already';

create table pawl.crawl_hosts (
  job_id bigint not null,
  origin text not null,
  org_id uuid,
  node_id integer not null,
  asked_at timestamptz not null,
  fetched_at timestamptz,
  status integer,
  robots text,
  primary key (job_id, origin)
);
comment on table pawl.crawl_hosts is 'the robots.txt of each host of a crawl, fetched once over all nodes';
comment on column pawl.crawl_hosts.job_id is 'the crawl';
comment on column pawl.crawl_hosts.origin is 'scheme, host and port, as https://example.com';
comment on column pawl.crawl_hosts.org_id is 'the jobs organisation; null: none';
comment on column pawl.crawl_hosts.node_id is 'the node that fetches it or has fetched it';
comment on column pawl.crawl_hosts.asked_at is 'when it began to';
comment on column pawl.crawl_hosts.fetched_at is 'when it was known; null: not yet';
comment on column pawl.crawl_hosts.status is 'HTTP status of the answer';
comment on column pawl.crawl_hosts.robots is 'the file; null: there is none, everything is allowed';

create table pawl.page_weights (
  job_id bigint not null,
  key text not null,
  org_id uuid,
  weight real not null,
  primary key (job_id, key),
  constraint weight_is_a_share check (weight between 0 and 1)
);
comment on table pawl.page_weights is 'what somebody says pages are worth, for example by page views: added to their priority';
comment on column pawl.page_weights.job_id is 'the crawl';
comment on column pawl.page_weights.key is 'pawl.weight_key of the page';
comment on column pawl.page_weights.org_id is 'the jobs organisation; null: none';
comment on column pawl.page_weights.weight is 'from 0 to 1, which is the most valued page';

insert into pawl.kinds (name, executor, max_attempts, timeout_ms, backoff_base_ms, backoff_cap_ms)
values ('crawl', 'crawl', 3, 30000, 1000, 60000);
