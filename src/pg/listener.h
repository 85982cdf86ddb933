/*
 * A thread that listens on one channel, over a connection of its own that is there while somebody
 * wants it and comes back by itself (connection.h). For those who are not on the engine's loop.
 */
#ifndef PAWL_PG_LISTENER_H
#define PAWL_PG_LISTENER_H

#include <stdbool.h>

#include "base/failure.h"

struct listener;

/* All are told from the listener's thread, while it holds no lock of its own. */
struct listener_events {
    /* From now on nothing is missed. */
    void (*on_listening)(void *context);
    /* It is listening no more, or a further attempt has failed; failure is NULL when nobody wants
     * it any more. */
    void (*on_lost)(void *context, const struct failure *failure);
    void (*on_notify)(void *context, const char *payload);
    /* Once a second, as long as it is wanted. */
    void (*on_tick)(void *context);
};

/* url is copied. purpose: of the connection, for pg_stat_activity. listen: "listen channel";
 * static. Nothing is connected yet. */
struct listener *listener_create(const char *url, const char *purpose, const char *listen,
                                 const struct listener_events *events, void *context);
/* Connects, or gives the connection up, soon; from any thread. */
void listener_want(struct listener *listener, bool is_wanted);
/* Waits for the thread: afterwards nothing is told. NULL is fine. */
void listener_destroy(struct listener *listener);

#endif
