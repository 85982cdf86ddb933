/* What a page, a sitemap or a robots.txt has led to, as JSON for pawl.add_found_pages. */
#ifndef PAWL_EXECUTORS_CRAWL_FOUND_H
#define PAWL_EXECUTORS_CRAWL_FOUND_H

#include "base/text.h"

/* How early what is visited: the start page is worth 1, and so is what stands in a header; what
 * stands elsewhere on a page is worth a little less than that page, so near ones come first. */
#define FOUND_PRIORITY_OF_HEADER 1.0
#define FOUND_PRIORITY_OF_FOOTER 0.99
#define FOUND_PRIORITY_STEP 0.9
#define FOUND_PRIORITY_OF_SITEMAP_PAGE 0.1
#define FOUND_PRIORITY_OF_SITEMAP 0.95
#define FOUND_PRIORITY_OF_EXTERNAL 0.01

struct found {
    struct slice url; /* whole, normalised */
    double priority;
    int depth, redirects;
    const char *source; /* as pawl.pages.source */
    const char *role;   /* NULL: an ordinary page */
};

/* One element and the comma behind it. A sitemap has a key of its own: a URL may be read as one and
 * visited as a page, as where /sitemap.xml redirects to a page for people. */
void found_append(struct text *text, const struct found *found);

#endif
