/*
 * Rows of the database as they come, as a table, CSV or JSON, in constant memory. The columns are
 * those of the rows: their names head the CSV file (RFC 4180) and name the members of the JSON
 * objects, of which each has a line of its own in the array. A table shows some of them.
 *
 * Rows may come in groups, such as a page and all who link to it, one row each: rows with the same
 * first cell. JSON has one object for a group; a table leaves out what would stand there again.
 */
#ifndef PAWL_CLI_ROWS_H
#define PAWL_CLI_ROWS_H

#include <stdio.h>

#include "cli/table.h"
#include "pg/result.h"

enum rows_form { ROWS_TABLE, ROWS_CSV, ROWS_JSON };

struct rows_layout {
    const struct table_column *columns; /* of the table: keys are names of columns */
    const char *none;                   /* what is said instead of a table without rows */
    const char *group;                  /* JSON's array of what differs in a group; NULL: none */
    int group_from;                     /* the first column that differs, the last ones do too */
};

struct rows;

/* The layout is kept by reference. */
struct rows *rows_create(FILE *file, enum rows_form form, const struct rows_layout *layout);
/* Writes the rows of a result, of which there may be none: its columns are told by the first. All
 * results have the same columns. What cannot be written is ferror()'s matter. */
void rows_add(struct rows *rows, const struct pg_result *result);
/* What stands behind the last row. Without it JSON is cut off, and so it is seen to be. */
void rows_end(struct rows *rows);
void rows_destroy(struct rows *rows);

#endif
