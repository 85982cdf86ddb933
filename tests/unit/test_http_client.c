/*
 * The HTTP client against a peer on the same loop, which can misbehave in every way, and against
 * nginx for TLS and HTTP/2.
 */
#include "http_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "http/response_head.c"

static const unsigned char gzip_hello[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                           0x03, 0xb3, 0x29, 0xb0, 0xcb, 0x48, 0xcd, 0xc9, 0xc9,
                                           0xd7, 0x51, 0x40, 0xa6, 0x6c, 0xf4, 0x0b, 0xec, 0x00,
                                           0x7f, 0x6b, 0x49, 0x04, 0x1a, 0x00, 0x00, 0x00};
static const unsigned char brotli_hello[] = {
    0x8b, 0x0c, 0x80, 0x3c, 0x70, 0x3e, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x68, 0x65,
    0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x3c, 0x2f, 0x70, 0x3e, 0x03};
static const unsigned char zlib_hello[] = {0x78, 0x9c, 0xb3, 0x29, 0xb0, 0xcb, 0x48, 0xcd,
                                           0xc9, 0xc9, 0xd7, 0x51, 0x40, 0xa6, 0x6c, 0xf4,
                                           0x0b, 0xec, 0x00, 0x78, 0xf2, 0x08, 0xd8};
static const unsigned char deflate_hello[] = {0xb3, 0x29, 0xb0, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
                                              0x51, 0x40, 0xa6, 0x6c, 0xf4, 0x0b, 0xec, 0x00};
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
    assert_int_equal(record.result.wire_bytes,
                     strlen(http_peer_last_request(fixture->peer)) +
                         strlen("HTTP/1.1 200 OK\r\nContent-Type:  text/html; charset=utf-8 \r\n"
                                "Content-Length: NN\r\n\r\n") +
                         strlen(hello));
    assert_int_equal(record.result.retry_after_ms, -1);
    assert_true(record.result.connect_ms > 0 && record.result.tls_ms == 0);
    assert_true(record.result.first_byte_ms > 0);
    assert_true(record.result.total_ms >= record.result.first_byte_ms);
    const char *request = http_peer_last_request(fixture->peer);
    assert_non_null(strstr(request, "GET /a HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: Test/1\r\n"));
    assert_non_null(strstr(request, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(request, "\r\nAccept-Encoding: gzip, deflate, br\r\n"));
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
    assert_int_equal(record.result.wire_bytes,
                     strstr(request, "\r\n\r\n") + 4 - request + 3 +
                         strlen("HTTP/1.1 202 Accepted\r\nContent-Length: NN\r\n\r\n") +
                         strlen(hello));
    finish(&record);

    record = fetch_path(fixture, "/in"); /* nothing of the earlier requests sticks to the handle */
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "GET /in HTTP/1.1\r\n"));
    assert_null(strstr(http_peer_last_request(fixture->peer), "Content-Length"));
    assert_string_equal(text_string(&record.body), hello);
    finish(&record);
}

/* The length is that of a body which does not come: no limit holds for it, and nobody waits. */
static void test_a_head_is_never_sent_with_a_body(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/a", PEER_AT_ONCE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    struct record record = fetch(fixture, (struct http_request){.url = at(fixture, "/a"),
                                                                .method = "HEAD",
                                                                .body = slice_of("x", 1),
                                                                .timeout_ms = 500});
    assert_int_equal(record.result.failure, HTTP_FAILURE_NONE);
    assert_int_equal(record.result.head.status, 200);
    assert_null(strstr(http_peer_last_request(fixture->peer), "Content-Length"));
    finish(&record);
}

static void test_an_upgrade_that_nobody_wanted(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/a", PEER_THEN_CLOSE,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello, hello");
    struct record record =
        fetch(fixture, (struct http_request){.url = at(fixture, "/a"), .timeout_ms = 500});
    assert_int_equal(record.result.failure, HTTP_FAILURE_PROTOCOL);
    assert_int_equal(record.pieces, 0);
    finish(&record);
}

static void test_a_head_without_its_body(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/a", PEER_AT_ONCE,
           "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nContent-Encoding: gzip\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        struct record record = fetch(fixture, (struct http_request){.url = at(fixture, "/a"),
                                                                    .method = "HEAD",
                                                                    .max_transfer_bytes = 100,
                                                                    .max_body_bytes = 100});
        assert_non_null(strstr(http_peer_last_request(fixture->peer), "HEAD /a HTTP/1.1\r\n"));
        assert_string_equal(text_string(&record.message), "");
        assert_int_equal(record.result.head.status, 200);
        assert_string_equal(text_string(&record.fields),
                            "Content-Length=5000;Content-Encoding=gzip;");
        assert_int_equal(record.heads, 1);
        assert_int_equal(record.pieces, 0);
        assert_true(record.result.body_bytes == 0 && record.result.transfer_bytes == 0);
        finish(&record);
    }
    assert_int_equal(http_peer_connections(fixture->peer), 1);
    http_peer_serve(fixture->peer, "/b", "200 OK", "", hello);
    struct record record = fetch_path(fixture, "/b"); /* nothing of HEAD sticks to the handle */
    assert_string_equal(text_string(&record.body), hello);
    finish(&record);
}

static void test_every_field_is_told(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/f", PEER_IN_PIECES,
           "HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n"
           "HTTP/1.1 200 OK\r\n"
           "Content-Type:text/html\r\n"
           "Link: </a>; rel=preload\r\n"
           "X-Empty:\r\n"
           "X-Spaced: \t a  b \t\r\n"
           "LINK:</b>;a=\"x:y\"\r\n"
           "X-Long: one,\r\n"
           "  two:2,\r\n"
           "\tthree\r\n"
           "HTTP/1.1: a name\r\n"
           "Content-Type: image/png\r\n"
           "Transfer-Encoding: chunked\r\n\r\n"
           "2\r\nok\r\n0\r\nX-Trailer: late\r\n\r\n");
    struct record record = fetch_path(fixture, "/f");
    assert_string_equal(text_string(&record.message), "");
    assert_string_equal(text_string(&record.body), "ok");
    assert_int_equal(record.result.head.status, 200);
    assert_string_equal(text_string(&record.content_type), "text/html");
    assert_string_equal(text_string(&record.fields),
                        "Content-Type=text/html;Link=</a>; rel=preload;X-Empty=;X-Spaced=a  b;"
                        "LINK=</b>;a=\"x:y\";X-Long=one, two:2, three;HTTP/1.1=a name;"
                        "Content-Type=image/png;Transfer-Encoding=chunked;");
    assert_int_equal(record.heads, 1);
    finish(&record);
    http_peer_serve(fixture->peer, "/g", "200 OK", "X-Other: 1\r\n", "");
    record = fetch_path(fixture, "/g"); /* nothing of the earlier answer is left */
    assert_string_equal(text_string(&record.fields), "X-Other=1;Content-Length=0;");
    finish(&record);
}

static void feed(struct response_head *head, const char *lines)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n") + 1;
        response_head_feed(head, slice_of(lines, length));
        lines += length;
    }
}

static void test_a_field_is_found_by_its_name(void **state)
{
    struct response_head gathered = {0};
    response_head_start(&gathered, 0);
    struct http_head head = response_head_view(&gathered);
    assert_null(http_head_find(&head, "a").start);
    feed(&gathered, "HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nEmpty:\r\nLocation:\r\n\r\n");
    head = response_head_view(&gathered);
    assert_true(slice_equals(http_head_find(&head, "a"), slice_of_string("1")));
    assert_true(slice_equals(http_head_find(&head, "EMPTY"), slice_of_string("")));
    assert_non_null(http_head_find(&head, "empty").start);
    assert_null(http_head_find(&head, "ab").start);
    assert_null(http_head_find(&head, "").start);
    assert_null(head.location);
    response_head_finish(&gathered);
}

/* libcurl lets some of it through, depending on its version. */
static void test_what_is_no_field_is_none(void **state)
{
    struct response_head gathered = {0};
    response_head_start(&gathered, 0);
    feed(&gathered, "HTTP/1.1 200 OK\r\n of no field\r\nA: 1\r\nno field\r\n nor this\r\n: x\r\n"
                    " y\r\n \r\nB:\r\n 2\r\n \t\r\nHTTP/9 999: C\r\n\r\nD: late\r\n");
    struct http_head head = response_head_view(&gathered);
    struct text fields = {0};
    copy_fields(&fields, &head);
    assert_string_equal(text_string(&fields), "A=1;B=2;HTTP/9 999=C;");
    assert_int_equal(head.status, 200);
    assert_true(gathered.is_whole);
    assert_int_equal(response_head_feed(&gathered, slice_of_string("HTTP/1.1 500 Late\r\n")),
                     HEAD_GOES_ON);
    assert_int_equal(response_head_feed(&gathered, slice_of_string("\r\n")), HEAD_GOES_ON);
    head = response_head_view(&gathered);
    assert_true(head.status == 200 && head.field_count == 3);
    text_finish(&fields);
    response_head_finish(&gathered);
}

/* The memory of the first answer serves the next ones, but one that grew huge is given back. */
static void test_fields_need_no_memory_of_their_own(void **state)
{
    struct response_head head = {0};
    response_head_start(&head, 0);
    feed(&head, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n");
    const char *strings = head.strings.start;
    const struct http_field *fields = head.fields;
    for (int i = 0; i < 100; i++) {
        response_head_start(&head, 0);
        assert_true(head.strings.capacity > 0);
        feed(&head, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n");
    }
    assert_ptr_equal(head.strings.start, strings);
    assert_ptr_equal(head.fields, fields);
    text_reserve(&head.strings, STRINGS_KEPT_MAX + 1);
    response_head_start(&head, 0);
    assert_null(head.strings.start);
    response_head_finish(&head);
}

static int64_t retry_after_ms(struct fixture *fixture, const char *value)
{
    char headers[128];
    snprintf(headers, sizeof headers, "%s%s%s", value ? "Retry-After: " : "", value ? value : "",
             value ? "\r\n" : "");
    http_peer_serve(fixture->peer, "/busy", "503 Service Unavailable", headers, "");
    struct record record = fetch_path(fixture, "/busy");
    assert_int_equal(record.result.head.status, 503);
    finish(&record);
    return record.result.retry_after_ms;
}

/* RFC 9110, section 10.2.3. What has passed says nothing: our own pause holds then. */
static void test_when_to_come_again(void **state)
{
    static const char *const senseless[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "0", "-5", "soon", "",
                                            "99999999999999999999"};
    struct fixture *fixture = *state;
    char date[64];
    time_t soon = time(NULL) + 100;
    struct tm parts;
    assert_int_equal(retry_after_ms(fixture, "7"), 7000);
    assert_int_equal(retry_after_ms(fixture, NULL), -1); /* the handle has forgotten the 7 */
    assert_int_equal(retry_after_ms(fixture, "86400"), 86400000);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&soon, &parts));
    int64_t until = retry_after_ms(fixture, date);
    assert_true(until > 100000 - PATIENCE_MS && until <= 100000);
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++)
        assert_int_equal(retry_after_ms(fixture, senseless[i]), -1);
}

static void test_compressed_bodies_are_undone(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *name;
        const void *bytes;
        size_t length;
    } encodings[] = {{"gzip", gzip_hello, sizeof gzip_hello},
                     {"deflate", zlib_hello, sizeof zlib_hello},
                     {"deflate", deflate_hello, sizeof deflate_hello}, /* as many servers mean it */
                     {"br", brotli_hello, sizeof brotli_hello}};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
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

static void test_silence_on_a_connection_that_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    answer(fixture, "/a", PEER_AT_ONCE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    answer(fixture, "/silent", PEER_SILENT, "");
    struct record record = fetch_path(fixture, "/a");
    finish(&record);
    record = fetch(fixture, (struct http_request){.url = at(fixture, "/silent"), .timeout_ms = 60});
    assert_int_equal(http_peer_connections(fixture->peer), 1);
    assert_true(record.result.is_sent);
    assert_true(record.result.connect_ms == 0);
    assert_memory_equal(text_string(&record.message), "no answer", 9);
    finish(&record);
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
    assert_false(record.result.is_permanent); /* it is not the URL's fault */
    assert_non_null(strstr(text_string(&record.message), "what came is no HTTP: "));
    finish(&record);
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
        while (fixture->client->multis[true])
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

enum { LARGE_BYTES = 3000000 };

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
    write_file(server->folder, "large", "%0*d", LARGE_BYTES, 1);
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

static void pause_now_and_then(struct record *record, struct slice piece)
{
    text_append_slice(&record->body, piece);
    http_transfer_pause(record->transfer, record->pieces % 30 == 0);
}

/* One that is paused does not hold up the others on its connection. */
static void expect_pause_in_http2(struct fixture *fixture, const struct server *server)
{
    char url[64];
    struct record paused = {.on_piece = pause_now_and_then};
    snprintf(url, sizeof url, "https://localhost:%d/large", server->port);
    start(fixture, &paused, (struct http_request){.url = url});
    turn_until(fixture, &paused.pieces, 30);
    snprintf(url, sizeof url, "https://localhost:%d/hello", server->port);
    for (int i = 0; i < 3; i++) {
        struct record record = fetch(fixture, (struct http_request){.url = url});
        assert_string_equal(text_string(&record.message), "");
        assert_string_equal(text_string(&record.body), hello);
        assert_string_equal(text_string(&record.version), "2");
        finish(&record);
    }
    assert_int_equal(paused.pieces, 30);
    while (!paused.dones) {
        http_transfer_pause(paused.transfer, false);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_string_equal(text_string(&paused.message), "");
    assert_int_equal(paused.body.length, LARGE_BYTES);
    assert_int_equal(strspn(text_string(&paused.body), "0"), LARGE_BYTES - 1);
    finish(&paused);
}

static void test_tls(void **state)
{
    struct server server;
    if (!start_server(&server))
        skip();
    expect_refused_certificates(*state, &server);
    expect_http2(*state, &server);
    expect_pause_in_http2(*state, &server);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_is_told_whole),
        TEST(test_a_connection_is_used_again),
        TEST(test_a_body_is_sent),
        TEST(test_a_head_without_its_body),
        TEST(test_a_head_is_never_sent_with_a_body),
        TEST(test_an_upgrade_that_nobody_wanted),
        TEST(test_every_field_is_told),
        cmocka_unit_test(test_a_field_is_found_by_its_name),
        cmocka_unit_test(test_what_is_no_field_is_none),
        cmocka_unit_test(test_fields_need_no_memory_of_their_own),
        TEST(test_when_to_come_again),
        TEST(test_compressed_bodies_are_undone),
        TEST(test_a_chunked_body_in_small_pieces_is_whole),
        TEST(test_a_redirect_is_told_and_not_followed),
        TEST(test_an_error_status_is_an_answer),
        TEST(test_a_refused_connection),
        TEST(test_an_unknown_host),
        TEST(test_silence_times_out),
        TEST(test_silence_on_a_connection_that_is_used_again),
        TEST(test_a_lost_connection),
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
