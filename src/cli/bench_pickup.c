/*
 * bench pickup: an idle node, one pawl.enqueue at a time; from the commit's acknowledgement to the
 * moment in which the task starts. A task that starts before the producer has its acknowledgement
 * counts as it is, so a sample may be negative.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/bench.h"
#include "cli/bench_tools.h"
#include "cli/output.h"

enum { WARM_UP = 50, PAUSE_MS = 5 };

const struct option bench_pickup_options[] = {
    {"--samples", "N", VALUE_INTEGER, 1, 1000000, "tasks to time (default 500)"},
    {NULL, NULL, VALUE_FLAG, 0, 0, NULL},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool take_samples(struct bench *bench, struct bench_engine *engine, double *samples,
                         int count, struct failure *failure)
{
    for (int i = 0; i < WARM_UP + count; i++) {
        struct timespec pause = {0, PAUSE_MS * 1000000};
        int64_t started_us;
        nanosleep(&pause, NULL);
        if (!session_run(bench->session, "select pawl.enqueue('pawl.bench')", failure))
            return false;
        int64_t committed_us = clock_now_us();
        if (!bench_engine_wait(engine, i + 1, &started_us, failure))
            return false;
        if (i >= WARM_UP)
            samples[i - WARM_UP] = (double)(started_us - committed_us) / 1000;
    }
    return true;
}

bool bench_pickup(const struct call *call, struct failure *failure)
{
    static struct bench_engine engine;
    int count = (int)call_integer(call, "--samples", 500);
    struct bench bench;
    if (!bench_begin(&bench, call, failure))
        return false;
    double *samples = memory_zeroed((size_t)count, sizeof *samples);
    int64_t job_id;
    bool is_done = bench_ask_integer(bench.session, "select pawl.standing_job('pawl.bench')",
                                     &job_id, failure) &&
                   bench_engine_start(&engine, &bench, job_id, failure);
    if (is_done) {
        is_done = take_samples(&bench, &engine, samples, count, failure);
        is_done = bench_engine_stop(&engine, is_done ? failure : NULL) && is_done;
    }
    is_done = is_done && session_run(bench.session,
                                     "delete from pawl.jobs where kind = 'pawl.bench'", failure);
    bench_end(&bench);
    qsort(samples, (size_t)count, sizeof *samples, by_value);
    double p50_ms = samples[count / 2], p99_ms = samples[(int)(count * 0.99)];
    free(samples);
    if (!is_done)
        return false;
    if (call_has(call, "--json"))
        return output_json(
            json_pack("{s:i,s:f,s:f}", "samples", count, "p50_ms", p50_ms, "p99_ms", p99_ms));
    return output_line("pick-up of %d tasks: p50 %.2f ms, p99 %.2f ms", count, p50_ms, p99_ms);
}
