/* Which parameters of a query are no part of a page's identity. A part of url_build.c. */
#ifndef PAWL_EXECUTORS_CRAWL_URL_TRACKING_H
#define PAWL_EXECUTORS_CRAWL_URL_TRACKING_H

#include <stdbool.h>

#include "base/text.h"

/* name: without its `=` and value, escapes of letters decoded. In any case. */
bool url_is_tracking_parameter(struct slice name);

#endif
