/*
 * The life of a node. The table below is the whole of it; everything else here is an action or
 * finds out which event it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/machine.h"
#include "engine/engine.h"

enum {
    DRAIN_LIMIT_MS = 25000, /* what runs may take to end */
    FLUSH_LIMIT_MS = 5000,  /* and then the outcomes to be written */
    ASK_PAUSE_MS = 1000,    /* the database did not answer whether it knows us */
};

enum event {
    CONNECTED,  /* all connections are ready */
    KNOWN,      /* the database knows us: registered, or still there */
    UNKNOWN,    /* it does not, or not any more */
    LOST,       /* a connection is gone */
    STOP,       /* a signal, or serve_stop() */
    DRAINED,    /* nothing runs and every outcome is written */
    TIME_IS_UP, /* the drain's limit */
    LEFT,       /* deregistered */
};

static void step(struct engine *engine, enum event event);

/* ---- connections ---- */

static struct pg_connection **connection_list(struct engine *engine, int which)
{
    struct pg_connection **all[] = {&engine->listen, &engine->claim, &engine->finish,
                                    &engine->duty};
    return which < 4 ? all[which] : NULL;
}

static bool are_all_ready(struct engine *engine)
{
    struct pg_connection **connection;
    for (int i = 0; (connection = connection_list(engine, i)); i++)
        if (!*connection || !pg_connection_is_ready(*connection))
            return false;
    return true;
}

static void on_connection_ready(void *context)
{
    struct engine *engine = context;
    if (are_all_ready(engine))
        step(engine, CONNECTED);
}

static void on_connection_lost(void *context, const struct failure *failure)
{
    struct engine *engine = context;
    if (engine->node_state == NODE_STOPPED)
        return;
    if (!engine->was_lost_logged)
        log_warning("no database: %s%s%s; trying again", failure->message,
                    failure->detail[0] ? ": " : "", failure->detail);
    engine->was_lost_logged = true;
    if (engine->options->on_database_lost)
        engine->options->on_database_lost(engine->options->context);
    step(engine, LOST);
}

static void on_notify(void *context, const char *message)
{
    struct engine *engine = context;
    if (node_is_serving(engine))
        doorbell_rung(engine, message);
}

static void connect_all(struct engine *engine)
{
    static const char *const purposes[] = {"listen", "claim", "finish", "duty"};
    struct pg_connection_events events = {on_connection_ready, on_connection_lost, on_notify};
    struct pg_connection **connection;
    for (int i = 0; (connection = connection_list(engine, i)); i++)
        *connection = pg_connection_create(&engine->loop, engine->options->database_url,
                                           purposes[i], &events, engine);
}

/* ---- actions ---- */

static void on_listening(void *context, const struct pg_result *result,
                         const struct failure *failure)
{
    if (!result && failure->sqlstate[0])
        log_warning("cannot listen, so work is found by looking only: %s", failure->message);
}

static void on_ask_timer(uv_timer_t *timer)
{
    if (are_all_ready(timer->data))
        step(timer->data, CONNECTED);
}

/* A refusal. When the connection is lost instead, its return asks again. */
static void ask_later(struct engine *engine, const struct failure *failure)
{
    if (!pg_connection_is_ready(engine->duty))
        return;
    log_warning("could not ask whether the database knows this node: %s", failure->message);
    uv_timer_start(&engine->ask_timer, on_ask_timer, ASK_PAUSE_MS, 0);
}

static void on_registered(void *context, const struct pg_result *result,
                          const struct failure *failure)
{
    struct engine *engine = context;
    engine->is_asking = false;
    if (result) {
        engine->node_id = (int)pg_result_integer(result, 0, 0);
        store_register_node_read(result, &engine->installation);
        step(engine, KNOWN);
    } else if (failure->sqlstate[0] && engine->node_id == 0) {
        engine->failure = *failure;
        step(engine, STOP);
    } else {
        ask_later(engine, failure);
    }
}

static void register_us(void *owner)
{
    struct engine *engine = owner;
    char host[128] = "", name[160];
    if (engine->is_asking || !are_all_ready(engine))
        return; /* the answer comes, or they do */
    engine->is_asking = true;
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s:%d", host, (int)getpid());
    store_register_node(engine->duty, name, PAWL_VERSION, engine->slots, engine->executor_names,
                        on_registered, engine);
    pg_connection_end_group(engine->duty);
}

static void on_still_known(void *context, const struct pg_result *result,
                           const struct failure *failure)
{
    struct engine *engine = context;
    engine->is_asking = false;
    if (result)
        step(engine, pg_result_boolean(result, 0, 0) ? KNOWN : UNKNOWN);
    else
        ask_later(engine, failure);
}

/* We may have been away for so long that others took our tasks over. */
static void ask_if_known(void *owner)
{
    struct engine *engine = owner;
    struct node_beat beat = {.running = engine->runner.running};
    if (engine->is_asking)
        return;
    engine->is_asking = true;
    store_heartbeat(engine->duty, engine->node_id, &beat, on_still_known, engine);
    pg_connection_end_group(engine->duty);
}

static void begin_serving(void *owner)
{
    struct engine *engine = owner;
    if (!are_all_ready(engine)) { /* one was lost while we asked */
        step(engine, LOST);
        return;
    }
    store_listen(engine->listen, on_listening, engine);
    pg_connection_end_group(engine->listen);
    duties_begin(engine);
    jobs_outdate(&engine->jobs); /* nobody told us while we did not listen */
    doorbell_open(engine);
    doorbell_ask_again(engine);
    relay_begin(engine);
    pruner_begin(engine);
    refresher_begin(engine);
    if (engine->was_lost_logged)
        log_info("the database is back");
    engine->is_catching_up = engine->was_away;
    engine->was_lost_logged = false;
    if (engine->options->on_ready)
        engine->options->on_ready(engine->options->context);
}

/* Claims commit without waiting for the disk, so a crash of the server may undo one, and the same
 * (node, attempt) is given out again. So that it names one execution: what was outstanding is
 * written before we claim again, a task that is running here already is not started twice, and one
 * that waits here for its moment goes back. */
static void pause_serving(void *owner)
{
    struct engine *engine = owner;
    engine->was_away = true;
    doorbell_close(engine);
    runner_return_waiting(engine);
}

static void begin_again(void *owner)
{
    struct engine *engine = owner;
    log_warning("node %d was declared dead after a silence; its tasks were given to others",
                engine->node_id);
    doorbell_close(engine);
    runner_return_waiting(engine);
    runner_cancel_all(engine);
    register_us(engine);
}

static void on_drain_timer(uv_timer_t *timer)
{
    step(timer->data, TIME_IS_UP);
}

static void begin_draining(void *owner)
{
    struct engine *engine = owner;
    doorbell_close(engine);
    runner_return_waiting(engine);
    uv_timer_start(&engine->drain_timer, on_drain_timer, DRAIN_LIMIT_MS, FLUSH_LIMIT_MS);
    if (engine->runner.running)
        log_info("stopping: %d tasks are running", engine->runner.running);
}

/* The first time what still runs is cut off; it is tried again elsewhere. The second time we go. */
static void cut_off(void *owner)
{
    struct engine *engine = owner;
    if (engine->runner.running && !engine->was_cut_off) {
        engine->was_cut_off = true;
        log_warning("stopping: %d tasks did not end in time", engine->runner.running);
        runner_cancel_all(engine);
        return;
    }
    log_warning("stopping: some tasks did not end, or were not written; they will run again");
    step(engine, LEFT);
}

static void on_deregistered(void *context, const struct pg_result *result,
                            const struct failure *failure)
{
    step(context, LEFT);
}

static void leave(void *owner)
{
    struct engine *engine = owner;
    if (!pg_connection_is_ready(engine->duty)) {
        step(engine, LEFT);
        return;
    }
    store_deregister_node(engine->duty, engine->node_id, !engine->finisher.has_given_up,
                          on_deregistered, engine);
    pg_connection_end_group(engine->duty);
}

static void close_all(void *owner)
{
    node_stop(owner);
}

static const struct machine_step steps[] = {
    {NODE_STARTING, CONNECTED, NODE_STARTING, register_us, "the database is there"},
    {NODE_STARTING, KNOWN, NODE_SERVING, begin_serving, "we have an id: claim"},
    {NODE_STARTING, LOST, NODE_STARTING, NULL, "connections come back by themselves"},
    {NODE_STARTING, STOP, NODE_STOPPED, close_all, "nothing was begun"},
    {NODE_SERVING, LOST, NODE_AWAY, pause_serving, "what runs goes on, outcomes are kept"},
    {NODE_SERVING, UNKNOWN, NODE_STARTING, begin_again, "we were silent for too long"},
    {NODE_SERVING, STOP, NODE_DRAINING, begin_draining, "claim no more, let what runs end"},
    {NODE_AWAY, CONNECTED, NODE_AWAY, ask_if_known, "back: are our tasks still ours?"},
    {NODE_AWAY, KNOWN, NODE_SERVING, begin_serving, "they are"},
    {NODE_AWAY, UNKNOWN, NODE_STARTING, begin_again, "they are not"},
    {NODE_AWAY, LOST, NODE_AWAY, NULL, "the other connections, or gone again"},
    {NODE_AWAY, STOP, NODE_DRAINING, begin_draining, "let what runs end, hope for the database"},
    {NODE_DRAINING, DRAINED, NODE_LEAVING, leave, "all is written"},
    {NODE_DRAINING, TIME_IS_UP, NODE_DRAINING, cut_off, "what runs takes too long"},
    {NODE_DRAINING, LEFT, NODE_STOPPED, close_all, "the database did not come back"},
    {NODE_DRAINING, CONNECTED, NODE_DRAINING, NULL, "outcomes can be written again"},
    {NODE_DRAINING, LOST, NODE_DRAINING, NULL, "outcomes are kept"},
    {NODE_DRAINING, KNOWN, NODE_DRAINING, NULL, "an answer from before"},
    {NODE_DRAINING, UNKNOWN, NODE_DRAINING, NULL, "our outcomes come too late, harmlessly"},
    {NODE_DRAINING, STOP, NODE_STOPPED, close_all, "asked twice: at once"},
    {NODE_LEAVING, LEFT, NODE_STOPPED, close_all, "goodbye"},
    {NODE_LEAVING, LOST, NODE_LEAVING, NULL, "the answer comes as lost"},
    {NODE_LEAVING, KNOWN, NODE_LEAVING, NULL, "an answer from before"},
    {NODE_LEAVING, UNKNOWN, NODE_LEAVING, NULL, "an answer from before"},
    {NODE_LEAVING, CONNECTED, NODE_LEAVING, NULL, "we are going"},
    {NODE_LEAVING, TIME_IS_UP, NODE_STOPPED, close_all,
     "no answer: rescue will find nothing to do"},
    {NODE_LEAVING, STOP, NODE_STOPPED, close_all, "asked twice: at once"},
    {NODE_STARTING, UNKNOWN, NODE_STARTING, register_us, "an answer from before"},
    {NODE_SERVING, CONNECTED, NODE_SERVING, NULL, "asked again, and answered meanwhile"},
    {NODE_SERVING, KNOWN, NODE_SERVING, NULL, "an answer from before"},
    {NODE_STOPPED, CONNECTED, NODE_STOPPED, NULL, "closing"},
    {NODE_STOPPED, LOST, NODE_STOPPED, NULL, "closing"},
    {NODE_STOPPED, STOP, NODE_STOPPED, NULL, "closing"},
    {NODE_STOPPED, LEFT, NODE_STOPPED, NULL, "closing"},
    {NODE_STOPPED, KNOWN, NODE_STOPPED, NULL, "closing"},
    {NODE_STOPPED, UNKNOWN, NODE_STOPPED, NULL, "closing"},
};

static void step(struct engine *engine, enum event event)
{
    machine_step(steps, sizeof steps / sizeof *steps, &engine->node_state, event, engine);
}

/* ---- for the other parts ---- */

bool node_is_serving(const struct engine *engine)
{
    return engine->node_state == NODE_SERVING;
}

bool node_is_registered(const struct engine *engine)
{
    return engine->node_state == NODE_SERVING || engine->node_state == NODE_AWAY ||
           engine->node_state == NODE_DRAINING;
}

void node_was_declared_dead(struct engine *engine)
{
    step(engine, UNKNOWN);
}

void node_start(struct engine *engine)
{
    uv_timer_init(&engine->loop, &engine->drain_timer);
    uv_timer_init(&engine->loop, &engine->ask_timer);
    engine->drain_timer.data = engine->ask_timer.data = engine;
    connect_all(engine);
}

void node_ask_to_stop(struct engine *engine)
{
    step(engine, STOP);
}

void node_turn(struct engine *engine)
{
    if (engine->node_state == NODE_DRAINING && engine->runner.running == 0 &&
        engine->claimer.groups == 0 && finisher_is_empty(engine) && runner_settle(engine))
        step(engine, DRAINED);
}
