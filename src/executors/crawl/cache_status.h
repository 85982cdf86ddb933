/*
 * What the cache in front of a site said of one answer: was it held, and if not, can asking again
 * make it so. Read from the answer's header fields alone; every cache has a way of its own to say
 * it.
 *
 * When several speak, the one nearest the client decides, as far as that can be seen:
 *
 *   1. A CDN's own field: CF-Cache-Status; X-Cache where a mark shows that it is CloudFront's,
 *      Fastly's, Akamai's, Azure's or another CDN's; the fields of Tencent EdgeOne, Bunny, CDN77,
 *      Edgio, Sucuri, QUIC.cloud, Google and Akamai (Server-Timing).
 *   2. The field of a host that is its own CDN: Vercel, Fly.io, Platform.sh, Kinsta, WordPress.com.
 *   3. Cache-Status (RFC 9211), Netlify's too.
 *   4. A cache before the server, then one in it (nginx, Varnish, Squid, Apache, LiteSpeed), then
 *      one in the application (Magento, Drupal, Next.js, WordPress).
 *   5. Age: a positive one and nothing else is a hit of a cache that does not give its name.
 *
 * So Cloudflare before Varnish is Cloudflare's word. Within a field the last entry of the last line
 * that can be understood decides: caches append. "X-Cache: MISS, HIT" is a hit at Fastly's edge; of
 * Cache-Status's members the last that says anything counts. A field whose value makes no sense is
 * passed over.
 *
 * A miss that can never become a hit is known at once: see cache_control.h. Caches that have
 * another word for what they will not hold are believed when they say "miss".
 *
 * Not for deciding how often to ask again, nor for the caches of the browser or of a proxy of ours.
 */
#ifndef PAWL_EXECUTORS_CRAWL_CACHE_STATUS_H
#define PAWL_EXECUTORS_CRAWL_CACHE_STATUS_H

#include "http/field.h"

/* Enough for every reason of ours; a foreign word in one may be cut. */
#define CACHE_REASON_BYTES 128

enum cache_state {
    CACHE_NONE,        /* no cache spoke */
    CACHE_HIT,         /* held, and fresh */
    CACHE_MISS,        /* was not held; may be now */
    CACHE_EXPIRED,     /* was held, too old; fetched anew */
    CACHE_STALE,       /* held, too old, given all the same; mostly it is being fetched */
    CACHE_REVALIDATED, /* held, and found to be still right */
    CACHE_BYPASS,      /* this request was passed by the cache */
    CACHE_UNCACHEABLE  /* will never be held */
};

struct cache_status {
    enum cache_state state;
    const char *cache;          /* static: "cloudflare", ..., "unnamed"; NULL: no cache spoke */
    struct slice field;         /* the name of the field that said so, as it came */
    struct slice word;          /* what it said: the part of its value that decided */
    bool is_worth_asking_again; /* a miss, expired or stale */
};

/* The slices lie in the fields. was_authorized: the request had an Authorization field. reason, of
 * reason_bytes, is written always: why the answer is not held, as "Cache-Control: private", when
 * the state is bypass or uncacheable, or when no cache spoke and none could hold it; else "".
 * ASCII, cut to fit. */
struct cache_status cache_status_of(const struct http_field *fields, size_t count,
                                    bool was_authorized, char *reason, size_t reason_bytes);
/* none, hit, miss, expired, stale, revalidated, bypass, uncacheable. */
const char *cache_state_name(enum cache_state state);

#endif
