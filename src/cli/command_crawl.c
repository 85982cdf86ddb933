/* pawl crawl: the job is the engine's; this starts it, watches it, and reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/crawl_report.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/job_end.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/weights.h"
#include "executors/crawl/url.h"

const struct option command_crawl_options[] = {
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
    {"--replace", .help = "cancel what still runs of the host's crawls"},
    {"--detach", .help = "start it and do not wait"},
    {NULL},
};

struct crawl {
    const struct call *call;
    struct session *session;
    struct node_process node;
    char *weights; /* JSON, or NULL */
    char job[24];
};

/* The page's identity, as the engine keeps it. */
static bool normalise_url(const char *typed, struct text *url, struct failure *failure)
{
    struct arena *arena = arena_create(16384);
    struct url parsed;
    bool is_fine = url_parse(slice_of_string(typed), NULL, arena, &parsed, failure);
    if (is_fine)
        text_append_slice(url, parsed.whole);
    else if (failure->class == FAILURE_INPUT && !failure->hint[0])
        failure_hint(failure, "Give it as https://host/path.");
    arena_destroy(arena);
    return is_fine;
}

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

static char *write_params(const struct call *call)
{
    json_t *params = json_object();
    if (call_has(call, "--max-pages"))
        json_object_set_new(params, "max_pages",
                            json_integer(call_integer(call, "--max-pages", 0)));
    if (call_has(call, "--user-agent"))
        json_object_set_new(params, "user_agent", json_string(call_text(call, "--user-agent")));
    set_patterns(params, call, "--include", "include");
    set_patterns(params, call, "--exclude", "exclude");
    set_flag(params, call, "--subdomains", "subdomains", true);
    set_flag(params, call, "--check-external", "check_external", true);
    set_flag(params, call, "--ignore-robots", "ignore_robots", true);
    set_flag(params, call, "--no-sitemaps", "sitemaps", false);
    set_flag(params, call, "--no-warm", "warm", false);
    set_flag(params, call, "--allow-private", "allow_private", true);
    char *text = json_dumps(params, JSON_COMPACT);
    json_decref(params);
    return text;
}

static bool create_job(struct crawl *crawl, const char *url, struct failure *failure)
{
    char interval[32];
    char *params = write_params(crawl->call);
    snprintf(interval, sizeof interval, "%.3f", call_number(crawl->call, "--delay", 0) * 1000);
    const char *const values[] = {
        url,
        params,
        call_text(crawl->call, "--concurrency"),
        call_has(crawl->call, "--delay") ? interval : NULL,
        call_has(crawl->call, "--adaptive") ? "true" : "false",
        crawl->weights,
        call_has(crawl->call, "--replace") ? "true" : "false",
    };
    struct pg_result *result = session_query(
        crawl->session, "select pawl.crawl($1, $2, $3, $4, $5, $6, $7)", 7, values, failure);
    free(params);
    if (!result)
        return false;
    snprintf(crawl->job, sizeof crawl->job, "%s", pg_result_text(result, 0, 0));
    pg_result_destroy(result);
    return true;
}

/* Also while the crawl runs: the node that served it may have gone. */
static bool keep_served(void *context, struct failure *failure)
{
    struct crawl *crawl = context;
    bool is_new;
    if (!node_process_ensure(&crawl->node, crawl->call, &crawl->session, &is_new, failure))
        return false;
    if (is_new && !call_has(crawl->call, "--json"))
        output_line("no node was running: this crawl runs one of its own, until it has ended");
    return true;
}

static bool detach(struct crawl *crawl)
{
    bool had_node = crawl->node.pid != 0;
    node_process_stop(&crawl->node);
    job_end_detach(crawl->call, crawl->job);
    if (had_node && !call_has(crawl->call, "--json"))
        output_line("its node has stopped: it goes on when one runs (%s)",
                    database_is_private(crawl->call) ? "pawl up" : "pawl serve");
    return true;
}

static bool report(struct crawl *crawl, const struct progress_watch *watch, struct failure *failure)
{
    const char *const values[] = {crawl->job};
    json_t *found =
        document_ask(crawl->session, "select pawl.crawl_report($1)", 1, values, failure);
    if (!found)
        return false;
    bool is_unreachable = crawl_report_is_unreachable(found, failure);
    if (call_has(crawl->call, "--json"))
        output_json(json_incref(found));
    else if (!is_unreachable)
        crawl_report_print(found);
    json_decref(found);
    return !is_unreachable && job_end_judge(watch, failure);
}

static bool follow(struct crawl *crawl, struct failure *failure)
{
    struct progress_watch watch = {.session = &crawl->session,
                                   .call = crawl->call,
                                   .job = crawl->job,
                                   .is_silent = call_has(crawl->call, "--json"),
                                   .on_tick = keep_served,
                                   .context = crawl};
    switch (progress_watch(&watch, failure)) {
    case PROGRESS_LOST:
        return false;
    case PROGRESS_DETACHED:
        return detach(crawl);
    case PROGRESS_ENDED:
        break;
    }
    return report(crawl, &watch, failure);
}

static bool say_started(const struct crawl *crawl, struct failure *failure)
{
    bool is_served;
    if (!node_process_is_served(crawl->session, &is_served, failure))
        return false;
    if (call_has(crawl->call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "job", crawl->job, "detached", true));
    const char *data = call_text(crawl->call, "--data");
    output_line("job %s: watch it with pawl job show %s --follow%s%s", crawl->job, crawl->job,
                data ? " --data " : "", data ? data : "");
    return is_served || output_line("no node runs, so it waits for one: start it with pawl serve");
}

/* Before a job is made that can only fail. */
static bool check_options(const struct call *call, struct failure *failure)
{
    const char *name = call_text(call, "--user-agent");
    if (name && !*name)
        return failure_set(failure, FAILURE_USAGE, "--user-agent takes no \"\"");
    if (call_has(call, "--delay") && call_has(call, "--adaptive"))
        return failure_set(failure, FAILURE_USAGE,
                           "--delay sets the pace, --adaptive finds it: give one of them");
    return true;
}

static bool read_weights(struct crawl *crawl, const char *url, struct failure *failure)
{
    const char *path = call_text(crawl->call, "--weights");
    return !path || (crawl->weights = weights_read(path, url, failure));
}

bool command_crawl(const struct call *call, struct failure *failure)
{
    struct crawl crawl = {.call = call};
    struct text url = {0};
    bool is_detached = call_has(call, "--detach");
    bool is_fine = check_options(call, failure) &&
                   normalise_url(call->arguments[0], &url, failure) &&
                   read_weights(&crawl, text_string(&url), failure);
    if (is_fine && is_detached)
        is_fine = (crawl.session = database_open_checked(call, failure)) != NULL;
    else if (is_fine)
        is_fine = keep_served(&crawl, failure);
    is_fine = is_fine && create_job(&crawl, text_string(&url), failure) &&
              (is_detached ? say_started(&crawl, failure) : follow(&crawl, failure));
    session_close(crawl.session);
    node_process_stop(&crawl.node);
    free(crawl.weights);
    text_finish(&url);
    return is_fine;
}
