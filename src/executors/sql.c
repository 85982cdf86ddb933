/*
 * The sql executor: a task is one call of pawl.run_sql_task, which runs the kind's function and
 * completes the task in one transaction. It has a few connections of its own, opened when the first
 * task comes, each running one task at a time under the kind's time-out.
 *
 * When a connection breaks, nobody knows whether the transaction committed. The attempt is then
 * called failed: if it did commit, that outcome finds the task completed and changes nothing (I4).
 *
 * A request to cancel names a connection, not a statement, and nothing says when it has had its
 * effect: it may arrive after the task that it was meant for has ended. So a connection that was
 * sent one has no task any more; the next gets a new connection, which the request does not name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "executors/executor.h"
#include "pg/connection.h"

enum { CONNECTIONS = 4 };

struct worker {
    struct sql *sql;
    struct pg_connection *connection;
    struct task *task;
    bool is_cancelled; /* a cancel was sent on this connection */
};

struct sql {
    struct executor_environment environment;
    char *database_url;
    int busy;
    struct worker workers[CONNECTIONS];
};

static void end_task(struct worker *worker, struct outcome *outcome)
{
    struct task *task = worker->task;
    worker->task = NULL;
    worker->sql->busy--;
    worker->sql->environment.on_done(worker->sql->environment.engine, task, outcome);
}

static struct outcome outcome_of(const struct failure *failure)
{
    struct outcome outcome = {.kind = OUTCOME_FAILED, .delay_ms = -1, .error_class = "sql"};
    struct text error = {0};
    if (strcmp(failure->sqlstate, "PW008") == 0) { /* fenced: others have it */
        outcome.kind = OUTCOME_ENDED;
        return outcome;
    }
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

static void on_timeout_set(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    /* The call that follows in the same transaction has the say. */
}

static void on_called(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct worker *worker = context;
    if (!worker->task)
        return;
    struct outcome outcome = {.kind = OUTCOME_ENDED};
    if (!result)
        outcome = outcome_of(failure);
    end_task(worker, &outcome);
}

static void call(struct worker *worker)
{
    const struct task *task = worker->task;
    char timeout[24], node[16], job[24], id[24], attempt[16];
    snprintf(timeout, sizeof timeout, "%d", task->job->timeout_ms);
    snprintf(node, sizeof node, "%d", task->node_id);
    snprintf(job, sizeof job, "%lld", (long long)task->job_id);
    snprintf(id, sizeof id, "%lld", (long long)task->id);
    snprintf(attempt, sizeof attempt, "%d", task->attempt);
    const char *const limit[] = {timeout};
    const char *const values[] = {node, job, id, attempt};
    pg_connection_query(worker->connection, "select set_config('statement_timeout', $1, true)", 1,
                        limit, on_timeout_set, worker);
    pg_connection_query(worker->connection, "select pawl.run_sql_task($1, $2, $3, $4)", 4, values,
                        on_called, worker);
    pg_connection_end_group(worker->connection);
}

static void on_ready(void *context)
{
    struct worker *worker = context;
    if (worker->task)
        call(worker);
}

/* A call under way has been answered already; a task that still waits for its connection goes back.
 */
static void on_lost(void *context, const struct failure *failure)
{
    struct worker *worker = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    worker->is_cancelled = false;
    if (worker->task)
        end_task(worker, &outcome);
}

static void *sql_create(const struct executor_environment *environment)
{
    struct sql *sql = memory_zeroed(1, sizeof *sql);
    sql->environment = *environment;
    sql->database_url = memory_copy_string(environment->database_url);
    for (int i = 0; i < CONNECTIONS; i++)
        sql->workers[i].sql = sql;
    return sql;
}

static int sql_room(void *self)
{
    struct sql *sql = self;
    return CONNECTIONS - sql->busy;
}

static struct worker *free_worker(struct sql *sql)
{
    struct worker *worker = sql->workers;
    while (worker->task)
        worker++;
    return worker;
}

/* Here and not when the task ends: that is inside one of the connection's callbacks. */
static void drop_cancelled(struct worker *worker)
{
    if (!worker->is_cancelled)
        return;
    pg_connection_destroy(worker->connection);
    worker->connection = NULL;
    worker->is_cancelled = false;
}

static void sql_start(void *self, struct task *task)
{
    struct sql *sql = self;
    struct worker *worker = free_worker(sql);
    struct pg_connection_events events = {on_ready, on_lost, NULL};
    worker->task = task;
    sql->busy++;
    drop_cancelled(worker);
    if (!worker->connection)
        worker->connection =
            pg_connection_create(sql->environment.loop, sql->database_url, "sql", &events, worker);
    else if (pg_connection_is_ready(worker->connection))
        call(worker);
}

/* The call ends by itself; its own fence undoes it. */
static void sql_cancel(void *self, struct task *task)
{
    struct sql *sql = self;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct worker *worker = &sql->workers[i];
        if (worker->task != task || !pg_connection_is_ready(worker->connection))
            continue;
        worker->is_cancelled = true;
        pg_connection_cancel(worker->connection);
    }
}

static void sql_forget_job(void *self, int64_t job_id)
{
}

static bool sql_settle(void *self)
{
    return true;
}

static void sql_destroy(void *self)
{
    struct sql *sql = self;
    for (int i = 0; i < CONNECTIONS; i++)
        if (sql->workers[i].connection)
            pg_connection_destroy(sql->workers[i].connection);
    free(sql->database_url);
    free(sql);
}

const struct executor sql_executor = {
    "sql", sql_create, sql_room, sql_start, sql_cancel, sql_forget_job, sql_settle, sql_destroy,
};
