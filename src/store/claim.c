#include "store/claim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const struct claim_cursor claim_from_top = {-INFINITY, 0};

enum column {
    TASK_ID,
    ATTEMPT,
    UNCOUNTED,
    PRIORITY,
    PAYLOAD,
    FIRST_MS,
    INTERVAL_MS,
    RETRY_MS,
    REASON,
    GRANTED,
    LIMITED_BY,
    IS_FOLLOWED,
    LATENESS
};

void store_claim(struct pg_connection *connection, int node_id, int64_t job_id, int limit,
                 const struct claim_cursor *cursor, pg_done_fn *on_done, void *context)
{
    char node[16], job[24], count[16], rank[32], id[24];
    snprintf(node, sizeof node, "%d", node_id);
    snprintf(job, sizeof job, "%lld", (long long)job_id);
    snprintf(count, sizeof count, "%d", limit);
    snprintf(rank, sizeof rank, "%.17g", cursor->rank);
    snprintf(id, sizeof id, "%lld", (long long)cursor->id);
    const char *const values[] = {node, job, count, isinf(cursor->rank) ? "-Infinity" : rank, id};
    pg_connection_query(connection, "select * from pawl.claim_batch($1, $2, $3, $4, $5)", 5, values,
                        on_done, context);
}

static struct task *read_task(const struct pg_result *result, int row)
{
    struct slice payload = pg_result_slice(result, row, PAYLOAD);
    struct task *task = memory_resized(NULL, sizeof *task + payload.length + 1);
    *task = (struct task){
        .id = pg_result_integer(result, row, TASK_ID),
        .attempt = (int)pg_result_integer(result, row, ATTEMPT),
        .uncounted_attempts = (int)pg_result_integer(result, row, UNCOUNTED),
        .priority = (float)pg_result_number(result, row, PRIORITY),
        /* as the index has it: the priority has the precision of a float there */
        .rank = pg_result_number(result, row, LATENESS) -
                (double)(float)pg_result_number(result, row, PRIORITY),
        .payload_bytes = payload.length,
    };
    list_init(&task->link);
    memcpy(task->payload, payload.start, payload.length + 1);
    return task;
}

static int by_rank(const void *a, const void *b)
{
    const struct task *x = *(struct task *const *)a, *y = *(struct task *const *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

int store_claim_read(const struct pg_result *result, int node_id, int64_t job_id,
                     struct list *tasks, struct claim_verdict *verdict)
{
    int rows = pg_result_rows(result), count = 0;
    struct task **claimed = memory_zeroed((size_t)rows, sizeof *claimed);
    *verdict = (struct claim_verdict){0};
    for (int row = 0; row < rows; row++) {
        if (!pg_result_is_null(result, row, TASK_ID)) {
            claimed[count++] = read_task(result, row);
            continue;
        }
        if (!pg_result_is_null(result, row, FIRST_MS)) { /* the limiter's row, not a breaker's */
            verdict->first_ms = pg_result_number(result, row, FIRST_MS);
            verdict->interval_ms = pg_result_number(result, row, INTERVAL_MS);
        }
        verdict->retry_ms = pg_result_number(result, row, RETRY_MS);
        snprintf(verdict->reason, sizeof verdict->reason, "%s",
                 pg_result_text(result, row, REASON));
        verdict->granted = (int)pg_result_integer(result, row, GRANTED);
        verdict->limited_by = pg_result_integer(result, row, LIMITED_BY);
        verdict->is_followed = pg_result_boolean(result, row, IS_FOLLOWED);
    }
    qsort(claimed, (size_t)count, sizeof *claimed, by_rank);
    for (int i = 0; i < count; i++) {
        claimed[i]->node_id = node_id;
        claimed[i]->job_id = job_id;
        claimed[i]->is_probe = strcmp(verdict->reason, "probe") == 0;
        list_append(tasks, &claimed[i]->link);
    }
    free(claimed);
    return count;
}
