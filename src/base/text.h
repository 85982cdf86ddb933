/*
 * Text: a growing string of bytes (struct text), and a view of bytes that somebody else owns
 * (struct slice). Bytes are UTF-8 where they go to the database; text_append_utf8() makes them so.
 */
#ifndef PAWL_BASE_TEXT_H
#define PAWL_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A view; not NUL-terminated; {NULL, 0} is "none". */
struct slice {
    const char *start;
    size_t length;
};

static inline struct slice slice_of(const char *start, size_t length)
{
    return (struct slice){start, length};
}

static inline struct slice slice_of_string(const char *string)
{
    return (struct slice){string, strlen(string)};
}

bool slice_equals(struct slice a, struct slice b);
/* ASCII letters compare without case. */
bool slice_equals_nocase(struct slice a, struct slice b);
bool slice_starts_with(struct slice slice, const char *prefix);
/* Without ASCII white space (space, tab, LF, FF, CR) at both ends. */
struct slice slice_trimmed(struct slice slice);

/* Embedded by value; all zero is an empty text. start is always NUL-terminated once anything was
 * appended; text_string() is "" before that. */
struct text {
    char *start;
    size_t length, capacity;
};

void text_finish(struct text *text);
/* Forgets the bytes, keeps the memory. */
void text_clear(struct text *text);
void text_reserve(struct text *text, size_t more);
void text_append(struct text *text, const char *start, size_t length);
void text_append_string(struct text *text, const char *string);
void text_append_slice(struct text *text, struct slice slice);
void text_append_char(struct text *text, char byte);
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull));
void text_append_integer(struct text *text, long long number);
/* Appends what PostgreSQL can hold: each invalid UTF-8 sequence and each NUL becomes U+FFFD
 * (Unicode 15, section 3.9, "substitution of maximal subparts"). */
void text_append_utf8(struct text *text, struct slice bytes);
/* Likewise, with each byte of such a sequence percent-encoded: what it was can be told. */
void text_append_utf8_escaped(struct text *text, struct slice bytes);
const char *text_string(const struct text *text);
struct slice text_slice(const struct text *text);

#endif
