#include "pg/connection_socket.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

void connection_socket_init(struct connection_socket *socket, uv_loop_t *loop,
                            connection_socket_fn *on_event, void *context)
{
    *socket = (struct connection_socket){.loop = loop, .on_event = on_event, .context = context};
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct connection_socket *socket = handle->data;
    if (socket)
        socket->on_event(socket->context, status, events);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void connection_socket_stop(struct connection_socket *socket)
{
    if (socket->poll) {
        socket->poll->data = NULL;
        uv_close((uv_handle_t *)socket->poll, on_poll_closed);
    }
    socket->poll = NULL;
    socket->events = 0;
}

void connection_socket_watch(struct connection_socket *socket, int descriptor, int events)
{
    if (socket->poll && descriptor != socket->descriptor)
        connection_socket_stop(socket);
    if (!socket->poll) {
        socket->poll = memory_zeroed(1, sizeof *socket->poll);
        socket->poll->data = socket;
        socket->descriptor = descriptor;
        CHECK(uv_poll_init(socket->loop, socket->poll, descriptor) == 0);
    }
    if (events != socket->events)
        CHECK(uv_poll_start(socket->poll, events, on_poll) == 0);
    socket->events = events;
}
