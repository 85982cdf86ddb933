#include "cli/progress_line.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct progress_sample sample_at(double seconds, int64_t completed, int64_t failed)
{
    return (struct progress_sample){.time_us = (int64_t)(seconds * 1e6),
                                    .total = 1000,
                                    .completed = completed,
                                    .failed = failed};
}

static void test_rate_is_the_last_five_seconds(void **state)
{
    struct progress_rate rate = {0};
    struct progress_sample sample = sample_at(10, 0, 0);
    progress_rate_add(&rate, &sample);
    assert_true(rate.per_second < 0);
    for (int i = 1; i <= 100; i++) { /* 20 s: 50 a second, then 10 a second */
        sample = sample_at(10 + i * 0.2, i <= 50 ? i * 10 : 500 + (i - 50) * 2, 0);
        progress_rate_add(&rate, &sample);
        assert_true(rate.count <= PROGRESS_RATE_SAMPLES);
        if (i == 50)
            assert_true(rate.per_second > 49.9 && rate.per_second < 50.1);
    }
    assert_true(rate.per_second > 9.9 && rate.per_second < 10.1);
}

static void test_rate_forgets_by_time(void **state)
{
    struct progress_rate rate = {0};
    for (int i = 0; i <= 16; i++) { /* one sample a second: 8 s at 100 a second, then nothing */
        struct progress_sample sample = sample_at(i, i < 8 ? i * 100 : 800, 0);
        progress_rate_add(&rate, &sample);
    }
    assert_true(rate.per_second == 0);
}

static void test_rate_is_never_negative(void **state)
{
    struct progress_rate rate = {0};
    struct progress_sample before = sample_at(1, 10, 0), soon = sample_at(1.01, 900, 0);
    struct progress_sample retried = sample_at(2, 5, 0);
    progress_rate_add(&rate, &before);
    progress_rate_add(&rate, &soon);
    assert_int_equal(rate.count, 1);
    progress_rate_add(&rate, &retried);
    assert_true(rate.per_second == 0);
}

static void expect_words(const struct progress_sample *sample, double per_second,
                         const char *expected)
{
    struct text line = {0};
    const struct progress_rate rate = {.per_second = per_second};
    progress_write_words(sample, &rate, &line);
    assert_string_equal(text_string(&line), expected);
    text_finish(&line);
}

static void test_words(void **state)
{
    struct progress_sample sample = sample_at(0, 448, 2), empty = {0},
                           nearly = sample_at(0, 999, 0);
    expect_words(&sample, 123, "450/1000 (45%), 2 failed, 123/s, 5 s left");
    expect_words(&sample, -1, "450/1000 (45%), 2 failed");
    expect_words(&sample, 0, "450/1000 (45%), 2 failed, 0.0/s");
    expect_words(&empty, 0, "0/0 (0%), 0.0/s");
    expect_words(&nearly, 1, "999/1000 (99%), 1.0/s, 1 s left");
    nearly.cancelled = 1;
    expect_words(&nearly, 1, "1000/1000 (100%), 1 cancelled, 1.0/s");
}

static void test_bar_fits(void **state)
{
    struct text line = {0};
    const struct progress_rate rate = {.per_second = 100};
    struct progress_sample sample = sample_at(0, 500, 0);
    progress_write_bar(&sample, &rate, 200, &line);
    assert_string_equal(text_string(&line),
                        "[############------------]  50%  500/1000  100/s  5 s left");
    text_clear(&line);
    progress_write_bar(&sample, &rate, 30, &line);
    assert_int_equal(line.length, 30);
    assert_int_equal(strlen(text_string(&line)), 30);
    text_finish(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_is_the_last_five_seconds),
        cmocka_unit_test(test_rate_forgets_by_time),
        cmocka_unit_test(test_rate_is_never_negative),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_bar_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
