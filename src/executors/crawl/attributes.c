#include "executors/crawl/attributes.h"

#include <string.h>

#include "executors/crawl/entities.h"

struct reader {
    const char *at, *end;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\f' || byte == '\r';
}

static void skip_spaces(struct reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

static struct slice read_name(struct reader *reader)
{
    const char *start = reader->at++; /* whatever it is: `=` may be a name's first byte */
    while (reader->at < reader->end && !is_space(*reader->at) && *reader->at != '/' &&
           *reader->at != '=')
        reader->at++;
    return slice_of(start, (size_t)(reader->at - start));
}

static struct slice read_quoted(struct reader *reader)
{
    char quote = *reader->at++;
    const char *start = reader->at;
    const char *close = memchr(start, quote, (size_t)(reader->end - start));
    reader->at = close ? close + 1 : reader->end;
    return slice_of(start, (size_t)((close ? close : reader->end) - start));
}

static struct slice read_unquoted(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && !is_space(*reader->at))
        reader->at++;
    return slice_of(start, (size_t)(reader->at - start));
}

static struct slice read_value(struct reader *reader)
{
    skip_spaces(reader);
    if (reader->at == reader->end || *reader->at != '=')
        return slice_of("", 0);
    reader->at++;
    skip_spaces(reader);
    if (reader->at == reader->end)
        return slice_of("", 0);
    return *reader->at == '"' || *reader->at == '\'' ? read_quoted(reader) : read_unquoted(reader);
}

static bool is_upper(char byte)
{
    return byte >= 'A' && byte <= 'Z';
}

/* Letters small, and U+FFFD where a NUL was. */
static struct slice decode_name(struct slice name, struct text *scratch)
{
    size_t from = scratch->length, at = 0;
    while (at < name.length && name.start[at] && !is_upper(name.start[at]))
        at++;
    if (at == name.length)
        return name;
    text_append(scratch, name.start, at);
    for (; at < name.length; at++) {
        char byte = name.start[at];
        if (!byte)
            text_append_string(scratch, "\xEF\xBF\xBD");
        else
            text_append_char(scratch, is_upper(byte) ? (char)(byte + 32) : byte);
    }
    return slice_of(scratch->start + from, scratch->length - from);
}

static struct slice decode_value(struct slice value, struct text *scratch)
{
    if (!entities_has_any(value))
        return value;
    size_t from = scratch->length;
    entities_append_decoded(scratch, value);
    return slice_of(scratch->start + from, scratch->length - from);
}

static bool is_known(const struct attributes *attributes, struct slice name)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (slice_equals(attributes->list[i].name, name))
            return true;
    return false;
}

bool attributes_parse(struct slice inside, struct text *scratch, struct attributes *attributes)
{
    struct reader reader = {inside.start, inside.start + inside.length};
    size_t seen = 0;
    attributes->count = 0;
    text_clear(scratch);
    /* The slices point into it, so it must not move while they are made. */
    text_reserve(scratch, inside.length * ENTITIES_GROWTH_MAX);
    for (;;) {
        while (reader.at < reader.end && (is_space(*reader.at) || *reader.at == '/'))
            reader.at++;
        if (reader.at == reader.end)
            return true;
        if (seen++ == ATTRIBUTES_MAX)
            return false;
        struct slice name = decode_name(read_name(&reader), scratch);
        struct slice value = read_value(&reader);
        if (!is_known(attributes, name))
            attributes->list[attributes->count++] =
                (struct attribute){name, decode_value(value, scratch), value};
    }
}

const struct attribute *attributes_find(const struct attributes *attributes, const char *name)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (slice_equals(attributes->list[i].name, slice_of_string(name)))
            return &attributes->list[i];
    return NULL;
}
