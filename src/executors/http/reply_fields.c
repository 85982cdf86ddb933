#include "executors/http/reply_fields.h"

bool reply_field_is_first(const struct http_head *head, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (slice_equals_nocase(head->fields[i].name, head->fields[place].name))
            return false;
    return true;
}

void reply_field_append(const struct http_head *head, size_t place, struct text *text)
{
    for (size_t i = place; i < head->field_count; i++) {
        if (!slice_equals_nocase(head->fields[i].name, head->fields[place].name))
            continue;
        text_append_string(text, i > place ? ", " : "");
        text_append_slice(text, head->fields[i].value);
    }
}
