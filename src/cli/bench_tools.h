/* What the benches share: a database with a kind of their own, an engine in a thread, time. */
#ifndef PAWL_CLI_BENCH_TOOLS_H
#define PAWL_CLI_BENCH_TOOLS_H

#include <pthread.h>

#include "cli/command.h"
#include "engine/serve.h"
#include "pg/session.h"

struct bench {
    char *database_url;
    struct session *session;
};

/* Connects, checks the schema and defines the kind pawl.bench (noop). */
bool bench_begin(struct bench *bench, const struct call *call, struct failure *failure);
void bench_end(struct bench *bench);
/* The first value of a statement's first row; false with failure set. */
bool bench_ask_integer(struct session *session, const char *sql, int64_t *answer,
                       struct failure *failure);
bool bench_ask_text(struct session *session, const char *sql, char *answer, size_t size,
                    struct failure *failure);

/* An engine in a thread of its own. */
struct bench_engine {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t is_changed;
    bool is_ready, is_over;
    int64_t counted_job_id;
    int started;           /* tasks of that job, under the mutex */
    int64_t last_start_us; /* when the newest of them started */
    struct serve_options options;
    struct failure failure;
};
/* Ready to claim when this returns true. counted_job_id: whose starts are counted; 0: nobody's. */
bool bench_engine_start(struct bench_engine *engine, const struct bench *bench,
                        int64_t counted_job_id, struct failure *failure);
/* Waits until `count` tasks have started in all, at most 10 s; says when the newest did. */
bool bench_engine_wait(struct bench_engine *engine, int count, int64_t *started_us,
                       struct failure *failure);
bool bench_engine_stop(struct bench_engine *engine, struct failure *failure);

#endif
