#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

bool slice_equals(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.start, b.start, a.length) == 0);
}

bool slice_equals_nocase(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.start[i]) != lower(b.start[i]))
            return false;
    return true;
}

bool slice_starts_with(struct slice slice, const char *prefix)
{
    size_t length = strlen(prefix);
    return slice.length >= length && memcmp(slice.start, prefix, length) == 0;
}

struct slice slice_trimmed(struct slice slice)
{
    while (slice.length && is_space(slice.start[0]))
        slice.start++, slice.length--;
    while (slice.length && is_space(slice.start[slice.length - 1]))
        slice.length--;
    return slice;
}

void text_finish(struct text *text)
{
    free(text->start);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->start)
        text->start[0] = '\0';
}

void text_reserve(struct text *text, size_t more)
{
    CHECK(more < SIZE_MAX / 2 - text->length);
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    text->start = memory_resized(text->start, capacity);
    text->capacity = capacity;
}

void text_append(struct text *text, const char *start, size_t length)
{
    text_reserve(text, length);
    if (length)
        memcpy(text->start + text->length, start, length);
    text->length += length;
    text->start[text->length] = '\0';
}

void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_append_slice(struct text *text, struct slice slice)
{
    text_append(text, slice.start, slice.length);
}

void text_append_char(struct text *text, char byte)
{
    text_append(text, &byte, 1);
}

void text_append_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    CHECK(length >= 0);
    text_reserve(text, (size_t)length);
    vsnprintf(text->start + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
    va_end(again);
    va_end(arguments);
}

void text_append_integer(struct text *text, long long number)
{
    char digits[24];
    size_t at = sizeof digits;
    unsigned long long rest =
        number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[--at] = '-';
    text_append(text, digits + at, sizeof digits - at);
}

/* Length of the well-formed UTF-8 sequence at the start (Unicode 15, table 3-7), or 0 with the
 * length of its maximal subpart in *bad. */
static size_t utf8_sequence(const unsigned char *at, size_t left, size_t *bad)
{
    unsigned char first = at[0], low = 0x80, high = 0xBF;
    size_t length = first < 0x80   ? 1
                    : first < 0xC2 ? 0
                    : first < 0xE0 ? 2
                    : first < 0xF0 ? 3
                    : first < 0xF5 ? 4
                                   : 0;
    *bad = 1;
    if (length <= 1)
        return first ? length : 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < length; i++, low = 0x80, high = 0xBF) {
        if (i >= left || at[i] < low || at[i] > high)
            return 0;
        *bad = i + 1;
    }
    return length;
}

typedef void (*bad_fn)(struct text *text, struct slice bad);

static void append_utf8(struct text *text, struct slice bytes, bad_fn append_bad)
{
    text_reserve(text, bytes.length);
    const unsigned char *at = (const unsigned char *)bytes.start;
    const unsigned char *end = at + bytes.length;
    const unsigned char *clean = at;
    while (at < end) {
        size_t bad, length = utf8_sequence(at, (size_t)(end - at), &bad);
        if (length) {
            at += length;
            continue;
        }
        text_append(text, (const char *)clean, (size_t)(at - clean));
        append_bad(text, slice_of((const char *)at, bad));
        clean = at += bad;
    }
    text_append(text, (const char *)clean, (size_t)(at - clean));
}

static void append_replacement(struct text *text, struct slice bad)
{
    text_append_string(text, "\xEF\xBF\xBD");
}

static void append_escapes(struct text *text, struct slice bad)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t at = 0; at < bad.length; at++) {
        unsigned char byte = (unsigned char)bad.start[at];
        text_append(text, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
}

void text_append_utf8(struct text *text, struct slice bytes)
{
    append_utf8(text, bytes, append_replacement);
}

void text_append_utf8_escaped(struct text *text, struct slice bytes)
{
    append_utf8(text, bytes, append_escapes);
}

const char *text_string(const struct text *text)
{
    return text->start ? text->start : "";
}

struct slice text_slice(const struct text *text)
{
    return slice_of(text_string(text), text->length);
}
