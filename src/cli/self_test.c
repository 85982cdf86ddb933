#include "cli/self_test.h"

#include <string.h>

#include "cli/document.h"
#include "cli/job_end.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"

/* A test that nobody runs would be waited for in vain. */
static bool check_served(void *context, struct failure *failure)
{
    struct session **session = context;
    bool is_served;
    if (!*session)
        return true;
    if (!node_process_is_served(*session, &is_served, failure))
        return !session_is_open(*session);
    if (is_served)
        return true;
    failure_set(failure, FAILURE_WORK, "no node runs, so nothing is tested");
    return failure_hint(failure, "Start one with pawl serve: it is the nodes that must reach the "
                                 "target, and that have the secrets.");
}

/* What the self-test's only task says. */
static bool judge(const char *kind, const json_t *task, json_t **result, struct failure *failure)
{
    const char *class =
        document_string(json_array_get(json_object_get(task, "failed_attempts"), 0), "error_class");
    *result = json_incref(json_object_get(task, "result"));
    if (json_is_object(*result))
        return true;
    bool is_network = strcmp(class, "network") == 0 || strcmp(class, "timeout") == 0;
    return failure_set(failure, is_network ? FAILURE_NETWORK : FAILURE_WORK, "kind %s: %s", kind,
                       document_string(task, "error"));
}

bool self_test_await(const struct call *call, struct session **session, const char *kind,
                     const json_t *job, json_t **result, struct failure *failure)
{
    const char *const values[] = {json_string_value(job)};
    struct progress_watch watch = {.session = session,
                                   .call = call,
                                   .job = values[0],
                                   .is_silent = true,
                                   .on_tick = check_served,
                                   .context = session};
    *result = json_is_string(job) ? json_null() : json_object();
    if (!json_is_string(job))
        return true;
    if (!check_served(session, failure))
        return false;
    switch (progress_watch(&watch, failure)) {
    case PROGRESS_LOST:
        return false;
    case PROGRESS_DETACHED:
        return job_end_detach(call, values[0]);
    case PROGRESS_ENDED:
        break;
    }
    json_t *task = document_ask(
        *session,
        "select pawl.show_task(t.job_id, t.id) from pawl.tasks t where t.job_id = $1 limit 1", 1,
        values, failure);
    bool is_fine = task && judge(kind, task, result, failure);
    json_decref(task);
    return is_fine;
}

void self_test_print(const char *kind, const json_t *result)
{
    static const struct table_column columns[] = {
        {"status", "status"},
        {"address", "address"},
        {"name", "dns_ms", FORMAT_MILLISECONDS},
        {"connect", "connect_ms", FORMAT_MILLISECONDS},
        {"TLS", "tls_ms", FORMAT_MILLISECONDS},
        {NULL},
    };
    if (json_is_null(result))
        return;
    output_line("kind %s is fine", kind);
    table_print_object(columns, result);
}
