#include "executors/crawl/url.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena_fixture.h"

struct reference_case {
    const char *input, *expected; /* NULL: refused */
};

static struct url parsed(const char *input)
{
    struct url url;
    struct failure failure = {0};
    if (!url_parse(slice_of_string(input), NULL, arena, &url, &failure))
        fail_msg("%s", failure.message);
    return url;
}

static void check_cases(const struct reference_case *cases, size_t count, const struct url *base)
{
    for (size_t i = 0; i < count; i++) {
        struct url url;
        bool is_url = url_parse(slice_of_string(cases[i].input), base, arena, &url, NULL);
        const char *got = is_url ? url.whole.start : "(refused)";
        if (strcmp(got, cases[i].expected ? cases[i].expected : "(refused)") != 0)
            fail_msg("%s became %s", cases[i].input, got);
    }
}

#define CHECK_CASES(cases, base) check_cases(cases, sizeof(cases) / sizeof *(cases), base)

static void test_absolute(void **state)
{
    static const struct reference_case cases[] = {
        {"http://example.com", "http://example.com/"},
        {"HTTPS://Example.COM/Path", "https://example.com/Path"},
        {"  \t http://example.com/a \n", "http://example.com/a"},
        {"\x01http://example.com/\x1f", "http://example.com/"},
        {"ht\ntp://exa\tmple.com/a\r\nb", "http://example.com/ab"},
        {"http:example.com/a", "http://example.com/a"},
        {"http:\\\\example.com\\a\\b", "http://example.com/a/b"},
        {"https:////example.com/a", "https://example.com/a"},
        {"http://example.com?q", "http://example.com/?q"},
        {"http://example.com#f", "http://example.com/"},
        {"http://example.com/a#f?q", "http://example.com/a"},
        {"http://example.com/a?", "http://example.com/a"},
        {"http://u:p@example.com/", "http://example.com/"},
        {"http://u@v:p@example.com/", "http://example.com/"},
        {"http://example.com:80/", "http://example.com/"},
        {"http://example.com:/", "http://example.com/"},
        {"https://example.com:443/", "https://example.com/"},
        {"https://example.com:80/", "https://example.com:80/"},
        {"http://example.com:00081/", "http://example.com:81/"},
        {"http://example.com:65535/", "http://example.com:65535/"},
        {"http://example.com:65536/", NULL},
        {"http://example.com:8a/", NULL},
        {"http://example.com:-1/", NULL},
        {"http://", NULL},
        {"http:///", NULL},
        {"http://:80/", NULL},
        {"http://u@/", NULL},
        {"", NULL},
        {"foo", NULL},
        {"//example.com/", NULL},
        {"/path", NULL},
        {"ftp://example.com/", NULL},
        {"mailto:a@example.com", NULL},
        {"javascript:void(0)", NULL},
        {"1http://example.com/", NULL},
    };
    CHECK_CASES(cases, NULL);
}

static void test_hosts(void **state)
{
    static const struct reference_case cases[] = {
        {"http://ex%41mple.com/", "http://example.com/"},
        {"http://a b/", NULL},
        {"http://a%20b/", NULL},
        {"http://a%2fb/", NULL},
        {"http://a%zzb/", NULL},
        {"http://a^b/", NULL},
        {"http://example.com./", "http://example.com./"},
        {"http://under_score.example.com/", "http://under_score.example.com/"},
        {"http://127.0.0.1/", "http://127.0.0.1/"},
        {"http://127.1/", "http://127.0.0.1/"},
        {"http://0x7F.0.0.1/", "http://127.0.0.1/"},
        {"http://0177.0.0.1./", "http://127.0.0.1/"},
        {"http://2130706433/", "http://127.0.0.1/"},
        {"http://0x/", "http://0.0.0.0/"},
        {"http://4294967296/", NULL},
        {"http://256.0.0.1/", NULL},
        {"http://1.2.3.4.5/", NULL},
        {"http://1..2/", NULL},
        {"http://08.1/", NULL},
        {"http://a.1/", NULL},
        {"http://1.a/", "http://1.a/"},
        {"http://[::1]/", "http://[::1]/"},
        {"http://[::1]:8080/", "http://[::1]:8080/"},
        {"http://[2001:DB8:0:0:1:0:0:1]/", "http://[2001:db8::1:0:0:1]/"},
        {"http://[1:0:0:2:0:0:0:3]/", "http://[1:0:0:2::3]/"},
        {"http://[1:2:3:4:5:6:0:8]/", "http://[1:2:3:4:5:6:0:8]/"},
        {"http://[1::]/", "http://[1::]/"},
        {"http://[::]/", "http://[::]/"},
        {"http://[::ffff:1.2.3.4]/", "http://[::ffff:102:304]/"},
        {"http://[::1/", NULL},
        {"http://[::1%eth0]/", NULL},
        {"http://[]/", NULL},
        {"http://[::1]x/", NULL},
        {"http://::1/", NULL},
    };
    CHECK_CASES(cases, NULL);
}

/* What the test data of test_url_vectors.c says little about. */
static void test_international_hosts(void **state)
{
    static const struct reference_case cases[] = {
        {"http://bücher.de/", "http://xn--bcher-kva.de/"},
        {"http://B%C3%9Ccher.de/", "http://xn--bcher-kva.de/"},
        {"http://b\x75\xCC\x88"
         "cher.de/",
         "http://xn--bcher-kva.de/"},
        {"http://b\xFC"
         "cher.de/",
         NULL},
        {"http://xn--bcher-kva.de/", "http://xn--bcher-kva.de/"},
        {"http://XN--BCHER-KVA.de/", "http://xn--bcher-kva.de/"},
        {"http://日本語。ＪＰ/", "http://xn--wgv71a119e.jp/"},
        {"http://☕.example/", "http://xn--53h.example/"},
        {"http://faß.de/", "http://xn--fa-hia.de/"},
        {"http://ＥＸＡＭＰＬＥ.com/", "http://example.com/"},
        {"http://１２７．１/", "http://127.0.0.1/"},
        {"http://ü.r3---sn-x.de/", "http://xn--tda.r3---sn-x.de/"},
        {"http://-ü_.de/", "http://xn---_-xka.de/"},
        {"http://ü..de/", "http://xn--tda..de/"},
        {"http://ü.de./", "http://xn--tda.de./"},
        {"http://क्\xE2\x80\x8Dष.in/", "http://xn--11b2ezcw70k.in/"},
        {"http://a\xE2\x80\x8D"
         "b.in/",
         NULL},                            /* a joiner that joins nothing */
        {"http://\xCC\x88u.de/", NULL},    /* a mark with nothing to stand on */
        {"http://\xD8\xA7\x61.de/", NULL}, /* both directions in one label */
        {"http://\xC2\xAD/", NULL},        /* a soft hyphen, and nothing is left */
        {"http://xn--/", NULL},
        {"http://xn--a-/", NULL},               /* "a", needlessly encoded */
        {"http://xn--zca.xn--99999999/", NULL}, /* decodes to nothing */
        {"http://xn--1ug.in/", NULL},           /* the joiner that joins nothing, encoded */
        {"http://xn--a-ecp.ru/", NULL},         /* is not what its own decoded form would become */
        {"http://ü%00.de/", NULL},
        {"http://ü%2F.de/", NULL},
        {"http://ü／.de/", NULL}, /* a wide slash becomes a slash */
        {"http://℀.de/", NULL},
    };
    CHECK_CASES(cases, NULL);
}

static void test_long_hosts(void **state)
{
    struct text input = {0};
    struct url url;
    text_append_string(&input, "http://");
    for (int i = 0; i < 255; i++)
        text_append_char(&input, i % 50 == 49 ? '.' : 'a');
    assert_true(url_parse(text_slice(&input), NULL, arena, &url, NULL));
    assert_int_equal(url.host.length, 255);
    text_append_char(&input, 'a');
    assert_false(url_parse(text_slice(&input), NULL, arena, &url, NULL));
    text_append_string(&input, "\xC3\xBC");
    assert_false(url_parse(text_slice(&input), NULL, arena, &url, NULL));
    text_finish(&input);
}

static void test_paths(void **state)
{
    static const struct reference_case cases[] = {
        {"http://a/b/./c", "http://a/b/c"},
        {"http://a/b/../c", "http://a/c"},
        {"http://a/../../c", "http://a/c"},
        {"http://a/b/..", "http://a/"},
        {"http://a/b/c/..", "http://a/b/"},
        {"http://a/b/.", "http://a/b/"},
        {"http://a/.", "http://a/"},
        {"http://a/..", "http://a/"},
        {"http://a/b/%2E%2e/c", "http://a/c"},
        {"http://a/b/.%2e", "http://a/"},
        {"http://a/b/%2e/c", "http://a/b/c"},
        {"http://a/b/.../c", "http://a/b/.../c"},
        {"http://a//b//c", "http://a//b//c"},
        {"http://a/b//../c", "http://a/b/c"},
        {"http://a/b\\..\\c", "http://a/c"},
        {"http://a/%7Euser/%41", "http://a/~user/A"},
        {"http://a/%c3%bc%2f", "http://a/%C3%BC%2F"},
        {"http://a/\xC3\xBC", "http://a/%C3%BC"},
        {"http://a/\xFC", "http://a/%FC"},
        {"http://a/b c\"<>`{}^", "http://a/b%20c%22%3C%3E%60%7B%7D%5E"},
        {"http://a/[1]|'()*!$&+,;=:@", "http://a/[1]|'()*!$&+,;=:@"},
        {"http://a/100%", "http://a/100%25"},
        {"http://a/%4", "http://a/%254"},
        {"http://a/%%34%31", "http://a/%2541"},
        {"http://a/\x7F", "http://a/%7F"},
    };
    CHECK_CASES(cases, NULL);
}

static void test_queries(void **state)
{
    static const struct reference_case cases[] = {
        {"http://a/?b=c&d=e", "http://a/?b=c&d=e"},
        {"http://a/?b c'\"<>", "http://a/?b%20c%27%22%3C%3E"},
        {"http://a/?{}|\\^`/?", "http://a/?{}|\\^`/?"},
        {"http://a/?b=../c", "http://a/?b=../c"},
        {"http://a/?%7e=%C3%bc+x", "http://a/?~=%C3%BC+x"},
        {"http://a/?&", "http://a/?&"},
        {"http://a/?b&&c", "http://a/?b&&c"},
        {"http://a/?utm_source=x", "http://a/"},
        {"http://a/?utm_source=x&b=c", "http://a/?b=c"},
        {"http://a/?b=c&utm_source=x", "http://a/?b=c"},
        {"http://a/?b=c&UTM_Medium=x&gclid=1&d=e&fbclid", "http://a/?b=c&d=e"},
        {"http://a/?utm%5Fsource=x&b", "http://a/?b"},
        {"http://a/?mc_cid=1&mc_eid=2&msclkid=3", "http://a/"},
        {"http://a/?utm=1", "http://a/?utm=1"},
        {"http://a/?gclid2=1", "http://a/?gclid2=1"},
        {"http://a/?b=gclid", "http://a/?b=gclid"},
        {"http://a/utm_source=1/?b", "http://a/utm_source=1/?b"},
    };
    CHECK_CASES(cases, NULL);
}

static void test_relative(void **state)
{
    /* The first ones are RFC 3986, section 5.4, where it agrees with browsers. */
    static const struct reference_case cases[] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../../../g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g/../h;x=1/./y", "http://a/b/c/h;x=1/y"},
        {"http:g", "http://a/b/c/g"},
        {"http:/g", "http://a/g"},
        {"http://g", "http://g/"},
        {"https:g", "https://g/"},
        {"https://g/", "https://g/"},
        {"?", "http://a/b/c/d;p"},
        {"\\g", "http://a/g"},
        {"\\\\g\\h", "http://g/h"},
        {"/\\g", "http://g/"},
        {"///g", "http://g/"},
        {" g ", "http://a/b/c/g"},
        {"g:h", NULL},
        {"tel:1", NULL},
        {"//", NULL},
        {"?utm_source=x", "http://a/b/c/d;p"},
        {"a:b/c", NULL},
        {"./a:b", "http://a/b/c/a:b"},
    };
    struct url base = parsed("http://a/b/c/d;p?q");
    CHECK_CASES(cases, &base);
    base = parsed("https://a:8443/b");
    static const struct reference_case with_port[] = {
        {"c", "https://a:8443/c"}, {"//a/c", "https://a/c"}, {"/", "https://a:8443/"}};
    CHECK_CASES(with_port, &base);
}

static void assert_slice(struct slice slice, const char *expected)
{
    assert_int_equal(slice.length, strlen(expected));
    assert_memory_equal(slice.start, expected, slice.length);
}

static void test_parts(void **state)
{
    struct url url = parsed("https://example.com:8443/a/b?c=d#e");
    assert_slice(url.scheme, "https");
    assert_slice(url.host, "example.com");
    assert_slice(url.path, "/a/b");
    assert_slice(url.query, "c=d");
    assert_int_equal(url.port, 8443);
    assert_int_equal(url.whole.start[url.whole.length], '\0');
    url = parsed("http://example.com");
    assert_int_equal(url.port, 80);
    assert_null(url.query.start);
    struct arena *other = arena_create(64);
    struct url copy = url_copy(&url, other);
    arena_reset(arena);
    assert_slice(copy.whole, "http://example.com/");
    assert_slice(copy.host, "example.com");
    assert_null(copy.query.start);
    arena_destroy(other);
}

static void test_result_may_be_the_base(void **state)
{
    struct url url = parsed("http://example.com/a/b");
    assert_true(url_parse(slice_of_string("../c"), &url, arena, &url, NULL));
    assert_slice(url.whole, "http://example.com/c");
}

static void test_length_limit(void **state)
{
    char input[URL_BYTES_MAX + 1];
    memset(input, 'a', sizeof input);
    memcpy(input, "http://a/", 9);
    struct url url;
    struct failure failure;
    assert_true(url_parse(slice_of(input, URL_BYTES_MAX), NULL, arena, &url, NULL));
    assert_int_equal(url.whole.length, URL_BYTES_MAX);
    assert_false(url_parse(slice_of(input, URL_BYTES_MAX + 1), NULL, arena, &url, &failure));
    assert_non_null(strstr(failure.message, "longer than 8192 bytes"));

    /* It fits when it comes and no more when it is escaped, not even on the way. */
    memset(input + 9, ' ', URL_BYTES_MAX - 9);
    input[URL_BYTES_MAX - 1] = '.';
    assert_false(url_parse(slice_of(input, URL_BYTES_MAX), NULL, arena, &url, &failure));
    memset(input + 9, 'a', URL_BYTES_MAX - 9);
    memcpy(input + URL_BYTES_MAX - 6, " /../x", 6);
    assert_true(url_parse(slice_of(input, URL_BYTES_MAX), NULL, arena, &url, NULL));
    assert_slice(url.whole, "http://a/x");
    memcpy(input + URL_BYTES_MAX - 8, "   /../x", 8);
    assert_false(url_parse(slice_of(input, URL_BYTES_MAX), NULL, arena, &url, &failure));
}

static void test_failure_speaks(void **state)
{
    struct url url;
    struct failure failure;
    assert_false(url_parse(slice_of_string("foo"), NULL, arena, &url, &failure));
    assert_int_equal(failure.class, FAILURE_INPUT);
    assert_string_equal(failure.message, "\"foo\" is not a URL: it has no scheme");
    assert_true(failure.hint[0] != '\0');
    assert_false(url_parse(slice_of_string("ftp://a/\xFF"), NULL, arena, &url, &failure));
    assert_string_equal(failure.message, "\"ftp://a/\xEF\xBF\xBD\" is not a URL: its scheme is "
                                         "neither http nor https");
}

static void test_same_site(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        {"http://example.com/", "https://www.example.com/x", true},
        {"http://example.com/", "http://example.com:8080/", false},
        {"http://example.com:8080/", "https://example.com:8080/", true},
        {"http://example.com:443/", "https://example.com/", true},
        {"https://example.com:80/", "https://example.com/", false},
        {"http://example.com/", "http://blog.example.com/", false},
        {"http://example.com/", "http://example.org/", false},
        {"http://www.www.example.com/", "http://www.example.com/", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url a = parsed(cases[i].a), b = parsed(cases[i].b);
        assert_int_equal(url_is_same_site(&a, &b), cases[i].is_same);
        assert_int_equal(url_is_same_site(&b, &a), cases[i].is_same);
    }
}

static void test_on_site(void **state)
{
    static const struct {
        const char *url, *start;
        bool is_on_site, is_with_subdomains;
    } cases[] = {
        {"http://www.example.com/x", "https://example.com/", true, true},
        {"http://blog.example.com/", "http://www.example.com/", false, true},
        {"http://blog.example.com/", "http://example.com/", false, true},
        {"https://a.b.example.com/", "http://example.com/", false, true},
        {"http://www.blog.example.com/", "http://blog.example.com/", true, true},
        {"http://example.com/", "http://blog.example.com/", false, false},
        {"http://shop.example.com/", "http://blog.example.com/", false, false},
        {"http://notexample.com/", "http://example.com/", false, false},
        {"http://not-example.com/", "http://www.example.com/", false, false},
        {"http://example.com.evil.org/", "http://example.com/", false, false},
        {"http://.example.com/", "http://example.com/", false, false},
        {"http://blog.example.com:8080/", "http://example.com/", false, false},
        {"http://blog.example.com:8080/", "https://example.com:8080/", false, true},
        {"http://example.com:8080/", "http://example.com/", false, false},
        {"http://other.com/", "http://www.com/", false, false},
        {"http://a.www.com/", "http://www.com/", false, true},
        {"http://127.0.0.1/", "http://127.0.0.1/", true, true},
        {"http://127.0.0.2/", "http://0.0.2/", false, false},
        {"http://1.127.0.1/", "http://127.0.0.1/", false, false},
        {"http://[::1]/", "http://[::1]/", true, true},
        {"http://[1::1]/", "http://[::1]/", false, false},
        {"http://b.xn--bcher-kva.de/", "http://www.bücher.de/", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url url = parsed(cases[i].url), start = parsed(cases[i].start);
        if (url_is_on_site(&url, &start, false) != cases[i].is_on_site ||
            url_is_on_site(&url, &start, true) != cases[i].is_with_subdomains)
            fail_msg("%s and %s", cases[i].url, cases[i].start);
    }
}

/* Each of the list is dropped, in any case, and nothing that may choose what is shown. */
static void test_tracking_parameters(void **state)
{
    static const char *const kept[] = {
        "ref",    "referrer", "source", "src",    "id",      "cid",    "sid",   "page",
        "p",      "lang",     "hl",     "locale", "q",       "s",      "tab",   "sort",
        "filter", "campaign", "tag",    "v",      "amp",     "token",  "key",   "utm",
        "mtm",    "ga",       "gl",     "_g",     "fb",      "pk",     "pk_id", "mc",
        "click",  "trk",      "date",   "type",   "variant", "gclid_", "xgclid"};
    struct text input = {0};
    size_t count = 0;
    for (const char *const *name = url_tracking_parameters(); *name; name++, count++) {
        text_clear(&input);
        text_append_format(&input, "http://a/?%s=1&b&%s", *name, *name);
        for (char *at = input.start; *at; at++)
            *at = *at == '*' ? 'x' : *at;
        assert_string_equal(parsed(text_string(&input)).whole.start, "http://a/?b");
        for (char *at = input.start + 10; *at; at++)
            *at = *at == 'b' ? 'b' : (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
        assert_null(strstr(parsed(text_string(&input)).whole.start, "=1"));
    }
    assert_true(count > 60);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        text_clear(&input);
        text_append_format(&input, "http://a/?%s=1", kept[i]);
        assert_string_equal(parsed(text_string(&input)).whole.start, text_string(&input));
    }
    text_finish(&input);
}

/* The expected values are what PostgreSQL's sha256() gives for the same text. */
static void test_hash_and_key(void **state)
{
    char key[URL_KEY_BYTES];
    url_key(slice_of_string("https://example.com/"), key);
    assert_string_equal(key, "0f115db062b7c0dd030b16878c99dea5");
    assert_true(url_hash(slice_of_string("https://example.com/")) == 0x0f115db062b7c0ddu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absolute),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_international_hosts),
        cmocka_unit_test(test_long_hosts),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_relative),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_result_may_be_the_base),
        cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_failure_speaks),
        cmocka_unit_test(test_same_site),
        cmocka_unit_test(test_on_site),
        cmocka_unit_test(test_tracking_parameters),
        cmocka_unit_test(test_hash_and_key),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
