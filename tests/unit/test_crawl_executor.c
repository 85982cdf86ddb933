/* The crawl executor on a small site: what it asks for, and what it tells the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "executors/crawl/executor.c"

#include "http_peer.h"

enum { PATIENCE_MS = 10000, SLOTS = 20 };

/* One task and what became of it. */
struct run {
    struct task *task;
    int dones;
    struct outcome outcome;
    json_t *members; /* of outcome.page */
    const json_t *page, *found;
};

struct fixture {
    uv_loop_t loop;
    struct http_peer *peer;
    void *executor;
    struct job_facts job;
    struct text params, url;
    struct run *latest;
};

static void on_task_done(void *engine, struct task *task, struct outcome *outcome)
{
    struct fixture *fixture = engine;
    struct run *run = fixture->latest;
    CHECK(run->task == task && run->dones == 0);
    run->dones = 1;
    run->outcome = *outcome;
}

static const char *at(struct fixture *fixture, const char *path)
{
    text_clear(&fixture->url);
    text_append_format(&fixture->url, "http://127.0.0.1:%d%s", http_peer_port(fixture->peer), path);
    return text_string(&fixture->url);
}

/* more: members behind the first, each after a comma. */
static void set_params(struct fixture *fixture, const char *more)
{
    text_clear(&fixture->params);
    text_append_format(&fixture->params, "{\"url\":\"%s\"%s}", at(fixture, "/"), more);
    fixture->job.params = fixture->params.start;
}

static struct task *new_task(struct fixture *fixture, const char *payload, int attempt)
{
    struct task *task = memory_zeroed(1, sizeof *task + strlen(payload) + 1);
    list_init(&task->link);
    task->job = &fixture->job;
    task->job_id = fixture->job.id;
    task->attempt = attempt;
    task->priority = 1;
    task->is_running = true;
    task->payload_bytes = strlen(payload);
    strcpy(task->payload, payload);
    return task;
}

static void on_tick(uv_timer_t *timer)
{
    /* It wakes the loop, so that the condition and the deadline are looked at. */
}

static void turn_until(struct fixture *fixture, const int *condition)
{
    int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL;
    uv_timer_t tick;
    uv_timer_init(&fixture->loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    while (!*condition && clock_now_us() < deadline_us)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_true(*condition);
}

static void start(struct fixture *fixture, struct run *run, const char *payload, int attempt)
{
    *run = (struct run){.task = new_task(fixture, payload, attempt)};
    fixture->latest = run;
    crawl_executor.start(fixture->executor, run->task);
}

static void read_members(struct run *run)
{
    if (!run->outcome.page)
        return;
    struct text whole = {0};
    text_append_format(&whole, "{%s}", run->outcome.page);
    json_error_t error;
    run->members = json_loads(text_string(&whole), JSON_REJECT_DUPLICATES, &error);
    if (!run->members)
        fail_msg("%s: %s", error.text, text_string(&whole));
    text_finish(&whole);
    run->page = json_object_get(run->members, "page");
    run->found = json_object_get(run->members, "found");
}

static void run_payload(struct fixture *fixture, struct run *run, const char *payload, int attempt)
{
    start(fixture, run, payload, attempt);
    turn_until(fixture, &run->dones);
    read_members(run);
}

static void run_attempt(struct fixture *fixture, struct run *run, const char *path, int attempt)
{
    struct text payload = {0};
    text_append_format(&payload, "{\"url\":\"%s\",\"depth\":2}", at(fixture, path));
    run_payload(fixture, run, text_string(&payload), attempt);
    text_finish(&payload);
}

static void run_path(struct fixture *fixture, struct run *run, const char *path)
{
    run_attempt(fixture, run, path, 1);
}

static void finish(struct run *run)
{
    json_decref(run->members);
    free(run->outcome.error);
    free(run->outcome.result);
    free(run->outcome.page);
    free(run->task);
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static json_int_t integer_of(const json_t *object, const char *name)
{
    assert_true(json_is_integer(json_object_get(object, name)));
    return json_integer_value(json_object_get(object, name));
}

static bool is_null(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return !value || json_is_null(value);
}

/* paths: the found URLs in their order, NULL behind the last. */
static void expect_found(struct fixture *fixture, const struct run *run, const char *const *paths)
{
    size_t count = 0;
    for (; paths[count]; count++) {
        const json_t *found = json_array_get(run->found, count);
        char key[URL_KEY_BYTES];
        assert_non_null(found);
        assert_string_equal(text_of(found, "url"), at(fixture, paths[count]));
        url_key(slice_of_string(text_of(found, "url")), key);
        assert_string_equal(text_of(found, "key"), key);
    }
    assert_int_equal(json_array_size(run->found), count);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    CHECK(uv_loop_init(&fixture->loop) == 0);
    fixture->peer = http_peer_create(&fixture->loop);
    struct executor_environment environment = {
        .loop = &fixture->loop, .slots = SLOTS, .on_done = on_task_done, .engine = fixture};
    fixture->executor = crawl_executor.create(&environment);
    fixture->job = (struct job_facts){.id = 7, .timeout_ms = PATIENCE_MS};
    set_params(fixture, "");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->executor)
        crawl_executor.destroy(fixture->executor);
    http_peer_destroy(fixture->peer);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&fixture->loop) == 0);
    text_finish(&fixture->params);
    text_finish(&fixture->url);
    free(fixture);
    return 0;
}

static const char html[] = "Content-Type: Text/HTML; charset=utf-8\r\n";

static void serve_home(struct fixture *fixture)
{
    http_peer_serve(fixture->peer, "/docs/", "200 OK", html,
                    "<title>caf\xe9</title><a href='a.html'>a</a><a href='/b?x=1&amp;y=2#top'>b</a>"
                    "<a href=a.html#again>a</a><a href='https://elsewhere.example/'>away</a>"
                    "<a href='mailto:x@y.example'>mail</a><a href='../docs/'>self</a>"
                    "<a href='c%22%5C.html'>c</a>");
}

static void test_a_page_tells_its_row_and_its_links(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    serve_home(fixture);
    run_path(fixture, &run, "/docs/");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_null(run.outcome.error);
    assert_null(run.outcome.error_class);
    assert_null(run.outcome.result);
    assert_string_equal(text_of(run.page, "url"), at(fixture, "/docs/"));
    assert_int_equal(integer_of(run.page, "url_hash"),
                     (int64_t)url_hash(slice_of_string(at(fixture, "/docs/"))));
    assert_int_equal(integer_of(run.page, "depth"), 2);
    assert_int_equal(integer_of(run.page, "status"), 200);
    assert_string_equal(text_of(run.page, "content_type"), "Text/HTML; charset=utf-8");
    assert_string_equal(text_of(run.page, "http_version"), "1.1");
    assert_true(is_null(run.page, "error_class") && is_null(run.page, "error"));
    assert_true(is_null(run.page, "redirect_to") && is_null(run.page, "encoding"));
    assert_true(integer_of(run.page, "body_bytes") > 100);
    assert_int_equal(integer_of(run.page, "transfer_bytes"), integer_of(run.page, "body_bytes"));
    assert_true(json_number_value(json_object_get(run.page, "total_ms")) > 0);
    assert_true(json_number_value(json_object_get(run.page, "connect_ms")) > 0);

    static const char *const paths[] = {"/docs/a.html", "/b?x=1&y=2", "/docs/c%22%5C.html", NULL};
    expect_found(fixture, &run, paths);
    const json_t *first = json_array_get(run.found, 0);
    assert_int_equal(integer_of(first, "depth"), 3);
    assert_true(json_real_value(json_object_get(first, "priority")) == 0.9);
    const json_t *hashes = json_object_get(run.page, "link_hashes");
    assert_int_equal(integer_of(run.page, "links"), 4); /* the page itself is one */
    assert_int_equal(json_array_size(hashes), 4);
    assert_int_equal(json_integer_value(json_array_get(hashes, 0)),
                     (int64_t)url_hash(slice_of_string(text_of(first, "url"))));
    finish(&run);
}

static void test_a_url_is_proposed_once(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const none[] = {NULL}, *const new[] = {"/new", NULL};
    serve_home(fixture);
    http_peer_serve(fixture->peer, "/other", "200 OK", html,
                    "<a href=/docs/a.html>a</a><a href=/new>n</a><a href=/docs/>home</a>");
    run_path(fixture, &run, "/docs/");
    finish(&run);
    run_path(fixture, &run, "/other");
    expect_found(fixture, &run, new);
    assert_int_equal(integer_of(run.page, "links"), 3);
    finish(&run);
    run_path(fixture, &run, "/other");
    expect_found(fixture, &run, none);
    finish(&run);
    /* Nobody knows whether what the first attempt found was stored. */
    static const char *const all[] = {"/docs/a.html", "/new", "/docs/", NULL};
    run_attempt(fixture, &run, "/other", 2);
    expect_found(fixture, &run, all);
    finish(&run);
    /* Another job is another site, and so is the same one after it was forgotten. */
    fixture->job.id = 8;
    run_path(fixture, &run, "/other");
    expect_found(fixture, &run, all);
    finish(&run);
    crawl_executor.forget_job(fixture->executor, 8);
    run_path(fixture, &run, "/other");
    expect_found(fixture, &run, all);
    finish(&run);
}

static void test_a_failed_page_proposes_its_links_when_it_comes(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const link[] = {"/x", NULL};
    http_peer_serve(fixture->peer, "/p", "500 Oops", html, "<a href=/x>x</a>");
    run_path(fixture, &run, "/p");
    assert_int_equal(json_array_size(run.found), 0);
    assert_int_equal(integer_of(run.page, "links"), 0);
    finish(&run);
    http_peer_answer(fixture->peer, "/p", PEER_THEN_CLOSE,
                     slice_of_string("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                     "Content-Length: 99\r\n\r\n<a href=/x>x</a>"));
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, "<a href=/x>x</a>");
    run_path(fixture, &run, "/p");
    expect_found(fixture, &run, link);
    finish(&run);
}

static void test_links_are_found_in_html_only(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    const char *const types[] = {"Content-Type: text/plain\r\n", "",
                                 "Content-Type: text/htmlx\r\n"};
    for (int i = 0; i < 3; i++) {
        http_peer_serve(fixture->peer, "/t", "200 OK", types[i], "<a href=/x>x</a>");
        run_path(fixture, &run, "/t");
        assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
        assert_int_equal(integer_of(run.page, "links"), 0);
        assert_int_equal(json_array_size(run.found), 0);
        assert_int_equal(integer_of(run.page, "body_bytes"), 16); /* read all the same */
        finish(&run);
    }
}

static void test_a_redirect_leads_on(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const target[] = {"/docs/new", NULL};
    http_peer_serve(fixture->peer, "/docs/old", "301 Moved Permanently", "Location: new#x\r\n", "");
    run_path(fixture, &run, "/docs/old");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(integer_of(run.page, "status"), 301);
    assert_string_equal(text_of(run.page, "redirect_to"), at(fixture, "/docs/new"));
    expect_found(fixture, &run, target);
    assert_int_equal(integer_of(json_array_get(run.found, 0), "depth"), 2);
    assert_int_equal(http_peer_requests(fixture->peer), 1);
    finish(&run);

    http_peer_serve(fixture->peer, "/away", "302 Found", "Location: //elsewhere.example\r\n", "");
    run_path(fixture, &run, "/away");
    assert_string_equal(text_of(run.page, "redirect_to"), "http://elsewhere.example/");
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);

    http_peer_serve(fixture->peer, "/odd", "302 Found", "Location: tel:\xff\x01\"1\r\n", "");
    run_path(fixture, &run, "/odd");
    assert_string_equal(text_of(run.page, "redirect_to"), "tel:\xEF\xBF\xBD\x01\"1");
    finish(&run);
}

static void expect_status(struct fixture *fixture, const char *status, const char *headers,
                          bool is_final, int64_t delay_ms)
{
    struct run run;
    http_peer_serve(fixture->peer, "/s", status, headers, "");
    run_path(fixture, &run, "/s");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_int_equal(run.outcome.is_final, is_final);
    assert_int_equal(run.outcome.delay_ms, delay_ms);
    assert_string_equal(run.outcome.error_class, "status");
    assert_string_equal(text_of(run.page, "error_class"), "status");
    assert_string_equal(run.outcome.error, status);
    assert_string_equal(text_of(run.page, "error"), status);
    assert_int_equal(integer_of(run.page, "status"), atoi(status));
    finish(&run);
}

static void test_error_statuses(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, "404 Not Found", "", true, -1);
    expect_status(fixture, "410 Gone", "", true, -1);
    expect_status(fixture, "403 Forbidden", "", true, -1);
    expect_status(fixture, "408 Request Timeout", "", false, -1);
    expect_status(fixture, "425 Too Early", "", false, -1);
    expect_status(fixture, "500 Internal Server Error", "", false, -1);
    expect_status(fixture, "503 Service Unavailable", "Retry-After: 3\r\n", false, 3000);
    expect_status(fixture, "429 Too Many Requests", "Retry-After: 86400\r\n", false, 600000);
    expect_status(fixture, "599", "", false, -1);
}

static void test_network_failures(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    http_peer_answer(fixture->peer, "/n", PEER_THEN_CLOSE, slice_of_string(""));
    run_path(fixture, &run, "/n");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_false(run.outcome.is_final);
    assert_string_equal(run.outcome.error_class, "network");
    assert_string_equal(text_of(run.page, "error_class"), "connect");
    assert_true(is_null(run.page, "status") && is_null(run.page, "first_byte_ms"));
    assert_true(is_null(run.page, "http_version"));
    assert_int_equal(integer_of(run.page, "links"), 0);
    finish(&run);

    run_payload(fixture, &run, "{\"url\":\"http://nosuch.invalid/\",\"depth\":0}", 1);
    assert_string_equal(run.outcome.error, "could not resolve host: nosuch.invalid");
    assert_string_equal(run.outcome.error_class, "network");
    assert_string_equal(text_of(run.page, "error_class"), "dns");
    finish(&run);

    fixture->job.timeout_ms = 50;
    http_peer_answer(fixture->peer, "/n", PEER_SILENT, slice_of_string(""));
    run_path(fixture, &run, "/n");
    assert_string_equal(run.outcome.error_class, "timeout");
    assert_string_equal(text_of(run.page, "error_class"), "timeout");
    assert_false(run.outcome.is_final);
    finish(&run);
}

static void test_what_cannot_be_asked_for_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    const char *const payloads[] = {"{}", "[]", "{\"url\":7}", "{\"url\":\"ftp://x.example/\"}"};
    for (int i = 0; i < 4; i++) {
        run_payload(fixture, &run, payloads[i], 1);
        assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
        assert_true(run.outcome.is_final);
        assert_string_equal(run.outcome.error_class, "refused");
        assert_non_null(run.outcome.error);
        assert_null(run.outcome.page);
        finish(&run);
    }
    static char broken[] = "{\"max_pages\":3}";
    fixture->job.id = 9;
    fixture->job.params = broken;
    run_path(fixture, &run, "/");
    assert_string_equal(run.outcome.error, "the job's params have no url");
    assert_true(run.outcome.is_final);
    finish(&run);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS);
}

static void test_the_crawler_says_who_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    run_path(fixture, &run, "/");
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "\r\nUser-Agent: Pawl/"));
    finish(&run);
    fixture->job.id = 8;
    set_params(fixture, ",\"user_agent\":\"Mozilla/5.0 (test)\"");
    run_path(fixture, &run, "/");
    assert_non_null(
        strstr(http_peer_last_request(fixture->peer), "\r\nUser-Agent: Mozilla/5.0 (test)\r\n"));
    finish(&run);
    fixture->job.id = 9;
    set_params(fixture, ",\"user_agent\":\"a\\r\\nHost: evil\"");
    int requests = http_peer_requests(fixture->peer);
    run_path(fixture, &run, "/");
    assert_true(run.outcome.is_final);
    assert_int_equal(http_peer_requests(fixture->peer), requests);
    finish(&run);
}

static void test_room_and_cancel(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text payload = {0};
    http_peer_answer(fixture->peer, "/n", PEER_SILENT, slice_of_string(""));
    text_append_format(&payload, "{\"url\":\"%s\"}", at(fixture, "/n"));
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS);
    start(fixture, &run, text_string(&payload), 1);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS - 1);
    crawl_executor.cancel(fixture->executor, run.task);
    turn_until(fixture, &run.dones);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS);
    finish(&run);

    /* Destroyed with a page in flight: nobody is told, nothing leaks. */
    start(fixture, &run, text_string(&payload), 1);
    crawl_executor.destroy(fixture->executor);
    fixture->executor = NULL;
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(run.dones, 0);
    finish(&run);
    text_finish(&payload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_page_tells_its_row_and_its_links),
        TEST(test_a_url_is_proposed_once),
        TEST(test_a_failed_page_proposes_its_links_when_it_comes),
        TEST(test_links_are_found_in_html_only),
        TEST(test_a_redirect_leads_on),
        TEST(test_error_statuses),
        TEST(test_network_failures),
        TEST(test_what_cannot_be_asked_for_is_refused),
        TEST(test_the_crawler_says_who_it_is),
        TEST(test_room_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
