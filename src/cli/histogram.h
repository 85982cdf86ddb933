/* A histogram of times as lines of text, for people. */
#ifndef PAWL_CLI_HISTOGRAM_H
#define PAWL_CLI_HISTOGRAM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"

/* buckets: [{"from_ms", "to_ms" (null: no end), "pages"}], as pawl.measure_pages() has them. One
 * line each, "  < 25 ms  1,234  ####", without the empty ones at both ends; nothing when all are
 * empty. The longest bar has 40 cells; what is not nothing shows at least a little. has_blocks:
 * bars of Unicode's block elements, which are exact to an eighth of a cell; else of #. */
void histogram_append(struct text *text, const json_t *buckets, bool has_blocks);

#endif
