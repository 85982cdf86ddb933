/*
 * A curl multi handle driven by a libuv loop (libcurl's "multi_socket" interface): its sockets are
 * watched, its one timer is kept, and easy handles that have ended are told.
 */
#ifndef PAWL_HTTP_MULTI_LOOP_H
#define PAWL_HTTP_MULTI_LOOP_H

#include <curl/curl.h>
#include <uv.h>

struct multi_loop;

/* Called outside of libcurl; the easy handle has left the multi handle already. */
typedef void multi_loop_ended_fn(void *owner, CURL *easy, CURLcode code);

/* connections: kept open for later, at most. */
struct multi_loop *multi_loop_create(uv_loop_t *loop, long connections,
                                     multi_loop_ended_fn *on_ended, void *owner);
/* Closes the connections; no easy handle may be left in it. The handles are closed as the loop
 * turns. Not from inside a callback of libcurl nor on_ended. */
void multi_loop_destroy(struct multi_loop *multi);
void multi_loop_add(struct multi_loop *multi, CURL *easy);
/* Not from inside a callback of libcurl. on_ended is not called for it. */
void multi_loop_remove(struct multi_loop *multi, CURL *easy);

#endif
