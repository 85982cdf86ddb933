/*
 * The URL test data of the web-platform-tests (see data/README.md), every case: what the standard
 * expects, changed by the rules below where url.h says that we differ, is what url_parse() must
 * give.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arena_fixture.h"
#include "executors/crawl/url.h"

/* Fewer cases than this were read: the file is not what it was. */
enum { CASES_MIN = 800 };

struct vector {
    struct slice input, base, href; /* base {NULL, 0}: none; href {NULL, 0}: refused */
};

static struct slice json_slice(const json_t *string)
{
    return string && !json_is_null(string)
               ? slice_of(json_string_value(string), json_string_length(string))
               : (struct slice){0};
}

static bool is_http(struct slice url)
{
    return slice_starts_with(url, "http://") || slice_starts_with(url, "https://");
}

static struct slice until(struct slice text, char delimiter)
{
    const char *found = memchr(text.start, delimiter, text.length);
    return found ? slice_of(text.start, (size_t)(found - text.start)) : text;
}

static struct slice behind(struct slice text, size_t length)
{
    return slice_of(text.start + length, text.length - length);
}

/* Rule: what an escape of a letter, digit, "-", ".", "_" or "~" means stands there itself, other
 * escapes are in capitals, and a "%" that begins none is one. */
static void append_normalised(struct text *expected, struct slice part)
{
    for (size_t at = 0; at < part.length; at++) {
        char digits[3] = {0}, *end = digits;
        if (part.start[at] != '%') {
            text_append_char(expected, part.start[at]);
            continue;
        }
        memcpy(digits, part.start + at + 1, part.length - at - 1 < 2 ? part.length - at - 1 : 2);
        unsigned long byte = digits[0] == '-' || digits[0] == '+' ? 0 : strtoul(digits, &end, 16);
        bool is_escape = end == digits + 2;
        at += is_escape ? 2 : 0;
        if (is_escape && byte && byte < 0x80 &&
            (strchr("-._~", (int)byte) || (byte >= '0' && byte <= '9') ||
             ((byte | 32) >= 'a' && (byte | 32) <= 'z')))
            text_append_char(expected, (char)byte);
        else
            text_append_format(expected, "%%%02lX", is_escape ? byte : '%');
    }
}

/* Rules: no fragment, no user name and password, no empty query. */
static void append_expected(struct text *expected, struct slice href)
{
    href = until(href, '#');
    size_t scheme = until(href, ':').length + 3;
    struct slice authority = until(until(behind(href, scheme), '/'), '?');
    const char *at = memrchr(authority.start, '@', authority.length);
    size_t user = at ? (size_t)(at - authority.start) + 1 : 0;
    text_append(expected, href.start, scheme);
    text_append_slice(expected, behind(authority, user));
    struct slice rest = behind(href, scheme + authority.length), path = until(rest, '?');
    append_normalised(expected, path);
    if (rest.length > path.length + 1) {
        text_append_char(expected, '?');
        append_normalised(expected, behind(rest, path.length + 1));
    }
}

static struct vector read_vector(const json_t *item)
{
    assert_int_equal(json_array_size(item), 3);
    return (struct vector){json_slice(json_array_get(item, 0)), json_slice(json_array_get(item, 1)),
                           json_slice(json_array_get(item, 2))};
}

/* A base that is no http or https URL is none: nothing relative to it would be one. */
static bool parse(const struct vector *vector, struct url *url)
{
    struct url base;
    bool has_base = vector->base.start && url_parse(vector->base, NULL, arena, &base, NULL);
    return url_parse(vector->input, has_base ? &base : NULL, arena, url, NULL);
}

static bool check(const struct vector *vector)
{
    struct text expected = {0};
    struct url url;
    bool is_url = parse(vector, &url);
    if (vector->href.start && is_http(vector->href))
        append_expected(&expected, vector->href);
    else
        text_append_string(&expected, "(refused)");
    const char *got = is_url ? url.whole.start : "(refused)";
    bool is_good = strcmp(got, text_string(&expected)) == 0;
    if (!is_good)
        print_error("%s (base %s) became %s, not %s\n", vector->input.start,
                    vector->base.start ? vector->base.start : "none", got, text_string(&expected));
    text_finish(&expected);
    return is_good;
}

static void test_web_platform_tests(void **state)
{
    json_error_t error;
    json_t *cases = json_load_file(TEST_DATA "/urltestdata.json", JSON_ALLOW_NUL, &error);
    if (!cases)
        fail_msg("urltestdata.json, line %d: %s", error.line, error.text);
    size_t wrong = 0, index;
    json_t *item;
    json_array_foreach(cases, index, item)
    {
        struct vector vector = read_vector(item);
        wrong += !check(&vector);
    }
    assert_true(json_array_size(cases) >= CASES_MIN);
    json_decref(cases);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_web_platform_tests)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
