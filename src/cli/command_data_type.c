/* pawl data-type list, show, set, set-ttl, track, untrack, drop. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/data_type_options.h"
#include "cli/data_type_text.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

/* ---- list ---- */

bool command_data_type_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"TYPE", "type"},
        {"KIND", "kind", FORMAT_SHORT},
        {"STALE", "stale", FORMAT_SHORT},
        {"TABLE", "table", FORMAT_SHORT},
        {"GATE", "gate_function", FORMAT_SHORT},
        {"PARENTS", "parents", FORMAT_SHORT},
        {"BUDGET", "budget", FORMAT_SHORT},
        {"PROBLEM", "problem", FORMAT_SHORT},
        {NULL},
    };
    json_t *types = document_ask_once(call, "select pawl.list_data_types()", 0, NULL, failure);
    if (!types)
        return false;
    if (call_has(call, "--json"))
        return output_json(types);
    for (size_t at = 0; at < json_array_size(types); at++)
        data_type_describe(json_array_get(types, at));
    table_print(columns, types);
    json_decref(types);
    return true;
}

/* ---- show ---- */

bool command_data_type_show(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"type", "type"},
        {"kind", "kind"},
        {"job", "job"},
        {"global", "is_global"},
        {"strategy", "strategy"},
        {"fresh for", "ttl"},
        {"of some keys", "keys_with_ttl", FORMAT_NUMBER},
        {"cron", "cron"},
        {"time zone", "time_zone"},
        {"once in", "spread"},
        {"stale by", "due_function"},
        {"\"none\" believed for", "empty_ttl"},
        {"gate", "gate_function"},
        {"passes it from age", "max_age"},
        {"retries from", "retry_base"},
        {"up to", "retry_cap"},
        {"parents", "parents"},
        {"table", "table"},
        {"key column", "key_column"},
        {"time column", "time_column"},
        {"tracked", "is_tracked"},
        {"path", "fetch_path"},
        {"saved by", "save_function"},
        {"budget", "budget"},
        {"problem", "problem"},
        {"seen", "problem_at", FORMAT_AGO},
        {NULL},
    };
    json_t *type =
        document_ask_once(call, "select pawl.show_data_type($1)", 1, call->arguments, failure);
    if (!type)
        return false;
    if (call_has(call, "--json"))
        return output_json(type);
    data_type_describe(type);
    table_print_object(columns, type);
    json_decref(type);
    return true;
}

/* ---- set ---- */

const struct option command_data_type_set_options[] = {
    {"--kind", "KIND", VALUE_TEXT, .help = "what runs its refreshes; it must be there"},
    {"--ttl", "TIME", VALUE_TEXT, .help = "how long data is fresh: 30s, 5m, 6h, 1d"},
    {"--table", "TABLE", VALUE_TEXT, .help = "where the data is; '' for none"},
    {"--key-column", "COLUMN", VALUE_TEXT, .help = "its column that has the key"},
    {"--time-column", "COLUMN", VALUE_TEXT, .help = "its column that says when a row was written"},
    {"--global", .help = "there is one thing of it, without a key"},
    {"--no-global", .help = "it has keys (as without --global)"},
    {"--empty-ttl", "TIME", VALUE_TEXT,
     .help = "how long \"there is none\" is believed (as --ttl)"},
    {"--max-age", "TIME", VALUE_TEXT,
     .help = "data older than this passes a closed gate; 0s: none"},
    {"--retry-base", "TIME", VALUE_TEXT, .help = "pause of a key after a failed refresh (10s)"},
    {"--retry-cap", "TIME", VALUE_TEXT, .help = "no pause is longer; each is twice the last (1h)"},
    {"--due-function", "F", VALUE_TEXT, .help = "says when data is stale, instead of --ttl"},
    {"--gate-function", "F", VALUE_TEXT, .help = "says until when refreshes are closed"},
    {"--strategy", "S", VALUE_CHOICE, .choices = "on_demand scheduled",
     .help = "on_demand (default), or scheduled by --cron or --spread"},
    {"--cron", "FIELDS", VALUE_TEXT, .help = "every known key is due then: \"0 18 * * 1-5\""},
    {"--time-zone", "ZONE", VALUE_TEXT, .help = "whose clock --cron is read by (UTC)"},
    {"--spread", "TIME", VALUE_TEXT, .help = "every known key is due once in this, evenly spread"},
    {"--parent", "TYPE", VALUE_LIST, .help = "must be fresh first; several times; '' for none"},
    {"--fetch-path", "PATH", VALUE_TEXT, .help = "of a kind that fetches: /prices/{key}"},
    {"--save-function", "F", VALUE_TEXT, .help = "of a kind that fetches: saves what came"},
    {NULL},
};

/* --parent as a JSON array into `text`, which stays empty when it was not given. */
static bool write_parents(const struct call *call, struct text *text, struct failure *failure)
{
    json_t *parents = json_array();
    const char *parent;
    bool is_fine = true;
    for (int i = 0; is_fine && (parent = call_listed(call, "--parent", i)); i++)
        is_fine = !*parent || json_array_append_new(parents, json_string(parent)) == 0 ||
                  failure_set(failure, FAILURE_USAGE, "--parent takes text in UTF-8");
    if (is_fine && call_has(call, "--parent")) {
        char *written = json_dumps(parents, JSON_COMPACT);
        text_append_string(text, written);
        free(written);
    }
    json_decref(parents);
    return is_fine;
}

static bool say_set(const struct call *call, json_t *type)
{
    if (call_has(call, "--json"))
        return output_json(type);
    data_type_describe(type);
    output_line("data type %s: stale %s, refreshed by kind %s", call->arguments[0],
                document_string(type, "stale"), document_string(type, "kind"));
    json_decref(type);
    return true;
}

static bool define(const struct call *call, const char *const values[21], struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    json_t *type = session
                       ? document_ask(session,
                                      "select to_jsonb(pawl.define_data_type($1, $2, $3::interval, "
                                      "$4, $5, $6, $7::boolean, $8::interval, $9::interval, "
                                      "$10::interval, $11::interval, $12, $13, $14, $15, $16, "
                                      "$17::interval, case when $18::jsonb is not null then "
                                      "array(select jsonb_array_elements_text($18::jsonb)) end, "
                                      "$19, $20, $21::jsonb)::text)",
                                      21, values, failure)
                       : NULL;
    if (type) {
        json_decref(type);
        type = document_ask(session, "select pawl.show_data_type($1)", 1, values, failure);
    }
    session_close(session);
    return type && say_set(call, type);
}

/* NULL, "true" or "false" */
static bool find_global(const struct call *call, const char **is_global, struct failure *failure)
{
    bool is_yes = call_has(call, "--global"), is_no = call_has(call, "--no-global");
    *is_global = is_yes ? "true" : is_no ? "false" : NULL;
    return !is_yes || !is_no ||
           failure_set(failure, FAILURE_USAGE, "--global and --no-global contradict each other");
}

bool command_data_type_set(const struct call *call, struct failure *failure)
{
    char times[6][64];
    const char *ttl, *empty_ttl, *max_age, *retry_base, *retry_cap, *spread, *is_global;
    struct text parents = {0}, budget = {0};
    bool is_done = call_interval(call, "--ttl", times[0], &ttl, failure) &&
                   call_interval(call, "--empty-ttl", times[1], &empty_ttl, failure) &&
                   call_interval(call, "--max-age", times[2], &max_age, failure) &&
                   call_interval(call, "--retry-base", times[3], &retry_base, failure) &&
                   call_interval(call, "--retry-cap", times[4], &retry_cap, failure) &&
                   call_interval(call, "--spread", times[5], &spread, failure) &&
                   find_global(call, &is_global, failure) &&
                   write_parents(call, &parents, failure) &&
                   data_type_budget_write(call, &budget, failure) &&
                   define(call,
                          (const char *const[]){call->arguments[0],
                                                call_text(call, "--kind"),
                                                ttl,
                                                call_text(call, "--table"),
                                                call_text(call, "--key-column"),
                                                call_text(call, "--time-column"),
                                                is_global,
                                                empty_ttl,
                                                max_age,
                                                retry_base,
                                                retry_cap,
                                                call_text(call, "--due-function"),
                                                call_text(call, "--gate-function"),
                                                call_text(call, "--strategy"),
                                                call_text(call, "--cron"),
                                                call_text(call, "--time-zone"),
                                                spread,
                                                parents.length ? text_string(&parents) : NULL,
                                                call_text(call, "--fetch-path"),
                                                call_text(call, "--save-function"),
                                                budget.length ? text_string(&budget) : NULL},
                          failure);
    text_finish(&parents);
    text_finish(&budget);
    return is_done;
}

/* ---- set-ttl, track, untrack, drop ---- */

bool command_data_type_set_ttl(const struct call *call, struct failure *failure)
{
    char interval[64];
    const char *typed = call->arguments[2];
    bool is_default = strcmp(typed, "default") == 0;
    if (!is_default && !command_read_interval(typed, interval))
        return failure_set(failure, FAILURE_USAGE,
                           "TTL is a time as 30s, 90m, 6h, 2d or 1w, or default, not \"%s\"",
                           typed);
    const char *const values[] = {call->arguments[0], call->arguments[1],
                                  is_default ? NULL : interval};
    json_t *answer =
        document_ask_once(call,
                          "select jsonb_build_object('type', $1::text, 'key', $2::text, "
                          "'ttl_seconds', pawl.seconds_of($3::interval)) "
                          "from (select pawl.set_key_ttl($1, $2, $3::interval)) set",
                          3, values, failure);
    if (!answer || call_has(call, "--json"))
        return answer && output_json(answer);
    json_decref(answer);
    return is_default
               ? output_line("%s %s is fresh for as long as its type says", values[0], values[1])
               : output_line("%s %s is fresh for %s", values[0], values[1], values[2]);
}

/* Calls that; the type as it is then, NULL with failure set. */
static json_t *change_tracking(const struct call *call, const char *sql, struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    json_t *type = session ? document_ask(session, sql, 1, call->arguments, failure) : NULL;
    if (type) {
        json_decref(type);
        type = document_ask(session, "select pawl.show_data_type($1)", 1, call->arguments, failure);
    }
    session_close(session);
    return type;
}

bool command_data_type_track(const struct call *call, struct failure *failure)
{
    json_t *type = change_tracking(call, "select to_jsonb(pawl.track($1)::text)", failure);
    if (!type || call_has(call, "--json"))
        return type && output_json(type);
    output_line("data type %s is tracked: every write to %s moves the freshness of its keys",
                call->arguments[0], document_string(type, "table"));
    json_decref(type);
    return true;
}

bool command_data_type_untrack(const struct call *call, struct failure *failure)
{
    json_t *type = change_tracking(call, "select to_jsonb(pawl.untrack($1)::text)", failure);
    if (!type || call_has(call, "--json"))
        return type && output_json(type);
    json_decref(type);
    return output_line("data type %s is not tracked: its table is looked at when a key is due",
                       call->arguments[0]);
}

bool command_data_type_drop(const struct call *call, struct failure *failure)
{
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.drop_data_type($1)::text)", 1,
                                       call->arguments, failure);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "type", call->arguments[0], "dropped", 1));
    return output_line("data type %s is dropped; its data stays", call->arguments[0]);
}
