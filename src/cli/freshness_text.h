/* What several commands say of freshness, as people read it. */
#ifndef PAWL_CLI_FRESHNESS_TEXT_H
#define PAWL_CLI_FRESHNESS_TEXT_H

#include <jansson.h>

#include "base/text.h"
#include "cli/table.h"

/* A member's text as a table writes it, "" when it is null or missing; the caller frees it. */
char *freshness_write_member(const json_t *object, const char *member, enum table_format format);
/* Adds a member in seconds under another name in milliseconds, of which tables write durations. */
void freshness_add_milliseconds(json_t *object, const char *seconds, const char *milliseconds);
/* How a gate (pawl.explain_gate) is: "closed, opens in 3 h", "unknown, which counts as open". */
void freshness_append_gate(struct text *line, const json_t *gate);

/* The answer of pawl.freshness_status: a table, and under it what holds refreshes back. Adds
 * members to it. */
void freshness_print_status(json_t *types);
/* The answer of pawl.explain_freshness. Adds members to it. */
void freshness_print_why(json_t *why);

#endif
