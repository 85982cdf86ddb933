#include "cli/data_type_options.h"

#include <jansson.h>
#include <stdlib.h>

const struct option data_type_budget_options[] = {
    {"--max-running", "N", VALUE_INTEGER, 0, 1000000, "refreshes at once"},
    {"--pace", "PER_SECOND", VALUE_NUMBER, 0, 1000000, "starts a second"},
    {"--max-calls", "N", VALUE_INTEGER, 0, 1e15, "starts in a window"},
    {"--window", "TIME", VALUE_TEXT,
     .help = "of the calls: no such stretch of time holds more: 1m"},
    {"--max-bytes", "N", VALUE_INTEGER, 0, 1e15, "bytes in a window, in both directions"},
    {"--bytes-window", "TIME", VALUE_TEXT, .help = "of the bytes, where it is not --window: 30d"},
    {"--estimated-bytes", "N", VALUE_INTEGER, 1, 1e15,
     "what one refresh takes at most: set aside while it runs"},
    {"--budget", "JSON", VALUE_TEXT,
     .help = "the same as an object: {\"calls\": 300, \"window\": \"1 minute\"}"},
    {NULL},
};

static json_t *read_object(const struct call *call, struct failure *failure)
{
    json_error_t error;
    const char *given = call_text(call, "--budget");
    json_t *budget = given ? json_loads(given, 0, &error) : json_object();
    if (json_is_object(budget))
        return budget;
    if (budget)
        failure_set(failure, FAILURE_USAGE, "--budget takes a JSON object, not \"%s\"", given);
    else
        failure_set(failure, FAILURE_USAGE, "--budget is no JSON: line %d, column %d: %s",
                    error.line, error.column, error.text);
    json_decref(budget);
    failure_hint(failure, "For example: --budget '{\"calls\": 300, \"window\": \"1 minute\"}'");
    return NULL;
}

static void add_numbers(const struct call *call, json_t *budget)
{
    static const struct {
        const char *option, *name;
    } numbers[] = {{"--max-running", "running"},
                   {"--max-calls", "calls"},
                   {"--max-bytes", "bytes"},
                   {"--estimated-bytes", "estimated_bytes"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (call_has(call, numbers[i].option))
            json_object_set_new(budget, numbers[i].name,
                                json_integer(call_integer(call, numbers[i].option, 0)));
    if (call_has(call, "--pace")) {
        double pace = call_number(call, "--pace", 0);
        json_object_set_new(budget, "start_interval",
                            json_sprintf("%.6f milliseconds", pace > 0 ? 1000 / pace : 0));
    }
}

static bool add_times(const struct call *call, json_t *budget, struct failure *failure)
{
    static const struct {
        const char *option, *name;
    } times[] = {{"--window", "window"}, {"--bytes-window", "bytes_window"}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[64];
        const char *interval;
        if (!call_interval(call, times[i].option, text, &interval, failure))
            return false;
        if (interval)
            json_object_set_new(budget, times[i].name, json_string(interval));
    }
    return true;
}

bool data_type_budget_write(const struct call *call, struct text *text, struct failure *failure)
{
    json_t *budget = read_object(call, failure);
    if (!budget)
        return false;
    add_numbers(call, budget);
    bool is_fine = add_times(call, budget, failure);
    if (is_fine && json_object_size(budget)) {
        char *written = json_dumps(budget, JSON_COMPACT);
        text_append_string(text, written);
        free(written);
    }
    json_decref(budget);
    return is_fine;
}
