#include "cli/humanize.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_duration(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {
        {-1, "0 ms"},         {0, "0 ms"},     {0.0123, "12 ms"},   {0.9994, "999 ms"},
        {0.9996, "1 s"},      {1.54, "1.5 s"}, {9.94, "9.9 s"},     {9.96, "10 s"},
        {59.4, "59 s"},       {59.6, "1 min"}, {60, "1 min"},       {185, "3 min 5 s"},
        {7800, "2 h 10 min"}, {3600, "1 h"},   {273600, "3 d 4 h"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_duration(rows[i].seconds, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_ago(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {
        {0.5, "now"},      {-0.5, "now"},     {1, "1 s ago"},     {59.9, "59 s ago"},
        {60, "1 min ago"}, {7199, "1 h ago"}, {90000, "1 d ago"}, {-61, "in 1 min"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_ago(rows[i].seconds, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_bytes(void **state)
{
    static const struct {
        double bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},        {1023, "1023 B"},   {1024, "1 KiB"},    {1536, "1.5 KiB"},
        {20480, "20 KiB"}, {1048576, "1 MiB"}, {1048575, "1 MiB"}, {1e18, "888 PiB"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_bytes(rows[i].bytes, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_count(void **state)
{
    static const struct {
        double count;
        const char *text;
    } rows[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {123456, "123,456"},
        {1234567, "1,234,567"},
        {1e300, "1,000,000,000,000,000,000"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_count(rows[i].count, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_pace(void **state)
{
    static const struct {
        double per_second;
        const char *text;
    } rows[] = {
        {12345.6, "12346/s"},
        {10, "10/s"},
        {9.94, "9.9/s"},
        {9.96, "10/s"},
        {1, "1.0/s"},
        {0.5, "30/min"},
        {0.02, "1.2/min"},
        {0.01, "36/h"},
        {0.001, "3.6/h"},
        {0, "0.0/h"},
        {1e300, "1000000000000000000/s"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_pace(rows[i].per_second, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_share(void **state)
{
    static const struct {
        double part, whole;
        const char *text;
    } rows[] = {
        {0, 0, "-"},        {0, 7, "0%"},         {7, 7, "100%"},
        {1, 3, "33%"},      {9, 10, "90%"},       {1, 30, "3.3%"},
        {95, 100, "95.0%"}, {1, 1000000, "0.1%"}, {999999, 1000000, "99.9%"},
    };
    char text[HUMAN_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        human_write_share(rows[i].part, rows[i].whole, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_time(void **state)
{
    double seconds = 0;
    assert_true(human_parse_time("1970-01-01T00:00:00Z", &seconds));
    assert_true(seconds == 0);
    assert_true(human_parse_time("2026-11-22T22:44:37.5+00:00", &seconds));
    assert_true(seconds == 1795387477.5);
    assert_true(human_parse_time("2026-11-23T00:44:37.5+02:00", &seconds));
    assert_true(seconds == 1795387477.5);
    assert_true(human_parse_time("2026-11-22T19:14:37.5-03:30", &seconds));
    assert_true(seconds == 1795387477.5);
    assert_true(human_parse_time("2026-11-23T00:44:37.5+02", &seconds));
    assert_false(human_parse_time("2026-11-22", &seconds));
    assert_false(human_parse_time("2026-11-22T22:44:37", &seconds));
    assert_false(human_parse_time("2026-11-22T22:44:37 Z", &seconds));
    assert_false(human_parse_time("infinity", &seconds));
    assert_false(human_parse_time("", &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration), cmocka_unit_test(test_ago),   cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_count),    cmocka_unit_test(test_share), cmocka_unit_test(test_pace),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
