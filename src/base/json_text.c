#include "base/json_text.h"

static bool is_plain(unsigned char byte)
{
    return byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\';
}

static void append_escaped(struct text *text, struct slice bytes)
{
    const char *at = bytes.start, *end = bytes.start + bytes.length;
    while (at < end) {
        const char *start = at;
        while (at < end && (is_plain((unsigned char)*at) || (unsigned char)*at >= 0x80))
            at++;
        text_append(text, start, (size_t)(at - start));
        if (at == end)
            return;
        if (*at == '"' || *at == '\\')
            text_append(text, (const char[]){'\\', *at}, 2);
        else
            text_append_format(text, "\\u%04x", (unsigned)*at);
        at++;
    }
}

void json_append_string(struct text *text, struct slice bytes)
{
    size_t plain = 0;
    while (plain < bytes.length && is_plain((unsigned char)bytes.start[plain]))
        plain++;
    text_append_char(text, '"');
    text_append(text, bytes.start, plain);
    if (plain < bytes.length) {
        struct text clean = {0};
        text_append_utf8(&clean, slice_of(bytes.start + plain, bytes.length - plain));
        append_escaped(text, text_slice(&clean));
        text_finish(&clean);
    }
    text_append_char(text, '"');
}

static void append_name(struct text *text, const char *name)
{
    text_append_char(text, '"');
    text_append_string(text, name);
    text_append(text, "\":", 2);
}

void json_append_string_member(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    append_name(text, name);
    json_append_string(text, slice_of_string(value));
    text_append_char(text, ',');
}

void json_append_integer_member(struct text *text, const char *name, int64_t value)
{
    append_name(text, name);
    text_append_integer(text, value);
    text_append_char(text, ',');
}

void json_append_ms_member(struct text *text, const char *name, double ms)
{
    if (ms < 0)
        return;
    long long us = (long long)(ms * 1000 + 0.5);
    append_name(text, name);
    text_append_integer(text, us / 1000);
    const char thousandths[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                                (char)('0' + us % 10), ','};
    text_append(text, thousandths, sizeof thousandths);
}

void json_drop_comma(struct text *text)
{
    if (text->length && text->start[text->length - 1] == ',')
        text->start[--text->length] = '\0';
}
