#include "http_peer.h"

#include <signal.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

enum { SLOW_MS = 20 };

struct route {
    struct list link;
    char *path;
    enum http_peer_manner manner;
    struct text bytes;
};

struct connection;

struct http_peer {
    uv_tcp_t listener;
    struct list routes, connections;
    int connection_count, request_count;
    bool is_listener_closed;
    struct text last_request;
};

/* The bytes on their way; kept apart from the route, which the test may change meanwhile. */
struct answer {
    uv_write_t write;
    struct connection *connection;
    enum http_peer_manner manner;
    size_t sent;
    struct text bytes;
};

struct connection {
    struct list link;
    struct http_peer *peer;
    uv_tcp_t socket;
    uv_idle_t pacer; /* turns with the loop while an answer goes out in pieces */
    uv_timer_t slow_pacer;
    int open_handles;
    struct text received;
    char buffer[4096];
    bool is_closing;
    struct answer *answer;
};

static void release(struct http_peer *peer)
{
    if (!peer->is_listener_closed || !list_is_empty(&peer->connections))
        return;
    struct list *link;
    while ((link = list_first(&peer->routes))) {
        struct route *route = list_object(link, struct route, link);
        list_remove(link);
        free(route->path);
        text_finish(&route->bytes);
        free(route);
    }
    text_finish(&peer->last_request);
    free(peer);
}

static void forget_answer(struct connection *connection)
{
    if (connection->answer)
        text_finish(&connection->answer->bytes);
    free(connection->answer);
    connection->answer = NULL;
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct http_peer *peer = connection->peer;
    if (--connection->open_handles > 0)
        return;
    list_remove(&connection->link);
    forget_answer(connection);
    text_finish(&connection->received);
    free(connection);
    release(peer);
}

static void close_connection(struct connection *connection)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    uv_close((uv_handle_t *)&connection->pacer, on_connection_closed);
    uv_close((uv_handle_t *)&connection->slow_pacer, on_connection_closed);
    uv_close((uv_handle_t *)&connection->socket, on_connection_closed);
}

static void send_next(struct answer *answer);
static void take_requests(struct connection *connection);

static void on_turn(uv_idle_t *pacer)
{
    struct connection *connection = pacer->data;
    uv_idle_stop(pacer);
    send_next(connection->answer);
}

static void on_slow_turn(uv_timer_t *pacer)
{
    struct connection *connection = pacer->data;
    send_next(connection->answer);
}

static void await_turn(struct connection *connection)
{
    if (connection->answer->manner == PEER_SLOWLY)
        uv_timer_start(&connection->slow_pacer, on_slow_turn, SLOW_MS, 0);
    else
        uv_idle_start(&connection->pacer, on_turn);
}

static void on_sent(uv_write_t *write, int status)
{
    struct answer *answer = write->data;
    struct connection *connection = answer->connection;
    if (connection->is_closing)
        return;
    if (status == 0 && answer->sent < answer->bytes.length) {
        await_turn(connection);
        return;
    }
    enum http_peer_manner manner = answer->manner;
    forget_answer(connection);
    if (status != 0 || manner == PEER_THEN_CLOSE)
        close_connection(connection);
    else
        take_requests(connection);
}

static void send_next(struct answer *answer)
{
    size_t left = answer->bytes.length - answer->sent;
    bool is_in_pieces = answer->manner == PEER_IN_PIECES || answer->manner == PEER_SLOWLY;
    size_t length = is_in_pieces && left > 1 ? 1 : left;
    uv_buf_t piece = uv_buf_init(answer->bytes.start + answer->sent, (unsigned)length);
    answer->sent += length;
    answer->write.data = answer;
    CHECK(uv_write(&answer->write, (uv_stream_t *)&answer->connection->socket, &piece, 1,
                   on_sent) == 0);
}

static struct route *find_route(struct http_peer *peer, struct slice path)
{
    for (struct list *link = peer->routes.next; link != &peer->routes; link = link->next) {
        struct route *route = list_object(link, struct route, link);
        if (slice_equals(path, slice_of_string(route->path)))
            return route;
    }
    return NULL;
}

/* line: method and path. */
static void answer_request(struct connection *connection, struct slice line)
{
    static const char lost[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost";
    const char *path = memchr(line.start, ' ', line.length);
    const struct route *route = find_route(connection->peer, line);
    if (!route && path)
        route = find_route(connection->peer,
                           slice_of(path + 1, line.length - (size_t)(path + 1 - line.start)));
    if (route && route->manner == PEER_SILENT)
        return;
    struct answer *answer = memory_zeroed(1, sizeof *answer);
    answer->connection = connection;
    answer->manner = route ? route->manner : PEER_AT_ONCE;
    text_append_slice(&answer->bytes, route ? text_slice(&route->bytes) : slice_of_string(lost));
    connection->answer = answer;
    send_next(answer);
}

static size_t body_bytes(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? strtoul(field + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* One after the other: a request that came early waits until the one before it was answered. */
static void take_requests(struct connection *connection)
{
    struct text *received = &connection->received;
    char *end = received->length ? strstr(received->start, "\r\n\r\n") : NULL;
    if (!end || connection->answer || connection->is_closing)
        return;
    size_t length = (size_t)(end - received->start) + 4 + body_bytes(received->start);
    if (received->length < length)
        return;
    struct http_peer *peer = connection->peer;
    peer->request_count++;
    text_clear(&peer->last_request);
    text_append(&peer->last_request, received->start, length);
    struct text rest = {0};
    text_append(&rest, received->start + length, received->length - length);
    text_finish(received);
    *received = rest;
    const char *line = peer->last_request.start;
    size_t method = strcspn(line, " ") + 1;
    answer_request(connection, slice_of(line, method + strcspn(line + method, " ")));
}

static void on_buffer(uv_handle_t *handle, size_t wish, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    *buffer = uv_buf_init(connection->buffer, sizeof connection->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    if (length < 0) {
        close_connection(connection);
        return;
    }
    text_append(&connection->received, buffer->base, (size_t)length);
    take_requests(connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_peer *peer = listener->data;
    CHECK(status == 0);
    struct connection *connection = memory_zeroed(1, sizeof *connection);
    connection->peer = peer;
    uv_tcp_init(listener->loop, &connection->socket);
    uv_idle_init(listener->loop, &connection->pacer);
    uv_timer_init(listener->loop, &connection->slow_pacer);
    connection->socket.data = connection->pacer.data = connection->slow_pacer.data = connection;
    connection->open_handles = 3;
    list_init(&connection->link);
    list_append(&peer->connections, &connection->link);
    CHECK(uv_accept(listener, (uv_stream_t *)&connection->socket) == 0);
    uv_tcp_nodelay(&connection->socket, 1);
    uv_read_start((uv_stream_t *)&connection->socket, on_buffer, on_read);
    peer->connection_count++;
}

struct http_peer *http_peer_create(uv_loop_t *loop)
{
    struct http_peer *peer = memory_zeroed(1, sizeof *peer);
    struct sockaddr_in address;
    signal(SIGPIPE, SIG_IGN); /* clients that hang up are part of the tests */
    list_init(&peer->routes);
    list_init(&peer->connections);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &peer->listener);
    peer->listener.data = peer;
    CHECK(uv_tcp_bind(&peer->listener, (struct sockaddr *)&address, 0) == 0);
    CHECK(uv_listen((uv_stream_t *)&peer->listener, 64, on_connection) == 0);
    return peer;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_peer *peer = handle->data;
    peer->is_listener_closed = true;
    release(peer);
}

void http_peer_destroy(struct http_peer *peer)
{
    for (struct list *link = peer->connections.next; link != &peer->connections; link = link->next)
        close_connection(list_object(link, struct connection, link));
    uv_close((uv_handle_t *)&peer->listener, on_listener_closed);
}

int http_peer_port(const struct http_peer *peer)
{
    struct sockaddr_in address;
    int length = sizeof address;
    CHECK(uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

void http_peer_answer(struct http_peer *peer, const char *path, enum http_peer_manner manner,
                      struct slice bytes)
{
    struct route *route = find_route(peer, slice_of_string(path));
    if (!route) {
        route = memory_zeroed(1, sizeof *route);
        route->path = memory_copy_string(path);
        list_init(&route->link);
        list_append(&peer->routes, &route->link);
    }
    route->manner = manner;
    text_clear(&route->bytes);
    text_append_slice(&route->bytes, bytes);
}

void http_peer_serve(struct http_peer *peer, const char *path, const char *status,
                     const char *headers, const char *body)
{
    struct text bytes = {0};
    text_append_format(&bytes, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
                       strlen(body), body);
    http_peer_answer(peer, path, PEER_AT_ONCE, text_slice(&bytes));
    text_finish(&bytes);
}

int http_peer_connections(const struct http_peer *peer)
{
    return peer->connection_count;
}

int http_peer_requests(const struct http_peer *peer)
{
    return peer->request_count;
}

const char *http_peer_last_request(const struct http_peer *peer)
{
    return text_string(&peer->last_request);
}
