/*
 * Who listens to events: a queue for each client, in the words in which it is sent, and the last
 * events of all, for those who come back (event_log.h). Knows no sockets and no database: hooks put
 * a client's connection to sleep, and wake it.
 *
 * Nothing grows: a queue that is full is emptied, and the client told that it has missed something
 * (event "missed", data {"reason"}), so that it asks for what it shows. It is told the same when
 * nobody listened for a while ("database"), and when it comes back with an id that is not known any
 * more ("unknown").
 *
 * Any thread; the hooks are called under the hub's lock, so they may not call it.
 */
#ifndef PAWL_API_EVENT_HUB_H
#define PAWL_API_EVENT_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "api/event_filter.h"
#include "api/event_log.h"

enum {
    EVENT_CLIENTS_MAX = 1000,
    EVENT_QUEUE_BYTES = 64 * 1024, /* of a client */
    EVENT_HEARTBEAT_TICKS = 15,    /* a client hears something at least so often */
    EVENT_HOLD_TICKS = 3,          /* a stream begins, at the latest, though nobody listens yet */
    EVENT_LINGER_TICKS = 30,       /* without clients, then nobody listens any more */
};

struct event_hub;
struct event_client;

struct event_hooks {
    /* The client's connection sends nothing until it is woken; it is awake at first. */
    void (*sleep)(void *connection);
    void (*wake)(void *connection);
    /* Of one that sleeps: has it been closed at the other end? */
    bool (*is_gone)(void *connection);
    /* Whether anybody wants notifications. */
    void (*listen)(void *context, bool is_wanted);
};

/* epoch: without a dash; copied. */
struct event_hub *event_hub_create(const char *epoch, const struct event_hooks *hooks,
                                   void *context);
/* Ends all streams, and lets nobody join. */
void event_hub_close(struct event_hub *hub);
/* When all clients have left. NULL is fine. */
void event_hub_destroy(struct event_hub *hub);

/* Takes the filter over. last_id: of the event that it saw last, or NULL. *is_held: nobody listens
 * yet, so the connection sleeps until somebody does, or some ticks have passed; only then is the
 * client to be told that it has its stream. NULL: there are too many, or the hub is closed. */
struct event_client *event_hub_join(struct event_hub *hub, struct event_filter *filter,
                                    const char *last_id, void *connection, bool *is_held);
/* The next bytes, at most so many; 0: there are none, and the connection was put to sleep; -1: it
 * is over. */
ssize_t event_client_take(struct event_client *client, char *buffer, size_t size);
/* Frees it. */
void event_client_leave(struct event_client *client);

void event_hub_publish(struct event_hub *hub, const struct refreshed *refreshed);
/* From now on nothing is missed; from now on it may be. */
void event_hub_begin_live(struct event_hub *hub);
void event_hub_end_live(struct event_hub *hub);
/* Once a second, while somebody wants notifications. */
void event_hub_tick(struct event_hub *hub);

#endif
