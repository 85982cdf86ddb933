/* pawl crawl: the job is the engine's; this starts it, watches it, and reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/crawl_order.h"
#include "cli/crawl_report.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/job_end.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/progress.h"

const struct option command_crawl_options[] = {
    {"--replace", .help = "cancel what still runs of the host's crawls"},
    {"--detach", .help = "start it and do not wait"},
    {NULL},
};

struct crawl {
    const struct call *call;
    struct session *session;
    struct node_process node;
    char job[24];
};

static bool create_job(struct crawl *crawl, const json_t *order, struct failure *failure)
{
    char *text = json_dumps(order, JSON_COMPACT | JSON_REAL_PRECISION(15));
    const char *const values[] = {text, call_has(crawl->call, "--replace") ? "true" : "false"};
    struct pg_result *result =
        session_query(crawl->session, "select pawl.start_crawl($1, $2)", 2, values, failure);
    free(text);
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

bool command_crawl(const struct call *call, struct failure *failure)
{
    struct crawl crawl = {.call = call};
    bool is_detached = call_has(call, "--detach");
    json_t *order = crawl_order_read(call, call->arguments[0], failure);
    bool is_fine = order;
    if (is_fine && is_detached)
        is_fine = (crawl.session = database_open_checked(call, failure)) != NULL;
    else if (is_fine)
        is_fine = keep_served(&crawl, failure);
    is_fine = is_fine && create_job(&crawl, order, failure) &&
              (is_detached ? say_started(&crawl, failure) : follow(&crawl, failure));
    session_close(crawl.session);
    node_process_stop(&crawl.node);
    json_decref(order);
    return is_fine;
}
