/* What something waits for, in the form of pawl.why, as people read it. */
#ifndef PAWL_CLI_REASONS_H
#define PAWL_CLI_REASONS_H

#include <jansson.h>

/* A line for each of the document's reasons, but for the message of the first, which the caller has
 * said: since when, when it is looked at next, and what some reasons have besides. */
void reasons_print(const json_t *why);

#endif
