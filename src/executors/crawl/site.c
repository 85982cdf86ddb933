#include "executors/crawl/site.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

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

struct site *site_create(const struct job_facts *job, struct failure *failure)
{
    struct site *site = memory_zeroed(1, sizeof *site);
    list_init(&site->link);
    site->job_id = job->id;
    site->arena = arena_create(1024);
    hash_set_init(&site->known, SITE_KNOWN_URLS_MAX);
    json_t *params = json_loads(job->params, 0, NULL);
    bool is_good = read_start(site, params, failure) && read_user_agent(site, params, failure);
    json_decref(params);
    if (is_good)
        return site;
    site_destroy(site);
    return NULL;
}

void site_destroy(struct site *site)
{
    list_remove(&site->link);
    hash_set_finish(&site->known);
    arena_destroy(site->arena);
    free(site);
}
