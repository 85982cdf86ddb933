#include "store/array.h"

static void open_or_separate(struct text *array)
{
    text_append_char(array, array->length ? ',' : '{');
}

void array_add_integer(struct text *array, long long number)
{
    open_or_separate(array);
    text_append_integer(array, number);
}

void array_add_string(struct text *array, const char *string)
{
    open_or_separate(array);
    if (!string) {
        text_append_string(array, "NULL");
        return;
    }
    struct text clean = {0};
    text_append_utf8(&clean, slice_of_string(string));
    text_append_char(array, '"');
    for (const char *c = text_string(&clean); *c; c++) {
        if (*c == '"' || *c == '\\')
            text_append_char(array, '\\');
        text_append_char(array, *c);
    }
    text_append_char(array, '"');
    text_finish(&clean);
}

const char *array_end(struct text *array)
{
    if (!array->length)
        text_append_char(array, '{');
    text_append_char(array, '}');
    return text_string(array);
}
