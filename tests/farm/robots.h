/*
 * robots.txt in every mood. A host's mode is the farm's (--robots) until POST /farm/robots gives it
 * another, or the very text.
 */
#ifndef PAWL_FARM_ROBOTS_H
#define PAWL_FARM_ROBOTS_H

#include "exchange.h"

/* The mode's own name, which lives as long as the program; NULL when there is no such mode. "text"
 * is the host's own text. */
const char *robots_mode(const char *name);
/* /private/ is forbidden, /private/open/ is not. */
bool robots_is_partial(const struct exchange *exchange);

#endif
