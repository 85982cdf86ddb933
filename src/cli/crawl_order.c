#include "cli/crawl_order.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/weights.h"
#include "executors/crawl/url.h"

const struct option crawl_order_options[] = {
    {"--max-pages", "N", VALUE_INTEGER, 1, 999999999, "stop after that many pages"},
    {"--include", "PATTERN", VALUE_LIST, .help = "only paths like this: /blog/*, several times"},
    {"--exclude", "PATTERN", VALUE_LIST, .help = "no paths like this: *.pdf$, several times"},
    {"--subdomains", .help = "pages of hosts below the start's as well"},
    {"--check-external", .help = "ask whether linked pages of other sites are there"},
    {"--concurrency", "N", VALUE_INTEGER, 1, 10000, "pages at once (default 4)"},
    {"--delay", "SECONDS", VALUE_NUMBER, 0, 86399, "between the starts of two pages, whatever"},
    {"--adaptive", .help = "find the pace again (default for a host: from 0.5 s)"},
    {"--ignore-robots", .help = "robots.txt does not bind: for a site of one's own"},
    {"--no-sitemaps", .help = "find pages by links alone"},
    {"--no-warm", .help = "do not ask again until a cache has the page"},
    {"--weights", "FILE", VALUE_TEXT, .help = "CSV of path and weight: these pages first"},
    {"--allow-private", .help = "private and loopback addresses may be asked"},
    {"--user-agent", "S", VALUE_TEXT, .help = "the name that the site is told"},
    {NULL},
};

static void set_patterns(json_t *params, const struct call *call, const char *option,
                         const char *name)
{
    json_t *patterns = json_array();
    const char *pattern;
    for (int i = 0; (pattern = call_listed(call, option, i)); i++)
        json_array_append_new(patterns, json_string(pattern));
    if (json_array_size(patterns))
        json_object_set(params, name, patterns);
    json_decref(patterns);
}

static void set_flag(json_t *params, const struct call *call, const char *option, const char *name,
                     bool value)
{
    if (call_has(call, option))
        json_object_set_new(params, name, json_boolean(value));
}

static void set_text(json_t *order, const char *name, const char *value)
{
    if (value)
        json_object_set_new(order, name, json_string(value));
}

static void set_integer(json_t *order, const struct call *call, const char *option,
                        const char *name)
{
    if (call_has(call, option))
        json_object_set_new(order, name, json_integer(call_integer(call, option, 0)));
}

/* In whole microseconds, which is what the database keeps apart. */
static void set_pace(json_t *order, const struct call *call)
{
    double ms = round(call_number(call, "--delay", 0) * 1e6) / 1e3;
    if (call_has(call, "--delay"))
        json_object_set_new(order, "start_interval_ms",
                            ms == floor(ms) ? json_integer((json_int_t)ms) : json_real(ms));
    set_flag(order, call, "--adaptive", "adaptive", true);
}

/* Other bytes could not be told to the database, and must not be without effect. */
static bool check_text(const char *option, const char *text, struct failure *failure)
{
    json_t *value = json_string(text);
    json_decref(value);
    return value || failure_set(failure, FAILURE_USAGE, "%s takes UTF-8 only", option);
}

static bool check_texts(const struct call *call, struct failure *failure)
{
    const char *name = call_text(call, "--user-agent"), *text;
    if (name && !*name)
        return failure_set(failure, FAILURE_USAGE, "--user-agent takes no \"\"");
    if (name && !check_text("--user-agent", name, failure))
        return false;
    for (int i = 0; (text = call_listed(call, "--include", i)); i++)
        if (!check_text("--include", text, failure))
            return false;
    for (int i = 0; (text = call_listed(call, "--exclude", i)); i++)
        if (!check_text("--exclude", text, failure))
            return false;
    return true;
}

/* Before a job is made that can only fail. */
static bool check_options(const struct call *call, const char *typed_url, struct failure *failure)
{
    if (call_has(call, "--delay") && call_has(call, "--adaptive"))
        return failure_set(failure, FAILURE_USAGE,
                           "--delay sets the pace, --adaptive finds it: give one of them");
    if (call_has(call, "--weights") && !typed_url)
        return failure_set(failure, FAILURE_USAGE,
                           "--weights needs the URL as well: its paths are of that site");
    return check_texts(call, failure);
}

/* The page's identity, as the engine keeps it. */
static bool set_url(json_t *order, const char *typed, struct failure *failure)
{
    struct arena *arena = arena_create(16384);
    struct url url;
    bool is_fine = url_parse(slice_of_string(typed), NULL, arena, &url, failure);
    if (is_fine)
        json_object_set_new(order, "url", json_stringn(url.whole.start, url.whole.length));
    else if (failure->class == FAILURE_INPUT && !failure->hint[0])
        failure_hint(failure, "Give it as https://host/path.");
    arena_destroy(arena);
    return is_fine;
}

static bool set_weights(json_t *order, const char *path, struct failure *failure)
{
    char *weights = weights_read(path, json_string_value(json_object_get(order, "url")), failure);
    if (weights)
        json_object_set_new(order, "weights", json_loads(weights, 0, NULL));
    free(weights);
    return weights;
}

static json_t *read_options(const struct call *call)
{
    json_t *order = json_object();
    set_integer(order, call, "--max-pages", "max_pages");
    set_patterns(order, call, "--include", "include");
    set_patterns(order, call, "--exclude", "exclude");
    set_flag(order, call, "--subdomains", "subdomains", true);
    set_flag(order, call, "--check-external", "check_external", true);
    set_integer(order, call, "--concurrency", "max_running");
    set_pace(order, call);
    set_flag(order, call, "--ignore-robots", "ignore_robots", true);
    set_flag(order, call, "--no-sitemaps", "sitemaps", false);
    set_flag(order, call, "--no-warm", "warm", false);
    set_flag(order, call, "--allow-private", "allow_private", true);
    set_text(order, "user_agent", call_text(call, "--user-agent"));
    return order;
}

json_t *crawl_order_read(const struct call *call, const char *typed_url, struct failure *failure)
{
    const char *weights = call_text(call, "--weights");
    if (!check_options(call, typed_url, failure))
        return NULL;
    json_t *order = read_options(call);
    if ((!typed_url || set_url(order, typed_url, failure)) &&
        (!weights || set_weights(order, weights, failure)))
        return order;
    json_decref(order);
    return NULL;
}
