/* The first lines of a crawl's report, one a subject: pages, cache, redirects, ... */
#ifndef PAWL_CLI_CRAWL_SUMMARY_H
#define PAWL_CLI_CRAWL_SUMMARY_H

#include <jansson.h>

#include "base/text.h"

/* report: of pawl.crawl_report(). A subject of which there is nothing to say has no line. */
void crawl_summary_append(struct text *text, const json_t *report);

#endif
