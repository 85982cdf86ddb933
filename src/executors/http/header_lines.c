#include "executors/http/header_lines.h"

/* libcurl takes "Name:" for the wish that there be no such header; "Name;" is an empty one. */
void header_begin_line(struct request *request, const char *name, bool is_empty)
{
    text_append_string(&request->lines, name);
    if (is_empty)
        text_append_char(&request->lines, ';');
    else
        text_append(&request->lines, ": ", 2);
}

void header_end_line(struct request *request)
{
    text_append_char(&request->lines, '\0');
}

void header_add_line(struct request *request, const char *name, const char *value)
{
    header_begin_line(request, name, !*value);
    text_append_string(&request->lines, value);
    header_end_line(request);
}
