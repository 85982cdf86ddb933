/*
 * The hosts of a crawl and what their robots.txt says (RFC 9309): fetched once per host and job,
 * over all nodes (sql/functions/robots.sql). Pages of a host wait here until it is known, and then
 * take another turn: the turn in which robots.txt was asked for is used up, or the host would be
 * asked faster than its limit. Where only the database had to be asked, one of them goes on; where
 * robots.txt has moved, the next page that comes lends its turn to go after it.
 *
 * A site may have hosts without end, each with half a megabyte of rules: what is kept of the hosts
 * of all sites is bounded, and those that no page was started of for longest are forgotten. They
 * are new when they are met again, and the database knows their rules.
 *
 * No answer, or one from 500, or 429: nothing of the host is fetched until there is a better one
 * (section 2.3.1.4); the pages that wait for it fail and are tried again as any other. Any other
 * from 400: there are no rules. More than five redirects: likewise.
 */
#ifndef PAWL_EXECUTORS_CRAWL_HOSTS_H
#define PAWL_EXECUTORS_CRAWL_HOSTS_H

#include "executors/crawl/page.h"

struct host;
struct crawler;

/* The URL's, made when it is new to the site. Valid until the next call, or while a page waits. */
struct host *host_of(struct crawler *crawler, struct site *site, const struct url *url);
/* NULL when the site has not met it, or it is forgotten. Valid as above. */
struct host *host_find(struct site *site, const struct url *url);
/* Pages of the site that wait end without a turn to come. */
void hosts_drop_waiting(struct site *site);
/* Errands that wait for the database's answer, which never comes now. */
void hosts_drop_errands(struct crawler *crawler);
/* All of a site's; no page waits any more. */
void hosts_destroy(struct site *site);

bool host_is_known(const struct host *host);
/* Of a host that is not known nothing is forbidden. *rule: why it is forbidden, as
 * robots_allows() says it. */
bool host_allows(const struct host *host, const struct url *url, struct slice *rule);
/* As robots_may_allow(), for what the page leads to: whether it is worth a task. */
bool host_may_allow(const struct host *host, const struct url *url, uint64_t *steps_left);

/* The page waits until its host is known, and is then put back for its next turn. */
void host_wait(struct host *host, struct page *page);

#endif
