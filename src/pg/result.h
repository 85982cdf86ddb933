/*
 * A result of PostgreSQL, read by row and column. Opaque, so that no room above needs libpq's
 * header. All columns come as text; a pointer into a result lives as long as the result.
 */
#ifndef PAWL_PG_RESULT_H
#define PAWL_PG_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/failure.h"
#include "base/text.h"

struct pg_result;

int pg_result_rows(const struct pg_result *result);
int pg_result_columns(const struct pg_result *result);
const char *pg_result_column_name(const struct pg_result *result, int column);
bool pg_result_is_null(const struct pg_result *result, int row, int column);
/* NUL-terminated; "" for null. */
const char *pg_result_text(const struct pg_result *result, int row, int column);
struct slice pg_result_slice(const struct pg_result *result, int row, int column);
/* 0 for null. */
int64_t pg_result_integer(const struct pg_result *result, int row, int column);
double pg_result_number(const struct pg_result *result, int row, int column);
bool pg_result_boolean(const struct pg_result *result, int row, int column);
/* Is the column right-aligned in a table: a numeric type? */
bool pg_result_is_numeric(const struct pg_result *result, int column);
/* Frees what session_query() returned; NULL is fine. */
void pg_result_destroy(struct pg_result *result);

/* Fills failure from an error result or, when that is NULL, from libpq's message. The class follows
 * from the SQLSTATE: docs/exit-codes.md has the table. Returns false. */
bool pg_failure_from(struct failure *failure, const struct pg_result *result, const char *message);

#endif
