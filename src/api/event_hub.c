#include "api/event_hub.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/text.h"

enum { RETRY_MS = 2000, GONE_TICKS = 5 };

struct event_client {
    struct list link;
    struct event_hub *hub;
    void *connection;
    struct event_filter filter;
    struct text queue; /* of whole events, but that the first `taken` bytes are gone */
    size_t taken;
    char last[2]; /* bytes that were taken: an event ends with two newlines */
    int silent_ticks, held_ticks;
    bool is_asleep, is_held, is_gone;
};

struct event_hub {
    const struct event_hooks *hooks;
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    struct list clients;
    int client_count;
    bool is_wanted, is_live, is_closed;
    struct event_log log;
    int ticks, idle_ticks;
};

/* ---- queues ---- */

static void wake(struct event_client *client)
{
    if (!client->is_asleep)
        return;
    client->is_asleep = false;
    client->hub->hooks->wake(client->connection);
}

static void cut(struct text *text, size_t from, size_t to)
{
    memmove(text->start, text->start + from, to - from);
    text->length = to - from;
    text->start[text->length] = '\0';
}

static void drop_taken(struct event_client *client)
{
    if (client->taken)
        cut(&client->queue, client->taken, client->queue.length);
    client->taken = 0;
}

/* What is on its way is completed, or the client would not understand what follows. */
static void empty(struct event_client *client)
{
    bool is_between = client->last[0] == '\n' && client->last[1] == '\n';
    size_t end = 0;
    drop_taken(client);
    if (!is_between && client->queue.length) {
        bool is_at_last_byte = client->last[1] == '\n' && client->queue.start[0] == '\n';
        const char *last = strstr(client->queue.start, "\n\n");
        end = is_at_last_byte ? 1 : (size_t)(last + 2 - client->queue.start);
    }
    if (client->queue.length)
        cut(&client->queue, 0, end);
}

static void tell_missed(struct event_client *client, const char *reason)
{
    empty(client);
    text_append_string(&client->queue, "event: missed\n");
    event_log_write_id(&client->hub->log, &client->queue);
    text_append_format(&client->queue, "data: {\"reason\":\"%s\"}\n\n", reason);
    client->silent_ticks = 0;
}

static void append(struct event_client *client, const struct text *text)
{
    if (client->queue.length - client->taken + text->length > EVENT_QUEUE_BYTES) {
        tell_missed(client, "slow");
        return;
    }
    if (client->queue.length + text->length >= client->queue.capacity)
        drop_taken(client);
    text_append(&client->queue, text->start, text->length);
    client->silent_ticks = 0;
}

/* Says where it is, too: who has heard nothing for long comes back with a number that is known. */
static void beat(struct event_client *client)
{
    struct text text = {0};
    text_append_string(&text, ":\n");
    event_log_write_id(&client->hub->log, &text);
    text_append_string(&text, "\n");
    append(client, &text);
    text_finish(&text);
}

/* ---- clients ---- */

static void offer(struct event_client *client, const struct event *event)
{
    if (event_filter_lets_through(&client->filter, event->type, event->key))
        append(client, &event->text);
}

static void resume(struct event_client *client, const char *last_id)
{
    const struct event_hub *hub = client->hub;
    int64_t number;
    if (!hub->is_live || !event_log_find(&hub->log, last_id, &number)) {
        tell_missed(client, "unknown");
        return;
    }
    while (++number <= hub->log.number)
        offer(client, event_log_at(&hub->log, number));
}

static void greet(struct event_client *client, const char *last_id)
{
    text_append_format(&client->queue, "retry: %d\n\n", RETRY_MS);
    if (last_id && *last_id)
        resume(client, last_id);
    if (!client->is_held) /* else it is told where it is when it is let go */
        beat(client);
}

static void put_to_sleep(struct event_client *client)
{
    client->is_asleep = true;
    client->hub->hooks->sleep(client->connection);
}

static void want(struct event_hub *hub, bool is_wanted)
{
    if (hub->is_wanted == is_wanted)
        return;
    hub->is_wanted = is_wanted;
    hub->hooks->listen(hub->context, is_wanted);
}

struct event_client *event_hub_join(struct event_hub *hub, struct event_filter *filter,
                                    const char *last_id, void *connection, bool *is_held)
{
    struct event_client *client = NULL;
    pthread_mutex_lock(&hub->mutex);
    if (hub->client_count < EVENT_CLIENTS_MAX && !hub->is_closed) {
        client = memory_zeroed(1, sizeof *client);
        *client = (struct event_client){.hub = hub,
                                        .connection = connection,
                                        .filter = *filter,
                                        .last = {'\n', '\n'},
                                        .is_held = !hub->is_live};
        *filter = (struct event_filter){0};
        list_init(&client->link);
        list_append(&hub->clients, &client->link);
        hub->client_count++;
        hub->idle_ticks = 0;
        greet(client, last_id);
        want(hub, true);
        *is_held = client->is_held;
        if (client->is_held)
            put_to_sleep(client);
    }
    pthread_mutex_unlock(&hub->mutex);
    return client;
}

ssize_t event_client_take(struct event_client *client, char *buffer, size_t size)
{
    pthread_mutex_lock(&client->hub->mutex);
    size_t left = client->queue.length - client->taken;
    size_t count = left < size ? left : size;
    bool is_over = client->is_gone || client->hub->is_closed;
    if (is_over) {
        count = 0;
    } else if (!count) {
        text_finish(&client->queue);
        client->taken = 0;
        put_to_sleep(client);
    } else {
        memcpy(buffer, client->queue.start + client->taken, count);
        client->taken += count;
        client->last[0] = count > 1 ? buffer[count - 2] : client->last[1];
        client->last[1] = buffer[count - 1];
    }
    pthread_mutex_unlock(&client->hub->mutex);
    return is_over ? -1 : (ssize_t)count;
}

void event_client_leave(struct event_client *client)
{
    pthread_mutex_lock(&client->hub->mutex);
    list_remove(&client->link);
    client->hub->client_count--;
    pthread_mutex_unlock(&client->hub->mutex);
    event_filter_finish(&client->filter);
    text_finish(&client->queue);
    free(client);
}

/* ---- what happens ---- */

typedef void each_fn(struct event_client *client, const void *context);

/* The mutex is held. */
static void for_each(struct event_hub *hub, each_fn *each, const void *context)
{
    for (struct list *link = hub->clients.next; link != &hub->clients; link = link->next)
        each(list_object(link, struct event_client, link), context);
}

static void offer_and_wake(struct event_client *client, const void *context)
{
    offer(client, context);
    if (client->queue.length > client->taken)
        wake(client);
}

static void publish_one(struct event_hub *hub, const struct refreshed *refreshed, const char *key)
{
    for_each(hub, offer_and_wake, event_log_add(&hub->log, refreshed, key));
}

void event_hub_publish(struct event_hub *hub, const struct refreshed *refreshed)
{
    pthread_mutex_lock(&hub->mutex);
    if (!refreshed->keys)
        publish_one(hub, refreshed, NULL);
    for (size_t i = 0; refreshed->keys && i < refreshed->count; i++)
        publish_one(hub, refreshed, refreshed->keys[i]);
    pthread_mutex_unlock(&hub->mutex);
}

/* Who was held has asked for nothing yet; the others may have. */
static void begin_stream(struct event_client *client, const void *context)
{
    if (client->is_held)
        beat(client);
    else
        tell_missed(client, "database");
    client->is_held = false;
    wake(client);
}

void event_hub_begin_live(struct event_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->is_live = true;
    event_log_skip(&hub->log);
    for_each(hub, begin_stream, NULL);
    pthread_mutex_unlock(&hub->mutex);
}

void event_hub_end_live(struct event_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->is_live = false;
    pthread_mutex_unlock(&hub->mutex);
}

static void tick(struct event_client *client, const void *context)
{
    const struct event_hub *hub = client->hub;
    if (!client->is_asleep)
        return; /* it is being written to */
    if (hub->ticks % GONE_TICKS == 0 && hub->hooks->is_gone(client->connection)) {
        client->is_gone = true;
        wake(client);
    } else if (client->is_held && ++client->held_ticks >= EVENT_HOLD_TICKS) {
        client->is_held = false;
        wake(client);
    } else if (!client->is_held && ++client->silent_ticks >= EVENT_HEARTBEAT_TICKS - 1) {
        beat(client);
        wake(client);
    }
}

void event_hub_tick(struct event_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->ticks++;
    for_each(hub, tick, NULL);
    if (hub->client_count == 0 && ++hub->idle_ticks >= EVENT_LINGER_TICKS)
        want(hub, false);
    pthread_mutex_unlock(&hub->mutex);
}

static void wake_client(struct event_client *client, const void *context)
{
    wake(client);
}

void event_hub_close(struct event_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->is_closed = true;
    for_each(hub, wake_client, NULL);
    pthread_mutex_unlock(&hub->mutex);
}

/* ---- the object ---- */

struct event_hub *event_hub_create(const char *epoch, const struct event_hooks *hooks,
                                   void *context)
{
    struct event_hub *hub = memory_zeroed(1, sizeof *hub);
    event_log_start(&hub->log, epoch);
    hub->hooks = hooks;
    hub->context = context;
    pthread_mutex_init(&hub->mutex, NULL);
    list_init(&hub->clients);
    return hub;
}

void event_hub_destroy(struct event_hub *hub)
{
    if (!hub)
        return;
    CHECK(hub->client_count == 0);
    event_log_finish(&hub->log);
    pthread_mutex_destroy(&hub->mutex);
    free(hub);
}
