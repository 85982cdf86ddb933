#include "pg/listener.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

#include "base/check.h"
#include "base/memory.h"
#include "pg/connection.h"

enum { TICK_MS = 1000 };

struct listener {
    uv_loop_t loop;
    pthread_t thread;
    uv_async_t bell;
    uv_timer_t ticker;
    struct pg_connection *connection;
    bool is_asking, is_listening;
    char *url;
    const char *purpose, *listen;
    const struct listener_events *events;
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    bool is_wanted, is_over;
};

static void on_answer(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct listener *listener = context;
    listener->is_asking = false;
    listener->is_listening = result != NULL;
    if (result)
        listener->events->on_listening(listener->context);
    else if (failure->sqlstate[0]) /* else it is lost, which on_lost() is told of */
        listener->events->on_lost(listener->context, failure);
}

static void on_ready(void *context)
{
    struct listener *listener = context;
    listener->is_asking = true;
    pg_connection_query(listener->connection, listener->listen, 0, NULL, on_answer, listener);
    pg_connection_end_group(listener->connection);
}

static void on_lost(void *context, const struct failure *failure)
{
    struct listener *listener = context;
    listener->is_listening = false;
    listener->events->on_lost(listener->context, failure);
}

static void on_notify(void *context, const char *payload)
{
    const struct listener *listener = context;
    listener->events->on_notify(listener->context, payload);
}

static void on_tick(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    bool is_refused = !listener->is_listening && !listener->is_asking;
    if (is_refused && pg_connection_is_ready(listener->connection))
        on_ready(listener);
    listener->events->on_tick(listener->context);
}

static void open_connection(struct listener *listener)
{
    static const struct pg_connection_events events = {on_ready, on_lost, on_notify};
    listener->connection =
        pg_connection_create(&listener->loop, listener->url, listener->purpose, &events, listener);
    uv_timer_start(&listener->ticker, on_tick, TICK_MS, TICK_MS);
}

static void close_connection(struct listener *listener)
{
    pg_connection_destroy(listener->connection);
    listener->connection = NULL;
    listener->is_listening = false;
    uv_timer_stop(&listener->ticker);
    listener->events->on_lost(listener->context, NULL);
}

/* The bell may have been rung several times since. */
static void on_bell(uv_async_t *bell)
{
    struct listener *listener = bell->data;
    pthread_mutex_lock(&listener->mutex);
    bool is_over = listener->is_over, is_wanted = listener->is_wanted && !is_over;
    pthread_mutex_unlock(&listener->mutex);
    if (is_wanted && !listener->connection)
        open_connection(listener);
    else if (!is_wanted && listener->connection)
        close_connection(listener);
    if (is_over && !uv_is_closing((uv_handle_t *)bell)) {
        uv_close((uv_handle_t *)bell, NULL);
        uv_close((uv_handle_t *)&listener->ticker, NULL);
    }
}

static void *run(void *context)
{
    struct listener *listener = context;
    uv_run(&listener->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct listener *listener_create(const char *url, const char *purpose, const char *listen,
                                 const struct listener_events *events, void *context)
{
    struct listener *listener = memory_zeroed(1, sizeof *listener);
    listener->url = memory_copy_string(url);
    listener->purpose = purpose;
    listener->listen = listen;
    listener->events = events;
    listener->context = context;
    pthread_mutex_init(&listener->mutex, NULL);
    CHECK(uv_loop_init(&listener->loop) == 0);
    CHECK(uv_async_init(&listener->loop, &listener->bell, on_bell) == 0);
    CHECK(uv_timer_init(&listener->loop, &listener->ticker) == 0);
    listener->bell.data = listener->ticker.data = listener;
    CHECK(pthread_create(&listener->thread, NULL, run, listener) == 0);
    return listener;
}

static void set(struct listener *listener, bool *what, bool value)
{
    pthread_mutex_lock(&listener->mutex);
    *what = value;
    pthread_mutex_unlock(&listener->mutex);
    uv_async_send(&listener->bell);
}

void listener_want(struct listener *listener, bool is_wanted)
{
    set(listener, &listener->is_wanted, is_wanted);
}

void listener_destroy(struct listener *listener)
{
    if (!listener)
        return;
    set(listener, &listener->is_over, true);
    CHECK(pthread_join(listener->thread, NULL) == 0);
    CHECK(uv_loop_close(&listener->loop) == 0);
    pthread_mutex_destroy(&listener->mutex);
    free(listener->url);
    free(listener);
}
