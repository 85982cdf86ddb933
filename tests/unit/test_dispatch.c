/* The http executor against a peer: connections used again, cancelled and abandoned requests, a
 * kind that changes meanwhile, secrets that are missing, and self-tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "executors/executor.h"

#include "http_peer.h"

enum { PATIENCE_MS = 10000, SLOTS = 32 };

static struct installation installation = {.id = "0198aabb-ccdd-7eee-8fff-000102030405"};

struct fixture {
    uv_loop_t loop;
    struct http_peer *peer;
    void *executor;
    struct list tasks; /* under way */
    bool are_probes;
    struct job_facts job;
    char kind[8], params[40], options[200], target[100];
    int started, ended, ready_for_more; /* ready_for_more: so many are started from on_done */
    struct outcome last;
    char last_error[300], last_result[300];
};

static void start_task(struct fixture *fixture)
{
    static const char payload[] = "{\"n\": 1}";
    struct task *task = memory_zeroed(1, sizeof *task + sizeof payload);
    *task = (struct task){.job = &fixture->job,
                          .job_id = 1,
                          .id = ++fixture->started,
                          .attempt = 1,
                          .is_probe = fixture->are_probes,
                          .asked_at_us = (int64_t)uv_now(&fixture->loop) * 1000 + 1,
                          .payload_bytes = sizeof payload - 1};
    memcpy(task->payload, payload, sizeof payload);
    list_init(&task->link);
    list_append(&fixture->tasks, &task->link);
    http_executor.start(fixture->executor, task);
}

static void on_done(void *engine, struct task *task, struct outcome *outcome)
{
    struct fixture *fixture = engine;
    fixture->ended++;
    fixture->last = *outcome;
    snprintf(fixture->last_error, sizeof fixture->last_error, "%s",
             outcome->error ? outcome->error : "");
    snprintf(fixture->last_result, sizeof fixture->last_result, "%s",
             outcome->result ? outcome->result : "");
    free(outcome->error);
    free(outcome->result);
    list_remove(&task->link);
    free(task);
    if (fixture->ready_for_more > 0) {
        fixture->ready_for_more--;
        start_task(fixture);
    }
}

static void point_at(struct fixture *fixture, const char *path)
{
    snprintf(fixture->target, sizeof fixture->target, "http://127.0.0.1:%d%s",
             http_peer_port(fixture->peer), path);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    CHECK(uv_loop_init(&fixture->loop) == 0);
    list_init(&fixture->tasks);
    fixture->peer = http_peer_create(&fixture->loop);
    strcpy(fixture->kind, "f");
    strcpy(fixture->params, "{}");
    strcpy(fixture->options, "{\"allow_private\": true}");
    fixture->job = (struct job_facts){.id = 1,
                                      .kind = fixture->kind,
                                      .target = fixture->target,
                                      .params = fixture->params,
                                      .options = fixture->options,
                                      .timeout_ms = PATIENCE_MS};
    const struct executor_environment environment = {.loop = &fixture->loop,
                                                     .database_url = "host=/nowhere",
                                                     .slots = SLOTS,
                                                     .installation = &installation,
                                                     .secret_files = "/nowhere",
                                                     .on_done = on_done,
                                                     .engine = fixture};
    fixture->executor = http_executor.create(&environment);
    http_peer_serve(fixture->peer, "/f", "200 OK", "Content-Type: application/json\r\n", "{}");
    point_at(fixture, "/f");
    *state = fixture;
    return 0;
}

/* Also in the middle of requests: every handle is closed, and nobody is told any more. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    int ended = fixture->ended;
    if (fixture->executor)
        http_executor.destroy(fixture->executor);
    http_peer_destroy(fixture->peer);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&fixture->loop) == 0);
    assert_int_equal(fixture->ended, ended);
    struct list *link;
    while ((link = list_first(&fixture->tasks))) {
        list_remove(link);
        free(list_object(link, struct task, link));
    }
    free(fixture);
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    /* It wakes the loop, so that the condition and the deadline are looked at. */
}

static void turn_until(struct fixture *fixture, bool (*is_so)(struct fixture *fixture))
{
    int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL;
    uv_timer_t tick;
    uv_timer_init(&fixture->loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    while (!is_so(fixture) && clock_now_us() < deadline_us)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_true(is_so(fixture));
}

static bool have_all_ended(struct fixture *fixture)
{
    return fixture->ended == fixture->started;
}

static bool is_asked(struct fixture *fixture)
{
    return http_peer_requests(fixture->peer) > 0;
}

static void run_one(struct fixture *fixture)
{
    start_task(fixture);
    turn_until(fixture, have_all_ended);
}

static void test_connections_are_used_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->ready_for_more = 3000;
    for (int i = 0; i < SLOTS; i++)
        start_task(fixture);
    assert_int_equal(http_executor.room(fixture->executor), 0);
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->ended, 3000 + SLOTS);
    assert_int_equal(http_peer_requests(fixture->peer), 3000 + SLOTS);
    assert_in_range(http_peer_connections(fixture->peer), 1, SLOTS);
    assert_int_equal(http_executor.room(fixture->executor), SLOTS);
    assert_int_equal(fixture->last.kind, OUTCOME_COMPLETED);
    assert_string_equal(fixture->last_result, "{}");
    const char answered[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    assert_int_equal(fixture->last.bytes,
                     strlen(http_peer_last_request(fixture->peer)) + strlen(answered));
}

static void test_a_cancelled_task_drops_its_request(void **state)
{
    struct fixture *fixture = *state;
    http_peer_answer(fixture->peer, "/hang", PEER_SILENT, slice_of_string(""));
    point_at(fixture, "/hang");
    start_task(fixture);
    turn_until(fixture, is_asked);
    assert_int_equal(fixture->ended, 0);
    http_executor.cancel(fixture->executor,
                         list_object(list_first(&fixture->tasks), struct task, link));
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_RETURNED);
    assert_int_equal(http_executor.room(fixture->executor), SLOTS);
}

/* tear_down() does it. */
static void test_the_end_in_the_middle_of_requests(void **state)
{
    struct fixture *fixture = *state;
    http_peer_answer(fixture->peer, "/hang", PEER_SILENT, slice_of_string(""));
    point_at(fixture, "/hang");
    for (int i = 0; i < 3; i++)
        start_task(fixture);
    turn_until(fixture, is_asked);
}

static void test_a_kind_that_changes_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    http_peer_answer(fixture->peer, "/slow", PEER_SLOWLY,
                     slice_of_string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    point_at(fixture, "/slow");
    start_task(fixture);
    turn_until(fixture, is_asked);
    strcpy(fixture->options, "{\"allow_private\": true, \"max_result_bytes\": 0}");
    point_at(fixture, "/f");
    start_task(fixture);
    while (fixture->ended < 1)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_non_null(
        strstr(fixture->last_result, "is_truncated")); /* the new one, which is faster */
    turn_until(fixture, have_all_ended);
    assert_string_equal(fixture->last_result, "{}");
}

static void test_a_missing_secret_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "{\"allow_private\": true, \"signing_secret\": \"file:f\"}");
    start_task(fixture);
    assert_int_equal(fixture->ended, 1); /* inside start() */
    assert_int_equal(fixture->last.kind, OUTCOME_AGAIN);
    assert_string_equal(fixture->last.error_class, "secret");
    assert_int_equal(fixture->last.delay_ms, 2000);
    assert_string_equal(
        fixture->last_error,
        "secret file:f: could not read the file f in /nowhere: No such file or directory");
    assert_int_equal(http_executor.room(fixture->executor), SLOTS);
    assert_int_equal(http_peer_requests(fixture->peer), 0);
}

/* ---- probes of a breaker ---- */

static void time_out_as_probe(struct fixture *fixture, const char *options)
{
    http_peer_answer(fixture->peer, "/hang", PEER_SILENT, slice_of_string(""));
    point_at(fixture, "/hang");
    strcpy(fixture->options, options);
    fixture->job.timeout_ms = 100;
    fixture->are_probes = true;
    run_one(fixture);
}

static void test_a_probe_costs_its_task_no_attempt(void **state)
{
    struct fixture *fixture = *state;
    time_out_as_probe(fixture, "{\"allow_private\": true}");
    assert_int_equal(fixture->last.kind, OUTCOME_RETURNED);
}

/* The receiver may be at it. */
static void test_a_probe_that_must_not_be_sent_again_is_not(void **state)
{
    struct fixture *fixture = *state;
    time_out_as_probe(fixture, "{\"allow_private\": true, \"retry_timeouts\": false}");
    assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
    assert_true(fixture->last.is_final);
    assert_string_equal(fixture->last.error_class, "timeout");
}

/* Else the breaker would wait for the probe's end, and open no more. */
static void test_a_probe_that_cannot_be_sent_is_over(void **state)
{
    struct fixture *fixture = *state;
    fixture->are_probes = true;
    strcpy(fixture->options, "{\"allow_private\": true, \"signing_secret\": \"file:f\"}");
    run_one(fixture);
    assert_string_equal(fixture->last.error_class, "secret");
    fixture->are_probes = false;
    strcpy(fixture->options, "{\"allow_private\": true, \"breaker_failures\": 2}");
    http_peer_serve(fixture->peer, "/f", "503 Service Unavailable", "", "");
    for (int i = 0; i < 2; i++) {
        run_one(fixture);
        assert_string_equal(fixture->last.error_class, "status");
    }
    run_one(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_AGAIN);
    assert_string_equal(fixture->last.error_class, "breaker");
}

static void test_a_kind_with_a_fault(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "");
    start_task(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
    assert_true(fixture->last.is_final);
    assert_string_equal(fixture->last_error, "the options of the kind are no JSON object");
}

/* 202 says that it is not done, of a function that was told where to call back. */
static void test_a_function_that_will_call_back(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "{\"allow_private\": true, \"callback_timeout_ms\": 5000}");
    http_peer_serve(fixture->peer, "/later", "202 Accepted", "Content-Type: application/json\r\n",
                    "{}");
    point_at(fixture, "/later");
    start_task(fixture);
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_COMPLETED); /* nobody told it */
    assert_string_equal(fixture->last_result, "{}");
    installation.callback_url = "https://pawl.example.com";
    start_task(fixture);
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_LEASED);
    assert_int_equal(fixture->last.delay_ms, 5000);
    assert_string_equal(fixture->last_result, "");
    strcpy(fixture->options, "{\"allow_private\": true, \"heartbeat_timeout_ms\": 2000}");
    start_task(fixture);
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.delay_ms, 2000);
    installation.callback_url = NULL;
}

/* ---- self-tests ---- */

static void expect_self_test(struct fixture *fixture, const char *status, const char *wanted)
{
    struct text bytes = {0};
    text_append_format(&bytes, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
    strcpy(fixture->params, "{\"self_test\": true}");
    http_peer_answer(fixture->peer, "OPTIONS /f", PEER_AT_ONCE, text_slice(&bytes));
    run_one(fixture);
    text_finish(&bytes);
    if (wanted) {
        assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
        assert_true(fixture->last.is_final);
        assert_memory_equal(fixture->last_error, wanted, strlen(wanted));
    } else {
        assert_int_equal(fixture->last.kind, OUTCOME_COMPLETED);
    }
}

static void test_self_tests(void **state)
{
    struct fixture *fixture = *state;
    expect_self_test(fixture, "204 No Content", NULL);
    assert_memory_equal(fixture->last_result,
                        "{\"status\":204,\"address\":\"127.0.0.1\",\"dns_ms\":", 44);
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "OPTIONS /f HTTP/1.1\r\n"));
    assert_null(strstr(http_peer_last_request(fixture->peer), "Idempotency-Key"));
    expect_self_test(fixture, "405 Method Not Allowed", NULL);
    expect_self_test(fixture, "400 Bad Request", NULL);
    expect_self_test(fixture, "501 Not Implemented", NULL);
    expect_self_test(fixture, "302 Found", "status: HTTP 302: it leads elsewhere");
    expect_self_test(fixture, "401 Unauthorized",
                     "status: HTTP 401: the target wants other credentials");
    expect_self_test(fixture, "403 Forbidden", "status: HTTP 403: the target refuses us");
    expect_self_test(fixture, "404 Not Found", "status: HTTP 404: there is nothing at this URL");
    expect_self_test(fixture, "410 Gone",
                     "status: HTTP 410: there is nothing at this URL any more");
    expect_self_test(fixture, "502 Bad Gateway", "status: HTTP 502: the target, or what stands");
    /* each on a connection of its own, so that name, connection and TLS are tried out too */
    assert_int_equal(http_peer_connections(fixture->peer), http_peer_requests(fixture->peer));
}

static void test_a_self_test_without_its_secret(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "{\"allow_private\": true, \"signing_secret\": \"file:f\"}");
    strcpy(fixture->params, "{\"self_test\": true}");
    run_one(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_FAILED); /* it does not wait */
    assert_true(fixture->last.is_final);
    assert_string_equal(fixture->last.error_class, "secret");
    assert_non_null(strstr(fixture->last_error, " (on node "));
}

static void test_other_params_are_no_self_test(void **state)
{
    static const char *const params[] = {"{\"self_test\": false}", "{\"a\": \"self_test\"}",
                                         "{\"x\": {\"self_test\": true}}"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        strcpy(fixture->params, params[i]);
        run_one(fixture);
        assert_non_null(strstr(http_peer_last_request(fixture->peer), "POST /f"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connections_are_used_again),
        TEST(test_a_cancelled_task_drops_its_request),
        TEST(test_the_end_in_the_middle_of_requests),
        TEST(test_a_kind_that_changes_meanwhile),
        TEST(test_a_missing_secret_is_waited_for),
        TEST(test_a_kind_with_a_fault),
        TEST(test_a_function_that_will_call_back),
        TEST(test_a_probe_costs_its_task_no_attempt),
        TEST(test_a_probe_that_cannot_be_sent_is_over),
        TEST(test_a_probe_that_must_not_be_sent_again_is_not),
        TEST(test_self_tests),
        TEST(test_a_self_test_without_its_secret),
        TEST(test_other_params_are_no_self_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
