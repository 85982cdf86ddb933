/* pawl freshness status, as people read it. */
#include <stdlib.h>

#include "cli/document.h"
#include "cli/freshness_text.h"
#include "cli/humanize.h"
#include "cli/output.h"

/* ", 7 of 300 calls in 1 min" */
static void append_budget(struct text *line, const json_t *limit, const char *spent,
                          const char *most, const char *window_ms, bool is_bytes)
{
    char used[HUMAN_BYTES], all[HUMAN_BYTES], window[HUMAN_BYTES];
    if (!json_is_number(json_object_get(limit, most)))
        return;
    double used_number = document_number(limit, spent), all_number = document_number(limit, most);
    human_write_duration(document_number(limit, window_ms) / 1000, window);
    if (is_bytes) {
        human_write_bytes(used_number, used);
        human_write_bytes(all_number, all);
    } else {
        human_write_count(used_number, used);
        human_write_count(all_number, all);
    }
    text_append_format(line, ", %s of %s%s in %s", used, all, is_bytes ? "" : " calls", window);
}

/* "price: limit kind:provider: 2 of 5 at once, 7 of 300 calls in 1 min", and what of it holds back
 */
static void print_limit(const char *type, const json_t *limit)
{
    const json_t *reasons = json_object_get(limit, "reasons"), *reason;
    size_t i;
    struct text line = {0};
    text_append_format(&line, "%s: limit %s: %.0f", type, document_string(limit, "limiter"),
                       document_number(limit, "running"));
    if (json_is_number(json_object_get(limit, "max_running")))
        text_append_format(&line, " of %.0f at once", document_number(limit, "max_running"));
    else
        text_append_string(&line, " running");
    if (document_number(limit, "start_interval_ms") > 0) {
        char pace[HUMAN_BYTES];
        human_write_pace(1000 / document_number(limit, "start_interval_ms"), pace);
        text_append_format(&line, ", %s", pace);
    }
    append_budget(&line, limit, "spent_calls", "max_calls", "window_ms", false);
    append_budget(&line, limit, "spent_bytes", "max_bytes", "bytes_window_ms", true);
    json_array_foreach(reasons, i, reason)
    {
        char *next = freshness_write_member(reason, "next_look_at", FORMAT_AGO);
        text_append_format(&line, "; %s%s%s", document_string(reason, "message"),
                           *next ? ", looked at next " : "", next);
        free(next);
    }
    output_line("%s", text_string(&line));
    text_finish(&line);
}

static void print_gate(const char *type, const json_t *gate)
{
    struct text line = {0};
    const char *key = document_string(gate, "key");
    if (!json_is_object(gate))
        return;
    freshness_append_gate(&line, gate);
    output_line("%s: gate %s%s%s is %s", type, document_string(gate, "function"),
                *key ? " of " : "", key, text_string(&line));
    text_finish(&line);
}

static void print_breaker(const char *type, const json_t *breaker)
{
    if (!json_is_object(breaker))
        return;
    char *opened = freshness_write_member(breaker, "opened_at", FORMAT_AGO);
    char *next = freshness_write_member(breaker, "retry_at", FORMAT_AGO);
    output_line("%s: breaker of %s is %s, since %s: %s; tried next %s", type,
                document_string(breaker, "target"), document_string(breaker, "state"), opened,
                document_string(breaker, "error"), next);
    free(opened);
    free(next);
}

static void print_errors(const json_t *type)
{
    const char *name = document_string(type, "type");
    char *problem = freshness_write_member(type, "problem", FORMAT_TEXT);
    char *error = freshness_write_member(type, "last_error", FORMAT_TEXT);
    char *key = freshness_write_member(type, "last_error_key", FORMAT_SHORT);
    char *problem_at = freshness_write_member(type, "problem_at", FORMAT_AGO);
    char *error_at = freshness_write_member(type, "last_error_at", FORMAT_AGO);
    if (*problem)
        output_line("%s: problem%s%s: %s", name, *problem_at ? ", " : "", problem_at, problem);
    if (*error)
        output_line("%s: last error, of %s, %s: %s", name, *key ? key : "it", error_at, error);
    free(problem);
    free(error);
    free(key);
    free(problem_at);
    free(error_at);
}

void freshness_print_status(json_t *types)
{
    static const struct table_column columns[] = {
        {"TYPE", "type"},
        {"KEYS", "keys", FORMAT_NUMBER},
        {"VIEWERS", "viewers", FORMAT_NUMBER},
        {"FRESH", "fresh", FORMAT_NUMBER},
        {"DUE", "due", FORMAT_NUMBER},
        {"QUEUED", "queued", FORMAT_NUMBER},
        {"RUNNING", "running", FORMAT_NUMBER},
        {"GATE", "at_gate", FORMAT_NUMBER},
        {"PARENT", "for_parent", FORMAT_NUMBER},
        {"RETRY", "in_retry", FORMAT_NUMBER},
        {"LATE P50", "late_p50_ms", FORMAT_MILLISECONDS},
        {"P95", "late_p95_ms", FORMAT_MILLISECONDS},
        {"MAX", "late_max_ms", FORMAT_MILLISECONDS},
        {"REFRESHED", "refreshed", FORMAT_NUMBER},
        {"FAILED", "failed", FORMAT_NUMBER},
        {"NEXT LOOK", "next_check_at", FORMAT_AGO},
        {NULL},
    };
    size_t i, j;
    json_t *type, *limit;
    json_array_foreach(types, i, type)
    {
        freshness_add_milliseconds(type, "late_p50_seconds", "late_p50_ms");
        freshness_add_milliseconds(type, "late_p95_seconds", "late_p95_ms");
        freshness_add_milliseconds(type, "late_max_seconds", "late_max_ms");
    }
    table_print(columns, types);
    json_array_foreach(types, i, type)
    {
        const char *name = document_string(type, "type");
        json_array_foreach(json_object_get(type, "limits"), j, limit) print_limit(name, limit);
        print_gate(name, json_object_get(type, "gate"));
        print_breaker(name, json_object_get(type, "breaker"));
        print_errors(type);
    }
}
