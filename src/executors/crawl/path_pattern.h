/*
 * The patterns of robots.txt (RFC 9309, section 2.2.3), for its rules and for whatever else chooses
 * pages by their path: `*` stands for any octets, none included, a `$` at the very end for the end
 * of the path, everything else for itself. A pattern begins where the path begins; without `$` it
 * may end before the path does. Case counts, and the query belongs to the path.
 *
 * An octet and its escape are the same (section 2.2.2): `%62` is `b`, a raw byte beyond ASCII is
 * its escape, `%2A` and `%24` are the only way to write a star and a final dollar that are meant
 * verbatim, a `%` that begins no escape is `%25`. One exception: delimiters that do their work in
 * the path (`/`, and the `?` in front of the query) or in its query (`&`, `=`) differ from their
 * escapes. So /a%2Fb is not /a/b, but ?to=https://b is ?to=https%3A%2F%2Fb.
 *
 * A match takes at most (octets of the pattern) x (octets of the path / 64 + 6) steps, whatever the
 * pattern, and nothing recurses. A step is about half a nanosecond; of a pattern without a star it
 * is six an octet, however long the path is.
 */
#ifndef PAWL_EXECUTORS_CRAWL_PATH_PATTERN_H
#define PAWL_EXECUTORS_CRAWL_PATH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* path_and_query begins with a slash and has no fragment; any bytes are harmless. The empty pattern
 * matches everything. */
bool path_pattern_matches(struct slice pattern, struct slice path_and_query);

/* How specific a pattern is: its octets once it is normalised, `*` and `$` included. An octet that
 * no URL may hold as it is (a space, a byte beyond ASCII) counts three, as its escape; every other
 * one counts one, even when it is written as an escape. */
size_t path_pattern_octets(struct slice pattern);

/* A path that is held against many patterns. */
struct path_subject;

/* Keeps nothing of path_and_query. Takes one bit for each octet of the path and each different
 * octet in it: 10 KiB for a path of 1 KiB with 80 different ones. */
struct path_subject *path_subject_create(struct slice path_and_query);
void path_subject_destroy(struct path_subject *subject);
/* As path_pattern_matches(). Not for two threads at a time. */
bool path_subject_matches(struct path_subject *subject, struct slice pattern);
/* What matches may take from now on; there is no limit before. A match that would take more ends
 * without an answer, false, and so does every later one. */
void path_subject_set_steps(struct path_subject *subject, uint64_t steps);
/* What is left of them; 0: they did not suffice. */
uint64_t path_subject_steps_left(const struct path_subject *subject);

#endif
