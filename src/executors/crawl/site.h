/*
 * What a node keeps for one crawl: where it started, how it introduces itself, and which of the
 * site's URLs this node has proposed as tasks already. The last is a set of hashes that spares the
 * database nearly every duplicate; when it is full, or wrong by a collision of 64 bits, the unique
 * key of the task is the truth.
 */
#ifndef PAWL_EXECUTORS_CRAWL_SITE_H
#define PAWL_EXECUTORS_CRAWL_SITE_H

#include "base/hash_set.h"
#include "base/list.h"
#include "executors/crawl/url.h"
#include "executors/executor.h"

#define SITE_KNOWN_URLS_MAX 1000000

struct site {
    struct list link;
    int64_t job_id;
    struct arena *arena;
    struct url start;
    const char *user_agent;
    struct hash_set known;
};

/* From the job's params: url, user_agent (absent or null: Pawl's own). NULL with a failure when
 * they are of no use. */
struct site *site_create(const struct job_facts *job, struct failure *failure);
void site_destroy(struct site *site);

#endif
