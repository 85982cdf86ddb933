/* pawl limit list, pawl limit set. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

/* "7 of 100"; of all keys together nothing is used up: "100" */
static void add_budget(json_t *limit, const char *spent, const char *most, const char *text)
{
    char line[64];
    const json_t *used = json_object_get(limit, spent), *budget = json_object_get(limit, most);
    if (!json_is_integer(budget))
        return;
    if (json_is_integer(used))
        snprintf(line, sizeof line, "%lld of %lld", (long long)json_integer_value(used),
                 (long long)json_integer_value(budget));
    else
        snprintf(line, sizeof line, "%lld", (long long)json_integer_value(budget));
    json_object_set_new(limit, text, json_string(line));
}

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
        {"SPACING", "spacing_ms", FORMAT_MILLISECONDS},
        {"WINDOW", "window_ms", FORMAT_MILLISECONDS},
        {"CALLS", "calls_text"},
        {"BYTES WINDOW", "bytes_window_ms", FORMAT_MILLISECONDS},
        {"BYTES", "bytes_text"},
        {NULL},
    };
    json_t *limits = document_ask_once(call, "select pawl.list_limits()", 0, NULL, failure);
    if (!limits)
        return false;
    if (call_has(call, "--json"))
        return output_json(limits);
    size_t i;
    json_t *limit;
    json_array_foreach(limits, i, limit)
    {
        add_budget(limit, "spent_calls", "max_calls", "calls_text");
        add_budget(limit, "spent_bytes", "max_bytes", "bytes_text");
    }
    table_print(columns, limits);
    json_decref(limits);
    return true;
}

const struct option command_limit_set_options[] = {
    {"--per-key", NULL, .help = "for the tasks of each limit key, not for all together"},
    {"--max-running", "N", VALUE_INTEGER, 0, 1000000, "tasks at once"},
    {"--pace", "PER_SECOND", VALUE_NUMBER, 0, 1000000, "starts a second"},
    {"--burst", "N", VALUE_INTEGER, 0, 1000000, "starts that may come at once after a pause"},
    {"--spacing", "SECONDS", VALUE_NUMBER, 0, 86399,
     "a place rests so long after its task has ended"},
    {"--window", "SECONDS", VALUE_NUMBER, 0.06, 3660000,
     "of the budgets: no such stretch of time holds more"},
    {"--bytes-window", "SECONDS", VALUE_NUMBER, 0, 3660000,
     "of the bytes, where it is not --window; 0: it is"},
    {"--max-calls", "N", VALUE_INTEGER, 0, 1e15, "starts in a window"},
    {"--max-bytes", "N", VALUE_INTEGER, 0, 1e15, "bytes in a window, in both directions"},
    {"--estimated-bytes", "N", VALUE_INTEGER, 1, 1e15,
     "what one task takes at most: set aside while it runs"},
    {NULL},
};

/* An option in seconds as milliseconds; NULL when it was not given. */
static const char *milliseconds_of(const struct call *call, const char *option, char text[32])
{
    if (!call_has(call, option))
        return NULL;
    snprintf(text, 32, "%.15g", call_number(call, option, 0) * 1000);
    return text;
}

static bool is_any_given(const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i])
            return true;
    }
    return false;
}

bool command_limit_set(const struct call *call, struct failure *failure)
{
    char interval[32], spacing[32], window[32], bytes_window[32];
    double pace = call_number(call, "--pace", 0);
    snprintf(interval, sizeof interval, "%.6f", pace > 0 ? 1000 / pace : 0);
    const char *const values[] = {
        call->arguments[0],
        call_has(call, "--per-key") ? "key" : "kind",
        call_text(call, "--max-running"),
        call_has(call, "--pace") ? interval : NULL,
        call_text(call, "--burst"),
        milliseconds_of(call, "--spacing", spacing),
        milliseconds_of(call, "--window", window),
        call_text(call, "--max-calls"),
        call_text(call, "--max-bytes"),
        call_text(call, "--estimated-bytes"),
        milliseconds_of(call, "--bytes-window", bytes_window),
    };
    if (!is_any_given(values + 2, sizeof values / sizeof values[0] - 2)) {
        failure_set(failure, FAILURE_USAGE, "no limit is given");
        return failure_hint(failure, "pawl limit set --help shows which there are.");
    }
    json_t *limiter = document_ask_once(
        call, "select to_jsonb(pawl.set_limit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11))", 11,
        values, failure);
    if (!limiter)
        return false;
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:s, s:o}", "kind", call->arguments[0], "scope",
                                     values[1], "limiter", limiter));
    json_decref(limiter);
    return output_line("limits of %s%s are set", call_has(call, "--per-key") ? "each key of " : "",
                       call->arguments[0]);
}
