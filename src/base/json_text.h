/* JSON written into a text: strings and numbers as RFC 8259 and PostgreSQL's jsonb take them. */
#ifndef PAWL_BASE_JSON_TEXT_H
#define PAWL_BASE_JSON_TEXT_H

#include <stdint.h>

#include "base/text.h"

/* With its quotes. Any bytes: what is no UTF-8, and NUL, becomes U+FFFD. */
void json_append_string(struct text *text, struct slice bytes);
/* `"name":"value",`; nothing for a value of NULL, as of a negative ms. */
void json_append_string_member(struct text *text, const char *name, const char *value);
void json_append_integer_member(struct text *text, const char *name, int64_t value);
/* To a microsecond. */
void json_append_ms_member(struct text *text, const char *name, double ms);
/* Takes the comma behind the last member or element away, if there is one. */
void json_drop_comma(struct text *text);

#endif
