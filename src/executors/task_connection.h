/*
 * A connection on which functions of the users are called, for one task at a time and under its
 * time-out: the sql executor runs its tasks on such, and the http executor saves on such what it
 * has fetched.
 *
 * A request to cancel names a connection, not a statement, and nothing says when it has had its
 * effect: it may arrive after the task that it was meant for has ended. So a connection that was
 * sent one is spent: the next task gets a new one, which the request does not name.
 *
 * Nothing is prepared here: what a function runs may be somebody's text (sql/compat/pg_cron), and a
 * statement that it prepares under the name of ours would be executed next, with the node's rights.
 */
#ifndef PAWL_EXECUTORS_TASK_CONNECTION_H
#define PAWL_EXECUTORS_TASK_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "executors/executor.h"
#include "pg/connection.h"

/* Embedded by value. */
struct task_connection {
    uv_loop_t *loop;
    const char *url, *purpose;
    struct pg_connection_events events;
    void *context;
    struct pg_connection *inner; /* NULL: not made yet */
    bool is_spent;
    bool was_cancelled; /* the task that it is at, or was at last, by us */
    char *statement;    /* somebody's text that runs on it; freed with it */
};

/* Connects to nothing yet. url and purpose must outlive it; purpose as of pg_connection_create().
 */
void task_connection_init(struct task_connection *connection, uv_loop_t *loop, const char *url,
                          const char *purpose, const struct pg_connection_events *events,
                          void *context);
/* What is under way is told that the connection is lost. Not from inside one of its callbacks. */
void task_connection_finish(struct task_connection *connection);

/* For the next task: makes the connection, or another in the place of a spent one. True when it can
 * be used; else on_ready is called when it can. Not from inside one of its callbacks. */
bool task_connection_take(struct task_connection *connection);
bool task_connection_is_ready(const struct task_connection *connection);
/* Asks the server to cancel what runs, if it is ready; it is spent then. */
void task_connection_cancel(struct task_connection *connection);

/* Begins a group whose statements may each take so long. */
void task_connection_limit(struct task_connection *connection, int64_t timeout_ms);

/* The task and what fences it, as parameters. */
struct task_fence {
    char node[16], job[24], id[24], attempt[16];
};
void task_fence_write(struct task_fence *fence, const struct task *task);

/* What a task has come to whose call the database refused, or whose connection was lost. When it
 * breaks, nobody knows whether the transaction committed. The attempt is then called failed: if it
 * did commit, that outcome finds the task completed and changes nothing (I4). What we have cut off
 * goes back uncounted. */
struct outcome task_connection_outcome(const struct task_connection *connection,
                                       const struct failure *failure);
/* Was the task cut off by task_connection_cancel(), and not by its time-out? */
bool task_connection_was_cut_off(const struct task_connection *connection,
                                 const struct failure *failure);

#endif
