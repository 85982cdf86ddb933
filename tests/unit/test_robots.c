#include "executors/crawl/robots.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum verdict { FORBIDDEN, ALLOWED };

struct verdict_case {
    const char *agent, *file, *path;
    enum verdict expected;
};

static struct robots *parsed(const char *file, const char *agent)
{
    return robots_parse(slice_of_string(file), slice_of_string(agent));
}

static void check_cases(const struct verdict_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct robots *robots = parsed(cases[i].file, cases[i].agent);
        if (robots_allows(robots, slice_of_string(cases[i].path), NULL) != cases[i].expected)
            fail_msg("%s is %s for %s by\n%s", cases[i].path,
                     cases[i].expected ? "forbidden" : "allowed", cases[i].agent, cases[i].file);
        robots_destroy(robots);
    }
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

/* ---- The examples of RFC 9309 ---- */

static void test_rfc_agents(void **state)
{
    /* section 2.2.1: two groups for one agent are one */
    static const char merged[] = "user-agent: ExampleBot\n"
                                 "disallow: /foo\n"
                                 "disallow: /bar\n"
                                 "\n"
                                 "user-agent: ExampleBot\n"
                                 "disallow: /baz\n";
    /* section 2.2.1: nobody's group but that of "*" */
    static const char star[] = "user-agent: *\n"
                               "disallow: /foo\n"
                               "disallow: /bar\n"
                               "\n"
                               "user-agent: BazBot\n"
                               "disallow: /baz\n";
    static const struct verdict_case cases[] = {
        {"ExampleBot", merged, "/foo", FORBIDDEN}, {"ExampleBot", merged, "/bar", FORBIDDEN},
        {"ExampleBot", merged, "/baz", FORBIDDEN}, {"ExampleBot", merged, "/", ALLOWED},
        {"examplebot", merged, "/baz", FORBIDDEN}, {"EXAMPLEBOT", merged, "/foo", FORBIDDEN},
        {"OtherBot", merged, "/foo", ALLOWED},     {"ExampleBot", star, "/foo", FORBIDDEN},
        {"ExampleBot", star, "/bar", FORBIDDEN},   {"ExampleBot", star, "/baz", ALLOWED},
        {"BazBot", star, "/foo", ALLOWED},         {"BazBot", star, "/baz", FORBIDDEN},
    };
    CHECK_CASES(cases);
}

/* Sections 2.2.2 and 2.2.3, the tables; test_path_pattern.c has them both ways round. */
static void test_rfc_escapes(void **state)
{
    static const struct verdict_case cases[] = {
        {"Pawl", "user-agent: *\ndisallow: /foo/bar?baz=quz", "/foo/bar?baz=quz", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /foo/bar?baz=https://foo.bar",
         "/foo/bar?baz=https%3A%2F%2Ffoo.bar", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /foo/bar/\xE3\x83\x84", "/foo/bar/%E3%83%84", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /foo/bar/%62%61%7A", "/foo/bar/baz", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html",
         FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /path/foo-%24", "/path/foo-$", FORBIDDEN},
        {"Pawl", "user-agent: *\nallow: / # comment in line\ndisallow: /x", "/", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nallow: /this/path/exactly$", "/this/path/exactly",
         ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nallow: /this/path/exactly$", "/this/path/exactly/not",
         FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /\nallow: /this/*/exactly", "/this/path/exactly",
         ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nallow: /this/*/exactly", "/this/path/not", FORBIDDEN},
    };
    CHECK_CASES(cases);
}

static void test_rfc_simple_example(void **state)
{
    static const char file[] = "User-Agent: *\n" /* section 5.1 */
                               "Disallow: *.gif$\n"
                               "Disallow: /example/\n"
                               "Allow: /publications/\n"
                               "\n"
                               "User-Agent: foobot\n"
                               "Disallow:/\n"
                               "Allow:/example/page.html\n"
                               "Allow:/example/allowed.gif\n"
                               "\n"
                               "User-Agent: barbot\n"
                               "User-Agent: bazbot\n"
                               "Disallow: /example/page.html\n"
                               "\n"
                               "User-Agent: quxbot\n"
                               "\n"
                               "EOF\n";
    static const struct verdict_case cases[] = {
        {"Pawl", file, "/", ALLOWED},
        {"Pawl", file, "/a.gif", FORBIDDEN},
        {"Pawl", file, "/a.gif?b", ALLOWED},
        {"Pawl", file, "/example/", FORBIDDEN},
        {"Pawl", file, "/example", ALLOWED},
        {"Pawl", file, "/publications/", ALLOWED},
        {"Pawl", file, "/publications/a.gif", ALLOWED}, /* 14 octets against 6 */
        {"foobot", file, "/", FORBIDDEN},
        {"foobot", file, "/publications/", FORBIDDEN},
        {"foobot", file, "/example/page.html", ALLOWED},
        {"foobot", file, "/example/allowed.gif", ALLOWED},
        {"foobot", file, "/example/other.gif", FORBIDDEN},
        {"barbot", file, "/example/page.html", FORBIDDEN},
        {"bazbot", file, "/example/page.html", FORBIDDEN},
        {"barbot", file, "/example/other.gif", ALLOWED},
        {"bazbot", file, "/", ALLOWED},
        {"quxbot", file, "/example/page.html", ALLOWED},
        {"quxbot", file, "/a.gif", ALLOWED},
    };
    CHECK_CASES(cases);
}

static void test_rfc_longest_match(void **state)
{
    static const char file[] = "User-Agent: foobot\n" /* section 5.2 */
                               "Allow: /example/page/\n"
                               "Disallow: /example/page/disallowed.gif\n";
    static const struct verdict_case cases[] = {
        {"foobot", file, "/example/page/disallowed.gif", FORBIDDEN},
        {"foobot", file, "/example/page/", ALLOWED},
        {"foobot", file, "/example/page/other.gif", ALLOWED},
        {"foobot", file, "/", ALLOWED},
    };
    CHECK_CASES(cases);
}

/* ---- Which rule decides ---- */

static void test_the_longest_rule_decides(void **state)
{
    static const struct verdict_case cases[] = {
        {"Pawl", "user-agent: *\nallow: /p\ndisallow: /", "/page", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nallow: /p", "/page", ALLOWED},
        {"Pawl", "user-agent: *\nallow: /\ndisallow: /p", "/page", FORBIDDEN},
        {"Pawl", "user-agent: *\nallow: /folder\ndisallow: /folder", "/folder/page", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /folder\nallow: /folder", "/folder/page", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /%66older\nallow: /folder", "/folder", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /a%3Ab\nallow: /a:b", "/a:b", ALLOWED},
        {"Pawl", "user-agent: *\nallow: /page\ndisallow: /*.htm", "/page.htm", FORBIDDEN},
        {"Pawl", "user-agent: *\nallow: /page\ndisallow: /*.ph", "/page.php5", ALLOWED},
        {"Pawl", "user-agent: *\nallow: /$\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: *\nallow: /$\ndisallow: /", "/page", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /*?\nallow: /*?page=", "/a?page=2", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /*?\nallow: /*?page=", "/a?sort=2", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /*?\nallow: /*?page=", "/a", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /*?s=\nallow: /\xE3\x83\x84", "/%E3%83%84?s=", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /a\ndisallow: /a\nallow: /a", "/a", ALLOWED},
    };
    CHECK_CASES(cases);
}

static void test_paths(void **state)
{
    static const struct verdict_case cases[] = {
        {"Pawl", "user-agent: *\ndisallow: /Private", "/private", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /Private", "/Private", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /fish", "/fish.html", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /fish", "/fishheads?a=b", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /fish", "/catfish", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /fish/", "/fish", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /fish*.php", "/fishheads/a.php?b", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /*.php$", "/a.php?b", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /*.php$", "/a/b.php", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /a?b=", "/a?b=c", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: fish", "/fish", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: *fish", "/catfish", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: http://a.example/fish", "/fish", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow:", "/", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: # all\n", "/", ALLOWED},
        {"Pawl", "user-agent: *\nallow:\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /", "/robots.txt", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /robots.txt", "/robots.txt", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /", "/robots.txt/a", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /", "/robots.txt?a", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /", "/Robots.txt", FORBIDDEN},
        {"Pawl", "", "/", ALLOWED},
        {"Pawl", "<!doctype html><title>Not found</title>", "/", ALLOWED},
    };
    CHECK_CASES(cases);
}

/* ---- Groups ---- */

static void test_agents(void **state)
{
    static const struct verdict_case cases[] = {
        {"Pawl", "user-agent: Pawl\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "USER-AGENT:pawl\nDISALLOW:/", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl/0.1\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl/0.1 (+crawler)\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl # ours\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl*\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: PawlBot\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: Pawl-News\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: Pawl2\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: Paw\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: P\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: MyPawl\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: Other Pawl\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent:\ndisallow: /", "/", ALLOWED},
        {"", "user-agent:\ndisallow: /", "/", ALLOWED},
        {"", "user-agent: *\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: **\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: *bot\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: * \t\ndisallow: /", "/", FORBIDDEN},
        {"MJ12bot", "user-agent: MJ12bot\ndisallow: /", "/", FORBIDDEN},
        {"archive.org_bot", "user-agent: archive.org_bot\ndisallow: /", "/", FORBIDDEN},
        /* the star's group only when there is no other, however empty that is */
        {"Pawl", "user-agent: *\ndisallow: /\nuser-agent: Pawl\nallow: /x", "/y", ALLOWED},
        {"Pawl", "user-agent: Pawl\nallow: /x\nuser-agent: *\ndisallow: /", "/y", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nuser-agent: Pawl\ndisallow:", "/", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nuser-agent: Pawl", "/", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /\nuser-agent: PawlBot\nallow: /", "/", FORBIDDEN},
        /* both in one group */
        {"Pawl", "user-agent: *\nuser-agent: Pawl\ndisallow: /", "/", FORBIDDEN},
        {"Other", "user-agent: *\nuser-agent: Pawl\ndisallow: /", "/", FORBIDDEN},
    };
    CHECK_CASES(cases);
}

static void test_groups(void **state)
{
    static const struct verdict_case cases[] = {
        /* rules before the first user-agent line */
        {"Pawl", "disallow: /\nuser-agent: *\ndisallow: /x", "/", ALLOWED},
        {"Pawl", "disallow: /", "/", ALLOWED},
        /* groups of one agent with others in between */
        {"Pawl",
         "user-agent: Pawl\ndisallow: /a\nuser-agent: b\ndisallow: /b\nuser-agent: pawl/2\n"
         "disallow: /c",
         "/c", FORBIDDEN},
        {"Pawl",
         "user-agent: Pawl\ndisallow: /a\nuser-agent: b\ndisallow: /b\nuser-agent: pawl/2\n"
         "disallow: /c",
         "/b", ALLOWED},
        {"Pawl",
         "user-agent: *\ndisallow: /a\nuser-agent: b\ndisallow: /b\nuser-agent: *\n"
         "disallow: /c",
         "/a", FORBIDDEN},
        {"Pawl",
         "user-agent: *\ndisallow: /a\nuser-agent: b\ndisallow: /b\nuser-agent: *\n"
         "disallow: /c",
         "/c", FORBIDDEN},
        /* several agents, the one of interest first, in the middle, last */
        {"Pawl", "user-agent: Pawl\nuser-agent: b\nuser-agent: c\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: a\nuser-agent: Pawl\nuser-agent: c\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: a\nuser-agent: b\nuser-agent: Pawl\ndisallow: /", "/", FORBIDDEN},
        /* blank lines separate nothing */
        {"Pawl", "user-agent: Pawl\n\n\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl\n\nuser-agent: b\n\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl\ndisallow: /a\n\ndisallow: /b", "/b", FORBIDDEN},
        /* nor do other records (section 2.2.4) and comments */
        {"Pawl", "user-agent: Pawl\nnonsense\nuser-agent: b\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl\nhost: x\nuser-agent: b\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl\ncrawl-delay: 1\nuser-agent: b\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "user-agent: Pawl\nsitemap: http://a/\nuser-agent: b\ndisallow: /", "/",
         FORBIDDEN},
        {"Pawl", "user-agent: Pawl\ndisallow: /a\nsitemap: http://a/\ndisallow: /b", "/b",
         FORBIDDEN},
        {"Pawl", "user-agent: Pawl\n# why\nuser-agent: b\ndisallow: /", "/", FORBIDDEN},
        /* a rule ends the list of agents, an empty one too */
        {"Pawl", "user-agent: Pawl\ndisallow: /a\nuser-agent: b\ndisallow: /b", "/b", ALLOWED},
        {"Pawl", "user-agent: Pawl\ndisallow:\nuser-agent: b\ndisallow: /", "/", ALLOWED},
        {"Pawl", "user-agent: Pawl\nallow:\nuser-agent: b\ndisallow: /", "/", ALLOWED},
    };
    CHECK_CASES(cases);
}

/* ---- Lines ---- */

static void test_lines(void **state)
{
    static const struct verdict_case cases[] = {
        {"Pawl", "user-agent: *\r\ndisallow: /a\r\ndisallow: /b\r\n", "/b", FORBIDDEN},
        {"Pawl", "user-agent: *\r\ndisallow: /a$\r\n", "/a", FORBIDDEN},
        {"Pawl", "user-agent: *\rdisallow: /a\rdisallow: /b", "/b", FORBIDDEN},
        {"Pawl", "user-agent: *\n\rdisallow: /a\r\r\ndisallow: /b", "/b", FORBIDDEN},
        {"Pawl", "\xEF\xBB\xBFuser-agent: *\ndisallow: /", "/", FORBIDDEN},
        {"Pawl", "\n\xEF\xBB\xBFuser-agent: *\ndisallow: /", "/", ALLOWED},
        {"Pawl", " \tuser-agent\t : \t*\t \n\t disallow : /a \t", "/a", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /a #b", "/a", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /a#b", "/a", FORBIDDEN},
        {"Pawl", "user-agent: *\n#disallow: /a", "/a", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow #: /a", "/a", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow /a", "/a", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow:: /a", "/a", ALLOWED},
        {"Pawl", "user-agent: *\ndisallow: /a:b", "/a:b", FORBIDDEN},
        {"Pawl", "user-agent: *\ndisallow: /a b", "/a%20b", FORBIDDEN},
        {"Pawl", "user-agent: *\n: /a\nx-disallow: /a\ndisallowed: /a", "/a", ALLOWED},
        {"Pawl", "user-agent: *\nallow: /\n\xFF\xFE: \xC0\ndisallow: /\xFF", "/%FF", FORBIDDEN},
        {"Pawl", "useragent: *\ndissallow: /a\ndisalow: /b", "/b", FORBIDDEN},
    };
    CHECK_CASES(cases);
}

static void test_zero_bytes(void **state)
{
    static const char file[] = "\0user-agent: x\n\0\nuser-agent: Pawl\n"
                               "disallow: /a\0b\ndis\0allow: /c\ndisallow: /d\0";
    struct robots *robots = robots_parse(slice_of(file, sizeof file - 1), slice_of_string("Pawl"));
    assert_true(robots_allows(robots, slice_of_string("/a"), NULL));
    assert_false(robots_allows(robots, slice_of_string("/a%00b"), NULL));
    assert_false(robots_allows(robots, slice_of("/a\0b", 4), NULL));
    assert_true(robots_allows(robots, slice_of_string("/c"), NULL));
    assert_true(robots_allows(robots, slice_of_string("/d"), NULL));
    assert_false(robots_allows(robots, slice_of_string("/d%00"), NULL));
    robots_destroy(robots);
}

static void test_nothing_at_all(void **state)
{
    struct robots *robots = robots_parse((struct slice){0}, (struct slice){0});
    assert_true(robots_allows(robots, slice_of_string("/"), NULL));
    assert_true(robots_allows(robots, (struct slice){0}, NULL));
    assert_int_equal(robots_sitemap_count(robots), 0);
    assert_true(robots_crawl_delay_s(robots) == -1);
    robots_destroy(robots);
    robots_destroy(NULL);
}

/* A file that is `length` bytes long and ends with the line; comments fill it up. */
static struct text file_with_end(size_t length, const char *line)
{
    struct text file = {0};
    text_append_string(&file, "user-agent: *\n");
    while (file.length + strlen(line) + 1 < length)
        text_append_char(&file, file.length % 80 ? '#' : '\n');
    text_append_char(&file, '\n');
    text_append_string(&file, line);
    assert_int_equal(file.length, length);
    return file;
}

static bool allows(const struct text *file, const char *path)
{
    struct robots *robots = robots_parse(text_slice(file), slice_of_string("Pawl"));
    bool is_allowed = robots_allows(robots, slice_of_string(path), NULL);
    robots_destroy(robots);
    return is_allowed;
}

static void test_the_limit_cuts(void **state)
{
    static const struct {
        size_t length;
        const char *line, *behind;
        enum verdict expected;
    } cases[] = {
        {ROBOTS_BYTES_MAX, "disallow: /abc", "", FORBIDDEN},
        {ROBOTS_BYTES_MAX, "disallow: /abc", "\n", FORBIDDEN},
        {ROBOTS_BYTES_MAX, "disallow: /abc\n", "#", FORBIDDEN},
        {ROBOTS_BYTES_MAX, "disallow: /abc\r", "\n", FORBIDDEN},
        {ROBOTS_BYTES_MAX, "disallow: /a", "bc", ALLOWED}, /* not /a, which nobody wrote */
        {ROBOTS_BYTES_MAX, "disallow: /ab", "c\n", ALLOWED},
        {ROBOTS_BYTES_MAX, "", "disallow: /abc", ALLOWED},
        {ROBOTS_BYTES_MAX, "\n", "disallow: /abc", ALLOWED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text file = file_with_end(cases[i].length, cases[i].line);
        text_append_string(&file, cases[i].behind);
        if (allows(&file, "/abc") != cases[i].expected)
            fail_msg("row %zu", i);
        text_finish(&file);
    }
}

static void test_lines_of_any_length(void **state)
{
    struct text file = {0}, path = {0};
    text_append_string(&path, "/");
    while (path.length < 200000)
        text_append_string(&path, "long/");
    text_append_string(&file, "user-agent: *\nx");
    text_append_slice(&file, text_slice(&path));
    text_append_string(&file, ": x\ndisallow: ");
    text_append_slice(&file, text_slice(&path));
    struct robots *robots = robots_parse(text_slice(&file), slice_of_string("Pawl"));
    struct slice rule;
    assert_false(robots_allows(robots, text_slice(&path), &rule));
    assert_int_equal(rule.length, path.length + strlen("disallow: "));
    assert_true(robots_allows(robots, slice_of(path.start, path.length - 1), NULL));
    robots_destroy(robots);

    text_clear(&file); /* one line, longer than the limit: nothing is left */
    text_append_string(&file, "disallow: /");
    while (file.length <= ROBOTS_BYTES_MAX)
        text_append_slice(&file, text_slice(&path));
    assert_true(allows(&file, "/"));
    text_finish(&file);
    text_finish(&path);
}

/* ---- What else is said ---- */

static void test_the_line_that_decides(void **state)
{
    static const char file[] = "User-Agent: *\n"
                               "  Disallow :/a   # why\n"
                               "Allow: /a/b\n"
                               "allow: /a/%62\n"
                               "disallow: /a/b\n";
    static const struct {
        const char *path, *line;
    } cases[] = {
        {"/a", "Disallow :/a"}, {"/a/b", "Allow: /a/b"}, {"/c", NULL}, {"/robots.txt", NULL}};
    struct robots *robots = parsed(file, "Pawl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice rule;
        robots_allows(robots, slice_of_string(cases[i].path), &rule);
        if (!cases[i].line)
            assert_null(rule.start);
        else if (!slice_equals(rule, slice_of_string(cases[i].line)))
            fail_msg("%s by %.*s", cases[i].path, (int)rule.length, rule.start);
    }
    robots_destroy(robots);
}

static void test_the_file_may_go(void **state)
{
    char *file = memory_copy_string("user-agent: a\ndisallow: /x\nsitemap: http://a/b\n");
    char *agent = memory_copy_string("a");
    struct robots *robots = parsed(file, agent);
    memset(file, 'z', strlen(file));
    free(file);
    free(agent);
    struct slice rule;
    assert_false(robots_allows(robots, slice_of_string("/x"), &rule));
    assert_true(slice_equals(rule, slice_of_string("disallow: /x")));
    assert_true(slice_equals(robots_sitemap(robots, 0), slice_of_string("http://a/b")));
    robots_destroy(robots);
}

static void test_crawl_delays(void **state)
{
    static const struct {
        const char *file;
        double seconds;
    } cases[] = {
        {"user-agent: *\ncrawl-delay: 5", 5},
        {"user-agent: *\nCrawl-Delay:0.5", 0.5},
        {"user-agent: *\ncrawl-delay: .25", 0.25},
        {"user-agent: *\ncrawl-delay: 2.", 2},
        {"user-agent: *\ncrawl-delay: 0", 0},
        {"user-agent: *\ncrawl-delay: 007.50 # slowly", 7.5},
        {"user-agent: *\ncrawl-delay: 0.1234567890123456789", 0.123456},
        {"user-agent: *\ncrawl-delay: 300", 300},
        {"user-agent: *\ncrawl-delay: 300.5", 300},
        {"user-agent: *\ncrawl-delay: 86400", 300},
        {"user-agent: *\ncrawl-delay: 99999999999999999999999999999999999999999999", 300},
        {"user-agent: *\ncrawl-delay: 301.99999999999999999999999", 300},
        {"user-agent: *\ncrawl-delay:", -1},
        {"user-agent: *\ncrawl-delay: .", -1},
        {"user-agent: *\ncrawl-delay: -1", -1},
        {"user-agent: *\ncrawl-delay: +1", -1},
        {"user-agent: *\ncrawl-delay: 1e3", -1},
        {"user-agent: *\ncrawl-delay: 0x10", -1},
        {"user-agent: *\ncrawl-delay: 10s", -1},
        {"user-agent: *\ncrawl-delay: 1,5", -1},
        {"user-agent: *\ncrawl-delay: 1.2.3", -1},
        {"user-agent: *\ncrawl-delay: nan", -1},
        {"user-agent: *\ncrawl-delay: inf", -1},
        {"user-agent: *\ncrawl-delay: 5\ncrawl-delay: soon", 5},
        {"crawl-delay: 5\nuser-agent: *\ndisallow: /", -1},
        /* of the chosen group */
        {"user-agent: *\ncrawl-delay: 5\nuser-agent: Pawl\ndisallow: /x", -1},
        {"user-agent: *\ndisallow:\ncrawl-delay: 5\nuser-agent: Pawl\ndisallow: /x", -1},
        {"user-agent: *\ndisallow:\ncrawl-delay: 5\nuser-agent: Pawl\ncrawl-delay: 2", 2},
        {"user-agent: a\nuser-agent: Pawl\ncrawl-delay: 3\ndisallow: /x", 3},
        {"user-agent: Pawl\ndisallow: /x\ncrawl-delay: 3\ndisallow: /y", 3},
        {"user-agent: a\ncrawl-delay: 3\nuser-agent: Pawl\ndisallow: /x", -1},
        /* groups that are one */
        {"user-agent: Pawl\ncrawl-delay: 3\nallow: /\nuser-agent: Pawl\ncrawl-delay: 7", 7},
        {"user-agent: Pawl\ncrawl-delay: 7\nallow: /\nuser-agent: Pawl\ncrawl-delay: 3", 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct robots *robots = parsed(cases[i].file, "Pawl");
        if (robots_crawl_delay_s(robots) != cases[i].seconds)
            fail_msg("%f s by\n%s", robots_crawl_delay_s(robots), cases[i].file);
        robots_destroy(robots);
    }
}

static void test_sitemaps(void **state)
{
    struct robots *robots = parsed("Sitemap: https://a.example/1.xml\n"
                                   "user-agent: b\n"
                                   "SITEMAP:http://a.example/2.xml?b=c:d # second\n"
                                   "disallow: /\n"
                                   "sitemap: /relative.xml\n"
                                   "sitemap:\n"
                                   "sitemap: ftp://a.example/x\n"
                                   "sitemap: HTTPS://other.example/3.xml\n"
                                   "sitemap: https://a.example/1.xml\n"
                                   "site-map: https://a.example/5.xml",
                                   "Pawl");
    static const char *const expected[] = {
        "https://a.example/1.xml", "http://a.example/2.xml?b=c:d", "HTTPS://other.example/3.xml",
        "https://a.example/1.xml", "https://a.example/5.xml"};
    assert_int_equal(robots_sitemap_count(robots), 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(slice_equals(robots_sitemap(robots, i), slice_of_string(expected[i])));
    robots_destroy(robots);
}

static void test_sitemaps_are_limited(void **state)
{
    struct text file = {0};
    for (int i = 0; i < ROBOTS_SITEMAPS_MAX + 10; i++)
        text_append_format(&file, "sitemap: http://a/%d\n", i);
    struct robots *robots = robots_parse(text_slice(&file), slice_of_string("Pawl"));
    assert_int_equal(robots_sitemap_count(robots), ROBOTS_SITEMAPS_MAX);
    assert_true(slice_equals(robots_sitemap(robots, ROBOTS_SITEMAPS_MAX - 1),
                             slice_of_string("http://a/999")));
    robots_destroy(robots);
    text_finish(&file);
}

static void test_agent_tokens(void **state)
{
    static const struct {
        const char *user_agent, *token;
    } cases[] = {
        {"Pawl/0.1.0 (+crawler)", "Pawl"},
        {"Pawl", "Pawl"},
        {"  Pawl (x)", "Pawl"},
        {"my_own-Bot/2", "my_own-Bot"},
        {"MJ12bot/1.4", "MJ12bot"},
        {"Mozilla/5.0 (compatible; ExampleBot/0.1; https://www.example.com/bot.html)",
         "ExampleBot"}, /* section 2.2.1 */
        {"Mozilla/5.0 AppleWebKit/1 (KHTML; compatible; Pawl/2) Chrome/1", "Pawl"},
        {"Mozilla/5.0 (compatible;Pawl)", "Pawl"},
        {"Mozilla/5.0 (X11; Linux x86_64)", "Mozilla"},
        {"Mozilla/5.0 (compatible;", "Mozilla"},
        {"Pawl/1 (compatible; Other/2)", "Pawl"},
        {"(Pawl)", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice token = robots_agent_token(slice_of_string(cases[i].user_agent));
        if (!slice_equals(token, slice_of_string(cases[i].token)))
            fail_msg("%s is %.*s", cases[i].user_agent, (int)token.length, token.start);
    }
    assert_int_equal(robots_agent_token((struct slice){0}).length, 0);
}

/* ---- Hostile files ---- */

static struct robots *full_of(const char *line)
{
    struct text file = {0};
    text_append_string(&file, "user-agent: *\n");
    while (file.length < ROBOTS_BYTES_MAX)
        text_append_string(&file, line);
    struct robots *robots = robots_parse(text_slice(&file), slice_of_string("Pawl"));
    text_finish(&file);
    return robots;
}

static struct text path_of(size_t octets)
{
    struct text path = {0};
    text_append_string(&path, "/");
    while (path.length < octets)
        text_append_char(&path, 'a');
    return path;
}

/* A file as long as it may be, of rules that nearly match a path as long as a URL may be: forbidden
 * when it takes too long, also where the rules would allow it. */
static void test_what_takes_too_long_is_forbidden(void **state)
{
    static const char *const lines[] = {
        "disallow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n", "allow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n",
        "disallow: /*a*a*a*a$b\n", "disallow: *ab*ab$\n", "allow:*b\n"};
    struct text path = path_of(8192);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct robots *robots = full_of(lines[i]);
        struct slice rule;
        assert_false(robots_allows(robots, text_slice(&path), &rule));
        assert_true(slice_equals(rule, slice_of_string(ROBOTS_TOO_COSTLY)));
        assert_true(robots_allows(robots, slice_of_string("/robots.txt"), &rule));
        assert_null(rule.start);
        robots_destroy(robots);
    }
    text_finish(&path);
}

/* Whatever a file without a star holds is looked through to its end. */
static void test_files_without_stars_never_take_too_long(void **state)
{
    struct text line = {0}, path = path_of(8192);
    struct slice rule;
    text_append_string(&line, "disallow: ");
    text_append(&line, path.start, 8000);
    text_append_string(&line, "b\n");
    const char *const lines[] = {line.start, "allow:/a\n", "allow:/b\n", "disallow: /aaaaaa$\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct robots *robots = full_of(lines[i]);
        assert_true(robots_allows(robots, text_slice(&path), &rule));
        assert_true(i == 1 ? rule.length == strlen("allow:/a") : !rule.start);
        robots_destroy(robots);
    }
    text_finish(&line);
    text_finish(&path);
}

/* Many look-ups have so many steps together, and then nobody knows. */
static void test_look_ups_share_their_steps(void **state)
{
    const uint64_t all = 12 * (uint64_t)ROBOTS_STEPS_MAX;
    struct robots *robots = full_of("disallow: *a*a*a*a*a*a*a*a*a*a*ab\ndisallow: /zz\n");
    struct slice path = slice_of_string("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                 no = slice_of_string("/zz");
    uint64_t left = all, before = 0;
    int looked = 0;
    assert_false(robots_may_allow(robots, no, &left));
    assert_true(left > 0 && left < all);
    for (; left; looked++) {
        before = left;
        assert_true(robots_may_allow(robots, path, &left));
        assert_true(left < before);
    }
    assert_in_range(looked, 12, 100);                 /* a page may have ten thousand links */
    assert_true(robots_may_allow(robots, no, &left)); /* unlike above */
    assert_false(robots_allows(robots, no, NULL));
    robots_destroy(robots);

    robots = full_of("disallow: /*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n");
    struct text costly = path_of(8192);
    left = all;
    assert_false(
        robots_may_allow(robots, text_slice(&costly), &left)); /* known: it is too costly */
    left = ROBOTS_STEPS_MAX / 2;
    assert_true(robots_may_allow(robots, text_slice(&costly), &left));
    assert_int_equal(left, 0);
    robots_destroy(robots);
    text_finish(&costly);

    robots = parsed("", "Pawl"); /* nothing to look at: free */
    left = 1;
    assert_true(robots_may_allow(robots, no, &left));
    assert_int_equal(left, 1);
    robots_destroy(robots);

    /* a page full of links and a hundred rules, as a large site may have */
    struct text file = {0};
    text_append_string(&file, "user-agent: *\n");
    for (int i = 0; i < 100; i++)
        text_append_format(&file, "disallow: /%c%d/*.php$\n", 'b' + i % 20, i);
    robots = robots_parse(text_slice(&file), slice_of_string("Pawl"));
    left = all;
    for (int i = 0; i < 9000; i++)
        assert_true(
            robots_may_allow(robots, slice_of_string("/articles/of/a/year/a-title"), &left));
    assert_true(left > 0);
    robots_destroy(robots);
    text_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_agents),
        cmocka_unit_test(test_rfc_escapes),
        cmocka_unit_test(test_rfc_simple_example),
        cmocka_unit_test(test_rfc_longest_match),
        cmocka_unit_test(test_the_longest_rule_decides),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_the_limit_cuts),
        cmocka_unit_test(test_lines_of_any_length),
        cmocka_unit_test(test_the_line_that_decides),
        cmocka_unit_test(test_the_file_may_go),
        cmocka_unit_test(test_crawl_delays),
        cmocka_unit_test(test_sitemaps),
        cmocka_unit_test(test_sitemaps_are_limited),
        cmocka_unit_test(test_agent_tokens),
        cmocka_unit_test(test_what_takes_too_long_is_forbidden),
        cmocka_unit_test(test_files_without_stars_never_take_too_long),
        cmocka_unit_test(test_look_ups_share_their_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
