/* What a crawled page tells the database: its row, and the tasks for the URLs that it leads to. */
#ifndef PAWL_EXECUTORS_CRAWL_PAGE_REPORT_H
#define PAWL_EXECUTORS_CRAWL_PAGE_REPORT_H

#include "executors/crawl/page.h"
#include "executors/crawl/verdict.h"

/* Writes the members `"page":{...},"found":[...]` (struct outcome, page). A URL that this node has
 * proposed for the job before is left out, but not by a second attempt: of the first one nobody
 * knows whether what it found was stored. What is written here counts as proposed, so it must be
 * given to the engine. */
void page_report_write(struct text *text, const struct page *page, const struct http_result *result,
                       const struct verdict *verdict);

#endif
