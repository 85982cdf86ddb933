/*
 * How external workers learn of work: a node tells them. Those who make tasks pending ring for
 * nodes that sleep only; whatever a node learns that way, or by looking, of kinds that workers run,
 * it passes on to all who listen on pawl_tasks (pawl.wake_workers).
 *
 * (Of what was due they are told by pawl.promote_due itself.)
 *
 * It asks with each look of the doorbell, once there is such a kind (pawl.list_external_work), and
 * passes on only news: what a bell has named, more tasks than at the look before, others in their
 * place, room under a limit, the time at which a limit opens. Work for which nobody comes is no
 * news, so it keeps no node awake and rings once. Busy times are gathered: at most one message a
 * kind in RELAY_PAUSE_US.
 *
 * A message may be in vain, or come from each of several nodes: a worker then finds nothing. That a
 * worker sleeps on although there is work takes a claim that rolled back, or a node that missed a
 * bell; for that day workers look now and then (docs/workers.md).
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "store/array.h"
#include "store/work.h"

enum {
    RELAY_PAUSE_US = 20000, /* between two messages of one kind */
    RUNG_LIMIT = 20,        /* jobs of bells between two looks; more are all */
    WAKE_SLACK_US = 5000,   /* a worker that comes too early is refused, and told no more */
};

struct relay_kind {
    struct relay_kind *next;
    char *name, *mark;
    int64_t active;  /* pending and running, at the last look */
    int64_t wake_us; /* when a limit opens, or INT64_MAX */
    bool is_news, is_listed;
};

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows tells what is due. */
}

void relay_init(struct engine *engine)
{
    uv_timer_init(&engine->loop, &engine->relay.timer);
}

static void forget_kind(struct relay_kind *kind)
{
    free(kind->name);
    free(kind->mark);
    free(kind);
}

void relay_finish(struct engine *engine)
{
    struct relay_kind *kind;
    while ((kind = engine->relay.kinds)) {
        engine->relay.kinds = kind->next;
        forget_kind(kind);
    }
    text_finish(&engine->relay.rung);
    uv_close((uv_handle_t *)&engine->relay.timer, NULL);
}

void relay_begin(struct engine *engine)
{
    engine->relay.is_asking = false;
    engine->relay.is_unknown = true;
    text_clear(&engine->relay.rung);
    engine->relay.rung_count = 0;
}

void relay_note_bell(struct engine *engine, int64_t job_id)
{
    struct relay *relay = &engine->relay;
    if (!relay->kinds || relay->rung_count > RUNG_LIMIT)
        return;
    array_add_integer(&relay->rung, ++relay->rung_count > RUNG_LIMIT ? 0 : job_id);
}

void relay_note_kinds(struct engine *engine)
{
    engine->relay.is_unknown = true;
}

/* ---- what there is ---- */

static struct relay_kind *find_kind(struct relay *relay, const char *name)
{
    for (struct relay_kind *kind = relay->kinds; kind; kind = kind->next)
        if (strcmp(kind->name, name) == 0)
            return kind;
    struct relay_kind *kind = memory_zeroed(1, sizeof *kind);
    kind->name = memory_copy_string(name);
    kind->mark = memory_copy_string("");
    kind->wake_us = INT64_MAX;
    kind->next = relay->kinds;
    relay->kinds = kind;
    return kind;
}

static void learn_kind(struct engine *engine, const struct external_work *work)
{
    struct relay_kind *kind = find_kind(&engine->relay, work->kind);
    bool is_other =
        work->is_rung || work->active > kind->active || strcmp(work->mark, kind->mark) != 0;
    kind->is_listed = true;
    kind->is_news = work->pending > 0 && (kind->is_news || is_other);
    kind->active = work->active;
    free(kind->mark);
    kind->mark = memory_copy_string(work->mark);
    if (work->wake_ms >= 0)
        kind->wake_us = engine_now_us(engine) + work->wake_ms * 1000 + WAKE_SLACK_US;
}

static void forget_unlisted(struct relay *relay)
{
    struct relay_kind **place = &relay->kinds;
    while (*place) {
        struct relay_kind *kind = *place;
        if (kind->is_listed) {
            kind->is_listed = false;
            place = &kind->next;
        } else {
            *place = kind->next;
            forget_kind(kind);
        }
    }
}

static void on_listed(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    engine->relay.is_asking = false;
    if (engine->relay.was_passed_over) /* a look that may have seen more than this one */
        doorbell_want_look(engine);
    engine->relay.was_passed_over = false;
    if (!result) {
        if (failure->sqlstate[0])
            log_warning("could not look for work of external workers: %s", failure->message);
        engine->relay.is_unknown = true;
        relay_note_bell(engine, 0); /* whatever it was that had rung */
        return;
    }
    for (int row = 0; row < pg_result_rows(result); row++) {
        struct external_work work;
        store_list_external_work_read(result, row, &work);
        learn_kind(engine, &work);
    }
    forget_unlisted(&engine->relay);
}

void relay_look(struct engine *engine)
{
    struct relay *relay = &engine->relay;
    if (!relay->kinds && !relay->is_unknown)
        return;
    if (relay->is_asking) {
        relay->was_passed_over = true;
        return;
    }
    relay->is_asking = true;
    relay->is_unknown = false;
    store_list_external_work(engine->listen, array_end(&relay->rung), on_listed, engine);
    pg_connection_end_group(engine->listen);
    text_clear(&relay->rung);
    relay->rung_count = 0;
}

/* ---- telling ---- */

static void on_told(void *context, const struct pg_result *result, const struct failure *failure)
{
    if (!result && failure->sqlstate[0])
        log_warning("could not wake external workers: %s", failure->message);
}

static bool gather_news(struct engine *engine, struct text *names)
{
    for (struct relay_kind *kind = engine->relay.kinds; kind; kind = kind->next) {
        if (!kind->is_news)
            continue;
        array_add_string(names, kind->name);
        kind->is_news = false;
    }
    return names->length > 0;
}

static void tell(struct engine *engine)
{
    struct text names = {0};
    if (gather_news(engine, &names)) {
        engine->relay.next_us = engine_now_us(engine) + RELAY_PAUSE_US;
        doorbell_note_work(engine); /* while there is news, nobody need ring */
        store_wake_workers(engine->listen, array_end(&names), on_told, engine);
        pg_connection_end_group(engine->listen);
    }
    text_finish(&names);
}

/* Limits that have opened are news. Returns when the next one opens, or there is leave to tell what
 * is news already; INT64_MAX for never. */
static int64_t next_moment(struct engine *engine)
{
    int64_t next_us = INT64_MAX, now_us = engine_now_us(engine);
    for (struct relay_kind *kind = engine->relay.kinds; kind; kind = kind->next) {
        if (kind->wake_us <= now_us) {
            kind->wake_us = INT64_MAX;
            kind->is_news = true;
        }
        int64_t moment_us = kind->is_news ? engine->relay.next_us : kind->wake_us;
        next_us = moment_us < next_us ? moment_us : next_us;
    }
    return next_us;
}

void relay_turn(struct engine *engine)
{
    if (!engine->relay.kinds || !node_is_serving(engine))
        return;
    int64_t next_us = next_moment(engine), now_us = engine_now_us(engine);
    if (next_us <= now_us) {
        tell(engine);
        next_us = next_moment(engine);
    }
    uv_timer_stop(&engine->relay.timer);
    if (next_us != INT64_MAX)
        uv_timer_start(&engine->relay.timer, on_timer, (uint64_t)(next_us - now_us + 999) / 1000,
                       0);
}
