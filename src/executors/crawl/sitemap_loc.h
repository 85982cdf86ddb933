/*
 * The text of one URL of a sitemap while it gathers, piece by piece, up to a limit: white space
 * around it goes, and takes no room.
 */
#ifndef PAWL_EXECUTORS_CRAWL_SITEMAP_LOC_H
#define PAWL_EXECUTORS_CRAWL_SITEMAP_LOC_H

#include "base/text.h"

/* Embedded by value; bytes_max set and the rest zero is an empty one. */
struct sitemap_loc {
    size_t bytes_max;
    struct text text;
    bool is_torn; /* something of it is missing; who knows sets it */
};

/* The place of a URL was found: what stands there, trimmed; empty when there is nothing, none when
 * it cannot be told. Valid during the call. */
typedef void (*sitemap_loc_fn)(void *context, struct slice loc);

void sitemap_loc_finish(struct sitemap_loc *loc);
/* Forgets the text, keeps the memory. */
void sitemap_loc_clear(struct sitemap_loc *loc);
/* What is too much tears it. */
void sitemap_loc_append(struct sitemap_loc *loc, struct slice piece);
/* As sitemap_loc_fn gets it; valid until the next change. */
struct slice sitemap_loc_slice(const struct sitemap_loc *loc);

#endif
