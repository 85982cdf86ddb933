/*
 * The tokenizer tests of html5lib (see data/README.md): every case with a `<` in it, reduced to the
 * tags that come out. Two rules say what our tokenizer does not claim: only tags whose names are
 * letters can be looked for, and the attributes of an end tag are not told.
 */
#include "executors/crawl/tokenizer.c"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Fewer cases than this were read: the file is not what it was. */
enum { CASES_MIN = 1600 };

/* All names of letters that stand in the data; more than one test expects that one does not come.
 */
static const char *const names[] = {"a",   "aa",  "ab",  "ay", "az", "b",        "bar",
                                    "baz", "br",  "foo", "h",  "p",  "s",        "script",
                                    "x",   "xmp", "xr",  "y",  "z",  "plaintext"};
enum { NAMES = sizeof names / sizeof *names };

static const struct {
    const char *name;
    enum state state;
} states[] = {
    {"Data", DATA},          {"RCDATA", RAW_TEXT},     {"RAWTEXT", RAW_TEXT},
    {"Script data", SCRIPT}, {"PLAINTEXT", PLAINTEXT},
};

/* Tags as text, ours and theirs: <a href=x|b=>, <a/>, </a>. */
static void append_attribute(struct text *text, struct slice name, struct slice value)
{
    text_append_char(text, ' ');
    text_append_slice(text, name);
    text_append_char(text, '=');
    text_append_slice(text, value);
}

static void on_tag(void *context, const struct tokenizer_tag *tag)
{
    struct text *text = context;
    text_append_format(text, "<%s%s", tag->is_end ? "/" : "", names[tag->id]);
    for (size_t i = 0; i < tag->attributes->count; i++)
        append_attribute(text, tag->attributes->list[i].name, tag->attributes->list[i].value);
    text_append_string(text, tag->is_self_closing ? "/>" : ">");
}

static struct slice string_of(const json_t *string)
{
    return slice_of(json_string_value(string), json_string_length(string));
}

/* ["a", [["href", "x"], ...], is_self_closing] or ["/a"]. */
static void append_expected(struct text *text, const json_t *tag)
{
    struct slice name = string_of(json_array_get(tag, 0));
    for (size_t at = name.start[0] == '/'; at < name.length; at++)
        if (byte_classes[(unsigned char)name.start[at]] != LETTER)
            return;
    text_append_char(text, '<');
    text_append_slice(text, name);
    size_t index;
    json_t *attribute;
    json_array_foreach(json_array_get(tag, 1), index, attribute)
    {
        append_attribute(text, string_of(json_array_get(attribute, 0)),
                         string_of(json_array_get(attribute, 1)));
    }
    text_append_string(text, json_is_true(json_array_get(tag, 2)) ? "/>" : ">");
}

static struct tokenizer *create(struct text *found)
{
    struct tokenizer_interest interests[NAMES];
    for (int i = 0; i < NAMES; i++)
        interests[i] = (struct tokenizer_interest){names[i], i, true, true};
    return tokenizer_create(interests, NAMES, on_tag, found);
}

/* As if the start tag of that name had just been read; without one, no end tag ends the raw text.
 */
static void enter_state(struct tokenizer *tokenizer, const char *state, struct slice start_tag)
{
    static const struct element none;
    size_t i = 0;
    while (strcmp(states[i].name, state) != 0)
        assert_true(++i < sizeof states / sizeof *states);
    tokenizer->state = states[i].state;
    tokenizer->raw = start_tag.length ? element_find(tokenizer, start_tag) : &none;
    assert_non_null(tokenizer->raw);
}

static bool check(const json_t *item, size_t piece)
{
    struct text expected = {0}, found = {0};
    struct slice input = string_of(json_array_get(item, 0));
    size_t index;
    json_t *tag;
    json_array_foreach(json_array_get(item, 3), index, tag) append_expected(&expected, tag);
    struct tokenizer *tokenizer = create(&found);
    enter_state(tokenizer, json_string_value(json_array_get(item, 1)),
                string_of(json_array_get(item, 2)));
    for (size_t at = 0; at < input.length; at += piece)
        tokenizer_feed(tokenizer, slice_of(input.start + at,
                                           input.length - at < piece ? input.length - at : piece));
    bool is_good = slice_equals(text_slice(&found), text_slice(&expected));
    if (!is_good)
        print_error("%s in pieces of %zu became %s, not %s\n", input.start, piece,
                    text_string(&found), text_string(&expected));
    tokenizer_destroy(tokenizer);
    text_finish(&expected);
    text_finish(&found);
    return is_good;
}

static void test_html5lib(void **state)
{
    json_error_t error;
    json_t *cases = json_load_file(TEST_DATA "/html5lib-tokenizer.json", JSON_ALLOW_NUL, &error);
    if (!cases)
        fail_msg("html5lib-tokenizer.json, line %d: %s", error.line, error.text);
    size_t wrong = 0, index;
    json_t *item;
    json_array_foreach(cases, index, item)
    {
        wrong += !check(item, SIZE_MAX / 2) || !check(item, 1) || !check(item, 3);
    }
    assert_true(json_array_size(cases) >= CASES_MIN);
    json_decref(cases);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_html5lib)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
