/*
 * A PostgreSQL for the tests of one program: a private cluster in a temporary folder, started
 * before the first test and gone after the last. And a loop that runs until something is so.
 */
#ifndef PAWL_TESTS_SERVER_FIXTURE_H
#define PAWL_TESTS_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "pg/cluster.h"
#include "pg/session.h"

enum { PATIENCE_MS = 20000 };

static struct {
    char folder[32];
    struct cluster cluster;
    struct text url;
    struct session *session; /* for the tests' own questions */
} server;

static uv_loop_t test_loop;

static int start_server(void **state)
{
    char data[64];
    struct failure failure = {0};
    strcpy(server.folder, "/tmp/pawl-test-XXXXXX");
    if (!mkdtemp(server.folder))
        return -1;
    snprintf(data, sizeof data, "%s/data", server.folder);
    if (!cluster_prepare(&server.cluster, data, &failure) ||
        !cluster_start(&server.cluster, &failure) || !cluster_url(data, &server.url, &failure))
        fail_msg("%s: %s", failure.message, failure.detail);
    server.session = session_open(text_string(&server.url), "test", &failure);
    return server.session ? 0 : -1;
}

/* After a test that made the server end it; the server is up. */
static inline void reopen_session(void)
{
    struct failure failure = {0};
    session_close(server.session);
    server.session = session_open(text_string(&server.url), "test", &failure);
    if (!server.session)
        fail_msg("%s", failure.message);
}

static int stop_server(void **state)
{
    struct cluster_folder folder;
    session_close(server.session);
    text_finish(&server.url);
    bool is_fine = cluster_stop(&server.cluster, NULL);
    cluster_finish(&server.cluster);
    if (!cluster_folder_open(&folder, "/tmp", false, NULL))
        return -1;
    is_fine = cluster_folder_remove(&folder, server.folder + strlen("/tmp/")) && is_fine;
    cluster_folder_finish(&folder);
    return is_fine ? 0 : -1;
}

/* One number, asked on the tests' own session. */
static inline int64_t ask(const char *sql)
{
    struct failure failure = {0};
    struct pg_result *result = session_query(server.session, sql, 0, NULL, &failure);
    if (!result)
        fail_msg("%s: %s", sql, failure.message);
    int64_t answer = pg_result_rows(result) ? pg_result_integer(result, 0, 0) : 0;
    pg_result_destroy(result);
    return answer;
}

static inline void say(const char *sql)
{
    struct failure failure = {0};
    if (!session_run(server.session, sql, &failure))
        fail_msg("%s: %s", sql, failure.message);
}

static inline int open_loop(void **state)
{
    return uv_loop_init(&test_loop);
}

static void on_patience_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until the count has been reached. */
static inline void run_until(const int *count, int wanted)
{
    bool is_late = false;
    uv_timer_t timer;
    uv_timer_init(&test_loop, &timer);
    timer.data = &is_late;
    uv_timer_start(&timer, on_patience_timer, PATIENCE_MS, 0);
    while (*count < wanted && !is_late)
        uv_run(&test_loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&test_loop, UV_RUN_NOWAIT);
    if (is_late)
        fail_msg("waited for %d, it is %d", wanted, *count);
}

/* Everything in it must have been closed: it then ends by itself, and how long that took is told.
 */
static inline uint64_t close_loop_ms(void)
{
    uint64_t start_ns = uv_hrtime();
    uv_run(&test_loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&test_loop), 0);
    return (uv_hrtime() - start_ns) / 1000000;
}

#endif
