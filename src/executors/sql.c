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
 *
 * A function that has had no effect because its work refuses to run inside a transaction says so
 * (PW010). Then there are more steps, each a transaction of its own: ask which statement it is,
 * take the role that it runs as, run it, and say what came of it. The next step is taken only when
 * the one before has succeeded: without the role the statement would have the node's rights.
 * Whatever such a statement leaves in its session goes with the connection.
 *
 * Nothing is prepared here: what a function runs may be somebody's text (sql/compat/pg_cron), and a
 * statement that it prepares under the name of ours would be executed next, with the node's rights.
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
    bool is_spent;    /* a cancel was sent on this connection, or it ran a statement by itself */
    char *statement;  /* that runs by itself; lives as long as the connection */
    char started[40]; /* when, as the database said */
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

/* The task and what fences it, as parameters. */
struct fence {
    char node[16], job[24], id[24], attempt[16];
};

static void write_fence(struct fence *fence, const struct task *task)
{
    snprintf(fence->node, sizeof fence->node, "%d", task->node_id);
    snprintf(fence->job, sizeof fence->job, "%lld", (long long)task->job_id);
    snprintf(fence->id, sizeof fence->id, "%lld", (long long)task->id);
    snprintf(fence->attempt, sizeof fence->attempt, "%d", task->attempt);
}

/* What the database refused, or the connection's loss. */
static void fail_task(struct worker *worker, const struct failure *failure)
{
    struct outcome outcome = outcome_of(failure);
    end_task(worker, &outcome);
}

/* ---- a statement that runs by itself ---- */

static void on_alone_ended(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct worker *worker = context;
    struct outcome outcome = {.kind = OUTCOME_ENDED};
    if (!worker->task)
        return;
    if (failure)
        fail_task(worker, failure);
    else
        end_task(worker, &outcome);
}

static void on_step(void *context, const struct pg_result *result, const struct failure *failure)
{
    /* The last statement of the group is told the same. */
}

/* failure NULL: it went well. */
static void end_alone(struct worker *worker, const struct failure *failure)
{
    struct fence fence;
    write_fence(&fence, worker->task);
    const char *const values[] = {fence.node,
                                  fence.job,
                                  fence.id,
                                  fence.attempt,
                                  worker->started,
                                  failure ? failure->message : NULL,
                                  failure ? failure->detail : NULL,
                                  failure ? failure->hint : NULL};
    pg_connection_query(worker->connection, "select set_config('role', 'none', false)", 0, NULL,
                        on_step, worker);
    pg_connection_query(worker->connection,
                        "select pawl.finish_alone($1, $2, $3, $4, $5, $6, $7, $8)", 8, values,
                        on_alone_ended, worker);
    pg_connection_end_group(worker->connection);
}

/* What came of it is told, unless nobody can be told. */
static void on_alone_ran(void *context, const struct pg_result *result,
                         const struct failure *failure)
{
    struct worker *worker = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    if (!worker->task)
        return;
    if (failure && !failure->sqlstate[0])
        fail_task(worker, failure);
    else if (!pg_connection_is_ready(worker->connection))
        end_task(worker, &outcome);
    else
        end_alone(worker, failure);
}

static void on_role_taken(void *context, const struct pg_result *result,
                          const struct failure *failure)
{
    struct worker *worker = context;
    if (!worker->task)
        return;
    if (failure) {
        on_alone_ran(worker, NULL, failure);
        return;
    }
    pg_connection_query(worker->connection, worker->statement, 0, NULL, on_alone_ran, worker);
    pg_connection_end_group(worker->connection);
}

static void on_alone_known(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct worker *worker = context;
    char timeout[24];
    if (!worker->task)
        return;
    if (failure) {
        fail_task(worker, failure);
        return;
    }
    if (!pg_result_rows(result)) { /* the job has just been deleted: nothing to run */
        struct outcome outcome = {.kind = OUTCOME_COMPLETED};
        end_task(worker, &outcome);
        return;
    }
    snprintf(timeout, sizeof timeout, "%d", worker->task->job->timeout_ms);
    snprintf(worker->started, sizeof worker->started, "%s", pg_result_text(result, 0, 2));
    worker->statement = memory_copy_string(pg_result_text(result, 0, 1));
    const char *const values[] = {pg_result_text(result, 0, 0), timeout};
    pg_connection_query(
        worker->connection,
        "select set_config('statement_timeout', $2, false), set_config('role', $1, false)", 2,
        values, on_role_taken, worker);
    pg_connection_end_group(worker->connection);
}

static void run_alone(struct worker *worker)
{
    struct fence fence;
    write_fence(&fence, worker->task);
    const char *const values[] = {fence.node, fence.job, fence.id, fence.attempt};
    worker->is_spent = true;
    pg_connection_query(worker->connection,
                        "select role, statement, clock_timestamp() "
                        "from pawl.start_alone($1, $2, $3, $4)",
                        4, values, on_alone_known, worker);
    pg_connection_end_group(worker->connection);
}

/* ---- one task ---- */

static void on_called(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct worker *worker = context;
    struct outcome outcome = {.kind = OUTCOME_ENDED};
    if (!worker->task)
        return;
    if (result)
        end_task(worker, &outcome);
    else if (strcmp(failure->sqlstate, "PW010") == 0)
        run_alone(worker);
    else
        fail_task(worker, failure);
}

static void call(struct worker *worker)
{
    struct fence fence;
    char timeout[24];
    write_fence(&fence, worker->task);
    snprintf(timeout, sizeof timeout, "%d", worker->task->job->timeout_ms);
    const char *const limit[] = {timeout};
    const char *const values[] = {fence.node, fence.job, fence.id, fence.attempt};
    pg_connection_query(worker->connection, "select set_config('statement_timeout', $1, true)", 1,
                        limit, on_step, worker);
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
    worker->is_spent = false;
    free(worker->statement);
    worker->statement = NULL;
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
static void drop_spent(struct worker *worker)
{
    if (!worker->is_spent)
        return;
    pg_connection_destroy(worker->connection);
    worker->connection = NULL;
    worker->is_spent = false;
    free(worker->statement);
    worker->statement = NULL;
}

static void sql_start(void *self, struct task *task)
{
    struct sql *sql = self;
    struct worker *worker = free_worker(sql);
    struct pg_connection_events events = {on_ready, on_lost, NULL};
    worker->task = task;
    sql->busy++;
    drop_spent(worker);
    if (!worker->connection) {
        worker->connection =
            pg_connection_create(sql->environment.loop, sql->database_url, "sql", &events, worker);
        pg_connection_prepare_nothing(worker->connection);
    } else if (pg_connection_is_ready(worker->connection))
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
        worker->is_spent = true;
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
    for (int i = 0; i < CONNECTIONS; i++) {
        if (sql->workers[i].connection)
            pg_connection_destroy(sql->workers[i].connection);
        free(sql->workers[i].statement);
    }
    free(sql->database_url);
    free(sql);
}

const struct executor sql_executor = {
    "sql", sql_create, sql_room, sql_start, sql_cancel, sql_forget_job, sql_settle, sql_destroy,
};
