/*
 * An HTTP client and a peer on one loop, and what the client's callbacks were told. Each test that
 * includes it includes the client, statics and all.
 */
#ifndef PAWL_TESTS_HTTP_FIXTURE_H
#define PAWL_TESTS_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/client.c"

#include "http_peer.h"

enum { PATIENCE_MS = 10000 };

static const char hello[] = "<p>hello, hello, hello</p>";

struct fixture {
    uv_loop_t loop;
    struct http_client *client;
    struct http_peer *peer;
    struct text url;
};

/* What the callbacks were told; strings are copies. */
struct record {
    struct fixture *fixture;
    struct http_transfer *transfer;
    int heads, pieces, dones;
    bool is_guarded; /* as a request is unless it says otherwise; here the peer is at 127.0.0.1 */
    bool cancels_at_first_piece;
    void (*on_head)(struct record *record);
    void (*on_piece)(struct record *record, struct slice piece); /* NULL: kept in body */
    struct text body, message, content_type, location, version;
    struct text fields; /* "name=value;" each */
    struct http_result result;
    struct record *next;
};

static inline void copy_fields(struct text *text, const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        text_append_slice(text, head->fields[i].name);
        text_append_char(text, '=');
        text_append_slice(text, head->fields[i].value);
        text_append_char(text, ';');
    }
}

static inline void on_head(void *context, const struct http_head *head)
{
    struct record *record = context;
    record->heads++;
    assert_int_equal(record->pieces, 0);
    assert_true(head->status >= 200);
    copy_fields(&record->fields, head);
    if (record->on_head)
        record->on_head(record);
}

static inline void on_body(void *context, struct slice piece)
{
    struct record *record = context;
    assert_int_equal(record->heads, 1);
    assert_int_equal(record->dones, 0);
    record->pieces++;
    if (record->on_piece)
        record->on_piece(record, piece);
    else
        text_append_slice(&record->body, piece);
    if (record->cancels_at_first_piece)
        http_transfer_cancel(record->transfer);
}

static inline void copy_string(struct text *text, const char *string)
{
    if (string)
        text_append_string(text, string);
}

static inline void start(struct fixture *fixture, struct record *record,
                         struct http_request request);

static inline void on_done(void *context, const struct http_result *result)
{
    struct record *record = context;
    record->dones++;
    record->result = *result;
    struct text fields = {0};
    copy_fields(&fields, &result->head);
    if (record->heads)
        assert_string_equal(text_string(&fields), text_string(&record->fields));
    text_finish(&fields);
    copy_string(&record->message, result->message);
    copy_string(&record->content_type, result->head.content_type);
    copy_string(&record->location, result->head.location);
    copy_string(&record->version, result->head.http_version);
    if (record->next)
        start(record->fixture, record->next, (struct http_request){0});
}

static inline void start(struct fixture *fixture, struct record *record,
                         struct http_request request)
{
    static const struct http_callbacks callbacks = {on_head, on_body, on_done};
    request.url = request.url ? request.url : text_string(&fixture->url);
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : PATIENCE_MS;
    request.allow_private = !record->is_guarded;
    record->fixture = fixture;
    record->transfer = http_client_start(fixture->client, &request, &callbacks, record);
    assert_int_equal(record->dones, 0);
}

static inline void on_tick(uv_timer_t *timer)
{
    /* It wakes the loop, so that the condition and the deadline are looked at. */
}

/* Turns the loop until *condition is `wanted` at least. */
static inline void turn_until(struct fixture *fixture, const int *condition, int wanted)
{
    int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL;
    uv_timer_t tick;
    uv_timer_init(&fixture->loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    while (*condition < wanted && clock_now_us() < deadline_us)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_true(*condition >= wanted);
}

static inline void finish(struct record *record)
{
    text_finish(&record->body);
    text_finish(&record->message);
    text_finish(&record->content_type);
    text_finish(&record->location);
    text_finish(&record->version);
    text_finish(&record->fields);
}

static inline const char *at(struct fixture *fixture, const char *path)
{
    text_clear(&fixture->url);
    text_append_format(&fixture->url, "http://127.0.0.1:%d%s", http_peer_port(fixture->peer), path);
    return text_string(&fixture->url);
}

/* One request to its end. */
static inline struct record fetch(struct fixture *fixture, struct http_request request)
{
    struct record record = {0};
    start(fixture, &record, request);
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.dones, 1);
    return record;
}

static inline struct record fetch_path(struct fixture *fixture, const char *path)
{
    return fetch(fixture, (struct http_request){.url = at(fixture, path)});
}

static inline void expect_failure(struct record *record, enum http_failure failure,
                                  const char *message)
{
    assert_int_equal(record->result.failure, failure);
    assert_string_equal(text_string(&record->message), message);
    finish(record);
}

static inline void answer(struct fixture *fixture, const char *path, enum http_peer_manner manner,
                          const char *bytes)
{
    http_peer_answer(fixture->peer, path, manner, slice_of_string(bytes));
}

static inline void answer_encoded(struct fixture *fixture, const char *path, const char *encoding,
                                  const void *bytes, size_t length)
{
    struct text whole = {0};
    text_append_format(&whole,
                       "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                       encoding, length);
    text_append(&whole, bytes, length);
    http_peer_answer(fixture->peer, path, PEER_AT_ONCE, text_slice(&whole));
    text_finish(&whole);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    CHECK(uv_loop_init(&fixture->loop) == 0);
    fixture->client = http_client_create(&fixture->loop, &(struct http_limits){8, 60000});
    fixture->peer = http_peer_create(&fixture->loop);
    *state = fixture;
    return 0;
}

/* Every handle must be closed by the two calls, and nothing else. */
static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    http_client_destroy(fixture->client);
    http_peer_destroy(fixture->peer);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&fixture->loop) == 0);
    text_finish(&fixture->url);
    free(fixture);
    return 0;
}

/* A port on which nobody listens. */
static inline int closed_port(void)
{
    int socket_number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    CHECK(bind(socket_number, (struct sockaddr *)&address, length) == 0);
    CHECK(getsockname(socket_number, (struct sockaddr *)&address, &length) == 0);
    close(socket_number);
    return ntohs(address.sin_port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
