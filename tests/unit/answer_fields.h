/* An answer's header fields from lines of text, "Name: value\n". */
#ifndef PAWL_TESTS_UNIT_ANSWER_FIELDS_H
#define PAWL_TESTS_UNIT_ANSWER_FIELDS_H

#include "http/field.h"

enum { ANSWER_FIELDS_MAX = 16 };

/* The fields lie in the text. A line without a colon is a field without a value. */
static size_t answer_fields(const char *text, struct http_field fields[ANSWER_FIELDS_MAX])
{
    size_t count = 0;
    while (*text && count < ANSWER_FIELDS_MAX) {
        size_t length = strcspn(text, "\n"), name = strcspn(text, ":\n");
        struct slice value = slice_of(text + name, length - name);
        if (value.length)
            value.start++, value.length--;
        fields[count++] = (struct http_field){slice_of(text, name), slice_trimmed(value)};
        text += text[length] ? length + 1 : length;
    }
    return count;
}

#endif
