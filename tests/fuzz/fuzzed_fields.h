/* Any bytes as an answer's header fields, a line each. */
#ifndef PAWL_TESTS_FUZZ_FUZZED_FIELDS_H
#define PAWL_TESTS_FUZZ_FUZZED_FIELDS_H

#include <stdlib.h>

#include "base/check.h"
#include "http/field.h"

enum { FUZZED_FIELDS_MAX = 64 };

struct fuzzed_fields {
    struct http_field list[FUZZED_FIELDS_MAX];
    char *memory[FUZZED_FIELDS_MAX];
    size_t count;
};

/* Each line in memory of its own, so that a look beyond it is seen. */
static inline void fuzzed_fields_add(struct fuzzed_fields *fields, struct slice line)
{
    char *copy = malloc(line.length + 1); /* the one byte is never in a slice */
    CHECK(copy);
    if (line.length)
        memcpy(copy + 1, line.start, line.length);
    const char *colon = line.length ? memchr(copy + 1, ':', line.length) : NULL;
    size_t name = colon ? (size_t)(colon - copy - 1) : line.length;
    size_t value = colon ? name + 1 : name;
    fields->memory[fields->count] = copy;
    fields->list[fields->count++] = (struct http_field){
        slice_of(copy + 1, name), slice_trimmed(slice_of(copy + 1 + value, line.length - value))};
}

static inline void fuzzed_fields_start(struct fuzzed_fields *fields, struct slice lines)
{
    fields->count = 0;
    while (lines.length && fields->count < FUZZED_FIELDS_MAX) {
        const char *end = memchr(lines.start, '\n', lines.length);
        size_t length = end ? (size_t)(end - lines.start) : lines.length;
        fuzzed_fields_add(fields, slice_of(lines.start, length));
        length += end ? 1 : 0;
        lines = slice_of(lines.start + length, lines.length - length);
    }
}

static inline void fuzzed_fields_finish(struct fuzzed_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        free(fields->memory[i]);
}

#endif
