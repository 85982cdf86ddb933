/*
 * The HTTP client against a peer on the same loop, which can misbehave in every way, and against
 * nginx for TLS and HTTP/2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/client.c"

#include "http_peer.h"

enum { PATIENCE_MS = 10000 };

static const unsigned char gzip_hello[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                           0x03, 0xb3, 0x29, 0xb0, 0xcb, 0x48, 0xcd, 0xc9, 0xc9,
                                           0xd7, 0x51, 0x40, 0xa6, 0x6c, 0xf4, 0x0b, 0xec, 0x00,
                                           0x7f, 0x6b, 0x49, 0x04, 0x1a, 0x00, 0x00, 0x00};
static const unsigned char brotli_hello[] = {
    0x8b, 0x0c, 0x80, 0x3c, 0x70, 0x3e, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x68, 0x65,
    0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x3c, 0x2f, 0x70, 0x3e, 0x03};
static const unsigned char gzip_5000_bytes[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x01,
    0x00, 0x00, 0x00, 0xc2, 0xa0, 0xac, 0xeb, 0x5f, 0xc2, 0x14, 0x7e, 0x40, 0x01, 0x00,
    0x00, 0x00, 0x00, 0x6f, 0x03, 0x76, 0x59, 0xf4, 0x4c, 0x88, 0x13, 0x00, 0x00};
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
    bool cancels_at_first_piece, starts_another;
    struct text body, message, content_type, location, version;
    struct http_result result;
    struct record *next;
};

static void on_head(void *context, const struct http_head *head)
{
    struct record *record = context;
    record->heads++;
    assert_int_equal(record->pieces, 0);
    assert_true(head->status >= 200);
}

static void on_body(void *context, struct slice piece)
{
    struct record *record = context;
    assert_int_equal(record->heads, 1);
    assert_int_equal(record->dones, 0);
    record->pieces++;
    text_append_slice(&record->body, piece);
    if (record->cancels_at_first_piece)
        http_transfer_cancel(record->transfer);
}

static void copy_string(struct text *text, const char *string)
{
    if (string)
        text_append_string(text, string);
}

static void start(struct fixture *fixture, struct record *record, struct http_request request);

static void on_done(void *context, const struct http_result *result)
{
    struct record *record = context;
    record->dones++;
    record->result = *result;
    copy_string(&record->message, result->message);
    copy_string(&record->content_type, result->head.content_type);
    copy_string(&record->location, result->head.location);
    copy_string(&record->version, result->head.http_version);
    if (record->next)
        start(record->fixture, record->next, (struct http_request){0});
}

static void start(struct fixture *fixture, struct record *record, struct http_request request)
{
    static const struct http_callbacks callbacks = {on_head, on_body, on_done};
    request.url = request.url ? request.url : text_string(&fixture->url);
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : PATIENCE_MS;
    record->fixture = fixture;
    record->transfer = http_client_start(fixture->client, &request, &callbacks, record);
    assert_int_equal(record->dones, 0);
}

static void on_tick(uv_timer_t *timer)
{
    /* It wakes the loop, so that the condition and the deadline are looked at. */
}

/* Turns the loop until *condition is `wanted` at least. */
static void turn_until(struct fixture *fixture, const int *condition, int wanted)
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

static void finish(struct record *record)
{
    text_finish(&record->body);
    text_finish(&record->message);
    text_finish(&record->content_type);
    text_finish(&record->location);
    text_finish(&record->version);
}

static const char *at(struct fixture *fixture, const char *path)
{
    text_clear(&fixture->url);
    text_append_format(&fixture->url, "http://127.0.0.1:%d%s", http_peer_port(fixture->peer), path);
    return text_string(&fixture->url);
}

/* One request to its end. */
static struct record fetch(struct fixture *fixture, struct http_request request)
{
    struct record record = {0};
    start(fixture, &record, request);
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.dones, 1);
    return record;
}

static struct record fetch_path(struct fixture *fixture, const char *path)
{
    return fetch(fixture, (struct http_request){.url = at(fixture, path)});
}

static void expect_failure(struct record *record, enum http_failure failure, const char *message)
{
    assert_int_equal(record->result.failure, failure);
    assert_string_equal(text_string(&record->message), message);
    finish(record);
}

static void answer(struct fixture *fixture, const char *path, enum http_peer_manner manner,
                   const char *bytes)
{
    http_peer_answer(fixture->peer, path, manner, slice_of_string(bytes));
}

static void answer_encoded(struct fixture *fixture, const char *path, const char *encoding,
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

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    CHECK(uv_loop_init(&fixture->loop) == 0);
    fixture->client = http_client_create(&fixture->loop, &(struct http_limits){8, 60000});
    fixture->peer = http_peer_create(&fixture->loop);
    *state = fixture;
    return 0;
}

/* Every handle must be closed by the two calls, and nothing else. */
static int tear_down(void **state)
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

static void test_an_answer_is_told_whole(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/a", "200 OK", "Content-Type:  text/html; charset=utf-8 \r\n",
                    hello);
    static const char *const headers[] = {"X-One: 1", NULL};
    struct record record =
        fetch(fixture, (struct http_request){
                           .url = at(fixture, "/a"), .user_agent = "Test/1", .headers = headers});
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    assert_int_equal(record.result.head.status, 200);
    assert_string_equal(text_string(&record.version), "1.1");
    assert_string_equal(text_string(&record.content_type), "text/html; charset=utf-8");
    assert_string_equal(text_string(&record.body), hello);
    assert_int_equal(record.result.body_bytes, strlen(hello));
    assert_int_equal(record.result.transfer_bytes, strlen(hello));
    assert_int_equal(record.result.retry_after_ms, -1);
    assert_true(record.result.connect_ms > 0 && record.result.tls_ms == 0);
    assert_true(record.result.first_byte_ms > 0);
    assert_true(record.result.total_ms >= record.result.first_byte_ms);
    const char *request = http_peer_last_request(fixture->peer);
    assert_non_null(strstr(request, "GET /a HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: Test/1\r\n"));
    assert_non_null(strstr(request, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(request, "\r\nAccept-Encoding: gzip, br\r\n"));
    finish(&record);
}

static void test_a_connection_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    for (int i = 0; i < 3; i++) {
        struct record record = fetch_path(fixture, "/a");
        assert_int_equal(record.result.head.status, 200);
        if (i > 0) {
            assert_true(record.result.dns_ms == 0 && record.result.connect_ms == 0);
            assert_true(record.result.tls_ms == 0 && record.result.first_byte_ms > 0);
        }
        finish(&record);
    }
    assert_int_equal(http_peer_connections(fixture->peer), 1);
    assert_int_equal(http_peer_requests(fixture->peer), 3);
}

static void test_a_body_is_sent(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/in", "202 Accepted", "", hello);
    struct record record = fetch(fixture, (struct http_request){.url = at(fixture, "/in"),
                                                                .method = "POST",
                                                                .body = slice_of("a\0b", 3)});
    assert_int_equal(record.result.head.status, 202);
    const char *request = http_peer_last_request(fixture->peer);
    assert_non_null(strstr(request, "POST /in HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Length: 3\r\n"));
    assert_null(strstr(request, "Expect"));
    assert_memory_equal(strstr(request, "\r\n\r\n") + 4, "a\0b", 3);
    finish(&record);

    record = fetch(fixture, (struct http_request){.url = at(fixture, "/in"), .method = "HEAD"});
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "HEAD /in HTTP/1.1\r\n"));
    assert_int_equal(record.result.head.status, 202);
    finish(&record);
    record = fetch_path(fixture, "/in"); /* nothing of the earlier requests sticks to the handle */
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "GET /in HTTP/1.1\r\n"));
    assert_null(strstr(http_peer_last_request(fixture->peer), "Content-Length"));
    assert_string_equal(text_string(&record.body), hello);
    finish(&record);
}

static void test_compressed_bodies_are_undone(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *name;
        const void *bytes;
        size_t length;
    } encodings[] = {{"gzip", gzip_hello, sizeof gzip_hello},
                     {"br", brotli_hello, sizeof brotli_hello}};
    for (int i = 0; i < 2; i++) {
        answer_encoded(fixture, "/z", encodings[i].name, encodings[i].bytes, encodings[i].length);
        struct record record = fetch_path(fixture, "/z");
        assert_string_equal(text_string(&record.body), hello);
        assert_int_equal(record.result.transfer_bytes, encodings[i].length);
        assert_int_equal(record.result.body_bytes, strlen(hello));
        finish(&record);
    }
    answer_encoded(fixture, "/z", "gzip", "not gzip at all", 15);
    struct record record = fetch_path(fixture, "/z");
    assert_int_equal(record.result.failure, HTTP_FAILURE_PROTOCOL);
    assert_int_equal(record.result.head.status, 200);
    finish(&record);
}

static void test_a_chunked_body_in_small_pieces_is_whole(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/c", PEER_IN_PIECES,
           "HTTP/1.1 103 Early Hints\r\nLocation: /wrong\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5\r\n<p>he\r\n15\r\nllo, hello, hello</p>\r\n0\r\nContent-Type: late\r\n\r\n");
    struct record record = fetch_path(fixture, "/c");
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    assert_string_equal(text_string(&record.body), hello);
    assert_true(record.pieces > 20);
    assert_string_equal(text_string(&record.content_type), "text/html");
    assert_string_equal(text_string(&record.location), "");
    finish(&record);
}

static void test_a_redirect_is_told_and_not_followed(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/old", "301 Moved Permanently", "Location: /new\r\n", "");
    struct record record = fetch_path(fixture, "/old");
    assert_int_equal(record.result.head.status, 301);
    assert_string_equal(text_string(&record.location), "/new");
    assert_int_equal(http_peer_requests(fixture->peer), 1);
    finish(&record);
}

static void test_an_error_status_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fetch_path(fixture, "/nowhere");
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    assert_int_equal(record.result.head.status, 404);
    assert_string_equal(text_string(&record.body), "lost");
    finish(&record);
    http_peer_serve(fixture->peer, "/busy", "503 Service Unavailable", "Retry-After: 7\r\n", "");
    record = fetch_path(fixture, "/busy");
    assert_int_equal(record.result.head.status, 503);
    assert_int_equal(record.result.retry_after_ms, 7000);
    finish(&record);
}

/* A port on which nobody listens. */
static int closed_port(void)
{
    int socket_number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    CHECK(bind(socket_number, (struct sockaddr *)&address, length) == 0);
    CHECK(getsockname(socket_number, (struct sockaddr *)&address, &length) == 0);
    close(socket_number);
    return ntohs(address.sin_port);
}

static void test_a_refused_connection(void **state)
{
    struct fixture *fixture = *state;
    char url[64], message[96];
    int port = closed_port();
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    snprintf(message, sizeof message, "could not connect to 127.0.0.1:%d: Connection refused",
             port);
    struct record record = fetch(fixture, (struct http_request){.url = url});
    assert_int_equal(record.heads, 0);
    assert_int_equal(record.result.head.status, 0);
    assert_true(record.result.first_byte_ms == -1 && record.result.connect_ms == -1);
    assert_true(record.result.total_ms > 0);
    assert_false(record.result.is_permanent);
    expect_failure(&record, HTTP_FAILURE_CONNECT, message);
}

static void test_an_unknown_host(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fetch(fixture, (struct http_request){.url = "http://nosuch.invalid/"});
    assert_true(record.result.dns_ms == -1);
    expect_failure(&record, HTTP_FAILURE_DNS, "could not resolve host: nosuch.invalid");
    /* No name server need be asked to know that a label of more than 63 letters does not exist. */
    record =
        fetch(fixture,
              (struct http_request){.url = "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                           "aaaaaaaaaaaaaaaaaaaa.example/"});
    assert_int_equal(record.result.failure, HTTP_FAILURE_DNS);
    assert_true(record.result.is_permanent);
    finish(&record);
}

static void test_silence_times_out(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/silent", PEER_SILENT, "");
    answer(fixture, "/half", PEER_AT_ONCE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    const char *const paths[] = {"/silent", "/half"}, *const words[] = {"no answer", "no whole"};
    for (int i = 0; i < 2; i++) {
        struct record record =
            fetch(fixture, (struct http_request){.url = at(fixture, paths[i]), .timeout_ms = 60});
        assert_int_equal(record.result.failure, HTTP_FAILURE_TIMEOUT);
        assert_true(record.result.total_ms >= 60);
        assert_non_null(strstr(text_string(&record.message), words[i]));
        finish(&record);
    }
}

static void test_a_lost_connection(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/none", PEER_THEN_CLOSE, "");
    answer(fixture, "/half", PEER_THEN_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    answer(fixture, "/babble", PEER_THEN_CLOSE, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    struct record record = fetch_path(fixture, "/none");
    expect_failure(&record, HTTP_FAILURE_CONNECT,
                   "the server closed the connection without an answer");
    record = fetch_path(fixture, "/half");
    assert_int_equal(record.result.failure, HTTP_FAILURE_CONNECT);
    assert_string_equal(text_string(&record.body), "half");
    assert_non_null(strstr(text_string(&record.message), "the answer is not whole: "));
    finish(&record);
    record = fetch_path(fixture, "/babble");
    assert_int_equal(record.result.failure, HTTP_FAILURE_PROTOCOL);
    finish(&record);
}

static struct record fetch_limited(struct fixture *fixture, const char *path, uint64_t limit)
{
    return fetch(fixture, (struct http_request){.url = at(fixture, path), .max_body_bytes = limit});
}

static void test_a_body_over_the_limit_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/told", "200 OK", "", hello);
    struct record record = fetch_limited(fixture, "/told", strlen(hello));
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    finish(&record);
    record = fetch_limited(fixture, "/told", strlen(hello) - 1);
    assert_true(record.result.is_permanent && record.pieces == 0);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the body is too large");

    answer(fixture, "/untold", PEER_THEN_CLOSE, "HTTP/1.0 200 OK\r\n\r\n0123456789");
    record = fetch_limited(fixture, "/untold", 9);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the body is too large");

    answer_encoded(fixture, "/bomb", "gzip", gzip_5000_bytes, sizeof gzip_5000_bytes);
    record = fetch_limited(fixture, "/bomb", 5000);
    assert_int_equal(record.result.body_bytes, 5000);
    finish(&record);
    record = fetch_limited(fixture, "/bomb", 4999);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the body is too large");
}

/* Blocks of gzip that hold nothing: the limit after decompression alone would never be reached. */
static void test_compressed_bytes_are_limited_too(void **state)
{
    struct fixture *fixture = *state;
    struct text bytes = {0};
    text_append_string(&bytes, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    text_append(&bytes, (const char *)gzip_hello, 10);
    for (int i = 0; i < 2000000; i++)
        text_append(&bytes, "\0\0\0\xff\xff", 5);
    http_peer_answer(fixture->peer, "/empty", PEER_AT_ONCE, text_slice(&bytes));
    text_finish(&bytes);
    struct record record = fetch_limited(fixture, "/empty", 100000);
    assert_int_equal(record.result.body_bytes, 0);
    assert_true(record.result.transfer_bytes < 5000000);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the body is too large");
}

static void serve_header(struct fixture *fixture, int lines, int bytes)
{
    struct text whole = {0};
    text_append_string(&whole, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < lines; i++)
        text_append_format(&whole, "X-%d: %0*d\r\n", i, bytes, 0);
    text_append_string(&whole, "Content-Length: 0\r\n\r\n");
    http_peer_answer(fixture->peer, "/h", PEER_AT_ONCE, text_slice(&whole));
    text_finish(&whole);
}

static struct record fetch_header(struct fixture *fixture, size_t limit)
{
    return fetch(fixture,
                 (struct http_request){.url = at(fixture, "/h"), .max_header_bytes = limit});
}

static void test_header_floods_are_cut_off(void **state)
{
    struct fixture *fixture = *state;
    serve_header(fixture, HTTP_HEADER_COUNT_MAX - 2, 1); /* with status line and length */
    struct record record = fetch_header(fixture, 0);
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    finish(&record);
    serve_header(fixture, HTTP_HEADER_COUNT_MAX - 1, 1);
    record = fetch_header(fixture, 0);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the headers are too large");
    serve_header(fixture, 3, 1000);
    record = fetch_header(fixture, 2000);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "the headers are too large");
    serve_header(fixture, 1, 1000000);
    record = fetch_header(fixture, 65536);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, "a header line is too large");
}

static void test_cancelled_in_mid_body(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/p", PEER_IN_PIECES,
           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    struct record record = {.cancels_at_first_piece = true};
    start(fixture, &record, (struct http_request){.url = at(fixture, "/p")});
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.pieces, 1);
    expect_failure(&record, HTTP_FAILURE_CANCELLED, "cancelled");

    struct record again = {0};
    start(fixture, &again, (struct http_request){.url = at(fixture, "/p")});
    turn_until(fixture, &again.pieces, 3);
    http_transfer_cancel(again.transfer);
    http_transfer_cancel(again.transfer);
    assert_int_equal(again.dones, 0);
    turn_until(fixture, &again.dones, 1);
    assert_int_equal(again.dones, 1);
    assert_true(again.pieces < 10);
    expect_failure(&again, HTTP_FAILURE_CANCELLED, "cancelled");
}

static void test_cancelled_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0}, unknown = {0};
    start(fixture, &record, (struct http_request){.url = at(fixture, "/a")});
    http_transfer_cancel(record.transfer);
    start(fixture, &unknown, (struct http_request){.url = "http://nosuch.invalid/"});
    while (list_is_empty(&fixture->client->asking) && !unknown.dones)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_false(list_is_empty(&fixture->client->asking));
    http_transfer_cancel(unknown.transfer);
    http_transfer_cancel(unknown.transfer);
    turn_until(fixture, &unknown.dones, 1);
    turn_until(fixture, &record.dones, 1);
    expect_failure(&record, HTTP_FAILURE_CANCELLED, "cancelled");
    expect_failure(&unknown, HTTP_FAILURE_CANCELLED, "cancelled");
    assert_int_equal(http_peer_requests(fixture->peer), 0);
}

static void test_a_line_break_cannot_be_smuggled_in(void **state)
{
    struct fixture *fixture = *state;
    struct record record = fetch(
        fixture, (struct http_request){.url = at(fixture, "/a"), .user_agent = "a\r\nX-Two: 2"});
    assert_int_equal(http_peer_requests(fixture->peer), 0);
    assert_true(record.result.is_permanent);
    expect_failure(&record, HTTP_FAILURE_PROTOCOL,
                   "the request has a control character in its URL or headers");
}

static void test_no_other_protocol_is_spoken(void **state)
{
    struct fixture *fixture = *state;
    const char *const urls[] = {"file:///etc/hostname", "ftp://127.0.0.1/", "http://",
                                "http://user:secret@127.0.0.1/"};
    for (int i = 0; i < 4; i++) {
        struct record record = fetch(fixture, (struct http_request){.url = urls[i]});
        assert_int_not_equal(record.result.failure, HTTP_FAILURE_NONE);
        assert_int_equal(record.pieces, 0);
        finish(&record);
    }
}

static void test_the_environments_proxy_is_not_used(void **state)
{
    struct fixture *fixture = *state;
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", closed_port());
    setenv("http_proxy", proxy, 1);
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    struct record record = fetch_path(fixture, "/a");
    unsetenv("http_proxy");
    assert_int_equal(record.result.head.status, 200);
    finish(&record);
}

static void test_many_at_once_and_one_out_of_another(void **state)
{
    enum { MANY = 60 };
    struct fixture *fixture = *state;
    static struct record records[MANY], chained;
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    memset(records, 0, sizeof records);
    records[MANY - 1].next = &chained;
    for (int i = 0; i < MANY; i++)
        start(fixture, &records[i], (struct http_request){.url = at(fixture, "/a")});
    for (int i = 0; i < MANY; i++) {
        turn_until(fixture, &records[i].dones, 1);
        assert_string_equal(text_string(&records[i].body), hello);
        finish(&records[i]);
    }
    turn_until(fixture, &chained.dones, 1);
    assert_string_equal(text_string(&chained.body), hello);
    finish(&chained);
    assert_int_equal(http_peer_requests(fixture->peer), MANY + 1);
    assert_true(fixture->client->idle_count <= IDLE_TRANSFERS_MAX);
}

static void test_a_quiet_client_lets_go(void **state)
{
    struct fixture *fixture = *state;
    fixture->client->limits.idle_ms = 1;
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    for (int i = 1; i <= 2; i++) {
        struct record record = fetch_path(fixture, "/a");
        finish(&record);
        while (fixture->client->multi)
            uv_run(&fixture->loop, UV_RUN_ONCE);
        assert_int_equal(fixture->client->idle_count, 0);
        assert_int_equal(http_peer_connections(fixture->peer), i);
    }
}

static void test_destroyed_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0};
    answer(fixture, "/silent", PEER_SILENT, "");
    start(fixture, &record, (struct http_request){.url = at(fixture, "/silent")});
    while (!http_peer_requests(fixture->peer))
        uv_run(&fixture->loop, UV_RUN_ONCE);
    http_client_destroy(fixture->client);
    fixture->client = NULL;
    turn_until(fixture, &record.dones, 1);
    expect_failure(&record, HTTP_FAILURE_CANCELLED, "cancelled");
}

/* ---- TLS, with nginx ---- */

struct server {
    char folder[32], certificate[64];
    int port;
    pid_t process;
};

__attribute__((format(printf, 3, 4))) static void write_file(const char *folder, const char *name,
                                                             const char *format, ...)
{
    char path[128];
    va_list arguments;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

static bool can_connect(int port)
{
    int socket_number = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    bool is_connected = connect(socket_number, (struct sockaddr *)&address, sizeof address) == 0;
    close(socket_number);
    return is_connected;
}

/* nginx with a certificate that it signed itself, or false where there is no nginx. */
static bool start_server(struct server *server)
{
    char command[512];
    strcpy(server->folder, "/tmp/pawl-test-XXXXXX");
    if (access("/usr/sbin/nginx", X_OK) != 0)
        return false;
    CHECK(mkdtemp(server->folder));
    snprintf(server->certificate, sizeof server->certificate, "%s/cert", server->folder);
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-keyout key -out cert -days 2 -subj /CN=localhost "
             "-addext subjectAltName=DNS:localhost 2>/dev/null",
             server->folder);
    CHECK(system(command) == 0);
    server->port = closed_port();
    write_file(server->folder, "hello", "%s", hello);
    write_file(server->folder, "conf",
               "daemon off; master_process off; pid pid; error_log stderr crit;\n"
               "events {}\n"
               "http { access_log off; client_body_temp_path t1; proxy_temp_path t2;\n"
               "fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
               "server { listen 127.0.0.1:%d ssl http2; ssl_certificate cert;\n"
               "ssl_certificate_key key; root .; } }\n",
               server->port);
    server->process = fork();
    if (server->process == 0) {
        execl("/usr/sbin/nginx", "nginx", "-p", server->folder, "-c", "conf", "-e", "stderr",
              (char *)NULL);
        _exit(127);
    }
    int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL;
    while (!can_connect(server->port)) {
        CHECK(clock_now_us() < deadline_us && waitpid(server->process, NULL, WNOHANG) == 0);
        sched_yield();
    }
    return true;
}

static void stop_server(struct server *server)
{
    char command[64];
    kill(server->process, SIGTERM);
    waitpid(server->process, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", server->folder);
    CHECK(system(command) == 0);
}

static void expect_refused_certificates(struct fixture *fixture, const struct server *server)
{
    char url[64];
    snprintf(url, sizeof url, "https://localhost:%d/hello", server->port);
    unsetenv("SSL_CERT_FILE");
    struct record record = fetch(fixture, (struct http_request){.url = url});
    assert_true(record.result.is_permanent && record.result.tls_ms == -1);
    expect_failure(&record, HTTP_FAILURE_TLS, "certificate: self-signed certificate");

    setenv("SSL_CERT_FILE", server->certificate, 1);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/hello", server->port);
    record = fetch(fixture, (struct http_request){.url = url});
    assert_true(record.result.is_permanent);
    assert_non_null(strstr(text_string(&record.message), "certificate: no alternative"));
    assert_int_equal(record.result.failure, HTTP_FAILURE_TLS);
    finish(&record);
}

/* Two at once on one connection. */
static void expect_http2(struct fixture *fixture, const struct server *server)
{
    char url[64];
    struct record records[2] = {0};
    snprintf(url, sizeof url, "https://localhost:%d/hello", server->port);
    setenv("SSL_CERT_FILE", server->certificate, 1);
    for (int i = 0; i < 2; i++)
        start(fixture, &records[i], (struct http_request){.url = url});
    int connected = 0;
    for (int i = 0; i < 2; i++) {
        turn_until(fixture, &records[i].dones, 1);
        assert_string_equal(text_string(&records[i].message), "");
        assert_string_equal(text_string(&records[i].version), "2");
        assert_string_equal(text_string(&records[i].body), hello);
        connected += records[i].result.tls_ms > 0;
        finish(&records[i]);
    }
    assert_int_equal(connected, 1);
}

static void test_tls(void **state)
{
    struct server server;
    if (!start_server(&server))
        skip();
    expect_refused_certificates(*state, &server);
    expect_http2(*state, &server);
    unsetenv("SSL_CERT_FILE");
    stop_server(&server);
}

static void test_tls_with_somebody_who_does_not_speak_it(void **state)
{
    struct fixture *fixture = *state;
    char url[64];
    answer(fixture, "/a", PEER_SILENT, "");
    snprintf(url, sizeof url, "https://127.0.0.1:%d/a", http_peer_port(fixture->peer));
    struct record record =
        fetch(fixture, (struct http_request){.url = url, .connect_timeout_ms = 80});
    assert_int_equal(record.result.failure, HTTP_FAILURE_TIMEOUT);
    assert_true(record.result.tls_ms == -1);
    finish(&record);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_is_told_whole),
        TEST(test_a_connection_is_used_again),
        TEST(test_a_body_is_sent),
        TEST(test_compressed_bodies_are_undone),
        TEST(test_a_chunked_body_in_small_pieces_is_whole),
        TEST(test_a_redirect_is_told_and_not_followed),
        TEST(test_an_error_status_is_an_answer),
        TEST(test_a_refused_connection),
        TEST(test_an_unknown_host),
        TEST(test_silence_times_out),
        TEST(test_a_lost_connection),
        TEST(test_a_body_over_the_limit_is_cut_off),
        TEST(test_compressed_bytes_are_limited_too),
        TEST(test_header_floods_are_cut_off),
        TEST(test_cancelled_in_mid_body),
        TEST(test_cancelled_at_once),
        TEST(test_a_line_break_cannot_be_smuggled_in),
        TEST(test_no_other_protocol_is_spoken),
        TEST(test_the_environments_proxy_is_not_used),
        TEST(test_many_at_once_and_one_out_of_another),
        TEST(test_a_quiet_client_lets_go),
        TEST(test_destroyed_in_flight),
        TEST(test_tls),
        TEST(test_tls_with_somebody_who_does_not_speak_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
