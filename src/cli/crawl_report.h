/* What a crawl found, for people: the JSON of pawl.crawl_report() as text. */
#ifndef PAWL_CLI_CRAWL_REPORT_H
#define PAWL_CLI_CRAWL_REPORT_H

#include <jansson.h>

#include "base/failure.h"

/* On standard output. */
void crawl_report_print(const json_t *report);
/* True when not even the start page could be reached; failure (FAILURE_NETWORK) says why. */
bool crawl_report_is_unreachable(const json_t *report, struct failure *failure);

#endif
