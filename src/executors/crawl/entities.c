#include "executors/crawl/entities.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "executors/crawl/entities_table.h"

/* Where browsers take a number for the Windows-1252 character of that byte. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
};

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* 0 to 15, or 16 for what is no hex digit. */
static uint32_t digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return (uint32_t)(byte - '0');
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? (uint32_t)(byte - 'a' + 10) : 16;
}

static void append_code_point(struct text *text, uint32_t code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; --i > 0; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(leads[length] | code);
    text_append(text, bytes, length);
}

static uint32_t replaced(uint32_t code)
{
    if (code >= 0x80 && code < 0xA0)
        return windows_1252[code - 0x80];
    return code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code;
}

/* `&#` stands at the start. Returns the bytes that the reference takes, 0 when it is none. */
static size_t append_numeric(struct text *text, struct slice at)
{
    size_t read = 2;
    uint32_t base = 10, code = 0;
    if (read < at.length && (at.start[read] | 0x20) == 'x')
        base = 16, read++;
    size_t digits = read;
    while (read < at.length && digit_value(at.start[read]) < base) {
        code = code * base + digit_value(at.start[read++]);
        if (code > 0x10FFFF)
            code = 0x110000; /* too large, and stays so */
    }
    if (read == digits)
        return 0;
    append_code_point(text, replaced(code));
    return read < at.length && at.start[read] == ';' ? read + 1 : read;
}

static int compare_name(const void *key, const void *element)
{
    const struct slice *name = key;
    const struct reference *reference = element;
    int order = strncmp(name->start, reference->name, name->length);
    return order ? order : -(reference->name[name->length] != '\0');
}

/* In an attribute only the whole run of letters and digits can be a name: when a shorter one fits,
 * a letter or digit follows it, and the standard then takes it for text ("&copy=1", "&notit"). */
static size_t append_named(struct text *text, struct slice at)
{
    size_t end = 1;
    while (end < at.length && end <= REFERENCE_NAME_MAX && is_alphanumeric(at.start[end]))
        end++;
    if (end < at.length && at.start[end] == '=')
        return 0;
    if (end < at.length && at.start[end] == ';')
        end++;
    struct slice name = slice_of(at.start + 1, end - 1);
    const struct reference *found =
        bsearch(&name, references, sizeof references / sizeof *references, sizeof *references,
                compare_name);
    if (!found)
        return 0;
    text_append_string(text, found->text);
    return end;
}

bool entities_has_any(struct slice value)
{
    for (size_t at = 0; at < value.length; at++)
        if (value.start[at] == '&' || value.start[at] == '\r' || value.start[at] == '\0')
            return true;
    return false;
}

void entities_append_decoded(struct text *text, struct slice value)
{
    for (size_t at = 0; at < value.length;) {
        struct slice rest = slice_of(value.start + at, value.length - at);
        size_t taken = 0;
        if (rest.start[0] == '\0') {
            append_code_point(text, 0xFFFD);
            taken = 1;
        } else if (rest.start[0] == '\r') {
            text_append_char(text, '\n');
            taken = rest.length > 1 && rest.start[1] == '\n' ? 2 : 1;
        } else if (rest.start[0] == '&' && rest.length > 1) {
            taken = rest.start[1] == '#' ? append_numeric(text, rest) : append_named(text, rest);
        }
        if (!taken) {
            text_append_char(text, rest.start[0]);
            taken = 1;
        }
        at += taken;
    }
}
