/*
 * GET /v1/events: a stream of server-sent events (the HTML standard), one for each key whose data
 * has come, as pawl.tell_refreshed() tells them; ?type=...&key=... choose. Streams sleep while
 * there is nothing to send, so an idle one costs some memory only; one connection to the database
 * ("pawl events") is there for all of them, while there are some. What is kept, and when a client
 * is told that it has missed something: event_hub.h.
 */
#ifndef PAWL_API_EVENTS_H
#define PAWL_API_EVENTS_H

#include <microhttpd.h>

#include "api/event_hub.h"
#include "base/text.h"

struct events;

/* url is copied; connects when somebody comes. */
struct events *events_create(const char *database_url);
/* Ends all streams, before the daemon stops. */
void events_end(struct events *events);
/* When the daemon has stopped. NULL is fine. */
void events_destroy(struct events *events);

/* A status; other than 200 body is the answer. With 200 there is a client, which is the request's
 * until events_leave(): events_send() is to be called, with 0 when the access handler is called
 * again: until then the connection is suspended. */
int events_join(struct events *events, struct MHD_Connection *connection, struct text *body,
                struct event_client **client);
enum MHD_Result events_send(struct MHD_Connection *connection, struct event_client *client);

#endif
