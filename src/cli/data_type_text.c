#include "cli/data_type_text.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/document.h"
#include "cli/humanize.h"

/* "5 min" into `text`; of null "" */
static const char *write_seconds(const json_t *type, const char *member, char text[HUMAN_BYTES])
{
    const json_t *seconds = json_object_get(type, member);
    text[0] = '\0';
    if (json_is_number(seconds))
        human_write_duration(json_number_value(seconds), text);
    return text;
}

/* Times as people read them, under the member's name without its unit. */
static void add_durations(json_t *type)
{
    static const char *const members[] = {"ttl",        "empty_ttl", "max_age",
                                          "retry_base", "retry_cap", "spread"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char name[32], text[HUMAN_BYTES];
        snprintf(name, sizeof name, "%s_seconds", members[i]);
        if (*write_seconds(type, name, text))
            json_object_set_new(type, members[i], json_string(text));
    }
}

/* "after 5 min", "at 0 18 * * 1-5 Europe/Berlin", "once in 1 d", "when app.due(...) says" */
static void add_stale(json_t *type)
{
    const char *cron = document_string(type, "cron"), *zone = document_string(type, "time_zone");
    const char *spread = document_string(type, "spread"), *ttl = document_string(type, "ttl");
    const char *function = document_string(type, "due_function");
    json_object_set_new(type, "stale",
                        *cron && strcmp(zone, "UTC") ? json_sprintf("at %s %s", cron, zone)
                        : *cron                      ? json_sprintf("at %s", cron)
                        : *spread                    ? json_sprintf("once in %s", spread)
                        : *function                  ? json_sprintf("when %s says", function)
                                                     : json_sprintf("after %s", ttl));
}

/* "profile, market"; null where there are none */
static void add_parents(json_t *type)
{
    const json_t *parents = json_object_get(type, "parents"), *parent;
    struct text names = {0};
    size_t i;
    json_array_foreach(parents, i, parent)
    {
        text_append_format(&names, "%s%s", i ? ", " : "", json_string_value(parent));
    }
    json_object_set_new(type, "parents",
                        names.length ? json_string(text_string(&names)) : json_null());
    text_finish(&names);
}

/* "5 at once, 300 calls in 1 min": null without a budget */
static void add_budget(json_t *type)
{
    const json_t *budget = json_object_get(type, "budget");
    const char *divider = "";
    char text[HUMAN_BYTES];
    struct text line = {0};
    double running = document_number(budget, "max_running");
    double interval_ms = document_number(budget, "start_interval_ms");
    double calls = document_number(budget, "max_calls");
    double bytes = document_number(budget, "max_bytes");
    double window_ms = document_number(budget, "window_ms");
    double bytes_window_ms = document_number(budget, "bytes_window_ms");
    if (running > 0) {
        text_append_format(&line, "%.0f at once", running);
        divider = ", ";
    }
    if (interval_ms > 0) {
        human_write_pace(1000 / interval_ms, text);
        text_append_format(&line, "%s%s", divider, text);
        divider = ", ";
    }
    if (calls > 0) {
        human_write_duration(window_ms / 1000, text);
        text_append_format(&line, "%s%.0f calls in %s", divider, calls, text);
        divider = ", ";
    }
    if (bytes > 0) {
        human_write_bytes(bytes, text);
        text_append_format(&line, "%s%s", divider, text);
        human_write_duration((bytes_window_ms > 0 ? bytes_window_ms : window_ms) / 1000, text);
        text_append_format(&line, " in %s", text);
    }
    json_object_set_new(type, "budget",
                        line.length ? json_string(text_string(&line)) : json_null());
    text_finish(&line);
}

void data_type_describe(json_t *type)
{
    add_durations(type);
    add_stale(type);
    add_parents(type);
    add_budget(type);
    if (document_number(type, "keys_with_ttl") == 0)
        json_object_del(type, "keys_with_ttl");
}
