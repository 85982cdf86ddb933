#include "store/work.h"

#include <stdio.h>

void store_list_work(struct pg_connection *connection, const char *executors, const char *jobs,
                     pg_done_fn *on_done, void *context)
{
    const char *const values[] = {executors, jobs};
    pg_connection_query(connection, "select * from pawl.list_work($1, $2)", 2, values, on_done,
                        context);
}

/* libpq's results are not const, and neither are the strings of struct job_facts, which a job owns;
 * here they are borrowed. */
static char *borrow(const struct pg_result *result, int row, int column)
{
    return (char *)(uintptr_t)pg_result_text(result, row, column);
}

void store_list_work_read(const struct pg_result *result, int row, struct work *work)
{
    enum {
        JOB,
        PENDING,
        ORG,
        KIND,
        EXECUTOR,
        TARGET,
        PARAMS,
        PRIORITY,
        MAX_ATTEMPTS,
        TIMEOUT_MS,
        BACKOFF_BASE_MS,
        BACKOFF_CAP_MS,
        LIMITER_ID,
        PARENT_LIMITER_ID,
        OPTIONS
    };
    *work = (struct work){
        .pending = pg_result_integer(result, row, PENDING),
        .org_id = pg_result_text(result, row, ORG),
        .facts =
            {
                .id = pg_result_integer(result, row, JOB),
                .kind = borrow(result, row, KIND),
                .executor = borrow(result, row, EXECUTOR),
                .target = borrow(result, row, TARGET),
                .params = borrow(result, row, PARAMS),
                .options = borrow(result, row, OPTIONS),
                .priority = (float)pg_result_number(result, row, PRIORITY),
                .max_attempts = (int)pg_result_integer(result, row, MAX_ATTEMPTS),
                .timeout_ms = (int)pg_result_integer(result, row, TIMEOUT_MS),
                .backoff_base_ms = (int)pg_result_integer(result, row, BACKOFF_BASE_MS),
                .backoff_cap_ms = (int)pg_result_integer(result, row, BACKOFF_CAP_MS),
                .limiter_ids = {pg_result_integer(result, row, LIMITER_ID),
                                pg_result_integer(result, row, PARENT_LIMITER_ID)},
            },
    };
}

void store_sweep(struct pg_connection *connection, const char *executors, pg_done_fn *on_done,
                 void *context)
{
    const char *const values[] = {executors};
    pg_connection_query(connection,
                        "select s.job_id, pawl.has_data_types()"
                        " from (values (true)) v left join pawl.sweep($1) s on true",
                        1, values, on_done, context);
}

void store_list_ended(struct pg_connection *connection, const char *jobs, pg_done_fn *on_done,
                      void *context)
{
    const char *const values[] = {jobs};
    pg_connection_query(connection, "select job_id from pawl.list_ended($1)", 1, values, on_done,
                        context);
}

void store_list_lost(struct pg_connection *connection, int node_id, const char *jobs,
                     const char *tasks, const char *attempts, pg_done_fn *on_done, void *context)
{
    char node[16];
    snprintf(node, sizeof node, "%d", node_id);
    const char *const values[] = {node, jobs, tasks, attempts};
    pg_connection_query(connection,
                        "select job_id, task_id, attempt from pawl.list_lost($1, $2, $3, $4)", 4,
                        values, on_done, context);
}

void store_fold(struct pg_connection *connection, int64_t from_block, pg_done_fn *on_done,
                void *context)
{
    char block[24];
    snprintf(block, sizeof block, "%lld", (long long)from_block);
    const char *const values[] = {block};
    pg_connection_query(connection, "select * from pawl.fold($1)", 1, values, on_done, context);
}

void store_promote_due(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                       void *context)
{
    char count[16];
    snprintf(count, sizeof count, "%d", limit);
    const char *const values[] = {count};
    pg_connection_query(connection, "select pawl.promote_due($1)", 1, values, on_done, context);
}

void store_expire_leases(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                         void *context)
{
    char count[16];
    snprintf(count, sizeof count, "%d", limit);
    const char *const values[] = {count};
    pg_connection_query(connection, "select pawl.expire_leases($1)", 1, values, on_done, context);
}

void store_run_due_schedules(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select ran, failed from pawl.run_due_schedules()", 0, NULL,
                        on_done, context);
}

void store_next_due(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select pawl.next_due_ms()", 0, NULL, on_done, context);
}

void store_prune(struct pg_connection *connection, int limit, pg_done_fn *on_done, void *context)
{
    char count[16];
    snprintf(count, sizeof count, "%d", limit);
    const char *const values[] = {count};
    pg_connection_query(connection, "select pruned, next_ms from pawl.prune($1)", 1, values,
                        on_done, context);
}

void store_has_data_types(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select pawl.has_data_types()", 0, NULL, on_done, context);
}

void store_refresh_due(struct pg_connection *connection, int limit, pg_done_fn *on_done,
                       void *context)
{
    char count[16];
    snprintf(count, sizeof count, "%d", limit);
    const char *const values[] = {count};
    pg_connection_query(connection, "select set_config('statement_timeout', '30s', true)", 0, NULL,
                        NULL, NULL);
    pg_connection_query(connection, "select looked, next_ms, sweep_ms from pawl.refresh_due($1)", 1,
                        values, on_done, context);
}

void store_sweep_adoptions(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select set_config('statement_timeout', '30s', true)", 0, NULL,
                        NULL, NULL);
    pg_connection_query(connection, "select pawl.sweep_adoptions()", 0, NULL, on_done, context);
}

void store_stop_crawls(struct pg_connection *connection, const char *job_ids, pg_done_fn *on_done,
                       void *context)
{
    const char *const values[] = {job_ids};
    pg_connection_query(connection,
                        "select pawl.stop_hopeless_crawl(j) from unnest($1::bigint[]) j", 1, values,
                        on_done, context);
}

void store_list_external_work(struct pg_connection *connection, const char *rung,
                              pg_done_fn *on_done, void *context)
{
    const char *const values[] = {rung};
    pg_connection_query(connection,
                        "select kind, pending, active, mark, is_rung, wake_ms "
                        "from pawl.list_external_work($1)",
                        1, values, on_done, context);
}

void store_list_external_work_read(const struct pg_result *result, int row,
                                   struct external_work *work)
{
    enum { KIND, PENDING, ACTIVE, MARK, IS_RUNG, WAKE_MS };
    *work = (struct external_work){
        .kind = pg_result_text(result, row, KIND),
        .mark = pg_result_text(result, row, MARK),
        .pending = pg_result_integer(result, row, PENDING),
        .active = pg_result_integer(result, row, ACTIVE),
        .is_rung = pg_result_boolean(result, row, IS_RUNG),
        .wake_ms =
            pg_result_is_null(result, row, WAKE_MS) ? -1 : pg_result_integer(result, row, WAKE_MS),
    };
}

void store_wake_workers(struct pg_connection *connection, const char *kinds, pg_done_fn *on_done,
                        void *context)
{
    const char *const values[] = {kinds};
    pg_connection_query(connection, "select pawl.wake_workers($1)", 1, values, on_done, context);
}
