/* RFC 4180: lines end with CR and LF; a field with a comma, a quote or a line's end stands in
 * quotes, a quote in it twice. Null is an empty field, an empty text is "". */
#include "cli/rows_writer.h"

static bool needs_quotes(struct slice field)
{
    for (size_t i = 0; i < field.length; i++)
        if (strchr(",\"\r\n", field.start[i]))
            return true;
    return field.length == 0;
}

static void append_field(struct text *line, struct slice field)
{
    if (!needs_quotes(field)) {
        text_append_slice(line, field);
        return;
    }
    text_append_char(line, '"');
    for (size_t i = 0; i < field.length; i++) {
        if (field.start[i] == '"')
            text_append_char(line, '"');
        text_append_char(line, field.start[i]);
    }
    text_append_char(line, '"');
}

static void end_line(struct rows *rows)
{
    text_append_string(&rows->line, "\r\n");
    rows_flush_line(rows);
}

static void csv_begin(struct rows *rows, const struct pg_result *result)
{
    for (int column = 0; column < pg_result_columns(result); column++) {
        text_append_string(&rows->line, column ? "," : "");
        append_field(&rows->line, slice_of_string(pg_result_column_name(result, column)));
    }
    end_line(rows);
}

static void csv_add(struct rows *rows, const struct pg_result *result, int row, bool is_same)
{
    for (int column = 0; column < pg_result_columns(result); column++) {
        text_append_string(&rows->line, column ? "," : "");
        if (!pg_result_is_null(result, row, column))
            append_field(&rows->line, pg_result_slice(result, row, column));
    }
    end_line(rows);
}

static void csv_end(struct rows *rows)
{
}

const struct rows_writer rows_csv = {csv_begin, csv_add, csv_end, NULL};
