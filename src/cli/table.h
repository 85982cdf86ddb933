/* Rows of a JSON array as an aligned table, the same on a terminal and in a pipe. */
#ifndef PAWL_CLI_TABLE_H
#define PAWL_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum table_format {
    FORMAT_TEXT,
    FORMAT_SHORT,  /* text, cut at 60 characters */
    FORMAT_NUMBER, /* right-aligned, as are the next two */
    FORMAT_BYTES,
    FORMAT_MILLISECONDS,
    FORMAT_AGO, /* of a timestamp */
};

struct table_column {
    const char *title; /* NULL ends the columns */
    const char *key;   /* of the member that a row's object has */
    enum table_format format;
};

/* Titles and one line a row on standard output; nothing when there are no rows. A member that is
 * missing or null is shown as "-". */
void table_print(const struct table_column *columns, const json_t *rows);
/* The same into a text. */
void table_append(struct text *text, const struct table_column *columns, const json_t *rows);
/* One object as lines "title  value"; members that are missing or null are left out. */
void table_print_object(const struct table_column *columns, const json_t *object);
/* A member's text in that format, never NULL; the caller frees it. */
char *table_write_value(const json_t *value, enum table_format format);

/* For tables whose rows are not all there at once. A cell padded to its width, numbers on the left,
 * and what stands behind it: two blanks, or the end of the line. */
void table_append_cell(struct text *line, const char *cell, int width, enum table_format format,
                       bool is_last);
size_t table_count_columns(const struct table_column *columns);
/* Characters, of which each is taken to be one cell wide. */
int table_width_of(const char *text);

#endif
