/* What is sent: the envelope and its header, and the payload as a request with all that it may not
 * say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PAWL_VERSION "1.2.3"
#include "executors/http/fetch_request.c"
#include "executors/http/header_lines.c"
#include "executors/http/payload_request.c"
#include "executors/http/request.c"
#include "executors/http/secrets.c"
#include "executors/http/signature.c"
#include "executors/http/target.c"

static struct installation installation = {.id = "0198aabb-ccdd-7eee-8fff-000102030405"};

struct fixture {
    struct job_facts job;
    struct task *task;
    struct targets targets;
    struct target *target;
    struct request request;
    struct secrets *secrets;
    char kind[8], url[32], params[16], options[1000];
};

static void set_payload(struct fixture *fixture, const char *payload)
{
    size_t bytes = strlen(payload);
    free(fixture->task);
    fixture->task = memory_zeroed(1, sizeof *fixture->task + bytes + 1);
    *fixture->task = (struct task){
        .job = &fixture->job, .job_id = 12, .id = 345, .attempt = 2, .payload_bytes = bytes};
    memcpy(fixture->task->payload, payload, bytes + 1);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_zeroed(1, sizeof *fixture);
    strcpy(fixture->kind, "ful\"fil");
    strcpy(fixture->url, "https://a.example/f");
    strcpy(fixture->params, "{\"p\": 1}");
    fixture->job = (struct job_facts){.kind = fixture->kind,
                                      .target = fixture->url,
                                      .params = fixture->params,
                                      .options = fixture->options,
                                      .timeout_ms = 5000};
    set_payload(fixture, "{\"n\": 1}");
    fixture->secrets = secrets_create(NULL);
    setenv("SHOP_KEY", "k-123456", 1);
    setenv("SHOP_BASIC", "Basic dXNlcg==", 1);
    setenv("SHOP_SIGN", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
    setenv("SHOP_BAD", "whsec_!", 1);
    setenv("SHOP_LINES", "one\ntwo", 1);
    *state = fixture;
    return 0;
}

static void forget_target(struct fixture *fixture)
{
    if (fixture->target)
        target_release(fixture->target);
    fixture->target = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    forget_target(fixture);
    targets_finish(&fixture->targets);
    request_finish(&fixture->request);
    secrets_destroy(fixture->secrets);
    free(fixture->task);
    free(fixture);
    return 0;
}

static enum request_step build(struct fixture *fixture, const char *options)
{
    snprintf(fixture->options, sizeof fixture->options, "%s", options);
    forget_target(fixture);
    fixture->target = targets_take(&fixture->targets, &fixture->job);
    assert_null(fixture->target->fault);
    return request_build(&fixture->request, fixture->target, fixture->task, &installation,
                         fixture->secrets, 1000);
}

/* The value of a header line; NULL: there is none. */
static const char *line_of(const struct http_request *view, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; view->headers[i]; i++) {
        if (strncmp(view->headers[i], name, strlen(name)) != 0)
            continue;
        assert_null(found); /* once */
        found = view->headers[i] + strlen(name);
    }
    return found;
}

static void test_the_envelope(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(build(fixture, "{}"), REQUEST_IS_READY);
    struct http_request view = request_view(&fixture->request, fixture->target);
    assert_string_equal(view.url, "https://a.example/f");
    assert_string_equal(view.method, "POST");
    assert_string_equal(view.user_agent, "pawl/1.2.3");
    assert_string_equal(view.body.start, "{\"job\":\"12\",\"task\":\"345\",\"attempt\":2,"
                                         "\"kind\":\"ful\\\"fil\",\"payload\":{\"n\": 1},"
                                         "\"params\":{\"p\": 1}}");
    assert_int_equal(view.body.length, strlen(view.body.start));
    assert_string_equal(line_of(&view, "Content-Type: "), "application/json");
    assert_string_equal(line_of(&view, "Idempotency-Key: "), "pawl_0198aabbccdd_12_345");
    assert_string_equal(line_of(&view, "Webhook-Id: "), "pawl_0198aabbccdd_12_345");
    assert_non_null(line_of(&view, "Webhook-Timestamp: "));
    assert_non_null(line_of(&view, "Traceparent: 00-"));
    assert_null(line_of(&view, "Webhook-Signature"));
    assert_null(line_of(&view, "Authorization"));
    assert_false(view.allow_private);
    assert_int_equal(view.timeout_ms, 5000);
    assert_int_equal(view.connect_timeout_ms, 5000); /* the default is longer than all of it */
    assert_int_equal(view.max_body_bytes, 1048576);
}

/* The token is what OpenSSL's command makes of the same key and text. */
static void test_where_to_call_back(void **state)
{
    struct fixture *fixture = *state;
    installation.callback_url = "https://pawl.example.com/p";
    assert_int_equal(build(fixture, "{}"), REQUEST_IS_READY);
    const char *body = text_string(&fixture->request.body);
    assert_non_null(strstr(body,
                           "\"params\":{\"p\": 1},\"callback\":{\"url\":"
                           "\"https://pawl.example.com/p/v1/callbacks/12/345/2\",\"token\":"
                           "\"8aeb2803949bdb7974588d51c5676b97ae7593545adc7314fd4c5d4d7942432d\","
                           "\"deadline\":\"20"));
    assert_string_equal(body + strlen(body) - 4, "Z\"}}");
    build(fixture, "{\"form\": \"request\"}"); /* nothing of ours in it */
    assert_null(strstr(text_string(&fixture->request.body), "callback"));
    installation.callback_url = NULL;
}

static void test_options(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        build(fixture,
              "{\"method\": \"PUT\", \"allow_private\": true, \"max_reply_bytes\": 7.0, "
              "\"connect_timeout_ms\": 300, \"authorization\": \"env:SHOP_KEY\", "
              "\"headers\": {\"X-A\": \"b\", \"X-Empty\": \"\", \"content-type\": \"text/x\", "
              "\"User-Agent\": \"us\", \"X-Key\": {\"secret\": \"env:SHOP_BASIC\"}}}"),
        REQUEST_IS_READY);
    struct http_request view = request_view(&fixture->request, fixture->target);
    assert_string_equal(view.method, "PUT");
    assert_null(view.user_agent);
    assert_string_equal(line_of(&view, "User-Agent: "), "us");
    assert_string_equal(line_of(&view, "content-type: "), "text/x");
    assert_null(line_of(&view, "Content-Type"));
    assert_string_equal(line_of(&view, "X-A: "), "b");
    assert_string_equal(line_of(&view, "X-Empty;"), ""); /* how libcurl is told of an empty one */
    assert_string_equal(line_of(&view, "X-Key: "), "Basic dXNlcg==");
    assert_string_equal(line_of(&view, "Authorization: "), "Bearer k-123456");
    assert_true(view.allow_private);
    assert_int_equal(view.connect_timeout_ms, 300);
    assert_int_equal(view.max_body_bytes, 7);
    assert_int_equal(fixture->request.sent_secrets.length, 15 + 9);
    build(fixture, "{\"authorization\": \"env:SHOP_BASIC\"}");
    view = request_view(&fixture->request, fixture->target);
    assert_string_equal(line_of(&view, "Authorization: "), "Basic dXNlcg==");
    assert_string_equal(view.method, "POST"); /* nothing is left of the request before */
    assert_null(line_of(&view, "X-A"));
}

static void test_signatures(void **state)
{
    struct fixture *fixture = *state;
    struct text wanted = {0};
    assert_int_equal(build(fixture, "{\"signing_secret\": \"env:SHOP_SIGN\", "
                                    "\"previous_signing_secret\": \"env:SHOP_KEY\"}"),
                     REQUEST_IS_READY);
    struct http_request view = request_view(&fixture->request, fixture->target);
    int64_t timestamp = strtoll(line_of(&view, "Webhook-Timestamp: "), NULL, 10);
    assert_in_range(timestamp, time(NULL) - 5, time(NULL));
    const char *id = line_of(&view, "Webhook-Id: ");
    signature_append(&wanted, slice_of_string(getenv("SHOP_SIGN")), id, timestamp, view.body);
    signature_append(&wanted, slice_of_string(getenv("SHOP_KEY")), id, timestamp, view.body);
    assert_string_equal(line_of(&view, "Webhook-Signature: "), text_string(&wanted));
    assert_int_equal(fixture->request.sent_secrets.length, 0); /* they are not in the header */
    text_finish(&wanted);
}

static void test_secrets_that_are_waited_for(void **state)
{
    static const struct {
        const char *options, *reason;
    } rows[] = {
        {"{\"authorization\": \"env:SHOP_NONE\"}", "secret env:SHOP_NONE: there is no variable"},
        {"{\"signing_secret\": \"env:SHOP_NONE\"}", "secret env:SHOP_NONE: there is no variable"},
        {"{\"signing_secret\": \"env:SHOP_SIGN\", \"previous_signing_secret\": \"env:SHOP_NONE\"}",
         "secret env:SHOP_NONE: there is no variable"},
        {"{\"signing_secret\": \"env:SHOP_BAD\"}",
         "secret env:SHOP_BAD: behind whsec_ stands no base64"},
        {"{\"headers\": {\"X\": {\"secret\": \"env:SHOP_NONE\"}}}", "secret env:SHOP_NONE: "},
        {"{\"authorization\": \"env:SHOP_LINES\"}", "secret env:SHOP_LINES: it has a line break"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture *fixture = *state;
        assert_int_equal(build(fixture, rows[i].options), REQUEST_WAITS);
        assert_memory_equal(text_string(&fixture->request.reason), rows[i].reason,
                            strlen(rows[i].reason));
    }
}

/* ---- the payload as a request ---- */

static void test_the_payload_is_the_request(void **state)
{
    struct fixture *fixture = *state;
    set_payload(
        fixture,
        "{\"method\": \"DELETE\", \"url\": \"HTTP://b.example/x?y\", \"body\": \"a\xc3\xa4\", "
        "\"headers\": {\"X-A\": \"b\", \"x-team\": \"theirs\"}, \"timeout_ms\": 70}");
    assert_int_equal(
        build(fixture,
              "{\"form\": \"request\", \"headers\": {\"X-Team\": \"ours\", \"X-B\": \"c\"}}"),
        REQUEST_IS_READY);
    struct http_request view = request_view(&fixture->request, fixture->target);
    assert_string_equal(view.url, "HTTP://b.example/x?y");
    assert_string_equal(view.method, "DELETE");
    assert_string_equal(view.body.start, "a\xc3\xa4");
    assert_int_equal(view.timeout_ms, 70);
    assert_string_equal(line_of(&view, "X-A: "), "b");
    assert_string_equal(line_of(&view, "x-team: "), "theirs");
    assert_null(line_of(&view, "X-Team"));
    assert_string_equal(line_of(&view, "X-B: "), "c");
    assert_string_equal(line_of(&view, "Content-Type:"), ""); /* libcurl must not call it a form */
    assert_null(line_of(&view, "Webhook-Id"));
    assert_null(line_of(&view, "Idempotency-Key"));

    set_payload(fixture, "{\"url\": \"http://b.example/\", \"method\": \"POST\"}");
    assert_int_equal(build(fixture, "{\"form\": \"request\"}"), REQUEST_IS_READY);
    view = request_view(&fixture->request, fixture->target);
    assert_string_equal(line_of(&view, "Content-Type:"), ""); /* without a body, too */
    set_payload(fixture, "{\"url\": \"http://b.example/\"}");
    assert_int_equal(build(fixture, "{\"form\": \"request\"}"), REQUEST_IS_READY);
    view = request_view(&fixture->request, fixture->target);
    assert_null(line_of(&view, "Content-Type:"));
}

static void test_a_url_alone(void **state)
{
    struct fixture *fixture = *state;
    set_payload(fixture,
                "{\"url\": \"https://b.example\", \"body\": null, \"timeout_ms\": 9000000000}");
    assert_int_equal(build(fixture, "{\"form\": \"request\"}"), REQUEST_IS_READY);
    struct http_request view = request_view(&fixture->request, fixture->target);
    assert_string_equal(view.method, "GET");
    assert_null(view.body.start);
    assert_int_equal(view.timeout_ms, 5000); /* the kind's is the longest */
}

static void test_payloads_that_are_none(void **state)
{
    static const char *const payloads[] = {
        "{}",
        "[]",
        "1",
        "{\"url\": 1}",
        "{\"url\": \"\"}",
        "{\"url\": \"ftp://b.example\"}",
        "{\"url\": \"b.example\"}",
        "{\"url\": \"file:///etc/passwd\"}",
        "{\"url\": \"https://b.example\", \"method\": \"A B\"}",
        "{\"url\": \"https://b.example\", \"method\": \"\"}",
        "{\"url\": \"https://b.example\", \"method\": \"GET /x HTTP/1.1\\r\\nX: y\"}",
        "{\"url\": \"https://b.example\", \"method\": null}",
        "{\"url\": \"https://b.example\", \"body\": {}}",
        "{\"url\": \"https://b.example\", \"timeout_ms\": 0}",
        "{\"url\": \"https://b.example\", \"timeout_ms\": \"1\"}",
        "{\"url\": \"https://b.example\", \"timeout_ms\": 1.5}",
        "{\"url\": \"https://b.example\", \"headers\": []}",
        "{\"url\": \"https://b.example\", \"headers\": {\"X\": 1}}",
        "{\"url\": \"https://b.example\", \"headers\": {\"X: y\\r\\nZ\": \"a\"}}",
        "{\"url\": \"https://b.example\", \"headers\": {\"Content-Length\": \"1\"}}",
        "{\"url\": \"https://b.example\", \"headers\": {\"transfer-encoding\": \"chunked\"}}",
        "{\"url\": \"https://b.example\", \"headers\": {\"Host\": \"c.example\"}}",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        set_payload(fixture, payloads[i]);
        if (build(fixture, "{\"form\": \"request\"}") != REQUEST_IS_REFUSED)
            fail_msg("taken: %s", payloads[i]);
        assert_true(fixture->request.reason.length > 0);
    }
}

/* ---- what is fetched ---- */

static const char *fetch_url(struct fixture *fixture, const char *target, const char *path)
{
    struct text payload = {0};
    text_append_format(&payload, "{\"type\": \"price\", \"key\": \"K\", \"path\": %s}", path);
    snprintf(fixture->url, sizeof fixture->url, "%s", target);
    set_payload(fixture, text_string(&payload));
    text_finish(&payload);
    if (build(fixture, "{\"form\": \"fetch\"}") != REQUEST_IS_READY)
        fail_msg("refused: %s: %s", path, text_string(&fixture->request.reason));
    return text_string(&fixture->request.url);
}

static void test_what_is_fetched(void **state)
{
    struct fixture *fixture = *state;
    const char *const fetched = "https://a.example/v1/price/AAPL?x=%20&y=/../";
    assert_string_equal(fetch_url(fixture, "https://a.example/v1/", "\"/price/AAPL?x=%20&y=/../\""),
                        fetched);
    assert_string_equal(fetch_url(fixture, "https://a.example/v1", "\"/price/AAPL?x=%20&y=/../\""),
                        fetched);
    assert_string_equal(fetch_url(fixture, "https://a.example", "\"?k=BRK%2FB\""),
                        "https://a.example?k=BRK%2FB");
    assert_string_equal(fetch_url(fixture, "https://a.example/find/", "\"?k=A\""),
                        "https://a.example/find/?k=A"); /* another resource than /find */
    assert_string_equal(fetch_url(fixture, "https://a.example/", "\"/.well-known/a..b/...\""),
                        "https://a.example/.well-known/a..b/...");
    assert_string_equal(fetch_url(fixture, "https://a.example/v1/", "null"),
                        "https://a.example/v1/");
    struct http_request view = request_view(&fixture->request, fixture->target);
    assert_string_equal(view.method, "GET");
    assert_null(view.body.start);
    assert_int_equal(view.timeout_ms, 4000); /* the rest is for saving */
    assert_null(view.headers[0]);            /* nothing of ours is for somebody else's API */
    set_payload(fixture, "{\"type\": \"all\"}");
    fixture->job.timeout_ms = 60000;
    assert_int_equal(build(fixture, "{\"form\": \"fetch\", \"authorization\": \"env:SHOP_KEY\", "
                                    "\"headers\": {\"Accept\": \"text/csv\"}}"),
                     REQUEST_IS_READY);
    view = request_view(&fixture->request, fixture->target);
    assert_int_equal(view.timeout_ms, 55000);
    assert_string_equal(line_of(&view, "Authorization: "), "Bearer k-123456");
    assert_string_equal(line_of(&view, "Accept: "), "text/csv");
    assert_int_equal(build(fixture, "{\"form\": \"fetch\", \"authorization\": \"env:SHOP_NONE\"}"),
                     REQUEST_WAITS);
}

static void expect_fetch_refused(struct fixture *fixture, const char *payload, const char *reason)
{
    set_payload(fixture, payload);
    if (build(fixture, "{\"form\": \"fetch\"}") != REQUEST_IS_REFUSED)
        fail_msg("taken: %s", payload);
    assert_non_null(strstr(text_string(&fixture->request.reason), reason));
}

/* The request has the kind's secrets in it: a key must not choose where they go. */
static void test_paths_that_lead_elsewhere(void **state)
{
    static const struct {
        const char *path, *reason;
    } rows[] = {
        {"", "does not begin with / or ?"},
        {"price", "does not begin with / or ?"},
        {"@evil.example/", "does not begin with / or ?"},
        {".evil.example/", "does not begin with / or ?"},
        {":443/", "does not begin with / or ?"},
        {"http://evil.example/", "does not begin with / or ?"},
        {"#", "does not begin with / or ?"},
        {"/a b", "must be percent-encoded"},
        {"/a\\b", "must be percent-encoded"},
        {"/a\\r\\nX: y", "must be percent-encoded"},
        {"/a#b", "must be percent-encoded"},
        {"/{key}", "must be percent-encoded"},
        {"/\xc3\xa4", "must be percent-encoded"},
        {"/\x7f", "must be percent-encoded"},
        {"/price/..", "lead elsewhere"},
        {"/price/../admin", "lead elsewhere"},
        {"/price/./x", "lead elsewhere"},
        {"/price/.?x", "lead elsewhere"},
        {"/price/%2e%2E/admin", "lead elsewhere"},
        {"/price/.%2e", "lead elsewhere"},
        {"/price/..%2fadmin", "lead elsewhere"},
        {"/price/a%2f..%5Cadmin", "lead elsewhere"},
    };
    struct fixture *fixture = *state;
    char payload[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(payload, sizeof payload, "{\"type\": \"price\", \"path\": \"%s\"}", rows[i].path);
        expect_fetch_refused(fixture, payload, rows[i].reason);
    }
    struct text long_path = {0};
    text_append_string(&long_path, "{\"type\": \"price\", \"path\": \"/");
    for (int i = 0; i < PATH_BYTES_MAX; i++)
        text_append_char(&long_path, 'x');
    text_append_string(&long_path, "\"}");
    expect_fetch_refused(fixture, text_string(&long_path), "is too long");
    text_finish(&long_path);
    expect_fetch_refused(fixture, "{\"type\": \"price\", \"path\": 1}", "is no text");
}

static void test_what_is_no_refresh_is_not_fetched(void **state)
{
    static const char *const payloads[] = {"{}", "1", "{\"path\": \"/a\"}", "{\"type\": 1}"};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        expect_fetch_refused(*state, payloads[i],
                             "kind \"ful\"fil\" has the form \"fetch\", and its tasks are "
                             "refreshes of a data type (pawl.define_data_type)");
}

/* ---- targets ---- */

static void test_a_target_is_kept_while_it_is_what_it_was(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, "{\"method\": \"PUT\"}");
    struct target *first = fixture->target;
    struct target *same = targets_take(&fixture->targets, &fixture->job);
    assert_ptr_equal(first, same);
    strcpy(fixture->options, "{}");
    struct target *changed = targets_take(&fixture->targets, &fixture->job);
    assert_ptr_not_equal(first, changed);
    assert_string_equal(first->method, "PUT"); /* who holds it goes on with it */
    assert_null(changed->method);
    strcpy(fixture->url, "https://c.example");
    struct target *moved = targets_take(&fixture->targets, &fixture->job);
    assert_string_equal(moved->url, "https://c.example");
    target_release(same);
    target_release(changed);
    target_release(moved);
}

static void test_targets_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "{}");
    for (int i = 0; i < 2 * KINDS_MAX + 10; i++) {
        snprintf(fixture->kind, sizeof fixture->kind, "k%d", i);
        target_release(targets_take(&fixture->targets, &fixture->job));
    }
    assert_in_range(fixture->targets.by_kind.count, 1, KINDS_MAX);
}

static void test_targets_with_a_fault(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->options, "[1]");
    struct target *target = targets_take(&fixture->targets, &fixture->job);
    assert_string_equal(target->fault, "the options of the kind are no JSON object");
    target_release(target);
    strcpy(fixture->options, "{}");
    fixture->url[0] = '\0';
    target = targets_take(&fixture->targets, &fixture->job);
    assert_string_equal(target->fault, "the kind has no target");
    target_release(target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_envelope),
        TEST(test_where_to_call_back),
        TEST(test_options),
        TEST(test_signatures),
        TEST(test_secrets_that_are_waited_for),
        TEST(test_the_payload_is_the_request),
        TEST(test_a_url_alone),
        TEST(test_payloads_that_are_none),
        TEST(test_what_is_fetched),
        TEST(test_paths_that_lead_elsewhere),
        TEST(test_what_is_no_refresh_is_not_fetched),
        TEST(test_a_target_is_kept_while_it_is_what_it_was),
        TEST(test_targets_are_bounded),
        TEST(test_targets_with_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
