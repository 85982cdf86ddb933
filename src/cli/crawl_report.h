/* What a crawl found, for people: the JSON of pawl.crawl_report() as text. */
#ifndef PAWL_CLI_CRAWL_REPORT_H
#define PAWL_CLI_CRAWL_REPORT_H

#include <jansson.h>

#include "base/failure.h"
#include "base/text.h"

/* On standard output. */
void crawl_report_print(const json_t *report);
/* The same into a text; has_blocks as in histogram.h. */
void crawl_report_append(struct text *text, const json_t *report, bool has_blocks);
/* True when not even the start page could be reached; failure (FAILURE_NETWORK) says why. */
bool crawl_report_is_unreachable(const json_t *report, struct failure *failure);

#endif
