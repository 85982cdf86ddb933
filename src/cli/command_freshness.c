/* pawl freshness status, show, list, request, check. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/freshness_text.h"
#include "cli/output.h"
#include "cli/table.h"

bool command_freshness_status(const struct call *call, struct failure *failure)
{
    json_t *types =
        document_ask_once(call, "select pawl.freshness_status($1)", 1, call->arguments, failure);
    if (!types)
        return false;
    if (call_has(call, "--json"))
        return output_json(types);
    if (json_array_size(types))
        freshness_print_status(types);
    else
        output_line("no data type is defined: pawl data-type set makes one");
    json_decref(types);
    return true;
}

bool command_freshness_show(const struct call *call, struct failure *failure)
{
    json_t *why = document_ask_once(call, "select pawl.explain_freshness($1, $2)", 2,
                                    call->arguments, failure);
    if (!why)
        return false;
    if (call_has(call, "--json"))
        return output_json(why);
    freshness_print_why(why);
    json_decref(why);
    return true;
}

/* ---- list ---- */

const struct option command_freshness_list_options[] = {
    {"--state", "S", VALUE_CHOICE,
     .choices = "fresh due gate parent retry queued running unwatched",
     .help = "only keys in this state: fresh, due, gate, parent, retry, queued, ..."},
    {"--limit", "N", VALUE_INTEGER, 1, 100000, "keys at most (default 50)"},
    {NULL},
};

bool command_freshness_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"KEY", "key", FORMAT_SHORT},
        {"STATE", "state"},
        {"STALE SINCE", "stale_since", FORMAT_AGO},
        {"LATE", "late_ms", FORMAT_MILLISECONDS},
        {"NEXT LOOK", "next_check_at", FORMAT_AGO},
        {"VIEWERS", "viewers", FORMAT_NUMBER},
        {"REFRESHED", "refreshed_at", FORMAT_AGO},
        {"OUTCOME", "outcome"},
        {"TASK", "task"},
        {"ERROR", "error", FORMAT_SHORT},
        {NULL},
    };
    const char *limit = call_text(call, "--limit");
    const char *const values[] = {call->arguments[0], call_text(call, "--state"),
                                  limit ? limit : "50"};
    json_t *keys =
        document_ask_once(call, "select pawl.list_freshness($1, $2, $3)", 3, values, failure);
    if (!keys)
        return false;
    if (call_has(call, "--json"))
        return output_json(keys);
    for (size_t at = 0; at < json_array_size(keys); at++)
        freshness_add_milliseconds(json_array_get(keys, at), "late_seconds", "late_ms");
    table_print(columns, keys);
    json_decref(keys);
    return true;
}

/* ---- request, check ---- */

const struct option command_freshness_priority_options[] = {
    {"--priority", "P", VALUE_NUMBER, -1e6, 1e6,
     "what it is worth; what somebody looks at has 60 and more (default 0)"},
    {NULL},
};

static const char *find_priority(const struct call *call)
{
    return call_has(call, "--priority") ? call_text(call, "--priority") : "0";
}

bool command_freshness_request(const struct call *call, struct failure *failure)
{
    const char *const values[] = {call->arguments[0], call->arguments[1], find_priority(call)};
    json_t *answer =
        document_ask_once(call,
                          "select jsonb_build_object('type', $1::text, 'key', coalesce($2, ''), "
                          "'state', pawl.request_refresh($1, $2, $3))",
                          3, values, failure);
    if (!answer || call_has(call, "--json"))
        return answer && output_json(answer);
    output_line("refresh of %s%s%s: %s", values[0], values[1] ? " " : "",
                values[1] ? values[1] : "", document_string(answer, "state"));
    json_decref(answer);
    return true;
}

/* The types as a JSON array, null for all; the caller frees it. NULL: one is no UTF-8. */
static char *write_types(const struct call *call, struct failure *failure)
{
    json_t *types = call_further(call, 0) ? json_array() : json_null();
    const char *type;
    bool is_fine = true;
    for (int i = 0; is_fine && (type = call_further(call, i)); i++)
        is_fine = json_array_append_new(types, json_string(type)) == 0 ||
                  failure_set(failure, FAILURE_USAGE, "TYPE takes text in UTF-8");
    char *written = is_fine ? json_dumps(types, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(types);
    return written;
}

bool command_freshness_check(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"TYPE", "type"},
        {"STALE", "is_stale"},
        {"SINCE", "stale_since", FORMAT_AGO},
        {"REFRESHED", "refreshed_at", FORMAT_AGO},
        {"STATE", "state"},
        {NULL},
    };
    char *types = write_types(call, failure);
    if (!types)
        return false;
    const char *const values[] = {call->arguments[0], types, find_priority(call)};
    json_t *rows = document_ask_once(
        call,
        "select coalesce(jsonb_agg(to_jsonb(c)), '[]') from pawl.check_stale($1, (select "
        "array_agg(t) from jsonb_array_elements_text(nullif($2::jsonb, 'null')) t), $3) c",
        3, values, failure);
    free(types);
    if (!rows || call_has(call, "--json"))
        return rows && output_json(rows);
    table_print(columns, rows);
    json_decref(rows);
    return true;
}
