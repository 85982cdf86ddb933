/* What the three forms of rows.h share, and nobody else sees. */
#ifndef PAWL_CLI_ROWS_WRITER_H
#define PAWL_CLI_ROWS_WRITER_H

#include "cli/rows.h"

struct rows_writer {
    void (*begin)(struct rows *rows, const struct pg_result *result);
    /* is_same: of the same group as the row before. */
    void (*add)(struct rows *rows, const struct pg_result *result, int row, bool is_same);
    void (*end)(struct rows *rows);
    void (*destroy)(struct rows *rows); /* NULL: nothing to free */
};

struct rows {
    FILE *file;
    const struct rows_layout *layout;
    const struct rows_writer *writer;
    bool is_begun;
    long long count;   /* rows so far */
    struct text group; /* the first cell of the last row */
    struct text line;  /* scratch: written out and cleared */
    struct grid *grid; /* the table's own */
};

extern const struct rows_writer rows_csv, rows_json, rows_table;

/* Writes the line out and clears it. */
void rows_flush_line(struct rows *rows);

#endif
