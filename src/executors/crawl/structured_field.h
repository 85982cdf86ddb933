/*
 * Lists of structured field values (RFC 9651, which took the place of RFC 8941), read member by
 * member and without memory of its own. Strict, as the RFC demands: where a value breaks, the whole
 * field says nothing.
 *
 * Not for dictionaries and inner lists; the fields that we read have none, and a value with an
 * inner list counts as broken.
 */
#ifndef PAWL_EXECUTORS_CRAWL_STRUCTURED_FIELD_H
#define PAWL_EXECUTORS_CRAWL_STRUCTURED_FIELD_H

#include <stdint.h>

#include "base/text.h"

enum structured_type {
    STRUCTURED_BOOLEAN,
    STRUCTURED_INTEGER,
    STRUCTURED_DECIMAL,
    STRUCTURED_STRING,
    STRUCTURED_TOKEN,
    STRUCTURED_BYTES,
    STRUCTURED_DATE,
    STRUCTURED_DISPLAY_STRING
};

struct structured_item {
    enum structured_type type;
    struct slice text; /* as it stands, without quotes; a string's escapes are still in it */
    int64_t integer;   /* of a boolean (0 or 1), an integer, a date (seconds) */
};

struct structured_reader {
    const char *at, *end;
    bool has_begun;
    bool is_broken; /* the value is no list; what was read of it before does not count either */
};

/* The value is a view and must outlive the reader. */
void structured_start(struct structured_reader *reader, struct slice value);
/* The next member; what was not read of the parameters of the one before is passed over. False at
 * the end, and where the value breaks. */
bool structured_next_member(struct structured_reader *reader, struct structured_item *member);
/* The next parameter of the member that was read last; one without a value is true. A key that
 * comes twice comes twice here: the last one counts (RFC 9651, section 4.2.3.2). */
bool structured_next_parameter(struct structured_reader *reader, struct slice *key,
                               struct structured_item *value);

#endif
