/* What the URL files know of bytes: letters, digits, delimiters, escapes. */
#ifndef PAWL_EXECUTORS_CRAWL_URL_BYTES_H
#define PAWL_EXECUTORS_CRAWL_URL_BYTES_H

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static inline bool url_is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static inline char url_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static inline bool url_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool url_is_ascii(struct slice text)
{
    for (size_t at = 0; at < text.length; at++)
        if ((unsigned char)text.start[at] >= 0x80)
            return false;
    return true;
}

/* Where the first of the delimiters stands; the length when there is none. */
static inline size_t url_find_any(struct slice text, const char *delimiters)
{
    size_t at = 0;
    while (at < text.length && (!text.start[at] || !strchr(delimiters, text.start[at])))
        at++;
    return at;
}

/* What follows the first `at` bytes. */
static inline struct slice url_slice_from(struct slice text, size_t at)
{
    return slice_of(text.start + at, text.length - at);
}

/* 0 to 15, or -1 for what is no hex digit. */
static inline int url_hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = url_lower(byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Whether `%` and two hex digits stand at `at`; if so, the byte that they mean. */
static inline bool url_escape_at(struct slice text, size_t at, unsigned char *byte)
{
    if (text.start[at] != '%' || text.length - at < 3)
        return false;
    int high = url_hex_value(text.start[at + 1]), low = url_hex_value(text.start[at + 2]);
    if (high < 0 || low < 0)
        return false;
    *byte = (unsigned char)(high * 16 + low);
    return true;
}

#endif
