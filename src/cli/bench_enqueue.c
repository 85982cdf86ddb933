/* bench enqueue: tasks go in in bulk, by pawl.add_tasks, a transaction a batch, from one client. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench.h"
#include "cli/bench_tools.h"
#include "cli/output.h"

const struct option bench_enqueue_options[] = {
    {"--tasks", "N", VALUE_INTEGER, 1, 100000000, "tasks to add (default 200000)"},
    {"--batch", "N", VALUE_INTEGER, 1, 100000, "tasks in a call (default 1000)"},
    {NULL, NULL, VALUE_FLAG, 0, 0, NULL},
};

/* The payloads as a client sends them: an array of JSON texts. */
static void fill_batch(struct text *array, int64_t from, int64_t count)
{
    text_clear(array);
    text_append_char(array, '{');
    for (int64_t i = 0; i < count; i++)
        text_append_format(array, "%s\"{\\\"id\\\": %lld}\"", i ? "," : "", (long long)(from + i));
    text_append_char(array, '}');
}

static bool add_all(struct session *session, int64_t job, int64_t tasks, int64_t batch,
                    struct failure *failure)
{
    struct text array = {0};
    char id[24];
    bool is_fine = true;
    snprintf(id, sizeof id, "%lld", (long long)job);
    for (int64_t at = 0; is_fine && at < tasks; at += batch) {
        fill_batch(&array, at, at + batch < tasks ? batch : tasks - at);
        const char *const values[] = {id, text_string(&array)};
        struct pg_result *result =
            session_query(session, "select pawl.add_tasks($1, $2::jsonb[])", 2, values, failure);
        is_fine = result != NULL;
        pg_result_destroy(result);
    }
    text_finish(&array);
    return is_fine;
}

bool bench_enqueue(const struct call *call, struct failure *failure)
{
    int64_t tasks = call_integer(call, "--tasks", 200000), job = 0;
    int64_t batch = call_integer(call, "--batch", 1000);
    struct bench bench;
    char sql[128];
    if (!bench_begin(&bench, call, failure))
        return false;
    bool is_done = bench_ask_integer(
        bench.session, "select pawl.create_job('pawl.bench', '{}', p_is_sealed => false)", &job,
        failure);
    snprintf(sql, sizeof sql, "select pawl.pause_job(%lld)", (long long)job);
    is_done = is_done && session_run(bench.session, sql, failure);
    int64_t start_us = clock_now_us();
    is_done = is_done && add_all(bench.session, job, tasks, batch, failure);
    double seconds = (double)(clock_now_us() - start_us) / 1e6;
    snprintf(sql, sizeof sql, "delete from pawl.jobs where id = %lld", (long long)job);
    is_done = is_done && session_run(bench.session, sql, failure);
    bench_end(&bench);
    if (!is_done)
        return false;
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:I,s:I,s:f,s:f}", "tasks", (json_int_t)tasks, "batch",
                                     (json_int_t)batch, "seconds", seconds, "tasks_per_second",
                                     (double)tasks / seconds));
    return output_line("added %lld tasks in %.2f s: %.0f tasks/s in batches of %lld",
                       (long long)tasks, seconds, (double)tasks / seconds, (long long)batch);
}
