/* pawl url, pawl status. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

bool command_url(const struct call *call, struct failure *failure)
{
    struct text url = {0};
    bool is_found = database_find(call, &url, failure);
    if (is_found && call_has(call, "--json"))
        output_json(json_pack("{s:s}", "url", text_string(&url)));
    else if (is_found)
        output_line("%s", text_string(&url));
    text_finish(&url);
    return is_found;
}

static const struct table_column node_columns[] = {
    {"NODE", "name"},
    {"VERSION", "version"},
    {"STARTED", "started_at", FORMAT_AGO},
    {"HEARTBEAT", "heartbeat_at", FORMAT_AGO},
    {"ALIVE", "is_alive"},
    {"SLOTS", "slots", FORMAT_NUMBER},
    {"RUNNING", "running", FORMAT_NUMBER},
    {"TASKS", "started_tasks", FORMAT_NUMBER},
    {NULL},
};
static const struct table_column task_columns[] = {
    {"WAITING", "waiting", FORMAT_NUMBER}, {"PENDING", "pending", FORMAT_NUMBER},
    {"RUNNING", "running", FORMAT_NUMBER}, {"COMPLETED", "completed", FORMAT_NUMBER},
    {"FAILED", "failed", FORMAT_NUMBER},   {"CANCELLED", "cancelled", FORMAT_NUMBER},
    {"TOTAL", "total", FORMAT_NUMBER},     {NULL},
};

static void print_status(const json_t *status)
{
    const json_t *jobs = json_object_get(status, "jobs");
    const json_t *nodes = json_object_get(status, "nodes");
    char *open = table_write_value(json_object_get(jobs, "open"), FORMAT_NUMBER);
    char *paused = table_write_value(json_object_get(jobs, "paused"), FORMAT_NUMBER);
    char *total = table_write_value(json_object_get(jobs, "total"), FORMAT_NUMBER);
    output_line("database %s on PostgreSQL %s, schema %lld",
                json_string_value(json_object_get(status, "database")),
                json_string_value(json_object_get(status, "postgresql")),
                (long long)json_integer_value(json_object_get(status, "schema")));
    output_line("jobs: %s open, %s of them paused, %s in all\n", open, paused, total);
    free(open);
    free(paused);
    free(total);
    json_t *tasks = json_pack("[O]", json_object_get(status, "tasks"));
    table_print(task_columns, tasks);
    json_decref(tasks);
    if (json_array_size(nodes)) {
        putchar('\n');
        table_print(node_columns, nodes);
    } else {
        output_line("\nno node runs: start one with pawl serve");
    }
}

bool command_status(const struct call *call, struct failure *failure)
{
    json_t *status = document_ask_once(call, "select pawl.status()", 0, NULL, failure);
    if (!status)
        return false;
    if (call_has(call, "--json"))
        return output_json(status);
    print_status(status);
    json_decref(status);
    return true;
}
