#include "cli/progress_line.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

static void expect_words(struct progress_sample sample, double per_second, double seconds_left,
                         const char *expected)
{
    struct text line = {0};
    sample.per_second = per_second;
    sample.seconds_left = seconds_left;
    progress_write_words(&sample, &line);
    assert_string_equal(text_string(&line), expected);
    text_finish(&line);
}

static void test_words(void **state)
{
    struct progress_sample sample = {.total = 1000, .completed = 448, .failed = 2}, empty = {0},
                           nearly = {.total = 1000, .completed = 999};
    expect_words(sample, 123, 4.2, "450/1000 (45%), 2 failed, 123/s, 5 s left");
    expect_words(sample, -1, -1, "450/1000 (45%), 2 failed");
    expect_words(sample, -1, 90, "450/1000 (45%), 2 failed, 1 min 30 s left");
    expect_words(sample, 0, -1, "450/1000 (45%), 2 failed, 0.0/s");
    expect_words(empty, 0, -1, "0/0 (0%), 0.0/s");
    expect_words(nearly, 1, 1, "999/1000 (99%), 1.0/s, 1 s left");
    nearly.cancelled = 1;
    expect_words(nearly, -1, -1, "1000/1000 (100%), 1 cancelled");
    snprintf(sample.report, sizeof sample.report, "task 7/12: 40%% resizing");
    expect_words(sample, 1, -1, "450/1000 (45%), 2 failed, 1.0/s, task 7/12: 40% resizing");
}

static void test_bar_fits(void **state)
{
    struct text line = {0};
    struct progress_sample sample = {
        .total = 1000, .completed = 500, .per_second = 100, .seconds_left = 5};
    progress_write_bar(&sample, 200, &line);
    assert_string_equal(text_string(&line),
                        "[############------------]  50%  500/1000  100/s  5 s left");
    text_clear(&line);
    progress_write_bar(&sample, 30, &line);
    assert_int_equal(line.length, 30);
    assert_int_equal(strlen(text_string(&line)), 30);
    text_clear(&line);
    snprintf(sample.report, sizeof sample.report, "\xC3\xA9\xC3\xA9\xC3\xA9");
    progress_write_bar(&sample, 200, &line);
    size_t whole = line.length;
    for (size_t width = whole - 2; width < whole; width++) {
        text_clear(&line);
        progress_write_bar(&sample, (int)width, &line);
        assert_int_equal(line.length, whole - 2); /* no half character */
    }
    text_finish(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_bar_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
