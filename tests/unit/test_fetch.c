/* The form "fetch" from its request to what the database says: the http executor between a peer
 * that it asks and a database made of nothing that it hands the answer to. */
#include "fake_database.h"

#include "base/check.h"
#include "base/clock.h"
#include "executors/executor.h"

#include "http_peer.h"

enum { PATIENCE_MS = 10000, SLOTS = 32, SAVERS = 4 };

static struct installation installation = {.id = "0198aabb-ccdd-7eee-8fff-000102030405"};

struct fixture {
    uv_loop_t loop;
    struct http_peer *peer;
    void *executor;
    struct list tasks; /* under way */
    struct job_facts job;
    char kind[8], params[40], options[300], target[100];
    int64_t job_id; /* of what is started next */
    int started, ended, saved;
    struct outcome last;
    char last_error[300];
};

static void start_task(struct fixture *fixture, const char *payload)
{
    size_t bytes = strlen(payload);
    struct task *task = memory_zeroed(1, sizeof *task + bytes + 1);
    *task = (struct task){.job = &fixture->job,
                          .job_id = fixture->job_id,
                          .id = ++fixture->started,
                          .attempt = 2,
                          .node_id = 3,
                          .asked_at_us = (int64_t)uv_now(&fixture->loop) * 1000 + 1,
                          .payload_bytes = bytes};
    memcpy(task->payload, payload, bytes + 1);
    list_init(&task->link);
    list_append(&fixture->tasks, &task->link);
    http_executor.start(fixture->executor, task);
}

static void start_fetch(struct fixture *fixture)
{
    start_task(fixture, "{\"type\": \"price\", \"key\": \"AAPL\", \"path\": \"/price/AAPL?x=1\"}");
}

static void on_done(void *engine, struct task *task, struct outcome *outcome)
{
    struct fixture *fixture = engine;
    fixture->ended++;
    fixture->saved += outcome->kind == OUTCOME_ENDED;
    fixture->last = *outcome;
    snprintf(fixture->last_error, sizeof fixture->last_error, "%s",
             outcome->error ? outcome->error : "");
    free(outcome->error);
    free(outcome->result);
    list_remove(&task->link);
    free(task);
}

static void serve(struct fixture *fixture, const char *status, const char *headers,
                  const char *body)
{
    http_peer_serve(fixture->peer, "/v1/price/AAPL?x=1", status, headers, body);
}

/* What goes over the wire for the latest request, answered so, in both directions. */
static size_t wire_bytes(struct fixture *fixture, const char *status, const char *headers,
                         const char *body)
{
    char head[1000];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers,
             strlen(body));
    return strlen(http_peer_last_request(fixture->peer)) + strlen(head) + strlen(body);
}

/* The same for what set_up() serves. */
static size_t usual_bytes(struct fixture *fixture)
{
    return wire_bytes(fixture, "200 OK", "Content-Type: application/json\r\n", "{\"p\": 1}");
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    memset(&database, 0, sizeof database);
    CHECK(uv_loop_init(&fixture->loop) == 0);
    list_init(&fixture->tasks);
    fixture->peer = http_peer_create(&fixture->loop);
    fixture->job_id = 7;
    strcpy(fixture->kind, "f");
    strcpy(fixture->params, "{}");
    strcpy(fixture->options, "{\"form\": \"fetch\", \"allow_private\": true}");
    snprintf(fixture->target, sizeof fixture->target, "http://127.0.0.1:%d/v1/",
             http_peer_port(fixture->peer));
    fixture->job = (struct job_facts){.id = 7,
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
    serve(fixture, "200 OK", "Content-Type: application/json\r\n", "{\"p\": 1}");
    *state = fixture;
    return 0;
}

/* Also in the middle: every handle is closed, and nobody is told any more. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    int ended = fixture->ended;
    http_executor.destroy(fixture->executor);
    http_peer_destroy(fixture->peer);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&fixture->loop) == 0);
    assert_int_equal(fixture->ended, ended);
    assert_int_equal(database.count, 0);
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

static bool is_connecting(struct fixture *fixture)
{
    return database.count > 0;
}

static bool is_connecting_anew(struct fixture *fixture)
{
    return !connection_of("save")->is_ready;
}

static bool has_one_ended(struct fixture *fixture)
{
    return fixture->ended == 1;
}

static bool is_handed_over(struct fixture *fixture)
{
    return asked("save_fetched") > 0;
}

static bool are_all_handed_over(struct fixture *fixture)
{
    return asked("save_fetched") == SAVERS;
}

static bool has_all_connections(struct fixture *fixture)
{
    return database.count == SAVERS;
}

/* Fetches once, up to the call; the connection is there from the first time on. */
static struct statement *hand_over(struct fixture *fixture)
{
    start_fetch(fixture);
    turn_until(fixture, is_connecting);
    if (!connection_of("save")->is_ready)
        come("save");
    turn_until(fixture, is_handed_over);
    return question("save_fetched");
}

static void finish_call(struct fixture *fixture)
{
    answer("statement_timeout", "");
    answer("save_fetched", "");
    turn_until(fixture, have_all_ended);
}

/* ---- what is handed over ---- */

static void test_what_came_is_handed_to_the_database(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture, "200 OK",
          "Content-Type: application/json\r\nSet-Cookie: s=1\r\nX-A: b\r\nX-A: \"c\"\r\n",
          "{\"p\": \"\xff\"}");
    char *const *values = hand_over(fixture)->values;
    assert_string_equal(values[0], "3");
    assert_string_equal(values[1], "7");
    assert_string_equal(values[2], "1");
    assert_string_equal(values[3], "2");
    assert_string_equal(values[4], "200");
    assert_non_null(strstr(values[5], "{\"content-type\":\"application/json\",\"x-a\":\"b, "
                                      "\\\"c\\\"\","));
    assert_null(strstr(values[5], "ookie"));
    assert_string_equal(values[6], "\\x7b2270223a2022ff227d");
    assert_int_equal(
        atoi(values[7]),
        wire_bytes(fixture, "200 OK",
                   "Content-Type: application/json\r\nSet-Cookie: s=1\r\nX-A: b\r\nX-A: \"c\"\r\n",
                   "{\"p\": \"\xff\"}"));
    int timeout_ms = atoi(question("statement_timeout")->values[0]);
    assert_in_range(timeout_ms, 2000, PATIENCE_MS); /* what is left of the kind's */
    assert_memory_equal(http_peer_last_request(fixture->peer), "GET /v1/price/AAPL?x=1 HTTP/1.1",
                        31);
    assert_int_equal(fixture->ended, 0);
    finish_call(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_ENDED);
    assert_int_equal(http_executor.room(fixture->executor), SLOTS);
    hand_over(fixture);
    assert_int_equal(database.count, 1); /* the same connection */
    finish_call(fixture);
}

static void test_that_there_is_none_is_handed_over(void **state)
{
    static const char *const statuses[] = {"204 No Content", "304 Not Modified", "404 Not Found",
                                           "410 Gone"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        const char *body = statuses[i][0] == '4' ? "no such thing" : "";
        serve(fixture, statuses[i], "", body);
        char *const *values = hand_over(fixture)->values;
        assert_memory_equal(values[4], statuses[i], 3);
        assert_string_equal(values[6], "\\x"); /* what such an answer says is no data */
        assert_int_equal(atoi(values[7]), wire_bytes(fixture, statuses[i], "", body));
        finish_call(fixture);
        assert_int_equal(fixture->last.kind, OUTCOME_ENDED);
    }
}

static void test_what_says_nothing_of_the_data_is_not_handed_over(void **state)
{
    static const struct {
        const char *status;
        bool is_final;
    } rows[] = {{"400 Bad Request", true},
                {"401 Unauthorized", true},
                {"302 Found", true},
                {"408 Request Timeout", false},
                {"429 Too Many Requests", false},
                {"500 Internal Server Error", false},
                {"503 Service Unavailable", false},
                {"403 Forbidden", true}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        serve(fixture, rows[i].status, "Retry-After: 7\r\n", "{}");
        start_fetch(fixture);
        turn_until(fixture, have_all_ended);
        assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
        assert_int_equal(fixture->last.is_final, rows[i].is_final);
        assert_string_equal(fixture->last.error_class, "status");
        if (!rows[i].is_final)
            assert_int_equal(fixture->last.delay_ms, 7000);
    }
    assert_int_equal(database.count, 0);
}

static void test_what_is_too_large_is_not_handed_over(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options,
           "{\"form\": \"fetch\", \"allow_private\": true, \"max_reply_bytes\": 7}");
    start_fetch(fixture);
    turn_until(fixture, have_all_ended);
    assert_true(fixture->last.is_final);
    assert_string_equal(fixture->last_error,
                        "HTTP 200: the reply is over max_reply_bytes of the kind, 7");
    serve(fixture, "404 Not Found", "", "there is no such thing");
    hand_over(fixture); /* nobody wants to read that */
    finish_call(fixture);
}

static void test_secrets_and_headers_have_limits(void **state)
{
    struct fixture *fixture = *state;
    struct text headers = {0};
    setenv("FETCH_KEY", "k-1234567890", 1);
    strcpy(fixture->options,
           "{\"form\": \"fetch\", \"allow_private\": true, \"authorization\": \"env:FETCH_KEY\"}");
    text_append_string(&headers, "X-Echo: Bearer k-1234567890\r\nX-Long: ");
    for (int i = 0; i < 40000; i++)
        text_append_char(&headers, 'x');
    text_append_string(&headers, "\r\n");
    for (int i = 0; i < 150; i++)
        text_append_format(&headers, "X-%d: y\r\n", i);
    serve(fixture, "200 OK", text_string(&headers), "key k-1234567890");
    text_finish(&headers);
    char *const *values = hand_over(fixture)->values;
    assert_non_null(strstr(http_peer_last_request(fixture->peer), "Bearer k-1234567890"));
    assert_non_null(strstr(values[5], "\"x-echo\":\"Bearer ************\""));
    assert_null(strstr(values[5], "x-long"));
    assert_non_null(strstr(values[5], "\"x-97\":\"y\""));
    assert_null(strstr(values[5], "\"x-99\":\"y\""));
    assert_string_equal(values[6], "\\x6b6579202a2a2a2a2a2a2a2a2a2a2a2a");
    finish_call(fixture);
}

/* ---- what the database says ---- */

static void test_what_the_database_refuses(void **state)
{
    static const struct {
        const char *sqlstate;
        enum outcome_kind kind;
        bool is_final;
        const char *class;
    } rows[] = {
        {"PW008", OUTCOME_ENDED, false, NULL}, /* somebody else has it */
        {"P0001", OUTCOME_FAILED, false, "sql"},
        {"40001", OUTCOME_FAILED, false, "sql"},
        {"57014", OUTCOME_FAILED, false, "timeout"},
        {"PW006", OUTCOME_FAILED, true, "sql"}, /* it cannot be saved at all */
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hand_over(fixture);
        refuse("statement_timeout", rows[i].sqlstate);
        refuse("save_fetched", rows[i].sqlstate);
        turn_until(fixture, have_all_ended);
        assert_int_equal(fixture->last.kind, rows[i].kind);
        assert_int_equal(fixture->last.is_final, rows[i].is_final);
        assert_int_equal(fixture->last.bytes, usual_bytes(fixture)); /* spent all the same */
        if (rows[i].class) {
            assert_string_equal(fixture->last.error_class, rows[i].class);
            assert_memory_equal(fixture->last_error, "the database says no (SQLSTATE ", 31);
        }
    }
}

/* Nobody knows whether it has been saved. */
static void test_a_connection_that_is_lost_on_the_way_fails_the_attempt(void **state)
{
    struct fixture *fixture = *state;
    hand_over(fixture);
    lose("save");
    assert_int_equal(fixture->ended, 1);
    assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
    assert_false(fixture->last.is_final);
    assert_string_equal(fixture->last.error_class, "network");
}

/* ---- who waits ---- */

static void test_a_reply_waits_for_a_database_that_is_away(void **state)
{
    struct fixture *fixture = *state;
    start_fetch(fixture);
    turn_until(fixture, is_connecting);
    lose("save");
    lose("save");
    assert_int_equal(fixture->ended, 0);
    come("save");
    turn_until(fixture, is_handed_over);
    finish_call(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_ENDED);
    assert_int_equal(http_peer_requests(fixture->peer), 1);
}

static void test_it_does_not_wait_for_ever(void **state)
{
    struct fixture *fixture = *state;
    fixture->job.timeout_ms = 400;
    start_fetch(fixture);
    turn_until(fixture, is_connecting);
    lose("save");
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_FAILED);
    assert_false(fixture->last.is_final);
    assert_string_equal(fixture->last.error_class, "network");
    assert_string_equal(fixture->last_error,
                        "HTTP 200 came, and was not saved in time: the connection is lost");
    assert_int_equal(fixture->last.bytes, usual_bytes(fixture));
}

static void let_all_come(void)
{
    for (int i = 0; i < database.count; i++) {
        struct pg_connection *connection = database.connections[i];
        bool was_ready = connection->is_ready;
        connection->is_ready = true;
        if (!was_ready)
            connection->events.on_ready(connection->context);
    }
}

/* Of as many data types. */
static void start_more_than_can_be_saved(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++, fixture->job_id++)
        start_fetch(fixture);
    turn_until(fixture, has_all_connections);
    let_all_come();
    turn_until(fixture, are_all_handed_over);
}

/* Answers what has been asked by now, and waits for more. */
static void finish_all(struct fixture *fixture, int at_once)
{
    while (fixture->ended < fixture->started) {
        turn_until(fixture, is_handed_over);
        assert_in_range(asked("save_fetched"), 1, at_once);
        answer("statement_timeout", "");
        answer("save_fetched", "");
    }
    assert_int_equal(fixture->saved, fixture->started); /* none ended by its deadline */
}

static void test_saves_take_turns_on_a_few_connections(void **state)
{
    struct fixture *fixture = *state;
    start_more_than_can_be_saved(fixture, 20);
    finish_all(fixture, SAVERS);
    assert_int_equal(database.count, SAVERS);
    assert_int_equal(http_peer_requests(fixture->peer), 20);
}

static void test_one_that_finds_none_free_in_its_time_fails(void **state)
{
    struct fixture *fixture = *state;
    fixture->job.timeout_ms = 1500;
    start_more_than_can_be_saved(fixture, SAVERS + 1);
    turn_until(fixture, has_one_ended);
    assert_string_equal(fixture->last.error_class, "timeout");
    assert_string_equal(
        fixture->last_error,
        "HTTP 200 came, and was not saved in time: no connection for that was free");
}

static bool are_all_here(struct fixture *fixture)
{
    return http_peer_requests(fixture->peer) == fixture->started &&
           asked("save_fetched") == SAVERS - 1;
}

static void test_a_slow_data_type_does_not_have_all_connections(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3 * SAVERS; i++)
        start_fetch(fixture);
    turn_until(fixture, has_all_connections);
    let_all_come();
    turn_until(fixture, are_all_here);
    fixture->job_id = 8; /* comes last, and is next */
    start_fetch(fixture);
    turn_until(fixture, are_all_handed_over);
    finish_all(fixture, SAVERS);
}

/* ---- cancelled ---- */

static void cancel_first(struct fixture *fixture)
{
    http_executor.cancel(fixture->executor,
                         list_object(list_first(&fixture->tasks), struct task, link));
}

static void test_one_that_waits_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    start_fetch(fixture);
    turn_until(fixture, is_connecting);
    cancel_first(fixture);
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_RETURNED);
}

/* The request names the connection: what comes next gets another. */
static void test_a_connection_that_was_sent_a_cancel_saves_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    hand_over(fixture);
    cancel_first(fixture);
    assert_int_equal(connection_of("save")->cancels, 1);
    assert_int_equal(fixture->ended, 0);
    refuse("statement_timeout", "57014");
    refuse("save_fetched", "57014");
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_RETURNED); /* cut off by us: it has not failed */
    start_fetch(fixture);
    turn_until(fixture, is_connecting_anew);
    assert_int_equal(database.count, 1);
    come("save");
    turn_until(fixture, is_handed_over);
    finish_call(fixture);
    assert_int_equal(fixture->last.kind, OUTCOME_ENDED);
}

/* tear_down() does it. */
static void test_the_end_in_the_middle_of_saves(void **state)
{
    start_more_than_can_be_saved(*state, SAVERS + 3);
}

/* ---- the self-test ---- */

/* A GET may cost money, and what is called has a path behind the target. */
static void test_a_self_test_asks_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    http_peer_serve(fixture->peer, "OPTIONS /v1/", "401 Unauthorized", "", "");
    strcpy(fixture->params, "{\"self_test\": true}");
    start_task(fixture, "{}");
    turn_until(fixture, have_all_ended);
    assert_memory_equal(http_peer_last_request(fixture->peer), "OPTIONS /v1/ HTTP/1.1", 21);
    assert_string_equal(fixture->last.error_class, "status");
    http_peer_serve(fixture->peer, "OPTIONS /v1/", "404 Not Found", "", "");
    start_task(fixture, "{}");
    turn_until(fixture, have_all_ended);
    assert_int_equal(fixture->last.kind, OUTCOME_COMPLETED);
    assert_int_equal(database.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_came_is_handed_to_the_database),
        TEST(test_that_there_is_none_is_handed_over),
        TEST(test_what_says_nothing_of_the_data_is_not_handed_over),
        TEST(test_what_is_too_large_is_not_handed_over),
        TEST(test_secrets_and_headers_have_limits),
        TEST(test_what_the_database_refuses),
        TEST(test_a_connection_that_is_lost_on_the_way_fails_the_attempt),
        TEST(test_a_reply_waits_for_a_database_that_is_away),
        TEST(test_it_does_not_wait_for_ever),
        TEST(test_saves_take_turns_on_a_few_connections),
        TEST(test_one_that_finds_none_free_in_its_time_fails),
        TEST(test_a_slow_data_type_does_not_have_all_connections),
        TEST(test_one_that_waits_is_cancelled),
        TEST(test_a_connection_that_was_sent_a_cancel_saves_nothing_more),
        TEST(test_the_end_in_the_middle_of_saves),
        TEST(test_a_self_test_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
