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
#include "executors/crawl/found.h"
#include "executors/crawl/robots.h"
#include "executors/crawl/sitemap.h"
#include "executors/crawl/url_bytes.h"
#include "executors/crawl/verdict.h"

#include "http_peer.h"

enum { PATIENCE_MS = 10000, SLOTS = 20 };

/* ---- a database that a test answers for ---- */

static struct {
    enum robots_verdict verdict;
    const char *robots; /* NULL: there is none */
    bool is_silent;     /* never answers; of pages added, until answer_added() */
    bool is_full, is_busy;
    int asked, saved, forgotten, added, raised;
    int saved_status;
    bool saved_rules;
    double saved_delay_ms;
    struct text saved_robots, saved_sitemaps, added_pages, raised_keys;
    char raised_tier[16];
    added_fn *on_added;
    void *added_context;
} database;

struct crawl_database *crawl_database_create(uv_loop_t *loop, const char *url)
{
    text_finish(&database.saved_robots);
    text_finish(&database.saved_sitemaps);
    text_finish(&database.added_pages);
    text_finish(&database.raised_keys);
    memset(&database, 0, sizeof database);
    database.verdict = ROBOTS_KNOWN;
    return (struct crawl_database *)&database;
}

void crawl_database_destroy(struct crawl_database *inner)
{
}

void crawl_database_rest(struct crawl_database *inner)
{
}

bool crawl_database_is_quiet(const struct crawl_database *inner)
{
    return !database.is_busy;
}

void crawl_database_ask_robots(struct crawl_database *inner, int64_t job_id, struct slice origin,
                               int node_id, robots_answer_fn *on_answer, void *context)
{
    struct robots_answer answer = {.verdict = database.verdict};
    database.asked++;
    if (database.robots)
        answer.robots = slice_of_string(database.robots);
    if (!database.is_silent)
        on_answer(context, &answer, NULL);
}

void crawl_database_save_robots(struct crawl_database *inner, int64_t job_id, struct slice origin,
                                int node_id, int status, struct slice robots, double crawl_delay_ms,
                                const char *sitemaps, saved_fn *on_saved, void *context)
{
    database.saved++;
    database.saved_status = status;
    database.saved_rules = robots.start != NULL;
    database.saved_delay_ms = crawl_delay_ms;
    text_clear(&database.saved_robots);
    text_append_utf8(&database.saved_robots, robots); /* as the real one does */
    text_clear(&database.saved_sitemaps);
    text_append_string(&database.saved_sitemaps, sitemaps);
    on_saved(context, NULL);
}

void crawl_database_forget_robots(struct crawl_database *inner, int64_t job_id, struct slice origin,
                                  int node_id)
{
    database.forgotten++;
}

void crawl_database_add_sitemap_pages(struct crawl_database *inner, int64_t job_id,
                                      const char *found, added_fn *on_added, void *context)
{
    database.added++;
    text_append_string(&database.added_pages, found);
    database.on_added = on_added;
    database.added_context = context;
    if (!database.is_silent)
        on_added(context, database.is_full, NULL);
}

static void answer_added(void)
{
    database.on_added(database.added_context, database.is_full, NULL);
}

void crawl_database_raise_priorities(struct crawl_database *inner, int64_t job_id, const char *keys,
                                     const char *priorities, const char *tier, int64_t avoided)
{
    database.raised++;
    text_append_string(&database.raised_keys, keys);
    snprintf(database.raised_tier, sizeof database.raised_tier, "%s", tier);
}

/* ---- one task, and what becomes of it ---- */

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
    struct http_peer *peer, *other; /* other: NULL, or another site */
    void *executor;
    struct job_facts job;
    struct text params, url;
    float priority; /* of tasks */
    struct run *latest;
    struct run *runs; /* where there are many, those */
    int run_count;
};

static void on_task_done(void *engine, struct task *task, struct outcome *outcome)
{
    struct fixture *fixture = engine;
    struct run *run = fixture->latest;
    for (int i = 0; i < fixture->run_count; i++)
        if (fixture->runs[i].task == task)
            run = &fixture->runs[i];
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
    text_append_format(&fixture->params, "{\"url\":\"%s\",\"allow_private\":true%s}",
                       at(fixture, "/"), more);
    fixture->job.params = fixture->params.start;
}

static struct task *new_task(struct fixture *fixture, const char *payload, int attempt)
{
    struct task *task = memory_zeroed(1, sizeof *task + strlen(payload) + 1);
    list_init(&task->link);
    task->job = &fixture->job;
    task->job_id = fixture->job.id;
    task->attempt = attempt;
    task->priority = fixture->priority;
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

/* To its end: a page of a host that is not known yet comes back for another turn. */
static void run_payload(struct fixture *fixture, struct run *run, const char *payload, int attempt)
{
    start(fixture, run, payload, attempt);
    turn_until(fixture, &run->dones);
    for (int turn = 1; turn < 9 && run->outcome.kind == OUTCOME_RETURNED; turn++) {
        free(run->task);
        start(fixture, run, payload, attempt);
        turn_until(fixture, &run->dones);
    }
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
    fixture->priority = 1;
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
    if (fixture->other)
        http_peer_destroy(fixture->other);
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
    run_path(fixture, &run, "/"); /* the host is known from now on */
    finish(&run);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS);
    start(fixture, &run, text_string(&payload), 1);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS - 1);
    crawl_executor.cancel(fixture->executor, run.task);
    turn_until(fixture, &run.dones);
    assert_int_equal(crawl_executor.room(fixture->executor), SLOTS);
    assert_int_equal(run.outcome.kind, OUTCOME_RETURNED); /* or a node's stop would cost it a try */
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

/* ---- robots.txt ---- */

static void test_robots_are_fetched_saved_and_obeyed(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const paths[] = {"/yes", NULL};
    database.verdict = ROBOTS_FETCH;
    http_peer_serve(fixture->peer, "/robots.txt", "200 OK", "Content-Type: text/plain\r\n",
                    "User-agent: pawl\nDisallow: /no\nCrawl-delay: 2\n");
    http_peer_serve(fixture->peer, "/p", "200 OK", html,
                    "<a href=/no/1>1</a><a href=/yes>2</a><a rel=nofollow href=/idle>3</a>");
    run_path(fixture, &run, "/p");
    expect_found(fixture, &run, paths);
    assert_int_equal(integer_of(run.page, "links"), 1);
    assert_int_equal(integer_of(run.page, "skipped_links"), 2);
    finish(&run);
    assert_int_equal(database.asked, 1);
    assert_int_equal(database.saved, 1);
    assert_int_equal(database.saved_status, 200);
    assert_true(database.saved_rules);
    assert_true(database.saved_delay_ms == 2000);
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "/sitemap.xml\""));
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "\"source\":\"guess\""));
    int requests = http_peer_requests(fixture->peer);
    run_path(fixture, &run, "/no/2");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_true(run.outcome.is_final);
    assert_string_equal(run.outcome.error_class, "robots");
    assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /no");
    assert_int_equal(http_peer_requests(fixture->peer), requests);
    finish(&run);
}

/* In Latin-1: the node that fetched the file and one that reads it in the database see the same. */
static void test_robots_that_are_no_utf8(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    database.verdict = ROBOTS_FETCH;
    http_peer_serve(fixture->peer, "/robots.txt", "200 OK", "",
                    "# \xFC\nUser-agent: *\nDisallow: /caf\xE9/\nDisallow: /\xC3\xA9\n"
                    "Sitemap: http://s.example/\xE9\n");
    for (int node = 0; node < 2; node++) {
        run_path(fixture, &run, "/caf%E9/1");
        assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /caf%E9/");
        finish(&run);
        run_path(fixture, &run, "/%C3%A9");
        assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /\xC3\xA9");
        finish(&run);
        run_path(fixture, &run, "/caf%EF%BF%BD/");
        assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
        assert_int_equal(integer_of(run.page, "status"), 404);
        finish(&run);
        crawl_executor.forget_job(fixture->executor, 7);
        database.verdict = ROBOTS_KNOWN;
        database.robots = text_string(&database.saved_robots);
    }
    assert_int_equal(database.saved, 1);
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "http://s.example/%E9\""));
}

/* A line that the limit cuts is none: /a is nobody's rule. */
static void test_robots_that_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text file = {0};
    database.verdict = ROBOTS_FETCH;
    text_append_string(&file, "User-agent: *\nDisallow: /b\n#");
    while (file.length < ROBOTS_BYTES_MAX - strlen("\nDisallow: /a"))
        text_append_char(&file, 'x');
    text_append_string(&file, "\nDisallow: /abc\n");
    http_peer_serve(fixture->peer, "/robots.txt", "200 OK", "", text_string(&file));
    run_path(fixture, &run, "/a");
    assert_int_equal(integer_of(run.page, "status"), 404);
    finish(&run);
    run_path(fixture, &run, "/b");
    assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /b");
    finish(&run);
    assert_int_equal(database.saved, 1);
    text_finish(&file);
}

/* A page's links are looked up as long as it has steps, and are tasks unasked behind that: they are
 * asked about in their turn. */
static void test_costly_robots_and_many_links(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text rules = {0}, body = {0};
    text_append_string(&rules, "User-agent: *\nDisallow: /zz\n");
    while (rules.length < 490 * 1024)
        text_append_string(&rules, "Disallow: *a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b$\n");
    text_append_string(&body, "<a href=/zz/1>x</a>");
    for (int i = 0; i < 9000; i++)
        text_append_format(&body, "<a href=/aaaaaaaaaaaaaaaaaaaaaaaaa/%d>x</a>", i);
    text_append_string(&body, "<a href=/zz/2>x</a>");
    database.robots = text_string(&rules);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, text_string(&body));
    run_path(fixture, &run, "/p");
    assert_int_equal(integer_of(run.page, "links"), 9001);
    assert_int_equal(integer_of(run.page, "skipped_links"), 1);
    assert_string_equal(text_of(json_array_get(run.found, 9000), "url"), at(fixture, "/zz/2"));
    finish(&run);
    run_path(fixture, &run, "/zz/2");
    assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /zz");
    finish(&run);
    text_finish(&rules);
    text_finish(&body);
}

static void test_robots_may_be_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    set_params(fixture, ",\"ignore_robots\":true,\"sitemaps\":false");
    database.verdict = ROBOTS_FETCH;
    http_peer_serve(fixture->peer, "/robots.txt", "503 Later", "", "");
    run_path(fixture, &run, "/p");
    assert_int_equal(integer_of(run.page, "status"), 404);
    assert_int_equal(database.saved, 1);
    assert_true(database.saved_delay_ms < 0);
    assert_string_equal(text_string(&database.saved_sitemaps), "[]");
    finish(&run);
    crawl_executor.forget_job(fixture->executor, 7);
    database.verdict = ROBOTS_KNOWN;
    database.robots = "User-agent: *\nDisallow: /";
    run_path(fixture, &run, "/p");
    assert_int_equal(integer_of(run.page, "status"), 404);
    finish(&run);
}

static void test_robots_name_sitemaps(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    database.verdict = ROBOTS_FETCH;
    http_peer_serve(fixture->peer, "/robots.txt", "301 Moved", "Location: /r.txt\r\n", "");
    http_peer_serve(fixture->peer, "/r.txt", "200 OK", "",
                    "Sitemap: http://cdn.example/s.xml\nSitemap: https://e.com/t.xml#x\n");
    run_path(fixture, &run, "/p");
    finish(&run);
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "http://cdn.example/s.xml\""));
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "https://e.com/t.xml\""));
    assert_non_null(strstr(text_string(&database.saved_sitemaps), "\"source\":\"robots\""));
    assert_null(strstr(text_string(&database.saved_sitemaps), "guess"));
}

/* Each redirect is followed in a turn of its own; where no page comes to lend one, nothing is left.
 */
static void test_robots_that_have_moved_take_turns(void **state)
{
    struct fixture *fixture = *state;
    struct crawler *crawler = fixture->executor;
    struct run run;
    struct text payload = {0};
    database.verdict = ROBOTS_FETCH;
    http_peer_serve(fixture->peer, "/robots.txt", "301 Moved", "Location: /r.txt\r\n", "");
    http_peer_serve(fixture->peer, "/r.txt", "302 Moved", "Location: /s.txt\r\n", "");
    http_peer_serve(fixture->peer, "/s.txt", "200 OK", "", "User-agent: *\nDisallow: /q\n");
    text_append_format(&payload, "{\"url\":\"%s\"}", at(fixture, "/p"));
    for (int turn = 1; turn <= 4; turn++) {
        start(fixture, &run, text_string(&payload), 1);
        turn_until(fixture, &run.dones);
        assert_int_equal(http_peer_requests(fixture->peer), turn);
        assert_int_equal(run.outcome.kind, turn < 4 ? OUTCOME_RETURNED : OUTCOME_FAILED);
        assert_int_equal(database.saved, turn >= 3);
        finish(&run);
    }
    assert_int_equal(database.asked, 1);

    for (int is_forgotten = 0; is_forgotten < 2; is_forgotten++) {
        crawl_executor.forget_job(fixture->executor, 7);
        database.forgotten = 0;
        start(fixture, &run, text_string(&payload), 1);
        turn_until(fixture, &run.dones);
        finish(&run);
        assert_false(list_is_empty(&crawler->errands));
        if (is_forgotten) {
            crawl_executor.forget_job(fixture->executor, 7);
        } else {
            database.verdict = ROBOTS_KNOWN;
            crawler->host_bytes_max = 1;
            start(fixture, &run, "{\"url\":\"http://127.0.0.1:1/\"}", 1);
            turn_until(fixture, &run.dones);
            finish(&run);
            database.verdict = ROBOTS_FETCH;
        }
        assert_true(list_is_empty(&crawler->errands));
        assert_int_equal(database.forgotten, 1);
    }
    start(fixture, &run, text_string(&payload), 1); /* one is left when the node leaves */
    turn_until(fixture, &run.dones);
    finish(&run);
    text_finish(&payload);
}

static void test_no_robots_allow_all(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    const char *const answers[] = {"404 Not Found", "403 Forbidden", "410 Gone"};
    for (int i = 0; i < 3; i++) {
        fixture->job.id = 20 + i;
        database.verdict = ROBOTS_FETCH;
        http_peer_serve(fixture->peer, "/robots.txt", answers[i], "", "User-agent: *\nDisallow: /");
        run_path(fixture, &run, "/p");
        assert_int_equal(integer_of(run.page, "status"), 404);
        assert_false(database.saved_rules);
        finish(&run);
    }
}

static void test_robots_that_do_not_come_forbid_all(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    const char *const answers[] = {"503 Service Unavailable", "429 Too Many Requests"};
    for (int i = 0; i < 2; i++) {
        database.verdict = ROBOTS_FETCH;
        http_peer_serve(fixture->peer, "/robots.txt", answers[i], "", "");
        run_path(fixture, &run, "/p");
        assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
        assert_false(run.outcome.is_final);
        assert_non_null(strstr(run.outcome.error, "robots.txt: "));
        assert_non_null(strstr(run.outcome.error, answers[i]));
        assert_int_equal(database.forgotten, i + 1);
        assert_int_equal(database.saved, 0);
        finish(&run);
    }
}

/* It is read as far as it counts; a server that goes on for ever is not waited for. */
static void test_endless_robots(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text answer = {0};
    const char *const statuses[] = {"200 OK", "404 Not Found"};
    for (int i = 0; i < 2; i++) {
        database.verdict = ROBOTS_FETCH;
        text_clear(&answer);
        text_append_format(&answer,
                           "HTTP/1.1 %s\r\nContent-Length: 60000000\r\n\r\n"
                           "User-agent: *\nDisallow: /p\n%*s\nDisallow: /q\n",
                           statuses[i], 600000, "");
        http_peer_answer(fixture->peer, "/robots.txt", PEER_AT_ONCE, text_slice(&answer));
        run_path(fixture, &run, "/p");
        assert_int_equal(database.saved, i + 1);
        assert_int_equal(database.saved_rules, i == 0);
        assert_int_equal(http_peer_requests(fixture->peer), i ? 3 : 1);
        finish(&run);
        crawl_executor.forget_job(fixture->executor, 7);
    }
    text_finish(&answer);
}

/* Or a host that never answers would be asked once more for each. */
static void test_robots_that_do_not_come_fail_all_that_wait(void **state)
{
    struct fixture *fixture = *state;
    enum { PAGES = 5 };
    struct run runs[PAGES];
    struct text payload = {0};
    database.verdict = ROBOTS_FETCH;
    http_peer_answer(fixture->peer, "/robots.txt", PEER_THEN_CLOSE, slice_of_string("HTTP/1.1 "));
    text_append_format(&payload, "{\"url\":\"%s\"}", at(fixture, "/p"));
    for (int i = 0; i < PAGES; i++)
        start(fixture, &runs[i], text_string(&payload), 1);
    fixture->runs = runs;
    fixture->run_count = PAGES;
    turn_until(fixture, &runs[PAGES - 1].dones);
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(runs[i].dones, 1);
        assert_int_equal(runs[i].outcome.kind, OUTCOME_FAILED);
        assert_false(runs[i].outcome.is_final);
        finish(&runs[i]);
    }
    assert_int_equal(http_peer_requests(fixture->peer), 1);
    text_finish(&payload);
}

static void test_another_node_fetches_robots(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    database.verdict = ROBOTS_WAIT;
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_AGAIN);
    assert_int_equal(run.outcome.delay_ms, 1000);
    assert_true(json_is_null(run.page));
    assert_null(json_object_get(run.members, "warm_step"));
    finish(&run);
    assert_int_equal(http_peer_requests(fixture->peer), 0);
}

static void test_a_page_that_waits_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    database.is_silent = true;
    start(fixture, &run, "{\"url\":\"http://127.0.0.1/\"}", 1);
    assert_int_equal(run.dones, 0);
    crawl_executor.cancel(fixture->executor, run.task);
    assert_int_equal(run.dones, 1);
    finish(&run);
    crawl_executor.forget_job(fixture->executor, 7); /* while the question is open */
    start(fixture, &run, "{\"url\":\"http://127.0.0.1/\"}", 1);
    crawl_executor.destroy(fixture->executor); /* with a page that waits */
    fixture->executor = NULL;
    assert_int_equal(run.dones, 0);
    finish(&run);
}

/* ---- caches ---- */

static void test_a_miss_is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text payload = {0};
    http_peer_serve(fixture->peer, "/p", "200 OK",
                    "Content-Type: text/html\r\nCF-Cache-Status: MISS\r\n", "<a href=/x>x</a>");
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_AGAIN);
    assert_int_equal(run.outcome.delay_ms, 500);
    assert_int_equal(integer_of(run.members, "warm_step"), 1);
    assert_string_equal(text_of(run.page, "cache"), "miss");
    assert_string_equal(text_of(run.page, "cache_name"), "cloudflare");
    assert_int_equal(json_array_size(run.found), 1);
    finish(&run);

    text_append_format(&payload, "{\"url\":\"%s\",\"warm\":2}", at(fixture, "/p"));
    run_payload(fixture, &run, text_string(&payload), 3);
    assert_int_equal(run.outcome.kind, OUTCOME_AGAIN);
    assert_int_equal(run.outcome.delay_ms, 4000);
    assert_int_equal(integer_of(run.members, "warm_step"), 3);
    assert_true(json_is_null(run.page));
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);
    http_peer_serve(fixture->peer, "/p", "200 OK",
                    "Content-Type: text/html\r\nCF-Cache-Status: HIT\r\n", "<a href=/y>y</a>");
    run_payload(fixture, &run, text_string(&payload), 3);
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    const json_t *warm = json_object_get(run.members, "warm");
    assert_string_equal(text_of(warm, "warm_cache"), "hit");
    assert_int_equal(integer_of(warm, "warm_requests"), 2);
    assert_true(json_number_value(json_object_get(warm, "warm_total_ms")) > 0);
    assert_null(json_object_get(run.members, "warm_step"));
    finish(&run);

    http_peer_serve(fixture->peer, "/p", "500 Oops", "", "");
    run_payload(fixture, &run, text_string(&payload), 3);
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED); /* it was fine once */
    warm = json_object_get(run.members, "warm");
    assert_string_equal(text_of(warm, "cache_reason"), "asked again: 500 Internal Server Error");
    finish(&run);
    /* a site that asks for a day gets ten minutes, as for any page */
    http_peer_serve(fixture->peer, "/p", "429 Too Many Requests", "Retry-After: 86400\r\n", "");
    run_payload(fixture, &run, text_string(&payload), 3);
    assert_int_equal(run.outcome.kind, OUTCOME_AGAIN);
    assert_int_equal(run.outcome.delay_ms, VERDICT_RETRY_AFTER_MAX_MS);
    finish(&run);
    text_finish(&payload);
}

static void test_what_is_not_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    const char *const headers[] = {
        "Content-Type: text/html\r\n",
        "CF-Cache-Status: HIT\r\n",
        "CF-Cache-Status: DYNAMIC\r\n",
        "X-Cache-Status: MISS\r\nCache-Control: private\r\n",
    };
    for (int i = 0; i < 4; i++) {
        http_peer_serve(fixture->peer, "/p", "200 OK", headers[i], "");
        run_path(fixture, &run, "/p");
        assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
        finish(&run);
    }
    http_peer_serve(fixture->peer, "/p", "404 Not Found", "CF-Cache-Status: MISS\r\n", "");
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    finish(&run);
    fixture->job.id = 8;
    set_params(fixture, ",\"warm\":false");
    http_peer_serve(fixture->peer, "/p", "200 OK", "CF-Cache-Status: MISS\r\n", "");
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    finish(&run);
}

/* ---- what is followed ---- */

static void test_patterns_choose(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const paths[] = {"/blog/a", "/blog/c.pdf?x", NULL};
    set_params(fixture, ",\"include\":[\"/blog/\"],\"exclude\":[\"*.pdf$\",\"/blog/old\"]");
    http_peer_serve(fixture->peer, "/p", "200 OK", html,
                    "<a href=/blog/a>a</a><a href=/blog/b.pdf>b</a><a href=/blog/c.pdf?x>c</a>"
                    "<a href=/blog/old/1>d</a><a href=/shop>e</a>");
    run_path(fixture, &run, "/p");
    expect_found(fixture, &run, paths);
    assert_int_equal(integer_of(run.page, "skipped_links"), 3);
    finish(&run);
}

static double priority_of_found(const struct run *run, size_t i)
{
    return json_number_value(json_object_get(json_array_get(run->found, i), "priority"));
}

static void test_links_beyond_the_limit_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text body = {0};
    for (int i = 0; i < LINKS_MAX + 5; i++)
        text_append_format(&body, "<a href=/%d>x</a>", i);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, text_string(&body));
    run_path(fixture, &run, "/p");
    assert_int_equal(integer_of(run.page, "links"), LINKS_MAX);
    assert_int_equal(integer_of(run.page, "skipped_links"), 5);
    finish(&run);
    text_finish(&body);
}

static void expect_links(struct fixture *fixture, int links, int skipped)
{
    struct run run;
    fixture->job.id++; /* so that all of them are new */
    run_path(fixture, &run, "/p");
    assert_int_equal(integer_of(run.page, "links"), links);
    assert_int_equal(integer_of(run.page, "skipped_links"), skipped);
    finish(&run);
}

/* I9: the pages that are here share what long pages may take. */
static void test_the_links_of_all_pages_share_memory(void **state)
{
    enum { MANY = 6000 };
    struct fixture *fixture = *state;
    struct crawler *crawler = fixture->executor;
    struct text body = {0};
    for (int i = 0; i < MANY; i++)
        text_append_format(&body, "<a href=/%d>x</a>", i);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, text_string(&body));
    expect_links(fixture, MANY, 0);
    assert_int_equal(crawler->links_budget.bytes, 0); /* given back */

    crawler->links_budget.bytes = crawler->links_budget.bytes_max; /* others have it all */
    struct run run;
    fixture->job.id++;
    run_path(fixture, &run, "/p");
    json_int_t links = integer_of(run.page, "links");
    assert_in_range(links, 800, 1500); /* its own share */
    assert_int_equal(integer_of(run.page, "skipped_links"), MANY - links);
    finish(&run);
    assert_int_equal(crawler->links_budget.bytes, crawler->links_budget.bytes_max);
    crawler->links_budget.bytes = 0;
    expect_links(fixture, MANY, 0);
    text_finish(&body);
}

static void test_places_and_better_priorities(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    http_peer_serve(fixture->peer, "/p", "200 OK", html,
                    "<header><a href=/h>h</a></header><a href=/b>b</a><a href=/c>c</a>"
                    "<footer><a href=/f>f</a></footer>");
    run_path(fixture, &run, "/p");
    assert_true(priority_of_found(&run, 0) == 1);
    assert_true(priority_of_found(&run, 1) == 0.9);
    assert_true(priority_of_found(&run, 3) == 0.99);
    finish(&run);
    assert_int_equal(database.raised, 0);
    http_peer_serve(fixture->peer, "/q", "200 OK", html,
                    "<nav><a href=/b>b</a></nav><a href=/c>c</a><a href=/h>h</a>");
    run_path(fixture, &run, "/q");
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);
    char key[URL_KEY_BYTES];
    url_key(slice_of_string(at(fixture, "/b")), key);
    assert_int_equal(database.raised, 1);
    assert_string_equal(database.raised_tier, "high");
    assert_non_null(strstr(text_string(&database.raised_keys), key));
    assert_int_equal(database.raised_keys.length, URL_KEY_BYTES - 1 + 2);
}

/* A page of this priority that links to another. */
static void find_link(struct fixture *fixture, float priority, const char *link)
{
    struct run run;
    struct text page = {0};
    text_append_format(&page, "<a href=%s>x</a>", link);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, text_string(&page));
    fixture->priority = priority;
    run_path(fixture, &run, "/p");
    finish(&run);
    text_finish(&page);
}

static int64_t raiser_due_ms(const struct fixture *fixture)
{
    uv_timer_t *raiser = ((struct crawler *)fixture->executor)->raiser;
    return uv_is_active((uv_handle_t *)raiser) ? (int64_t)uv_timer_get_due_in(raiser) : -1;
}

/* So much later. */
static void pass_time(struct fixture *fixture, int64_t seconds)
{
    struct crawler *crawler = fixture->executor;
    for (struct list *link = crawler->sites.next; link != &crawler->sites; link = link->next)
        for (int tier = 0; tier < RAISE_TIERS; tier++)
            list_object(link, struct site, link)->raises.batches[tier].since_us -=
                seconds * 1000000;
    uv_timer_stop(crawler->raiser);
    crawler->raiser->timer_cb(crawler->raiser);
}

static void test_better_priorities_that_wait(void **state)
{
    struct fixture *fixture = *state;
    find_link(fixture, 0.1f, "/x");
    find_link(fixture, 0.1f, "/y");
    assert_int_equal(raiser_due_ms(fixture), -1);
    find_link(fixture, 0.3f, "/y"); /* low */
    assert_in_range(raiser_due_ms(fixture), 25000, 30001);
    find_link(fixture, 0.7f, "/x"); /* medium: sooner */
    assert_in_range(raiser_due_ms(fixture), 1, 5001);
    find_link(fixture, 0.8f, "/x"); /* once more: with the other */
    assert_int_equal(database.raised, 0);
    pass_time(fixture, 5);
    assert_int_equal(database.raised, 1);
    assert_string_equal(database.raised_tier, "medium");
    assert_in_range(raiser_due_ms(fixture), 1, 25001);
    pass_time(fixture, 25);
    assert_int_equal(database.raised, 2);
    assert_string_equal(database.raised_tier, "low");
    assert_int_equal(raiser_due_ms(fixture), -1);
}

static void test_better_priorities_of_two_jobs_that_wait(void **state)
{
    struct fixture *fixture = *state;
    find_link(fixture, 0.1f, "/x");
    find_link(fixture, 0.3f, "/x"); /* low */
    fixture->job.id = 8;
    find_link(fixture, 0.1f, "/x");
    find_link(fixture, 0.7f, "/x"); /* medium */
    assert_in_range(raiser_due_ms(fixture), 1, 5001);
    pass_time(fixture, 5);
    assert_int_equal(database.raised, 1);
    assert_in_range(raiser_due_ms(fixture), 1, 25001);
    pass_time(fixture, 25);
    assert_int_equal(database.raised, 2);
}

static void test_better_priorities_at_the_end_of_a_job(void **state)
{
    struct fixture *fixture = *state;
    find_link(fixture, 0.1f, "/x");
    find_link(fixture, 0.7f, "/x");
    assert_int_equal(database.raised, 0);
    crawl_executor.forget_job(fixture->executor, 7);
    assert_int_equal(database.raised, 1);
    assert_string_equal(database.raised_tier, "medium");
    assert_int_equal(raiser_due_ms(fixture), -1);
}

static void test_better_priorities_when_the_node_leaves(void **state)
{
    struct fixture *fixture = *state;
    find_link(fixture, 0.1f, "/x");
    find_link(fixture, 0.7f, "/x");
    database.is_busy = true;
    assert_false(crawl_executor.settle(fixture->executor));
    assert_int_equal(database.raised, 1);
    database.is_busy = false;
    assert_true(crawl_executor.settle(fixture->executor));
    assert_int_equal(database.raised, 1);
}

static void test_canonical_and_redirects(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text payload = {0};
    http_peer_serve(fixture->peer, "/p", "200 OK", html, "<link rel=canonical href=/q>");
    run_path(fixture, &run, "/p");
    assert_string_equal(text_of(run.page, "canonical"), at(fixture, "/q"));
    finish(&run);
    http_peer_serve(fixture->peer, "/r", "302 Found", "Location: /s\r\n", "");
    text_append_format(&payload, "{\"url\":\"%s\",\"redirects\":9}", at(fixture, "/r"));
    run_payload(fixture, &run, text_string(&payload), 1);
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(integer_of(json_array_get(run.found, 0), "redirects"), 10);
    finish(&run);
    text_clear(&payload);
    text_append_format(&payload, "{\"url\":\"%s\",\"redirects\":10}", at(fixture, "/r"));
    run_payload(fixture, &run, text_string(&payload), 1);
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_true(run.outcome.is_final);
    assert_string_equal(text_of(run.page, "error_class"), "redirects");
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);
    text_finish(&payload);
}

static void test_refusals_of_crawlers(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    http_peer_serve(fixture->peer, "/p", "429 Too Many Requests", "Retry-After: 7\r\n", "");
    run_path(fixture, &run, "/p");
    assert_string_equal(text_of(run.members, "block"), "rate_limit");
    assert_int_equal(integer_of(run.members, "retry_after_ms"), 7000);
    assert_string_equal(text_of(run.page, "block"), "rate_limit");
    finish(&run);
    http_peer_serve(fixture->peer, "/p", "200 OK",
                    "Content-Type: text/html\r\ncf-mitigated: challenge\r\n", "<a href=/x>x</a>");
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(text_of(run.page, "error_class"), "blocked");
    assert_string_equal(text_of(run.members, "block"), "challenge");
    assert_int_equal(json_array_size(run.found), 0);
    finish(&run);
    http_peer_serve(fixture->peer, "/p", "403 Forbidden",
                    "cf-mitigated: challenge\r\nRetry-After: 99999\r\n", "");
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.delay_ms, VERDICT_RETRY_AFTER_MAX_MS);
    finish(&run);
}

static void test_the_guard(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    set_params(fixture, ",\"allow_private\":false");
    text_clear(&fixture->params);
    text_append_format(&fixture->params, "{\"url\":\"%s\"}", at(fixture, "/"));
    fixture->job.params = fixture->params.start;
    run_path(fixture, &run, "/p");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_true(run.outcome.is_final);
    assert_string_equal(text_of(run.page, "error_class"), "guard");
    assert_int_equal(http_peer_requests(fixture->peer), 0);
    finish(&run);
}

/* ---- sitemaps, and other sites ---- */

static void run_role(struct fixture *fixture, struct run *run, const char *path, const char *role,
                     const char *source)
{
    struct text payload = {0};
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"%s\",\"source\":\"%s\"}",
                       at(fixture, path), role, source);
    run_payload(fixture, run, text_string(&payload), 1);
    text_finish(&payload);
}

static void test_a_sitemap(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text xml = {0};
    static const char *const paths[] = {"/a", "/b", NULL};
    text_append_format(&xml, "<urlset><url><loc>%s</loc></url>", at(fixture, "/a"));
    text_append_format(&xml, "<url><loc>https://elsewhere.example/</loc></url>");
    text_append_format(&xml, "<url><loc>%s</loc></url></urlset>", at(fixture, "/b"));
    http_peer_serve(fixture->peer, "/s.xml", "200 OK", "", text_string(&xml));
    run_role(fixture, &run, "/s.xml", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    expect_found(fixture, &run, paths);
    assert_string_equal(text_of(json_array_get(run.found, 0), "source"), "sitemap");
    assert_true(priority_of_found(&run, 0) == 0.1);
    assert_string_equal(text_of(run.page, "role"), "sitemap");
    assert_int_equal(integer_of(run.page, "links"), 2);
    assert_int_equal(json_array_size(json_object_get(run.page, "link_hashes")), 2);
    finish(&run);

    text_clear(&xml);
    text_append_format(&xml, "<sitemapindex><sitemap><loc>%s</loc></sitemap></sitemapindex>",
                       at(fixture, "/t.xml"));
    http_peer_serve(fixture->peer, "/i.xml", "200 OK", "", text_string(&xml));
    run_role(fixture, &run, "/i.xml", "sitemap", "robots");
    assert_string_equal(text_of(json_array_get(run.found, 0), "role"), "sitemap");
    assert_int_equal(integer_of(json_array_get(run.found, 0), "depth"), 1);
    finish(&run);
    text_finish(&xml);
}

/* Of its own site and of the crawl's, here a third one, and no other: not of a server beside it. */
static void test_an_index_leads_to_no_other_site(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text xml = {0};
    static const char *const others[] = {
        "https://elsewhere.example/s.xml",
        "http://127.0.0.1:9/s.xml",
        "http://127.0.0.1.elsewhere.example/s.xml",
    };
    text_clear(&fixture->params);
    text_append_string(&fixture->params,
                       "{\"url\":\"https://shop.example/\",\"allow_private\":true,"
                       "\"exclude\":[\"/\"]}");
    fixture->job.params = fixture->params.start;
    text_append_string(&xml, "<sitemapindex>");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        text_append_format(&xml, "<sitemap><loc>%s</loc></sitemap>", others[i]);
    text_append_format(&xml, "<sitemap><loc>%s</loc></sitemap>", at(fixture, "/t.xml"));
    text_append_string(&xml, "<sitemap><loc>https://www.shop.example/u.xml</loc></sitemap>"
                             "</sitemapindex>");
    http_peer_serve(fixture->peer, "/i.xml", "200 OK", "", text_string(&xml));
    run_role(fixture, &run, "/i.xml", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(json_array_size(run.found), 2);
    assert_string_equal(text_of(json_array_get(run.found, 0), "url"), at(fixture, "/t.xml"));
    assert_string_equal(text_of(json_array_get(run.found, 1), "url"),
                        "https://www.shop.example/u.xml");
    assert_int_equal(integer_of(run.page, "skipped_links"), 3);
    finish(&run);
    text_finish(&xml);
}

static void test_a_sitemap_raises_too(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    find_link(fixture, 0.01f, "/x");
    http_peer_serve(fixture->peer, "/s.txt", "200 OK", "", at(fixture, "/x"));
    run_role(fixture, &run, "/s.txt", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    finish(&run);
    assert_in_range(raiser_due_ms(fixture), 25000, 30001);
}

static void test_sitemaps_that_are_none(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    http_peer_serve(fixture->peer, "/s.xml", "200 OK", html, "<!doctype html><title>lost</title>");
    run_role(fixture, &run, "/s.xml", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_true(run.outcome.is_final);
    assert_string_equal(text_of(run.page, "error_class"), "sitemap");
    finish(&run);
    run_role(fixture, &run, "/s.xml", "sitemap", "guess");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_true(is_null(run.page, "error_class"));
    finish(&run);
    run_role(fixture, &run, "/none.xml", "sitemap", "guess");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    finish(&run);
    run_role(fixture, &run, "/none.xml", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(text_of(run.page, "error_class"), "status");
    finish(&run);
}

static void test_refusals_of_sitemaps(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    http_peer_serve(fixture->peer, "/s.xml", "429 Too Many Requests", "Retry-After: 7\r\n", "");
    run_role(fixture, &run, "/s.xml", "sitemap", "guess");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(text_of(run.members, "block"), "rate_limit");
    assert_int_equal(integer_of(run.members, "retry_after_ms"), 7000);
    finish(&run);
    http_peer_serve(fixture->peer, "/s.xml", "403 Forbidden", "", "");
    run_role(fixture, &run, "/s.xml", "sitemap", "robots");
    assert_string_equal(text_of(run.members, "block"), "forbidden");
    finish(&run);
    run_role(fixture, &run, "/s.xml", "sitemap", "guess");
    assert_true(is_null(run.members, "block"));
    finish(&run);
}

/* /sitemap.xml that redirects to a page for people: that is a page all the same. */
static void test_a_sitemap_may_be_a_page_too(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    static const char *const paths[] = {"/map/", NULL};
    char key[URL_KEY_BYTES];
    http_peer_serve(fixture->peer, "/sitemap.xml", "302 Found", "Location: /map/\r\n", "");
    run_role(fixture, &run, "/sitemap.xml", "sitemap", "guess");
    const json_t *found = json_array_get(run.found, 0);
    assert_string_equal(text_of(found, "role"), "sitemap");
    assert_string_equal(text_of(found, "url"), at(fixture, "/map/"));
    url_key(slice_of_string(text_of(found, "url")), key);
    assert_string_not_equal(text_of(found, "key"), key);
    finish(&run);
    http_peer_serve(fixture->peer, "/map/", "200 OK", html, "<a href=/a>a</a>");
    run_role(fixture, &run, "/map/", "sitemap", "guess");
    finish(&run);
    http_peer_serve(fixture->peer, "/p", "200 OK", html, "<a href=/map/>map</a>");
    run_path(fixture, &run, "/p");
    expect_found(fixture, &run, paths);
    finish(&run);
}

static void serve_long_sitemap(struct fixture *fixture, int urls)
{
    struct text lines = {0};
    for (int i = 0; i < urls; i++)
        text_append_format(&lines, "%s/%d\n", at(fixture, "/long"), i);
    http_peer_serve(fixture->peer, "/long.txt", "200 OK", "", text_string(&lines));
    text_finish(&lines);
}

static void test_a_long_sitemap_goes_in_batches(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    enum { URLS = 20000 };
    serve_long_sitemap(fixture, URLS);
    run_role(fixture, &run, "/long.txt", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_true(database.added > 3);
    size_t told = json_array_size(run.found);
    for (const char *at = text_string(&database.added_pages); (at = strstr(at, "{\"url\"")); at++)
        told++;
    assert_int_equal(told, URLS);
    assert_int_equal(integer_of(run.page, "links"), URLS);
    finish(&run);
}

/* Each piece has its own steps: an ordinary site's rules hold for the last page of a long list. */
static void test_robots_hold_for_a_long_sitemap(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text rules = {0}, lines = {0};
    text_append_string(&rules, "User-agent: *\nDisallow: /zz\n");
    for (int i = 0; i < 100; i++)
        text_append_format(&rules, "Disallow: /longer/%d/*.php$\n", i);
    for (int i = 0; i < 20000; i++)
        text_append_format(&lines, "%s/%d\n", at(fixture, "/long"), i);
    text_append_format(&lines, "%s\n", at(fixture, "/zz"));
    database.robots = text_string(&rules);
    http_peer_serve(fixture->peer, "/long.txt", "200 OK", "", text_string(&lines));
    run_path(fixture, &run, "/p"); /* which learns the rules */
    finish(&run);
    run_role(fixture, &run, "/long.txt", "sitemap", "robots");
    assert_int_equal(integer_of(run.page, "links"), 20000);
    finish(&run);
    text_finish(&rules);
    text_finish(&lines);
}

static void test_a_sitemap_that_is_too_long_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    serve_long_sitemap(fixture, SITEMAP_URLS_MAX + 1);
    run_role(fixture, &run, "/long.txt", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(integer_of(run.page, "links"), SITEMAP_URLS_MAX);
    assert_string_equal(text_of(run.page, "error_class"), "sitemap");
    assert_non_null(strstr(text_of(run.page, "error"), "the rest is left out"));
    finish(&run);
}

static void test_a_full_crawl_stops_reading(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    database.is_full = true;
    serve_long_sitemap(fixture, 20000);
    run_role(fixture, &run, "/long.txt", "sitemap", "robots");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(database.added, 1);
    assert_true(integer_of(run.page, "links") < 20000);
    assert_true(is_null(run.page, "error_class"));
    finish(&run);
}

/* Its time is over while a batch is on its way; then the job is cancelled. */
static void test_a_sitemap_waits_for_its_batch(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text payload = {0};
    uint64_t deadline_ms;
    enum { TIMEOUT_MS_OF_JOB = 200 };
    serve_long_sitemap(fixture, 20000);
    fixture->job.timeout_ms = TIMEOUT_MS_OF_JOB;
    database.is_silent = true;
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"sitemap\"}", at(fixture, "/long.txt"));
    start(fixture, &run, text_string(&payload), 1);
    turn_until(fixture, &database.added);
    deadline_ms = uv_now(&fixture->loop) + 2 * TIMEOUT_MS_OF_JOB;
    int is_over = 0;
    while (!is_over) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        is_over = uv_now(&fixture->loop) > deadline_ms;
    }
    crawl_executor.cancel(fixture->executor, run.task);
    assert_int_equal(run.dones, 0);
    answer_added();
    assert_int_equal(run.dones, 1);
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(run.outcome.error_class, "timeout");
    finish(&run);
    text_finish(&payload);
}

static void start_silent_sitemap(struct fixture *fixture, struct run *run)
{
    struct text payload = {0};
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"sitemap\"}", at(fixture, "/n"));
    start(fixture, run, text_string(&payload), 1);
    text_finish(&payload);
}

static void cancel(struct fixture *fixture, struct run *run)
{
    fixture->latest = run;
    crawl_executor.cancel(fixture->executor, run->task);
    turn_until(fixture, &run->dones);
}

static void turn_until_requests(struct fixture *fixture, int count)
{
    int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL;
    while (http_peer_requests(fixture->peer) < count && clock_now_us() < deadline_us)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(http_peer_requests(fixture->peer), count);
}

/* One that waited takes another turn when there is room; all do when no other's end is to come. */
static void test_few_sitemaps_are_read_at_once(void **state)
{
    struct fixture *fixture = *state;
    enum { READ = 4, STARTED = 17, NEXT = READ + 1 };
    struct run runs[STARTED];
    http_peer_answer(fixture->peer, "/n", PEER_SILENT, slice_of_string(""));
    for (int i = 0; i < STARTED; i++)
        start_silent_sitemap(fixture, &runs[i]);
    fixture->runs = runs;
    fixture->run_count = STARTED;
    turn_until_requests(fixture, READ);
    cancel(fixture, &runs[READ]); /* it waits */
    for (int i = 0; i < 20; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    turn_until_requests(fixture, READ);
    cancel(fixture, &runs[0]); /* it is read: the next one may come again */
    assert_int_equal(runs[NEXT].dones, 1);
    assert_int_equal(runs[NEXT].outcome.kind, OUTCOME_RETURNED);
    assert_int_equal(runs[NEXT + 1].dones, 0);
    for (int i = 0; i < 20; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    turn_until_requests(fixture, READ);
    finish(&runs[NEXT]);
    start_silent_sitemap(fixture, &runs[NEXT]);
    turn_until_requests(fixture, READ + 1);
    assert_int_equal(runs[NEXT].dones, 0);

    for (int i = 1; i < READ; i++) /* they go elsewhere, and so does the one that came again */
        cancel(fixture, &runs[i]);
    assert_int_equal(runs[STARTED - 1].dones + runs[STARTED - 2].dones, 0);
    cancel(fixture, &runs[NEXT]);
    for (int i = 0; i < STARTED; i++) {
        assert_int_equal(runs[i].dones, 1);
        assert_int_equal(runs[i].outcome.kind, OUTCOME_RETURNED);
        finish(&runs[i]);
    }
    fixture->run_count = 0;
}

/* Nobody is told, nothing leaks. */
static void test_sitemaps_of_a_node_that_leaves(void **state)
{
    struct fixture *fixture = *state;
    enum { READ = 4, STARTED = 7 };
    struct run runs[STARTED];
    http_peer_answer(fixture->peer, "/n", PEER_SILENT, slice_of_string(""));
    for (int i = 0; i < STARTED; i++)
        start_silent_sitemap(fixture, &runs[i]);
    turn_until_requests(fixture, READ);
    crawl_executor.destroy(fixture->executor);
    fixture->executor = NULL;
    for (int i = 0; i < STARTED; i++) {
        assert_int_equal(runs[i].dones, 0);
        finish(&runs[i]);
    }
}

/* A list whose last block of 4 KiB makes a batch full: the transfer ends while that is on its way.
 */
static void serve_list_of_one_batch(struct fixture *fixture)
{
    enum { BATCH_BYTES = 256 << 10, BLOCK_BYTES = 4096 };
    struct text lines = {0}, found = {0};
    for (int i = 0; found.length <= BATCH_BYTES + 1000; i++) {
        const char *url = at(fixture, "");
        size_t start = lines.length;
        text_append_format(&lines, "%s/list/%d", url, i);
        found_append(&found, &(struct found){.url = url_slice_from(text_slice(&lines), start),
                                             .priority = FOUND_PRIORITY_OF_SITEMAP_PAGE,
                                             .depth = 1,
                                             .source = "sitemap"});
        text_append_char(&lines, '\n');
    }
    while (lines.length % BLOCK_BYTES)
        text_append_char(&lines, '\n');
    http_peer_serve(fixture->peer, "/list.txt", "200 OK", "", text_string(&lines));
    text_finish(&lines);
    text_finish(&found);
}

/* Up to where its transfer has ended, and its batch is not answered. */
static void start_list(struct fixture *fixture, struct run *run, int attempt)
{
    struct text payload = {0};
    database.is_silent = true;
    database.added = 0;
    serve_list_of_one_batch(fixture);
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"sitemap\",\"source\":\"robots\"}",
                       at(fixture, "/list.txt"));
    start(fixture, run, text_string(&payload), attempt);
    text_finish(&payload);
    turn_until(fixture, &database.added);
    const struct page *page = run->task->state;
    for (int64_t deadline_us = clock_now_us() + PATIENCE_MS * 1000LL; page->transfer;) {
        assert_true(clock_now_us() < deadline_us);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(run->dones, 0);
}

static void test_a_sitemap_ends_behind_its_last_batch(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    start_list(fixture, &run, 2);
    database.on_added(database.added_context, false, NULL);
    assert_int_equal(run.dones, 1);
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    finish(&run);

    start_list(fixture, &run, 2);
    crawl_executor.cancel(fixture->executor, run.task); /* waits for the batch all the same */
    assert_int_equal(run.dones, 0);
    database.on_added(database.added_context, false, NULL);
    assert_int_equal(run.dones, 1);
    finish(&run);

    start_list(fixture, &run, 2);
    crawl_executor.destroy(fixture->executor); /* the answer never comes */
    fixture->executor = NULL;
    finish(&run);
}

static void test_a_batch_that_is_lost_comes_again(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "deadlock detected");
    start_list(fixture, &run, 2);
    database.on_added(database.added_context, false, &failure);
    assert_int_equal(run.dones, 1);
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_false(run.outcome.is_final);
    assert_string_equal(run.outcome.error, "could not add its pages: deadlock detected");
    finish(&run);
}

/* What it has led to so far does not make it whole. */
static void test_a_sitemap_that_breaks_off_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    struct text answer = {0};
    text_append_string(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        text_append_format(&answer, "%s/%d\n", at(fixture, "/cut"), i);
    http_peer_answer(fixture->peer, "/cut.txt", PEER_THEN_CLOSE, text_slice(&answer));
    run_role(fixture, &run, "/cut.txt", "sitemap", "robots");
    assert_true(json_array_size(run.found) > 100);
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_false(run.outcome.is_final);
    assert_string_equal(run.outcome.error_class, "network");
    finish(&run);
    text_finish(&answer);
}

static void test_pages_of_other_sites(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    set_params(fixture, ",\"check_external\":true");
    http_peer_serve(fixture->peer, "/p", "200 OK", html,
                    "<a href=https://elsewhere.example/>x</a>");
    run_path(fixture, &run, "/p");
    assert_string_equal(text_of(json_array_get(run.found, 0), "role"), "external");
    assert_int_equal(integer_of(run.page, "links"), 0);
    assert_int_equal(json_array_size(json_object_get(run.page, "link_hashes")), 1);
    finish(&run);

    run_role(fixture, &run, "/gone", "external", "link");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_int_equal(integer_of(run.page, "status"), 404);
    assert_string_equal(text_of(run.page, "role"), "external");
    assert_true(is_null(run.page, "redirect_to"));
    finish(&run);
    http_peer_serve(fixture->peer, "/there", "200 OK", "", "");
    run_role(fixture, &run, "/there", "external", "link");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "HEAD /there "));
    finish(&run);
    http_peer_serve(fixture->peer, "/shy", "403 No", "", "");
    run_role(fixture, &run, "/shy", "external", "link");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_string_equal(text_of(run.page, "block"), "forbidden");
    assert_null(json_object_get(run.members, "block"));
    finish(&run);
}

/* Another site, and how often it was asked for the one link of it that is checked. */
struct elsewhere {
    struct http_peer *peer;
    struct text url;
    int requests;
};

static void open_elsewhere(struct fixture *fixture, struct elsewhere *elsewhere)
{
    fixture->other = http_peer_create(&fixture->loop);
    *elsewhere = (struct elsewhere){.peer = fixture->other};
    set_params(fixture, ",\"check_external\":true");
}

static void close_elsewhere(struct elsewhere *elsewhere)
{
    text_finish(&elsewhere->url);
}

static const char *url_elsewhere(struct elsewhere *elsewhere, const char *path)
{
    text_clear(&elsewhere->url);
    text_append_format(&elsewhere->url, "http://127.0.0.1:%d%s", http_peer_port(elsewhere->peer),
                       path);
    return text_string(&elsewhere->url);
}

static void check_link(struct fixture *fixture, struct elsewhere *elsewhere, struct run *run,
                       const char *path)
{
    struct text payload = {0};
    int before = http_peer_requests(elsewhere->peer);
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"external\",\"source\":\"link\"}",
                       url_elsewhere(elsewhere, path));
    run_payload(fixture, run, text_string(&payload), 1);
    elsewhere->requests = http_peer_requests(elsewhere->peer) - before;
    text_finish(&payload);
}

static void expect_link(struct fixture *fixture, struct elsewhere *elsewhere, const char *path,
                        enum outcome_kind kind, int status, int requests)
{
    struct run run;
    check_link(fixture, elsewhere, &run, path);
    if (run.outcome.kind != kind || integer_of(run.page, "status") != status ||
        elsewhere->requests != requests)
        fail_msg("%s: outcome %d, %d requests, %s", path, run.outcome.kind, elsewhere->requests,
                 run.outcome.page);
    finish(&run);
}

static void test_a_link_is_broken_only_when_get_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct elsewhere elsewhere;
    const char *const refusals[] = {
        "400 Bad Request",    "403 Forbidden",       "404 Not Found", "405 Method Not Allowed",
        "500 Internal Error", "501 Not Implemented", "503 Not Now"};
    const char endless[] = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx";
    open_elsewhere(fixture, &elsewhere);
    http_peer_answer(elsewhere.peer, "GET /a", PEER_AT_ONCE, slice_of_string(endless));
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        http_peer_serve(elsewhere.peer, "HEAD /a", refusals[i], "", "");
        expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 200, 2);
    }
    http_peer_answer(elsewhere.peer, "HEAD /a", PEER_THEN_CLOSE, slice_of_string(""));
    expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 200, 2);
    http_peer_answer(elsewhere.peer, "HEAD /a", PEER_THEN_CLOSE, slice_of_string("no HTTP\r\n"));
    expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 200, 2);
    expect_link(fixture, &elsewhere, "/gone", OUTCOME_FAILED, 404, 2);

    fixture->job.timeout_ms = 1000;
    http_peer_answer(elsewhere.peer, "HEAD /a", PEER_SILENT, slice_of_string(""));
    expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 200, 2);
    close_elsewhere(&elsewhere);
}

static void test_a_link_that_wants_a_pause_gets_it(void **state)
{
    struct fixture *fixture = *state;
    struct elsewhere elsewhere;
    open_elsewhere(fixture, &elsewhere);
    http_peer_serve(elsewhere.peer, "GET /a", "200 OK", "", "");
    http_peer_serve(elsewhere.peer, "HEAD /a", "429 Too Many Requests", "", "");
    expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 429, 1);
    http_peer_serve(elsewhere.peer, "HEAD /a", "503 Not Now", "Retry-After: 5\r\n", "");
    expect_link(fixture, &elsewhere, "/a", OUTCOME_COMPLETED, 503, 1);
    http_peer_serve(elsewhere.peer, "HEAD /a", "500 Not Now", "Retry-After: 5\r\n", "");
    expect_link(fixture, &elsewhere, "/a", OUTCOME_FAILED, 500, 1);
    close_elsewhere(&elsewhere);
}

/* /r0 -> /r1 -> ... -> the last, which answers 200. */
static void serve_chain(struct elsewhere *elsewhere, int redirects)
{
    struct text path = {0}, location = {0};
    for (int i = 0; i <= redirects; i++) {
        text_clear(&path);
        text_clear(&location);
        text_append_format(&path, "/r%d", i);
        text_append_format(&location, "Location: r%d\r\n", i + 1);
        http_peer_serve(elsewhere->peer, text_string(&path), i < redirects ? "302 Found" : "200 OK",
                        i < redirects ? text_string(&location) : "", "");
    }
    text_finish(&path);
    text_finish(&location);
}

static void test_redirects_of_links_are_followed(void **state)
{
    struct fixture *fixture = *state;
    struct elsewhere elsewhere;
    struct run run;
    open_elsewhere(fixture, &elsewhere);
    serve_chain(&elsewhere, 10);
    check_link(fixture, &elsewhere, &run, "/r0");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(integer_of(run.page, "status"), 200);
    assert_int_equal(integer_of(run.page, "redirects"), 10);
    assert_string_equal(text_of(run.page, "url"), url_elsewhere(&elsewhere, "/r0"));
    assert_string_equal(text_of(run.page, "redirect_to"), url_elsewhere(&elsewhere, "/r10"));
    assert_int_equal(elsewhere.requests, 11);
    finish(&run);

    serve_chain(&elsewhere, 11);
    check_link(fixture, &elsewhere, &run, "/r0");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_string_equal(run.outcome.error, "more than 10 redirects in a row");
    assert_int_equal(integer_of(run.page, "status"), 302);
    assert_string_equal(text_of(run.page, "redirect_to"), url_elsewhere(&elsewhere, "/r11"));
    assert_int_equal(elsewhere.requests, 22);
    finish(&run);

    http_peer_serve(elsewhere.peer, "/moved", "301 Moved", "Location: /lost\r\n", "");
    check_link(fixture, &elsewhere, &run, "/moved");
    assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
    assert_int_equal(integer_of(run.page, "status"), 404);
    assert_string_equal(text_of(run.page, "redirect_to"), url_elsewhere(&elsewhere, "/lost"));
    assert_int_equal(elsewhere.requests, 4);
    finish(&run);

    /* to an error page, but for heads only */
    http_peer_serve(elsewhere.peer, "GET /moved", "200 OK", "", "");
    check_link(fixture, &elsewhere, &run, "/moved");
    assert_int_equal(integer_of(run.page, "status"), 200);
    assert_int_equal(integer_of(run.page, "redirects"), 0);
    assert_true(is_null(run.page, "redirect_to"));
    finish(&run);
    close_elsewhere(&elsewhere);
}

static void test_redirects_of_links_that_are_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct elsewhere elsewhere;
    struct run run;
    struct text location = {0};
    static const char *const home[] = {"/home", NULL};
    open_elsewhere(fixture, &elsewhere);
    http_peer_serve(elsewhere.peer, "/self", "301 Moved", "Location: /self?utm_source=x\r\n", "");
    expect_link(fixture, &elsewhere, "/self", OUTCOME_COMPLETED, 301, 1);
    http_peer_serve(elsewhere.peer, "/nowhere", "301 Moved", "", "");
    expect_link(fixture, &elsewhere, "/nowhere", OUTCOME_COMPLETED, 301, 2);
    http_peer_serve(elsewhere.peer, "/call", "301 Moved", "Location: tel:1\r\n", "");
    expect_link(fixture, &elsewhere, "/call", OUTCOME_COMPLETED, 301, 1);

    text_append_format(&location, "Location: %s\r\n", at(fixture, "/home"));
    http_peer_serve(elsewhere.peer, "/short", "301 Moved", text_string(&location), "");
    check_link(fixture, &elsewhere, &run, "/short");
    assert_int_equal(run.outcome.kind, OUTCOME_COMPLETED);
    assert_string_equal(text_of(run.page, "redirect_to"), at(fixture, "/home"));
    expect_found(fixture, &run, home);
    assert_int_equal(http_peer_requests(fixture->peer), 0);
    finish(&run);
    text_finish(&location);
    close_elsewhere(&elsewhere);
}

static void test_a_link_that_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct elsewhere elsewhere;
    struct run run;
    struct text payload = {0};
    open_elsewhere(fixture, &elsewhere);
    http_peer_answer(elsewhere.peer, "/a", PEER_SILENT, slice_of_string(""));
    text_append_format(&payload, "{\"url\":\"%s\",\"role\":\"external\"}",
                       url_elsewhere(&elsewhere, "/a"));
    start(fixture, &run, text_string(&payload), 1);
    while (!http_peer_requests(elsewhere.peer))
        uv_run(&fixture->loop, UV_RUN_ONCE);
    crawl_executor.cancel(fixture->executor, run.task);
    turn_until(fixture, &run.dones);
    assert_int_equal(run.outcome.kind, OUTCOME_RETURNED);
    assert_int_equal(http_peer_requests(elsewhere.peer), 1);
    finish(&run);
    text_finish(&payload);
    close_elsewhere(&elsewhere);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- hosts ---- */

static void test_each_of_many_hosts_is_one(void **state)
{
    enum { HOSTS = 5000 };
    struct fixture *fixture = *state;
    struct host **hosts = memory_zeroed(HOSTS, sizeof *hosts);
    struct arena *arena = arena_create(1 << 16);
    struct failure failure = {0};
    struct site *site = site_create(&fixture->job, &failure);
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < HOSTS; i++) {
            struct text text = {0};
            struct url url;
            text_append_format(&text, "http%s://h%d.example.com/%d", i % 2 ? "s" : "", i / 2, turn);
            assert_true(url_parse(text_slice(&text), NULL, arena, &url, &failure));
            text_finish(&text);
            assert_ptr_equal(host_find(site, &url), hosts[i]);
            struct host *host = host_of(fixture->executor, site, &url);
            assert_true(turn == 0 || host == hosts[i]);
            hosts[i] = host;
            assert_ptr_equal(host_find(site, &url), host);
        }
    assert_int_equal(site->hosts.count, HOSTS);
    hosts_destroy(site);
    assert_int_equal(site->hosts.count, 0);
    assert_null(site->last_host);
    site_destroy(site);
    arena_destroy(arena);
    free(hosts);
}

static struct host *meet(struct fixture *fixture, struct site *site, const char *name, bool is_used)
{
    struct text text = {0};
    struct url url;
    struct arena *arena = arena_create(256);
    text_append_format(&text, "https://%s.example.com/", name);
    assert_true(url_parse(text_slice(&text), NULL, arena, &url, NULL));
    struct host *host = is_used ? host_of(fixture->executor, site, &url) : host_find(site, &url);
    text_finish(&text);
    arena_destroy(arena);
    return host;
}

/* I9, of two sites together. */
static void test_hosts_are_bounded(void **state)
{
    enum { HOSTS = 5000, BYTES_MAX = 100000 };
    struct fixture *fixture = *state;
    struct crawler *crawler = fixture->executor;
    struct failure failure = {0};
    struct site *first = site_create(&fixture->job, &failure);
    struct site *second = site_create(&fixture->job, &failure);
    crawler->host_bytes_max = BYTES_MAX;
    meet(fixture, first, "kept", true);
    meet(fixture, first, "found", true);
    for (int i = 0; i < HOSTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "h%d", i);
        assert_non_null(meet(fixture, second, name, true));
        assert_non_null(meet(fixture, first, "kept", false));
        meet(fixture, first, "kept", true);
        meet(fixture, first, "found", false); /* a link to it is no use */
        assert_true(crawler->host_bytes <= BYTES_MAX);
    }
    assert_in_range(second->hosts.count, 100, BYTES_MAX / (3 * sizeof(void *)));
    assert_int_equal(first->hosts.count, 1);
    assert_null(meet(fixture, first, "found", false));
    assert_null(meet(fixture, second, "h0", false));
    assert_non_null(meet(fixture, second, "h4999", false));
    hosts_destroy(first);
    hosts_destroy(second);
    assert_int_equal(crawler->host_bytes, 0);
    site_destroy(first);
    site_destroy(second);
}

/* What was forgotten is asked for again, and the page goes on in the same turn: or two hosts would
 * make each other forgotten for ever. */
static void test_rules_that_were_forgotten_are_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct crawler *crawler = fixture->executor;
    struct text rules = {0};
    struct run run;
    text_append_string(&rules, "User-agent: *\nDisallow: /no\n");
    for (int i = 0; i < 1000; i++)
        text_append_format(&rules, "Disallow: /%d\n", i);
    database.robots = text_string(&rules);
    crawler->host_bytes_max = 80000; /* room for rules of one host, not of two */
    for (int round = 1; round <= 3; round++) {
        start(fixture, &run, "{\"url\":\"https://a.example/no\"}", 1);
        turn_until(fixture, &run.dones);
        assert_int_equal(run.outcome.kind, OUTCOME_FAILED);
        assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /no");
        finish(&run);
        start(fixture, &run, "{\"url\":\"https://b.example/no\"}", 1);
        turn_until(fixture, &run.dones);
        assert_string_equal(run.outcome.error, "robots.txt forbids it: Disallow: /no");
        finish(&run);
        assert_int_equal(database.asked, 2 * round);
        assert_in_range(crawler->host_bytes, 60000, 80000);
    }
    crawler->host_bytes_max = 160000;
    for (int i = 0; i < 4; i++) {
        start(fixture, &run,
              i % 2 ? "{\"url\":\"https://b.example/no\"}" : "{\"url\":\"https://a.example/no\"}",
              1);
        finish(&run);
    }
    assert_int_equal(database.asked, 7);
    text_finish(&rules);
}

static void test_hosts_that_are_waited_for_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct crawler *crawler = fixture->executor;
    struct run runs[3];
    static const char *const payloads[] = {"{\"url\":\"https://a.example/\"}",
                                           "{\"url\":\"https://b.example/\"}",
                                           "{\"url\":\"https://a.example/2\"}"};
    database.is_silent = true;
    crawler->host_bytes_max = 1;
    for (int i = 0; i < 3; i++)
        start(fixture, &runs[i], payloads[i], 1);
    assert_int_equal(database.asked, 2);
    assert_int_equal(find_site(crawler, 7)->hosts.count, 2);
    for (int i = 0; i < 3; i++) {
        cancel(fixture, &runs[i]);
        assert_int_equal(runs[i].outcome.kind, OUTCOME_RETURNED);
        finish(&runs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_of_many_hosts_is_one),
        TEST(test_hosts_are_bounded),
        TEST(test_rules_that_were_forgotten_are_asked_for_again),
        TEST(test_hosts_that_are_waited_for_are_kept),
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
        TEST(test_robots_are_fetched_saved_and_obeyed),
        TEST(test_robots_that_are_no_utf8),
        TEST(test_robots_that_are_cut),
        TEST(test_costly_robots_and_many_links),
        TEST(test_robots_may_be_ignored),
        TEST(test_robots_name_sitemaps),
        TEST(test_robots_that_have_moved_take_turns),
        TEST(test_no_robots_allow_all),
        TEST(test_robots_that_do_not_come_forbid_all),
        TEST(test_endless_robots),
        TEST(test_robots_that_do_not_come_fail_all_that_wait),
        TEST(test_another_node_fetches_robots),
        TEST(test_a_page_that_waits_is_cancelled),
        TEST(test_a_miss_is_asked_for_again),
        TEST(test_what_is_not_asked_for_again),
        TEST(test_patterns_choose),
        TEST(test_places_and_better_priorities),
        TEST(test_better_priorities_that_wait),
        TEST(test_better_priorities_of_two_jobs_that_wait),
        TEST(test_better_priorities_at_the_end_of_a_job),
        TEST(test_better_priorities_when_the_node_leaves),
        TEST(test_an_index_leads_to_no_other_site),
        TEST(test_a_sitemap_raises_too),
        TEST(test_canonical_and_redirects),
        TEST(test_refusals_of_crawlers),
        TEST(test_the_guard),
        TEST(test_a_sitemap),
        TEST(test_sitemaps_that_are_none),
        TEST(test_refusals_of_sitemaps),
        TEST(test_a_sitemap_may_be_a_page_too),
        TEST(test_links_beyond_the_limit_are_counted),
        TEST(test_the_links_of_all_pages_share_memory),
        TEST(test_a_long_sitemap_goes_in_batches),
        TEST(test_a_sitemap_waits_for_its_batch),
        TEST(test_few_sitemaps_are_read_at_once),
        TEST(test_sitemaps_of_a_node_that_leaves),
        TEST(test_robots_hold_for_a_long_sitemap),
        TEST(test_a_sitemap_that_is_too_long_says_so),
        TEST(test_a_full_crawl_stops_reading),
        TEST(test_a_sitemap_ends_behind_its_last_batch),
        TEST(test_a_batch_that_is_lost_comes_again),
        TEST(test_a_sitemap_that_breaks_off_is_tried_again),
        TEST(test_pages_of_other_sites),
        TEST(test_a_link_is_broken_only_when_get_says_so),
        TEST(test_a_link_that_wants_a_pause_gets_it),
        TEST(test_redirects_of_links_are_followed),
        TEST(test_redirects_of_links_that_are_not_followed),
        TEST(test_a_link_that_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
