/*
 * One page of a crawl: what is asked for, what comes, what of it is told. The links are found while
 * the HTML streams in; a page that is no HTML, or an error, is read to its end all the same,
 * because a cache on the way holds whole objects only.
 */
#ifndef PAWL_EXECUTORS_CRAWL_PAGE_H
#define PAWL_EXECUTORS_CRAWL_PAGE_H

#include "executors/crawl/links.h"
#include "executors/crawl/site.h"
#include "http/client.h"

struct page {
    void *crawler; /* the executor; not the page's business */
    struct task *task;
    struct site *site;
    struct arena *arena;
    struct url url;
    int depth;
    bool is_html;
    struct links *links; /* lent by the executor while is_html, else NULL */
    struct http_transfer *transfer;
};

/* From the task's payload, {"url": ..., "depth": ...}. NULL with a failure when it is of no use. */
struct page *page_create(struct task *task, struct site *site, struct failure *failure);
void page_destroy(struct page *page);
/* A page whose links count: an answer of HTML that is fine. */
bool page_has_links(const struct http_head *head);

#endif
