/* The fields of an answer as one reads them: what came several times is one, with commas (RFC 9110,
 * section 5.3). */
#ifndef PAWL_EXECUTORS_HTTP_REPLY_FIELDS_H
#define PAWL_EXECUTORS_HTTP_REPLY_FIELDS_H

#include "http/client.h"

/* Is none of that name before it? */
bool reply_field_is_first(const struct http_head *head, size_t place);
/* Appends the values of all of that name. */
void reply_field_append(const struct http_head *head, size_t place, struct text *text);

#endif
