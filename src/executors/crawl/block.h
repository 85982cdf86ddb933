/*
 * Is this answer a refusal of crawlers rather than the page? By its status, and by the marks of the
 * bot protections whose challenges come with any status, 200 included.
 *
 * Marks are strong or they are none: a field that says so, or raw markup and script that stand in
 * such a page alone, mostly two of them together. A page that embeds a captcha in a form, is served
 * through such a protection, or writes about one is no refusal.
 */
#ifndef PAWL_EXECUTORS_CRAWL_BLOCK_H
#define PAWL_EXECUTORS_CRAWL_BLOCK_H

#include "http/field.h"

/* As much of a body as is looked at. */
#define BLOCK_BODY_BYTES 4096

enum block_kind {
    BLOCK_NONE,
    BLOCK_RATE_LIMIT,  /* 429, or 503 with Retry-After: slower, please */
    BLOCK_FORBIDDEN,   /* 403; 401 that asks for no login (RFC 9110 demands WWW-Authenticate) */
    BLOCK_UNAVAILABLE, /* 503 */
    BLOCK_CHALLENGE    /* a bot protection's page stands where the page should be */
};

/* body_start: the body's first BLOCK_BODY_BYTES, decoded, or all of it when it is shorter; looked
 * at only where Content-Type says HTML or nothing. A challenge goes before what the status says. */
enum block_kind block_kind_of(int status, const struct http_field *fields, size_t count,
                              struct slice body_start);
/* none, rate_limit, forbidden, unavailable, challenge. */
const char *block_kind_name(enum block_kind kind);

#endif
