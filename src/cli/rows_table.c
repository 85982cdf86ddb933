/* The first rows are kept until there are enough of them to say how wide the columns are; from then
 * on each is printed as it comes. Nothing is ever cut: a cell that is wider than its column shifts
 * what stands behind it. */
#include "cli/rows_writer.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { FIRST_ROWS = 1000, WIDTH_MAX = 80 };

struct grid {
    size_t columns;
    int *places; /* of each column in the result */
    int *widths;
    char **cells; /* of the first rows */
    size_t cell_count;
    bool is_drawn; /* the first rows are, too */
};

static int place_of(const struct pg_result *result, const char *name)
{
    for (int column = 0; column < pg_result_columns(result); column++)
        if (strcmp(pg_result_column_name(result, column), name) == 0)
            return column;
    CHECK(!"the table shows a column that does not come");
    return -1;
}

static void table_begin(struct rows *rows, const struct pg_result *result)
{
    const struct table_column *columns = rows->layout->columns;
    struct grid *grid = rows->grid = memory_zeroed(1, sizeof *grid);
    grid->columns = table_count_columns(columns);
    grid->places = memory_zeroed(grid->columns, sizeof *grid->places);
    grid->widths = memory_zeroed(grid->columns, sizeof *grid->widths);
    grid->cells = memory_zeroed(grid->columns * FIRST_ROWS, sizeof *grid->cells);
    for (size_t at = 0; at < grid->columns; at++) {
        grid->places[at] = place_of(result, columns[at].key);
        grid->widths[at] = table_width_of(columns[at].title);
    }
}

static char *write_cell(const struct pg_result *result, int row, int column,
                        enum table_format format)
{
    struct slice text = pg_result_slice(result, row, column);
    json_t *value = pg_result_is_null(result, row, column) ? json_null()
                    : pg_result_is_numeric(result, column)
                        ? json_real(pg_result_number(result, row, column))
                        : json_stringn(text.start, text.length);
    char *cell = table_write_value(value, format);
    json_decref(value);
    return cell;
}

static void draw_row(struct rows *rows, char **cells)
{
    struct grid *grid = rows->grid;
    for (size_t at = 0; at < grid->columns; at++) {
        table_append_cell(&rows->line, cells[at], grid->widths[at],
                          rows->layout->columns[at].format, at + 1 == grid->columns);
        free(cells[at]);
    }
    rows_flush_line(rows);
}

static void widen(struct grid *grid)
{
    for (size_t at = 0; at < grid->cell_count; at++) {
        int width = table_width_of(grid->cells[at]);
        int *most = &grid->widths[at % grid->columns];
        if (width > *most)
            *most = width < WIDTH_MAX ? width : WIDTH_MAX;
    }
}

static void draw_first_rows(struct rows *rows)
{
    struct grid *grid = rows->grid;
    widen(grid);
    for (size_t at = 0; at < grid->columns; at++)
        table_append_cell(&rows->line, rows->layout->columns[at].title, grid->widths[at],
                          rows->layout->columns[at].format, at + 1 == grid->columns);
    rows_flush_line(rows);
    for (size_t at = 0; at < grid->cell_count; at += grid->columns)
        draw_row(rows, grid->cells + at);
    grid->cell_count = 0;
    grid->is_drawn = true;
}

static void table_add(struct rows *rows, const struct pg_result *result, int row, bool is_same)
{
    struct grid *grid = rows->grid;
    char **cells = grid->cells + grid->cell_count;
    for (size_t at = 0; at < grid->columns; at++) {
        bool is_again = is_same && grid->places[at] < rows->layout->group_from;
        cells[at] =
            is_again ? memory_copy_string("")
                     : write_cell(result, row, grid->places[at], rows->layout->columns[at].format);
    }
    if (grid->is_drawn) {
        draw_row(rows, cells);
        return;
    }
    grid->cell_count += grid->columns;
    if (grid->cell_count == grid->columns * FIRST_ROWS)
        draw_first_rows(rows);
}

static void table_end(struct rows *rows)
{
    if (!rows->count)
        fprintf(rows->file, "%s\n", rows->layout->none);
    else if (!rows->grid->is_drawn)
        draw_first_rows(rows);
}

static void table_destroy(struct rows *rows)
{
    struct grid *grid = rows->grid;
    if (!grid)
        return;
    for (size_t at = 0; at < grid->cell_count; at++)
        free(grid->cells[at]);
    free(grid->cells);
    free(grid->widths);
    free(grid->places);
    free(grid);
}

const struct rows_writer rows_table = {table_begin, table_add, table_end, table_destroy};
