#include "base/text.c"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_slices(void **state)
{
    assert_true(slice_equals(slice_of_string("a"), slice_of_string("a")));
    assert_false(slice_equals(slice_of_string("a"), slice_of_string("b")));
    assert_false(slice_equals(slice_of_string("a"), slice_of_string("ab")));
    assert_true(slice_equals((struct slice){0}, slice_of_string("")));
    assert_true(slice_equals_nocase(slice_of_string("aZ["), slice_of_string("Az[")));
    assert_false(slice_equals_nocase(slice_of_string("["), slice_of_string("{")));
    assert_false(slice_equals_nocase(slice_of_string("a"), slice_of_string("ab")));
    assert_true(slice_starts_with(slice_of_string("abc"), "ab"));
    assert_true(slice_starts_with(slice_of_string("abc"), ""));
    assert_false(slice_starts_with(slice_of_string("ab"), "abc"));
}

static void test_trimmed(void **state)
{
    struct slice trimmed = slice_trimmed(slice_of_string(" \t\n\f\ra b\v "));
    assert_true(slice_equals(trimmed, slice_of_string("a b\v")));
    assert_int_equal(slice_trimmed(slice_of_string(" \n ")).length, 0);
    assert_int_equal(slice_trimmed((struct slice){0}).length, 0);
}

static void test_growth(void **state)
{
    struct text text = {0};
    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 10000; i++)
        text_append_char(&text, (char)('a' + i % 26));
    assert_int_equal(text.length, 10000);
    assert_true(text.capacity > text.length);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(text.start[i], 'a' + i % 26);
    assert_int_equal(text.start[10000], '\0');
    size_t capacity = text.capacity;
    text_clear(&text);
    assert_string_equal(text_string(&text), "");
    assert_int_equal(text.capacity, capacity);
    text_append(&text, "x\0y", 3);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.start, "x\0y", 4);
    text_finish(&text);
    assert_null(text.start);
    text_finish(&text);
}

static void test_format(void **state)
{
    struct text text = {0};
    text_append_string(&text, "a");
    text_append_format(&text, "%s-%d", "bc", 7);
    text_append_slice(&text, slice_of("def", 2));
    assert_string_equal(text_string(&text), "abc-7de");
    text_clear(&text);
    text_append_format(&text, "%0500d", 1);
    assert_int_equal(text.length, 500);
    assert_int_equal(strlen(text_string(&text)), 500);
    text_finish(&text);
}

static void test_integers(void **state)
{
    static const struct {
        long long number;
        const char *expected;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {-7, "-7"},
                 {1234567890, "1234567890"},
                 {LLONG_MAX, "9223372036854775807"},
                 {LLONG_MIN, "-9223372036854775808"}};
    struct text text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_clear(&text);
        text_append_integer(&text, cases[i].number);
        assert_string_equal(text_string(&text), cases[i].expected);
    }
    text_finish(&text);
}

#define BAD "\xEF\xBF\xBD"

/* Unicode 15, section 3.9, tables 3-7 to 3-11. */
static void test_utf8_repair(void **state)
{
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"", ""},
        {"abc", "abc"},
        {"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"\xC2\x80\xDF\xBF", "\xC2\x80\xDF\xBF"},
        {"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF",
         "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
        {"b\xFC"
         "cher",
         "b" BAD "cher"},
        {"\x80\xBF", BAD BAD},
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", BAD BAD BAD BAD BAD BAD BAD BAD "A"},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", BAD BAD BAD BAD BAD BAD BAD BAD "A"},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", BAD BAD BAD BAD BAD "A" BAD BAD "B"},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", BAD BAD BAD BAD "A"},
        {"\xC1\xBF\xF5\x80\xFE", BAD BAD BAD BAD BAD},
        {"a\xC3", "a" BAD},
        {"a\xE2\x82", "a" BAD},
        {"a\xF0\x9F\x98", "a" BAD},
        {"\xE2\x82z", BAD "z"},
    };
    struct text text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* In memory of its own: a look beyond its end would be seen. */
        char *copy = memory_copy(cases[i].input, strlen(cases[i].input));
        copy = memory_resized(copy, strlen(cases[i].input));
        text_clear(&text);
        text_append_utf8(&text, slice_of(copy, strlen(cases[i].input)));
        if (strcmp(text_string(&text), cases[i].expected) != 0)
            fail_msg("case %zu became %s", i, text_string(&text));
        free(copy);
    }
    text_clear(&text);
    text_append_utf8(&text, slice_of("a\0b\xC3\0", 5));
    assert_string_equal(text_string(&text), "a" BAD "b" BAD BAD);
    text_clear(&text);
    text_append_utf8_escaped(&text, slice_of("\xC3\xA9\0b\xC3\0%\xE2\x82z\xFF", 11));
    assert_string_equal(text_string(&text), "\xC3\xA9%00b%C3%00%%E2%82z%FF");
    text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),   cmocka_unit_test(test_trimmed),
        cmocka_unit_test(test_growth),   cmocka_unit_test(test_format),
        cmocka_unit_test(test_integers), cmocka_unit_test(test_utf8_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
