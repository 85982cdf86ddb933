/*
 * The loop and its turn. Everything that can wait is done in before_sleep(), once a turn, in one
 * order: that function is the daemon's whole tick.
 */
#include "engine/serve.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "store/array.h"

enum { FILES_OF_A_SLOT = 4, FILES_MIN = 1280 };

static struct engine *running; /* for serve_stop() from another thread */

static void before_sleep(uv_prepare_t *handle)
{
    struct engine *engine = handle->data;
    uv_update_time(&engine->loop);
    finisher_turn(engine); /* outcomes first: their ends free limits and slots */
    runner_turn(engine);
    doorbell_turn(engine); /* who has work */
    relay_turn(engine);    /* external workers take theirs by themselves */
    claimer_turn(engine);  /* take it */
    finisher_turn(engine); /* what ended at once */
    duties_turn(engine);
    pruner_turn(engine);
    refresher_turn(engine); /* what is stale, on a connection of its own */
    node_turn(engine);
}

static void on_signal(uv_signal_t *handle, int number)
{
    node_ask_to_stop(handle->data);
}

static void on_stop(uv_async_t *handle)
{
    node_ask_to_stop(handle->data);
}

static char *list_executor_names(struct engine *engine)
{
    struct text names = {0};
    for (int i = 0; i < EXECUTORS; i++)
        array_add_string(&names, engine->executors[i].functions->name);
    array_end(&names);
    return names.start;
}

/* A connection for each slot, those that are kept to be used again, and some of our own: where
 * files run out it is targets that seem to be down, and nobody can be told so. */
static void make_room_for_connections(int slots, int other_files)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)slots * FILES_OF_A_SLOT;
    wanted = (wanted < FILES_MIN ? FILES_MIN : wanted) + (rlim_t)other_files;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warning("the process may have %llu files open, and %d slots may need %llu; "
                    "ulimit -n raises the limit",
                    (unsigned long long)limit.rlim_cur, slots, (unsigned long long)wanted);
}

static void begin(struct engine *engine)
{
    CHECK(uv_loop_init(&engine->loop) == 0);
    signal(SIGPIPE, SIG_IGN);
    uv_prepare_init(&engine->loop, &engine->before_sleep);
    uv_signal_init(&engine->loop, &engine->on_term);
    uv_signal_init(&engine->loop, &engine->on_int);
    uv_async_init(&engine->loop, &engine->on_stop, on_stop);
    engine->before_sleep.data = engine->on_term.data = engine->on_int.data = engine->on_stop.data =
        engine;
    uv_prepare_start(&engine->before_sleep, before_sleep);
    uv_signal_start(&engine->on_term, on_signal, SIGTERM);
    uv_signal_start(&engine->on_int, on_signal, SIGINT);

    make_room_for_connections(engine->slots, engine->options->other_files);
    jobs_init(&engine->jobs);
    runner_init(engine);
    finisher_init(engine);
    doorbell_init(engine);
    duties_init(engine);
    relay_init(engine);
    pruner_init(engine);
    refresher_init(engine);
    engine->executor_names = list_executor_names(engine);
    node_start(engine);
}

/* Closes every handle; the loop then runs empty and ends. */
void node_stop(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->before_sleep, NULL);
    uv_close((uv_handle_t *)&engine->on_term, NULL);
    uv_close((uv_handle_t *)&engine->on_int, NULL);
    uv_close((uv_handle_t *)&engine->on_stop, NULL);
    uv_close((uv_handle_t *)&engine->drain_timer, NULL);
    uv_close((uv_handle_t *)&engine->ask_timer, NULL);
    uv_stop(&engine->loop);
}

static void end(struct engine *engine)
{
    /* Outside any callback now, so things may be destroyed. Who claims or finishes goes before what
     * they tell: lost answers still find the jobs and the queue of outcomes. */
    runner_abandon(engine);
    runner_finish(engine);
    pg_connection_destroy(engine->listen);
    pg_connection_destroy(engine->claim);
    pg_connection_destroy(engine->finish);
    pg_connection_destroy(engine->duty);
    doorbell_finish(engine);
    duties_finish(engine);
    relay_finish(engine);
    pruner_finish(engine);
    refresher_finish(engine);
    finisher_finish(engine);
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&engine->loop) == 0);
    jobs_finish(&engine->jobs);
    free(engine->executor_names);
}

bool serve_run(const struct serve_options *options, struct failure *failure)
{
    static struct engine engine;
    engine = (struct engine){
        .options = options,
        .slots = options->slots > 0 ? options->slots : DEFAULT_SLOTS,
    };
    begin(&engine);
    __atomic_store_n(&running, &engine, __ATOMIC_RELEASE);
    uv_run(&engine.loop, UV_RUN_DEFAULT);
    __atomic_store_n(&running, NULL, __ATOMIC_RELEASE);
    end(&engine);
    if (engine.failure.class && failure)
        *failure = engine.failure;
    return engine.failure.class == FAILURE_NONE;
}

void serve_stop(void)
{
    struct engine *engine = __atomic_load_n(&running, __ATOMIC_ACQUIRE);
    if (engine)
        uv_async_send(&engine->on_stop);
}
