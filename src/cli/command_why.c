/* pawl why: what a job or a task waits for, since when, and when that is looked at next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/output.h"
#include "cli/reasons.h"
#include "cli/table.h"

/* Of what it brings, where it is a refresh: "  refreshes price AAPL" */
static void print_refreshed(const json_t *why)
{
    const char *type = document_string(why, "type"), *key = document_string(why, "key");
    if (*type)
        output_line("  refreshes %s%s%s", type, *key ? " " : "", key);
}

static void print_job(const json_t *why)
{
    static const struct table_column columns[] = {
        {"TASKS", "tasks", FORMAT_NUMBER},    {"WAIT", "message"},
        {"NEXT", "next_look_at", FORMAT_AGO}, {"FOR EXAMPLE", "task"},
        {"ERROR", "error", FORMAT_SHORT},     {NULL},
    };
    const json_t *waits = json_object_get(why, "waits");
    const json_t *end = json_object_get(why, "estimated_completion_at");
    double per_second = document_number(why, "per_second");
    output_line("  %.0f waiting, %.0f pending, %.0f running", document_number(why, "waiting"),
                document_number(why, "pending"), document_number(why, "running"));
    if (per_second > 0) {
        char pace[HUMAN_BYTES];
        human_write_pace(per_second, pace);
        output_line("  its tasks end at %s", pace);
    }
    if (json_is_string(end)) {
        char *in = table_write_value(end, FORMAT_AGO);
        output_line("  the last of those that it has ends about %s", in);
        free(in);
    }
    if (json_array_size(waits))
        putchar('\n');
    table_print(columns, waits);
}

static bool has_ended(const json_t *why)
{
    const char *status = document_string(why, "status");
    return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 ||
           strcmp(status, "cancelled") == 0;
}

bool command_why(const struct call *call, struct failure *failure)
{
    char job[24], task[24];
    bool is_task = arguments_split_task(call->arguments[0], job, task);
    const char *const values[] = {is_task ? job : call->arguments[0], is_task ? task : NULL};
    json_t *why = document_ask_once(call, "select pawl.why($1, $2)", 2, values, failure);
    if (!why)
        return false;
    if (call_has(call, "--json"))
        return output_json(why);
    output_line("%s %s (%s) is %s: %s", is_task ? "task" : "job", call->arguments[0],
                document_string(why, "kind"), document_string(why, "status"),
                document_string(why, "message"));
    print_refreshed(why);
    reasons_print(why);
    if (!is_task && !has_ended(why))
        print_job(why);
    json_decref(why);
    return true;
}
