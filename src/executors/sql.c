/*
 * The sql executor: a task is one call of pawl.run_sql_task, which runs the kind's function and
 * completes the task in one transaction. It has a few connections of its own, opened when the first
 * task comes, each running one task at a time under the kind's time-out (task_connection.h).
 *
 * A function that has had no effect because its work refuses to run inside a transaction says so
 * (PW010). Then there are more steps, each a transaction of its own: ask which statement it is,
 * take the role that it runs as, run it, and say what came of it. The next step is taken only when
 * the one before has succeeded: without the role the statement would have the node's rights.
 * Whatever such a statement leaves in its session goes with the connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "executors/executor.h"
#include "executors/task_connection.h"

enum { CONNECTIONS = 4 };

struct worker {
    struct sql *sql;
    struct task_connection connection;
    struct task *task;
    char started[40]; /* a statement that runs by itself: when, as the database said */
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

/* What the database refused, or the connection's loss. */
static void fail_task(struct worker *worker, const struct failure *failure)
{
    struct outcome outcome = task_connection_outcome(&worker->connection, failure);
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

/* failure NULL: it went well. */
static void end_alone(struct worker *worker, const struct failure *failure)
{
    struct task_fence fence;
    task_fence_write(&fence, worker->task);
    const char *const values[] = {fence.node,
                                  fence.job,
                                  fence.id,
                                  fence.attempt,
                                  worker->started,
                                  failure ? failure->message : NULL,
                                  failure ? failure->detail : NULL,
                                  failure ? failure->hint : NULL};
    pg_connection_query(worker->connection.inner, "select set_config('role', 'none', false)", 0,
                        NULL, NULL, NULL); /* the group's last is told the same */
    pg_connection_query(worker->connection.inner,
                        "select pawl.finish_alone($1, $2, $3, $4, $5, $6, $7, $8)", 8, values,
                        on_alone_ended, worker);
    pg_connection_end_group(worker->connection.inner);
}

/* What came of it is told, unless nobody can be told. */
static void on_alone_ran(void *context, const struct pg_result *result,
                         const struct failure *failure)
{
    struct worker *worker = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    if (!worker->task)
        return;
    if (failure &&
        (!failure->sqlstate[0] || task_connection_was_cut_off(&worker->connection, failure)))
        fail_task(worker, failure);
    else if (!task_connection_is_ready(&worker->connection))
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
    pg_connection_query(worker->connection.inner, worker->connection.statement, 0, NULL,
                        on_alone_ran, worker);
    pg_connection_end_group(worker->connection.inner);
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
    worker->connection.statement = memory_copy_string(pg_result_text(result, 0, 1));
    const char *const values[] = {pg_result_text(result, 0, 0), timeout};
    pg_connection_query(
        worker->connection.inner,
        "select set_config('statement_timeout', $2, false), set_config('role', $1, false)", 2,
        values, on_role_taken, worker);
    pg_connection_end_group(worker->connection.inner);
}

static void run_alone(struct worker *worker)
{
    struct task_fence fence;
    task_fence_write(&fence, worker->task);
    const char *const values[] = {fence.node, fence.job, fence.id, fence.attempt};
    worker->connection.is_spent = true;
    pg_connection_query(worker->connection.inner,
                        "select role, statement, clock_timestamp() "
                        "from pawl.start_alone($1, $2, $3, $4)",
                        4, values, on_alone_known, worker);
    pg_connection_end_group(worker->connection.inner);
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
    struct task_fence fence;
    task_fence_write(&fence, worker->task);
    const char *const values[] = {fence.node, fence.job, fence.id, fence.attempt};
    task_connection_limit(&worker->connection, worker->task->job->timeout_ms);
    pg_connection_query(worker->connection.inner, "select pawl.run_sql_task($1, $2, $3, $4)", 4,
                        values, on_called, worker);
    pg_connection_end_group(worker->connection.inner);
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
    if (worker->task)
        end_task(worker, &outcome);
}

static void *sql_create(const struct executor_environment *environment)
{
    static const struct pg_connection_events events = {on_ready, on_lost, NULL};
    struct sql *sql = memory_zeroed(1, sizeof *sql);
    sql->environment = *environment;
    sql->database_url = memory_copy_string(environment->database_url);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct worker *worker = &sql->workers[i];
        worker->sql = sql;
        task_connection_init(&worker->connection, environment->loop, sql->database_url, "sql",
                             &events, worker);
    }
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

static void sql_start(void *self, struct task *task)
{
    struct sql *sql = self;
    struct worker *worker = free_worker(sql);
    worker->task = task;
    sql->busy++;
    if (task_connection_take(&worker->connection))
        call(worker);
}

/* The call ends by itself; its own fence undoes it. */
static void sql_cancel(void *self, struct task *task)
{
    struct sql *sql = self;
    for (int i = 0; i < CONNECTIONS; i++)
        if (sql->workers[i].task == task)
            task_connection_cancel(&sql->workers[i].connection);
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
        task_connection_finish(&sql->workers[i].connection);
    free(sql->database_url);
    free(sql);
}

const struct executor sql_executor = {
    "sql", sql_create, sql_room, sql_start, sql_cancel, sql_forget_job, sql_settle, sql_destroy,
};
