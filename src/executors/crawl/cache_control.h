/*
 * May a shared cache hold this answer, by what the answer says of itself? Cache-Control, Expires,
 * Vary and Set-Cookie (RFC 9111, sections 3 and 5.2), and the fields that a cache obeys in their
 * place (targeted cache control, RFC 9213; Surrogate-Control of the Edge Architecture).
 *
 * Caches differ in what they obey. cache_control.c has a table of those that do not do as the
 * RFC's cache does; all others are taken to.
 */
#ifndef PAWL_EXECUTORS_CRAWL_CACHE_CONTROL_H
#define PAWL_EXECUTORS_CRAWL_CACHE_CONTROL_H

#include "executors/crawl/fields.h"

/* Where the reason is written, cut to fit; ASCII, NUL-terminated unless bytes is 0. */
struct cache_reason {
    char *text;
    size_t bytes;
};

enum cache_habit {
    CACHE_READS_CDN_CONTROL = 1, /* CDN-Cache-Control */
    CACHE_READS_SURROGATE = 2,   /* Surrogate-Control */
    CACHE_KEEPS_COOKIES = 4,     /* holds an answer with Set-Cookie all the same */
    CACHE_TELLS_BROWSERS = 8,    /* the max-age that we see is for browsers, not the one it obeys */
    CACHE_NAMES_REFUSALS = 16 /* has another word for what it will not hold: a miss is one that it
                                 means to hold, whatever Cache-Control tells browsers */
};

struct cache_habits {
    const char *cache;
    const char *own_control; /* the field that it obeys before all others, or NULL */
    const char *own_verdict; /* the field that says YES or NO, or NULL */
    unsigned flags;          /* of enum cache_habit */
};

/* Of a cache by its name, as struct cache_status has it; NULL: a cache of which nothing is known.
 */
const struct cache_habits *cache_habits_of(const char *cache);
/* True, with the reason, when a cache of these habits will not hold the answer. was_authorized: the
 * request had an Authorization field (RFC 9111, section 3.5). Without a reason it is left alone. */
bool cache_control_forbids(struct fields fields, const struct cache_habits *habits,
                           bool was_authorized, struct cache_reason reason);
/* "name: text", or the name alone when the text is empty; bytes that are no visible ASCII become
 * question marks. */
void cache_reason_write(struct cache_reason reason, const char *name, struct slice text);

#endif
