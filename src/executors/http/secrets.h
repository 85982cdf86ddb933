/*
 * Secrets by reference, as kinds name them: "env:NAME", a variable of this node's environment, and
 * "file:PATH", a file inside one folder, by a relative path or a whole one. The value is read again
 * when it is older than two seconds, so that a file can be replaced while the node runs; an
 * environment is what it was at the start.
 *
 * Not to be had: the variables by which programs find their database (PG..., DATABASE_URL,
 * PAWL_...), since whoever may define a kind could have them sent to himself; files outside the
 * folder, wherever a link in it leads. Neither logged nor told in errors: the value.
 */
#ifndef PAWL_EXECUTORS_HTTP_SECRETS_H
#define PAWL_EXECUTORS_HTTP_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct secrets;

/* folder: NULL for /run/secrets. It need not be there. */
struct secrets *secrets_create(const char *folder);
void secrets_destroy(struct secrets *secrets);
/* The value, without the line end behind it, until the next call; now_ms is the loop's time. False
 * with `reason` filled when it cannot be had now: missing, empty, too large, not allowed. */
bool secrets_find(struct secrets *secrets, const char *reference, uint64_t now_ms,
                  struct slice *value, struct text *reason);

#endif
