#include "executors/crawl/site.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "executors/crawl/path_pattern.h"

#define USER_AGENT "Pawl/" PAWL_VERSION " (+crawler)"

static bool read_start(struct site *site, const json_t *params, struct failure *failure)
{
    const char *url = json_string_value(json_object_get(params, "url"));
    if (!url)
        return failure_set(failure, FAILURE_INPUT, "the job's params have no url");
    return url_parse(slice_of_string(url), NULL, site->arena, &site->start, failure);
}

static bool read_user_agent(struct site *site, const json_t *params, struct failure *failure)
{
    const json_t *given = json_object_get(params, "user_agent");
    const char *name = json_string_value(given);
    site->user_agent = USER_AGENT;
    if (!given || json_is_null(given))
        return true;
    if (!name || !*name)
        return failure_set(failure, FAILURE_INPUT, "the job's user_agent is not a text");
    site->user_agent = arena_copy(site->arena, name, strlen(name));
    return true;
}

static bool flag_of(const json_t *params, const char *name, bool unless_given)
{
    const json_t *given = json_object_get(params, name);
    return json_is_boolean(given) ? json_is_true(given) : unless_given;
}

static void read_flags(struct site *site, const json_t *params)
{
    site->with_subdomains = flag_of(params, "subdomains", false);
    site->ignores_robots = flag_of(params, "ignore_robots", false);
    site->reads_sitemaps = flag_of(params, "sitemaps", true);
    site->warms = flag_of(params, "warm", true);
    site->checks_external = flag_of(params, "check_external", false);
    site->allows_private = flag_of(params, "allow_private", false);
}

static bool read_patterns(struct site *site, const json_t *params, const char *name,
                          struct patterns *patterns, struct failure *failure)
{
    const json_t *list = json_object_get(params, name), *element;
    size_t at;
    patterns->list = memory_zeroed(json_array_size(list) + 1, sizeof *patterns->list);
    json_array_foreach(list, at, element)
    {
        const char *pattern = json_string_value(element);
        if (!pattern)
            return failure_set(failure, FAILURE_INPUT, "the job's %s is not a list of texts", name);
        size_t length = strlen(pattern);
        patterns->list[patterns->count++] =
            slice_of(arena_copy(site->arena, pattern, length), length);
    }
    return true;
}

struct site *site_create(const struct job_facts *job, struct failure *failure)
{
    struct site *site = memory_zeroed(1, sizeof *site);
    list_init(&site->link);
    site->job_id = job->id;
    site->arena = arena_create(1024);
    known_pages_init(&site->known, SITE_KNOWN_PAGES_MAX);
    json_t *params = json_loads(job->params, 0, NULL);
    read_flags(site, params);
    bool is_good = read_start(site, params, failure) && read_user_agent(site, params, failure) &&
                   read_patterns(site, params, "include", &site->include, failure) &&
                   read_patterns(site, params, "exclude", &site->exclude, failure);
    json_decref(params);
    if (is_good)
        return site;
    site_destroy(site);
    return NULL;
}

void site_destroy(struct site *site)
{
    list_remove(&site->link);
    known_pages_finish(&site->known);
    raises_finish(&site->raises);
    free(site->include.list);
    free(site->exclude.list);
    arena_destroy(site->arena);
    free(site);
}

static bool matches_one(const struct patterns *patterns, struct slice path)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (path_pattern_matches(patterns->list[i], path))
            return true;
    return false;
}

enum site_choice site_choose(const struct site *site, const struct url *url)
{
    struct slice path = url_path_and_query(url);
    if (!url_is_on_site(url, &site->start, site->with_subdomains))
        return SITE_EXTERNAL;
    if (site->include.count && !matches_one(&site->include, path))
        return SITE_SKIPS;
    return matches_one(&site->exclude, path) ? SITE_SKIPS : SITE_FOLLOWS;
}
