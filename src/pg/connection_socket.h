/*
 * The watch on a connection's socket. libpq owns the socket and may close it or take another, even
 * one of the same number; here is only who waits for what on it.
 */
#ifndef PAWL_PG_CONNECTION_SOCKET_H
#define PAWL_PG_CONNECTION_SOCKET_H

#include <uv.h>

/* status is below 0 when the socket is broken; else events has UV_READABLE, UV_WRITABLE or both. */
typedef void connection_socket_fn(void *context, int status, int events);

struct connection_socket {
    uv_loop_t *loop;
    connection_socket_fn *on_event;
    void *context;
    uv_poll_t *poll; /* NULL: nothing is watched */
    int descriptor, events;
};

void connection_socket_init(struct connection_socket *socket, uv_loop_t *loop,
                            connection_socket_fn *on_event, void *context);
/* Watches this descriptor for these events, and nothing else any more. */
void connection_socket_watch(struct connection_socket *socket, int descriptor, int events);
/* No event comes after this. Call it before libpq may close the socket: another connection's may
 * get the same number. */
void connection_socket_stop(struct connection_socket *socket);

#endif
