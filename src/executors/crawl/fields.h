/*
 * Looking into an answer's header fields: finding them by name, taking their lists apart. For
 * fields whose syntax nobody keeps strictly; structured_field.h reads those that have one.
 */
#ifndef PAWL_EXECUTORS_CRAWL_FIELDS_H
#define PAWL_EXECUTORS_CRAWL_FIELDS_H

#include "http/field.h"

/* An answer's fields, in their order; owned by whoever asks. */
struct fields {
    const struct http_field *list;
    size_t count;
};

bool field_is(const struct http_field *field, const char *name);
/* The first of that name, or NULL. */
const struct http_field *fields_find(struct fields fields, const char *name);
/* Takes the next part off the front of *rest, white space around it gone; a separator in a quoted
 * string (RFC 9110, section 5.6.4) separates nothing. Empty parts are skipped. False when there is
 * none left. */
bool fields_next_part(struct slice *rest, char separator, struct slice *part);
/* ASCII letters compare without case. An empty needle is everywhere. */
bool slice_contains_nocase(struct slice slice, const char *needle);
bool slice_is(struct slice slice, const char *string);

#endif
