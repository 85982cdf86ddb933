#include "cli/freshness_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/document.h"

char *freshness_write_member(const json_t *object, const char *member, enum table_format format)
{
    const json_t *value = json_object_get(object, member);
    if (!value || json_is_null(value))
        return memory_copy_string("");
    return table_write_value(value, format);
}

void freshness_add_milliseconds(json_t *object, const char *seconds, const char *milliseconds)
{
    const json_t *value = json_object_get(object, seconds);
    if (json_is_number(value))
        json_object_set_new(object, milliseconds, json_real(json_number_value(value) * 1000));
}

void freshness_append_gate(struct text *line, const json_t *gate)
{
    const char *state = document_string(gate, "state"), *error = document_string(gate, "error");
    char *until = freshness_write_member(gate, "until", FORMAT_AGO);
    text_append_string(line, *state ? state : "not asked: nobody wants a key");
    if (strcmp(state, "unknown") == 0)
        text_append_string(line, ", which counts as open");
    if (*until)
        text_append_format(line, ", opens %s", until);
    if (*error)
        text_append_format(line, ": %s", error);
    free(until);
}
