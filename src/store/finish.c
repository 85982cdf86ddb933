#include "store/finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "store/array.h"

static const char *const outcome_names[] = {
    [OUTCOME_COMPLETED] = "completed", [OUTCOME_FAILED] = "failed", [OUTCOME_RETRY] = "retry",
    [OUTCOME_AGAIN] = "again",         [OUTCOME_LEASED] = "leased", [OUTCOME_RETURNED] = "returned",
};

enum finish_form store_finish_form(const struct finished *finished)
{
    if (finished->outcome.page)
        return FINISH_PAGES;
    return finished->is_followed ? FINISH_FOLLOWED : FINISH_TASKS;
}

struct finished *finished_create(const struct task *task, const struct outcome *outcome)
{
    struct finished *finished = memory_zeroed(1, sizeof *finished);
    list_init(&finished->link);
    finished->job_id = task->job_id;
    finished->task_id = task->id;
    finished->attempt = task->attempt;
    finished->node_id = task->node_id;
    finished->is_followed = task->is_followed;
    finished->was_started = task->is_running && (outcome->kind != OUTCOME_AGAIN || outcome->bytes);
    finished->outcome = *outcome;
    finished->bytes = sizeof *finished + (outcome->error ? strlen(outcome->error) : 0) +
                      (outcome->result ? strlen(outcome->result) : 0) +
                      (outcome->page ? strlen(outcome->page) : 0);
    return finished;
}

void finished_destroy(struct finished *finished)
{
    free(finished->outcome.error);
    free(finished->outcome.result);
    free(finished->outcome.page);
    free(finished);
}

static int by_task(const void *a, const void *b)
{
    const struct finished *x = *(struct finished *const *)a, *y = *(struct finished *const *)b;
    if (x->job_id != y->job_id)
        return x->job_id < y->job_id ? -1 : 1;
    return x->task_id < y->task_id ? -1 : x->task_id > y->task_id;
}

static bool is_plain(const struct finished *finished)
{
    return finished->outcome.kind == OUTCOME_COMPLETED && !finished->outcome.result;
}

static void finish_tasks(struct pg_connection *connection, enum finish_form form,
                         struct finished **batch, int count, pg_done_fn *on_done, void *context)
{
    enum {
        JOBS,
        TASKS,
        ATTEMPTS,
        OUTCOMES,
        DELAYS,
        RESULTS,
        CLASSES,
        ERRORS,
        BYTES,
        STARTED,
        ARRAYS
    };
    struct text arrays[ARRAYS] = {0};
    bool is_all_plain = form == FINISH_TASKS;
    char node[16];
    snprintf(node, sizeof node, "%d", batch[0]->node_id);
    for (int i = 0; i < count; i++)
        is_all_plain = is_all_plain && is_plain(batch[i]);
    for (int i = 0; i < count; i++) {
        const struct outcome *outcome = &batch[i]->outcome;
        array_add_integer(&arrays[JOBS], batch[i]->job_id);
        array_add_integer(&arrays[TASKS], batch[i]->task_id);
        array_add_integer(&arrays[ATTEMPTS], batch[i]->attempt);
        if (is_all_plain)
            continue;
        array_add_string(&arrays[OUTCOMES], outcome_names[outcome->kind]);
        array_add_integer(&arrays[DELAYS], outcome->delay_ms);
        array_add_string(&arrays[RESULTS], outcome->result);
        array_add_string(&arrays[CLASSES], outcome->error_class);
        array_add_string(&arrays[ERRORS], outcome->error);
        if (form != FINISH_FOLLOWED)
            continue;
        if (outcome->kind == OUTCOME_RETURNED) /* cut off: nobody knows */
            array_add_string(&arrays[BYTES], NULL);
        else
            array_add_integer(&arrays[BYTES], outcome->bytes);
        array_add_string(&arrays[STARTED], batch[i]->was_started ? "t" : "f");
    }
    const char *values[1 + ARRAYS] = {node};
    for (int i = 0; i < ARRAYS; i++)
        values[1 + i] = array_end(&arrays[i]);
    if (is_all_plain)
        pg_connection_query(connection, "select pawl.finish_tasks($1, $2, $3, $4)", 4, values,
                            on_done, context);
    else
        pg_connection_query(connection,
                            form == FINISH_FOLLOWED
                                ? "select pawl.finish_followed_tasks($1, $2, $3, $4, $5, $6, $7, "
                                  "$8, $9, $10, $11, false)"
                                : "select pawl.finish_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                            form == FINISH_FOLLOWED ? 11 : 9, values, on_done, context);
    for (int i = 0; i < ARRAYS; i++)
        text_finish(&arrays[i]);
}

static void finish_pages(struct pg_connection *connection, struct finished **batch, int count,
                         pg_done_fn *on_done, void *context)
{
    struct text json = {0};
    char node[16];
    snprintf(node, sizeof node, "%d", batch[0]->node_id);
    for (int i = 0; i < count; i++) {
        const struct outcome *outcome = &batch[i]->outcome;
        text_append_format(&json, "%s{\"job\":%lld,\"task\":%lld,\"attempt\":%d,\"delay_ms\":%lld,",
                           i ? "," : "[", (long long)batch[i]->job_id, (long long)batch[i]->task_id,
                           batch[i]->attempt, (long long)outcome->delay_ms);
        json_append_string_member(&json, "outcome", outcome_names[outcome->kind]);
        json_append_string_member(&json, "error_class", outcome->error_class);
        json_append_string_member(&json, "error", outcome->error);
        text_append_string(&json, outcome->page);
        text_append_char(&json, '}');
    }
    text_append_char(&json, ']');
    const char *const values[] = {node, text_string(&json)};
    pg_connection_query(connection,
                        "select finished, found, best, hopeless from pawl.finish_pages($1, $2)", 2,
                        values, on_done, context);
    text_finish(&json);
}

void store_finish(struct pg_connection *connection, enum finish_form form, struct finished **batch,
                  int count, pg_done_fn *on_done, void *context)
{
    CHECK(count > 0);
    qsort(batch, (size_t)count, sizeof *batch, by_task);
    if (form == FINISH_PAGES)
        finish_pages(connection, batch, count, on_done, context);
    else
        finish_tasks(connection, form, batch, count, on_done, context);
}

int store_finish_read(const struct pg_result *result, enum finish_form form,
                      struct finish_found *found)
{
    *found = (struct finish_found){0};
    if (form == FINISH_PAGES) {
        found->count = (int)pg_result_integer(result, 0, 1);
        found->best_priority = (float)pg_result_number(result, 0, 2);
        found->hopeless_jobs = pg_result_text(result, 0, 3);
        if (strcmp(found->hopeless_jobs, "{}") == 0)
            found->hopeless_jobs = NULL;
    }
    return (int)pg_result_integer(result, 0, 0);
}
