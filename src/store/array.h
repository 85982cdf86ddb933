/* Parameters that are lists: PostgreSQL's array literals, built into a text. */
#ifndef PAWL_STORE_ARRAY_H
#define PAWL_STORE_ARRAY_H

#include "base/text.h"

/* Adds an element; the first opens the array. */
void array_add_integer(struct text *array, long long number);
/* NULL is null; anything else is quoted, made valid UTF-8. */
void array_add_string(struct text *array, const char *string);
/* Closes the array and returns the literal, "{}" when it is empty; valid as long as the text. */
const char *array_end(struct text *array);
#endif
