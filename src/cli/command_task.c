/* pawl task list, show, cancel, retry. */
#include <stdio.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

const struct option command_task_list_options[] = {
    {"--status", "S", VALUE_CHOICE, .choices = "waiting pending running completed failed cancelled",
     .help = "only tasks in this state"},
    {"--limit", "N", VALUE_INTEGER, 1, 100000, "tasks at most (default 50)"},
    {NULL},
};

/* The time until which it waited stays with a task; to a person it says nothing any more. */
static void forget_past_wait(json_t *task)
{
    if (strcmp(document_string(task, "status"), "waiting") != 0)
        json_object_set_new(task, "run_at", json_null());
}

bool command_task_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"TASK", "task"},
        {"STATUS", "status"},
        {"WHY", "wait_reason"},
        {"UNTIL", "run_at", FORMAT_AGO},
        {"ATTEMPT", "attempt", FORMAT_NUMBER},
        {"CREATED", "created_at", FORMAT_AGO},
        {"FINISHED", "finished_at", FORMAT_AGO},
        {"PAYLOAD", "payload", FORMAT_SHORT},
        {"ERROR", "error", FORMAT_SHORT},
        {NULL},
    };
    const char *limit = call_text(call, "--limit");
    const char *const values[] = {call->arguments[0], call_text(call, "--status"),
                                  limit ? limit : "50"};
    json_t *tasks =
        document_ask_once(call, "select pawl.list_tasks($1, $2, $3)", 3, values, failure);
    if (!tasks)
        return false;
    if (call_has(call, "--json"))
        return output_json(tasks);
    for (size_t at = 0; at < json_array_size(tasks); at++)
        forget_past_wait(json_array_get(tasks, at));
    table_print(columns, tasks);
    if (!json_array_size(tasks))
        output_line("no tasks");
    json_decref(tasks);
    return true;
}

static const struct table_column task_columns[] = {
    {"task", "task"},
    {"kind", "kind"},
    {"status", "status"},
    {"waits for", "wait_reason"},
    {"until", "run_at", FORMAT_AGO},
    {"attempt", "attempt", FORMAT_NUMBER},
    {"attempts at most", "max_attempts", FORMAT_NUMBER},
    {"priority", "priority", FORMAT_NUMBER},
    {"key", "key"},
    {"node", "node"},
    {"worker", "worker"},
    {"lease ends", "lease_until", FORMAT_AGO},
    {"percent done", "percent", FORMAT_NUMBER},
    {"it says", "message"},
    {"created", "created_at", FORMAT_AGO},
    {"started", "started_at", FORMAT_AGO},
    {"finished", "finished_at", FORMAT_AGO},
    {"error", "error"},
    {"payload", "payload"},
    {"result", "result"},
    {"page", "page"},
    {NULL},
};

/* Its progress stands beside the rest. */
static void print_task(json_t *task)
{
    static const struct table_column columns[] = {
        {"ATTEMPT", "attempt", FORMAT_NUMBER},
        {"NODE", "node"},
        {"WORKER", "worker"},
        {"STARTED", "started_at", FORMAT_AGO},
        {"FAILED", "failed_at", FORMAT_AGO},
        {"CLASS", "error_class"},
        {"ERROR", "error"},
        {NULL},
    };
    const json_t *attempts = json_object_get(task, "failed_attempts");
    json_object_update_missing(task, json_object_get(task, "progress"));
    table_print_object(task_columns, task);
    if (json_array_size(attempts)) {
        output_line("\nfailed attempts");
        table_print(columns, attempts);
    }
}

bool command_task_show(const struct call *call, struct failure *failure)
{
    char job[24], id[24];
    arguments_split_task(call->arguments[0], job, id);
    const char *const values[] = {job, id};
    json_t *task = document_ask_once(call, "select pawl.show_task($1, $2)", 2, values, failure);
    if (!task)
        return false;
    if (call_has(call, "--json"))
        return output_json(task);
    forget_past_wait(task);
    print_task(task);
    json_decref(task);
    return true;
}

bool command_task_cancel(const struct call *call, struct failure *failure)
{
    char job[24], id[24];
    arguments_split_task(call->arguments[0], job, id);
    const char *const values[] = {job, id};
    json_t *answer =
        document_ask_once(call, "select to_jsonb(pawl.cancel_task($1, $2))", 2, values, failure);
    if (!answer)
        return false;
    bool is_changed = json_is_true(answer);
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:s, s:b}", "task", call->arguments[0], "job", job,
                                     "changed", is_changed));
    return output_line("task %s %s", call->arguments[0],
                       is_changed ? "is cancelled" : "had ended already");
}

bool command_task_retry(const struct call *call, struct failure *failure)
{
    char job[24], id[24];
    arguments_split_task(call->arguments[0], job, id);
    const char *const values[] = {job, id};
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.retry_task($1, $2)::text)", 2,
                                       values, failure);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:s, s:s}", "task", call->arguments[0], "job", job,
                                     "status", "pending"));
    return output_line("task %s runs again", call->arguments[0]);
}
