/* What people read at the end of a crawl: a report as pawl.crawl_report() writes it, and its text.
 */
#include "cli/crawl_report.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *parse(const char *words)
{
    json_error_t error;
    json_t *report = json_loads(words, 0, &error);
    if (!report)
        fail_msg("%s at %d", error.text, error.position);
    return report;
}

static void expect(const char *words, const char *expected)
{
    struct text text = {0};
    json_t *report = parse(words);
    crawl_report_append(&text, report, false);
    assert_string_equal(text_string(&text), expected);
    text_finish(&text);
    json_decref(report);
}

static const char whole_report[] =
    "{\"job\": \"7\", \"url\": \"https://e.com/\", \"status\": \"completed\", \"error\": null,"
    " \"start_error\": null, \"seconds\": 90, \"pages\": 1200, \"pages_per_second\": 13.3,"
    " \"transfer_bytes\": 1048576, \"body_bytes\": 20971520, \"skipped_links\": 33,"
    " \"by_status\": [{\"status\": 200, \"error_class\": null, \"pages\": 1188, \"mean_ms\": 14},"
    "   {\"status\": 404, \"error_class\": null, \"pages\": 12, \"mean_ms\": 4}],"
    " \"blocks\": [{\"block\": \"rate_limit\", \"pages\": 3}, {\"block\": \"challenge\", "
    "\"pages\": "
    "1}],"
    " \"times\": {"
    "   \"total_ms\": {\"p50\": 12, \"p75\": 20.4, \"p90\": 41, \"p95\": 380, \"p99\": 1200},"
    "   \"first_byte_ms\": {\"p50\": 9, \"p75\": 18, \"p90\": 40, \"p95\": 300, \"p99\": 1100},"
    "   \"histogram\": [{\"from_ms\": 0, \"to_ms\": 10, \"pages\": 300},"
    "     {\"from_ms\": 10, \"to_ms\": 25, \"pages\": 600}, {\"from_ms\": 25, \"to_ms\": null, "
    "\"pages\": 300}]},"
    " \"slowest\": [{\"url\": \"https://e.com/slow\", \"status\": 200, \"first_byte_ms\": 1100,"
    "   \"total_ms\": 1200, \"body_bytes\": 2048}],"
    " \"cache\": {\"pages\": 1188, \"cacheable\": 1100, \"held_before\": 132, \"held_after\": 1099,"
    "   \"uncacheable\": 88, \"asked_again\": 968, \"requests\": 1002, \"became_held\": 967,"
    "   \"saved_ms\": {\"median\": 41, \"p95\": 380}, \"not_held\": 89,"
    "   \"reasons\": [{\"reason\": \"Cache-Control: private\", \"pages\": 88},"
    "     {\"reason\": \"not\\u001b held\", \"pages\": 1}]},"
    " \"redirects\": {\"chains\": 5, \"longest\": 3, \"circles\": 1},"
    " \"sitemaps\": {\"read\": 2, \"broken\": 1, \"pages\": {\"in_both\": 1000, "
    "\"only_in_sitemap\": 40,"
    "   \"only_linked\": 159, \"in_neither\": 1}},"
    " \"external\": {\"checked\": 210, \"refused\": 12, \"broken\": 4},"
    " \"raised\": {\"high\": 10, \"medium\": 22, \"low\": 31, \"avoided\": 40112},"
    " \"weights\": {\"given\": 1200, \"matched\": 7},"
    " \"broken_count\": 12, \"broken\": ["
    "   {\"url\": \"https://e.com/a\", \"role\": \"page\", \"status\": 404, \"error_class\": "
    "\"status\","
    "    \"error\": \"404 Not Found\", \"referrer_count\": 1200,"
    "    \"referrers\": [\"https://e.com/\", \"https://e.com/1\", \"https://e.com/2\", "
    "\"https://e.com/3\"]},"
    "   {\"url\": \"https://e.com/b\", \"role\": \"page\", \"status\": null, \"error_class\": "
    "\"timeout\","
    "    \"error\": \"no answer\\nin time\", \"referrer_count\": 0, \"referrers\": []}]}";

static void test_a_whole_report(void **state)
{
    expect(
        whole_report,
        "pages      1,200 in 1 min 30 s, 13/s, 1 MiB received, 20 MiB unpacked\n"
        "cache      hit ratio 12% before, 99.9% after, of 1,100 cacheable pages\n"
        "warmed     967 of 968 pages asked again with 1,002 requests; saved 41 ms (median), 380 "
        "ms (p95)\n"
        "uncached   89: 88 Cache-Control: private, 1 not  held\n"
        "redirects  5, 3 in a row at most, 1 in a circle\n"
        "sitemaps   2 read, 1 broken; pages: 1,000 in them and linked, 40 only in them, 159 only "
        "linked, 1 neither\n"
        "external   210 links checked, 4 broken, 12 refuse crawlers\n"
        "blocked    3 rate_limit, 1 challenge\n"
        "skipped    33 links: robots.txt, nofollow, or left out on request\n"
        "raised     10 priorities at once, 22 within 10 s, 31 within 60 s; 40,112 would have "
        "changed nothing\n"
        "weights    7 of 1,200 are of pages that were visited\n"
        "\n"
        "pages by status\n"
        "STATUS  ERROR  PAGES   MEAN\n"
        "200     -       1188  14 ms\n"
        "404     -         12   4 ms\n"
        "\n"
        "TIME          P50    P75    P90     P95    P99\n"
        "total       12 ms  20 ms  41 ms  380 ms  1.2 s\n"
        "first byte   9 ms  18 ms  40 ms  300 ms  1.1 s\n"
        "\n"
        "  < 10 ms  300  ####################\n"
        "  < 25 ms  600  ########################################\n"
        " >= 25 ms  300  ####################\n"
        "\n"
        "slowest pages\n"
        "TOTAL  FIRST BYTE   SIZE  URL\n"
        "1.2 s       1.1 s  2 KiB  https://e.com/slow\n"
        "\n"
        "broken pages: 12\n"
        "  404  https://e.com/a\n"
        "       linked from https://e.com/\n"
        "       linked from https://e.com/1\n"
        "       linked from https://e.com/2\n"
        "       and from 1,197 more\n"
        "  timeout: no answer in time  https://e.com/b\n"
        "  and 2 more: pawl report 7 --kind broken\n"
        "\n"
        "all of them: pawl report 7 --kind broken, slow, redirects, uncached, orphans, unlisted "
        "or all\n");
}

/* Nothing was visited: why is all there is to say. */
static void test_a_start_that_failed(void **state)
{
    expect(
        "{\"job\": \"7\", \"error\": null, \"seconds\": 1.5, \"pages\": 0, \"pages_per_second\": 0,"
        " \"start_error\": \"robots.txt forbids it: /\\r\\nshop\", \"transfer_bytes\": 0,"
        " \"body_bytes\": 0, \"cache\": {\"pages\": 0, \"not_held\": 0}, \"broken_count\": 0}",
        "pages      0 in 1.5 s, 0.0/s, 0 B received, 0 B unpacked\n"
        "start      robots.txt forbids it: /  shop\n");
}

static void test_a_crawl_that_was_ended(void **state)
{
    expect("{\"job\": \"7\", \"error\": \"the first 20 pages all failed: 20 with 403 Forbidden\","
           " \"start_error\": \"403 Forbidden\", \"pages\": 0, \"seconds\": 0}",
           "pages      0 in 0 ms, 0.0/s, 0 B received, 0 B unpacked\n"
           "start      403 Forbidden\n"
           "error      the first 20 pages all failed: 20 with 403 Forbidden\n");
}

static void expect_cache(const char *cache, const char *expected)
{
    struct text words = {0}, text = {0};
    text_append_format(&words, "{\"cache\": %s}", cache);
    json_t *report = parse(text_string(&words));
    crawl_summary_append(&text, report);
    assert_string_equal(strchr(text_string(&text), '\n') + 1, expected);
    json_decref(report);
    text_finish(&words);
    text_finish(&text);
}

static void test_caches(void **state)
{
    expect_cache(
        "{\"pages\": 9, \"cacheable\": 0, \"asked_again\": 0, \"not_held\": 9, \"reasons\": "
        "[{\"reason\": \"no cache answered\", \"pages\": 9}]}",
        "cache      holds none of the pages\n"
        "uncached   9: 9 no cache answered\n");
    expect_cache("{\"pages\": 9, \"cacheable\": 9, \"held_before\": 9, \"held_after\": 9, "
                 "\"asked_again\": 0, \"not_held\": 0}",
                 "cache      hit ratio 100%, of 9 cacheable pages\n");
    expect_cache("{\"pages\": 9, \"cacheable\": 9, \"held_before\": 0, \"held_after\": 0, "
                 "\"asked_again\": 9, \"requests\": 27, \"became_held\": 0, \"not_held\": 0, "
                 "\"saved_ms\": {\"median\": null, \"p95\": null}}",
                 "cache      hit ratio 0% before, 0% after, of 9 cacheable pages\n"
                 "warmed     0 of 9 pages asked again with 27 requests\n");
}

static void test_unreachable(void **state)
{
    struct failure failure = {0};
    json_t *report = parse(
        "{\"pages\": 1, \"broken\": [{\"role\": \"sitemap\", \"error_class\": \"dns\", \"url\": "
        "\"x\"},"
        " {\"role\": \"page\", \"status\": null, \"error_class\": \"connect\","
        " \"error\": \"refused\", \"url\": \"https://e.com/\"}]}");
    assert_true(crawl_report_is_unreachable(report, &failure));
    assert_int_equal(failure.class, FAILURE_NETWORK);
    assert_string_equal(failure.message, "could not reach https://e.com/: refused");
    json_object_set_new(report, "pages", json_integer(2));
    assert_false(crawl_report_is_unreachable(report, &failure));
    json_decref(report);

    report = parse("{\"pages\": 1, \"broken\": [{\"role\": \"page\", \"status\": 404, "
                   "\"error_class\": \"status\"}]}");
    assert_false(crawl_report_is_unreachable(report, &failure));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_report),
        cmocka_unit_test(test_a_start_that_failed),
        cmocka_unit_test(test_a_crawl_that_was_ended),
        cmocka_unit_test(test_caches),
        cmocka_unit_test(test_unreachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
