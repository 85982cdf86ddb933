#include "connection.h"

#include <stdlib.h>
#include <time.h>

#include "access_log.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "routes.h"
#include "tls.h"

enum { WAITING_BYTES_MAX = 1 << 24, PARTS = 3, SIZE_LINE_BYTES = 24 };

struct connection {
    struct list link;
    struct farm *farm;
    uv_tcp_t socket;
    uv_timer_t timer; /* for what the answer waits for */
    uv_write_t write;
    int open_handles;
    struct tls_session *tls;     /* NULL: none */
    struct text received, early; /* what came while an answer is under way is early */
    struct text head, encrypted;
    struct exchange exchange; /* valid while is_answering */
    size_t request_bytes;
    bool is_answering, is_kept_alive, is_closing;
};

/* Bytes that TLS sends of its own. */
struct note {
    uv_write_t write;
    struct text bytes;
};

static void take_requests(struct connection *connection);
static void go_on(struct connection *connection);

static void end_exchange(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    connection->is_answering = false;
    stream_destroy(exchange->answer.stream);
    exchange->answer.stream = NULL;
    if (!exchange->is_counted)
        return;
    host_end(exchange->host, exchange->sent_bytes ? exchange->answer.status : 0,
             exchange->sent_bytes);
    access_log_add(connection->farm->log, exchange, clock_now_us());
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    list_remove(&connection->link);
    connection->farm->open_connections--;
    answer_finish(&connection->exchange.answer);
    text_finish(&connection->received);
    text_finish(&connection->early);
    text_finish(&connection->head);
    text_finish(&connection->encrypted);
    tls_session_destroy(connection->tls);
    free(connection);
}

static void close_connection(struct connection *connection, bool is_reset)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    if (connection->is_answering)
        end_exchange(connection);
    uv_close((uv_handle_t *)&connection->timer, on_closed);
    if (!is_reset || uv_tcp_close_reset(&connection->socket, on_closed) != 0)
        uv_close((uv_handle_t *)&connection->socket, on_closed);
}

/* What was read behind it is the start of the next one. */
static void forget_request(struct connection *connection)
{
    struct text *received = &connection->received, *early = &connection->early;
    received->length -= connection->request_bytes;
    memmove(received->start, received->start + connection->request_bytes, received->length + 1);
    text_append_slice(received, text_slice(early));
    text_clear(early);
}

/* The answer has been sent as far as it goes. */
static void end_answer(struct connection *connection)
{
    enum answer_end end = connection->exchange.answer.end;
    if (end == END_HANGS)
        return;
    end_exchange(connection);
    if (end == END_RESET || !connection->is_kept_alive) {
        close_connection(connection, end == END_RESET);
        return;
    }
    forget_request(connection);
    take_requests(connection);
}

/* Never early: the loop counts whole milliseconds, and from when its turn began. */
static void wait_ms(struct connection *connection, int pause_ms, uv_timer_cb on_over)
{
    uv_update_time(&connection->farm->loop);
    uv_timer_start(&connection->timer, on_over, (uint64_t)pause_ms + 1, 0);
}

static void on_time(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    const struct stream *stream = connection->exchange.answer.stream;
    if (connection->is_closing)
        return;
    if (status != 0)
        close_connection(connection, false);
    else if (!stream)
        end_answer(connection);
    else if (stream->pause_ms)
        wait_ms(connection, stream->pause_ms, on_time);
    else
        go_on(connection);
}

/* Sends the parts as they are, or encrypted. They stay until on_written(). */
static void send_parts(struct connection *connection, uv_buf_t parts[], unsigned count)
{
    if (connection->tls) {
        text_clear(&connection->encrypted);
        for (unsigned i = 0; i < count; i++)
            tls_session_encrypt(connection->tls, slice_of(parts[i].base, parts[i].len),
                                &connection->encrypted);
        parts[0] = uv_buf_init(connection->encrypted.start, (unsigned)connection->encrypted.length);
        count = 1;
    }
    for (unsigned i = 0; i < count; i++)
        connection->exchange.sent_bytes += parts[i].len;
    CHECK(uv_write(&connection->write, (uv_stream_t *)&connection->socket, parts, count,
                   on_written) == 0);
}

/* Makes the stream's next piece; a stream that has ended is gone afterwards. */
static void fill_piece(struct answer *answer)
{
    bool is_more;
    text_clear(&answer->body);
    do {
        is_more = answer->stream->next(answer->stream, &answer->body);
    } while (is_more && !answer->body.length);
    if (is_more)
        return;
    stream_destroy(answer->stream);
    answer->stream = NULL;
}

static uv_buf_t buffer_of(struct text *text)
{
    return uv_buf_init(text->start, (unsigned)text->length);
}

/* What has been put together in `head`, the body, and behind it the end of a chunk. */
static void send_body(struct connection *connection, bool is_chunk)
{
    static char line_end[] = "\r\n", chunks_end[] = "\r\n0\r\n\r\n";
    struct answer *answer = &connection->exchange.answer;
    uv_buf_t parts[PARTS];
    unsigned count = 0;
    if (connection->head.length)
        parts[count++] = buffer_of(&connection->head);
    if (answer->body.length)
        parts[count++] = buffer_of(&answer->body);
    if (is_chunk && answer->body.length) {
        char *end = answer->stream ? line_end : chunks_end;
        parts[count++] = uv_buf_init(end, (unsigned)strlen(end));
    } else if (is_chunk) {
        parts[count++] = uv_buf_init(chunks_end + 2, (unsigned)strlen(chunks_end + 2));
    }
    if (count)
        send_parts(connection, parts, count);
    else
        end_answer(connection);
}

/* The next piece of a stream, behind what is in `head` already. */
static void send_piece(struct connection *connection)
{
    struct answer *answer = &connection->exchange.answer;
    bool is_chunk = answer_is_chunked(answer, connection->exchange.request.is_old);
    fill_piece(answer);
    if (is_chunk && answer->body.length)
        text_append_format(&connection->head, "%zx\r\n", answer->body.length);
    send_body(connection, is_chunk);
}

static void go_on(struct connection *connection)
{
    text_clear(&connection->head);
    send_piece(connection);
}

static void start_sending(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    struct answer *answer = &exchange->answer;
    bool is_old = exchange->request.is_old;
    bool is_framed = !answer->stream || answer->length >= 0 || answer_is_chunked(answer, is_old);
    connection->is_kept_alive =
        exchange->request.is_kept_alive && is_framed && answer->end == END_AS_ASKED;
    text_clear(&connection->head);
    if (!answer->is_raw)
        answer_head(answer, is_old, connection->is_kept_alive, &connection->head);
    if (!answer->is_raw && slice_equals(exchange->request.method, slice_of_string("HEAD"))) {
        stream_destroy(answer->stream);
        answer->stream = NULL;
        text_clear(&answer->body);
    }
    if (answer->stream)
        send_piece(connection);
    else
        send_body(connection, false);
}

static void on_delay_over(uv_timer_t *timer)
{
    start_sending(timer->data);
}

static int64_t real_time_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A request without Host is taken for one to the first address. */
static void name_host(struct connection *connection)
{
    struct request *request = &connection->exchange.request;
    static const char nobody[] = "127.0.0.1";
    if (!request->host.length)
        request->host = request->authority = slice_of_string(nobody);
    connection->exchange.host = hosts_get(connection->farm->hosts, request->host);
}

static void begin_exchange(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    exchange->arrived_us = clock_now_us();
    exchange->arrived_real_us = real_time_us();
    exchange->sent_bytes = 0;
    exchange->is_counted = !slice_starts_with(exchange->request.path, "/farm/");
    connection->request_bytes = exchange->request.head.length + exchange->request.body.length;
    connection->is_answering = true;
    name_host(connection);
    if (exchange->is_counted)
        host_begin(exchange->host, exchange->arrived_us);
    answer_start(&exchange->answer);
    route_exchange(exchange);
    answer_complete(&exchange->answer);
    if (exchange->answer.delay_ms)
        wait_ms(connection, exchange->answer.delay_ms, on_delay_over);
    else
        start_sending(connection);
}

static void take_requests(struct connection *connection)
{
    if (connection->is_answering || connection->is_closing)
        return;
    switch (request_read(&connection->exchange.request, text_slice(&connection->received))) {
    case REQUEST_GOES_ON:
        break;
    case REQUEST_IS_WHOLE:
        begin_exchange(connection);
        break;
    case REQUEST_IS_BAD:
        close_connection(connection, false);
        break;
    }
}

static void on_note_sent(uv_write_t *write, int status)
{
    struct note *note = write->data;
    text_finish(&note->bytes);
    free(note);
}

/* Owns the bytes. */
static void send_note(struct connection *connection, struct text bytes)
{
    struct note *note = memory_zeroed(1, sizeof *note);
    note->bytes = bytes;
    note->write.data = note;
    uv_buf_t part = buffer_of(&note->bytes);
    CHECK(uv_write(&note->write, (uv_stream_t *)&connection->socket, &part, 1, on_note_sent) == 0);
}

/* False: the TLS session is over. */
static bool take_encrypted(struct connection *connection, struct slice bytes, struct text *plain)
{
    struct text to_send = {0};
    bool goes_on = tls_session_feed(connection->tls, bytes, plain, &to_send);
    if (to_send.length)
        send_note(connection, to_send);
    else
        text_finish(&to_send);
    return goes_on;
}

static void on_buffer(uv_handle_t *handle, size_t wish, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    *buffer = uv_buf_init(connection->farm->buffer, sizeof connection->farm->buffer);
}

static void on_read(uv_stream_t *socket, ssize_t length, const uv_buf_t *buffer)
{
    struct connection *connection = socket->data;
    bool goes_on = length >= 0;
    /* The request that is being answered must not move: its parts are views of `received`. */
    struct text *into = connection->is_answering ? &connection->early : &connection->received;
    if (length > 0 && connection->tls)
        goes_on = take_encrypted(connection, slice_of(buffer->base, (size_t)length), into);
    else if (length > 0)
        text_append(into, buffer->base, (size_t)length);
    if (!goes_on || into->length > WAITING_BYTES_MAX)
        close_connection(connection, false);
    else
        take_requests(connection);
}

void connection_accept(struct farm *farm, uv_stream_t *listener, bool is_tls)
{
    struct connection *connection = memory_zeroed(1, sizeof *connection);
    connection->farm = farm;
    connection->exchange.farm = farm;
    connection->exchange.is_tls = is_tls;
    connection->tls = is_tls ? tls_session_create(farm->tls) : NULL;
    uv_tcp_init(&farm->loop, &connection->socket);
    uv_timer_init(&farm->loop, &connection->timer);
    connection->socket.data = connection->timer.data = connection->write.data = connection;
    connection->open_handles = 2;
    list_init(&connection->link);
    list_append(&farm->connections, &connection->link);
    farm->open_connections++;
    farm->accepted_connections++;
    if (uv_accept(listener, (uv_stream_t *)&connection->socket) != 0) {
        close_connection(connection, false);
        return;
    }
    uv_tcp_nodelay(&connection->socket, 1);
    uv_read_start((uv_stream_t *)&connection->socket, on_buffer, on_read);
}

void connection_close_all(struct farm *farm)
{
    struct list *connections = &farm->connections;
    for (struct list *link = connections->next; link != connections; link = link->next)
        close_connection(list_object(link, struct connection, link), false);
}
