/*
 * One attempt to connect: from a connection string to a PGconn that the server has let in, or to
 * the reason why not. Not for trying again: that is connection.c.
 */
#ifndef PAWL_PG_CONNECTION_ATTEMPT_H
#define PAWL_PG_CONNECTION_ATTEMPT_H

#include <libpq-fe.h>
#include <uv.h>

#include "base/failure.h"

struct connection_attempt;

/* inner is NULL exactly when failure is not; the callee owns it. */
typedef void connection_attempt_fn(void *context, PGconn *inner, const struct failure *failure);

/* url and application (the application_name) are copied. on_done is called exactly once, from the
 * loop, unless the attempt is destroyed before. */
struct connection_attempt *connection_attempt_create(uv_loop_t *loop, const char *url,
                                                     const char *application,
                                                     connection_attempt_fn *on_done, void *context);
/* At any time, also from on_done; freed when the loop turns. NULL is fine. */
void connection_attempt_destroy(struct connection_attempt *attempt);

#endif
