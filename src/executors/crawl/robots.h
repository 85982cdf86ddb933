/*
 * What a site's robots.txt says to one crawler: which paths it may fetch, how slowly it should, and
 * where the sitemaps are (RFC 9309; Crawl-delay and Sitemap are records beside it, section 2.2.4).
 * Every line that can be understood counts; no byte is an error, so there is no failure.
 *
 * Not for fetching it: what a missing or broken answer means (section 2.3.1) and how long one is
 * good for (section 2.4) is the caller's to decide.
 *
 * Beyond the RFC: names of agents may hold digits and dots, a version behind the name is passed
 * over, and a few misspelt records count (a table in the .c).
 */
#ifndef PAWL_EXECUTORS_CRAWL_ROBOTS_H
#define PAWL_EXECUTORS_CRAWL_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* What is behind these bytes is ignored, and so is a line that they cut (section 2.5). */
#define ROBOTS_BYTES_MAX (500 * 1024)
/* Further ones are left out. */
#define ROBOTS_SITEMAPS_MAX 1000
/* A longer Crawl-delay counts as this one: five minutes. */
#define ROBOTS_CRAWL_DELAY_MAX_S 300.0

/* For one path, a few milliseconds: more than the largest file takes without a star. */
#define ROBOTS_STEPS_MAX 4000000
#define ROBOTS_TOO_COSTLY "its rules take too long to be looked through"

struct robots;

/* The product token of a User-Agent (section 2.2.1): of `Pawl/0.1.0 (+crawler)` it is `Pawl`, of
 * `Mozilla/5.0 (compatible; Pawl/0.1.0)` as well. A part of user_agent; empty when that begins with
 * no name. */
struct slice robots_agent_token(struct slice user_agent);

/* For the crawler with that token; an empty one is nobody's, and the `*` group holds. Keeps neither
 * argument. Never NULL. */
struct robots *robots_parse(struct slice bytes, struct slice agent_token);
void robots_destroy(struct robots *robots);
/* What it takes, about. */
size_t robots_bytes(const struct robots *robots);

/* Whether the crawler may fetch it. path_and_query as in path_pattern.h. *rule: the line that says
 * so, trimmed and without its comment, valid until robots_destroy(), any bytes up to
 * ROBOTS_BYTES_MAX; {NULL, 0} when no rule matches, and for /robots.txt, which is always allowed.
 * rule may be NULL.
 *
 * A path whose rules take more than ROBOTS_STEPS_MAX to be looked through is forbidden, because one
 * of them may forbid it: *rule is ROBOTS_TOO_COSTLY then. It takes thousands of stars; what sites
 * have takes a microsecond or two. */
bool robots_allows(const struct robots *robots, struct slice path_and_query, struct slice *rule);

/* As robots_allows(), while there are steps left (path_pattern.h): takes those that it needed from
 * *steps_left. When they do not suffice they are 0, and the answer is true: nobody knows, so ask
 * robots_allows() before it is fetched. */
bool robots_may_allow(const struct robots *robots, struct slice path_and_query,
                      uint64_t *steps_left);

/* Seconds between two requests, 0 to ROBOTS_CRAWL_DELAY_MAX_S; -1 when the crawler's group names
 * none. The longest where there are several; for the agents that are named above it. */
double robots_crawl_delay_s(const struct robots *robots);

/* The URLs of sitemaps, for every crawler, in the order of the file, doubles included. Each begins
 * with http:// or https:// and is otherwise as the file has it. */
size_t robots_sitemap_count(const struct robots *robots);
/* i < robots_sitemap_count(). Valid until robots_destroy(). */
struct slice robots_sitemap(const struct robots *robots, size_t i);

#endif
