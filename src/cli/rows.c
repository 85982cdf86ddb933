#include "cli/rows_writer.h"

#include <stdlib.h>

#include "base/memory.h"

static const struct rows_writer *const writers[] = {
    [ROWS_TABLE] = &rows_table,
    [ROWS_CSV] = &rows_csv,
    [ROWS_JSON] = &rows_json,
};

struct rows *rows_create(FILE *file, enum rows_form form, const struct rows_layout *layout)
{
    struct rows *rows = memory_zeroed(1, sizeof *rows);
    rows->file = file;
    rows->layout = layout;
    rows->writer = writers[form];
    return rows;
}

void rows_flush_line(struct rows *rows)
{
    fwrite(text_string(&rows->line), 1, rows->line.length, rows->file);
    text_clear(&rows->line);
}

void rows_add(struct rows *rows, const struct pg_result *result)
{
    if (!rows->is_begun)
        rows->writer->begin(rows, result);
    rows->is_begun = true;
    for (int row = 0; row < pg_result_rows(result); row++) {
        struct slice group = pg_result_slice(result, row, 0);
        bool is_same =
            rows->layout->group && rows->count > 0 && slice_equals(group, text_slice(&rows->group));
        rows->writer->add(rows, result, row, is_same);
        rows->count++;
        text_clear(&rows->group);
        text_append_slice(&rows->group, group);
    }
}

void rows_end(struct rows *rows)
{
    rows->writer->end(rows);
}

void rows_destroy(struct rows *rows)
{
    if (rows->writer->destroy)
        rows->writer->destroy(rows);
    text_finish(&rows->group);
    text_finish(&rows->line);
    free(rows);
}
