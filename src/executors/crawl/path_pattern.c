/*
 * All ways to match are followed at once: a set of bits holds the positions in the path that the
 * pattern read so far can lead to. At first it is {0}. An octet of the pattern keeps the positions
 * at which the path has that octet and moves them on by one; a star adds every later position. The
 * path is there as one row of bits for each different octet, so that 64 positions are one step.
 */
#include "executors/crawl/path_pattern.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "executors/crawl/url_bytes.h"

/* What rows are for: the 256 octets, and the delimiters' escapes. */
enum { STEPS_OF_PATTERN = 8, STEPS_OF_OCTET = 4 }; /* beside one for each 64 positions */

enum { ESCAPED_SLASH = 256, ESCAPED_QUESTION, ESCAPED_AMPERSAND, ESCAPED_EQUALS, SYMBOLS };

struct path_subject {
    size_t length; /* octets, an escape being one: the positions are 0 to length */
    size_t words;  /* of a set of positions */
    uint16_t row_of[SYMBOLS];
    uint64_t *rows; /* the first is empty, for what the path does not have */
    /* The positions reached; only the words from first to last count. */
    uint64_t *reached;
    size_t first, last;
    uint64_t steps_left;
};

/* One octet of a path or a pattern, and the bytes that it takes there. */
struct octet {
    unsigned char value;
    bool is_escape;
    size_t bytes;
};

static struct octet octet_at(struct slice text, size_t at)
{
    struct octet octet = {(unsigned char)text.start[at], false, 1};
    if (octet.value == '%' && url_escape_at(text, at, &octet.value))
        octet.is_escape = true, octet.bytes = 3;
    return octet;
}

static unsigned symbol_of(unsigned char value, bool is_escape)
{
    if (is_escape && value == '/')
        return ESCAPED_SLASH;
    if (is_escape && value == '?')
        return ESCAPED_QUESTION;
    if (is_escape && value == '&')
        return ESCAPED_AMPERSAND;
    if (is_escape && value == '=')
        return ESCAPED_EQUALS;
    return value;
}

static bool is_delimiter(unsigned char value, bool is_in_query)
{
    return is_in_query ? value == '&' || value == '=' : value == '/' || value == '?';
}

typedef void (*symbol_fn)(struct path_subject *subject, unsigned symbol, size_t position);

/* Calls on_symbol for every symbol of a pattern that would match at each position: two where an
 * octet and its escape are the same and have rows of their own. */
static size_t walk(struct path_subject *subject, struct slice path, symbol_fn on_symbol)
{
    size_t position = 0;
    bool is_in_query = false;
    for (size_t at = 0; at < path.length; position++) {
        struct octet octet = octet_at(path, at);
        on_symbol(subject, symbol_of(octet.value, octet.is_escape), position);
        if (!is_delimiter(octet.value, is_in_query))
            on_symbol(subject, symbol_of(octet.value, !octet.is_escape), position);
        is_in_query |= octet.value == '?' && !octet.is_escape;
        at += octet.bytes;
    }
    return position;
}

static void note_symbol(struct path_subject *subject, unsigned symbol, size_t position)
{
    subject->row_of[symbol] = 1;
}

static void set_bit(struct path_subject *subject, unsigned symbol, size_t position)
{
    uint64_t *row = subject->rows + subject->row_of[symbol] * subject->words;
    row[position / 64] |= (uint64_t)1 << position % 64;
}

struct path_subject *path_subject_create(struct slice path_and_query)
{
    struct path_subject *subject = memory_zeroed(1, sizeof *subject);
    subject->length = walk(subject, path_and_query, note_symbol);
    subject->words = subject->length / 64 + 1;
    uint16_t rows = 1;
    for (size_t symbol = 0; symbol < SYMBOLS; symbol++)
        if (subject->row_of[symbol])
            subject->row_of[symbol] = rows++;
    subject->rows = memory_zeroed(rows + (size_t)1, subject->words * sizeof *subject->rows);
    subject->reached = subject->rows + rows * subject->words;
    subject->steps_left = UINT64_MAX;
    walk(subject, path_and_query, set_bit);
    return subject;
}

void path_subject_destroy(struct path_subject *subject)
{
    if (!subject)
        return;
    free(subject->rows);
    free(subject);
}

void path_subject_set_steps(struct path_subject *subject, uint64_t steps)
{
    subject->steps_left = steps;
}

uint64_t path_subject_steps_left(const struct path_subject *subject)
{
    return subject->steps_left;
}

static bool can_pay(struct path_subject *subject, uint64_t steps)
{
    subject->steps_left -= subject->steps_left < steps ? subject->steps_left : steps;
    return subject->steps_left > 0;
}

/* What the next octet takes. */
static uint64_t steps_of_octet(const struct path_subject *subject)
{
    return STEPS_OF_OCTET + subject->last - subject->first + 1;
}

/* A star. The set is not empty. Bits behind the last position do no harm: no row has any there. */
static void reach_all_later(struct path_subject *subject)
{
    uint64_t *reached = subject->reached;
    reached[subject->first] = ~(uint64_t)0 << __builtin_ctzll(reached[subject->first]);
    for (size_t word = subject->first + 1; word < subject->words; word++)
        reached[word] = ~(uint64_t)0;
    subject->last = subject->words - 1;
}

/* An octet. False when no position is left. */
static bool reach_next(struct path_subject *subject, unsigned symbol)
{
    const uint64_t *row = subject->rows + subject->row_of[symbol] * subject->words;
    uint64_t *reached = subject->reached, carry = 0;
    for (size_t word = subject->first; word <= subject->last; word++) {
        uint64_t found = reached[word] & row[word];
        reached[word] = found << 1 | carry;
        carry = found >> 63;
    }
    if (carry) /* never past the end: no row has a bit for the position behind the last octet */
        reached[++subject->last] = carry;
    while (subject->first < subject->last && !reached[subject->first])
        subject->first++;
    while (subject->first < subject->last && !reached[subject->last])
        subject->last--;
    return reached[subject->first] != 0;
}

static bool has_reached_end(const struct path_subject *subject)
{
    return subject->last == subject->words - 1 &&
           subject->reached[subject->last] >> subject->length % 64 != 0;
}

bool path_subject_matches(struct path_subject *subject, struct slice pattern)
{
    bool is_whole = pattern.length && pattern.start[pattern.length - 1] == '$';
    pattern.length -= is_whole;
    subject->first = subject->last = 0;
    subject->reached[0] = 1;
    if (!can_pay(subject, STEPS_OF_PATTERN))
        return false;
    for (size_t at = 0; at < pattern.length;) {
        if (!can_pay(subject, steps_of_octet(subject)))
            return false;
        if (pattern.start[at] == '*') {
            while (at < pattern.length && pattern.start[at] == '*')
                at++;
            reach_all_later(subject);
            continue;
        }
        struct octet octet = octet_at(pattern, at);
        if (!reach_next(subject, symbol_of(octet.value, octet.is_escape)))
            return false;
        at += octet.bytes;
    }
    return !is_whole || has_reached_end(subject);
}

bool path_pattern_matches(struct slice pattern, struct slice path_and_query)
{
    struct path_subject *subject = path_subject_create(path_and_query);
    bool is_match = path_subject_matches(subject, pattern);
    path_subject_destroy(subject);
    return is_match;
}

/* RFC 3986, section 2: unreserved or reserved. */
static bool is_url_character(unsigned char value)
{
    return url_is_letter((char)value) || url_is_digit((char)value) ||
           (value && strchr("-._~:/?#[]@!$&'()*+,;=", value));
}

size_t path_pattern_octets(struct slice pattern)
{
    size_t count = 0;
    for (size_t at = 0; at < pattern.length;) {
        struct octet octet = octet_at(pattern, at);
        count += is_url_character(octet.value) ? 1 : 3;
        at += octet.bytes;
    }
    return count;
}
