/*
 * Outcomes gather here and leave in batches: a batch goes as soon as the one before is
 * acknowledged, so it is one task long when idle and hundreds under load, with no timer and no
 * knob.
 *
 * A batch that the database refuses because of its content (SQLSTATE classes 22, 23, 54) is halved
 * until the row is found that it cannot take; that task fails by itself with the reason, the others
 * go through. When not even that can be written, the task is given up: it stays as it is until we
 * leave, and then is rescued like one of a dead node. Any other refusal (disk full, shutting down,
 * deadlock) and a lost connection put the batch back: outcomes are kept and written when it works
 * again. Writing one twice is harmless: the second finds the task not running under this attempt
 * (I4).
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"

enum {
    BATCH_LIMIT = 2000,
    BATCH_BYTES = 4 << 20,
    QUEUE_LIMIT = 20000,
    QUEUE_BYTES = 64 << 20,
    REFUSED_PAUSE_US = 1000000,
};

struct finish_batch {
    struct engine *engine;
    enum finish_form form;
    int count;
    struct finished *rows[];
};

void finisher_init(struct engine *engine)
{
    for (int form = 0; form < FINISH_FORMS; form++)
        list_init(&engine->finisher.queue[form]);
    uv_timer_init(&engine->loop, &engine->finisher.timer);
}

bool finisher_has_room(const struct engine *engine)
{
    const struct finisher *finisher = &engine->finisher;
    int queued = 0;
    for (int form = 0; form < FINISH_FORMS; form++)
        queued += finisher->queued[form];
    return queued < QUEUE_LIMIT && finisher->queued_bytes < QUEUE_BYTES;
}

bool finisher_is_empty(const struct engine *engine)
{
    for (int form = 0; form < FINISH_FORMS; form++)
        if (engine->finisher.queued[form] || engine->finisher.in_flight[form])
            return false;
    return true;
}

static void enqueue(struct engine *engine, struct finished *finished)
{
    enum finish_form form = store_finish_form(finished);
    list_append(&engine->finisher.queue[form], &finished->link);
    engine->finisher.queued[form]++;
    engine->finisher.queued_bytes += finished->bytes;
}

void finisher_add(struct engine *engine, const struct task *task, const struct outcome *outcome)
{
    enqueue(engine, finished_create(task, outcome));
}

/* Before everything else in the queue, in the old order. */
static void put_back(struct engine *engine, struct finished **rows, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        enum finish_form form = store_finish_form(rows[i]);
        list_append(engine->finisher.queue[form].next, &rows[i]->link);
        engine->finisher.queued[form]++;
        engine->finisher.queued_bytes += rows[i]->bytes;
    }
}

static void on_answer(void *context, const struct pg_result *result, const struct failure *failure);

static void send_batch(struct engine *engine, enum finish_form form, struct finished **rows,
                       int count)
{
    struct finish_batch *batch =
        memory_zeroed(1, sizeof *batch + (size_t)count * sizeof *batch->rows);
    batch->engine = engine;
    batch->form = form;
    batch->count = count;
    memcpy(batch->rows, rows, (size_t)count * sizeof *rows);
    engine->finisher.in_flight[form] = batch;
    store_finish(engine->finish, form, batch->rows, count, on_answer, batch);
    pg_connection_end_group(engine->finish);
}

/* The queue's head: outcomes of one node id, as many as a batch may hold. */
static void send_next(struct engine *engine, enum finish_form form)
{
    struct finisher *finisher = &engine->finisher;
    struct list *queue = &finisher->queue[form], *first;
    int limit = finisher->queued[form] < BATCH_LIMIT ? finisher->queued[form] : BATCH_LIMIT;
    struct finished **rows = memory_zeroed((size_t)limit, sizeof *rows);
    int count = 0;
    size_t bytes = 0;
    while (count < limit && (first = list_first(queue))) {
        struct finished *finished = list_object(first, struct finished, link);
        if (count &&
            (finished->node_id != rows[0]->node_id || bytes + finished->bytes > BATCH_BYTES ||
             (count >= finished->batch_limit && finished->batch_limit) ||
             (rows[0]->batch_limit && count >= rows[0]->batch_limit)))
            break;
        list_remove(first);
        finisher->queued[form]--;
        finisher->queued_bytes -= finished->bytes;
        bytes += finished->bytes;
        rows[count++] = finished;
    }
    send_batch(engine, form, rows, count);
    free(rows);
}

void finisher_turn(struct engine *engine)
{
    struct finisher *finisher = &engine->finisher;
    if (!pg_connection_is_ready(engine->finish) || engine_now_us(engine) < finisher->retry_at_us)
        return;
    for (int form = 0; form < FINISH_FORMS; form++)
        if (!finisher->in_flight[form] && finisher->queued[form])
            send_next(engine, form);
}

/* ---- answers ---- */

static bool is_content_at_fault(const struct failure *failure)
{
    return strncmp(failure->sqlstate, "22", 2) == 0 || strncmp(failure->sqlstate, "23", 2) == 0 ||
           strncmp(failure->sqlstate, "54", 2) == 0;
}

static void give_up(struct engine *engine, struct finished *finished, const struct failure *failure)
{
    log_error("the failure of task %lld/%lld was refused too, so it is left as it is: %s",
              (long long)finished->job_id, (long long)finished->task_id, failure->message);
    engine->finisher.has_given_up = true;
    finished_destroy(finished);
}

/* The database cannot take this row: the task fails, with the reason instead of its outcome. */
static void refuse(struct engine *engine, struct finished *finished, const struct failure *failure)
{
    struct outcome *outcome = &finished->outcome;
    if (finished->was_refused) {
        give_up(engine, finished, failure);
        return;
    }
    log_error("the outcome of task %lld/%lld was refused: %s", (long long)finished->job_id,
              (long long)finished->task_id, failure->message);
    struct text error = {0};
    text_append_format(&error, "the database refused the outcome: %s", failure->message);
    free(outcome->error);
    free(outcome->result);
    free(outcome->page);
    *outcome =
        (struct outcome){.kind = OUTCOME_FAILED, .error_class = "refused", .error = error.start};
    finished->was_refused = true;
    finished->bytes = sizeof *finished + error.length;
    finished->batch_limit = 0;
    enqueue(engine, finished);
}

/* Both halves go first and may grow no larger than they are now, so that the bad row is cornered.
 */
static void halve(struct finish_batch *batch, const struct failure *failure)
{
    if (batch->count == 1) {
        refuse(batch->engine, batch->rows[0], failure);
        return;
    }
    int half = (batch->count + 1) / 2;
    for (int i = 0; i < batch->count; i++)
        batch->rows[i]->batch_limit = half;
    put_back(batch->engine, batch->rows, batch->count);
}

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows sends again. */
}

static void hold_back(struct finish_batch *batch, const struct failure *failure)
{
    struct engine *engine = batch->engine;
    put_back(engine, batch->rows, batch->count);
    if (!failure->sqlstate[0])
        return; /* the connection is lost: it comes back by itself */
    log_warning("could not write %d outcomes, they are kept: %s", batch->count, failure->message);
    engine->finisher.retry_at_us = engine_now_us(engine) + REFUSED_PAUSE_US;
    uv_timer_start(&engine->finisher.timer, on_timer, REFUSED_PAUSE_US / 1000 + 1, 0);
}

static void accept_answer(struct finish_batch *batch, const struct pg_result *result)
{
    struct engine *engine = batch->engine;
    struct finish_found found;
    int accepted = store_finish_read(result, batch->form, &found);
    engine->duties.beat.stale += batch->count - accepted;
    if (found.hopeless_jobs)
        duties_stop_crawls(engine, found.hopeless_jobs);
    duties_note_ledger(engine);
    if (batch->form == FINISH_FOLLOWED)
        refresher_note_end(engine);
    doorbell_note_work(engine);
    for (int i = 0; i < batch->count; i++) {
        struct job *job = jobs_find(&engine->jobs, batch->rows[i]->job_id);
        bool is_pending_again = batch->rows[i]->outcome.kind == OUTCOME_RETURNED;
        if (job &&
            (is_pending_again || (found.count && -(double)found.best_priority < job->cursor.rank)))
            jobs_restart(job); /* what came stands before the cursor */
        if (job && (found.count || is_pending_again) && !job->is_blocked)
            jobs_make_ready(&engine->jobs, job);
        if (job && job_is_limited(job))
            jobs_unblock_now(&engine->jobs, job);
        finished_destroy(batch->rows[i]);
    }
}

static void on_answer(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct finish_batch *batch = context;
    batch->engine->finisher.in_flight[batch->form] = NULL;
    if (result)
        accept_answer(batch, result);
    else if (is_content_at_fault(failure))
        halve(batch, failure);
    else
        hold_back(batch, failure);
    free(batch);
}

void finisher_finish(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->finisher.timer, NULL);
    for (int form = 0; form < FINISH_FORMS; form++) {
        struct list *first;
        while ((first = list_first(&engine->finisher.queue[form]))) {
            list_remove(first);
            finished_destroy(list_object(first, struct finished, link));
        }
    }
}
