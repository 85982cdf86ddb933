#include "executors/crawl/links.c"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "arena_fixture.h"

/* Links as lines: the URL and a letter for each flag. */
static void on_found(void *context, const struct url *url, unsigned flags)
{
    static const struct {
        enum link_flag flag;
        char letter;
    } letters[] = {{LINK_NOFOLLOW, 'n'},  {LINK_FRAME, 'i'},     {LINK_CANONICAL, 'c'},
                   {LINK_IN_HEADER, 'h'}, {LINK_IN_FOOTER, 'f'}, {LINK_UGC, 'u'},
                   {LINK_SPONSORED, 's'}};
    struct text *text = context;
    text_append_slice(text, url->whole);
    text_append_char(text, ' ');
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (flags & letters[i].flag)
            text_append_char(text, letters[i].letter);
    text_append_char(text, '\n');
}

static void start(struct links *links, const char *page)
{
    struct url url;
    assert_true(url_parse(slice_of_string(page), NULL, arena, &url, NULL));
    links_start(links, &url);
    arena_reset(arena); /* nothing of the page's URL is needed any longer */
}

static void check_in_pieces(struct links *links, const char *html, const char *expected,
                            size_t piece)
{
    struct text found = {0};
    size_t length = strlen(html);
    start(links, "http://a.b/c/d?e");
    for (size_t at = 0; at < length; at += piece)
        links_feed(links, slice_of(html + at, length - at < piece ? length - at : piece));
    links_report(links, on_found, &found);
    if (strcmp(text_string(&found), expected) != 0)
        fail_msg("%s in pieces of %zu gave\n%s", html, piece, text_string(&found));
    text_finish(&found);
}

static void check(const char *html, const char *expected)
{
    struct links *links = links_create();
    check_in_pieces(links, html, expected, strlen(html));
    check_in_pieces(links, html, expected, 1);
    links_destroy(links);
}

static void test_elements(void **state)
{
    check("<a href=x>", "http://a.b/c/x \n");
    check("<area href=/x>", "http://a.b/x \n");
    check("<iframe src=x></iframe>", "http://a.b/c/x i\n");
    check("<frame src=x>", "http://a.b/c/x i\n");
    check("<link rel=canonical href=x>", "http://a.b/c/x c\n");
    check("<link rel='a CANONICAL b' href=x>", "http://a.b/c/x c\n");
    check("<link rel=stylesheet href=x><link href=y><link rel=canonicals href=z>", "");
    check("<a name=x><a src=x><iframe href=y></iframe><img src=z>", "");
    check("<a href=''><a href='#x'>", "http://a.b/c/d?e \n");
    check("<a href=' x\n'>", "http://a.b/c/x \n");
    check("<a href='?a=1&amp;b=2&copy=3'>", "http://a.b/c/d?a=1&b=2&copy=3 \n");
    check("<a href='//e.f/\xFC'>", "http://e.f/%FC \n");
    check("<script><a href=x></script><!-- <a href=y> --><noscript><a href=z></noscript>",
          "http://a.b/c/z \n");
}

static void test_base(void **state)
{
    check("<base href=/x/><a href=y>", "http://a.b/x/y \n");
    check("<base href=http://e.f/g/h><a href=y>", "http://e.f/g/y \n");
    check("<base target=x><base href=/x/><base href=/z/><a href=y>", "http://a.b/x/y \n");
    check("<base href=x><base href=/z/><a href=y>", "http://a.b/c/y \n");
    check("<base href='?q'><a href=y><a href=''>", "http://a.b/c/y \nhttp://a.b/c/d?q \n");
    check("<base href='#x'><a href=y>", "http://a.b/c/y \n");
    check("<base href=''><base href=/z/><a href=y>", "http://a.b/c/y \n");
    check("<a href=y><base href=/z/><a href=y>", "http://a.b/c/y \nhttp://a.b/z/y \n");
    check("<base href='http://['><a href=y>", "http://a.b/c/y \n");
    check("<base href='data:,x'><a href=y>", "http://a.b/c/y \n");
    check("<base href='javascript:1'><base href=/z/><a href=y>", "http://a.b/c/y \n");
}

static void test_each_link_once(void **state)
{
    check("<a href=x><a href=y><a href='./x#z'><a href='x?utm_source=z'>",
          "http://a.b/c/x \nhttp://a.b/c/y \n");
    check("<a href=x rel='me nofollow'>", "http://a.b/c/x n\n");
    check("<a href=x rel=nofollow><a href=x>", "http://a.b/c/x \n");
    check("<a href=x><a href=x rel=nofollow>", "http://a.b/c/x \n");
    check("<a href=x rel=ugc><a href=x rel='ugc nofollow'>", "http://a.b/c/x u\n");
    check("<a href=x rel=ugc><a href=x rel=sponsored>", "http://a.b/c/x \n");
    check("<iframe src=x></iframe><a href=x>", "http://a.b/c/x \n");
    check("<link rel=canonical href=x><a href=x>", "http://a.b/c/x c\n");
    check("<a href=x><footer><a href=x></footer>", "http://a.b/c/x f\n");
}

static void test_relations(void **state)
{
    check("<a href=x rel='UGC\tNoFollow\nsponsored'>", "http://a.b/c/x nus\n");
    check("<area href=x rel=sponsored>", "http://a.b/c/x s\n");
    check("<a href=x rel='nofollowed ugc2 noopener'>", "http://a.b/c/x \n");
    check("<iframe src=x rel=nofollow></iframe>", "http://a.b/c/x i\n");
    check("<footer><a href=//e.f/ rel=nofollow></footer>", "http://e.f/ nf\n");
}

/* Links to other sites are given, flags and all. */
static void test_other_sites(void **state)
{
    check("<nav><a href=http://e.f/></nav><main><a href=https://e.f/></main>",
          "http://e.f/ h\nhttps://e.f/ \n");
    check("<a href='//bücher.de/ü?ü'>", "http://xn--bcher-kva.de/%C3%BC?%C3%BC \n");
}

static void test_places(void **state)
{
    check("<header><a href=x></header><a href=y>", "http://a.b/c/x h\nhttp://a.b/c/y \n");
    check("<nav><a href=x></nav><a href=y>", "http://a.b/c/x h\nhttp://a.b/c/y \n");
    check("<footer><nav><a href=x></nav></footer>", "http://a.b/c/x f\n");
    check("<main><header><a href=x></header></main>", "http://a.b/c/x \n");
    check("<article><footer><a href=x></footer></article>", "http://a.b/c/x \n");
    check("<header><main><a href=x></main><a href=y></header>",
          "http://a.b/c/x \nhttp://a.b/c/y h\n");
    check("<header><footer><a href=x></footer></header><FOOTER><a href=y></FOOTER>",
          "http://a.b/c/x f\nhttp://a.b/c/y f\n");
    check("</header></header><header><header></header><a href=x>", "http://a.b/c/x h\n");
}

static void test_counts(void **state)
{
    struct links *links = links_create();
    start(links, "http://a.b/");
    links_feed(links, slice_of_string("<a href=x><a href=x><a href=mailto:x><a href='http://'>"));
    struct link_counts counts = links_counts(links);
    assert_int_equal(counts.links, 1);
    assert_int_equal(counts.occurrences, 2);
    assert_int_equal(counts.refused, 2);
    start(links, "http://a.b/");
    counts = links_counts(links);
    assert_int_equal(counts.links + counts.occurrences + counts.refused, 0);
    links_destroy(links);
}

/* Invariant I9: a page of any size takes a bounded amount. */
static void test_limits(void **state)
{
    struct links *links = links_create();
    struct text html = {0};
    start(links, "http://a.b/");
    for (int i = 0; i < LINKS_MAX + 5; i++)
        text_append_format(&html, "<a href=%d>", i);
    text_append_string(&html, "<a href=0>");
    links_feed(links, text_slice(&html));
    struct link_counts counts = links_counts(links);
    assert_int_equal(counts.links, LINKS_MAX);
    assert_int_equal(counts.left_out, 5);
    assert_int_equal(counts.occurrences, LINKS_MAX + 6);

    start(links, "http://a.b/");
    text_clear(&html);
    for (int i = 0; i < 1000; i++)
        text_append_format(&html, "<a href=%08000d>", i);
    links_feed(links, text_slice(&html));
    counts = links_counts(links);
    assert_int_equal(counts.links, LINKS_BYTES_MAX / (8000 + strlen("http://a.b/")));
    assert_int_equal(counts.links + counts.left_out, 1000);
    text_finish(&html);
    links_destroy(links);
}

static void feed_more(struct links *links, int count)
{
    char html[64];
    for (int i = 0; i < count; i++)
        links_feed(links, slice_of(html, (size_t)snprintf(html, sizeof html, "<p><a href=%d>", i)));
}

static void feed_numbered(struct links *links, int count)
{
    start(links, "http://a.b/");
    feed_more(links, count);
}

/* As check(), of a page whose answer has that Content-Type. */
static void check_typed(const char *content_type, const char *html, const char *expected)
{
    struct links *links = links_create();
    for (size_t piece = 1; piece <= strlen(html); piece++) {
        struct text found = {0};
        start(links, "http://a.b/");
        links_set_content_type(links, content_type);
        for (size_t at = 0; at < strlen(html); at += piece)
            links_feed(links, slice_of(html + at, strnlen(html + at, piece)));
        links_report(links, on_found, &found);
        assert_string_equal(text_string(&found), expected);
        text_finish(&found);
    }
    links_destroy(links);
}

/* The path goes out as UTF-8, the query as the page has it. */
static void test_encodings(void **state)
{
    static const char latin[] = "<a href='\xFC?\xFC'>", as_latin[] = "http://a.b/%C3%BC?%FC \n";
    check_typed(NULL, latin, "http://a.b/%FC?%FC \n");
    check_typed("text/html", latin, "http://a.b/%FC?%FC \n");
    check_typed("text/html; charset=utf-8", latin, "http://a.b/%FC?%FC \n");
    check_typed("text/html; charset=iso-8859-1", latin, as_latin);
    check_typed("text/html; charset=nonsense", latin, "http://a.b/%FC?%FC \n");
    check_typed("text/html;charset=\"Windows-1251\"", latin, "http://a.b/%D1%8C?%FC \n");
    check_typed("text/html;charset=shift_jis", "<a href='\x83\x5C?\x83\x5C'>",
                "http://a.b/%E3%82%BD?%83\\ \n");
    check_typed("text/html;charset=latin1", "<a href='&uuml;\xE4?&uuml;&#8364;&#x20AC;=\x80'>",
                "http://a.b/%C3%BC%C3%A4?%FC%80%80=%80 \n");
    check_typed("text/html;charset=latin1", "<a href='?&#9731;&amp;\xFC'>",
                "http://a.b/?%26%239731%3B&%FC \n");
    check_typed("text/html;charset=latin1",
                "<a href='//b\xFC"
                "cher.de/'>",
                "http://xn--bcher-kva.de/ \n");
    check_typed("text/html;charset=latin1", "<base href='\xFC/'><a href=x>",
                "http://a.b/%C3%BC/x \n");
}

static void test_encoding_of_meta(void **state)
{
    static const char as_latin[] = "http://a.b/%C3%BC?%FC \n", as_is[] = "http://a.b/%FC?%FC \n";
    check_typed(NULL, "<meta charset=latin1><a href='\xFC?\xFC'>", as_latin);
    check_typed("text/html; charset=", "<meta charset=' LATIN1 '><a href='\xFC?\xFC'>", as_latin);
    check_typed("text/html;charset=utf8", "<meta charset=latin1><a href='\xFC?\xFC'>", as_is);
    check_typed("text/html;charset=latin1", "<meta charset=utf-8><a href='\xFC?\xFC'>", as_latin);
    check_typed(NULL, "<meta charset=x><meta charset=latin1><a href='\xFC?\xFC'>", as_latin);
    check_typed(NULL, "<meta charset=utf-8><meta charset=latin1><a href='\xFC?\xFC'>", as_is);
    check_typed(NULL, "<meta charset=utf-16><a href='\xFC?\xFC'>", as_is);
    check_typed(NULL,
                "<meta http-equiv=Content-Type content='text/html; charset=latin1'>"
                "<a href='\xFC?\xFC'>",
                as_latin);
    check_typed(NULL, "<meta content='text/html; charset=latin1'><a href='\xFC?\xFC'>", as_is);
    check_typed("text/html;charset=latin1", "\xEF\xBB\xBF<meta charset=latin1><a href='\xFC?\xFC'>",
                as_is);
    check_typed("text/html;charset=latin1", "\xEF\xBB<a href='\xFC?\xFC'>", as_latin);
    check_typed("text/html;charset=latin1", "x\xEF\xBB\xBF<a href='\xFC?\xFC'>", as_latin);
    check_typed(NULL, "<a href='\xFC?\xFC'><meta charset=latin1><a href='\xFC'>",
                "http://a.b/%FC?%FC \nhttp://a.b/%C3%BC \n");
}

static void test_encoding_is_forgotten(void **state)
{
    static const char html[] = "<meta charset=latin1><a href='\xFC'>";
    struct links *links = links_create();
    start(links, "http://a.b/");
    links_set_content_type(links, "text/html;charset=big5");
    check_in_pieces(links, html, "http://a.b/c/%C3%BC \n", sizeof html);
    links_feed(links, slice_of_string("\xEF\xBB\xBF"));
    check_in_pieces(links, "<a href='\xFC'>", "http://a.b/c/%FC \n", sizeof html);
    start(links, "http://a.b/");
    links_feed(links, slice_of_string("\xEF\xBB\xBF"));
    check_in_pieces(links, html, "http://a.b/c/%C3%BC \n", sizeof html);
    links_destroy(links);
}

/* How many slots one look-up passes at most: a run of used slots ends at a free one. */
static size_t longest_run(const struct links *links)
{
    size_t longest = 0, run = 0;
    for (size_t slot = 0; slot < 2 * links->slots; slot++) {
        run = links->table[slot % links->slots] ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Table and list grow while they fill, and do not stay as large as one page needed them. */
static void test_links_are_known_after_growth(void **state)
{
    struct links *links = links_create();
    feed_numbered(links, 5000);
    feed_more(links, 5000);
    assert_int_equal(links_counts(links).occurrences, 10000);
    assert_int_equal(links_counts(links).links, 5000);
    assert_true(links->slots >= 10000);
    start(links, "http://a.b/");
    assert_int_equal(links->slots, TABLE_SLOTS_MIN);
    assert_true(links->capacity <= LIST_KEPT);
    check_in_pieces(links, "<a href=1><a href=2><a href=1>", "http://a.b/c/1 \nhttp://a.b/c/2 \n",
                    64);
    links_destroy(links);
}

/* Invariant I9: a million links take what ten thousand take, and each the same few steps. */
static void test_a_million_links(void **state)
{
    struct links *links = links_create();
    feed_numbered(links, LINKS_MAX);
    size_t bytes = mallinfo2().uordblks;
    feed_numbered(links, 1000000);
    struct link_counts counts = links_counts(links);
    assert_int_equal(counts.occurrences, 1000000);
    assert_int_equal(counts.links, LINKS_MAX);
    assert_int_equal(counts.left_out, 1000000 - LINKS_MAX);
    assert_true(mallinfo2().uordblks <= bytes);
    assert_true(longest_run(links) < 100);
    links_destroy(links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_are_known_after_growth),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_each_link_once),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_other_sites),
        cmocka_unit_test(test_a_million_links),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_encoding_of_meta),
        cmocka_unit_test(test_encoding_is_forgotten),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
