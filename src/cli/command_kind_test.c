/* pawl kind test. */
#include <string.h>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/job_end.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"

static const struct table_column columns[] = {
    {"status", "status"},
    {"address", "address"},
    {"name", "dns_ms", FORMAT_MILLISECONDS},
    {"connect", "connect_ms", FORMAT_MILLISECONDS},
    {"TLS", "tls_ms", FORMAT_MILLISECONDS},
    {NULL},
};

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
static bool tell(const struct call *call, const json_t *task, struct failure *failure)
{
    json_t *result = json_object_get(task, "result");
    const char *class =
        document_string(json_array_get(json_object_get(task, "failed_attempts"), 0), "error_class");
    if (json_is_object(result)) {
        if (call_has(call, "--json"))
            return output_json(json_incref(result));
        output_line("kind %s is fine", call->arguments[0]);
        table_print_object(columns, result);
        return true;
    }
    bool is_network = strcmp(class, "network") == 0 || strcmp(class, "timeout") == 0;
    return failure_set(failure, is_network ? FAILURE_NETWORK : FAILURE_WORK, "kind %s: %s",
                       call->arguments[0], document_string(task, "error"));
}

static bool wait_and_tell(const struct call *call, struct session **session, const char *job,
                          struct failure *failure)
{
    const char *const values[] = {job};
    struct progress_watch watch = {.session = session,
                                   .call = call,
                                   .job = job,
                                   .is_silent = true,
                                   .on_tick = check_served,
                                   .context = session};
    switch (progress_watch(&watch, failure)) {
    case PROGRESS_LOST:
        return false;
    case PROGRESS_DETACHED:
        return job_end_detach(call, job);
    case PROGRESS_ENDED:
        break;
    }
    json_t *task = document_ask(
        *session,
        "select pawl.show_task(t.job_id, t.id) from pawl.tasks t where t.job_id = $1 limit 1", 1,
        values, failure);
    bool is_fine = task && tell(call, task, failure);
    json_decref(task);
    return is_fine;
}

bool command_kind_test(const struct call *call, struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    json_t *job = session ? document_ask(session,
                                         "select coalesce(to_jsonb(pawl.test_kind($1)::text), "
                                         "'null')",
                                         1, call->arguments, failure)
                          : NULL;
    bool is_fine = job != NULL;
    if (json_is_string(job))
        is_fine = check_served(&session, failure) &&
                  wait_and_tell(call, &session, json_string_value(job), failure);
    else if (job && call_has(call, "--json"))
        is_fine = output_json(json_object());
    else if (job)
        is_fine = output_line("kind %s is fine", call->arguments[0]);
    json_decref(job);
    session_close(session);
    return is_fine;
}
