/* Rows of a JSON array as an aligned table, the same on a terminal and in a pipe. */
#ifndef PAWL_CLI_TABLE_H
#define PAWL_CLI_TABLE_H

#include <jansson.h>

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
/* One object as lines "title  value"; members that are missing or null are left out. */
void table_print_object(const struct table_column *columns, const json_t *object);
/* A member's text in that format, never NULL; the caller frees it. */
char *table_write_value(const json_t *value, enum table_format format);

#endif
