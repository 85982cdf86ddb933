/*
 * What a node keeps for one crawl: its parameters, which of its pages this node knows of, and the
 * hosts that it has met. Parameters are as pawl.crawl describes them.
 */
#ifndef PAWL_EXECUTORS_CRAWL_SITE_H
#define PAWL_EXECUTORS_CRAWL_SITE_H

#include "base/hash_table.h"
#include "base/list.h"
#include "executors/crawl/known_pages.h"
#include "executors/crawl/raises.h"
#include "executors/crawl/url.h"
#include "executors/executor.h"

#define SITE_KNOWN_PAGES_MAX 1500000

struct patterns {
    size_t count;
    struct slice *list;
};

struct site {
    struct list link;
    int64_t job_id;
    struct arena *arena;
    struct url start;
    const char *user_agent;
    struct patterns include, exclude;
    bool with_subdomains, ignores_robots, reads_sitemaps, warms, checks_external, allows_private;
    struct known_pages known;
    struct hash_table hosts; /* hosts.h */
    struct host *last_host;  /* that was found, mostly the next one too */
    struct raises raises;
};

enum site_choice {
    SITE_FOLLOWS,
    SITE_SKIPS,    /* on the site, but the crawl's patterns leave it out */
    SITE_EXTERNAL, /* of another site */
};

/* From the job's params. NULL with a failure when they are of no use. */
struct site *site_create(const struct job_facts *job, struct failure *failure);
/* Its hosts must be gone. */
void site_destroy(struct site *site);
/* Whatever the URL's source. robots.txt is another matter. */
enum site_choice site_choose(const struct site *site, const struct url *url);

#endif
