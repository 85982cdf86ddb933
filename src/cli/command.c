#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const struct option options_for_every_command[] = {
    {"--db", "URL", VALUE_TEXT, .help = "database to use; else DATABASE_URL, else the private one"},
    {"--data", "DIR", VALUE_TEXT, .help = "folder of the private database of pawl up"},
    {"--json", .help = "answer, and fail, in JSON"},
    {"--help", .help = "what a command does, with examples"},
    {"--version", .help = "the program's version"},
    {NULL},
};

static const char *const *find_value(const struct option *options, const char *const *values,
                                     const char *name)
{
    for (int i = 0; options && options[i].name; i++)
        if (strcmp(options[i].name, name) == 0)
            return &values[i];
    return NULL;
}

const char *call_text(const struct call *call, const char *option)
{
    const char *const *value = find_value(options_for_every_command, call->globals, option);
    if (!value && call->command)
        value = find_value(call->command->options, call->values, option);
    if (!value && call->command)
        value = find_value(call->command->shared, call->shared, option);
    CHECK(value);
    return *value;
}

const char *call_listed(const struct call *call, const char *option, int i)
{
    for (int at = 0; at < call->listed_count; at++)
        if (call->listed[at].option && strcmp(call->listed[at].option->name, option) == 0 &&
            i-- == 0)
            return call->listed[at].value;
    return NULL;
}

const char *call_further(const struct call *call, int i)
{
    for (int at = 0; at < call->listed_count; at++)
        if (!call->listed[at].option && i-- == 0)
            return call->listed[at].value;
    return NULL;
}

bool call_has(const struct call *call, const char *option)
{
    return call_text(call, option) != NULL;
}

int64_t call_integer(const struct call *call, const char *option, int64_t otherwise)
{
    const char *text = call_text(call, option);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

double call_number(const struct call *call, const char *option, double otherwise)
{
    const char *text = call_text(call, option);
    return text ? strtod(text, NULL) : otherwise;
}

bool command_read_interval(const char *typed, char text[64])
{
    static const struct {
        const char *name, *unit;
    } units[] = {{"s", "seconds"}, {"m", "minutes"}, {"h", "hours"}, {"d", "days"}, {"w", "weeks"}};
    size_t digits = strspn(typed, "0123456789");
    for (size_t i = 0; digits > 0 && digits < 8 && i < sizeof units / sizeof *units; i++)
        if (strcmp(typed + digits, units[i].name) == 0) {
            snprintf(text, 64, "%.*s %s", (int)digits, typed, units[i].unit);
            return true;
        }
    return false;
}

bool call_interval(const struct call *call, const char *option, char text[64],
                   const char **interval, struct failure *failure)
{
    const char *typed = call_text(call, option);
    *interval = typed && command_read_interval(typed, text) ? text : NULL;
    return !typed || *interval ||
           failure_set(failure, FAILURE_USAGE,
                       "%s takes a time as 30s, 90m, 6h, 2d or 1w, not \"%s\"", option, typed);
}
