/* A sitemap that is a plain text: a URL a line, nothing else. */
#ifndef PAWL_EXECUTORS_CRAWL_SITEMAP_LINES_H
#define PAWL_EXECUTORS_CRAWL_SITEMAP_LINES_H

#include "executors/crawl/sitemap_loc.h"

struct sitemap_lines;

/* Whether any line of what a file begins with looks like a URL. */
bool sitemap_lines_has_url(struct slice beginning);
/* on_loc gets a line that begins with http:// or https://, none for one that does not or that holds
 * control characters or more than loc_bytes_max; it is not called for a blank line. */
struct sitemap_lines *sitemap_lines_create(size_t loc_bytes_max, sitemap_loc_fn on_loc,
                                           void *context);
void sitemap_lines_destroy(struct sitemap_lines *lines);
/* The next piece, of any size; the last one, which may be empty, says so: a line that has no end
 * ends there. */
void sitemap_lines_feed(struct sitemap_lines *lines, struct slice piece, bool is_last);

#endif
