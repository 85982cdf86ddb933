/* What an answer means for the task: the table of statuses, results and errors, what is cut off,
 * and what PostgreSQL would not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "executors/http/reply.c"
#include "executors/http/reply_fields.c"
#include "executors/http/secret_mask.c"

static const struct installation installation = {0}; /* nobody can call back */

struct fixture {
    struct target target;
    struct dispatcher dispatcher;
    struct dispatch dispatch;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    fixture->target = (struct target){.max_reply_bytes = 1000, .max_result_bytes = 100};
    fixture->dispatcher.environment.installation = &installation;
    fixture->dispatch.target = &fixture->target;
    fixture->dispatch.dispatcher = &fixture->dispatcher;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    text_finish(&fixture->dispatch.reply);
    text_finish(&fixture->dispatch.sent_secrets);
    free(fixture);
    return 0;
}

static struct outcome outcome_of(struct fixture *fixture, int status, const char *type,
                                 const char *body)
{
    struct http_result result = {
        .head = {.status = status, .content_type = type, .location = "https://b.example/"},
        .body_bytes = strlen(body),
        .wire_bytes = strlen(body),
        .retry_after_ms = -1,
    };
    text_clear(&fixture->dispatch.reply);
    reply_feed(&fixture->dispatch, slice_of_string(body));
    return reply_outcome(&fixture->dispatch, &result);
}

static void drop(struct outcome *outcome)
{
    free(outcome->error);
    free(outcome->result);
}

/* NULL: no result. */
static void expect_result(struct fixture *fixture, const char *type, const char *body,
                          const char *wanted)
{
    struct outcome outcome = outcome_of(fixture, 200, type, body);
    assert_int_equal(outcome.kind, OUTCOME_COMPLETED);
    if (wanted)
        assert_string_equal(outcome.result, wanted);
    else
        assert_null(outcome.result);
    assert_null(outcome.error);
    drop(&outcome);
}

static void test_statuses(void **state)
{
    static const struct {
        int status;
        enum outcome_kind kind;
        bool is_final;
        const char *error;
    } rows[] = {
        {200, OUTCOME_COMPLETED, false, NULL},
        {202, OUTCOME_COMPLETED, false, NULL},
        {299, OUTCOME_COMPLETED, false, NULL},
        {301, OUTCOME_FAILED, true,
         "HTTP 301: it leads to https://b.example/, and redirects are not followed"},
        {304, OUTCOME_FAILED, true,
         "HTTP 304: it leads to https://b.example/, and redirects are not followed"},
        {400, OUTCOME_FAILED, true, "HTTP 400: no"},
        {404, OUTCOME_FAILED, true, "HTTP 404: no"},
        {408, OUTCOME_FAILED, false, "HTTP 408: no"},
        {409, OUTCOME_FAILED, true, "HTTP 409: no"},
        {424, OUTCOME_FAILED, true, "HTTP 424: no"},
        {425, OUTCOME_FAILED, false, "HTTP 425: no"},
        {426, OUTCOME_FAILED, true, "HTTP 426: no"},
        {429, OUTCOME_FAILED, false, "HTTP 429: no"},
        {499, OUTCOME_FAILED, true, "HTTP 499: no"},
        {500, OUTCOME_FAILED, false, "HTTP 500: no"},
        {503, OUTCOME_FAILED, false, "HTTP 503: no"},
        {599, OUTCOME_FAILED, false, "HTTP 599: no"},
        {999, OUTCOME_FAILED, false, "HTTP 999: no"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome outcome = outcome_of(*state, rows[i].status, "text/plain", "no");
        assert_int_equal(outcome.kind, rows[i].kind);
        assert_int_equal(outcome.is_final, rows[i].is_final);
        assert_int_equal(outcome.bytes, 2);
        if (rows[i].error) {
            assert_string_equal(outcome.error, rows[i].error);
            assert_string_equal(outcome.error_class, "status");
            assert_null(outcome.result);
        }
        drop(&outcome);
    }
}

static void test_results(void **state)
{
    expect_result(*state, "application/json", "{\"a\": 1}", "{\"a\": 1}");
    expect_result(*state, "application/problem+json; charset=utf-8", "3", "3");
    expect_result(*state, NULL, " [1]\n", " [1]\n");
    expect_result(*state, "text/plain", "{\"a\":1}", "{\"a\":1}");
    expect_result(*state, "text/plain", "3",
                  "{\"status\":200,\"content_type\":\"text/plain\",\"body\":\"3\"}");
    expect_result(*state, NULL, "", NULL);
    expect_result(*state, "application/json", "", NULL);
    expect_result(
        *state, "application/json", "{\"a\":",
        "{\"status\":200,\"content_type\":\"application/json\",\"body\":\"{\\\"a\\\":\"}");
    expect_result(*state, NULL, "\xff\"\n",
                  "{\"status\":200,\"body\":\"\xef\xbf\xbd\\\"\\u000a\"}");
}

/* What the database refuses would fail a task whose work has been done. */
static void test_json_that_the_database_would_not_take(void **state)
{
    static const char *const bodies[] = {
        "[1e1000]",   "[1E-100000]",   "[1e+99999]", "{\"a\":\"\\u0000\"}",
        "[\"\xff\"]", "[\"\\ud800\"]", "[NaN]",      "[1,]",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct outcome outcome = outcome_of(*state, 200, "application/json", bodies[i]);
        assert_memory_equal(outcome.result, "{\"status\":200,", 14);
        drop(&outcome);
    }
    expect_result(*state, NULL, "[18446744073709551616]", "[18446744073709551616]");
    expect_result(*state, NULL, "[1e308,\"1e1000 \\\"1e1000\",12e3]",
                  "[1e308,\"1e1000 \\\"1e1000\",12e3]");
    struct fixture *fixture = *state;
    struct text long_number = {0};
    fixture->target.max_result_bytes = 2000;
    text_append_string(&long_number, "[0.");
    for (int i = 0; i < NUMBER_DIGITS_MAX; i++)
        text_append_char(&long_number, '1');
    text_append_char(&long_number, ']');
    expect_result(fixture, NULL, text_string(&long_number), text_string(&long_number));
    long_number.start[long_number.length - 1] = '1';
    text_append_char(&long_number, ']');
    struct outcome outcome = outcome_of(fixture, 200, NULL, text_string(&long_number));
    assert_memory_equal(outcome.result, "{\"status\":200,", 14);
    drop(&outcome);
    text_finish(&long_number);
}

static void test_what_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.max_result_bytes = 4;
    expect_result(fixture, NULL, "[1]", "[1]");
    expect_result(fixture, NULL, "[10]", "[10]");
    expect_result(fixture, NULL, "[100]",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":5,\"body\":\"[100\"}");
    expect_result(fixture, NULL, "ab\xe2\x82\xac",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":5,\"body\":\"ab\"}");
    expect_result(fixture, NULL,
                  "a\xe2\x82\xac"
                  "b",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":5,\"body\":\"a\xe2\x82\xac\"}");
    fixture->target.max_result_bytes = 0;
    expect_result(fixture, NULL, "", NULL);
    expect_result(fixture, NULL, "[1]",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":3,\"body\":\"\"}");
}

/* The status has come, so the work is done, or is not, whatever the rest. */
static void test_a_reply_that_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    struct http_result result = {.failure = HTTP_FAILURE_TOO_LARGE,
                                 .is_permanent = true,
                                 .message = "the body is too large",
                                 .head = {.status = 200},
                                 .body_bytes = 3,
                                 .transfer_bytes = 7,
                                 .wire_bytes = 317,
                                 .retry_after_ms = -1};
    reply_feed(&fixture->dispatch, slice_of_string("[1]"));
    struct outcome outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.kind, OUTCOME_COMPLETED);
    assert_int_equal(outcome.bytes, 317);
    assert_string_equal(outcome.result,
                        "{\"status\":200,\"is_truncated\":true,\"bytes\":3,\"body\":\"[1]\"}");
    drop(&outcome);
    result.head.status = 503;
    outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.kind, OUTCOME_FAILED);
    assert_false(outcome.is_final);
    drop(&outcome);
}

static void test_retry_after(void **state)
{
    struct fixture *fixture = *state;
    struct http_result result = {.head = {.status = 503}, .retry_after_ms = 5000};
    struct outcome outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.delay_ms, 5000);
    drop(&outcome);
    result.retry_after_ms = 365LL * 24 * 60 * 60 * 1000;
    outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.delay_ms, 24 * 60 * 60 * 1000);
    drop(&outcome);
    result.retry_after_ms = -1;
    outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.delay_ms, -1);
    drop(&outcome);
}

static void test_no_answer(void **state)
{
    static const struct {
        enum http_failure failure;
        bool is_permanent;
        int status;
        bool is_final;
        const char *class;
    } rows[] = {
        {HTTP_FAILURE_DNS, true, 0, false, "network"}, /* a name may come back */
        {HTTP_FAILURE_CONNECT, false, 0, false, "network"},
        {HTTP_FAILURE_CONNECT, false, 200, false, "network"},
        {HTTP_FAILURE_TLS, true, 0, false, "network"}, /* and a certificate may be renewed */
        {HTTP_FAILURE_TIMEOUT, false, 200, false, "timeout"},
        {HTTP_FAILURE_PROTOCOL, false, 0, false, "network"},
        {HTTP_FAILURE_PROTOCOL, true, 0, true, "refused"},
        {HTTP_FAILURE_REFUSED, true, 0, true, "refused"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_result result = {.failure = rows[i].failure,
                                     .message = "it is so",
                                     .is_permanent = rows[i].is_permanent,
                                     .head = {.status = rows[i].status},
                                     .retry_after_ms = -1};
        struct outcome outcome = reply_outcome(&fixture->dispatch, &result);
        assert_int_equal(outcome.kind, OUTCOME_FAILED);
        assert_int_equal(outcome.is_final, rows[i].is_final);
        assert_string_equal(outcome.error_class, rows[i].class);
        assert_memory_equal(outcome.error, "it is so", 8);
        assert_null(outcome.result);
        drop(&outcome);
    }
}

static void test_secrets_are_masked(void **state)
{
    struct fixture *fixture = *state;
    text_append(&fixture->dispatch.sent_secrets, "k-123456\0short\0other-secret", 28);
    expect_result(fixture, NULL,
                  "{\"a\":\"Bearer k-123456\",\"b\":\"short\",\"c\":\"other-secretk-123456\"}",
                  "{\"a\":\"Bearer ********\",\"b\":\"short\",\"c\":\"********************\"}");
    struct outcome outcome = outcome_of(fixture, 400, NULL, "bad key k-123456");
    assert_string_equal(outcome.error, "HTTP 400: bad key ********");
    drop(&outcome);
}

/* As many a debug page says them: without the scheme, and as JSON may be written. */
static void test_secrets_are_masked_in_other_dress(void **state)
{
    struct fixture *fixture = *state;
    text_append(&fixture->dispatch.sent_secrets, "Basic dXNlcjpwYXNz\0ab/cd\"ef\\gh ", 32);
    expect_result(fixture, NULL, "{\"a\":\"dXNlcjpwYXNz\",\"b\":\"Basic\"}",
                  "{\"a\":\"************\",\"b\":\"Basic\"}");
    expect_result(fixture, NULL, "[\"ab\\/cd\\\"ef\\\\gh\"]", "[\"**************\"]");
    expect_result(fixture, NULL, "[\"ab/cd\\\"ef\\\\gh\"]", "[\"*************\"]");
    expect_result(fixture, "text/ab/cd", "ab/cd\"ef\\gh",
                  "{\"status\":200,\"content_type\":\"text/ab/cd\",\"body\":\"***********\"}");
    expect_result(fixture, "text/dXNlcjpwYXNz", "x",
                  "{\"status\":200,\"content_type\":\"text/************\",\"body\":\"x\"}");
}

static void test_a_secret_that_is_cut_off_is_masked(void **state)
{
    struct fixture *fixture = *state;
    fixture->target.max_result_bytes = 12;
    text_append(&fixture->dispatch.sent_secrets, "k-12345678", 11);
    expect_result(fixture, NULL, "key k-12345678",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":14,\"body\":\"key ********\"}");
    expect_result(fixture, NULL, "key is k-12345678",
                  "{\"status\":200,\"is_truncated\":true,\"bytes\":17,\"body\":\"key is k-123\"}");
    expect_result(fixture, NULL, "key k-123456", "{\"status\":200,\"body\":\"key k-123456\"}");
}

static void test_an_error_is_short_and_one_line(void **state)
{
    struct fixture *fixture = *state;
    char body[1000];
    fixture->target.max_result_bytes = sizeof body;
    memset(body, 'x', sizeof body);
    memcpy(body, "\n\ta\r\nb\xff", 7);
    body[sizeof body - 1] = '\0';
    struct outcome outcome = outcome_of(fixture, 500, NULL, body);
    assert_memory_equal(outcome.error, "HTTP 500: a  b\xef\xbf\xbdxxx", 20);
    assert_in_range(strlen(outcome.error), ERROR_EXCERPT_BYTES, ERROR_EXCERPT_BYTES + 16);
    drop(&outcome);
    outcome = outcome_of(fixture, 500, NULL, " \n");
    assert_string_equal(outcome.error, "HTTP 500");
    drop(&outcome);
}

static void test_the_form_request(void **state)
{
    static const struct http_field fields[] = {
        {{"Set-Cookie", 10}, {"a", 1}}, {{"X-A", 3}, {"\"", 1}}, {{"set-cookie", 10}, {"b", 1}}};
    struct fixture *fixture = *state;
    struct http_result result = {.head = {.status = 404, .fields = fields, .field_count = 3},
                                 .body_bytes = 2,
                                 .retry_after_ms = -1};
    fixture->target.form = FORM_REQUEST;
    reply_feed(&fixture->dispatch, slice_of_string("{}"));
    struct outcome outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.kind, OUTCOME_FAILED);
    assert_string_equal(outcome.result, "{\"status\":404,\"headers\":{\"Set-Cookie\":\"a, b\","
                                        "\"X-A\":\"\\\"\"},\"body\":\"{}\"}");
    drop(&outcome);
}

/* Its good answers are handed over (test_fetch.c), but a part of one is of no use. */
static void test_the_form_fetch(void **state)
{
    struct fixture *fixture = *state;
    struct http_result result = {.failure = HTTP_FAILURE_TOO_LARGE,
                                 .is_permanent = true,
                                 .message = "it is so",
                                 .head = {.status = 200},
                                 .body_bytes = 2000,
                                 .transfer_bytes = 1100,
                                 .wire_bytes = 1500,
                                 .retry_after_ms = -1};
    fixture->target.form = FORM_FETCH;
    struct outcome outcome = reply_outcome(&fixture->dispatch, &result);
    assert_int_equal(outcome.kind, OUTCOME_FAILED);
    assert_true(outcome.is_final);
    assert_string_equal(outcome.error_class, "status");
    assert_string_equal(outcome.error,
                        "HTTP 200: the reply is over max_reply_bytes of the kind, 1000");
    assert_int_equal(outcome.bytes, 1500);
    drop(&outcome);
    result.head.status = 503;
    outcome = reply_outcome(&fixture->dispatch, &result);
    assert_string_equal(outcome.error, "HTTP 503");
    assert_false(outcome.is_final);
    drop(&outcome);
    outcome = outcome_of(fixture, 400, NULL, "no");
    assert_true(outcome.is_final);
    assert_string_equal(outcome.error, "HTTP 400: no");
    drop(&outcome);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_statuses),
        TEST(test_results),
        TEST(test_json_that_the_database_would_not_take),
        TEST(test_what_is_cut_off),
        TEST(test_a_reply_that_is_too_large),
        TEST(test_retry_after),
        TEST(test_no_answer),
        TEST(test_secrets_are_masked),
        TEST(test_secrets_are_masked_in_other_dress),
        TEST(test_a_secret_that_is_cut_off_is_masked),
        TEST(test_an_error_is_short_and_one_line),
        TEST(test_the_form_request),
        TEST(test_the_form_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
