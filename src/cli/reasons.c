#include "cli/reasons.h"

#include <stdlib.h>

#include "base/text.h"
#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/output.h"
#include "cli/table.h"

/* "since 3 min ago; looked at next in 2 s, when that time comes" */
static void print_times(const json_t *reason)
{
    struct text line = {0};
    const json_t *since = json_object_get(reason, "since_at");
    const json_t *next = json_object_get(reason, "next_look_at");
    const char *until = document_string(reason, "until");
    if (json_is_string(since)) {
        char *ago = table_write_value(since, FORMAT_AGO);
        text_append_format(&line, "since %s", ago);
        free(ago);
    }
    if (json_is_string(next) || *until)
        text_append_format(&line, "%slooked at next ", line.length ? "; " : "");
    if (json_is_string(next)) {
        char *in = table_write_value(next, FORMAT_AGO);
        text_append_format(&line, "%s%s", in, *until ? ", " : "");
        free(in);
    }
    text_append_string(&line, until);
    if (line.length)
        output_line("  %s", text_string(&line));
    text_finish(&line);
}

/* What some reasons have besides. */
static void print_facts(const json_t *reason)
{
    static const struct table_column columns[] = {
        {"HELD BY JOB", "job"}, {"KIND", "kind"}, {"RUNNING", "running", FORMAT_NUMBER}, {NULL}};
    const json_t *start = json_object_get(reason, "estimated_start_at");
    double per_second = document_number(reason, "per_second");
    if (per_second > 0) {
        char pace[HUMAN_BYTES];
        human_write_pace(per_second, pace);
        output_line("  its job's tasks end at %s", pace);
    }
    if (json_is_string(start)) {
        char *in = table_write_value(start, FORMAT_AGO);
        output_line("  so it may start %s", in);
        free(in);
    }
    table_print(columns, json_object_get(reason, "held_by"));
}

void reasons_print(const json_t *why)
{
    const json_t *reasons = json_object_get(why, "reasons"), *reason;
    size_t place;
    json_array_foreach(reasons, place, reason)
    {
        if (place > 0)
            output_line("and: %s", document_string(reason, "message"));
        /* of the first the answer knows it better */
        print_times(place > 0 ? reason : why);
        print_facts(reason);
    }
    if (!json_array_size(reasons))
        print_times(why);
}
