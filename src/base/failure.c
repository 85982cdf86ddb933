#include "base/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool failure_set(struct failure *failure, enum failure_class class, const char *format, ...)
{
    if (!failure)
        return false;
    memset(failure, 0, sizeof *failure);
    failure->class = class;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->message, sizeof failure->message, format, arguments);
    va_end(arguments);
    return false;
}

bool failure_detail(struct failure *failure, const char *format, ...)
{
    if (!failure)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->detail, sizeof failure->detail, format, arguments);
    va_end(arguments);
    return false;
}

bool failure_hint(struct failure *failure, const char *format, ...)
{
    if (!failure)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->hint, sizeof failure->hint, format, arguments);
    va_end(arguments);
    return false;
}

void failure_print(const struct failure *failure)
{
    fprintf(stderr, "pawl: %s\n", failure->message);
    if (failure->detail[0])
        fprintf(stderr, "detail: %s\n", failure->detail);
    if (failure->hint[0])
        fprintf(stderr, "hint: %s\n", failure->hint);
}
