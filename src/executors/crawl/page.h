/*
 * One page of a crawl while it is here: what is asked for, what comes, what of it is told. The
 * links are found while the HTML streams in; a page that is no HTML, or an error, is read to its
 * end all the same, because a cache on the way holds whole objects only.
 */
#ifndef PAWL_EXECUTORS_CRAWL_PAGE_H
#define PAWL_EXECUTORS_CRAWL_PAGE_H

#include "executors/crawl/links.h"
#include "executors/crawl/site.h"
#include "http/client.h"

/* Bytes of a body that are kept to see whether it is a challenge instead of a page. */
#define PAGE_START_BYTES 4096

/* What robots.txt may take for all that one page leads to, or one piece of a sitemap: some 30 ms.
 * What is beyond becomes a task unasked, and is asked about in its turn. */
#define PAGE_ROBOTS_STEPS 50000000

enum page_role { PAGE_ORDINARY, PAGE_SITEMAP, PAGE_EXTERNAL };

struct page {
    struct list link; /* of the host that it waits for, or of the sitemaps that wait */
    struct crawler *crawler;
    struct task *task;
    struct site *site;
    struct arena *arena;
    struct url url;
    struct url asked; /* what is asked for now: the URL, or where redirects of it lead (external) */
    enum page_role role;
    const char *source; /* as pawl.pages.source */
    int depth;
    int redirects; /* in a row that led here; of an external page: that were followed from here */
    int warm_requests; /* how often it has been asked for again, this time included; 0: the first */
    struct text start; /* of the body, at most PAGE_START_BYTES */
    bool is_html;
    struct links *links; /* lent by the crawler while is_html, else NULL */
    struct http_transfer *transfer;
    struct sitemap_reading *sitemap; /* sitemap_fetch.c; else NULL */
    /* external_fetch.c */
    bool is_asked_by_get;
    bool is_told; /* the head has come, the rest is not wanted */
    int64_t deadline_us;
    bool is_cancelled;
    uint64_t robots_steps_left;
};

/* From the task's payload, see sql/functions/add_found_pages.sql. NULL with a failure when it is of
 * no use. */
struct page *page_create(struct crawler *crawler, struct task *task, struct site *site,
                         struct failure *failure);
void page_destroy(struct page *page);
/* A page whose links count: an answer of HTML that is fine. */
bool page_has_links(const struct http_head *head);
/* An earlier attempt may have been lost with what it found. */
bool page_is_tried_again(const struct page *page);
/* "page", "sitemap", "external", as pawl.pages.role. */
const char *page_role_name(enum page_role role);

#endif
