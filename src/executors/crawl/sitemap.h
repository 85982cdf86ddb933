/*
 * A sitemap (sitemaps.org protocol 0.9), or an index of sitemaps, read while it arrives in pieces
 * of any size, in memory that does not grow with it: each URL is told as soon as it is there. What
 * it is is found by looking at it, whatever its name and content type say: XML, RSS 2.0, Atom, or
 * plain text with a URL a line, each of them also packed by gzip.
 *
 * Broken files are common: what stands before the broken place counts, and the break is told.
 *
 * Not its business: fetching, Content-Encoding, how deep indexes are nested, whether a URL is one
 * and of which site, what stands beside a URL (lastmod, changefreq, priority, images, languages).
 */
#ifndef PAWL_EXECUTORS_CRAWL_SITEMAP_H
#define PAWL_EXECUTORS_CRAWL_SITEMAP_H

#include <stdint.h>

#include "base/text.h"

/* What the protocol allows in a file, and how long a URL we take at most. */
#define SITEMAP_URLS_MAX 50000
#define SITEMAP_BYTES_MAX 52428800
#define SITEMAP_LOC_BYTES_MAX 8192

struct sitemap_limits {
    uint64_t urls;    /* told at most */
    uint64_t bytes;   /* read at most, counted after gzip */
    size_t loc_bytes; /* of one URL, white space around it not counted */
};

enum sitemap_state {
    SITEMAP_MORE,  /* go on */
    SITEMAP_FULL,  /* a limit is reached, or on_url said stop: the rest is not looked at */
    SITEMAP_BROKEN /* broken beyond repair, or no sitemap: likewise */
};

enum sitemap_form {
    SITEMAP_NONE, /* not known yet, or not a form that we know */
    SITEMAP_URLSET,
    SITEMAP_INDEX, /* its URLs are sitemaps */
    SITEMAP_TEXT,
    SITEMAP_RSS,
    SITEMAP_ATOM
};

struct sitemap_summary {
    enum sitemap_state state; /* SITEMAP_MORE: it was read to its end */
    enum sitemap_form form;
    uint64_t urls;     /* that were told */
    uint64_t left_out; /* places of a URL that were not: empty, too long, not to be read; the one
                          that was beyond the limit */
    uint64_t bytes;    /* read, counted after gzip; at most limits.bytes */
    /* The first thing that was wrong, for people, UTF-8; NULL when nothing was. Never NULL when
     * state is SITEMAP_BROKEN; else there may be one where reading could go on, as behind an
     * ampersand that should be &amp;. Valid until sitemap_destroy(). */
    const char *error;
};

/* loc: as it stands in the file, without white space around it, character references decoded, never
 * empty; UTF-8 when the file is XML, any bytes but control characters when it is text; valid during
 * the call. False: no more. It must not call the sitemap. */
typedef bool (*sitemap_url_fn)(void *context, struct slice loc, bool is_index_entry);

struct sitemap;

/* Reads one file, in any thread, but not in two at once. The limits are copied. */
struct sitemap *sitemap_create(const struct sitemap_limits *limits, sitemap_url_fn on_url,
                               void *context);
void sitemap_destroy(struct sitemap *sitemap);
/* The next piece of the file, with Content-Encoding undone. URLs are told in blocks of 4 KiB, so
 * some of this piece may be told later. After another answer than SITEMAP_MORE, pieces are passed
 * over and the answer stays. */
enum sitemap_state sitemap_feed(struct sitemap *sitemap, struct slice piece);
/* The file has ended: tells what is left, and how it went. Called once, and not for a transfer that
 * broke off: the last line of a text would be taken for a whole URL. */
struct sitemap_summary sitemap_end(struct sitemap *sitemap);

#endif
