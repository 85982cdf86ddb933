/* How commands answer: lines for people, one JSON document for programs. */
#ifndef PAWL_CLI_OUTPUT_H
#define PAWL_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/failure.h"

/* Prints the document on standard output and gives it back to jansson. Always true. */
bool output_json(json_t *document);
/* A line on standard output. Always true. */
bool output_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* On standard error: words, or {"error": {"class", "message", "detail", "hint"}}. */
void output_failure(const struct failure *failure, bool is_json);
/* The class as JSON names it: usage, input, ... */
const char *output_class_name(enum failure_class class);

#endif
