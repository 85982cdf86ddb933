#include "executors/task_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a task is called with, and comes to ---- */

void task_fence_write(struct task_fence *fence, const struct task *task)
{
    snprintf(fence->node, sizeof fence->node, "%d", task->node_id);
    snprintf(fence->job, sizeof fence->job, "%lld", (long long)task->job_id);
    snprintf(fence->id, sizeof fence->id, "%lld", (long long)task->id);
    snprintf(fence->attempt, sizeof fence->attempt, "%d", task->attempt);
}

bool task_connection_was_cut_off(const struct task_connection *connection,
                                 const struct failure *failure)
{
    return connection->was_cancelled && strcmp(failure->sqlstate, "57014") == 0;
}

struct outcome task_connection_outcome(const struct task_connection *connection,
                                       const struct failure *failure)
{
    struct outcome outcome = {.kind = OUTCOME_FAILED, .delay_ms = -1, .error_class = "sql"};
    struct text error = {0};
    if (strcmp(failure->sqlstate, "PW008") == 0) { /* fenced: others have it */
        outcome.kind = OUTCOME_ENDED;
        return outcome;
    }
    if (task_connection_was_cut_off(connection, failure))
        return (struct outcome){.kind = OUTCOME_RETURNED};
    if (strcmp(failure->sqlstate, "57014") == 0)
        outcome.error_class = "timeout";
    else if (!failure->sqlstate[0])
        outcome.error_class = "network";
    text_append_string(&error, failure->message);
    if (failure->detail[0])
        text_append_format(&error, ": %s", failure->detail);
    if (failure->sqlstate[0])
        text_append_format(&error, " (SQLSTATE %s)", failure->sqlstate);
    outcome.error = error.start;
    return outcome;
}

/* ---- the connection ---- */

static void forget_session(struct task_connection *connection)
{
    connection->is_spent = connection->was_cancelled = false;
    free(connection->statement);
    connection->statement = NULL;
}

static void on_connection_ready(void *context)
{
    struct task_connection *connection = context;
    connection->events.on_ready(connection->context);
}

/* It comes back by itself, as another. */
static void on_connection_lost(void *context, const struct failure *failure)
{
    struct task_connection *connection = context;
    forget_session(connection);
    connection->events.on_lost(connection->context, failure);
}

void task_connection_init(struct task_connection *connection, uv_loop_t *loop, const char *url,
                          const char *purpose, const struct pg_connection_events *events,
                          void *context)
{
    *connection = (struct task_connection){
        .loop = loop, .url = url, .purpose = purpose, .events = *events, .context = context};
}

void task_connection_finish(struct task_connection *connection)
{
    if (connection->inner)
        pg_connection_destroy(connection->inner);
    connection->inner = NULL;
    forget_session(connection);
}

bool task_connection_take(struct task_connection *connection)
{
    static const struct pg_connection_events events = {on_connection_ready, on_connection_lost,
                                                       NULL};
    if (connection->is_spent)
        task_connection_finish(connection);
    if (!connection->inner) {
        connection->inner = pg_connection_create(connection->loop, connection->url,
                                                 connection->purpose, &events, connection);
        pg_connection_prepare_nothing(connection->inner);
    }
    return pg_connection_is_ready(connection->inner);
}

bool task_connection_is_ready(const struct task_connection *connection)
{
    return connection->inner && pg_connection_is_ready(connection->inner);
}

void task_connection_cancel(struct task_connection *connection)
{
    if (!task_connection_is_ready(connection))
        return;
    connection->is_spent = connection->was_cancelled = true;
    pg_connection_cancel(connection->inner);
}

void task_connection_limit(struct task_connection *connection, int64_t timeout_ms)
{
    char timeout[24];
    snprintf(timeout, sizeof timeout, "%lld", (long long)timeout_ms);
    const char *const values[] = {timeout};
    pg_connection_query(connection->inner, "select set_config('statement_timeout', $1, true)", 1,
                        values, NULL, NULL); /* the group's last is told the same */
}
