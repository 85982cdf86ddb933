/*
 * One pass over the lines. Whether the crawler has a group of its own is known at the end only, so
 * rules are gathered for both that could count, its own and that of `*`; one of them is kept. Rules
 * stand sorted, the most specific first: the first that matches decides.
 */
#include "executors/crawl/robots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/path_pattern.h"
#include "executors/crawl/url_bytes.h"

struct rule {
    struct slice line, pattern; /* the pattern is the end of the line */
    size_t octets;
    bool is_allow;
};

/* All groups for one agent are one (section 2.2.1). */
struct group {
    bool is_there;
    double crawl_delay_s;
    size_t count, capacity;
    struct rule *rules;
};

struct robots {
    struct arena *arena; /* what the slices lie in */
    struct group group;
    size_t sitemap_count, sitemap_capacity;
    struct slice *sitemaps;
    size_t bytes; /* of all that */
};

enum { OWN, ANYONE, GROUPS };
enum { ARENA_BYTES = 4096 };

/* What path_subject_create() takes, in steps. */
enum { STEPS_OF_SUBJECT = 1000, STEPS_OF_PATH_BYTE = 30 };

struct parser {
    struct slice agent;
    struct group groups[GROUPS];
    bool applies[GROUPS]; /* what comes is for these */
    bool is_naming;       /* since the last user-agent line there was no rule */
    struct robots *robots;
};

/* ---- Names of agents ---- */

/* The RFC's letters, `_` and `-`; digits and dots because agents have them all the same. */
static struct slice leading_name(struct slice text)
{
    size_t at = 0;
    while (at < text.length &&
           (url_is_letter(text.start[at]) || url_is_digit(text.start[at]) ||
            text.start[at] == '_' || text.start[at] == '-' || text.start[at] == '.'))
        at++;
    return slice_of(text.start, at);
}

struct slice robots_agent_token(struct slice user_agent)
{
    static const char sign[] = "compatible;";
    struct slice text = slice_trimmed(user_agent);
    struct slice name = leading_name(text);
    if (!slice_equals_nocase(name, slice_of_string("Mozilla")))
        return name;
    const char *found = memmem(text.start, text.length, sign, strlen(sign));
    if (!found)
        return name;
    size_t behind = (size_t)(found - text.start) + strlen(sign);
    struct slice hidden = leading_name(slice_trimmed(url_slice_from(text, behind)));
    return hidden.length ? hidden : name;
}

/* ---- Records: a line's name and what becomes of its value ---- */

typedef void (*record_fn)(struct parser *parser, struct slice line, struct slice value);

static bool is_star(struct slice value)
{
    return value.length && value.start[0] == '*' &&
           (value.length == 1 || value.start[1] == ' ' || value.start[1] == '\t');
}

static void on_user_agent(struct parser *parser, struct slice line, struct slice value)
{
    if (!parser->is_naming)
        parser->applies[OWN] = parser->applies[ANYONE] = false;
    parser->is_naming = true;
    struct slice name = leading_name(value);
    if (is_star(value))
        parser->applies[ANYONE] = parser->groups[ANYONE].is_there = true;
    else if (name.length && slice_equals_nocase(name, parser->agent))
        parser->applies[OWN] = parser->groups[OWN].is_there = true;
}

static void add_rule(struct group *group, const struct rule *rule)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity ? group->capacity * 2 : 16;
        group->rules = memory_resized(group->rules, group->capacity * sizeof *group->rules);
    }
    group->rules[group->count++] = *rule;
}

/* An empty rule forbids nothing and allows nothing, but it is one: it ends the list of agents. */
static void on_rule(struct parser *parser, struct slice line, struct slice value, bool is_allow)
{
    parser->is_naming = false;
    struct rule rule = {line, value, path_pattern_octets(value), is_allow};
    for (int i = 0; i < GROUPS && value.length; i++)
        if (parser->applies[i])
            add_rule(&parser->groups[i], &rule);
}

static void on_allow(struct parser *parser, struct slice line, struct slice value)
{
    on_rule(parser, line, value, true);
}

static void on_disallow(struct parser *parser, struct slice line, struct slice value)
{
    on_rule(parser, line, value, false);
}

/* Digits, with a decimal point or without; nothing else, no sign, no unit. */
static bool read_seconds(struct slice value, double *seconds)
{
    double number = 0, scale = 1;
    bool is_fraction = false, has_digit = false;
    for (size_t at = 0; at < value.length; at++) {
        char byte = value.start[at];
        bool is_point = byte == '.' && !is_fraction;
        if (!is_point && !url_is_digit(byte))
            return false;
        is_fraction |= is_point;
        has_digit |= !is_point;
        if (is_point || scale >= 1e6 || number > ROBOTS_CRAWL_DELAY_MAX_S * scale)
            continue; /* further digits change nothing that counts */
        number = number * 10 + (byte - '0');
        scale *= is_fraction ? 10 : 1;
    }
    *seconds = number / scale;
    if (*seconds > ROBOTS_CRAWL_DELAY_MAX_S)
        *seconds = ROBOTS_CRAWL_DELAY_MAX_S;
    return has_digit;
}

/* Not one of the RFC's rules, so more agents may follow (section 2.2.4). */
static void on_crawl_delay(struct parser *parser, struct slice line, struct slice value)
{
    double seconds;
    if (!read_seconds(value, &seconds))
        return;
    for (int i = 0; i < GROUPS; i++)
        if (parser->applies[i] && seconds > parser->groups[i].crawl_delay_s)
            parser->groups[i].crawl_delay_s = seconds;
}

static bool starts_with_nocase(struct slice text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.length >= length &&
           slice_equals_nocase(slice_of(text.start, length), slice_of(prefix, length));
}

/* Counts what it takes in the arena. */
static char *copy_slice(struct robots *robots, struct slice slice)
{
    robots->bytes += slice.length / 16 * 16 + 16;
    return arena_copy(robots->arena, slice.start, slice.length);
}

static void add_sitemap(struct robots *robots, struct slice url)
{
    if (robots->sitemap_count == robots->sitemap_capacity) {
        robots->sitemap_capacity = robots->sitemap_capacity ? robots->sitemap_capacity * 2 : 4;
        robots->sitemaps =
            memory_resized(robots->sitemaps, robots->sitemap_capacity * sizeof *robots->sitemaps);
    }
    robots->sitemaps[robots->sitemap_count++] = slice_of(copy_slice(robots, url), url.length);
}

/* Belongs to no group and ends none. */
static void on_sitemap(struct parser *parser, struct slice line, struct slice value)
{
    bool is_url = starts_with_nocase(value, "http://") || starts_with_nocase(value, "https://");
    if (is_url && parser->robots->sitemap_count < ROBOTS_SITEMAPS_MAX)
        add_sitemap(parser->robots, value);
}

static const struct record {
    const char *name;
    record_fn on_record;
} records[] = {
    {"user-agent", on_user_agent},   {"useragent", on_user_agent},
    {"user agent", on_user_agent},   {"allow", on_allow},
    {"disallow", on_disallow},       {"dissallow", on_disallow},
    {"dissalow", on_disallow},       {"disalow", on_disallow},
    {"diasllow", on_disallow},       {"disallaw", on_disallow},
    {"sitemap", on_sitemap},         {"site-map", on_sitemap},
    {"crawl-delay", on_crawl_delay},
};

/* ---- Lines ---- */

static bool is_line_end(char byte)
{
    return byte == '\r' || byte == '\n';
}

/* What counts of the file: its first bytes up to the limit, whole lines only, without the mark. */
static struct slice within_limit(struct slice bytes)
{
    if (bytes.length > ROBOTS_BYTES_MAX) {
        bytes.length = ROBOTS_BYTES_MAX;
        while (bytes.length && !is_line_end(bytes.start[bytes.length]))
            bytes.length--;
    }
    return slice_starts_with(bytes, "\xEF\xBB\xBF") ? url_slice_from(bytes, 3) : bytes;
}

static void read_line(struct parser *parser, struct slice line)
{
    line.length = url_find_any(line, "#");
    line = slice_trimmed(line);
    size_t colon = url_find_any(line, ":");
    if (colon == line.length)
        return;
    struct slice name = slice_trimmed(slice_of(line.start, colon));
    struct slice value = slice_trimmed(url_slice_from(line, colon + 1));
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (slice_equals_nocase(name, slice_of_string(records[i].name))) {
            records[i].on_record(parser, line, value);
            return;
        }
}

/* A CR LF is two ends with an empty line between them, which changes nothing. */
static void read_lines(struct parser *parser, struct slice bytes)
{
    while (bytes.length) {
        size_t end = url_find_any(bytes, "\r\n");
        read_line(parser, slice_of(bytes.start, end));
        bytes = url_slice_from(bytes, end < bytes.length ? end + 1 : end);
    }
}

/* ---- The whole ---- */

/* The most octets first, allow before disallow, then as in the file. */
static int compare_rules(const void *left, const void *right)
{
    const struct rule *a = left, *b = right;
    if (a->octets != b->octets)
        return a->octets > b->octets ? -1 : 1;
    if (a->is_allow != b->is_allow)
        return a->is_allow ? -1 : 1;
    return a->line.start < b->line.start ? -1 : a->line.start > b->line.start;
}

/* Sorts them while they lie in the file, and gives them memory of their own. */
static void settle_rules(struct robots *robots)
{
    struct group *group = &robots->group;
    if (group->count) {
        qsort(group->rules, group->count, sizeof *group->rules, compare_rules);
        group->rules = memory_resized(group->rules, group->count * sizeof *group->rules);
    }
    for (size_t i = 0; i < group->count; i++) {
        struct rule *rule = &group->rules[i];
        size_t pattern_at = rule->line.length - rule->pattern.length;
        rule->line.start = copy_slice(robots, rule->line);
        rule->pattern.start = rule->line.start + pattern_at;
    }
}

struct robots *robots_parse(struct slice bytes, struct slice agent_token)
{
    struct robots *robots = memory_zeroed(1, sizeof *robots);
    robots->arena = arena_create(ARENA_BYTES);
    struct parser parser = {.agent = agent_token, .robots = robots};
    for (int i = 0; i < GROUPS; i++)
        parser.groups[i].crawl_delay_s = -1;
    read_lines(&parser, within_limit(bytes));

    int chosen = parser.groups[OWN].is_there ? OWN : ANYONE;
    robots->group = parser.groups[chosen];
    free(parser.groups[chosen == OWN ? ANYONE : OWN].rules);
    settle_rules(robots);
    robots->bytes += sizeof *robots + ARENA_BYTES + robots->group.count * sizeof(struct rule) +
                     robots->sitemap_capacity * sizeof *robots->sitemaps;
    return robots;
}

size_t robots_bytes(const struct robots *robots)
{
    return robots->bytes;
}

void robots_destroy(struct robots *robots)
{
    if (!robots)
        return;
    free(robots->group.rules);
    free(robots->sitemaps);
    arena_destroy(robots->arena);
    free(robots);
}

/* The most specific rule that matches, or NULL. */
static const struct rule *find_rule(const struct robots *robots, struct path_subject *subject)
{
    if (path_subject_matches(subject, slice_of_string("/robots.txt$")))
        return NULL;
    for (size_t i = 0; i < robots->group.count; i++)
        if (path_subject_matches(subject, robots->group.rules[i].pattern))
            return &robots->group.rules[i];
    return NULL;
}

/* *steps_left: of the look-up, 0 where it came to no end and *found says nothing. */
static void look_up(const struct robots *robots, struct slice path_and_query,
                    const struct rule **found, uint64_t *steps_left)
{
    *found = NULL;
    if (!robots->group.count)
        return;
    struct path_subject *subject = path_subject_create(path_and_query);
    path_subject_set_steps(subject, *steps_left);
    *found = find_rule(robots, subject);
    *steps_left = path_subject_steps_left(subject);
    path_subject_destroy(subject);
}

bool robots_allows(const struct robots *robots, struct slice path_and_query, struct slice *rule)
{
    const struct rule *found;
    uint64_t steps_left = ROBOTS_STEPS_MAX;
    look_up(robots, path_and_query, &found, &steps_left);
    if (rule && !steps_left)
        *rule = slice_of_string(ROBOTS_TOO_COSTLY);
    else if (rule)
        *rule = found ? found->line : (struct slice){0};
    return steps_left && (!found || found->is_allow);
}

/* What it takes to make the path ready. */
static uint64_t steps_of_path(struct slice path_and_query)
{
    return STEPS_OF_SUBJECT + STEPS_OF_PATH_BYTE * path_and_query.length;
}

bool robots_may_allow(const struct robots *robots, struct slice path_and_query,
                      uint64_t *steps_left)
{
    const struct rule *found;
    uint64_t of_path = robots->group.count ? steps_of_path(path_and_query) : 0;
    if (*steps_left <= of_path) {
        *steps_left = 0;
        return true;
    }
    *steps_left -= of_path;
    uint64_t most = *steps_left < ROBOTS_STEPS_MAX ? *steps_left : ROBOTS_STEPS_MAX, left = most;
    look_up(robots, path_and_query, &found, &left);
    *steps_left -= most - left;
    bool is_too_costly = !left && most == ROBOTS_STEPS_MAX;
    return !is_too_costly && (!found || found->is_allow);
}

double robots_crawl_delay_s(const struct robots *robots)
{
    return robots->group.crawl_delay_s;
}

size_t robots_sitemap_count(const struct robots *robots)
{
    return robots->sitemap_count;
}

struct slice robots_sitemap(const struct robots *robots, size_t i)
{
    CHECK(i < robots->sitemap_count);
    return robots->sitemaps[i];
}
