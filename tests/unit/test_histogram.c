#include "cli/histogram.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* As pawl.measure_pages() has them, fewer. */
static void expect(int under_10, int under_1000, int under_2500, int over, bool has_blocks,
                   const char *expected)
{
    struct text text = {0};
    json_t *buckets = json_pack("[{s:i,s:i,s:i},{s:i,s:i,s:i},{s:i,s:i,s:i},{s:i,s:n,s:i}]",
                                "from_ms", 0, "to_ms", 10, "pages", under_10, "from_ms", 10,
                                "to_ms", 1000, "pages", under_1000, "from_ms", 1000, "to_ms", 2500,
                                "pages", under_2500, "from_ms", 2500, "to_ms", "pages", over);
    assert_non_null(buckets);
    histogram_append(&text, buckets, has_blocks);
    assert_string_equal(text_string(&text), expected);
    text_finish(&text);
    json_decref(buckets);
}

static void test_bars_are_as_long_as_their_share(void **state)
{
    expect(400, 1000, 1, 250, false,
           "  < 10 ms    400  ################\n"
           "    < 1 s  1,000  ########################################\n"
           "  < 2.5 s      1  #\n"
           " >= 2.5 s    250  ##########\n");
}

static void test_blocks_show_eighths_of_a_cell(void **state)
{
    expect(320, 1, 13, 100, true,
           "  < 10 ms  320  ████████████████████████████████████████\n"
           "    < 1 s    1  ▏\n"
           "  < 2.5 s   13  █▋\n"
           " >= 2.5 s  100  ████████████▌\n");
}

static void test_empty_ends_are_left_out(void **state)
{
    expect(0, 3, 0, 0, false, "    < 1 s  3  ########################################\n");
    expect(2, 0, 1, 0, false,
           "  < 10 ms  2  ########################################\n"
           "    < 1 s  0\n"
           "  < 2.5 s  1  ####################\n");
    expect(0, 0, 0, 0, true, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars_are_as_long_as_their_share),
        cmocka_unit_test(test_blocks_show_eighths_of_a_cell),
        cmocka_unit_test(test_empty_ends_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
