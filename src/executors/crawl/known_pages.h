/*
 * The pages of one crawl that this node knows of, by url_hash(), with the best priority that it
 * knows for each: it spares the database nearly every duplicate, and every better priority that
 * would change nothing. Bounded: once full it keeps what it has and remembers nothing new. By that,
 * and by collisions of 64 bits, it may be wrong; the unique key of the task is the truth.
 */
#ifndef PAWL_EXECUTORS_CRAWL_KNOWN_PAGES_H
#define PAWL_EXECUTORS_CRAWL_KNOWN_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum known_answer {
    KNOWN_NEW,    /* it was not there, or the set is full */
    KNOWN_BETTER, /* it was there with a lower priority, and has not been visited by this node */
    KNOWN_SAME    /* nothing that is worth telling anybody */
};

struct known_page {
    uint64_t hash; /* 0 marks an empty slot; the hash 0 is stored as 1 */
    float priority;
    uint32_t is_visited;
};

struct known_pages {
    struct known_page *slots;
    size_t capacity, count, limit;
};

/* limit: pages at most; memory grows with use, 16 bytes a slot, of which at most 3/4 are taken. */
void known_pages_init(struct known_pages *pages, size_t limit);
void known_pages_finish(struct known_pages *pages);
/* Somebody found it, with this priority, which is remembered if it is the best. */
enum known_answer known_pages_find(struct known_pages *pages, uint64_t hash, float priority);
/* It is being visited: no priority matters any more. */
void known_pages_visit(struct known_pages *pages, uint64_t hash);
/* NULL: it is not known. Valid until the next change. */
const struct known_page *known_pages_get(const struct known_pages *pages, uint64_t hash);

#endif
