#include "executors/crawl/charset.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_label(void **state)
{
    static const struct {
        const char *content_type, *label; /* NULL: none */
    } cases[] = {
        {"text/html; charset=utf-8", "utf-8"},
        {"text/html;charset=utf-8;x=y", "utf-8"},
        {"text/html; CharSet = \"latin 1\"; x", "latin 1"},
        {"text/html; charset='a;b'", "a;b"},
        {"charset charset=x", "x"},
        {"charsetcharset=x y", "x"},
        {"text/html; charset=", ""},
        {"text/html; charset=\"x", NULL},
        {"text/html; charset", NULL},
        {"text/html; charset x", NULL},
        {"text/html", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice label = charset_label(slice_of_string(cases[i].content_type));
        assert_int_equal(label.start == NULL, cases[i].label == NULL);
        if (cases[i].label && !slice_equals(label, slice_of_string(cases[i].label)))
            fail_msg("%s gave %.*s", cases[i].content_type, (int)label.length, label.start);
    }
}

static bool is_known(const char *label, bool *is_utf8)
{
    struct charset *charset;
    bool is_label = charset_create(slice_of_string(label), &charset);
    *is_utf8 = !charset;
    charset_destroy(charset);
    return is_label;
}

static void test_labels(void **state)
{
    static const char *const unknown[] = {"",       "latin",     "utf-7",         "iso-2022-jp",
                                          "ebcdic", "../latin1", "latin1 latin2", "windows-1252,x"};
    bool is_utf8;
    assert_true(is_known("UTF-8", &is_utf8) && is_utf8);
    assert_true(is_known(" utf8\n", &is_utf8) && is_utf8);
    assert_true(is_known("utf-16le", &is_utf8) && is_utf8);
    assert_true(is_known("Shift_JIS", &is_utf8) && !is_utf8);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (is_known(unknown[i], &is_utf8))
            fail_msg("%s is known", unknown[i]);
}

/* Every encoding of the table is there, and ASCII is ASCII in it. */
static void test_every_encoding(void **state)
{
    char ascii[96] = {0};
    for (int i = 0; i < 95; i++)
        ascii[i] = (char)(' ' + i);
    for (size_t i = 1; i < sizeof encodings / sizeof *encodings; i++) {
        struct slice label = slice_of_string(encodings[i].labels);
        struct charset *charset;
        struct text text = {0};
        label.length = url_find_any(label, " ");
        assert_true(charset_create(label, &charset));
        charset_append_decoded(charset, slice_of_string(ascii), &text);
        charset_append_encoded(charset, slice_of_string(ascii), &text);
        assert_memory_equal(text.start, ascii, 95);
        assert_string_equal(text.start + 95, ascii);
        text_finish(&text);
        charset_destroy(charset);
    }
}

static void test_conversions(void **state)
{
    static const struct {
        const char *label, *bytes, *characters;
    } cases[] = {
        {"iso-8859-1", "\x80\xFC", "€ü"},
        {"iso-8859-15", "\xA4", "€"},
        {"iso-8859-2", "\xB1", "ą"},
        {"koi8-r", "\xC1", "а"},
        {"cp1251", "\xE0", "а"},
        {"gb2312", "\xD6\xD0", "中"},
        {"gb18030", "\x81\x30\x81\x30", "\xC2\x80"},
        {"big5", "\xA4\xA4", "中"},
        {"euc-jp", "\xC6\xFC", "日"},
        {"shift_jis", "\x93\xFA", "日"},
        {"euc-kr", "\xB0\xA1", "가"},
        {"iso-8859-8-i", "\xE0", "א"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct charset *charset;
        struct text text = {0};
        assert_true(charset_create(slice_of_string(cases[i].label), &charset));
        charset_append_decoded(charset, slice_of_string(cases[i].bytes), &text);
        assert_string_equal(text_string(&text), cases[i].characters);
        text_clear(&text);
        charset_append_encoded(charset, slice_of_string(cases[i].characters), &text);
        assert_string_equal(text_string(&text), cases[i].bytes);
        text_finish(&text);
        charset_destroy(charset);
    }
}

/* What cannot be said, and the longest that comes of it. */
static void test_missing_characters(void **state)
{
    struct charset *charset;
    struct text text = {0};
    assert_true(charset_create(slice_of_string("latin1"), &charset));
    charset_append_encoded(charset, slice_of_string("a☃b\xF4\x8F\xBF\xBF"), &text);
    assert_string_equal(text_string(&text), "a%26%239731%3Bb%26%231114111%3B");
    text_clear(&text);
    char broken[100];
    memset(broken, 0xFF, sizeof broken);
    charset_append_encoded(charset, slice_of(broken, sizeof broken), &text);
    assert_int_equal(text.length, sizeof broken * strlen("%26%2365533%3B"));
    charset_destroy(charset);
    assert_true(charset_create(slice_of_string("gbk"), &charset));
    text_clear(&text);
    charset_append_decoded(charset, slice_of(broken, sizeof broken), &text);
    assert_int_equal(text.length, sizeof broken * strlen("\xEF\xBF\xBD"));
    charset_destroy(charset);
    text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_every_encoding),
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_missing_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
