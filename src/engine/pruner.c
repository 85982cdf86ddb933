/*
 * Old tasks of standing jobs are deleted, a batch at a time (pawl.prune). Every node asks now and
 * then; a lock inside the function sees to it that one at a time does it, and the database says
 * when to ask again. While there is more, batches follow each other with a pause in between: a
 * prune has the connection of the duties, so a fold waits for one batch at most.
 */
#include "base/log.h"
#include "engine/engine.h"
#include "store/work.h"

enum {
    PRUNE_LIMIT = 1000,
    FIRST_PAUSE_US = 2000000, /* a node that has just come has other things to do */
    BATCH_PAUSE_US = 50000,
    LONGEST_PAUSE_US = 60000000, /* new jobs are found by asking */
};

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows asks. */
}

void pruner_init(struct engine *engine)
{
    uv_timer_init(&engine->loop, &engine->pruner.timer);
}

void pruner_finish(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->pruner.timer, NULL);
}

void pruner_begin(struct engine *engine)
{
    engine->pruner.is_pruning = false;
    engine->pruner.next_us = engine_now_us(engine) + FIRST_PAUSE_US;
}

void pruner_note_kinds(struct engine *engine)
{
    int64_t soon_us = engine_now_us(engine) + FIRST_PAUSE_US;
    if (soon_us < engine->pruner.next_us)
        engine->pruner.next_us = soon_us;
}

static void on_pruned(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    int64_t pause_us = LONGEST_PAUSE_US;
    engine->pruner.is_pruning = false;
    if (!result && failure->sqlstate[0])
        log_warning("could not prune: %s", failure->message);
    if (result) {
        int64_t next_ms = pg_result_integer(result, 0, 1);
        pause_us = next_ms == 0                        ? BATCH_PAUSE_US
                   : next_ms < LONGEST_PAUSE_US / 1000 ? next_ms * 1000
                                                       : LONGEST_PAUSE_US;
        if (pg_result_integer(result, 0, 0) > 0)
            duties_note_ledger(engine);
    }
    engine->pruner.next_us = engine_now_us(engine) + pause_us;
}

static void prune(struct engine *engine)
{
    engine->pruner.is_pruning = true;
    store_prune(engine->duty, PRUNE_LIMIT, on_pruned, engine);
    pg_connection_end_group(engine->duty);
}

void pruner_turn(struct engine *engine)
{
    struct pruner *pruner = &engine->pruner;
    int64_t now_us = engine_now_us(engine);
    uv_timer_stop(&pruner->timer);
    if (!node_is_serving(engine) || !pg_connection_is_ready(engine->duty) || pruner->is_pruning)
        return;
    if (now_us >= pruner->next_us)
        prune(engine);
    else
        uv_timer_start(&pruner->timer, on_timer, (uint64_t)(pruner->next_us - now_us + 999) / 1000,
                       0);
}
