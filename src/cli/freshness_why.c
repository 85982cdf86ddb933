/* pawl freshness show, as people read it. */
#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/freshness_text.h"
#include "cli/humanize.h"
#include "cli/output.h"
#include "cli/reasons.h"

/* "3 min ago: app.prices has no row of it" */
static void add_stale(json_t *why)
{
    char *since = freshness_write_member(why, "stale_since", FORMAT_AGO);
    if (*since)
        json_object_set_new(
            why, "stale",
            json_sprintf("since %s: %s", since, document_string(why, "stale_message")));
    free(since);
}

/* "failed 3 min ago: it is not there" */
static void add_outcome(json_t *why)
{
    char *at = freshness_write_member(why, "outcome_at", FORMAT_AGO);
    const char *error = document_string(why, "error");
    if (*at)
        json_object_set_new(why, "last",
                            json_sprintf("%s, %s%s%s", document_string(why, "outcome"), at,
                                         *error ? ": " : "", error));
    free(at);
}

/* "2 viewers (anna, bob), a request, its schedule" */
static void add_demand(json_t *why)
{
    struct text line = {0};
    const json_t *holders = json_object_get(why, "holders"), *holder;
    double viewers = document_number(why, "viewers");
    size_t i;
    if (viewers > 0)
        text_append_format(&line, "%.0f viewer%s (", viewers, viewers == 1 ? "" : "s");
    json_array_foreach(holders, i, holder)
    {
        text_append_format(&line, "%s%s", i ? ", " : "", json_string_value(holder));
    }
    if (viewers > 0)
        text_append_string(&line, viewers > (double)json_array_size(holders) ? ", ...)" : ")");
    if (json_is_true(json_object_get(why, "is_wanted")))
        text_append_format(&line, "%sa request", line.length ? ", " : "");
    if (json_is_true(json_object_get(why, "is_scheduled")))
        text_append_format(&line, "%sits schedule", line.length ? ", " : "");
    json_object_set_new(why, "wanted_by", json_string(line.length ? text_string(&line) : "nobody"));
    text_finish(&line);
}

/* "5 min, by its key": whose time to live that is */
static void add_ttl(json_t *why)
{
    char text[HUMAN_BYTES];
    const char *from = document_string(why, "ttl_from"), *error = document_string(why, "ttl_error");
    human_write_duration(document_number(why, "ttl_seconds"), text);
    if (strcmp(from, "schedule") == 0)
        json_object_set_new(why, "ttl", json_string("until its schedule's next time"));
    else if (strcmp(from, "function") == 0)
        json_object_set_new(why, "ttl", json_string("as long as its type's function says"));
    else if (strcmp(from, "empty") == 0)
        json_object_set_new(why, "ttl", json_sprintf("%s, as there is none", text));
    else
        json_object_set_new(why, "ttl",
                            json_sprintf("%s, as its %s says%s%s", text, from,
                                         *error ? "; its function fails: " : "", error));
}

/* "app.prices has a row, written 3 min ago" */
static void add_data(json_t *why)
{
    const json_t *data = json_object_get(why, "data");
    const char *table = document_string(data, "table"), *error = document_string(data, "error");
    char *written = freshness_write_member(data, "written_at", FORMAT_AGO);
    if (*error)
        json_object_set_new(why, "row", json_sprintf("%s cannot be read: %s", table, error));
    else if (json_is_true(json_object_get(data, "has_row")))
        json_object_set_new(
            why, "row",
            json_sprintf("%s has a row%s%s", table, *written ? ", written " : "", written));
    else if (json_is_object(data))
        json_object_set_new(why, "row", json_sprintf("%s has no row", table));
    free(written);
}

static void add_gate(json_t *why)
{
    const json_t *gate = json_object_get(why, "gate");
    struct text line = {0};
    if (!json_is_object(gate))
        return;
    text_append_format(&line, "%s: ", document_string(gate, "function"));
    freshness_append_gate(&line, gate);
    json_object_set_new(why, "gate_text", json_string(text_string(&line)));
    text_finish(&line);
}

/* "profile: queued, market: fresh" */
static void add_parents(json_t *why)
{
    struct text line = {0};
    const json_t *parent;
    size_t i;
    json_array_foreach(json_object_get(why, "parents"), i, parent)
    {
        text_append_format(&line, "%s%s: %s", i ? ", " : "", document_string(parent, "type"),
                           document_string(parent, "state"));
    }
    if (line.length)
        json_object_set_new(why, "parents_text", json_string(text_string(&line)));
    text_finish(&line);
}

void freshness_print_why(json_t *why)
{
    static const struct table_column columns[] = {
        {"  stale", "stale"},
        {"  refreshed", "refreshed_at", FORMAT_AGO},
        {"  source", "source_at", FORMAT_AGO},
        {"  last refresh", "last"},
        {"  in a row", "failures_text"},
        {"  wanted by", "wanted_by"},
        {"  priority", "priority", FORMAT_NUMBER},
        {"  fresh for", "ttl"},
        {"  data", "row"},
        {"  gate", "gate_text"},
        {"  parents", "parents_text"},
        {"  task", "task"},
        {"  forgotten", "forget_at", FORMAT_AGO},
        {NULL},
    };
    char *key = freshness_write_member(why, "key", FORMAT_TEXT);
    double failures = document_number(why, "failures");
    output_line("%s%s%s (%s): %s", document_string(why, "type"), *key ? " " : "", key,
                document_string(why, "state"), document_string(why, "message"));
    free(key);
    reasons_print(why);
    add_stale(why);
    add_outcome(why);
    if (json_object_get(why, "viewers"))
        add_demand(why);
    add_ttl(why);
    add_data(why);
    add_gate(why);
    add_parents(why);
    if (failures > 1)
        json_object_set_new(why, "failures_text", json_sprintf("%.0f failed", failures));
    table_print_object(columns, why);
}
