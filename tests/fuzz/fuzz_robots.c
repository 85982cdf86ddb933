/*
 * Any bytes as a robots.txt and a path. A zero byte ends the path and begins the file. The rule
 * that decides says what was answered and matches; a second, slower matcher, which fills a table,
 * agrees on every pattern; spelling is no matter: line ends, a byte order mark, comments and
 * escapes of letters change nothing.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/path_pattern.h"
#include "executors/crawl/robots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AGENT "Pawl"

/* The table takes pattern times path; what is larger goes without the second opinion. */
enum { TABLE_CELLS_MAX = 1 << 20 };

struct unit {
    int value; /* of the octet; -1: a star */
    bool is_escape, is_in_query;
};

static bool is_escape_at(struct slice text, size_t at)
{
    return text.start[at] == '%' && text.length - at >= 3 &&
           isxdigit((unsigned char)text.start[at + 1]) &&
           isxdigit((unsigned char)text.start[at + 2]);
}

static size_t read_units(struct slice text, bool is_pattern, struct unit *units)
{
    size_t count = 0;
    bool is_in_query = false;
    for (size_t at = 0; at < text.length; at++) {
        struct unit unit = {(unsigned char)text.start[at], false, is_in_query};
        if (is_escape_at(text, at)) {
            char digits[3] = {text.start[at + 1], text.start[at + 2]};
            unit.value = (int)strtol(digits, NULL, 16);
            unit.is_escape = true;
            at += 2;
        } else if (unit.value == '*' && is_pattern) {
            unit.value = -1;
        }
        if (unit.value == '?' && !unit.is_escape)
            is_in_query = true;
        units[count++] = unit;
    }
    return count;
}

static bool is_same(const struct unit *of_pattern, const struct unit *of_path)
{
    if (of_pattern->value != of_path->value)
        return false;
    const char *working = of_path->is_in_query ? "&=" : "/?";
    bool is_at_work = of_path->value && strchr(working, of_path->value);
    return !is_at_work || of_pattern->is_escape == of_path->is_escape;
}

static bool matches_by_table(struct slice pattern, struct slice path)
{
    bool is_whole = pattern.length && pattern.start[pattern.length - 1] == '$';
    pattern.length -= is_whole;
    struct unit *left = memory_zeroed(pattern.length, sizeof *left);
    struct unit *right = memory_zeroed(path.length, sizeof *right);
    size_t rows = read_units(pattern, true, left), columns = read_units(path, false, right);
    char *table = memory_zeroed((rows + 1) * (columns + 1), 1), *row = table;
    row[0] = 1;
    for (size_t i = 0; i < rows; i++, row += columns + 1)
        for (size_t j = 0; j <= columns; j++) {
            char *next = row + columns + 1;
            if (left[i].value == -1)
                next[j] = row[j] || (j && next[j - 1]);
            else
                next[j] = j && row[j - 1] && is_same(&left[i], &right[j - 1]);
        }
    bool is_match = is_whole ? row[columns] : memchr(row, 1, columns + 1) != NULL;
    free(table);
    free(right);
    free(left);
    return is_match;
}

/* Steps that suffice for any give the same answer. */
static void check_steps(const struct robots *robots, bool is_allowed, struct slice path)
{
    uint64_t all = 2 * (uint64_t)ROBOTS_STEPS_MAX + 1000 * (path.length + 1), left = all;
    CHECK(robots_may_allow(robots, path, &left) == is_allowed);
    CHECK(left > 0 && left <= all);
}

/* The rule's own account: it is a rule, it says what was answered, and it matches. */
static void check_rule(struct slice rule, bool is_allowed, struct slice path)
{
    CHECK(slice_equals(rule, slice_trimmed(rule)) && rule.length <= ROBOTS_BYTES_MAX);
    CHECK((strncasecmp(rule.start, is_allowed ? "allow" : "di", is_allowed ? 5 : 2)) == 0);
    const char *colon = memchr(rule.start, ':', rule.length);
    CHECK(colon != NULL);
    size_t behind = (size_t)(colon - rule.start) + 1;
    struct slice pattern = slice_trimmed(slice_of(rule.start + behind, rule.length - behind));
    CHECK(pattern.length && path_pattern_matches(pattern, path));
}

/* Every piece of a line, as if it were a pattern, against the path. */
static void check_patterns(struct slice file, struct slice path)
{
    while (file.length) {
        size_t end = 0;
        while (end < file.length && file.start[end] != '\r' && file.start[end] != '\n' &&
               file.start[end] != ':')
            end++;
        struct slice pattern = slice_trimmed(slice_of(file.start, end));
        if ((pattern.length + 1) * (path.length + 1) <= TABLE_CELLS_MAX)
            CHECK(path_pattern_matches(pattern, path) == matches_by_table(pattern, path));
        end += end < file.length;
        file = slice_of(file.start + end, file.length - end);
    }
}

static void check_rest(const struct robots *robots)
{
    double delay = robots_crawl_delay_s(robots);
    CHECK(delay == -1 || (delay >= 0 && delay <= ROBOTS_CRAWL_DELAY_MAX_S));
    CHECK(robots_sitemap_count(robots) <= ROBOTS_SITEMAPS_MAX);
    for (size_t i = 0; i < robots_sitemap_count(robots); i++)
        CHECK(strncasecmp(robots_sitemap(robots, i).start, "http", 4) == 0);
}

/* The path with its letters escaped. */
static void append_escaped(struct text *text, struct slice path)
{
    for (size_t at = 0; at < path.length; at++) {
        char byte = path.start[at];
        if (is_escape_at(path, at)) {
            text_append(text, path.start + at, 3);
            at += 2;
        } else if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) {
            text_append_format(text, "%%%02x", (unsigned)byte);
        } else {
            text_append_char(text, byte);
        }
    }
}

/* The file with a mark, other line ends, and a comment that says nothing. */
static void append_respelt(struct text *text, struct slice file)
{
    if (!slice_starts_with(file, "\xEF\xBB\xBF"))
        text_append_string(text, "\xEF\xBB\xBF");
    for (size_t at = 0; at < file.length; at++)
        if (file.start[at] == '\n')
            text_append_string(text, " # a comment: with \xFF\r\n\r");
        else
            text_append_char(text, file.start[at]);
}

static void check_respelt(const struct robots *robots, struct slice file, struct slice path)
{
    struct text other_path = {0}, other_file = {0};
    append_escaped(&other_path, path);
    append_respelt(&other_file, file);
    struct robots *other = robots_parse(text_slice(&other_file), slice_of_string("pAWL"));
    struct slice rule, other_rule;
    bool is_allowed = robots_allows(robots, path, &rule);
    CHECK(robots_allows(other, text_slice(&other_path), &other_rule) == is_allowed);
    CHECK(slice_equals(rule, other_rule));
    CHECK(robots_crawl_delay_s(other) == robots_crawl_delay_s(robots));
    CHECK(robots_sitemap_count(other) == robots_sitemap_count(robots));
    robots_destroy(other);
    text_finish(&other_file);
    text_finish(&other_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    const char *zero = size ? memchr(input.start, '\0', size) : NULL;
    struct slice path = slice_of(input.start, zero ? (size_t)(zero - input.start) : 0);
    struct slice file = zero ? slice_of(zero + 1, size - path.length - 1) : input;

    struct robots *robots = robots_parse(file, slice_of_string(AGENT));
    struct slice rule;
    bool is_allowed = robots_allows(robots, path, &rule);
    CHECK(is_allowed || rule.start);
    bool is_too_costly = slice_equals(rule, slice_of_string(ROBOTS_TOO_COSTLY));
    CHECK(!is_too_costly || !is_allowed);
    if (rule.start && !is_too_costly)
        check_rule(rule, is_allowed, path);
    check_steps(robots, is_allowed, path);
    check_rest(robots);
    check_patterns(file, path);
    check_respelt(robots, file, path);
    robots_destroy(robots);

    struct slice token = robots_agent_token(input);
    CHECK(token.length <= input.length);
    return 0;
}
