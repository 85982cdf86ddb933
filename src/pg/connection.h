/*
 * An asynchronous connection on the loop: it connects, pipelines statements, hands out results and
 * notifications, and comes back by itself with growing, jittered pauses when it is lost.
 *
 * Statements are sent in groups; a group is one transaction and ends with
 * pg_connection_end_group(). A statement's callback is called exactly once, when its whole group
 * has been answered: what it is told is committed. When one statement of a group fails, all of them
 * are told so.
 *
 * Statements are prepared on first use, so their texts must be constants; but not behind a pooler
 * (connection_prepared.h). Should prepared statements be lost all the same, the connection is
 * broken off and comes back to go on without.
 *
 * Not for commands that ask and wait: session.h.
 */
#ifndef PAWL_PG_CONNECTION_H
#define PAWL_PG_CONNECTION_H

#include <stdbool.h>
#include <uv.h>

#include "base/failure.h"
#include "pg/result.h"

struct pg_connection;

/* result is NULL exactly when failure is not. Neither outlives the call. A failure without an
 * SQLSTATE means that the connection was lost, and that nobody knows whether the group took effect.
 */
typedef void pg_done_fn(void *context, const struct pg_result *result,
                        const struct failure *failure);

struct pg_connection_events {
    void (*on_ready)(void *context);                               /* connected, or again */
    void (*on_lost)(void *context, const struct failure *failure); /* also when connecting fails */
    void (*on_notify)(void *context, const char *payload);         /* NULL: not interested */
};

/* Starts to connect at once. url and purpose are copied. */
struct pg_connection *pg_connection_create(uv_loop_t *loop, const char *url, const char *purpose,
                                           const struct pg_connection_events *events,
                                           void *context);
/* Outstanding statements are told that the connection is lost; freed when the loop turns. Not from
 * inside one of its callbacks. */
void pg_connection_destroy(struct pg_connection *connection);
/* From now on statements are sent unprepared: for a connection on which others' statements run too,
 * who could put one of their own under the name of ours. */
void pg_connection_prepare_nothing(struct pg_connection *connection);
bool pg_connection_is_ready(const struct pg_connection *connection);
/* Statements that have not been answered. */
int pg_connection_outstanding(const struct pg_connection *connection);

/* Adds a statement to the group. sql is a constant: it is known by its address. values are text and
 * copied by libpq. on_done NULL: nobody wants to know. Must be ready. */
void pg_connection_query(struct pg_connection *connection, const char *sql, int count,
                         const char *const *values, pg_done_fn *on_done, void *context);
/* Asks the server to cancel the statement that runs, without waiting. Nothing happens when none
 * runs. */
void pg_connection_cancel(struct pg_connection *connection);
/* Commits the group and sends it. */
void pg_connection_end_group(struct pg_connection *connection);

#endif
