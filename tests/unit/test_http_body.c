/*
 * The body of an answer: its limits on the wire and after decompression, what swells without end,
 * what comes too slowly, and pauses.
 */
#include "http_fixture.h"

#include <malloc.h>

#include "base/check.h"

/* ---- bodies ---- */

static const unsigned char gzip_head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
static const unsigned char brotli_80_mib[] = {
    0xcb, 0xff, 0xff, 0x3f, 0x00, 0x24, 0x00, 0xe2, 0xb1, 0x40, 0x72, 0xef, 0xff, 0xf8, 0xff, 0xff,
    0x07, 0x80, 0x04, 0x40, 0x1c, 0x16, 0x80, 0xee, 0xfd, 0x1f, 0xff, 0xff, 0xff, 0x00, 0x90, 0x00,
    0x88, 0xc3, 0x02, 0xd0, 0xbd, 0xff, 0xe3, 0xff, 0xff, 0x1f, 0x00, 0x12, 0x00, 0x71, 0x58, 0x00,
    0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff, 0x03, 0x40, 0x02, 0x20, 0x0e, 0x0b, 0x40, 0xf7, 0xfe, 0x8f,
    0xff, 0xff, 0x7f, 0x00, 0x48, 0x00, 0xc4, 0x61, 0x01, 0xe8, 0xde, 0xff, 0xf1, 0xff, 0xff, 0x0f,
    0x00, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xdd, 0xfb, 0x3f, 0xfe, 0xff, 0xff, 0x01, 0x20, 0x01, 0x10,
    0x87, 0x05, 0xa0, 0x7b, 0xff, 0xc7, 0xff, 0xff, 0x3f, 0x00, 0x24, 0x00, 0xe2, 0xb0, 0x00, 0x74,
    0xef, 0xff, 0xf2, 0xff, 0xff, 0x0f, 0x80, 0x04, 0x40, 0x1c, 0x16, 0x80, 0xee, 0xfd, 0x1f};

enum { BROTLI_BOMB_BYTES = 80 * 1024 * 1024, RUN_BYTES = 259, RUN_VALUES = 144 };

/* Bits of a deflate stream (RFC 1951), the lowest first. */
struct bits {
    struct text *text;
    unsigned pending;
    int count;
};

static void put_bits(struct bits *bits, unsigned value, int count)
{
    bits->pending |= value << bits->count;
    for (bits->count += count; bits->count >= 8; bits->count -= 8, bits->pending >>= 8)
        text_append_char(bits->text, (char)bits->pending);
}

/* A Huffman code: the highest first. */
static void put_code(struct bits *bits, unsigned code, int count)
{
    while (count-- > 0)
        put_bits(bits, code >> count & 1, 1);
}

/* A raw deflate stream of so many runs: a byte and 258 more of it, then the same with the next
 * value. It is a hundred times as long when it is undone. */
static void append_deflated(struct text *text, int runs)
{
    struct bits bits = {text, 0, 0};
    put_bits(&bits, 1, 1); /* the last block */
    put_bits(&bits, 1, 2); /* of fixed codes */
    for (int run = 0; run < runs; run++) {
        put_code(&bits, 0x30 + (unsigned)run % RUN_VALUES, 8);
        put_code(&bits, 0xc5, 8); /* 258 bytes ... */
        put_code(&bits, 0, 5);    /* from 1 byte back */
    }
    put_code(&bits, 0, 7); /* the end of the block */
    put_bits(&bits, 0, 7);
}

static void serve_deflated(struct fixture *fixture, const char *path, int runs)
{
    struct text bytes = {0};
    append_deflated(&bytes, runs);
    answer_encoded(fixture, path, "deflate", bytes.start, bytes.length);
    text_finish(&bytes);
}

/* What is told of it, piece by piece. */
static struct {
    uint64_t bytes; /* all of them right */
    size_t most_memory;
} told;

static size_t memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void check_runs(struct record *record, struct slice piece)
{
    for (size_t i = 0; i < piece.length; i++, told.bytes++)
        if ((unsigned char)piece.start[i] != told.bytes / RUN_BYTES % RUN_VALUES)
            fail_msg("byte %llu is another's", (unsigned long long)told.bytes);
    size_t memory = memory_in_use();
    told.most_memory = memory > told.most_memory ? memory : told.most_memory;
}

static void ignore_piece(struct record *record, struct slice piece)
{
    told.bytes += piece.length;
}

static int set_up_body(void **state)
{
    memset(&told, 0, sizeof told);
    return set_up(state);
}

/* ---- limits ---- */

static struct record fetch_limited(struct fixture *fixture, const char *path, uint64_t transfer,
                                   uint64_t body)
{
    return fetch(fixture, (struct http_request){.url = at(fixture, path),
                                                .max_transfer_bytes = transfer,
                                                .max_body_bytes = body});
}

static void expect_too_large(struct fixture *fixture, const char *path, uint64_t transfer,
                             uint64_t body, const char *message)
{
    struct record record = fetch_limited(fixture, path, transfer, body);
    assert_true(record.result.is_permanent);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE, message);
}

static void expect_whole(struct fixture *fixture, const char *path, uint64_t transfer,
                         uint64_t body)
{
    struct record record = fetch_limited(fixture, path, transfer, body);
    expect_failure(&record, HTTP_FAILURE_NONE, "");
}

static void test_a_body_over_the_limit_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/told", "200 OK", "", "0123456789");
    answer(fixture, "/untold", PEER_THEN_CLOSE, "HTTP/1.0 200 OK\r\n\r\n0123456789");
    const char *const paths[] = {"/told", "/untold"};
    for (int i = 0; i < 2; i++) {
        expect_whole(fixture, paths[i], 0, 0);
        expect_whole(fixture, paths[i], 10, 10);
        expect_too_large(fixture, paths[i], 9, 0,
                         "the body is too large: more than 9 bytes on the wire");
        expect_too_large(fixture, paths[i], UINT64_MAX, 9,
                         "the body is too large: more than 9 bytes");
    }
    expect_too_large(fixture, "/told", 0, 9,
                     "the body is too large: more than 9 bytes on the wire");
    struct record record = fetch_limited(fixture, "/told", 9, 0);
    assert_int_equal(record.pieces, 0); /* its length was told before */
    finish(&record);
}

/* 5180 bytes out of a few dozen. */
static void test_both_sides_of_decompression_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct text bytes = {0};
    append_deflated(&bytes, 20);
    answer_encoded(fixture, "/z", "deflate", bytes.start, bytes.length);
    expect_whole(fixture, "/z", bytes.length, 20 * RUN_BYTES);
    expect_whole(fixture, "/z", 0, 20 * RUN_BYTES);
    expect_whole(fixture, "/z", bytes.length, 0);
    expect_too_large(fixture, "/z", bytes.length, 20 * RUN_BYTES - 1,
                     "the body is too large: more than 5179 bytes after decompression");
    char message[80];
    snprintf(message, sizeof message, "the body is too large: more than %zu bytes on the wire",
             bytes.length - 1);
    expect_too_large(fixture, "/z", bytes.length - 1, 20 * RUN_BYTES, message);
    text_finish(&bytes);
}

/* Blocks of gzip that hold nothing: the limit after decompression alone would never be reached. */
static void test_compressed_bytes_are_limited_too(void **state)
{
    struct fixture *fixture = *state;
    struct text bytes = {0};
    text_append_string(&bytes, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    text_append(&bytes, (const char *)gzip_head, sizeof gzip_head);
    for (int i = 0; i < 2000000; i++)
        text_append(&bytes, "\0\0\0\xff\xff", 5);
    http_peer_answer(fixture->peer, "/empty", PEER_AT_ONCE, text_slice(&bytes));
    text_finish(&bytes);
    const uint64_t limits[][2] = {{0, 100000}, {100000, 0}, {100000, 5000000}};
    for (int i = 0; i < 3; i++) {
        struct record record = fetch_limited(fixture, "/empty", limits[i][0], limits[i][1]);
        assert_int_equal(record.result.body_bytes, 0);
        assert_true(record.result.transfer_bytes < 5000000);
        expect_failure(&record, HTTP_FAILURE_TOO_LARGE,
                       "the body is too large: more than 100000 bytes on the wire");
    }
}

/* 100 MB out of 1 MB; nothing but what is being told is in memory. */
static void test_a_swelling_body_takes_no_memory(void **state)
{
    enum { RUNS = 400000 };
    struct fixture *fixture = *state;
    struct record record = {.on_piece = check_runs};
    serve_deflated(fixture, "/bomb", RUNS);
    start(fixture, &record, (struct http_request){.url = at(fixture, "/bomb")});
    turn_until(fixture, &record.pieces, 1);
    size_t at_first = memory_in_use();
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(told.bytes, (uint64_t)RUNS * RUN_BYTES);
    assert_true(told.most_memory < at_first + 1000000);
    expect_failure(&record, HTTP_FAILURE_NONE, "");

    told.bytes = 0;
    struct record limited = {.on_piece = check_runs};
    start(fixture, &limited,
          (struct http_request){.url = at(fixture, "/bomb"), .max_body_bytes = 5000000});
    turn_until(fixture, &limited.dones, 1);
    assert_true(told.bytes <= 5000000 && told.bytes > 4900000);
    assert_true(limited.result.transfer_bytes < 200000);
    expect_failure(&limited, HTTP_FAILURE_TOO_LARGE,
                   "the body is too large: more than 5000000 bytes after decompression");
}

static void test_a_brotli_bomb_ends_at_the_limit(void **state)
{
    struct fixture *fixture = *state;
    answer_encoded(fixture, "/bomb", "br", brotli_80_mib, sizeof brotli_80_mib);
    expect_too_large(fixture, "/bomb", 0, 1000000,
                     "the body is too large: more than 1000000 bytes after decompression");
    struct record record = {.on_piece = ignore_piece};
    start(fixture, &record, (struct http_request){.url = at(fixture, "/bomb")});
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(told.bytes, BROTLI_BOMB_BYTES);
    expect_failure(&record, HTTP_FAILURE_NONE, "");
}

/* Something comes all the time, and yet it ends. */
static void test_a_slow_body_times_out(void **state)
{
    struct fixture *fixture = *state;
    struct text bytes = {0};
    text_append_format(&bytes, "HTTP/1.0 200 OK\r\n\r\n%0*d", 100000, 0);
    http_peer_answer(fixture->peer, "/slow", PEER_SLOWLY, text_slice(&bytes));
    text_finish(&bytes);
    struct record record =
        fetch(fixture, (struct http_request){.url = at(fixture, "/slow"), .timeout_ms = 1000});
    assert_int_equal(record.result.failure, HTTP_FAILURE_TIMEOUT);
    assert_true(record.pieces > 1);
    assert_true(record.result.total_ms >=
                950); /* not before; libcurl begins its clocks one by one */
    assert_non_null(strstr(text_string(&record.message), "no whole answer"));
    finish(&record);
}

/* ---- pauses ---- */

/* Lets the loop turn long enough for what is on its way to come. */
static void turn_a_while(struct fixture *fixture)
{
    int64_t until_us = clock_now_us() + 20000;
    while (clock_now_us() < until_us)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

static void check_and_pause(struct record *record, struct slice piece)
{
    check_runs(record, piece);
    http_transfer_pause(record->transfer, true);
}

/* Every piece is followed by a pause; the last one may be the end. */
static void expect_every_byte_once(struct fixture *fixture, const char *path, uint64_t bytes)
{
    struct record record = {.on_piece = check_and_pause};
    told.bytes = 0;
    start(fixture, &record, (struct http_request){.url = at(fixture, path)});
    while (!record.dones) {
        int pieces = record.pieces;
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        assert_true(record.pieces <= pieces + 1);
        if (record.pieces > pieces && record.pieces < 10) {
            turn_a_while(fixture);
            assert_int_equal(record.pieces, pieces + 1);
        }
        if (!record.dones)
            http_transfer_pause(record.transfer, false);
    }
    assert_string_equal(text_string(&record.message), "");
    assert_int_equal(told.bytes, bytes);
    assert_int_equal(record.result.body_bytes, bytes);
    assert_true(record.pieces > 1 && (uint64_t)record.pieces >= bytes / CURL_MAX_WRITE_SIZE);
    expect_failure(&record, HTTP_FAILURE_NONE, "");
}

static void serve_plain_runs(struct fixture *fixture, const char *path, const char *headers,
                             int runs, enum http_peer_manner manner)
{
    struct text bytes = {0};
    text_append_format(&bytes, "HTTP/1.1 200 OK\r\n%s\r\n", headers);
    bool is_chunked = strstr(headers, "chunked") != NULL;
    for (int run = 0; run < runs; run++) {
        if (is_chunked)
            text_append_format(&bytes, "%x\r\n", RUN_BYTES);
        for (int i = 0; i < RUN_BYTES; i++)
            text_append_char(&bytes, (char)(run % RUN_VALUES));
        text_append_string(&bytes, is_chunked ? "\r\n" : "");
    }
    text_append_string(&bytes, is_chunked ? "0\r\nX-Trailer: 1\r\n\r\n" : "");
    http_peer_answer(fixture->peer, path, manner, text_slice(&bytes));
    text_finish(&bytes);
}

static void test_pauses_lose_and_repeat_nothing(void **state)
{
    struct fixture *fixture = *state;
    serve_deflated(fixture, "/deflate", 10000);
    expect_every_byte_once(fixture, "/deflate", 10000 * RUN_BYTES);
    serve_plain_runs(fixture, "/chunked", "Transfer-Encoding: chunked\r\n", 4000, PEER_AT_ONCE);
    expect_every_byte_once(fixture, "/chunked", 4000 * RUN_BYTES);
    serve_plain_runs(fixture, "/untold", "", 4000, PEER_THEN_CLOSE);
    expect_every_byte_once(fixture, "/untold", 4000 * RUN_BYTES);
    serve_plain_runs(fixture, "/small", "Content-Length: 259\r\n", 1, PEER_IN_PIECES);
    expect_every_byte_once(fixture, "/small", RUN_BYTES);
}

static void pause_at_once(struct record *record)
{
    http_transfer_pause(record->transfer, true);
}

static void test_a_pause_may_begin_before_the_body(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "/a", "200 OK", "", hello);
    struct record record = {.on_head = pause_at_once};
    start(fixture, &record, (struct http_request){.url = at(fixture, "/a")});
    http_transfer_pause(record.transfer, true);
    http_transfer_pause(record.transfer, false); /* before anything came: nothing to go on with */
    turn_until(fixture, &record.heads, 1);
    turn_a_while(fixture);
    assert_int_equal(record.pieces, 0);
    http_transfer_pause(record.transfer, true);
    http_transfer_pause(record.transfer, false);
    http_transfer_pause(record.transfer, true); /* before the loop turned: still a pause */
    turn_a_while(fixture);
    assert_int_equal(record.pieces, 0);
    http_transfer_pause(record.transfer, false);
    http_transfer_pause(record.transfer, false);
    assert_int_equal(record.pieces, 0); /* never from inside the call */
    turn_until(fixture, &record.dones, 1);
    assert_string_equal(text_string(&record.body), hello);
    finish(&record);
}

/* The peer is told to wait by what it cannot send: what is read is far less than what is there. */
static void test_a_pause_holds_the_peer_back(void **state)
{
    struct fixture *fixture = *state;
    serve_plain_runs(fixture, "/huge", "", 100000, PEER_THEN_CLOSE);
    struct record record = {.on_piece = check_and_pause};
    start(fixture, &record, (struct http_request){.url = at(fixture, "/huge")});
    turn_until(fixture, &record.pieces, 1);
    size_t at_first = memory_in_use();
    turn_a_while(fixture);
    assert_int_equal(record.pieces, 1);
    assert_true(memory_in_use() < at_first + 200000);
    curl_off_t bytes;
    curl_easy_getinfo(record.transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    assert_true(bytes < 200000);
    http_transfer_cancel(record.transfer);
    turn_until(fixture, &record.dones, 1);
    expect_failure(&record, HTTP_FAILURE_CANCELLED, "cancelled");
}

static void start_paused(struct fixture *fixture, struct record *record, const char *path,
                         int timeout_ms)
{
    *record = (struct record){.on_piece = check_and_pause};
    start(fixture, record,
          (struct http_request){
              .url = at(fixture, path), .timeout_ms = timeout_ms, .max_body_bytes = 100000});
    turn_until(fixture, &record->pieces, 1);
    turn_a_while(fixture);
    assert_int_equal(record->pieces, 1);
    assert_int_equal(record->dones, 0);
}

static void test_a_pause_is_no_way_around_the_limits(void **state)
{
    struct fixture *fixture = *state;
    struct record record;
    serve_deflated(fixture, "/z", 10000);
    start_paused(fixture, &record, "/z", 200);
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.pieces, 1);
    assert_int_equal(record.result.failure, HTTP_FAILURE_TIMEOUT);
    finish(&record);

    told.bytes = 0;
    start_paused(fixture, &record, "/z", 0);
    record.on_piece = check_runs;
    http_transfer_pause(record.transfer, false);
    turn_until(fixture, &record.dones, 1);
    assert_int_equal(record.dones, 1);
    assert_true(told.bytes <= 100000);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE,
                   "the body is too large: more than 100000 bytes after decompression");
}

/* What swells beyond all bounds while nobody takes it. */
static void test_a_bomb_in_a_pause_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {.on_head = pause_at_once};
    answer_encoded(fixture, "/bomb", "br", brotli_80_mib, sizeof brotli_80_mib);
    start(fixture, &record,
          (struct http_request){.url = at(fixture, "/bomb"), .max_body_bytes = 1000000});
    turn_until(fixture, &record.dones, 1);
    assert_true(record.result.is_permanent);
    expect_failure(&record, HTTP_FAILURE_TOO_LARGE,
                   "the body is too large: it expands to more than can be held in a pause");
}

static void cancel(struct record *record, struct slice piece)
{
    http_transfer_cancel(record->transfer);
}

static void test_cancelled_in_a_pause(void **state)
{
    struct fixture *fixture = *state;
    struct record records[3];
    serve_deflated(fixture, "/z", 300);
    for (int i = 0; i < 3; i++) {
        told.bytes = 0;
        start_paused(fixture, &records[i], "/z", 0);
    }
    http_transfer_cancel(records[0].transfer);
    http_transfer_pause(records[0].transfer, false); /* too late */
    http_transfer_pause(records[1].transfer, false);
    http_transfer_cancel(records[1].transfer);
    records[2].on_piece = cancel;
    http_transfer_pause(records[2].transfer, false);
    for (int i = 0; i < 3; i++) {
        turn_until(fixture, &records[i].dones, 1);
        assert_int_equal(records[i].dones, 1);
        assert_int_equal(records[i].pieces, i == 2 ? 2 : 1);
        expect_failure(&records[i], HTTP_FAILURE_CANCELLED, "cancelled");
    }
}

static void test_destroyed_in_a_pause(void **state)
{
    struct fixture *fixture = *state;
    struct record records[2];
    serve_deflated(fixture, "/z", 300);
    for (int i = 0; i < 2; i++) {
        told.bytes = 0;
        start_paused(fixture, &records[i], "/z", 0);
    }
    http_transfer_pause(records[1].transfer, false);
    http_client_destroy(fixture->client);
    fixture->client = NULL;
    for (int i = 0; i < 2; i++) {
        turn_until(fixture, &records[i].dones, 1);
        expect_failure(&records[i], HTTP_FAILURE_CANCELLED, "cancelled");
    }
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_body, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_body_over_the_limit_is_cut_off),
        TEST(test_both_sides_of_decompression_have_a_limit),
        TEST(test_compressed_bytes_are_limited_too),
        TEST(test_a_swelling_body_takes_no_memory),
        TEST(test_a_brotli_bomb_ends_at_the_limit),
        TEST(test_a_slow_body_times_out),
        TEST(test_pauses_lose_and_repeat_nothing),
        TEST(test_a_pause_may_begin_before_the_body),
        TEST(test_a_pause_holds_the_peer_back),
        TEST(test_a_pause_is_no_way_around_the_limits),
        TEST(test_a_bomb_in_a_pause_is_not_kept),
        TEST(test_cancelled_in_a_pause),
        TEST(test_destroyed_in_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
