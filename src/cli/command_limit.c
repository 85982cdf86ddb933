/* pawl limit list, pawl limit set. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

bool command_limit_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"KIND", "kind"},
        {"FOR", "scope"},
        {"KEYS", "keys", FORMAT_NUMBER},
        {"RUNNING", "running", FORMAT_NUMBER},
        {"AT ONCE", "max_running", FORMAT_NUMBER},
        {"INTERVAL", "start_interval_ms", FORMAT_MILLISECONDS},
        {"BURST", "burst", FORMAT_NUMBER},
        {NULL},
    };
    json_t *limits = document_ask_once(call, "select pawl.list_limits()", 0, NULL, failure);
    if (!limits)
        return false;
    if (call_has(call, "--json"))
        return output_json(limits);
    table_print(columns, limits);
    json_decref(limits);
    return true;
}

const struct option command_limit_set_options[] = {
    {"--per-key", NULL, .help = "for the tasks of each limit key, not for all together"},
    {"--max-running", "N", VALUE_INTEGER, 0, 1000000, "tasks at once"},
    {"--pace", "PER_SECOND", VALUE_NUMBER, 0, 1000000, "starts a second"},
    {"--burst", "N", VALUE_INTEGER, 0, 1000000, "starts that may come at once after a pause"},
    {NULL},
};

bool command_limit_set(const struct call *call, struct failure *failure)
{
    char interval[32];
    double pace = call_number(call, "--pace", 0);
    snprintf(interval, sizeof interval, "%.6f", pace > 0 ? 1000 / pace : 0);
    const char *const values[] = {
        call->arguments[0],
        call_has(call, "--per-key") ? "key" : "kind",
        call_text(call, "--max-running"),
        call_has(call, "--pace") ? interval : NULL,
        call_text(call, "--burst"),
    };
    json_t *limiter = document_ask_once(call, "select to_jsonb(pawl.set_limit($1, $2, $3, $4, $5))",
                                        5, values, failure);
    if (!limiter)
        return false;
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:s, s:o}", "kind", call->arguments[0], "scope",
                                     values[1], "limiter", limiter));
    json_decref(limiter);
    return output_line("limits of %s%s are set", call_has(call, "--per-key") ? "each key of " : "",
                       call->arguments[0]);
}
