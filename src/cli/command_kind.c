/* pawl kind list, pawl kind set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/kind_options.h"
#include "cli/output.h"
#include "cli/table.h"

bool command_kind_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"KIND", "kind"},
        {"EXECUTOR", "executor"},
        {"TARGET", "target"},
        {"ATTEMPTS", "max_attempts", FORMAT_NUMBER},
        {"TIMEOUT", "timeout_ms", FORMAT_MILLISECONDS},
        {"PAYLOAD", "max_payload_bytes", FORMAT_BYTES},
        {"AT ONCE", "max_running", FORMAT_NUMBER},
        {"INTERVAL", "start_interval_ms", FORMAT_MILLISECONDS},
        {"ON COMPLETE", "on_complete"},
        {"KEEP", "keep_ms", FORMAT_MILLISECONDS},
        {NULL},
    };
    json_t *kinds = document_ask_once(call, "select pawl.list_kinds()", 0, NULL, failure);
    if (!kinds)
        return false;
    if (call_has(call, "--json"))
        return output_json(kinds);
    table_print(columns, kinds);
    json_decref(kinds);
    return true;
}

const struct option command_kind_set_options[] = {
    {"--executor", "E", VALUE_CHOICE, .choices = "noop sql crawl http external",
     .help = "noop, sql, crawl, http or external: what runs its tasks"},
    {"--target", "T", VALUE_TEXT,
     .help = "of sql: the function, which takes the payload (jsonb); of http: the URL"},
    {"--max-attempts", "N", VALUE_INTEGER, 1, 1000, "tries before a task fails for good (5)"},
    {"--timeout", "SECONDS", VALUE_NUMBER, 0.001, 2000000, "time that one try may take (60)"},
    {"--backoff", "SECONDS", VALUE_NUMBER, 0, 2000000, "the first retry waits up to this (1)"},
    {"--backoff-cap", "SECONDS", VALUE_NUMBER, 0, 2000000, "no retry waits longer (600)"},
    {"--max-payload", "BYTES", VALUE_INTEGER, 1, 67108864, "larger ones are refused (1048576)"},
    {"--max-running", "N", VALUE_INTEGER, 1, 1000000, "tasks at once, over all nodes"},
    {"--pace", "PER_SECOND", VALUE_NUMBER, 0.0001, 1000000, "starts a second, over all nodes"},
    {"--on-complete", "KIND", VALUE_TEXT,
     .help = "enqueue a task of it for each that completes; '' for none"},
    {"--ageing", "N", VALUE_NUMBER, 0, 1000000,
     "priority that a task gains in a minute of waiting"},
    {"--keep", "TIME", VALUE_TEXT,
     .help = "its standing jobs' ended tasks are deleted after this: 7d, or forever (30d)"},
    KIND_OPTIONS,
    {NULL},
};

/* An option in seconds as whole milliseconds; NULL when it was not given. */
static const char *milliseconds_of(const struct call *call, const char *option, char text[32])
{
    if (!call_has(call, option))
        return NULL;
    snprintf(text, 32, "%.0f", call_number(call, option, 0) * 1000);
    return text;
}

/* "forever" is 0 there, so no time that is typed may be; NULL when it was not given. */
static bool find_keep(const struct call *call, char text[64], const char **keep,
                      struct failure *failure)
{
    if (call_has(call, "--keep") && strcmp(call_text(call, "--keep"), "forever") == 0) {
        *keep = "0";
        return true;
    }
    if (!call_interval(call, "--keep", text, keep, failure))
        return failure_hint(failure, "Or forever: then nothing is deleted.");
    if (*keep && strtol(*keep, NULL, 10) == 0)
        return failure_set(failure, FAILURE_USAGE, "--keep takes 1s or more, or forever");
    return true;
}

bool command_kind_set(const struct call *call, struct failure *failure)
{
    char timeout[32], backoff[32], cap[32], interval[32], keep_text[64];
    const char *keep;
    struct text options = {0};
    if (!find_keep(call, keep_text, &keep, failure) ||
        !kind_options_write(call, &options, failure)) {
        text_finish(&options);
        return false;
    }
    snprintf(interval, sizeof interval, "%.6f", 1000 / call_number(call, "--pace", 1));
    const char *const values[] = {
        call->arguments[0],
        call_text(call, "--executor"),
        call_text(call, "--target"),
        call_text(call, "--max-attempts"),
        milliseconds_of(call, "--timeout", timeout),
        milliseconds_of(call, "--backoff", backoff),
        milliseconds_of(call, "--backoff-cap", cap),
        call_text(call, "--max-payload"),
        call_text(call, "--max-running"),
        call_has(call, "--pace") ? interval : NULL,
        options.length ? text_string(&options) : NULL,
        call_text(call, "--on-complete"),
        call_text(call, "--ageing"),
        keep,
    };
    json_t *answer = document_ask_once(call,
                                       "select to_jsonb(pawl.define_kind($1, $2, $3, $4, $5, $6, "
                                       "$7, $8, $9, $10, $11, $12, $13, $14)::text)",
                                       14, values, failure);
    text_finish(&options);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s}", "kind", call->arguments[0]));
    return output_line("kind %s is set", call->arguments[0]);
}
