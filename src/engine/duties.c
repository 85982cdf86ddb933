/*
 * The house: fold, due tasks, leases and schedules, the slow sweep; and heartbeat and rescue, which
 * are in heartbeat.c. Every node does them; locks inside the SQL functions see to it that one at a
 * time does, so there is no leader.
 */
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine.h"
#include "store/array.h"
#include "store/work.h"

enum {
    FOLD_PAUSE_US = 75000,      /* deltas are folded at most this often */
    BLOCKED_PAUSE_US = 250000,  /* a job is held open by somebody, or another node folds */
    REFUSED_PAUSE_US = 1000000, /* the database refused what is due */
    FOLD_CURSOR_BLOCKS = 128,   /* a larger ledger is full of rows that are gone */
    FOLD_MARGIN_BLOCKS = 64,    /* sessions that append keep to pages of their own */
    FOLD_CURSOR_LIFE_US = 2000000,
    SWEEP_AWAKE_US = 5000000,
    SWEEP_ASLEEP_US = 30000000,
    PROMOTE_LIMIT = 1000,
};

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows does what is due. */
}

void duties_init(struct engine *engine)
{
    engine->duties.due_at_us = INT64_MAX;
    uv_timer_init(&engine->loop, &engine->duties.timer);
}

void duties_finish(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->duties.timer, NULL);
}

void duties_begin(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    duties->is_folding = duties->is_promoting = duties->is_sweeping = false;
    duties->is_asking_due = false;
    duties->is_dirty = true; /* somebody before us may have left rows */
    duties->is_due_unknown = true;
    duties->next_sweep_us = engine_now_us(engine) + SWEEP_AWAKE_US;
    heartbeat_begin(engine);
}

void duties_note_ledger(struct engine *engine)
{
    engine->duties.is_dirty = true;
}

void duties_note_due(struct engine *engine, int64_t at_us)
{
    if (at_us < engine->duties.due_at_us)
        engine->duties.due_at_us = at_us;
}

void duties_ask_due(struct engine *engine)
{
    engine->duties.is_due_unknown = true;
}

void duties_complain(const char *duty, const struct failure *failure)
{
    if (failure->sqlstate[0])
        log_warning("could not %s: %s", duty, failure->message);
}

/* ---- due tasks, leases and schedules ---- */

static void on_next_due(void *context, const struct pg_result *result,
                        const struct failure *failure)
{
    struct engine *engine = context;
    engine->duties.is_asking_due = false;
    if (!result) {
        duties_complain("ask what is due", failure);
        duties_note_due(engine, engine_now_us(engine) + 1000000);
        return;
    }
    engine->duties.due_at_us = pg_result_is_null(result, 0, 0)
                                   ? INT64_MAX
                                   : engine_now_us(engine) + pg_result_integer(result, 0, 0) * 1000;
}

static void ask_next_due(struct engine *engine)
{
    engine->duties.is_due_unknown = false;
    engine->duties.is_asking_due = true;
    store_next_due(engine->duty, on_next_due, engine);
    pg_connection_end_group(engine->duty);
}

static void put_off(struct engine *engine, int64_t pause_us)
{
    int64_t at_us = engine_now_us(engine) + pause_us;
    if (at_us > engine->duties.next_promote_us)
        engine->duties.next_promote_us = at_us;
}

static void note_promoted(struct engine *engine, int64_t count)
{
    if (count == 0)
        return;
    engine->duties.has_promoted = true;
    doorbell_want_look(engine);
    duties_note_ledger(engine);
}

static void on_leases_expired(void *context, const struct pg_result *result,
                              const struct failure *failure)
{
    struct engine *engine = context;
    if (result) {
        int64_t count = pg_result_integer(result, 0, 0);
        if (count > 0)
            log_info("leases that ended without a word: %lld", (long long)count);
        note_promoted(engine, count);
        return;
    }
    duties_complain("end leases", failure);
    put_off(engine, REFUSED_PAUSE_US);
    duties_ask_due(engine);
}

static void on_promoted(void *context, const struct pg_result *result,
                        const struct failure *failure)
{
    struct engine *engine = context;
    if (result) {
        note_promoted(engine, pg_result_integer(result, 0, 0));
        return;
    }
    duties_complain("promote due tasks", failure);
    put_off(engine, REFUSED_PAUSE_US);
    duties_ask_due(engine);
}

static void on_schedules_run(void *context, const struct pg_result *result,
                             const struct failure *failure)
{
    struct engine *engine = context;
    engine->duties.is_promoting = false;
    if (!result) {
        duties_complain("run due schedules", failure);
        put_off(engine, REFUSED_PAUSE_US);
        duties_ask_due(engine);
        return;
    }
    note_promoted(engine, pg_result_integer(result, 0, 0));
    int64_t failed = pg_result_integer(result, 0, 1);
    if (failed > 0)
        log_warning("schedules that could not start: %lld; pawl schedule list says why",
                    (long long)failed);
    if (!engine->duties.has_promoted) /* another node does it, or somebody has locked what is due */
        put_off(engine, BLOCKED_PAUSE_US);
}

/* Groups of their own, so that what fails undoes nothing of the others. */
static void promote(struct engine *engine)
{
    engine->duties.is_promoting = true;
    engine->duties.has_promoted = false;
    engine->duties.due_at_us = INT64_MAX;
    store_promote_due(engine->duty, PROMOTE_LIMIT, on_promoted, engine);
    pg_connection_end_group(engine->duty);
    store_expire_leases(engine->duty, PROMOTE_LIMIT, on_leases_expired, engine);
    pg_connection_end_group(engine->duty);
    store_run_due_schedules(engine->duty, on_schedules_run, engine);
    pg_connection_end_group(engine->duty);
    ask_next_due(engine);
}

/* ---- the fold ---- */

/* Rows that were folded stay in the way while somebody holds a snapshot. Once there are many, folds
 * start at the block where the last ones were found; a row that commits later in a block before
 * that waits for the next fold of all, which comes regularly and when a fold has found nothing. */
static void place_cursor(struct engine *engine, const struct pg_result *result)
{
    struct duties *duties = &engine->duties;
    bool was_full = duties->fold_from_block == 0;
    bool has_found = pg_result_integer(result, 0, 0) > 0;
    if (was_full)
        duties->fold_full_at_us = engine_now_us(engine) + FOLD_CURSOR_LIFE_US;
    if (pg_result_integer(result, 0, 2) < FOLD_CURSOR_BLOCKS || (!was_full && !has_found))
        duties->fold_full_at_us = 0;
    if (has_found)
        duties->fold_seen_block = pg_result_integer(result, 0, 1) - FOLD_MARGIN_BLOCKS;
    if (!was_full)
        duties->is_dirty = true; /* until a full one has been made */
}

static void on_folded(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    struct duties *duties = &engine->duties;
    duties->is_folding = false;
    if (!result) {
        duties_complain("fold the ledger", failure);
        duties->is_dirty = true;
        duties->next_fold_us = engine_now_us(engine) + 1000000;
        return;
    }
    bool is_blocked = pg_result_boolean(result, 0, 4);
    duties->is_dirty = duties->is_dirty || is_blocked;
    duties->next_fold_us = engine_now_us(engine) + (is_blocked ? BLOCKED_PAUSE_US : FOLD_PAUSE_US);
    place_cursor(engine, result);
}

static void fold(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    duties->is_dirty = false;
    duties->is_folding = true;
    duties->fold_from_block =
        engine_now_us(engine) < duties->fold_full_at_us && duties->fold_seen_block > 0
            ? duties->fold_seen_block
            : 0;
    store_fold(engine->duty, duties->fold_from_block, on_folded, engine);
    pg_connection_end_group(engine->duty);
    duties->is_due_unknown = true; /* while we are awake nobody rings for a new time */
}

/* ---- the sweep ---- */

/* Work that the sweep finds and nobody knew of is counted: a bell was missed. Asleep and sure, any
 * is. */
static void on_swept(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    engine->duties.is_sweeping = false;
    if (!result) {
        duties_complain("sweep", failure);
        return;
    }
    bool is_missed = false;
    for (int row = 0; row < pg_result_rows(result); row++) {
        refresher_learn(engine, pg_result_boolean(result, row, 1));
        if (pg_result_is_null(result, row, 0))
            continue;
        struct job *job = jobs_find(&engine->jobs, pg_result_integer(result, row, 0));
        is_missed = is_missed || !job || (!job->is_ready && !job->is_blocked && !job->claims);
    }
    if (!is_missed)
        return;
    if (engine->doorbell.state == BELL_ASLEEP && engine->doorbell.is_sure)
        engine->duties.beat.swept++;
    doorbell_want_look(engine);
}

/* What the executors keep of a job may be large: gone soon after its end. */
static void on_ended_listed(void *context, const struct pg_result *result,
                            const struct failure *failure)
{
    struct engine *engine = context;
    if (!result)
        duties_complain("ask which jobs have ended", failure);
    for (int row = 0; result && row < pg_result_rows(result); row++) {
        struct job *job = jobs_find(&engine->jobs, pg_result_integer(result, row, 0));
        if (!job || !job_is_at_rest(job))
            continue;
        runner_forget_job(engine, job->facts.id);
        jobs_forget(&engine->jobs, job);
    }
}

static void ask_which_have_ended(struct engine *engine)
{
    struct text ids = {0};
    for (struct job *job = NULL; (job = jobs_walk(&engine->jobs, job));)
        if (job_is_at_rest(job))
            array_add_integer(&ids, job->facts.id);
    if (ids.length)
        store_list_ended(engine->duty, array_end(&ids), on_ended_listed, engine);
    text_finish(&ids);
}

static void sweep(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    duties->is_sweeping = true;
    duties->next_sweep_us =
        engine_now_us(engine) +
        (engine->doorbell.state == BELL_ASLEEP ? SWEEP_ASLEEP_US : SWEEP_AWAKE_US);
    duties->is_dirty = true;
    relay_note_kinds(engine);
    if (pg_connection_is_ready(engine->listen))
        relay_look(engine);
    store_sweep(engine->duty, engine->executor_names, on_swept, engine);
    ask_which_have_ended(engine);
    pg_connection_end_group(engine->duty);
}

/* ---- crawls that are of no use ---- */

static void on_stopped(void *context, const struct pg_result *result, const struct failure *failure)
{
    if (!result)
        duties_complain("stop a crawl", failure);
    else
        duties_note_ledger(context);
}

void duties_stop_crawls(struct engine *engine, const char *job_ids)
{
    if (!pg_connection_is_ready(engine->duty))
        return;
    store_stop_crawls(engine->duty, job_ids, on_stopped, engine);
    pg_connection_end_group(engine->duty);
}

/* ---- a turn ---- */

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* What is under way comes back with a turn of its own. */
static void arm(struct engine *engine, int64_t now_us)
{
    const struct duties *duties = &engine->duties;
    int64_t next_us = INT64_MAX;
    if (!duties->is_beating)
        next_us = duties->next_beat_us;
    if (!duties->is_sweeping)
        next_us = earlier(next_us, duties->next_sweep_us);
    if (!duties->is_promoting && duties->due_at_us != INT64_MAX)
        next_us = earlier(next_us, later(duties->due_at_us, duties->next_promote_us));
    if (duties->is_dirty && !duties->is_folding)
        next_us = earlier(next_us, duties->next_fold_us);
    uv_timer_stop(&engine->duties.timer);
    if (next_us != INT64_MAX)
        uv_timer_start(&engine->duties.timer, on_timer,
                       next_us > now_us ? (uint64_t)(next_us - now_us + 999) / 1000 : 1, 0);
}

void duties_turn(struct engine *engine)
{
    struct duties *duties = &engine->duties;
    int64_t now_us = engine_now_us(engine);
    if (!node_is_registered(engine) || !pg_connection_is_ready(engine->duty))
        return;
    if (duties->is_dirty && !duties->is_folding && now_us >= duties->next_fold_us)
        fold(engine);
    if (!duties->is_promoting && now_us >= duties->due_at_us && now_us >= duties->next_promote_us)
        promote(engine);
    if (duties->is_due_unknown && !duties->is_asking_due)
        ask_next_due(engine);
    if (!duties->is_beating && now_us >= duties->next_beat_us)
        heartbeat_send(engine);
    if (!duties->is_sweeping && now_us >= duties->next_sweep_us)
        sweep(engine);

    arm(engine, now_us);
}
