/*
 * Freshness (design 5.9): data that somebody looks at is refreshed when it is stale. Which (type,
 * key) pairs that is, and what becomes of them, the database decides (pawl.refresh_due); here is
 * when it is asked: when the moment comes that the last answer named, at a bell (a moment may be
 * earlier now), with each sweep, and all the while that we are awake or not sure that our sleep was
 * seen, since nobody rings then. Asking costs as much as a few probes of indexes.
 *
 * On a connection of its own: functions of users run inside (gates, when something is stale), and
 * a slow one must hold up no heartbeat. There is none while there are no data types: that is asked
 * at the begin, at a bell, and comes with each sweep's answer.
 *
 * Every node asks; a lock inside the function gives the pairs to one of them. The others are told
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

void refresher_init(struct engine *engine)
{
    engine->refresher.due_at_us = INT64_MAX;
    uv_timer_init(&engine->loop, &engine->refresher.timer);
}

static void disconnect(struct refresher *refresher)
{
    if (refresher->connection)
        pg_connection_destroy(refresher->connection);
    refresher->connection = NULL;
}

void refresher_finish(struct engine *engine)
{
    disconnect(&engine->refresher);
    uv_close((uv_handle_t *)&engine->refresher.timer, NULL);
}

void refresher_begin(struct engine *engine)
{
    engine->refresher.is_unknown = true;
    engine->refresher.is_wanted = true;
}

void refresher_ask(struct engine *engine)
{
    engine->refresher.is_wanted = true;
}

void refresher_note_end(struct engine *engine)
{
    if (engine->doorbell.state == BELL_ASLEEP) /* awake, it asks anyway */
        engine->refresher.is_wanted = true;
}

void refresher_rung(struct engine *engine)
{
    engine->refresher.is_wanted = true;
    if (!engine->refresher.has_types)
        engine->refresher.is_unknown = true;
}

/* ---- are there data types? ---- */

void refresher_learn(struct engine *engine, bool has_types)
{
    engine->refresher.has_types = has_types;
    engine->refresher.is_wanted = true;
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

/* ---- the connection ---- */

static void on_ready(void *context)
{
    struct engine *engine = context;
    engine->refresher.is_wanted = true;
    engine->refresher.was_lost_logged = false;
}

/* It comes back by itself. While the node has its own connections it is this one that is refused.
 */
static void on_lost(void *context, const struct failure *failure)
{
    struct engine *engine = context;
    if (!node_is_serving(engine) || engine->refresher.was_lost_logged)
        return;
    log_warning("no connection for refreshes: %s%s%s; trying again", failure->message,
                failure->detail[0] ? ": " : "", failure->detail);
    engine->refresher.was_lost_logged = true;
}

static void connect_when_needed(struct engine *engine)
{
    static const struct pg_connection_events events = {.on_ready = on_ready, .on_lost = on_lost};
    struct refresher *refresher = &engine->refresher;
    if (!refresher->has_types) {
        if (!refresher->is_asking)
            disconnect(refresher);
    } else if (!refresher->connection) {
        refresher->connection = pg_connection_create(&engine->loop, engine->options->database_url,
                                                     "freshness", &events, engine);
        pg_connection_prepare_nothing(refresher->connection);
    }
}

/* ---- asking ---- */

static void put_off(struct engine *engine, int64_t pause_us)
{
    engine->refresher.due_at_us = engine_now_us(engine) + pause_us;
}

static void on_refreshed(void *context, const struct pg_result *result,
                         const struct failure *failure)
{
    struct engine *engine = context;
    struct refresher *refresher = &engine->refresher;
    refresher->is_asking = false;
    if (!result) {
        duties_complain("start what is due to be refreshed", failure);
        refresher->is_wanted = true;
        if (failure->sqlstate[0]) /* or the connection is away, and comes when it does */
            refresher->not_before_us = engine_now_us(engine) + REFUSED_PAUSE_US;
        return;
    }
    int64_t looked = pg_result_integer(result, 0, 0), next_ms = pg_result_integer(result, 0, 1);
    if (looked > 0) {
        doorbell_want_look(engine);
        duties_note_ledger(engine);
    }
    if (pg_result_is_null(result, 0, 1))
        refresher->due_at_us = INT64_MAX;
    else if (next_ms > 0)
        put_off(engine, next_ms * 1000);
    else if (looked == 0)
        put_off(engine, BLOCKED_PAUSE_US + (int64_t)(BLOCKED_PAUSE_US * random_fraction() / 2));
    else
        put_off(engine, 0);
    if (looked > 0 && next_ms == 0)
        refresher->not_before_us = 0; /* there is more */
}

static void ask(struct engine *engine)
{
    struct refresher *refresher = &engine->refresher;
    refresher->is_wanted = false;
    refresher->is_asking = true;
    refresher->due_at_us = INT64_MAX;
    refresher->asked_at_us = engine_now_us(engine);
    refresher->not_before_us = refresher->asked_at_us + SPACING_US;
    store_refresh_due(refresher->connection, REFRESH_LIMIT, on_refreshed, engine);
    pg_connection_end_group(refresher->connection);
}

/* ---- a turn ---- */

static int64_t next_moment(const struct engine *engine)
{
    const struct refresher *refresher = &engine->refresher;
    int64_t next_us = refresher->is_wanted ? 0 : refresher->due_at_us;
    bool is_awake = engine->doorbell.state != BELL_ASLEEP;
    if (is_awake && refresher->asked_at_us + AWAKE_PAUSE_US < next_us)
        next_us = refresher->asked_at_us + AWAKE_PAUSE_US;
    return next_us > refresher->not_before_us ? next_us : refresher->not_before_us;
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
    connect_when_needed(engine);
    if (!refresher->has_types || refresher->is_asking ||
        !pg_connection_is_ready(refresher->connection))
        return;
    int64_t now_us = engine_now_us(engine), next_us = next_moment(engine);
    if (next_us <= now_us)
        ask(engine);
    else if (next_us != INT64_MAX)
        uv_timer_start(&refresher->timer, on_timer, (uint64_t)(next_us - now_us + 999) / 1000, 0);
}
