/* An array with a line for each object. An object stays open until the next row shows that its
 * group is complete. */
#include "cli/rows_writer.h"

#include <math.h>
#include <stdlib.h>

#include "base/json_text.h"

/* What PostgreSQL writes of a finite number is one in JSON too (RFC 8259, section 6). */
static bool is_number(const struct pg_result *result, int row, int column)
{
    return pg_result_is_numeric(result, column) &&
           isfinite(strtod(pg_result_text(result, row, column), NULL));
}

static void append_value(struct text *line, const struct pg_result *result, int row, int column)
{
    if (pg_result_is_null(result, row, column))
        text_append_string(line, "null");
    else if (is_number(result, row, column))
        text_append_slice(line, pg_result_slice(result, row, column));
    else
        json_append_string(line, pg_result_slice(result, row, column));
}

static void append_members(struct text *line, const struct pg_result *result, int row, int from,
                           int to)
{
    for (int column = from; column < to; column++) {
        text_append_string(line, column > from ? ", " : "");
        json_append_string(line, slice_of_string(pg_result_column_name(result, column)));
        text_append_string(line, ": ");
        append_value(line, result, row, column);
    }
}

/* A group may have nothing in it: then its own columns are null. */
static void append_element(struct rows *rows, const struct pg_result *result, int row)
{
    int from = rows->layout->group_from;
    if (pg_result_is_null(result, row, from))
        return;
    text_append_char(&rows->line, '{');
    append_members(&rows->line, result, row, from, pg_result_columns(result));
    text_append_char(&rows->line, '}');
}

static void json_begin(struct rows *rows, const struct pg_result *result)
{
    text_append_char(&rows->line, '[');
}

static void json_add(struct rows *rows, const struct pg_result *result, int row, bool is_same)
{
    const struct rows_layout *layout = rows->layout;
    const char *end = layout->group ? "]}," : "},";
    if (is_same) {
        text_append_string(&rows->line, ", ");
        append_element(rows, result, row);
        rows_flush_line(rows);
        return;
    }
    text_append_string(&rows->line, rows->count ? end : "");
    text_append_string(&rows->line, "\n{");
    append_members(&rows->line, result, row, 0,
                   layout->group ? layout->group_from : pg_result_columns(result));
    if (layout->group) {
        text_append_format(&rows->line, ", \"%s\": [", layout->group);
        append_element(rows, result, row);
    }
    rows_flush_line(rows);
}

static void json_end(struct rows *rows)
{
    if (!rows->is_begun)
        text_append_char(&rows->line, '[');
    if (rows->count)
        text_append_string(&rows->line, rows->layout->group ? "]}\n" : "}\n");
    text_append_string(&rows->line, "]\n");
    rows_flush_line(rows);
}

const struct rows_writer rows_json = {json_begin, json_add, json_end, NULL};
