/*
 * That the node lives, and what goes with saying so: which of its tasks are not its own any more,
 * and the tasks of nodes that do not live.
 */
#include "base/log.h"
#include "engine/engine.h"
#include "store/array.h"
#include "store/work.h"

enum {
    BEAT_US = 5000000,
    RESCUE_AFTER_US = 15000000, /* not before we ourselves have served for so long */
    LOST_LIMIT = 5000,
};

void heartbeat_begin(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    duties->is_beating = false;
    duties->serving_since_us = engine_now_us(engine);
    duties->last_beat_us = 0;
    duties->next_beat_us = engine_now_us(engine) + BEAT_US;
}

static void on_rescued(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    if (!result) {
        duties_complain("rescue tasks of dead nodes", failure);
        return;
    }
    int64_t rescued = pg_result_integer(result, 0, 0);
    if (rescued > 0) {
        log_info("rescued %lld tasks of a dead node", (long long)rescued);
        doorbell_want_look(engine);
        duties_note_ledger(engine);
    }
    if (pg_result_boolean(result, 0, 1) && pg_connection_is_ready(engine->duty)) {
        store_rescue(engine->duty, on_rescued, engine);
        pg_connection_end_group(engine->duty);
    }
}

static void on_beat(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    engine->duties.is_beating = false;
    if (!result) {
        duties_complain("send a heartbeat", failure);
        return;
    }
    engine->duties.last_beat_us = engine->duties.beat_us;
    if (!pg_result_boolean(result, 0, 0))
        node_was_declared_dead(engine);
}

static void on_lost_listed(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct engine *engine = context;
    if (!result)
        duties_complain("ask which tasks are others' by now", failure);
    for (int row = 0; result && row < pg_result_rows(result); row++)
        runner_drop_attempt(engine, pg_result_integer(result, row, 0),
                            pg_result_integer(result, row, 1),
                            (int)pg_result_integer(result, row, 2));
}

/* Of tasks that have been running for long: a bell that said so may have been missed. */
static void ask_which_are_lost(struct engine *engine)
{
    struct text jobs = {0}, tasks = {0}, attempts = {0};
    int count = 0;
    for (struct job *job = NULL; (job = jobs_walk(&engine->jobs, job));)
        for (struct list *link = job->tasks.next; link != &job->tasks && count < LOST_LIMIT;
             link = link->next) {
            const struct task *task = list_object(link, struct task, link);
            if (engine_now_us(engine) - task->start_at_us < BEAT_US)
                continue;
            array_add_integer(&jobs, task->job_id);
            array_add_integer(&tasks, task->id);
            array_add_integer(&attempts, task->attempt);
            count++;
        }
    if (count) {
        store_list_lost(engine->duty, engine->node_id, array_end(&jobs), array_end(&tasks),
                        array_end(&attempts), on_lost_listed, engine);
        pg_connection_end_group(engine->duty);
    }
    text_finish(&jobs);
    text_finish(&tasks);
    text_finish(&attempts);
}

void heartbeat_send(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    duties->is_beating = true;
    duties->next_beat_us = engine_now_us(engine) + BEAT_US;
    duties->beat.running = engine->runner.running;
    duties->beat_us = engine_now_us(engine);
    if (duties->last_beat_us)
        duties->beat.elapsed_ms = (duties->beat_us - duties->last_beat_us) / 1000;
    store_heartbeat(engine->duty, engine->node_id, &duties->beat, on_beat, engine);
    pg_connection_end_group(engine->duty);
    duties->beat = (struct node_beat){0};
    ask_which_are_lost(engine);
    if (engine_now_us(engine) - duties->serving_since_us >= RESCUE_AFTER_US) {
        store_rescue(engine->duty, on_rescued, engine);
        pg_connection_end_group(engine->duty);
    }
}
