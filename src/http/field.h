/* A header field of an answer (RFC 9110, section 5). */
#ifndef PAWL_HTTP_FIELD_H
#define PAWL_HTTP_FIELD_H

#include "base/text.h"

/* Bytes as they came, white space around the value taken off; a field that came twice is there
 * twice. Names compare without case (slice_equals_nocase). */
struct http_field {
    struct slice name, value;
};

#endif
