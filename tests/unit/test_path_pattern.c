#include "executors/crawl/path_pattern.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { NO, YES };

struct match_case {
    const char *pattern, *path;
    int is_match;
};

static void check_cases(const struct match_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (path_pattern_matches(slice_of_string(cases[i].pattern),
                                 slice_of_string(cases[i].path)) != cases[i].is_match)
            fail_msg("\"%s\" %s \"%s\"", cases[i].pattern,
                     cases[i].is_match ? "does not match" : "matches", cases[i].path);
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

static void test_prefixes(void **state)
{
    static const struct match_case cases[] = {
        {"", "/", YES},           {"/", "/", YES},     {"/", "/a", YES},
        {"/a", "/a", YES},        {"/a", "/a/b", YES}, {"/a", "/ab", YES},
        {"/a", "/a?b", YES},      {"/a/", "/a", NO},   {"/a/", "/ab", NO},
        {"/ab", "/a", NO},        {"/a", "/b/a", NO},  {"a", "/a", NO},
        {"/A", "/a", NO},         {"/a", "/A", NO},    {"/a?b=c", "/a?b=c&d", YES},
        {"/a?b=c", "/a?b=C", NO}, {"/a?b", "/a", NO},
    };
    CHECK_CASES(cases);
}

static void test_stars(void **state)
{
    static const struct match_case cases[] = {
        {"*", "/", YES},
        {"/*", "/", YES},
        {"/a*", "/a", YES},
        {"/a*", "/b", NO},
        {"/*a", "/a", YES},
        {"/*a", "/bba", YES},
        {"/*a", "/bbb", NO},
        {"*.gif", "/a/b.gif", YES},
        {"/*.gif", "/.gif", YES},
        {"/a*b*c", "/a1b2c3", YES},
        {"/a*b*c", "/abc", YES},
        {"/a*b*c", "/acb", NO},
        {"/a**b", "/ab", YES},
        {"/a***b", "/a/x/b", YES},
        {"/*/b/", "/a/b/", YES},
        {"/*/b/", "/b/", NO},
        {"/*aab", "/aaab", YES},
        {"/*aba", "/ababa", YES},
        {"/a*aab*b", "/aaaabab", YES},
        {"/this/*/exactly", "/this/or/that/exactly", YES},
        {"/this/*/exactly", "/this/exactly", NO},
        {"/*?", "/a", NO},
        {"/*?", "/a?", YES},
        {"/*&sort=", "/a?b=c&sort=d", YES},
        {"/*sort=", "/a?b=c&sort=d", YES},
        {"/a*=d", "/a?b=c&sort=d", YES},
    };
    CHECK_CASES(cases);
}

static void test_ends(void **state)
{
    static const struct match_case cases[] = {
        {"$", "/", NO},
        {"$", "", YES},
        {"/$", "/", YES},
        {"/$", "/a", NO},
        {"/a$", "/a", YES},
        {"/a$", "/ab", NO},
        {"/a$", "/a?b", NO},
        {"/a*$", "/abc", YES},
        {"*$", "/abc", YES},
        {"/*.php$", "/a.php", YES},
        {"/*.php$", "/a.php5", NO},
        {"/*.php$", "/a.php?b", NO},
        {"/*.php$", "/a.php?b.php", YES},
        {"/*a$", "/aaa", YES},
        {"/*aab$", "/aabab", NO},
        {"/*aab$", "/aabaab", YES},
        {"/a$b", "/a", NO},
        {"/a$b", "/a$b", YES},
        {"/a$$", "/a$", YES},
        {"/a$$", "/a", NO},
        {"/a$*", "/a$b", YES},
        {"/a$*", "/a", NO},
    };
    CHECK_CASES(cases);
}

static void test_escapes(void **state)
{
    static const struct match_case cases[] = {
        /* RFC 9309, section 2.2.2, the table */
        {"/foo/bar?baz=quz", "/foo/bar?baz=quz", YES},
        {"/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", YES},
        {"/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar", YES},
        {"/foo/bar/\xE3\x83\x84", "/foo/bar/%E3%83%84", YES},
        {"/foo/bar/%E3%83%84", "/foo/bar/\xE3\x83\x84", YES},
        {"/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", YES},
        {"/foo/bar/%62%61%7A", "/foo/bar/baz", YES},
        {"/foo/bar/baz", "/foo/bar/%62%61%7A", YES},
        /* section 2.2.3, the table */
        {"/path/file-with-a-%2A.html", "/path/file-with-a-*.html", YES},
        {"/path/file-with-a-%2A.html", "/path/file-with-a-b.html", NO},
        {"/path/foo-%24", "/path/foo-$", YES},
        {"/path/foo-%24", "/path/foo-", NO},
        {"/path/foo-%24", "/path/foo-$bar", YES},
        /* the same by other means */
        {"/%e3%83%84", "/%E3%83%84", YES},
        {"/%E3%83%84", "/%E3%83%85", NO},
        {"/a%2Ab", "/a%2ab", YES},
        {"/a b", "/a%20b", YES},
        {"/a|b", "/a%7Cb", YES},
        {"/a:b;c", "/a%3Ab%3bc", YES},
        {"/~a", "/%7Ea", YES},
        {"/100%", "/100%25", YES},
        {"/100%", "/100%", YES},
        {"/100%zz", "/100%25zz", YES},
        {"/%", "/%41", NO},
        {"/%4", "/%41", NO},
        {"/%2541", "/%41", NO},
        {"/%C3*", "/%C3%A5", YES},
        /* delimiters at work are not their escapes */
        {"/a%2Fb", "/a/b", NO},
        {"/a/b", "/a%2Fb", NO},
        {"/a%2Fb", "/a%2fb", YES},
        {"/a%3Fb", "/a?b", NO},
        {"/a?b", "/a%3Fb", NO},
        {"/a?b?c", "/a?b%3Fc", YES},
        {"/a%3Fb/c", "/a%3Fb/c", YES},
        {"/a%3Fb/c", "/a%3Fb%2Fc", NO},
        {"/a?b%26c", "/a?b&c", NO},
        {"/a?b&c", "/a?b%26c", NO},
        {"/a?b%3Dc", "/a?b=c", NO},
        {"/a&b=c", "/a%26b%3Dc", YES},
        {"/*to=https://b", "/a?to=https%3A%2F%2Fb", YES},
        /* a star takes whole octets: none ends within an escape */
        {"/*5", "/%A5", NO},
        {"/*3%", "/%A3%25", NO},
    };
    CHECK_CASES(cases);
}

/* The path's length against the 64 positions of a word. */
static void test_word_borders(void **state)
{
    for (size_t length = 1; length < 300; length++) {
        char path[301], pattern[302];
        memset(path, 'a', length);
        path[0] = '/';
        struct slice all = slice_of(path, length);
        memcpy(pattern, path, length);
        pattern[length] = '$';
        assert_true(path_pattern_matches(slice_of(pattern, length + 1), all));
        assert_true(path_pattern_matches(slice_of(pattern, length), all));
        assert_true(path_pattern_matches(slice_of_string("*$"), all));
        assert_int_equal(path_pattern_matches(slice_of_string("/*aa$"), all), length > 2);
        pattern[length] = 'a';
        assert_false(path_pattern_matches(slice_of(pattern, length + 1), all));
        path[length - 1] = 'b';
        assert_true(path_pattern_matches(slice_of_string("*b$"), all));
        assert_false(path_pattern_matches(slice_of_string("*a$"), all));
        assert_int_equal(path_pattern_matches(slice_of_string("/*ab$"), all), length > 2);
    }
}

/* One subject, many patterns: none sees what another left, here in the second word. */
static void test_subject_is_used_again(void **state)
{
    char path[100];
    memset(path, 'a', sizeof path);
    memcpy(path, "/a/b?c=d", 8);
    struct path_subject *subject = path_subject_create(slice_of(path, sizeof path));
    for (int i = 0; i < 3; i++) {
        assert_true(path_subject_matches(subject, slice_of_string("/*aa$")));
        assert_false(path_subject_matches(subject, slice_of_string("/a/a")));
        assert_true(path_subject_matches(subject, slice_of_string("/*a")));
        assert_false(path_subject_matches(subject, slice_of_string("aa")));
        assert_false(path_subject_matches(subject, slice_of_string("/a$")));
        assert_true(path_subject_matches(subject, slice_of_string("/a/b?c=d*a$")));
        assert_false(path_subject_matches(subject, slice_of_string("/*e")));
    }
    path_subject_destroy(subject);
    path_subject_destroy(NULL);
}

static void test_any_bytes(void **state)
{
    assert_true(path_pattern_matches(slice_of("/a\0b", 4), slice_of("/a\0b", 4)));
    assert_true(path_pattern_matches(slice_of("/a\0b", 4), slice_of_string("/a%00b")));
    assert_false(path_pattern_matches(slice_of("/a\0b", 4), slice_of_string("/a")));
    assert_true(path_pattern_matches(slice_of("/\xFF", 2), slice_of_string("/%FF")));
    assert_true(path_pattern_matches((struct slice){0}, (struct slice){0}));
    assert_true(path_pattern_matches(slice_of_string("*"), (struct slice){0}));
    assert_false(path_pattern_matches(slice_of_string("/"), (struct slice){0}));
}

static void test_octets(void **state)
{
    static const struct {
        const char *pattern;
        size_t octets;
    } cases[] = {
        {"", 0},
        {"/", 1},
        {"/$", 2},
        {"/*.html$", 8},
        {"/page", 5},
        {"/%62%61%7A", 4},
        {"/?a=https://b", 13},
        {"/?a=https%3A%2F%2Fb", 13},
        {"/\xE3\x83\x84", 10},
        {"/%E3%83%84", 10},
        {"/a b", 6},
        {"/a%20b", 6},
        {"/%", 4},
        {"/%25", 4},
        {"/%00", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t octets = path_pattern_octets(slice_of_string(cases[i].pattern));
        if (octets != cases[i].octets)
            fail_msg("%s has %zu octets", cases[i].pattern, octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),     cmocka_unit_test(test_stars),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_word_borders), cmocka_unit_test(test_subject_is_used_again),
        cmocka_unit_test(test_any_bytes),    cmocka_unit_test(test_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
