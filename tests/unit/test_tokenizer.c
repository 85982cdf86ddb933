/* The tokenizer and what it is made of: states, attributes, character references. */
#include "executors/crawl/tokenizer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "executors/crawl/entities.h"

enum { TAG_A, TAG_P, TAG_TITLE, TAG_SCRIPT, TAG_B };

static const struct tokenizer_interest interests[] = {
    {"a", TAG_A, true, true},           {"p", TAG_P, true, false}, {"title", TAG_TITLE, true, true},
    {"script", TAG_SCRIPT, true, true}, {"b", TAG_B, false, true},
};

static const char *const names[] = {"a", "p", "title", "script", "b"};

/* Tags as a line of text: <a href=x|b=>, </a>. */
static void on_tag(void *context, const struct tokenizer_tag *tag)
{
    struct text *text = context;
    text_append_format(text, "<%s%s", tag->is_end ? "/" : "", names[tag->id]);
    for (size_t i = 0; i < tag->attributes->count; i++) {
        const struct attribute *attribute = &tag->attributes->list[i];
        text_append_char(text, i ? '|' : ' ');
        text_append_slice(text, attribute->name);
        text_append_char(text, '=');
        text_append_slice(text, attribute->value);
    }
    text_append_char(text, '>');
}

/* Fed in pieces of `piece` bytes, each in memory of its own so that a sanitizer sees a look beyond.
 */
static void tokenize(struct text *text, const char *page, size_t length, size_t piece)
{
    struct tokenizer *tokenizer =
        tokenizer_create(interests, sizeof interests / sizeof *interests, on_tag, text);
    text_clear(text);
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece;
        char *copy = memory_resized(NULL, size);
        memcpy(copy, page + at, size);
        tokenizer_feed(tokenizer, slice_of(copy, size));
        free(copy);
    }
    tokenizer_destroy(tokenizer);
}

struct page_case {
    const char *page, *expected;
};

static void check_cases(const struct page_case *cases, size_t count)
{
    struct text text = {0};
    for (size_t i = 0; i < count; i++)
        for (size_t piece = 1; piece <= strlen(cases[i].page); piece++) {
            tokenize(&text, cases[i].page, strlen(cases[i].page), piece);
            if (strcmp(text_string(&text), cases[i].expected) != 0)
                fail_msg("%s in pieces of %zu became %s", cases[i].page, piece, text_string(&text));
        }
    text_finish(&text);
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

static void test_tags(void **state)
{
    static const struct page_case cases[] = {
        {"x<a>y</a>z", "<a></a>"},
        {"<A></A>", "<a></a>"},
        {"<a/><p/ >", "<a><p>"},
        {"<ab></abc><a-b><a1>", ""},
        {"<abcdefghijklmnopqrstuvwxyz><p>", "<p>"},
        {"<b>x</b>", "</b>"},
        {"</p></a x=y>", "</a>"},
        {"< a><a", ""},
        {"<<a>", "<a>"},
        {"<1><a>", "<a>"},
        {"</><a>", "<a>"},
        {"</ a><p>", "<p>"},
        {"</ <a><p>", "<p>"},
        {"</1<a><p>", "<p>"},
        {"<?a <a>><p>", "<p>"},
        {"<a\n><a\t><a\f><a\r>", "<a><a><a><a>"},
        {"<div class=\"x>y\"><a>", "<a>"},
        {"<div class='x>y'><a>", "<a>"},
        {"<div class=x\"><a>\">", "<a>"},
        {"<div it's><a>", "<a>"},
        {"<div a =\"x><p>\"><a>", "<a>"},
        {"<div a b=c ='><p>'><a>", "<p><a>"},
        {"<div a=\"b\"c=\"<p>\"><a>", "<a>"},
        {"<div =\"<p>\"><a>", "<a>"},
        {"<div =\"/x><p>\"><a>", "<p><a>"},
        {"<div a=b=\"<p>\"><a>", "<a>"},
        {"<div a=\"<p>", ""},
    };
    CHECK_CASES(cases);
}

static void test_attributes(void **state)
{
    static const struct page_case cases[] = {
        {"<a href=\"x\">", "<a href=x>"},
        {"<a href='x'>", "<a href=x>"},
        {"<a href=x>", "<a href=x>"},
        {"<a href=x/>", "<a href=x/>"},
        {"<a href = \"x\" >", "<a href=x>"},
        {"<a HREF=X Rel=Y>", "<a href=X|rel=Y>"},
        {"<a href=x href=y HREF=z>", "<a href=x>"},
        {"<a href>", "<a href=>"},
        {"<a href=>", "<a href=>"},
        {"<a href=\"\">", "<a href=>"},
        {"<a href id=x>", "<a href=|id=x>"},
        {"<a href= id=x>", "<a href=id=x>"},
        {"<a href=\"x\"id=\"y\">", "<a href=x|id=y>"},
        {"<a/href=x/id=y>", "<a href=x/id=y>"},
        {"<a/href=\"x\"/id=y>", "<a href=x|id=y>"},
        {"<a =x>", "<a =x=>"},
        {"<a =x=y>", "<a =x=y>"},
        {"<a \"x\">", "<a \"x\"=>"},
        {"<a x<y=z>", "<a x<y=z>"},
        {"<a href=\"x>y\" id='z>\"'>", "<a href=x>y|id=z>\">"},
        {"<a href=\"a\nb\">", "<a href=a\nb>"},
        {"<a href='a\r\nb\rc\r\r\n&#13;'>", "<a href=a\nb\nc\n\n\r>"},
        {"<a href==x>", "<a href==x>"},
        {"<a href=\"x=1&amp;y=2\" id=&#65;>", "<a href=x=1&y=2|id=A>"},
        {"<a X=\"&lt;\" Y=\"&gt;\">", "<a x=<|y=>>"},
    };
    CHECK_CASES(cases);
}

static void test_comments(void **state)
{
    static const struct page_case cases[] = {
        {"<!-- <a> --><p>", "<p>"},
        {"<!--><p>", "<p>"},
        {"<!---><p>", "<p>"},
        {"<!----><p>", "<p>"},
        {"<!---x<a>--><p>", "<p>"},
        {"<!--a--!><p>", "<p>"},
        {"<!--a--!-><a>--><p>", "<p>"},
        {"<!--a--!--><p>", "<p>"},
        {"<!--a---><p>", "<p>"},
        {"<!--a- -><a>-- ><a>--><p>", "<p>"},
        {"<!--<!--><p>", "<p>"},
        {"<!--<!-- <a> --><p>", "<p>"},
        {"<!-- <a>", ""},
        {"<!- <a> --><p>", "<p>"},
        {"<!><p>", "<p>"},
        {"<!doctype html><p>", "<p>"},
        {"<!DOCTYPE html PUBLIC \"a>b\"><p>", "<p>"},
        {"<![CDATA[<a>]]><p>", "<p>"},
        {"<![CDATA[ x <a> ]]><p>", "<p>"},
    };
    CHECK_CASES(cases);
}

static void test_raw_text(void **state)
{
    static const struct page_case cases[] = {
        {"<title><a></title><p>", "<title></title><p>"},
        {"<title><a></TITLE\n><p>", "<title></title><p>"},
        {"<title></titl></titlee></ title><a></title><p>", "<title></title><p>"},
        {"<title><</title><p>", "<title></title><p>"},
        {"<title></</title><p>", "<title></title><p>"},
        {"<title></ti</title><p>", "<title></title><p>"},
        {"<title></title x='>'><p>", "<title></title><p>"},
        {"<title></title/><p>", "<title></title><p>"},
        {"<title/><a></title><p>", "<title></title><p>"},
        {"<title><!-- </title> --><p>", "<title></title><p>"},
        {"<style><a></style><p>", "<p>"},
        {"<textarea><a></textarea><p>", "<p>"},
        {"<xmp><a></xmp><p>", "<p>"},
        {"<iframe><a></iframe><p>", "<p>"},
        {"<noembed><a></noembed><p>", "<p>"},
        {"<noframes><a></noframes><p>", "<p>"},
        {"<noscript><a></noscript><p>", "<a><p>"},
        {"<p><plaintext><a></plaintext><p>", "<p>"},
        {"<svg><title/><a></a></svg><p>", "<title><a></a><p>"},
        {"<svg><title><a></title></svg><p>", "<title></title><p>"},
        {"<svg/><title/><a></title><p>", "<title></title><p>"},
        {"<svg></svg></svg><title/><a></title><p>", "<title></title><p>"},
        {"<math><style/><a></math><p>", "<a><p>"},
    };
    CHECK_CASES(cases);
}

static void test_scripts(void **state)
{
    static const struct page_case cases[] = {
        {"<script><a></script><p>", "<script></script><p>"},
        {"<script>a<b</scrip></script><p>", "<script></script><p>"},
        {"<script><!-- <a> </script><p>", "<script></script><p>"},
        {"<script><!-- <script> </script> <a> --></script><p>", "<script></script><p>"},
        {"<script><!-- <script> </script> </script><p>", "<script></script><p>"},
        {"<script><!-- <script> <a></script> --> <a></script><p>", "<script></script><p>"},
        {"<script><!-- <scriptx> </script><p>", "<script></script><p>"},
        {"<script><!-- <script </script> </script><p>", "<script></script><p>"},
        {"<script><!--><script></script><p>", "<script></script><p>"},
        {"<script><!---<script></script></script><p>", "<script></script><p>"},
        {"<script><!-<script></script><p>", "<script></script><p>"},
        {"<script><!-- <script> -- </script -></script> <a></script><p>",
         "<script></script><a></script><p>"},
        {"<script><!-- <script> --></script><p>", "<script></script><p>"},
        {"<script><!-- </script/><p>", "<script></script><p>"},
        {"<script><!-- <script><a>", "<script>"},
        {"<SCRIPT><!--<ScRiPt>--></sCrIpT><p>", "<script></script><p>"},
    };
    CHECK_CASES(cases);
}

/* Of one tag that is too large the rest of the page takes no notice, however it arrives. */
static void test_large_tags(void **state)
{
    static const size_t lengths[] = {TOKENIZER_TAG_BYTES_MAX, TOKENIZER_TAG_BYTES_MAX + 1};
    static const size_t pieces[] = {1, 4096, 1 << 20};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 3; j++) {
            struct text page = {0}, tags = {0};
            text_append_string(&page, "<a ");
            for (size_t at = 1; at < lengths[i]; at++)
                text_append_char(&page, 'x');
            text_append_string(&page, "><p>");
            struct tokenizer *tokenizer = tokenizer_create(interests, 2, on_tag, &tags);
            for (size_t at = 0; at < page.length; at += pieces[j])
                tokenizer_feed(tokenizer, slice_of(page.start + at, page.length - at < pieces[j]
                                                                        ? page.length - at
                                                                        : pieces[j]));
            assert_int_equal(tokenizer_dropped_tags(tokenizer), i);
            assert_string_equal(text_string(&tags) + (i ? 0 : tags.length - 3), "<p>");
            assert_true(tokenizer->carried.capacity <= 4 * TOKENIZER_TAG_BYTES_MAX);
            tokenizer_destroy(tokenizer);
            text_finish(&page);
            text_finish(&tags);
        }
}

static void test_many_attributes(void **state)
{
    for (int extra = 0; extra < 2; extra++) {
        struct text page = {0}, tags = {0};
        text_append_string(&page, "<a");
        for (int i = 0; i < ATTRIBUTES_MAX + extra; i++)
            text_append_format(&page, " x%d", i);
        text_append_string(&page, "><p>");
        struct tokenizer *tokenizer = tokenizer_create(interests, 2, on_tag, &tags);
        tokenizer_feed(tokenizer, text_slice(&page));
        assert_int_equal(tokenizer_dropped_tags(tokenizer), extra);
        if (extra)
            assert_string_equal(text_string(&tags), "<p>");
        else
            assert_non_null(strstr(text_string(&tags), "|x255="));
        tokenizer_reset(tokenizer);
        assert_int_equal(tokenizer_dropped_tags(tokenizer), 0);
        tokenizer_destroy(tokenizer);
        text_finish(&page);
        text_finish(&tags);
    }
}

static void test_reset_forgets(void **state)
{
    static const char *const unfinished[] = {"<a href='x", "<script><!-- <script>", "<svg>",
                                             "<!--"};
    struct text tags = {0};
    for (size_t i = 0; i < sizeof unfinished / sizeof *unfinished; i++) {
        struct tokenizer *tokenizer =
            tokenizer_create(interests, sizeof interests / sizeof *interests, on_tag, &tags);
        tokenizer_feed(tokenizer, slice_of_string(unfinished[i]));
        tokenizer_reset(tokenizer);
        text_clear(&tags);
        tokenizer_feed(tokenizer, slice_of_string("<title/><a></title><p id=1>"));
        assert_string_equal(text_string(&tags), "<title></title><p id=1>");
        tokenizer_destroy(tokenizer);
    }
    text_finish(&tags);
}

static void test_references(void **state)
{
    static const struct page_case cases[] = {
        {"a&amp;b", "a&b"},
        {"&amp", "&"},
        {"&amp b", "& b"},
        {"&amp=b", "&amp=b"},
        {"&ampb", "&ampb"},
        {"&AMP;&lt;&GT;&quot;&apos;", "&<>\"'"},
        {"?a=1&copy=2", "?a=1&copy=2"},
        {"?a=1&copy;=2", "?a=1\xC2\xA9=2"},
        {"&copy&reg", "\xC2\xA9\xC2\xAE"},
        {"&notin;&notit;&not", "\xE2\x88\x89&notit;\xC2\xAC"},
        {"&frac12;&there4;", "\xC2\xBD\xE2\x88\xB4"},
        {"&CounterClockwiseContourIntegral;", "\xE2\x88\xB3"},
        {"&CounterClockwiseContourIntegralx;", "&CounterClockwiseContourIntegralx;"},
        {"&nGt;", "\xE2\x89\xAB\xE2\x83\x92"},
        {"&Afr;", "\xF0\x9D\x94\x84"},
        {"&notin", "&notin"},
        {"&unknown;&;&", "&unknown;&;&"},
        {"&#65;&#x42;&#X43;&#68", "ABCD"},
        {"&#65b&#x42g", "AbBg"},
        {"&#65=", "A="},
        {"&#;&#x;&#xg;&#", "&#;&#x;&#xg;&#"},
        {"&#0;&#xD800;&#xDFFF;&#x110000;", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"&#99999999999999999999;", "\xEF\xBF\xBD"},
        {"&#x10FFFF;", "\xF4\x8F\xBF\xBF"},
        {"&#128;&#x9f;&#x81;", "\xE2\x82\xAC\xC5\xB8\xC2\x81"},
        {"&#xFC;&#x20AC;&#x1F600;", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"&&amp;&#38;#38;", "&&&#38;"},
        {"\xFF&amp;\xC3\xBC", "\xFF&\xC3\xBC"},
    };
    struct text text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        text_clear(&text);
        entities_append_decoded(&text, slice_of_string(cases[i].page));
        if (strcmp(text_string(&text), cases[i].expected) != 0)
            fail_msg("%s became %s", cases[i].page, text_string(&text));
    }
    text_clear(&text);
    entities_append_decoded(&text, slice_of("a\0b", 3));
    assert_string_equal(text_string(&text), "a\xEF\xBF\xBD"
                                            "b");
    assert_true(entities_has_any(slice_of("a\0b", 3)));
    assert_false(entities_has_any(slice_of_string("ab")));
    text_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_raw_text),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_large_tags),
        cmocka_unit_test(test_many_attributes),
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
