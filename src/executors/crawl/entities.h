/*
 * Character references in HTML attribute values: `&amp;`, `&#38;`, `&#x26;` and the 2,231 names of
 * the HTML standard (section 13.2.5.72 ff.). Text between tags is not what this is for: there a
 * name without its semicolon counts in more places.
 */
#ifndef PAWL_EXECUTORS_CRAWL_ENTITIES_H
#define PAWL_EXECUTORS_CRAWL_ENTITIES_H

#include "base/text.h"

/* The value decoded takes at most this many times its bytes: a NUL becomes U+FFFD, three bytes. */
#define ENTITIES_GROWTH_MAX 3

/* Whether the value holds anything that decoding changes. */
bool entities_has_any(struct slice value);
/* Appends the value with its references replaced, and \n for each line end (section 13.2.3.5).
 * Bytes that are not ASCII pass as they are. */
void entities_append_decoded(struct text *text, struct slice value);

#endif
