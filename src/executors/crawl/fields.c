#include "executors/crawl/fields.h"

bool slice_is(struct slice slice, const char *string)
{
    return slice_equals_nocase(slice, slice_of_string(string));
}

bool slice_contains_nocase(struct slice slice, const char *needle)
{
    size_t length = strlen(needle);
    for (size_t at = 0; at + length <= slice.length; at++)
        if (slice_is(slice_of(slice.start + at, length), needle))
            return true;
    return false;
}

bool field_is(const struct http_field *field, const char *name)
{
    return slice_is(field->name, name);
}

const struct http_field *fields_find(struct fields fields, const char *name)
{
    for (size_t i = 0; i < fields.count; i++)
        if (field_is(&fields.list[i], name))
            return &fields.list[i];
    return NULL;
}

static size_t part_length(struct slice rest, char separator)
{
    bool is_quoted = false;
    for (size_t at = 0; at < rest.length; at++) {
        if (rest.start[at] == '"')
            is_quoted = !is_quoted;
        else if (rest.start[at] == '\\' && is_quoted)
            at++;
        else if (rest.start[at] == separator && !is_quoted)
            return at;
    }
    return rest.length;
}

bool fields_next_part(struct slice *rest, char separator, struct slice *part)
{
    while (rest->length) {
        size_t length = part_length(*rest, separator);
        size_t taken = length < rest->length ? length + 1 : length;
        *part = slice_trimmed(slice_of(rest->start, length));
        *rest = slice_of(rest->start + taken, rest->length - taken);
        if (part->length)
            return true;
    }
    return false;
}
