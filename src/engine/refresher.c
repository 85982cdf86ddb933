/*
 * Freshness (design 5.9): data that somebody looks at is refreshed when it is stale. Which (type,
 * key) pairs that is, and what becomes of them, the database decides (pawl.refresh_due); here is
 * when it is asked: when the moment comes that the last answer named, at a bell (a moment may be
 * earlier now), with each sweep, and all the while that we are awake or not sure that our sleep was
 * seen, since nobody rings then. Asking costs as much as a few probes of indexes.
 *
 * On a connection of its own: functions of users run inside (gates, when something is stale), and
 * a slow one must hold up no heartbeat. There is none while there are no data types: that is asked
 * at the begin, at a bell, and comes with each sweep's answer. Tables that are adopted are read on
 * one more (pawl.sweep_adoptions), at the moment that the same answers name: that may take long,
 * and what is due does not wait for it.
 *
 * Every node asks; a lock inside the functions gives the work to one of them. The others are told
 * that nothing was theirs although something is due, and come again after a pause.
 */
#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "store/work.h"

enum {
    REFRESH_LIMIT = 1000,
    SPACING_US = 5000,          /* what is due so close together is handled at once */
    AWAKE_PAUSE_US = 75000,     /* between questions while nobody rings */
    BLOCKED_PAUSE_US = 200000,  /* another node has what is due; half as much again by chance */
    REFUSED_PAUSE_US = 1000000, /* the database said no */
};

static void on_timer(uv_timer_t *timer)
{
    /* The turn that follows asks. */
}

/* ---- an asker ---- */

static void asker_init(struct asker *asker, struct engine *engine, const char *name,
                       const char *purpose)
{
    asker->engine = engine;
    asker->name = name;
    asker->purpose = purpose;
    asker->due_at_us = INT64_MAX;
}

static void disconnect(struct asker *asker)
{
    if (asker->connection)
        pg_connection_destroy(asker->connection);
    asker->connection = NULL;
}

static void on_ready(void *context)
{
    struct asker *asker = context;
    asker->is_wanted = true;
    asker->was_lost_logged = false;
}

/* It comes back by itself. While the node has its own connections it is this one that is refused.
 */
static void on_lost(void *context, const struct failure *failure)
{
    struct asker *asker = context;
    if (!node_is_serving(asker->engine) || asker->was_lost_logged)
        return;
    log_warning("no connection for %s: %s%s%s; trying again", asker->purpose, failure->message,
                failure->detail[0] ? ": " : "", failure->detail);
    asker->was_lost_logged = true;
}

static void connect_when_needed(struct asker *asker)
{
    static const struct pg_connection_events events = {.on_ready = on_ready, .on_lost = on_lost};
    struct engine *engine = asker->engine;
    if (!asker->is_needed) {
        if (!asker->is_asking)
            disconnect(asker);
    } else if (!asker->connection) {
        asker->connection = pg_connection_create(&engine->loop, engine->options->database_url,
                                                 asker->name, &events, asker);
        pg_connection_prepare_nothing(asker->connection);
    }
}

static bool can_ask(const struct asker *asker)
{
    return asker->is_needed && !asker->is_asking && pg_connection_is_ready(asker->connection);
}

static void note_asking(struct asker *asker)
{
    asker->is_wanted = false;
    asker->is_asking = true;
    asker->due_at_us = INT64_MAX;
    asker->asked_at_us = engine_now_us(asker->engine);
    asker->not_before_us = asker->asked_at_us + SPACING_US;
}

static void note_failure(struct asker *asker, const char *what, const struct failure *failure)
{
    duties_complain(what, failure);
    asker->is_wanted = true;
    if (failure->sqlstate[0]) /* or the connection is away, and comes when it does */
        asker->not_before_us = engine_now_us(asker->engine) + REFUSED_PAUSE_US;
}

static void put_off(struct asker *asker, int64_t pause_us)
{
    asker->due_at_us = engine_now_us(asker->engine) + pause_us;
}

static int64_t blocked_pause_us(void)
{
    return BLOCKED_PAUSE_US + (int64_t)(BLOCKED_PAUSE_US * random_fraction() / 2);
}

/* ---- a node's life ---- */

void refresher_init(struct engine *engine)
{
    asker_init(&engine->refresher.due, engine, "freshness", "refreshes");
    asker_init(&engine->refresher.sweeps, engine, "adoption", "sweeps of adopted tables");
    uv_timer_init(&engine->loop, &engine->refresher.timer);
}

void refresher_finish(struct engine *engine)
{
    disconnect(&engine->refresher.due);
    disconnect(&engine->refresher.sweeps);
    uv_close((uv_handle_t *)&engine->refresher.timer, NULL);
}

void refresher_begin(struct engine *engine)
{
    engine->refresher.is_unknown = true;
    engine->refresher.due.is_wanted = true;
}

void refresher_ask(struct engine *engine)
{
    engine->refresher.due.is_wanted = true;
}

void refresher_note_end(struct engine *engine)
{
    if (engine->doorbell.state == BELL_ASLEEP) /* awake, it asks anyway */
        engine->refresher.due.is_wanted = true;
}

void refresher_rung(struct engine *engine)
{
    engine->refresher.due.is_wanted = true;
    if (!engine->refresher.due.is_needed)
        engine->refresher.is_unknown = true;
}

/* ---- are there data types? ---- */

void refresher_learn(struct engine *engine, bool has_types)
{
    engine->refresher.due.is_needed = has_types;
    engine->refresher.due.is_wanted = true;
    if (!has_types)
        engine->refresher.sweeps.is_needed = false;
}

static void on_types_known(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct engine *engine = context;
    engine->refresher.is_asking_types = false;
    if (result)
        refresher_learn(engine, pg_result_boolean(result, 0, 0));
    else
        duties_complain("ask whether there are data types", failure); /* the sweep asks again */
}

static void ask_types(struct engine *engine)
{
    engine->refresher.is_unknown = false;
    engine->refresher.is_asking_types = true;
    store_has_data_types(engine->duty, on_types_known, engine);
    pg_connection_end_group(engine->duty);
}

/* ---- sweeps of adopted tables ---- */

static void on_swept(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct engine *engine = context;
    struct asker *sweeps = &engine->refresher.sweeps;
    sweeps->is_asking = false;
    if (!result) {
        note_failure(sweeps, "read adopted tables", failure);
        return;
    }
    if (pg_result_integer(result, 0, 0) == 0)
        sweeps->not_before_us = engine_now_us(engine) + blocked_pause_us();
    engine->refresher.due.is_wanted = true; /* that says when the next sweep is */
}

static void sweep(struct engine *engine)
{
    struct asker *sweeps = &engine->refresher.sweeps;
    note_asking(sweeps);
    store_sweep_adoptions(sweeps->connection, on_swept, engine);
    pg_connection_end_group(sweeps->connection);
}

static void note_sweep_time(struct asker *sweeps, const struct pg_result *result)
{
    sweeps->is_needed = !pg_result_is_null(result, 0, 2);
    if (sweeps->is_needed && !sweeps->is_asking)
        put_off(sweeps, pg_result_integer(result, 0, 2) * 1000);
}

/* ---- what is due ---- */

static void on_refreshed(void *context, const struct pg_result *result,
                         const struct failure *failure)
{
    struct engine *engine = context;
    struct asker *due = &engine->refresher.due;
    due->is_asking = false;
    if (!result) {
        note_failure(due, "start what is due to be refreshed", failure);
        return;
    }
    int64_t looked = pg_result_integer(result, 0, 0), next_ms = pg_result_integer(result, 0, 1);
    if (looked > 0) {
        doorbell_want_look(engine);
        duties_note_ledger(engine);
    }
    if (pg_result_is_null(result, 0, 1))
        due->due_at_us = INT64_MAX;
    else if (next_ms == 0 && looked == 0)
        put_off(due, blocked_pause_us());
    else
        put_off(due, next_ms * 1000);
    if (looked > 0 && next_ms == 0)
        due->not_before_us = 0; /* there is more */
    note_sweep_time(&engine->refresher.sweeps, result);
}

static void ask(struct engine *engine)
{
    struct asker *due = &engine->refresher.due;
    note_asking(due);
    store_refresh_due(due->connection, REFRESH_LIMIT, on_refreshed, engine);
    pg_connection_end_group(due->connection);
}

/* ---- a turn ---- */

static int64_t next_moment(const struct asker *asker)
{
    int64_t next_us = asker->is_wanted ? 0 : asker->due_at_us;
    return next_us > asker->not_before_us ? next_us : asker->not_before_us;
}

/* Awake, nobody rings. */
static void ask_while_awake(struct engine *engine)
{
    struct asker *due = &engine->refresher.due;
    if (engine->doorbell.state != BELL_ASLEEP && due->asked_at_us + AWAKE_PAUSE_US < due->due_at_us)
        due->due_at_us = due->asked_at_us + AWAKE_PAUSE_US;
}

typedef void ask_fn(struct engine *engine);

/* Asks when it is time; else returns when that will be. */
static int64_t take_turn(struct asker *asker, ask_fn *begin)
{
    connect_when_needed(asker);
    if (!can_ask(asker))
        return INT64_MAX;
    int64_t next_us = next_moment(asker);
    if (next_us > engine_now_us(asker->engine))
        return next_us;
    begin(asker->engine);
    return INT64_MAX;
}

void refresher_turn(struct engine *engine)
{
    struct refresher *refresher = &engine->refresher;
    uv_timer_stop(&refresher->timer);
    if (!node_is_serving(engine))
        return;
    if (refresher->is_unknown && !refresher->is_asking_types &&
        pg_connection_is_ready(engine->duty))
        ask_types(engine);
    ask_while_awake(engine);
    int64_t next_us = take_turn(&refresher->due, ask);
    int64_t sweep_us = take_turn(&refresher->sweeps, sweep);
    if (sweep_us < next_us)
        next_us = sweep_us;
    if (next_us != INT64_MAX)
        uv_timer_start(&refresher->timer, on_timer,
                       (uint64_t)(next_us - engine_now_us(engine) + 999) / 1000, 0);
}
