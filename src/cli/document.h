/* A question to the database whose answer is one JSON document. */
#ifndef PAWL_CLI_DOCUMENT_H
#define PAWL_CLI_DOCUMENT_H

#include <jansson.h>

#include "cli/command.h"
#include "pg/session.h"

/* The first value of the statement's first row as JSON, which the caller gives back; NULL with
 * failure set. Whole numbers beyond 2^63 become fractions. */
json_t *document_ask(struct session *session, const char *sql, int count, const char *const *values,
                     struct failure *failure);
/* Opens the call's database (schema checked), asks, closes. */
json_t *document_ask_once(const struct call *call, const char *sql, int count,
                          const char *const *values, struct failure *failure);
/* A member as a number, 0 when it is none; as a string, "" when it is none. */
double document_number(const json_t *object, const char *key);
const char *document_string(const json_t *object, const char *key);

#endif
