/* What pages are worth to somebody: a CSV file (RFC 4180) of paths or URLs and numbers. */
#ifndef PAWL_CLI_WEIGHTS_H
#define PAWL_CLI_WEIGHTS_H

#include "base/failure.h"

/* As pawl.crawl wants it: a JSON object of normalised URLs and numbers, the caller's to free. Paths
 * are of the site of start_url. Columns behind the second are passed over, and so is a first line
 * without a number, which is a heading. Of a page that comes twice the weights are added. NULL with
 * a FAILURE_INPUT that names the line. */
char *weights_read(const char *path, const char *start_url, struct failure *failure);

#endif
