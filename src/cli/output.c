#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

bool output_json(json_t *document)
{
    CHECK(document);
    json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(document);
    return true;
}

bool output_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return true;
}

const char *output_class_name(enum failure_class class)
{
    static const char *const names[] = {"none",     "work",   "usage",       "input",
                                        "database", "schema", "environment", "network"};
    CHECK((size_t) class < sizeof names / sizeof *names);
    return names[class];
}

/* NULL for "", so that JSON says null. Bytes that are no UTF-8 would make the document fail. */
static json_t *text_or_null(const char *text)
{
    json_t *string = *text ? json_string(text) : NULL;
    return string ? string : json_null();
}

void output_failure(const struct failure *failure, bool is_json)
{
    if (!is_json) {
        failure_print(failure);
        return;
    }
    json_t *document =
        json_pack("{s:{s:s, s:o, s:o, s:o}}", "error", "class", output_class_name(failure->class),
                  "message", text_or_null(failure->message), "detail",
                  text_or_null(failure->detail), "hint", text_or_null(failure->hint));
    json_dumpf(document, stderr, 0);
    fputc('\n', stderr);
    json_decref(document);
}
