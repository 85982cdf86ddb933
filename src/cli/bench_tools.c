#include "cli/bench_tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/database.h"

bool bench_begin(struct bench *bench, const struct call *call, struct failure *failure)
{
    struct text url = {0};
    *bench = (struct bench){0};
    if (!database_find(call, &url, failure))
        return false;
    bench->database_url = url.start;
    bench->session = database_open_checked(call, failure);
    if (bench->session &&
        session_run(bench->session, "select pawl.define_kind('pawl.bench', 'noop')", failure))
        return true;
    bench_end(bench);
    return false;
}

void bench_end(struct bench *bench)
{
    session_close(bench->session);
    free(bench->database_url);
    *bench = (struct bench){0};
}

bool bench_ask_text(struct session *session, const char *sql, char *answer, size_t size,
                    struct failure *failure)
{
    struct pg_result *result = session_query(session, sql, 0, NULL, failure);
    if (!result)
        return false;
    snprintf(answer, size, "%s", pg_result_rows(result) ? pg_result_text(result, 0, 0) : "");
    pg_result_destroy(result);
    return true;
}

bool bench_ask_integer(struct session *session, const char *sql, int64_t *answer,
                       struct failure *failure)
{
    char text[32];
    if (!bench_ask_text(session, sql, text, sizeof text, failure))
        return false;
    *answer = strtoll(text, NULL, 10);
    return true;
}

/* ---- the engine ---- */

static void on_ready(void *context)
{
    struct bench_engine *engine = context;
    pthread_mutex_lock(&engine->mutex);
    engine->is_ready = true;
    pthread_cond_broadcast(&engine->is_changed);
    pthread_mutex_unlock(&engine->mutex);
}

static void on_task_started(void *context, int64_t job_id, int64_t task_id)
{
    struct bench_engine *engine = context;
    if (job_id != engine->counted_job_id)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->started++;
    engine->last_start_us = clock_now_us();
    pthread_cond_broadcast(&engine->is_changed);
    pthread_mutex_unlock(&engine->mutex);
}

static void *run_engine(void *context)
{
    struct bench_engine *engine = context;
    serve_run(&engine->options, &engine->failure);
    pthread_mutex_lock(&engine->mutex);
    engine->is_over = true;
    pthread_cond_broadcast(&engine->is_changed);
    pthread_mutex_unlock(&engine->mutex);
    return NULL;
}

/* Waits at most 10 s for started tasks, or for readiness when count is negative. Holds the mutex.
 */
static bool wait_for(struct bench_engine *engine, int count)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    while (!engine->is_over && (count < 0 ? !engine->is_ready : engine->started < count))
        if (pthread_cond_timedwait(&engine->is_changed, &engine->mutex, &deadline) != 0)
            return false;
    return !engine->is_over;
}

bool bench_engine_start(struct bench_engine *engine, const struct bench *bench,
                        int64_t counted_job_id, struct failure *failure)
{
    *engine = (struct bench_engine){
        .counted_job_id = counted_job_id,
        .options = {.database_url = bench->database_url, .on_ready = on_ready, .context = engine}};
    if (counted_job_id)
        engine->options.on_task_started = on_task_started;
    pthread_mutex_init(&engine->mutex, NULL);
    pthread_cond_init(&engine->is_changed, NULL);
    pthread_create(&engine->thread, NULL, run_engine, engine);
    pthread_mutex_lock(&engine->mutex);
    bool is_ready = wait_for(engine, -1);
    pthread_mutex_unlock(&engine->mutex);
    if (is_ready)
        return true;
    failure_set(failure, FAILURE_DATABASE, "the engine did not start within 10 s");
    bench_engine_stop(engine, NULL);
    return false;
}

bool bench_engine_wait(struct bench_engine *engine, int count, int64_t *started_us,
                       struct failure *failure)
{
    pthread_mutex_lock(&engine->mutex);
    bool is_there = wait_for(engine, count);
    *started_us = engine->last_start_us;
    pthread_mutex_unlock(&engine->mutex);
    if (!is_there)
        failure_set(failure, FAILURE_WORK, "a task did not start within 10 s");
    return is_there;
}

bool bench_engine_stop(struct bench_engine *engine, struct failure *failure)
{
    serve_stop();
    pthread_join(engine->thread, NULL);
    pthread_mutex_destroy(&engine->mutex);
    pthread_cond_destroy(&engine->is_changed);
    if (engine->failure.class && failure)
        *failure = engine->failure;
    return engine->failure.class == FAILURE_NONE;
}
