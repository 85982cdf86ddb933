/*
 * The encoding of a page that is not in UTF-8, as far as its links need it: in a URL the path's
 * characters go out as UTF-8, those of the query in the page's own encoding (HTML standard, section
 * 2.4.2, "encoding-parse a URL").
 *
 * Known are the labels of the Encoding standard (section 4.2) for encodings in which an ASCII byte
 * is an ASCII character wherever HTML's own marks can stand. UTF-16 and ISO-2022-JP are none.
 */
#ifndef PAWL_EXECUTORS_CRAWL_CHARSET_H
#define PAWL_EXECUTORS_CRAWL_CHARSET_H

#include "base/text.h"

struct charset;

/* What stands behind "charset" in a Content-Type, or in the content of a <meta> that takes its
 * place (HTML standard, section 2.4.4 "extracting a character encoding"); {NULL, 0} when nothing
 * does. */
struct slice charset_label(struct slice content_type);

/* False when the label is not known. *charset is NULL for UTF-8, where nothing is to be done; else
 * the caller destroys it. */
bool charset_create(struct slice label, struct charset **charset);
/* NULL is allowed. */
void charset_destroy(struct charset *charset);

/* Appends the characters as UTF-8; what is none becomes U+FFFD. */
void charset_append_decoded(struct charset *charset, struct slice bytes, struct text *text);
/* Appends a query that is UTF-8 in the charset's bytes. A character that it lacks becomes a decimal
 * reference, percent-encoded: %26%238364%3B (URL standard, "percent-encode after encoding"). */
void charset_append_encoded(struct charset *charset, struct slice query, struct text *text);

#endif
