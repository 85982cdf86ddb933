/*
 * The field Cache-Status (RFC 9211): a structured list with a member for each cache on the way, the
 * origin's first, the client's last.
 */
#ifndef PAWL_EXECUTORS_CRAWL_CACHE_MEMBERS_H
#define PAWL_EXECUTORS_CRAWL_CACHE_MEMBERS_H

#include "executors/crawl/cache_status.h"
#include "executors/crawl/fields.h"

/* The slices lie in the fields. */
struct cache_member {
    enum cache_state state;
    const char *cache; /* static; "rfc9211" when it is nobody we know */
    struct slice field, whole;
    bool is_stored; /* it says that it holds the answer from now on */
};

/* The last member that says anything; a cache that gives its name alone says nothing. False when
 * there is none, or when any line of the field is malformed, which voids all of it. */
bool cache_members_read(struct fields fields, struct cache_member *last);

#endif
