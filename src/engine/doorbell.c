/*
 * How a node learns of work (design 5.2). Awake, it looks at the jobs' exact counters every few
 * milliseconds, and nobody rings. Out of work, it raises its flag in the database and sleeps on
 * LISTEN; from then on whoever makes tasks pending rings. A transaction that had begun before the
 * flag was there may not have seen it, so the node draws a transaction id once the flag is
 * committed, and keeps looking, with growing pauses, until everything older has ended; only then is
 * it sure.
 *
 * A node that is rung now and then serves each bell with its flag up: that is the fast way, without
 * a write of its own. One that is rung often, or has been busy for a while, takes its flag down, so
 * that producers do not pay for bells.
 *
 * The model tests/model/doorbell.pml checks this exhaustively; if you change a step, change it
 * there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"

enum {
    AWAKE_LOOK_US = 20000, /* between looks while there is work: other jobs may have some too */
    IDLE_LOOK_US = 2000,   /* between looks while awake without work */
    FULL_LOOK_US = 250000, /* between looks while nothing more can start */
    LINGER_US = 5000,      /* without work for so long: fall asleep */
    BUSY_BELLS = 500,      /* bells in a second: stay awake instead */
    FIRST_PAUSE_US = 2000, /* between looks until we are sure */
    LONGEST_PAUSE_US = 5000000,
    REFUSED_PAUSE_US = 1000000, /* the database refused to let us sleep */
    KNOWN_JOBS_ASLEEP = 16,     /* what an idle node remembers */
    KNOWN_JOBS_AWAKE = 1000,
};

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows does what is due. */
}

void doorbell_init(struct engine *engine)
{
    uv_timer_init(&engine->loop, &engine->doorbell.timer);
}

void doorbell_finish(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->doorbell.timer, NULL);
}

void doorbell_open(struct engine *engine)
{
    struct doorbell *doorbell = &engine->doorbell;
    doorbell->state = BELL_AWAKE;
    doorbell->is_look_wanted = true;
    doorbell->is_looking = false;
    doorbell->last_work_us = engine_now_us(engine);
}

void doorbell_close(struct engine *engine)
{
    engine->doorbell.state = BELL_OFF;
}

void doorbell_want_look(struct engine *engine)
{
    engine->doorbell.is_look_wanted = true;
}

void doorbell_note_work(struct engine *engine)
{
    engine->doorbell.last_work_us = engine_now_us(engine);
}

/* ---- looking ---- */

static void learn(struct engine *engine, const struct pg_result *result)
{
    for (int row = 0; row < pg_result_rows(result); row++) {
        struct work work;
        store_list_work_read(result, row, &work);
        struct job *job = jobs_learn(&engine->jobs, &work);
        /* Also when it is ready: a claim under way may be older than this list. */
        if (!job->is_blocked)
            jobs_make_ready(&engine->jobs, job);
    }
}

static void on_work_listed(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct engine *engine = context;
    struct doorbell *doorbell = &engine->doorbell;
    doorbell->is_looking = false;
    if (!result) {
        if (failure->sqlstate[0])
            log_warning("could not look for work: %s", failure->message);
        doorbell->next_look_us = engine_now_us(engine) + 1000000;
        doorbell->is_sure = false;
        return;
    }
    learn(engine, result);
    if (doorbell->state == BELL_ASLEEP && !doorbell->is_sure) {
        doorbell->next_look_us = engine_now_us(engine) + doorbell->look_pause_us;
        doorbell->look_pause_us *= 2;
        if (doorbell->look_pause_us > LONGEST_PAUSE_US)
            doorbell->look_pause_us = LONGEST_PAUSE_US;
    }
}

/* Told before the list of the same look, so the list is younger than this. */
static void on_oldest(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    struct doorbell *doorbell = &engine->doorbell;
    if (!result || doorbell->state != BELL_ASLEEP)
        return;
    doorbell->is_sure = pg_result_integer(result, 0, 0) >= doorbell->horizon;
    if (!doorbell->is_sure)
        return;
    duties_ask_due(engine); /* once more: the last answer may be older than this */
    refresher_ask(engine);
}

static void look(struct engine *engine)
{
    struct doorbell *doorbell = &engine->doorbell;
    bool is_full = engine_now_us(engine) - doorbell->last_work_us > AWAKE_LOOK_US;
    int pause_us = engine->jobs.ready == 0 ? IDLE_LOOK_US : is_full ? FULL_LOOK_US : AWAKE_LOOK_US;
    doorbell->is_look_wanted = false;
    doorbell->is_looking = true;
    doorbell->next_look_us = engine_now_us(engine) + pause_us;
    if (doorbell->state == BELL_ASLEEP && !doorbell->is_sure) {
        duties_ask_due(engine);
        refresher_ask(engine);
        store_oldest_transaction(engine->listen, on_oldest, engine);
        pg_connection_end_group(engine->listen);
    }
    store_list_work(engine->listen, engine->executor_names, NULL, on_work_listed, engine);
    pg_connection_end_group(engine->listen);
    relay_look(engine);
}

/* ---- falling asleep and waking up ---- */

/* Awake, and not asleep again at once. */
static void open_after_refusal(struct engine *engine)
{
    doorbell_open(engine);
    engine->doorbell.last_work_us += REFUSED_PAUSE_US;
}

static void on_drawn(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    struct doorbell *doorbell = &engine->doorbell;
    if (doorbell->state != BELL_FALLING)
        return;
    if (!result) {
        open_after_refusal(engine);
        return;
    }
    doorbell->state = BELL_ASLEEP;
    doorbell->is_sure = false;
    doorbell->horizon = pg_result_integer(result, 0, 0);
    doorbell->look_pause_us = FIRST_PAUSE_US;
    doorbell->is_look_wanted = true;
    jobs_trim(&engine->jobs, KNOWN_JOBS_ASLEEP, runner_forget_job, engine);
}

static void on_flag_set(void *context, const struct pg_result *result,
                        const struct failure *failure)
{
    struct engine *engine = context;
    if (result && !pg_result_boolean(result, 0, 0)) {
        if (engine->doorbell.flag_node_id == engine->node_id)
            node_was_declared_dead(engine);
    } else if (!result && failure->sqlstate[0]) {
        log_warning("could not change the sleep flag: %s", failure->message);
        if (engine->doorbell.state == BELL_FALLING)
            open_after_refusal(engine);
    }
}

static void fall_asleep(struct engine *engine)
{
    engine->doorbell.state = BELL_FALLING;
    engine->doorbell.flag_node_id = engine->node_id;
    store_set_asleep(engine->listen, engine->node_id, true, on_flag_set, engine);
    pg_connection_end_group(engine->listen);
    store_draw_transaction(engine->listen, on_drawn, engine);
    pg_connection_end_group(engine->listen);
}

static void stay_awake(struct engine *engine)
{
    doorbell_open(engine);
    engine->claimer.busy_claims = 0; /* counted anew: the work may be gone before the next claim */
    engine->doorbell.flag_node_id = engine->node_id;
    store_set_asleep(engine->listen, engine->node_id, false, on_flag_set, engine);
    pg_connection_end_group(engine->listen);
}

/* ---- bells ---- */

static void count_bell(struct engine *engine)
{
    struct doorbell *doorbell = &engine->doorbell;
    if (engine_now_us(engine) - doorbell->bells_since_us > 1000000) {
        doorbell->bells_since_us = engine_now_us(engine);
        doorbell->bells = 0;
    }
    doorbell->bells++;
}

static void on_work_bell(struct engine *engine, const char *ids)
{
    while (*ids == ' ') {
        char *end;
        int64_t id = strtoll(ids + 1, &end, 10);
        struct job *job = end == ids + 1 ? NULL : jobs_find(&engine->jobs, id);
        if (!job)
            relay_note_bell(engine, end == ids + 1 ? 0 : id);
        if (!job || job->is_outdated)
            doorbell_want_look(engine);
        else if (!job->is_blocked)
            jobs_make_ready(&engine->jobs, job);
        if (end == ids + 1)
            return;
        ids = end;
    }
}

static void let_go(struct engine *engine, struct job *job)
{
    job->is_let_go = true;
    jobs_unblock_now(&engine->jobs, job);
}

void doorbell_ask_again(struct engine *engine)
{
    for (struct job *job = NULL; (job = jobs_walk(&engine->jobs, job));)
        let_go(engine, job);
}

/* "ask 7 8": claims of these jobs may be granted now, or at another time than was said; "ask *": of
 * all. */
static void on_ask_bell(struct engine *engine, const char *ids)
{
    char *end;
    if (strcmp(ids, " *") == 0)
        doorbell_ask_again(engine);
    for (int64_t id; *ids == ' ' && (id = strtoll(ids + 1, &end, 10)); ids = end) {
        struct job *job = jobs_find(&engine->jobs, id);
        if (job)
            let_go(engine, job);
    }
    doorbell_want_look(engine);
}

static void on_open_bell(struct engine *engine, const char *ids)
{
    char *end;
    while (*ids == ' ') {
        jobs_open_gate(&engine->jobs, strtoll(ids + 1, &end, 10));
        if (end == ids + 1)
            return;
        ids = end;
    }
}

static void on_due_bell(struct engine *engine, const char *rest)
{
    duties_ask_due(engine);
}

static void on_fresh_bell(struct engine *engine, const char *rest)
{
    refresher_rung(engine);
}

/* "cancel 7": the whole job; "cancel 7/12": its task 12 */
static void on_cancel_bell(struct engine *engine, const char *rest)
{
    char *end;
    int64_t job_id = strtoll(rest, &end, 10);
    if (*end == '/')
        runner_cancel_task(engine, job_id, strtoll(end + 1, NULL, 10));
    else
        runner_cancel_job(engine, job_id);
}

static void on_kinds_bell(struct engine *engine, const char *rest)
{
    jobs_outdate(&engine->jobs);
    relay_note_kinds(engine);
    pruner_note_kinds(engine);
    jobs_unblock_all(&engine->jobs); /* perhaps a limit was raised */
    doorbell_want_look(engine);
}

static void on_workers_bell(struct engine *engine, const char *rest)
{
    doorbell_want_look(engine);
}

static void on_fold_bell(struct engine *engine, const char *rest)
{
    /* Every bell asks for a fold. */
}

static const struct {
    const char *word;
    void (*answer)(struct engine *engine, const char *rest);
} bells[] = {
    {"work", on_work_bell},     {"open", on_open_bell},       {"due", on_due_bell},
    {"cancel", on_cancel_bell}, {"ask", on_ask_bell},         {"kinds", on_kinds_bell},
    {"fold", on_fold_bell},     {"workers", on_workers_bell}, {"fresh", on_fresh_bell},
};

void doorbell_rung(struct engine *engine, const char *message)
{
    count_bell(engine);
    duties_note_ledger(engine);
    for (size_t i = 0; i < sizeof bells / sizeof *bells; i++) {
        size_t length = strlen(bells[i].word);
        if (strncmp(message, bells[i].word, length) == 0 &&
            (message[length] == ' ' || message[length] == '\0'))
            bells[i].answer(engine, message + length);
    }
}

/* ---- a turn ---- */

static bool is_idle(const struct engine *engine)
{
    return engine->jobs.ready == 0 && engine->claimer.groups == 0 && !engine->doorbell.is_looking &&
           !engine->doorbell.is_look_wanted;
}

static void arm(struct engine *engine, int64_t at_us)
{
    int64_t wait_us = at_us - engine_now_us(engine);
    uv_timer_stop(&engine->doorbell.timer);
    if (at_us != INT64_MAX)
        uv_timer_start(&engine->doorbell.timer, on_timer,
                       wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0, 0);
}

static void turn_awake(struct engine *engine, int64_t *next_us)
{
    struct doorbell *doorbell = &engine->doorbell;
    int64_t asleep_at_us = doorbell->last_work_us + LINGER_US;
    if (is_idle(engine) && engine_now_us(engine) >= asleep_at_us) {
        fall_asleep(engine);
        return;
    }
    if (!doorbell->is_looking &&
        (doorbell->is_look_wanted || engine_now_us(engine) >= doorbell->next_look_us))
        look(engine);
    if (!doorbell->is_looking)
        *next_us = doorbell->next_look_us;
    if (is_idle(engine) && asleep_at_us < *next_us)
        *next_us = asleep_at_us;
}

static void turn_asleep(struct engine *engine, int64_t *next_us)
{
    struct doorbell *doorbell = &engine->doorbell;
    bool is_rung_often =
        doorbell->bells >= BUSY_BELLS && engine_now_us(engine) - doorbell->bells_since_us < 1000000;
    if (is_rung_often || engine->claimer.busy_claims >= CLAIMER_BUSY) {
        stay_awake(engine);
        *next_us = engine_now_us(engine);
        return;
    }
    if (!doorbell->is_looking &&
        (doorbell->is_look_wanted ||
         (!doorbell->is_sure && engine_now_us(engine) >= doorbell->next_look_us)))
        look(engine);
    if (!doorbell->is_sure && !doorbell->is_looking)
        *next_us = doorbell->next_look_us;
}

void doorbell_turn(struct engine *engine)
{
    int64_t next_us = INT64_MAX, unblock_us = jobs_unblock(&engine->jobs, engine_now_us(engine));
    if (!node_is_serving(engine))
        return;
    jobs_trim(&engine->jobs, KNOWN_JOBS_AWAKE, runner_forget_job, engine);
    if (engine->doorbell.state == BELL_AWAKE)
        turn_awake(engine, &next_us);
    else if (engine->doorbell.state == BELL_ASLEEP)
        turn_asleep(engine, &next_us);
    arm(engine, unblock_us < next_us ? unblock_us : next_us);
}
