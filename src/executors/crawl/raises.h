/*
 * Better priorities of pages that are known already, on their way into the database: gathered for a
 * while, so that what is raised twice is written once, and never dropped but by a crash. How long
 * depends on what they are worth: a page that becomes one of the first to be visited is written at
 * once, one in the middle within 10 s, one that stays among the last within 60 s.
 *
 * Two crawlers on two nodes may raise one page; the database keeps the better priority.
 */
#ifndef PAWL_EXECUTORS_CRAWL_RAISES_H
#define PAWL_EXECUTORS_CRAWL_RAISES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct crawl_database;

enum raise_tier { RAISE_HIGH, RAISE_MEDIUM, RAISE_LOW, RAISE_TIERS };

/* All zero is empty. */
struct raises {
    struct raise_batch {
        struct text keys, priorities; /* array literals, not closed yet */
        int count;
        int64_t since_us; /* when the first came */
    } batches[RAISE_TIERS];
    int64_t avoided; /* that were not worth telling, not counted in the database yet */
};

void raises_finish(struct raises *raises);
enum raise_tier raises_tier(float priority);
/* url: the page's whole URL. */
void raises_add(struct raises *raises, struct slice url, float priority, int64_t now_us);
/* A page was found again and is worth no more by that: only counted, with the next batch that goes,
 * or as one of low priority. */
void raises_avoid(struct raises *raises, int64_t now_us);
/* Sends what has waited long enough; all of it when is_end. Returns in how many microseconds it
 * should be called again; -1: nothing waits. */
int64_t raises_send(struct raises *raises, struct crawl_database *database, int64_t job_id,
                    int64_t now_us, bool is_end);

#endif
